//! Processor generations: the names by which a host says what its processors can do.

use super::host::CpuVendor;

crate::words! {
    /// A processor generation.
    pub enum Generation {
        /// Core 2, 65 nm; also the name of its server cores.
        Core2 = "core2",
        /// Core 2, 65 nm: Xeon 3000.
        Conroe = "conroe",
        /// Core 2, 65 nm, mobile.
        Merom = "merom",
        /// Core 2, 45 nm, with SSE 4.1.
        Penryn = "penryn",
        /// Penryn in pairs: Xeon 5400.
        Harpertown = "harpertown",
        /// Penryn in sixes: Xeon 7400.
        Dunnington = "dunnington",
        /// Xeon 5500, 2009: SSE 4.2, EPT.
        Nehalem = "nehalem",
        /// Xeon 5600, 2010: AES.
        Westmere = "westmere",
        /// Xeon E5, 2012: AVX.
        SandyBridge = "sandy-bridge",
        /// Xeon E5 v2, 2013.
        IvyBridge = "ivy-bridge",
        /// Xeon E5 v3, 2014: AVX2.
        Haswell = "haswell",
        /// Xeon E5 v4, 2016.
        Broadwell = "broadwell",
        /// Xeon Scalable, 2017: AVX-512.
        Skylake = "skylake",
        /// The same by its server name.
        SkylakeSp = "skylake-sp",
        /// Second generation, 2019.
        CascadeLake = "cascade-lake",
        /// Third generation, 2021.
        IceLake = "ice-lake",
        /// The same by its server name.
        IceLakeSp = "ice-lake-sp",
        /// Fourth generation, 2023.
        SapphireRapids = "sapphire-rapids",
        /// Fifth generation, 2023.
        EmeraldRapids = "emerald-rapids",
        /// Xeon 6, 2024.
        GraniteRapids = "granite-rapids",
        /// Opteron, to 2006.
        K8 = "k8",
        /// Opteron 2300, 2007: nested pages.
        Barcelona = "barcelona",
        /// Opteron 2300, 2008, 45 nm.
        Shanghai = "shanghai",
        /// Opteron 2400, 2009.
        Istanbul = "istanbul",
        /// Opteron 6100, 2010.
        MagnyCours = "magny-cours",
        /// Opteron 6200, 2011: AVX.
        Bulldozer = "bulldozer",
        /// Opteron 6300, 2012.
        Piledriver = "piledriver",
        /// EPYC 7001, 2017: AVX2.
        Naples = "naples",
        /// EPYC 7002, 2019.
        Rome = "rome",
        /// EPYC 7003, 2021.
        Milan = "milan",
        /// EPYC 9004, 2022: AVX-512.
        Genoa = "genoa",
        /// EPYC 9005, 2024.
        Turin = "turin",
        /// Naples by the name of its cores.
        Zen1 = "zen-1",
        /// Rome by the name of its cores.
        Zen2 = "zen-2",
        /// Milan by the name of its cores.
        Zen3 = "zen-3",
        /// Genoa by the name of its cores.
        Zen4 = "zen-4",
        /// Turin by the name of its cores.
        Zen5 = "zen-5",
    }
}

impl Generation {
    /// Who made it.
    pub const fn vendor(self) -> CpuVendor {
        match self {
            Self::K8
            | Self::Barcelona
            | Self::Shanghai
            | Self::Istanbul
            | Self::MagnyCours
            | Self::Bulldozer
            | Self::Piledriver
            | Self::Naples
            | Self::Rome
            | Self::Milan
            | Self::Genoa
            | Self::Turin
            | Self::Zen1
            | Self::Zen2
            | Self::Zen3
            | Self::Zen4
            | Self::Zen5 => CpuVendor::Amd,
            _ => CpuVendor::Intel,
        }
    }
}
