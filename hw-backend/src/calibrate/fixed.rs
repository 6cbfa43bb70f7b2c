//! What a move takes on this host beside its pages, and how much of it grows with the guest's memory and processors: measured of guests
//! that are no case of a comparison.
//!
//! | key of `timings` | measured of | what it is |
//! | --- | --- | --- |
//! | `setup`, `setup_per_gib` | small and large guests | skeleton, and making the pages that will come |
//! | `log_start` | the full copy of large guests against small ones | protecting what is mapped |
//! | `round` | all later rounds of the writer | acknowledgement, reading the log, the end of the last sleep |
//! | `pause`, `pause_per_vcpu` | the writer with 1 and 4 processors | stopping them, the last look at the log, saving their state |
//! | `state`, `state_per_vcpu` | guests that write nothing but their own books | the states, and the page of its own that each processor always writes |
//! | `csv_hand_over` | the writer | commit and its answer |
//! | `resume`, `resume_per_vcpu` | the writer with 1 and 4 processors | loading the states, starting the processors |

use std::time::Duration;

use serde::{Deserialize, Serialize};
use twinrack_control::migration::Plan;
use twinrack_scenario::spec::guest::WritePattern;
use twinrack_scenario::spec::migration::{MigrationPolicySpec, WireSpec};
use twinrack_scenario::spec::timings::TimingsSpec;
use twinrack_scenario::units::{BitsPerSecond, Bytes, PerSecond, SimDuration};

use super::moved::{MeasureError, Moved, once, plan, shape};
use crate::guest::workload::{PageClass, Workload};
use crate::kvm::System;
use crate::migrate::pages::{FRAME_HEADER, RUN_HEADER};
use crate::migrate::source::FRAME_PAGES;

/// The small guest; when it writes, four rounds or so and a pause of some ten milliseconds.
const SMALL: Bytes = Bytes(64 << 20);
const WRITTEN: Bytes = Bytes(12 << 20);
const RATE: PerSecond = PerSecond(15_000.0);
const LINK: BitsPerSecond = BitsPerSecond(1_000_000_000);
/// The large one, over a link that one processor fills.
const LARGE: Bytes = Bytes(512 << 20);
const LARGE_LINK: BitsPerSecond = BitsPerSecond(4_000_000_000);
/// The most processors of a sample.
const MANY: u32 = 4;

/// What a move takes beside its pages: medians.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fixed {
    /// Making the guest's skeleton at the target.
    pub setup: Duration,
    /// Making its pages there, for each GiB.
    pub setup_per_gib: Duration,
    /// Starting the log, for each GiB.
    pub log_start: Duration,
    /// From the last byte of a round until the next begins.
    pub round: Duration,
    /// Stopping the processor, reading the log and the state.
    pub pause: Duration,
    /// The same for each further processor.
    pub pause_per_vcpu: Duration,
    /// Bytes of the pause that are no pages of the workload.
    pub state: Bytes,
    /// The same for each further processor.
    pub state_per_vcpu: Bytes,
    /// Until the target has taken the guest.
    pub hand_over: Duration,
    /// Loading the state and starting the processor.
    pub resume: Duration,
    /// The same for each further processor.
    pub resume_per_vcpu: Duration,
}

