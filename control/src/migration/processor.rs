//! Whether a running VM finds on the target the processor features it was started with.
//!
//! What a guest sees is fixed when it starts. Processor compatibility mode hides what differs between generations of
//! one vendor ("Tech Ed: Windows Server 2008 R2 Hyper-V News", 2009); nothing bridges two vendors.

use twinrack_scenario::spec::generation::Generation;
use twinrack_scenario::spec::host::CpuVendor;

/// A set of processor features: those that generations differ in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features(u32);

macro_rules! features {
    ($($name:ident = $bit:literal, $text:literal;)*) => {
        impl Features {
            $(
                #[doc = $text]
                pub const $name: Self = Self(1 << $bit);
            )*

            /// The names of those in the set, as the processor makers write them.
            pub fn names(self) -> Vec<&'static str> {
                [$((Self::$name, $text)),*]
                    .into_iter()
                    .filter(|(feature, _)| self.contains(*feature))
                    .map(|(_, text)| text)
                    .collect()
            }
        }
    };
}

features! {
    SSE3 = 0, "SSE3";
    SSSE3 = 1, "SSSE3";
    SSE41 = 2, "SSE4.1";
    SSE42 = 3, "SSE4.2";
    SSE4A = 4, "SSE4.A";
    SSE5 = 5, "SSE5";
    POPCNT = 6, "POPCNT";
    LZCNT = 7, "LZCNT";
    MISALIGNED_SSE = 8, "Misaligned SSE";
    THREE_D_NOW = 9, "3DNow!";
    EXT_THREE_D_NOW = 10, "Ext 3DNow!";
    XSAVE = 11, "XSAVE";
    AVX = 12, "AVX";
    AES = 13, "AES";
    AVX2 = 14, "AVX2";
    AVX512 = 15, "AVX-512";
}

impl Features {
    /// None.
    pub const NONE: Self = Self(0);

    /// The set as a number.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is left without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` are in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What compatibility mode hides from guests on processors of a vendor. Of what came
    /// after the product, all is hidden, as by the versions that know it.
    pub const fn hidden(vendor: CpuVendor) -> Self {
        match vendor {
            CpuVendor::Amd => Self::SSSE3
                .and(Self::SSE41)
                .and(Self::SSE4A)
                .and(Self::SSE5)
                .and(Self::POPCNT)
                .and(Self::LZCNT)
                .and(Self::MISALIGNED_SSE)
                .and(Self::THREE_D_NOW)
                .and(Self::EXT_THREE_D_NOW)
                .and(Self::MODERN),
            CpuVendor::Intel => Self::SSSE3
                .and(Self::SSE41)
                .and(Self::SSE42)
                .and(Self::POPCNT)
                .and(Self::MISALIGNED_SSE)
                .and(Self::XSAVE)
                .and(Self::AVX)
                .and(Self::MODERN),
        }
    }

    const MODERN: Self = Self::SSE42
        .and(Self::LZCNT)
        .and(Self::XSAVE)
        .and(Self::AVX)
        .and(Self::AES)
        .and(Self::AVX2)
        .and(Self::AVX512);

    /// The features of a processor generation.
    pub fn of_generation(generation: Generation) -> Self {
        use Generation as G;
        let core2 = Self::SSE3.and(Self::SSSE3);
        let penryn = core2.and(Self::SSE41);
        let nehalem = penryn.and(Self::SSE42).and(Self::POPCNT);
        let westmere = nehalem.and(Self::AES);
        let sandy_bridge = westmere.and(Self::XSAVE).and(Self::AVX);
        let haswell = sandy_bridge.and(Self::AVX2).and(Self::LZCNT);
        let k8 = Self::SSE3.and(Self::THREE_D_NOW).and(Self::EXT_THREE_D_NOW);
        let k10 = k8
            .and(Self::SSE4A)
            .and(Self::POPCNT)
            .and(Self::LZCNT)
            .and(Self::MISALIGNED_SSE);
        let piledriver = sandy_bridge
            .and(Self::SSE4A)
            .and(Self::LZCNT)
            .and(Self::MISALIGNED_SSE);
        let zen = haswell.and(Self::SSE4A).and(Self::MISALIGNED_SSE);
        match generation {
            G::Core2 | G::Conroe | G::Merom => core2,
            G::Penryn | G::Harpertown | G::Dunnington => penryn,
            G::Nehalem => nehalem,
            G::Westmere => westmere,
            G::SandyBridge | G::IvyBridge => sandy_bridge,
            G::Haswell | G::Broadwell => haswell,
            G::Skylake | G::SkylakeSp | G::CascadeLake | G::IceLake | G::IceLakeSp => {
                haswell.and(Self::AVX512)
            }
            G::SapphireRapids | G::EmeraldRapids | G::GraniteRapids => haswell.and(Self::AVX512),
            G::K8 => k8,
            G::Barcelona | G::Shanghai | G::Istanbul | G::MagnyCours => k10,
            G::Bulldozer | G::Piledriver => piledriver,
            G::Naples | G::Rome | G::Milan | G::Zen1 | G::Zen2 | G::Zen3 => zen,
            G::Genoa | G::Turin | G::Zen4 | G::Zen5 => zen.and(Self::AVX512),
        }
    }
}

/// What a guest sees that starts on such a processor.
pub const fn guest_visible(vendor: CpuVendor, host: Features, compatibility: bool) -> Features {
    if compatibility {
        host.without(Features::hidden(vendor))
    } else {
        host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatibility_mode_bridges_generations_of_one_vendor() {
        let intel = CpuVendor::Intel;
        let nehalem = Features::of_generation(Generation::Nehalem);
        let core2 = Features::of_generation(Generation::Core2);
        assert!(!core2.contains(guest_visible(intel, nehalem, false)));
        assert!(core2.contains(guest_visible(intel, nehalem, true)));
        assert!(
            nehalem.contains(guest_visible(intel, core2, false)),
            "upwards always works"
        );
        assert_eq!(nehalem.without(core2).names(), ["SSE4.1", "SSE4.2", "POPCNT"]);
    }

    #[test]
    fn every_generation_normalises_to_what_all_of_its_vendor_have() {
        for from in Generation::ALL {
            let (vendor, has) = (from.vendor(), Features::of_generation(*from));
            let seen = guest_visible(vendor, has, true);
            for to in Generation::ALL.iter().filter(|to| to.vendor() == vendor) {
                let has = Features::of_generation(*to);
                assert!(has.contains(seen), "{from} to {to}: {:?}", seen.names());
            }
        }
    }
}
