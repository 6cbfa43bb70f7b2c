//! What events of a guest cost this host, by difference: the same guest with and without them, one after the other.
//!
//! What is read is the processor time of the virtual processor's own thread, in which every exit is handled, so that other work on
//! the machine lengthens a measurement but does not enter it (what it evicts from caches does). A guest that had to wait began fewer
//! periods, each of which has its own cost: the one without events is taken for as many periods as the other had. Each figure is
//! the median over pairs.

use std::thread;
use std::time::Duration;

use twinrack_scenario::spec::guest::WritePattern;
use twinrack_scenario::units::{Bytes, PerSecond, Ratio, SimDuration};

use super::figure::Figure;
use crate::guest::layout::GuestPages;
use crate::guest::ledger::Counters;
use crate::guest::machine::{Machine, MachineError, Shape};
use crate::guest::workload::{PageClass, Paging, Workload};
use crate::kvm::{Backing, DirtyMechanism, PageSet, System};

/// Memory of the guest that is measured.
const MEMORY: Bytes = Bytes(320 << 20);
/// What it walks over and writes to: far beyond the reach of the processor's translation buffer.
const WALKED: Bytes = Bytes(256 << 20);
const WRITTEN: Bytes = Bytes(64 << 20);
/// Time before a guest is looked at: its first faults are behind it.
const WARM_UP: Duration = Duration::from_millis(150);
/// How often the log of written pages is read.
const ROUND: Duration = Duration::from_millis(50);

/// How it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Pairs of guests with and without the events.
    pub pairs: usize,
    /// How long each runs.
    pub window: Duration,
}

/// Period of the guests that are compared. Each period costs a doorbell of some 50 us, by which pairs differ in chance alone: a hundred of
/// them each second hide no event, a thousand hid those of up to 2 % of a processor. And the first events after a sleep, which find
/// cold caches, are few among those of a period.
const PERIOD: SimDuration = SimDuration::from_millis(10);

/// A guest that runs a share of its time whether it has events or not, so that pairs differ in them alone.
fn guest(paging: Paging, classes: Vec<PageClass>) -> Workload {
    Workload {
        period: PERIOD,
        paging,
        ..Workload::dirtying(classes)
    }
}

fn machine(system: &System, pages: GuestPages, workload: &Workload) -> Result<Machine, MachineError> {
    let backing = match pages {
        GuestPages::Small => Backing::Anonymous,
        GuestPages::Large => Backing::TransparentHuge,
    };
    let shape = Shape {
        memory: MEMORY,
        vcpus: 1,
        backing,
        pages,
        mechanism: DirtyMechanism::best(system),
    };
    Machine::new(system, shape, workload)
}

/// What a guest did and used in a window.
#[derive(Debug, Clone, Copy)]
struct Seen {
    events: u64,
    passes: u64,
    busy: Duration,
}

impl Seen {
    /// Seconds of its processor that it used for so many periods.
    fn busy_for(&self, passes: u64) -> f64 {
        self.busy.as_secs_f64() * passes as f64 / self.passes.max(1) as f64
    }
}

fn watch(
    system: &System,
    pages: GuestPages,
    workload: &Workload,
    window: Duration,
    count: fn(&Counters) -> u64,
) -> Result<Seen, MachineError> {
    let mut machine = machine(system, pages, workload)?;
    machine.run()?;
    thread::sleep(WARM_UP);
    let now = |machine: &Machine| {
        let counters = machine.counters(0)?;
        Ok::<_, MachineError>(Seen {
            events: count(&counters),
            passes: counters.passes,
            busy: machine.busy().unwrap_or_default(),
        })
    };
    let before = now(&machine)?;
    thread::sleep(window);
    let after = now(&machine)?;
    machine.pause()?;
    Ok(Seen {
        events: after.events.saturating_sub(before.events),
        passes: after.passes.saturating_sub(before.passes),
        busy: after.busy.saturating_sub(before.busy),
    })
}

/// Seconds of an event, once for each pair.
fn each(
    system: &System,
    effort: Effort,
    pages: GuestPages,
    (with, without): (&Workload, &Workload),
    count: fn(&Counters) -> u64,
) -> Result<Vec<f64>, MachineError> {
    (0..effort.pairs)
        .map(|_| {
            let [with, without] =
                [with, without].map(|workload| watch(system, pages, workload, effort.window, count));
            let (with, without) = (with?, without?);
            let own = with.busy.as_secs_f64() - without.busy_for(with.passes);
            Ok(own / with.events.max(1) as f64)
        })
        .collect()
}

/// Seconds of a period in which nothing happens, once for each pair: a guest with ten times as many against one with fewer.
fn periods(system: &System, effort: Effort) -> Result<Vec<f64>, MachineError> {
    let of = |millis| Workload {
        period: SimDuration::from_millis(millis),
        ..guest(Paging::default(), Vec::new())
    };
    let workloads = [of(1), of(10)];
    (0..effort.pairs)
        .map(|_| {
            let [more, fewer] = [&workloads[0], &workloads[1]].map(|workload| {
                watch(system, GuestPages::Small, workload, effort.window, |counters| {
                    counters.passes
                })
            });
            let (more, fewer) = (more?, fewer?);
            let periods = more.passes.saturating_sub(fewer.passes).max(1);
            Ok((more.busy.as_secs_f64() - fewer.busy.as_secs_f64()) / periods as f64)
        })
        .collect()
}

