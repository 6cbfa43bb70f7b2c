//! Order: events of one clock follow on each other, and what a migration does on one host comes after what caused it on the other.
//!
//! Two clocks agree within the error that each was compared with. An event that stands before its cause by no more than that is moved
//! to it; by more, one of the clocks is wrong, and the log is refused.

use std::collections::BTreeMap;

use twinrack_scenario::MigrationId;
use twinrack_scenario::fault::Fault;
use twinrack_scenario::record::{Event, EventRecord, Outcome};
use twinrack_scenario::units::SimTime;

use super::line::Seen;
use super::place::Place;

/// A downtime that was measured by itself may differ from the times of its events by so much beyond the clocks' errors.
const SLACK_NS: u64 = 1_000_000;

/// The events in order.
#[derive(Debug, Default)]
pub struct Ordered {
    /// They.
    pub events: Vec<EventRecord>,
    /// How many were moved, and the farthest that one was.
    pub moved: u64,
    /// In nanoseconds.
    pub moved_ns: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// What is known of a migration so far.
#[derive(Debug, Default)]
struct Course {
    /// Its last step: which, when, and how far the clock may be off.
    last: Option<(Stage, u64, u64)>,
    rounds: u32,
    round_bytes: u64,
    paused: Option<(u64, u64)>,
    resumed: Option<(u64, u64)>,
    ended: bool,
}

/// The steps that follow on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Requested,
    Started,
    Round,
    Paused,
    HandedOver,
    Resumed,
    Ended,
}

impl Stage {
    const fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Started => "started",
            Self::Round => "round",
            Self::Paused => "paused",
            Self::HandedOver => "handed_over",
            Self::Resumed => "resumed",
            Self::Ended => "ended",
        }
    }
}

/// The migration that an event belongs to, and the step that it is.
fn step(event: &Event) -> Option<(MigrationId, Option<Stage>)> {
    let (migration, stage) = match event {
        Event::MigrationRequested { migration, .. } => (migration, Some(Stage::Requested)),
        Event::MigrationStarted { migration } => (migration, Some(Stage::Started)),
        Event::MigrationRound { migration, .. } => (migration, Some(Stage::Round)),
        Event::MigrationPaused { migration, .. } => (migration, Some(Stage::Paused)),
        Event::MigrationHandedOver { migration } => (migration, Some(Stage::HandedOver)),
        Event::MigrationResumed { migration, .. } => (migration, Some(Stage::Resumed)),
        Event::MigrationEnded { migration, .. } => (migration, Some(Stage::Ended)),
        Event::MigrationQueued { migration }
        | Event::MigrationWarned { migration, .. }
        | Event::MigrationBlackout { migration, .. }
        | Event::MigrationFaulted { migration, .. }
        | Event::Transferred { migration, .. } => (migration, None),
        _ => return None,
    };
    Some((*migration, stage))
}

/// Puts events in order, on one clock, within a run that ends at `end`.
pub fn in_order(mut seen: Vec<(Place, Seen)>, end: SimTime) -> Ordered {
    let mut ordered = Ordered::default();
    ordered.clocks_go_on(&seen, end);
    // Stable: what is told of one instant keeps the order of the lines.
    seen.sort_by_key(|(_, seen)| seen.record.t_ns);
    ordered.follow_causes(&mut seen);
    seen.sort_by_key(|(_, seen)| seen.record.t_ns);
    ordered.events = seen.into_iter().map(|(_, seen)| seen.record).collect();
    ordered
}

impl Ordered {
    fn fault(&mut self, place: Place, what: String, expected: &str, help: &str) {
        self.faults
            .push(Fault::new(place.line(), what, expected).help(help));
    }

    fn clocks_go_on(&mut self, seen: &[(Place, Seen)], end: SimTime) {
        let mut last: BTreeMap<Option<&str>, u64> = BTreeMap::new();
        for (place, seen) in seen {
            let t_ns = seen.record.t_ns;
            let by = seen.by.as_deref();
            let before = last.insert(by, t_ns).unwrap_or(0);
            if t_ns < before {
                let whose = by.map_or("the log's clock".to_owned(), |by| format!("the clock of {by}"));
                let what = format!("{whose} goes back by {} ns", before - t_ns);
                let help = "put the lines of each clock in the order of their times; a clock that was set during the run can't be used";
                self.fault(*place, what, "expected times that do not go back", help);
            }
            if t_ns > end.as_nanos() {
                let what = format!("{t_ns} ns is after the end of the run, {} ns", end.as_nanos());
                let help = "give `span_ns` in the header, or leave out what came later";
                self.fault(*place, what, "expected a time within the run", help);
            }
        }
    }

    /// Steps of a migration are looked at in the order of the steps, whatever their clocks say.
    fn follow_causes(&mut self, seen: &mut [(Place, Seen)]) {
        let mut courses: BTreeMap<MigrationId, Course> = BTreeMap::new();
        let mut steps: Vec<(MigrationId, u32, usize)> = Vec::new();
        for (index, (_, seen)) in seen.iter().enumerate() {
            if let Some((migration, stage)) = step(&seen.record.event) {
                steps.push((migration, rank(&seen.record.event, stage), index));
            }
        }
        steps.sort_unstable();
        for (migration, _, index) in steps {
            let Some((place, seen)) = seen.get_mut(index) else {
                continue;
            };
            self.step(courses.entry(migration).or_default(), migration, *place, seen);
        }
    }

