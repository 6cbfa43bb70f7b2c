//! The lock of a shadow as it is simulated, against the exact solution that the paging model uses.

use std::collections::VecDeque;

use twinrack_scenario::spec::guest::PagingRatesSpec;
use twinrack_scenario::spec::host::PagingMode;
use twinrack_scenario::spec::paging::PagingPolicySpec;
use twinrack_scenario::units::{Hertz, SimDuration, SimTime};
use twinrack_sim::engine::{Bounds, Engine, Rng, Streams};
use twinrack_sim::model::paging::{Paging, PagingCosts};

use super::batches::{BATCHES, Estimate};
use super::support::decoded;

/// Fills of 2.5 us and writes of 5 us, this many each second of computing.
fn model(fills: f64, writes: f64) -> Paging {
    let policy: PagingPolicySpec = decoded("{preset: deck}");
    let rates: PagingRatesSpec = decoded(&format!("{{fills: {fills}/s, page_table_writes: {writes}/s}}"));
    let costs = PagingCosts::new(&policy, Hertz(2_930_000_000));
    Paging::new(&costs, &rates, PagingMode::Shadow)
}

enum Event {
    /// A processor asks for the lock.
    Ask,
    /// The one that holds it lets it go.
    Release,
}

/// Share of their time that `busy` processors wait, simulated pass by pass.
fn simulated(busy: u32, fills: f64, writes: f64) -> Estimate {
    let streams = Streams::new(21);
    let (mut think, mut kind) = (streams.stream("lock", "think"), streams.stream("lock", "kind"));
    let mut engine = Engine::new(Bounds::default());
    let later = |engine: &mut Engine<Event>, rng: &mut Rng| {
        let after = SimDuration::from_secs_f64(rng.exponential(1.0 / (fills + writes)));
        engine.schedule_in(after, 0, Event::Ask).expect("within bounds");
    };
    for _ in 0..busy {
        later(&mut engine, &mut think);
    }
    let mut pass = |engine: &mut Engine<Event>| {
        let fill = kind.below((fills + writes) as u64) < fills as u64;
        let takes = SimDuration::from_nanos(if fill { 2500 } else { 5000 });
        engine
            .schedule_in(takes, 0, Event::Release)
            .expect("within bounds");
    };
    let mut queue: VecDeque<SimTime> = VecDeque::new();
    let mut held = false;
    let mut means = Vec::new();
    for batch in 0..=BATCHES {
        let (begun, mut waited) = (engine.now(), 0.0);
        for _ in 0..30_000 {
            match engine.next().expect("within bounds").expect("never idle") {
                Event::Ask if held => queue.push_back(engine.now()),
                Event::Ask => {
                    held = true;
                    pass(&mut engine);
                }
                Event::Release => {
                    later(&mut engine, &mut think);
                    match queue.pop_front() {
                        Some(since) => {
                            waited += engine.now().since(since).as_secs_f64();
                            pass(&mut engine);
                        }
                        None => held = false,
                    }
                }
            }
        }
        if batch > 0 {
            let seconds = engine.now().since(begun).as_secs_f64();
            means.push(waited / (seconds * f64::from(busy)));
        }
    }
    Estimate::of(&means)
}

#[test]
fn the_wait_for_the_lock_is_the_one_simulated() {
    // From a lock asked for a third of the time to one that is never free.
    for (busy, fills, writes) in [
        (2, 60_000.0, 10_000.0),
        (4, 30_000.0, 5_000.0),
        (8, 30_000.0, 5_000.0),
        (32, 30_000.0, 5_000.0),
    ] {
        let wait = model(fills, writes).lock_wait(f64::from(busy));
        simulated(busy, fills, writes).confirms(&format!("{busy} processors"), wait, 0.1);
    }
}

#[test]
fn a_wrong_rate_of_passes_is_seen() {
    let wait = model(31_500.0, 5_250.0).lock_wait(8.0);
    let estimate = simulated(8, 30_000.0, 5_000.0);
    assert!(!estimate.covers(wait), "{estimate:?} covers {wait}");
}
