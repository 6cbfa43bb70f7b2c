//! A body in a page: migrations over one link shared fairly, guests that dirty memory, and nothing else.
//!
//! It carries out the commands of the state machine as the simulated datacenter does, without its engine, so that a
//! wrong figure can only come from the policy, the machine or the dirty model.

use twinrack_control::migration::{Command, Input, Migration, Plan, Report, Until};
use twinrack_scenario::units::{BitsPerSecond, Bytes, SimDuration, SimTime};
use twinrack_sim::model::dirtying::{DirtyModel, DirtyTracker};

/// A migration to run: its plan, its guest, and when it starts.
pub(crate) struct Job {
    pub(crate) plan: Plan,
    pub(crate) guest: DirtyModel,
}

struct Flow {
    what: Sent,
    total: f64,
    left: f64,
    cap: f64,
    rate: f64,
    ends: SimTime,
}

#[derive(Clone, Copy)]
enum Sent {
    Round {
        map: Bytes,
        until: Until,
        began: SimTime,
    },
    State,
    Fetch,
}

struct Runner {
    machine: Migration,
    guest: DirtyTracker,
    timer: Option<(SimTime, Input)>,
    flow: Option<Flow>,
}

/// Runs all jobs from time 0 over a link of `link` bytes per second, and tells what came of each.
pub(crate) fn run(link: f64, jobs: Vec<Job>) -> Vec<Report> {
    let mut now = SimTime::ZERO;
    let mut runners: Vec<Runner> = jobs
        .into_iter()
        .map(|job| Runner {
            machine: Migration::new(job.plan),
            guest: DirtyTracker::new(job.guest, SimTime::ZERO),
            timer: Some((SimTime::ZERO, Input::Start)),
            flow: None,
        })
        .collect();
    loop {
        share(&mut runners, link, now);
        let Some(next) = runners.iter().filter_map(Runner::due).min() else {
            break;
        };
        for runner in &mut runners {
            runner.progress(now, next);
        }
        now = next;
        for runner in &mut runners {
            if runner.due() == Some(now) {
                let input = runner.take(now);
                let commands = runner.machine.on(now, input);
                for command in commands {
                    runner.carry_out(now, &command);
                }
            }
        }
    }
    runners
        .iter()
        .map(|runner| runner.machine.report().expect("it ended").clone())
        .collect()
}

/// Runs one job.
pub(crate) fn run_one(link: f64, plan: Plan, guest: DirtyModel) -> Report {
    run(link, vec![Job { plan, guest }]).remove(0)
}

/// Max-min fair rates under caps: those below the fair share keep their cap, the rest split what remains.
fn share(runners: &mut [Runner], link: f64, now: SimTime) {
    let mut flows: Vec<(&mut Flow, &DirtyTracker)> = runners
        .iter_mut()
        .filter_map(|runner| Some((runner.flow.as_mut()?, &runner.guest)))
        .collect();
    flows.sort_by(|a, b| a.0.cap.total_cmp(&b.0.cap));
    let (mut left, mut count) = (link, flows.len());
    for (flow, guest) in flows {
        let rate = flow.cap.min(left / count as f64);
        left -= rate;
        count -= 1;
        if rate != flow.rate {
            flow.rate = rate;
            flow.ends = now + SimDuration::from_secs_f64(flow.seconds_left(now, guest));
        }
    }
}

impl Flow {
    fn seconds_left(&self, now: SimTime, guest: &DirtyTracker) -> f64 {
        match self.what {
            Sent::Round { until, began, .. } => {
                let sent = until.seconds_left(now.since(began), self.left, self.rate);
                let swept = guest.swept_in(self.rate / self.total);
                swept.map_or(sent, |swept| swept.min(sent))
            }
            Sent::State | Sent::Fetch => Until::MapSent.seconds_left(SimDuration::ZERO, self.left, self.rate),
        }
    }
}

impl Runner {
    fn due(&self) -> Option<SimTime> {
        self.timer
            .as_ref()
            .map(|timer| timer.0)
            .or(self.flow.as_ref().map(|flow| flow.ends))
    }

    fn progress(&mut self, from: SimTime, to: SimTime) {
        if let Some(flow) = &mut self.flow {
            flow.left = (flow.left - flow.rate * to.since(from).as_secs_f64()).max(0.0);
            self.guest.note_sent(to, 1.0 - flow.left / flow.total);
        }
    }

    fn take(&mut self, now: SimTime) -> Input {
        if let Some((_, input)) = self.timer.take() {
            return input;
        }
        let flow = self.flow.take().expect("something was due");
        // What rounding the end up to the nanosecond left over is no page.
        let left = if flow.left < 0.5 { 0.0 } else { flow.left };
        let sent = Bytes((flow.total - left) as u64);
        match flow.what {
            Sent::State => Input::StateSent { sent },
            Sent::Fetch => Input::PagesFetched { sent },
            Sent::Round { map, .. } => {
                let fraction = 1.0 - left / flow.total;
                let collected = self.guest.collect(now, fraction);
                Input::RoundSent {
                    sent,
                    copied: Bytes((map.as_f64() * fraction) as u64),
                    dirtied: collected.dirtied,
                    left: collected.left,
                }
            }
        }
    }

    fn start(&mut self, what: Sent, wire: Bytes, limit: Option<BitsPerSecond>) {
        self.flow = Some(Flow {
            what,
            total: wire.as_f64().max(1e-9),
            left: wire.as_f64(),
            cap: limit.map_or(f64::INFINITY, |limit| limit.as_f64() / 8.0),
            rate: -1.0,
            ends: SimTime::MAX,
        });
    }

    fn carry_out(&mut self, now: SimTime, command: &Command) {
        let timer = |takes: SimDuration, input| Some((now + takes, input));
        match *command {
            Command::Validate { takes } => self.timer = timer(takes, Input::Validated(Ok(()))),
            Command::Prepare { takes, .. } => self.timer = timer(takes, Input::Prepared),
            Command::SendRound {
                round,
                map,
                wire,
                rate_limit,
                throttle,
                until,
            } => {
                if round == 1 {
                    self.guest.start(now);
                }
                self.guest.set_throttle(now, throttle);
                self.start(
                    Sent::Round {
                        map,
                        until,
                        began: now,
                    },
                    wire,
                    rate_limit,
                );
            }
            Command::PauseVm { takes, .. } => {
                self.timer = timer(takes, Input::Paused { dirtied: Bytes::ZERO });
            }
            Command::SendState { wire, rate_limit, .. } => self.start(Sent::State, wire, rate_limit),
            Command::FetchPages { wire, rate_limit, .. } => self.start(Sent::Fetch, wire, rate_limit),
            Command::SaveVm { takes, .. } => self.timer = timer(takes, Input::Saved),
            Command::HandOverStorage { takes } => self.timer = timer(takes, Input::StorageTaken),
            Command::RestoreVm { takes, .. } => self.timer = timer(takes, Input::Restored),
            Command::Resume { takes } => self.timer = timer(takes, Input::Resumed),
            Command::Announce { takes } => self.timer = timer(takes, Input::Announced),
            Command::CleanUp { takes } => self.timer = timer(takes, Input::CleanedUp),
            Command::RollBack { takes } => self.timer = timer(takes, Input::RolledBack),
            Command::Abort | Command::Refuse(_) => {}
        }
    }
}