/// What an exit takes, and a walk.
pub fn walks(system: &System, effort: Effort) -> Result<Vec<Figure>, MachineError> {
    let of = |paging: Paging| guest(paging, Vec::new());
    let measure = |name: &'static str, what: &'static str, pages, paging, count: fn(&Counters) -> u64| {
        let with = of(paging);
        let without = of(Paging {
            tlb_misses: PerSecond(0.0),
            ..paging
        });
        Ok::<_, MachineError>(Figure::of(
            name,
            what,
            "s",
            each(system, effort, pages, (&with, &without), count)?,
        ))
    };
    let walks = Paging {
        tlb_misses: PerSecond(400_000.0),
        mapped: WALKED,
        ..Paging::default()
    };
    Ok(vec![
        Figure::of(
            "exit",
            "a doorbell with a sleep: out of the guest to this process, asleep, and back",
            "s",
            periods(system, effort)?,
        ),
        measure(
            "walk_4k",
            "a step to another page of 256 MiB, mapped by 4 KiB pages",
            GuestPages::Small,
            walks,
            |counters| counters.walked,
        )?,
        measure(
            "walk_2m",
            "the same, mapped by 2 MiB pages on huge pages of the host",
            GuestPages::Large,
            walks,
            |counters| counters.walked,
        )?,
    ])
}

/// A page write while nothing is logged, and what the log adds to the first one of a page in each round.
pub fn writes(system: &System, effort: Effort) -> Result<Vec<Figure>, MachineError> {
    let class = |rate| PageClass {
        size: Some(WRITTEN),
        rate: PerSecond(rate),
        pattern: WritePattern::Random,
    };
    let (with, without) = (
        guest(Paging::default(), vec![class(20_000.0)]),
        guest(Paging::default(), vec![class(0.0)]),
    );
    let plain = each(system, effort, GuestPages::Small, (&with, &without), |counters| {
        counters.heartbeat
    })?;
    let mut faults = Vec::new();
    for _ in 0..effort.pairs {
        let unlogged = watch(system, GuestPages::Small, &with, effort.window, |counters| {
            counters.heartbeat
        })?;
        let (logged, dirtied) = logged(system, &with, effort.window)?;
        let own = unlogged.busy.as_secs_f64() / unlogged.events.max(1) as f64 * logged.events as f64;
        faults.push((logged.busy.as_secs_f64() - own) / dirtied.max(1) as f64);
    }
    Ok(vec![
        Figure::of("write", "a page written, its count and checksum kept", "s", plain),
        Figure::of(
            "dirty_fault",
            "what the log of written pages adds to the first write of a page in a round",
            "s",
            faults,
        ),
    ])
}

/// The same guest while its written pages are logged, round after round; says how many were dirtied.
fn logged(system: &System, workload: &Workload, window: Duration) -> Result<(Seen, u64), MachineError> {
    let mut machine = machine(system, GuestPages::Small, workload)?;
    let pages = machine.memory().pages();
    machine.run()?;
    thread::sleep(WARM_UP);
    machine.log().start()?;
    let mut watched = PageSet::full(pages);
    let round = |machine: &mut Machine, watched: &mut PageSet| -> Result<u64, MachineError> {
        machine.log().rearm(0, pages, watched)?;
        thread::sleep(ROUND);
        *watched = PageSet::empty(pages);
        machine.log().collect(watched)?;
        Ok(watched.count())
    };
    // The first holds pages that nobody wrote.
    round(&mut machine, &mut watched)?;
    let before = (machine.counters(0)?.heartbeat, machine.busy().unwrap_or_default());
    let mut dirtied = 0;
    for _ in 0..(window.as_millis() / ROUND.as_millis()).max(1) {
        dirtied += round(&mut machine, &mut watched)?;
    }
    let after = (machine.counters(0)?.heartbeat, machine.busy().unwrap_or_default());
    machine.pause()?;
    let seen = Seen {
        events: after.0 - before.0,
        passes: 0,
        busy: after.1.saturating_sub(before.1),
    };
    Ok((seen, dirtied))
}

/// A guest that is busy all the time, for pauses.
pub(super) fn busy() -> Workload {
    Workload {
        cpu: Ratio::ONE,
        ..Workload::dirtying(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::require_kvm;

    /// Counts alone are asserted: what an event costs is the machine's affair.
    #[test]
    fn a_guest_with_events_has_them_and_one_without_has_none() {
        let system = require_kvm!();
        let window = Duration::from_millis(200);
        let fills = guest(
            Paging {
                fills: PerSecond(20_000.0),
                ..Paging::default()
            },
            Vec::new(),
        );
        let count: fn(&Counters) -> u64 = |counters| counters.filled;
        let with = watch(&system, GuestPages::Small, &fills, window, count).expect("it runs");
        assert!(with.events > 1000, "{with:?}");
        let without = guest(Paging::default(), Vec::new());
        let without = watch(&system, GuestPages::Small, &without, window, count).expect("it runs");
        assert_eq!(without.events, 0);
        let class = PageClass {
            size: Some(Bytes(4 << 20)),
            rate: PerSecond(20_000.0),
            pattern: WritePattern::Sequential,
        };
        let writer = guest(Paging::default(), vec![class]);
        let (seen, dirtied) = logged(&system, &writer, window).expect("logged");
        assert!(
            dirtied > 500 && dirtied <= seen.events + 1024,
            "{seen:?} {dirtied}"
        );
    }
}
