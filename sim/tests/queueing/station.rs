//! A station on our engine: Poisson arrivals, servers, a queue in the order of arrival, perhaps no room to wait.

use std::collections::VecDeque;

use twinrack_scenario::units::{SimDuration, SimTime};
use twinrack_sim::engine::{Bounds, Engine, Rng, Streams};

use super::batches::{BATCHES, Estimate};

/// A station and its customers.
#[derive(Clone, Copy)]
pub(crate) struct Station {
    /// Servers.
    pub(crate) servers: u32,
    /// Whether customers wait when all servers are busy, or go away.
    pub(crate) waits: bool,
    /// Arrivals each second.
    pub(crate) arrivals: f64,
    /// Draws a service time in seconds.
    pub(crate) service: fn(&mut Rng) -> f64,
    /// Customers of each batch.
    pub(crate) batch: usize,
}

/// What a run saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Seconds in the queue, of those who were served.
    pub(crate) wait: Estimate,
    /// Customers at the station, over time.
    pub(crate) number: Estimate,
    /// Share of customers who waited.
    pub(crate) delayed: Estimate,
    /// Share of customers who went away.
    pub(crate) blocked: Estimate,
}

enum Event {
    Arrival,
    Departure,
}

/// Sums of one batch.
#[derive(Default)]
struct Batch {
    begun: SimTime,
    wait: f64,
    served: f64,
    delayed: f64,
    blocked: f64,
    area: f64,
}

struct Run {
    engine: Engine<Event>,
    arrivals: Rng,
    services: Rng,
    queue: VecDeque<SimTime>,
    busy: u32,
    last: SimTime,
    batch: Batch,
}

impl Station {
    /// Runs two batches to warm up and [`BATCHES`] that count.
    pub(crate) fn run(&self, seed: u64) -> Seen {
        let streams = Streams::new(seed);
        let mut run = Run {
            engine: Engine::new(Bounds::default()),
            arrivals: streams.stream("station", "arrivals"),
            services: streams.stream("station", "services"),
            queue: VecDeque::new(),
            busy: 0,
            last: SimTime::ZERO,
            batch: Batch::default(),
        };
        let mut means: [Vec<f64>; 4] = Default::default();
        self.arrive_later(&mut run);
        for number in 0..BATCHES + 2 {
            let batch = self.batch(&mut run);
            if number >= 2 {
                let offered = self.batch as f64;
                let seconds = run.last.since(batch.begun).as_secs_f64();
                means[0].push(batch.wait / batch.served);
                means[1].push(batch.area / seconds);
                means[2].push(batch.delayed / offered);
                means[3].push(batch.blocked / offered);
            }
        }
        let [wait, number, delayed, blocked] = means.map(|means| Estimate::of(&means));
        Seen {
            wait,
            number,
            delayed,
            blocked,
        }
    }

    fn batch(&self, run: &mut Run) -> Batch {
        run.batch = Batch {
            begun: run.last,
            ..Batch::default()
        };
        let mut arrived = 0;
        while arrived < self.batch {
            let event = run.engine.next().expect("within bounds").expect("arrivals go on");
            let now = run.engine.now();
            let present = run.queue.len() as f64 + f64::from(run.busy);
            run.batch.area += present * now.since(run.last).as_secs_f64();
            run.last = now;
            match event {
                Event::Arrival => {
                    arrived += 1;
                    self.arrive_later(run);
                    self.arrive(run, now);
                }
                Event::Departure => {
                    run.busy -= 1;
                    if let Some(since) = run.queue.pop_front() {
                        run.batch.wait += now.since(since).as_secs_f64();
                        self.serve(run);
                    }
                }
            }
        }
        std::mem::take(&mut run.batch)
    }

    fn arrive(&self, run: &mut Run, now: SimTime) {
        if run.busy < self.servers {
            self.serve(run);
        } else if self.waits {
            run.batch.delayed += 1.0;
            run.queue.push_back(now);
        } else {
            run.batch.blocked += 1.0;
        }
    }

    fn arrive_later(&self, run: &mut Run) {
        let after = run.arrivals.exponential(1.0 / self.arrivals);
        schedule(&mut run.engine, after, Event::Arrival);
    }

    fn serve(&self, run: &mut Run) {
        run.busy += 1;
        run.batch.served += 1.0;
        let takes = (self.service)(&mut run.services);
        schedule(&mut run.engine, takes, Event::Departure);
    }
}

fn schedule(engine: &mut Engine<Event>, seconds: f64, event: Event) {
    engine
        .schedule_in(SimDuration::from_secs_f64(seconds), 0, event)
        .expect("within bounds");
}
