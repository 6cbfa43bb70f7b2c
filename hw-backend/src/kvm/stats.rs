//! The kernel's binary statistics of a VM or vCPU, looked up by name: sets and positions differ from kernel to kernel.
//!
//! The file has a header, descriptors with names, and a block of 64-bit values (Linux, `Documentation/virt/kvm/api.rst`, 4.133
//! `KVM_GET_STATS_FD`). Names and positions are read once; a value is then one positioned read.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use super::{Error, ioctl};

const HEADER: usize = 24;
const DESCRIPTOR: usize = 16;
/// Longest name a kernel may announce (`KVM_STATS_NAME_SIZE` is 48), and most statistics, before the file is
/// held to be something else.
const NAME_MAX: usize = 256;
const COUNT_MAX: usize = 4096;

/// The statistics of one VM or vCPU.
#[derive(Debug)]
pub struct Stats {
    file: File,
    /// Position of each value in the file, by name; of a histogram the first bucket.
    places: BTreeMap<String, u64>,
}

impl Stats {
    pub(super) fn of(object: &impl AsRawFd) -> Result<Self, Error> {
        Self::from_file(ioctl::stats_file(object)?)
    }

    fn from_file(file: File) -> Result<Self, Error> {
        let read = |at: u64, len: usize| {
            let mut bytes = vec![0; len];
            file.read_exact_at(&mut bytes, at)
                .map(|()| bytes)
                .map_err(|source| Error::Call {
                    call: "read of KVM statistics",
                    source,
                })
        };
        let header = read(0, HEADER)?;
        let (name_size, count) = (word(&header, 4), word(&header, 8));
        let (descriptors_at, data_at) = (word(&header, 16) as u64, word(&header, 20) as u64);
        if name_size > NAME_MAX || count > COUNT_MAX {
            return Err(Error::Missing {
                what: "binary statistics of a known form",
                mend: "run a kernel whose KVM_GET_STATS_FD follows the documented layout",
            });
        }
        let each = DESCRIPTOR + name_size;
        let descriptors = read(descriptors_at, each * count)?;
        let places = descriptors
            .chunks_exact(each)
            .map(|descriptor| {
                let (fixed, name) = descriptor.split_at(DESCRIPTOR);
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                (
                    String::from_utf8_lossy(name).into_owned(),
                    data_at + word(fixed, 8) as u64,
                )
            })
            .collect();
        Ok(Self { file, places })
    }

    /// A counter, now; nothing when this kernel has none of that name.
    pub fn get(&self, name: &str) -> Option<u64> {
        let at = *self.places.get(name)?;
        let mut value = [0; 8];
        self.file.read_exact_at(&mut value, at).ok()?;
        Some(u64::from_ne_bytes(value))
    }

    /// The names this kernel has, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }
}

/// A 32-bit number at `at`; 0 where there is none.
fn word(bytes: &[u8], at: usize) -> usize {
    bytes
        .get(at..at + 4)
        .and_then(|four| four.try_into().ok())
        .map_or(0, |four| u32::from_ne_bytes(four) as usize)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A file as the kernel lays it out: header, id, descriptors, values.
    fn file(name_size: u32, count: u32, names: &[&str]) -> File {
        let mut bytes = Vec::new();
        let data_at = 24 + (16 + name_size) * names.len() as u32;
        for number in [0, name_size, count, 24, 24, data_at] {
            bytes.extend(number.to_ne_bytes());
        }
        for (index, name) in names.iter().enumerate() {
            bytes.extend([0; 8]);
            bytes.extend((index as u32 * 8).to_ne_bytes());
            bytes.extend([0; 4]);
            let mut padded = name.as_bytes().to_vec();
            padded.resize(name_size as usize, 0);
            bytes.extend(padded);
        }
        for index in 0..names.len() as u64 {
            bytes.extend((index + 100).to_ne_bytes());
        }
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&bytes).expect("written");
        file
    }

    #[test]
    fn a_counter_is_found_by_its_name_wherever_it_stands() {
        let stats = Stats::from_file(file(48, 2, &["exits", "pf_taken"])).expect("two counters");
        assert_eq!(stats.get("pf_taken"), Some(101));
        assert_eq!(stats.get("exits"), Some(100));
        assert_eq!(stats.get("io_exits"), None, "absent, never zero");
        assert_eq!(stats.names().collect::<Vec<_>>(), ["exits", "pf_taken"]);
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        assert!(
            Stats::from_file(file(48, 3, &["exits"])).is_err(),
            "shorter than it says"
        );
        assert!(matches!(
            Stats::from_file(file(48, u32::MAX, &[])),
            Err(Error::Missing { .. })
        ));
        assert!(
            Stats::from_file(tempfile::tempfile().expect("a file")).is_err(),
            "empty"
        );
    }
}
