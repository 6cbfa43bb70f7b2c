//! The state as bytes: numbered sections, each with its length, each exactly once, nothing behind the last.
//!
//! ```text
//! section = number: u16 le, length: u32 le, that many bytes
//! state   = section 1 … section 9, in this order
//! ```
//!
//! The bytes of a section are the kernel's structure (x86-64, little endian). A structure that grew in a later kernel header has another
//! length and is refused, not guessed at.

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::VcpuState;

/// Most bytes of a section: AMX's tiles make the XSAVE area 11 KiB; the rest is far below.
const SECTION_MAX: usize = 64 << 10;

/// Why a saved state can't be read or used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It ends too early.
    #[error("it ends within section {section}")]
    Truncated {
        /// Where.
        section: u16,
    },
    /// Another section than was due.
    #[error("section {found} where section {expected} is due")]
    WrongSection {
        /// What came.
        found: u16,
        /// What was due.
        expected: u16,
    },
    /// A section of a wrong length.
    #[error("section {section} has {found} bytes, expected {expected}")]
    WrongLength {
        /// Which.
        section: u16,
        /// Its length.
        found: usize,
        /// What it should be, or at most.
        expected: usize,
    },
    /// Bytes behind the last section.
    #[error("{0} bytes behind the last section")]
    Trailing(usize),
    /// The vector state has another size here.
    #[error("its vector state has {saved} bytes, this host's {here}: the processors differ")]
    XsaveSize {
        /// Of the saved state.
        saved: usize,
        /// Of this host.
        here: usize,
    },
    /// More registers than the kernel takes at once.
    #[error("{count} model-specific registers are more than the kernel takes")]
    TooManyMsrs {
        /// How many.
        count: usize,
    },
}

impl VcpuState {
    /// The state as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8192);
        let msrs: Vec<u8> = self
            .msrs
            .iter()
            .flat_map(|(index, value)| [u64::from(*index).to_le_bytes(), value.to_le_bytes()])
            .flatten()
            .collect();
        let sections: [&[u8]; 9] = [
            self.mp_state.as_bytes(),
            self.regs.as_bytes(),
            self.sregs.as_bytes(),
            self.xcrs.as_bytes(),
            self.xsave.as_bytes(),
            self.debugregs.as_bytes(),
            self.events.as_bytes(),
            &msrs,
            &self.tsc_khz.to_le_bytes(),
        ];
        for (section, number) in sections.iter().zip(1_u16..) {
            bytes.extend(number.to_le_bytes());
            bytes.extend((section.len() as u32).to_le_bytes());
            bytes.extend(*section);
        }
        bytes
    }

    /// The state from bytes that came from anywhere.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut sections = Sections { rest: bytes, due: 1 };
        let state = Self {
            mp_state: sections.fixed()?,
            regs: sections.fixed()?,
            sregs: sections.fixed()?,
            xcrs: sections.fixed()?,
            xsave: sections.words()?,
            debugregs: sections.fixed()?,
            events: sections.fixed()?,
            msrs: sections.msrs()?,
            tsc_khz: sections.fixed()?,
        };
        if sections.rest.is_empty() {
            Ok(state)
        } else {
            Err(StateError::Trailing(sections.rest.len()))
        }
    }
}

struct Sections<'a> {
    rest: &'a [u8],
    due: u16,
}

impl<'a> Sections<'a> {
    fn section(&mut self) -> Result<(u16, &'a [u8]), StateError> {
        let expected = self.due;
        let truncated = StateError::Truncated { section: expected };
        let (head, rest) = self.rest.split_first_chunk::<6>().ok_or(truncated.clone())?;
        let [n0, n1, l0, l1, l2, l3] = *head;
        let found = u16::from_le_bytes([n0, n1]);
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if found != expected {
            return Err(StateError::WrongSection { found, expected });
        }
        if len > SECTION_MAX {
            return Err(StateError::WrongLength {
                section: found,
                found: len,
                expected: SECTION_MAX,
            });
        }
        let (section, rest) = rest.split_at_checked(len).ok_or(truncated)?;
        self.rest = rest;
        self.due += 1;
        Ok((found, section))
    }

    fn fixed<T: FromBytes + IntoBytes + Immutable>(&mut self) -> Result<T, StateError> {
        let (section, bytes) = self.section()?;
        let wrong = StateError::WrongLength {
            section,
            found: bytes.len(),
            expected: size_of::<T>(),
        };
        T::read_from_bytes(bytes).map_err(|_| wrong)
    }

    /// Items of `N` bytes.
    fn items<const N: usize>(&mut self) -> Result<impl Iterator<Item = [u8; N]> + use<'a, N>, StateError> {
        let (section, bytes) = self.section()?;
        let (items, behind) = bytes.as_chunks::<N>();
        if behind.is_empty() {
            Ok(items.iter().copied())
        } else {
            Err(StateError::WrongLength {
                section,
                found: bytes.len(),
                expected: items.len() * N,
            })
        }
    }

    fn words(&mut self) -> Result<Vec<u32>, StateError> {
        Ok(self.items::<4>()?.map(u32::from_le_bytes).collect())
    }

    fn msrs(&mut self) -> Result<Vec<(u32, u64)>, StateError> {
        let pairs = self.items::<16>()?.map(|pair| {
            let pair = u128::from_le_bytes(pair);
            (pair as u32, (pair >> 64) as u64)
        });
        Ok(pairs.collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state() -> VcpuState {
        VcpuState {
            mp_state: kvm_bindings::kvm_mp_state::default(),
            regs: kvm_bindings::kvm_regs {
                rip: 0x2000,
                rflags: 0x3202,
                ..Default::default()
            },
            sregs: kvm_bindings::kvm_sregs {
                cr3: 0x10000,
                ..Default::default()
            },
            xcrs: kvm_bindings::kvm_xcrs::default(),
            xsave: (0..1024).collect(),
            debugregs: kvm_bindings::kvm_debugregs::default(),
            events: kvm_bindings::kvm_vcpu_events::default(),
            msrs: vec![(0x10, u64::MAX), (0xc000_0080, 0x501)],
            tsc_khz: 2_650_000,
        }
    }

    #[test]
    fn a_state_comes_back_as_it_was() {
        assert_eq!(VcpuState::decode(&state().encode()), Ok(state()));
    }

    #[test]
    fn every_cut_is_told() {
        let bytes = state().encode();
        for len in 0..bytes.len() {
            assert!(VcpuState::decode(&bytes[..len]).is_err(), "cut at {len}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(VcpuState::decode(&longer), Err(StateError::Trailing(1)));
    }

    #[test]
    fn a_length_from_nowhere_allocates_nothing() {
        let mut bytes = state().encode();
        bytes[2..6].copy_from_slice(&u32::MAX.to_le_bytes());
        let wrong = StateError::WrongLength {
            section: 1,
            found: u32::MAX as usize,
            expected: SECTION_MAX,
        };
        assert_eq!(VcpuState::decode(&bytes), Err(wrong));
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = VcpuState::decode(&bytes);
        }

        #[test]
        fn no_changed_byte_brings_it_down(at in 0_usize..6000, value in any::<u8>()) {
            let mut bytes = state().encode();
            let at = at % bytes.len();
            bytes[at] = value;
            let _ = VcpuState::decode(&bytes);
        }
    }
}
