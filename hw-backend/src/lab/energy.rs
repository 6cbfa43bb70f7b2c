//! Energy of this machine's processors, where it is counted: RAPL by the kernel's powercap zones.
//!
//! `intel-rapl:N` are packages; the zones within them count part of the same and are left out. A counter is in microjoules and wraps at
//! `max_energy_range_uj` (Linux, `Documentation/power/powercap/powercap.rst`), in minutes at full load, so it is read at every report.

use std::path::{Path, PathBuf};

/// A package's counter.
#[derive(Debug)]
struct Package {
    energy: PathBuf,
    range: u64,
    last: u64,
    /// Microjoules since it was first read.
    sum: u64,
}

impl Package {
    fn open(zone: &Path) -> Option<Self> {
        let energy = zone.join("energy_uj");
        let last = number(&energy)?;
        let range = number(&zone.join("max_energy_range_uj"))?;
        Some(Self {
            energy,
            range,
            last,
            sum: 0,
        })
    }

    fn read(&mut self) -> Option<u64> {
        let now = number(&self.energy)?;
        self.sum += if now >= self.last {
            now - self.last
        } else {
            // The counter went round once.
            self.range.saturating_sub(self.last) + now
        };
        self.last = now;
        Some(self.sum)
    }
}

/// The counters of this machine.
#[derive(Debug)]
pub(super) struct Energy(Vec<Package>);

impl Energy {
    /// Finds them; none where there are none, or this account may not read them.
    pub fn find() -> Option<Self> {
        Self::below(Path::new("/sys/class/powercap"))
    }

    fn below(zones: &Path) -> Option<Self> {
        let entries = std::fs::read_dir(zones).ok()?.flatten();
        let is_package = |name: &str| {
            let number = name.strip_prefix("intel-rapl:");
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        };
        let zones = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_package));
        let packages: Vec<Package> = zones.filter_map(|entry| Package::open(&entry.path())).collect();
        (!packages.is_empty()).then_some(Self(packages))
    }

    /// Joules of all packages since they were found; nothing when one can't be read any more.
    pub fn joules(&mut self) -> Option<f64> {
        let sums: Option<Vec<u64>> = self.0.iter_mut().map(Package::read).collect();
        Some(sums?.into_iter().sum::<u64>() as f64 / 1e6)
    }
}

fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_added_up_and_a_counter_that_goes_round_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |zone: &str, energy: u64| {
            let zone = folder.path().join(zone);
            std::fs::create_dir_all(&zone).expect("made");
            std::fs::write(zone.join("energy_uj"), format!("{energy}\n")).expect("written");
            std::fs::write(zone.join("max_energy_range_uj"), "10000000\n").expect("written");
        };
        assert!(Energy::below(folder.path()).is_none());
        put("intel-rapl:0", 9_000_000);
        put("intel-rapl:1", 500_000);
        // The cores within package 0: counted there already.
        put("intel-rapl:0:0", 1);
        let mut energy = Energy::below(folder.path()).expect("two packages");
        assert_eq!(energy.joules(), Some(0.0));
        put("intel-rapl:0", 9_500_000);
        put("intel-rapl:0:0", 9_999_999);
        assert_eq!(energy.joules(), Some(0.5));
        put("intel-rapl:0", 1_000_000);
        put("intel-rapl:1", 1_000_000);
        assert_eq!(energy.joules(), Some(2.5));
        std::fs::remove_file(folder.path().join("intel-rapl:1/energy_uj")).expect("removed");
        assert_eq!(energy.joules(), None);
    }
}
