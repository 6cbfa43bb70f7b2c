//! How the parts of a scenario fit together: names that must be found, numbers that must agree.
//!
//! What the real product would refuse at run time (a VM too large for its edition, a live migration on a 2008 host) is
//! *not* a fault of the file: it is a modelled refusal, and the run shows it. Every check takes time linear in the
//! scenario (up to a logarithm), whatever the counts: ten thousand hosts written in one line cost what one costs.

pub mod guests;
pub mod hosts;
pub mod names;
pub mod plan;
pub mod policies;
pub mod timeline;
pub mod workloads;

use crate::decode::Spanned;
use crate::fault::{Echo, FAULTS_MAX, Fault, suggestion};
use crate::fleet::Fleet;
use crate::spec::ScenarioSpec;
use crate::units::SimDuration;

/// Most hosts of a scenario.
pub const HOSTS_MAX: u64 = 2_000_000;
/// Most VMs of a scenario.
pub const VMS_MAX: u64 = 20_000_000;
/// Longest run: a century of 365.25 days.
pub const DURATION_MAX: SimDuration = SimDuration::from_secs(36_525 * 86_400);
/// Most entries of the timeline, and of `faults`.
pub const TIMELINE_MAX: usize = 1_000_000;
/// Most samples of a time series.
pub const SAMPLES_MAX: u64 = 1_000_000;

/// Every fault of a decoded scenario.
pub fn validate(spec: &ScenarioSpec, hosts: &Fleet, vms: &Fleet) -> Vec<Fault> {
    let mut checker = Checker {
        spec,
        hosts,
        vms,
        faults: Vec::new(),
    };
    checker.general();
    checker.counts();
    checker.names();
    checker.all_hosts();
    checker.all_guests();
    checker.workloads();
    checker.policies();
    checker.timeline();
    checker.plan();
    checker.faults
}

/// The scenario under check, and what was found.
struct Checker<'a> {
    spec: &'a ScenarioSpec,
    hosts: &'a Fleet,
    vms: &'a Fleet,
    faults: Vec<Fault>,
}

impl<'a> Checker<'a> {
    fn note(&mut self, path: impl Into<String>, fault: Fault) {
        if !self.is_full() {
            self.faults.push(fault.at_path(path));
        }
    }

    /// Whether there are so many faults that looking on is of no use.
    fn is_full(&self) -> bool {
        self.faults.len() >= FAULTS_MAX
    }

    /// Notes a name that its section does not have.
    fn unknown<'n>(
        &mut self,
        path: impl Into<String>,
        (kind, section): (&str, &'static str),
        name: &Spanned<String>,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        if self.is_full() {
            return;
        }
        let what = format!("there is no {kind} `{}`", crate::fault::shortened(name));
        let fault = Fault::new(name.span, what, format!("expected a {kind} of this scenario"));
        let help = suggestion(name, known);
        self.note(path, fault.help(help).echoes(Echo::Reference(section)));
    }

    /// Notes a host or VM that is not there; counted groups are shown with their first and last member.
    fn unknown_entity(&mut self, path: impl Into<String>, kind: Kind, name: &Spanned<String>) {
        if !self.is_full() {
            let known: Vec<String> = self.fleet(kind).shown_names().collect();
            self.unknown(path, kind.words(), name, known.iter().map(String::as_str));
        }
    }

    /// The fleet of VMs or of hosts.
    fn fleet(&self, kind: Kind) -> &'a Fleet {
        match kind {
            Kind::Host => self.hosts,
            Kind::Vm => self.vms,
        }
    }

    fn general(&mut self) {
        let spec = self.spec;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if spec.name.is_empty() || !spec.name.chars().all(plain) || spec.name.starts_with('.') {
            let what = format!("`{}` can't name a file", crate::fault::shortened(&spec.name));
            let fault = Fault::new(spec.name.span, what, "expected letters, digits, `-`, `_` or `.`");
            self.note("name", fault.help("put the words that people read into `title`"));
        }
        if spec.duration.value == SimDuration::ZERO {
            let fault = Fault::new(
                spec.duration.span,
                "the run takes no time",
                "expected a duration above zero",
            );
            self.note("duration", fault);
        }
        if spec.duration.value > DURATION_MAX {
            let what = format!("the run takes {}", spec.duration.value);
            let fault = Fault::new(
                spec.duration.span,
                what,
                format!("expected at most {DURATION_MAX}"),
            );
            self.note(
                "duration",
                fault.help("simulated time ends after a century: check the unit"),
            );
        }
        if let Some(interval) = spec.sampling {
            let samples = spec.duration.value.as_nanos() / interval.as_nanos().max(1);
            if interval == SimDuration::ZERO || samples > SAMPLES_MAX {
                let what = format!("a sample every {interval} is too many for this run");
                let expected = format!("expected at most {SAMPLES_MAX} samples in this time");
                let fault = Fault::new(spec.duration.span, what, expected);
                self.note("sampling", fault.help("raise `sampling`, or leave it out"));
            }
        }
        if spec.hosts.is_empty() && spec.experiment.is_none() {
            let fault = Fault::new(
                spec.name.span,
                "the scenario has no host",
                "expected a list `hosts` beside it",
            );
            let fault = fault.help("`hosts: [{name: n1, memory: 32GiB}]`, or with a `profile`");
            self.note("hosts", fault.echoes(Echo::Reference("hosts")));
        }
        for (section, length) in [("timeline", spec.timeline.len()), ("faults", spec.faults.len())] {
            if length > TIMELINE_MAX {
                let what = format!("`{section}` has {length} entries");
                self.note(
                    section,
                    Fault::new(spec.name.span, what, format!("expected at most {TIMELINE_MAX}")),
                );
            }
        }
    }

    fn counts(&mut self) {
        let spec = self.spec;
        let hosts = spec.hosts.iter().map(|host| host.count.as_ref());
        self.count("hosts", HOSTS_MAX, hosts);
        let vms = spec.vms.iter().map(|vm| vm.count.as_ref());
        self.count("vms", VMS_MAX, vms);
    }

    fn count<'c>(
        &mut self,
        section: &str,
        most: u64,
        counts: impl Iterator<Item = Option<&'c Spanned<u32>>>,
    ) {
        let mut total = 0u64;
        for (index, count) in counts.enumerate() {
            let Some(count) = count else {
                total += 1;
                continue;
            };
            total = total.saturating_add(u64::from(count.value));
            let path = format!("{section}[{index}].count");
            if count.value == 0 {
                let fault = Fault::new(count.span, "a count of 0 makes nothing", "expected 1 or more");
                self.note(path, fault.help("remove the item"));
            } else if total > most {
                let what = format!("with these there are {total} {section}");
                self.note(
                    path,
                    Fault::new(count.span, what, format!("expected at most {most} in all")),
                );
                return;
            }
        }
    }
}

/// What a name may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Host,
    Vm,
}

impl Kind {
    /// What messages call several.
    const fn plural(self) -> &'static str {
        match self {
            Self::Host => "hosts",
            Self::Vm => "VMs",
        }
    }

    /// What messages call it, and its section.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Host => ("host", "hosts"),
            Self::Vm => ("VM", "vms"),
        }
    }
}
