//! The profile of this host: what was measured, where and when, in the form that `policies.profile` takes.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use twinrack_scenario::record::{ClockFacts, HostFacts};

use super::Fixed;
use super::figure::Figure;
use super::fixed::wire;

/// Where and when something was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The processor.
    pub processor: String,
    /// The kernel.
    pub kernel: String,
    /// How the host translates addresses.
    pub paging: String,
    /// The day, in UTC.
    pub day: String,
    /// Whether it is itself a virtual machine, as its processor says.
    pub nested: bool,
    /// How long work had to wait for a processor in the last minute, in the kernel's words.
    pub pressure: String,
}

impl Machine {
    /// Of this host, now.
    pub fn here(paging: String) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self {
            processor: model.map_or("unknown", |(_, name)| name).trim().to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            paging,
            nested: cpuinfo
                .lines()
                .find_map(|line| line.strip_prefix("flags")?.split_once(": "))
                .is_some_and(|(_, flags)| flags.split(' ').any(|flag| flag == "hypervisor")),
            day: day(since.as_secs() / 86_400),
            pressure: read("/proc/pressure/cpu")
                .lines()
                .next()
                .unwrap_or("not told")
                .to_owned(),
        }
    }

    /// What a record says of a host that is a process of this machine: its clock is the controller's.
    pub fn as_host(&self, name: String) -> HostFacts {
        HostFacts {
            name,
            kernel: format!("Linux {}", self.kernel),
            processor: self.processor.clone(),
            paging: self.paging.clone(),
            nested: self.nested,
            clock: ClockFacts::default(),
        }
    }
}

/// The day so many days after 1 January 1970, as `2026-11-27` (Hinnant, *chrono-compatible low-level date algorithms*, `civil_from_days`).
fn day(since_1970: u64) -> String {
    let z = since_1970 + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The profile as YAML. `clock_hz` is that of the time-stamp counter, in whose cycles a walk is told.
pub fn yaml(at: &Machine, figures: &[Figure], fixed: &Fixed, clock_hz: f64) -> String {
    let find = |name: &str| figures.iter().find(|figure| figure.name == name);
    let mut text = format!(
        "# What this host takes, for `policies: {{profile: ./FILE}}` of a scenario that is not scaled.\n\
         source: >-\n  Measured by `twinrack calibrate` on {}: {}, Linux {}, {}.\n  CPU pressure at the end: {}.\nmeasured:\n",
        at.day, at.processor, at.kernel, at.paging, at.pressure
    );
    // Writing into a text can't fail.
    for figure in figures {
        let _ = writeln!(
            text,
            "  - {{name: {}, unit: {}, median: {:e}, least: {:e}, greatest: {:e}, times: {}, what: \"{}\"}}",
            figure.name, figure.unit, figure.median, figure.least, figure.greatest, figure.times, figure.what
        );
    }
    text += "paging:\n  costs:\n";
    for name in ["fill", "context_switch", "table_unsync", "entry_sync"] {
        if let Some(figure) = find(name) {
            let _ = writeln!(text, "    {name}: {}", nanos(figure.median));
        }
    }
    // Of the tables of pages every write is let go by; those above them nothing here writes to.
    text += "    unsynced: 100%\n";
    if let Some(exit) = find("exit") {
        let _ = writeln!(text, "    other_exit: {}", nanos(exit.median));
    }
    if let Some(walk) = find("walk_4k") {
        let _ = writeln!(text, "    walk: {:.0}cyc", (walk.median * clock_hz).max(0.0));
    }
    text += &migration(fixed);
    text
}

/// The steps of a migration and its wire.
fn migration(fixed: &Fixed) -> String {
    let mut text = String::new();
    for (key, time) in fixed.times() {
        // Writing into a text can't fail.
        let _ = writeln!(text, "    {key}: {}", nanos(time.as_secs_f64()));
    }
    for (key, bytes) in fixed.bytes() {
        let _ = writeln!(text, "    {key}: {}B", bytes.0);
    }
    format!(
        "migration:\n  wire: {}\n  timings:\n    validation: 0s\n{text}    announce: 0s\n    clean_up: 0s\n",
        wire()
    )
}

fn nanos(seconds: f64) -> String {
    format!("{:.0}ns", (seconds * 1e9).max(0.0))
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::read::{Lookup, LookupError, read};
    use twinrack_scenario::units::{Bytes, SimDuration};

    use super::*;

    struct One(String);

    impl Lookup for One {
        fn profile(
            &self,
            _: twinrack_scenario::profile::ProfileKind,
            _: &str,
        ) -> Result<String, LookupError> {
            Ok(self.0.clone())
        }

        fn trace(&self, _: &str) -> Result<Vec<u8>, LookupError> {
            unreachable!("no trace is named")
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(11_016), "2000-02-29");
        assert_eq!(day(20_784), "2026-11-27");
    }

    #[test]
    fn a_scenario_takes_the_profile_and_its_own_numbers_win() {
        let figures = [
            Figure::of("fill", "x", "s", vec![2.7e-6]),
            Figure::of("context_switch", "x", "s", vec![4e-5]),
            Figure::of("entry_sync", "x", "s", vec![1e-7]),
        ];
        let fixed = Fixed {
            round: Duration::from_micros(700),
            pause: Duration::from_micros(212),
            state: Bytes(5800),
            hand_over: Duration::from_micros(90),
            resume: Duration::from_micros(600),
            pause_per_vcpu: Duration::from_micros(140),
            ..Fixed::default()
        };
        let profile = yaml(&Machine::here("shadow paging".to_owned()), &figures, &fixed, 3e9);
        let scenario = "name: a\nduration: 1s\nhosts: [{name: n, memory: 8GiB}]\n\
                        policies: {profile: ./here.yaml, migration: {timings: {pause: 5ms}}}\n";
        let read = read("a", scenario, &One(profile.clone()), &[])
            .unwrap_or_else(|rejected| panic!("{rejected}\n{profile}"));
        let policies = &read.spec.policies;
        assert_eq!(policies.paging.costs.fill, Some(SimDuration::from_nanos(2700)));
        assert_eq!(
            policies.paging.costs.entry_sync,
            Some(SimDuration::from_nanos(100))
        );
        let timings = &policies.migration.timings;
        assert_eq!(timings.pause, Some(SimDuration::from_millis(5)));
        assert_eq!(timings.round, Some(SimDuration::from_nanos(700_000)));
        assert_eq!(timings.pause_per_vcpu, Some(SimDuration::from_nanos(140_000)));
        assert_eq!(policies.migration.wire, wire());
    }
}
