//! One guest moved between two ends of this process over loopback, and what was measured of it.
//!
//! The link is the sender's token bucket: of all ways to limit a rate it is the most exact, and the same on every host.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use twinrack_control::migration::Plan;
use twinrack_control::migration::plan::Subject;
use twinrack_scenario::spec::guest::{VmSpec, WritePattern};
use twinrack_scenario::spec::migration::MigrationPolicySpec;
use twinrack_scenario::units::{BitsPerSecond, Bytes, PerSecond};
use twinrack_scenario::{HostId, MigrationId, Scenario};

use crate::guest::layout::GuestPages;
use crate::guest::ledger::Damage;
use crate::guest::machine::{Machine, MachineError, Shape};
use crate::guest::workload::{PageClass, Workload};
use crate::kvm::{Backing, DirtyMechanism, System};
use crate::migrate::MigrateError;
use crate::migrate::alone::{self, Ended, Failed};
use crate::migrate::claim::Claim;
use crate::migrate::source::{PauseParts, Source};
use crate::migrate::target::{Room, receive};
use crate::migrate::wire::{Secret, WireError};

/// How long a guest runs before it is moved, so that its first faults are behind it.
const WARM_UP: Duration = Duration::from_millis(200);
/// The guest whose rounds and pause are measured: four rounds or so, and a pause of some ten milliseconds.
const SAMPLE_MEMORY: Bytes = Bytes(64 << 20);
const SAMPLE_WRITTEN: Bytes = Bytes(12 << 20);
const SAMPLE_RATE: PerSecond = PerSecond(15_000.0);
const SAMPLE_CAP: BitsPerSecond = BitsPerSecond(1_000_000_000);

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The scenario has no VM to move.
    #[error("the scenario has no VM to move")]
    NoVm,
    /// The guest can't be made, or broke.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The migration failed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// Nobody knows who has the guest.
    #[error("it is in doubt who has the guest")]
    InDoubt,
    /// The guest arrived damaged.
    #[error("the guest arrived damaged: {0:?}")]
    Damaged(Damage),
    /// One end of this process panicked.
    #[error("the receiving end panicked")]
    Panicked,
    /// A connection.
    #[error("loopback: {0}")]
    Loopback(#[from] std::io::Error),
}

impl From<Failed> for MeasureError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Broken(error) => error.into(),
            Failed::InDoubt(_) => Self::InDoubt,
        }
    }
}

impl From<crate::kvm::Error> for MeasureError {
    fn from(error: crate::kvm::Error) -> Self {
        MachineError::from(error).into()
    }
}

/// What was measured of one migration.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// Rounds of pre-copy.
    pub rounds: u32,
    /// Brown-out and downtime, in seconds.
    pub total: f64,
    /// Downtime, in seconds.
    pub downtime: f64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Of these, what was neither a round nor a page of the pause.
    pub state: u64,
    /// What the pause consisted of.
    pub parts: PauseParts,
    /// Time of each round after the full copy beyond what its bytes take at the cap.
    pub turns: Vec<Duration>,
    /// Bytes sent in the pause.
    pub in_pause: u64,
}

impl Moved {
    fn of(ended: &Ended, cap: BitsPerSecond) -> Self {
        let report = &ended.report;
        let seconds = |duration: twinrack_scenario::units::SimDuration| duration.as_secs_f64();
        // Watching the memory begins with the full copy, which is no turn like the others.
        let later = report.rounds.iter().skip(1);
        let rounds: Bytes = report.rounds.iter().map(|round| round.sent).sum();
        Self {
            rounds: u32::try_from(report.rounds.len()).unwrap_or(u32::MAX),
            total: seconds(report.brownout) + seconds(report.downtime),
            downtime: seconds(report.downtime),
            bytes: report.sent.0,
            state: report
                .sent
                .saturating_sub(rounds)
                .saturating_sub(report.left_at_pause)
                .0,
            parts: ended.parts,
            turns: later
                .map(|round| beyond(Duration::from_nanos(round.elapsed.as_nanos()), round.sent, cap))
                .collect(),
            in_pause: report.sent.saturating_sub(rounds).0,
        }
    }
}

/// What a move takes on this host beside its pages: the medians of some moves of a guest that writes, none of them a case
/// that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fixed {
    /// From the last byte of a round until the next begins.
    pub round: Duration,
    /// Stopping the processors, reading the log and the state.
    pub pause: Duration,
    /// Bytes of the state.
    pub state: Bytes,
    /// Until the target has taken the guest.
    pub hand_over: Duration,
    /// Loading the state and starting the processors.
    pub resume: Duration,
}