impl Fixed {
    /// The medians of `times` moves of each sample, by a scenario's policy.
    pub fn measure(
        system: &System,
        policy: &MigrationPolicySpec,
        times: usize,
    ) -> Result<Self, MeasureError> {
        let sample = |memory, vcpus, link, writes: bool, times: usize| {
            let plan = Plan {
                bandwidth: Some(link),
                ..plan(policy, memory)
            };
            let workload = Workload::dirtying(if writes { vec![writer()] } else { Vec::new() });
            let shape = shape(system, memory, vcpus);
            let moved = (0..times).map(|_| once(system, shape, &workload, plan.clone()));
            moved.collect::<Result<Vec<_>, _>>()
        };
        let one = sample(SMALL, 1, LINK, true, times)?;
        let many = sample(SMALL, MANY, LINK, true, times)?;
        let few = times.min(3);
        let (still, still_many) = (
            sample(SMALL, 1, LINK, false, few)?,
            sample(SMALL, MANY, LINK, false, few)?,
        );
        let large = sample(LARGE, 1, LARGE_LINK, false, few)?;
        let per_vcpu = |of: fn(&Moved) -> Duration| each(of_all(&one, of), of_all(&many, of));
        let per_gib = |of: fn(&Moved) -> Duration| {
            let gib = LARGE.saturating_sub(SMALL).as_f64() / Bytes::GIB.as_f64();
            of_all(&large, of).saturating_sub(of_all(&still, of)).div_f64(gib)
        };
        let setup_per_gib = per_gib(|moved| moved.setup);
        let small_pages = setup_per_gib.mul_f64(SMALL.as_f64() / Bytes::GIB.as_f64());
        let (state, state_many) = (in_pause(&still), in_pause(&still_many));
        Ok(Self {
            setup: of_all(&still, |moved| moved.setup).saturating_sub(small_pages),
            setup_per_gib,
            log_start: per_gib(|moved| moved.full_copy),
            round: median(one.iter().flat_map(|moved| moved.turns.iter().copied()).collect()),
            pause: of_all(&one, pause),
            pause_per_vcpu: per_vcpu(pause),
            state,
            state_per_vcpu: Bytes(state_many.saturating_sub(state).0 / u64::from(MANY - 1)),
            hand_over: of_all(&one, |moved| moved.parts.commit),
            resume: of_all(&one, resume),
            resume_per_vcpu: per_vcpu(resume),
        })
    }

    /// The times, each by its key of `timings`.
    pub const fn times(&self) -> [(&'static str, Duration); 10] {
        [
            ("setup", self.setup),
            ("setup_per_gib", self.setup_per_gib),
            ("round", self.round),
            ("log_start", self.log_start),
            ("pause", self.pause),
            ("pause_per_vcpu", self.pause_per_vcpu),
            ("csv_hand_over", self.hand_over),
            ("lun_hand_over", self.hand_over),
            ("resume", self.resume),
            ("resume_per_vcpu", self.resume_per_vcpu),
        ]
    }

    /// The bytes likewise.
    pub const fn bytes(&self) -> [(&'static str, Bytes); 2] {
        [("state", self.state), ("state_per_vcpu", self.state_per_vcpu)]
    }

    /// Has a policy's migrations take what they take on this host, and look on the wire as they do here.
    pub fn put(&self, policy: &mut MigrationPolicySpec) {
        let none = Some(SimDuration::ZERO);
        policy.timings = TimingsSpec {
            validation: none,
            setup: Some(time(self.setup)),
            setup_per_gib: Some(time(self.setup_per_gib)),
            round: Some(time(self.round)),
            log_start: Some(time(self.log_start)),
            pause: Some(time(self.pause)),
            pause_per_vcpu: Some(time(self.pause_per_vcpu)),
            state: Some(self.state),
            state_per_vcpu: Some(self.state_per_vcpu),
            csv_hand_over: Some(time(self.hand_over)),
            lun_hand_over: Some(time(self.hand_over)),
            resume: Some(time(self.resume)),
            resume_per_vcpu: Some(time(self.resume_per_vcpu)),
            announce: none,
            clean_up: none,
            roll_back: policy.timings.roll_back,
        };
        policy.wire = wire();
    }
}

/// What describes pages on the wire of this crate.
pub fn wire() -> WireSpec {
    WireSpec {
        run_header: Bytes(RUN_HEADER as u64),
        frame_header: Bytes(FRAME_HEADER as u64),
        frame_pages: FRAME_PAGES as u32,
    }
}

const fn writer() -> PageClass {
    PageClass {
        size: Some(WRITTEN),
        rate: RATE,
        pattern: WritePattern::Random,
    }
}

fn pause(moved: &Moved) -> Duration {
    moved.parts.stop + moved.parts.log + moved.parts.save
}

fn resume(moved: &Moved) -> Duration {
    moved.loaded + moved.parts.resume
}

fn in_pause(moved: &[Moved]) -> Bytes {
    let mut bytes: Vec<u64> = moved.iter().map(|moved| moved.in_pause).collect();
    bytes.sort_unstable();
    Bytes(bytes.get(bytes.len() / 2).copied().unwrap_or_default())
}

/// What each processor beyond the first adds.
fn each(one: Duration, many: Duration) -> Duration {
    many.saturating_sub(one) / (MANY - 1)
}

fn of_all(moved: &[Moved], of: fn(&Moved) -> Duration) -> Duration {
    median(moved.iter().map(of).collect())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn time(time: Duration) -> SimDuration {
    SimDuration::from_nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}