    fn step(&mut self, course: &mut Course, migration: MigrationId, place: Place, seen: &mut Seen) {
        let stage = step(&seen.record.event).and_then(|(_, stage)| stage);
        if course.last.is_none() && stage != Some(Stage::Requested) {
            let what = format!("migration {} was never asked for", migration.0);
            let help = "begin each migration with `migration_requested`";
            // Told once: what follows would be but an echo.
            course.last = Some((Stage::Requested, seen.record.t_ns, seen.error_ns));
            return self.fault(
                place,
                what,
                "expected the number of a migration that was asked for",
                help,
            );
        }
        let Some(stage) = stage else { return };
        if let Some((last, at, error_ns)) = course.last {
            if last == stage && stage != Stage::Round {
                let what = format!(
                    "migration {} is {} twice",
                    migration.0,
                    stage.word().replace('_', " ")
                );
                return self.fault(
                    place,
                    what,
                    "expected each step once",
                    "give each migration a number of its own",
                );
            }
            self.behind(place, seen, stage, (last, at, error_ns));
        }
        let now = (seen.record.t_ns, seen.error_ns);
        course.last = Some((stage, now.0, now.1));
        match &seen.record.event {
            Event::MigrationRound { round, bytes, .. } => {
                course.rounds += 1;
                course.round_bytes = course.round_bytes.saturating_add(*bytes);
                if *round != course.rounds {
                    let what = format!(
                        "round {round} of migration {} follows on {} rounds",
                        migration.0,
                        course.rounds - 1
                    );
                    course.rounds = *round;
                    self.fault(
                        place,
                        what,
                        "expected rounds from 1, each once",
                        "leave no round out",
                    );
                }
            }
            Event::MigrationPaused { .. } => course.paused = Some(now),
            Event::MigrationResumed { .. } => course.resumed = Some(now),
            Event::MigrationEnded { .. } => {
                course.ended = true;
                self.totals(course, place, &seen.record.event);
            }
            _ => {}
        }
    }

    /// A step that stands before the one that it follows on is moved to it, as far as the clocks may be wrong.
    fn behind(
        &mut self,
        place: Place,
        seen: &mut Seen,
        stage: Stage,
        (last, at, error_ns): (Stage, u64, u64),
    ) {
        let early = at.saturating_sub(seen.record.t_ns);
        if early == 0 {
            return;
        }
        let allowed = error_ns.saturating_add(seen.error_ns);
        if early <= allowed {
            self.moved += 1;
            self.moved_ns = self.moved_ns.max(early);
            seen.record.t_ns = at;
            return;
        }
        let what = format!(
            "`{}` stands {early} ns before `{}`, which it follows on; their clocks are known to {allowed} ns",
            stage.word(),
            last.word()
        );
        let help = "compare the clocks of both hosts anew and give `offset_ns` and `error_ns` in the header";
        self.fault(place, what, "expected an effect behind its cause", help);
    }

    /// What the end tells in sum against the steps.
    fn totals(&mut self, course: &Course, place: Place, event: &Event) {
        let Event::MigrationEnded {
            outcome,
            bytes,
            downtime_nanos,
            rounds,
            ..
        } = event
        else {
            return;
        };
        if !matches!(outcome, Outcome::Completed | Outcome::CompletedNotConverged) {
            return;
        }
        if *rounds != course.rounds {
            let what = format!("`rounds` is {rounds}, but {} are told of", course.rounds);
            self.fault(
                place,
                what,
                "expected as many rounds as there are events of them",
                "tell of every round",
            );
        }
        if *bytes < course.round_bytes {
            let what = format!(
                "`bytes` is {bytes}, but the rounds alone sent {}",
                course.round_bytes
            );
            self.fault(
                place,
                what,
                "expected all bytes that were sent",
                "count what the pause sent too",
            );
        }
        if let (Some((paused, a)), Some((resumed, b))) = (course.paused, course.resumed) {
            let between = resumed.saturating_sub(paused);
            let allowed = a.saturating_add(b).saturating_add(SLACK_NS);
            if between.abs_diff(*downtime_nanos) > allowed {
                let what = format!(
                    "`downtime_nanos` is {downtime_nanos}, but {between} ns lie between `paused` and `resumed`"
                );
                let help = "compare the clocks of both hosts anew, or correct the downtime";
                self.fault(place, what, "expected the time that the VM stood still", help);
            }
        }
    }
}

/// Where an event stands among those of its migration.
fn rank(event: &Event, stage: Option<Stage>) -> u32 {
    match (event, stage) {
        (Event::MigrationRound { round, .. }, _) => 2 + round.min(&1_000_000),
        (_, None | Some(Stage::Started)) => 1,
        (_, Some(Stage::Requested)) => 0,
        (_, Some(stage)) => 2_000_000 + stage as u32,
    }
}