impl Fixed {
    /// The medians of `times` moves of a small guest with the processors of the scenario's first VM.
    pub fn measure(system: &System, scenario: &Scenario, times: usize) -> Result<Self, MeasureError> {
        let vm = scenario.spec.vms.first().ok_or(MeasureError::NoVm)?;
        let shape = shape(system, SAMPLE_MEMORY, processors(vm));
        let plan = Plan {
            bandwidth: Some(SAMPLE_CAP),
            ..plan(&scenario.spec.policies.migration, shape.memory)
        };
        let class = PageClass {
            size: Some(SAMPLE_WRITTEN),
            rate: SAMPLE_RATE,
            pattern: WritePattern::Random,
        };
        let workload = Workload::dirtying(vec![class]);
        let moved: Vec<Moved> = (0..times)
            .map(|_| once(system, shape, &workload, plan.clone()))
            .collect::<Result<_, _>>()?;
        let part = |part: fn(&Moved) -> Duration| median(moved.iter().map(part).collect());
        Ok(Self {
            round: median(
                moved
                    .iter()
                    .flat_map(|moved| moved.turns.iter().copied())
                    .collect(),
            ),
            pause: part(|moved| moved.parts.stop + moved.parts.log + moved.parts.save),
            state: Bytes(moved.first().map_or(0, |moved| moved.state)),
            hand_over: part(|moved| moved.parts.commit),
            resume: part(|moved| {
                beyond(moved.parts.copy, Bytes(moved.in_pause), SAMPLE_CAP) + moved.parts.resume
            }),
        })
    }
}

/// What a time was longer than so many bytes take at the cap.
fn beyond(took: Duration, sent: Bytes, cap: BitsPerSecond) -> Duration {
    took.saturating_sub(Duration::from_nanos(sent.at(cap).as_nanos()))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn shape(system: &System, memory: Bytes, vcpus: u32) -> Shape {
    Shape {
        memory,
        vcpus,
        backing: Backing::Anonymous,
        pages: GuestPages::Small,
        mechanism: DirtyMechanism::best(system),
    }
}

fn plan(policy: &MigrationPolicySpec, memory: Bytes) -> Plan {
    Plan::live(policy, Subject::of_size(memory))
}

/// Moves the first VM of a scenario once, at the rate and by the policy that the scenario says.
pub fn first_vm(system: &System, scenario: &Scenario) -> Result<Moved, MeasureError> {
    let vm = scenario.spec.vms.first().ok_or(MeasureError::NoVm)?;
    let shape = shape(system, vm.memory.value, processors(vm));
    let plan = plan(&scenario.spec.policies.migration, vm.memory.value);
    once(system, shape, &writer(vm), plan)
}

fn processors(vm: &VmSpec) -> u32 {
    vm.vcpus.as_ref().map_or(1, |vcpus| vcpus.value)
}

/// The guest's page writes at their full rates.
fn writer(vm: &VmSpec) -> Workload {
    let classes = vm.dirtying.iter().map(|class| PageClass {
        size: class.size,
        rate: class.rate,
        pattern: class.pattern,
    });
    Workload::dirtying(classes.collect())
}

fn once(system: &System, shape: Shape, workload: &Workload, plan: Plan) -> Result<Moved, MeasureError> {
    let mut machine = Machine::new(system, shape, workload)?;
    machine.run()?;
    thread::sleep(WARM_UP);
    let (near, far) = connection()?;
    let secret = Secret::new()
        .map_err(WireError::from)
        .map_err(MigrateError::from)?;
    let claim = Claim::default();
    let room = Room::of(&shape);
    let referee = Box::new(claim.clone());
    let source = Source::new(machine, near, secret, &plan, Arc::default(), referee)?;
    let cap = plan.bandwidth.unwrap_or(BitsPerSecond(u64::MAX));
    let (ended, arrived) = thread::scope(|scope| {
        let target = scope.spawn(|| receive(system, far, secret, room, &claim));
        let ended = alone::migrate(system, source, plan, MigrationId(0), HostId(1));
        (ended, target.join())
    });
    let ended = ended?;
    let mut arrived = arrived.map_err(|_| MeasureError::Panicked)??;
    arrived.machine.pause()?;
    arrived.machine.audit(workload)?.map_err(MeasureError::Damaged)?;
    Ok(Moved::of(&ended, cap))
}

pub(super) fn connection() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    Ok((near, listener.accept()?.0))
}
