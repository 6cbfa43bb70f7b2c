//! One guest moved between two ends of this process over loopback, and what was measured of it.
//!
//! The link is the sender's token bucket: of all ways to limit a rate it is the most exact, and the same on every host.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use twinrack_control::migration::plan::Subject;
use twinrack_control::migration::round::Round;
use twinrack_control::migration::{Plan, Report, Step};
use twinrack_scenario::spec::guest::VmSpec;
use twinrack_scenario::spec::migration::MigrationPolicySpec;
use twinrack_scenario::units::{BitsPerSecond, Bytes};
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
    /// Of these, those sent in the pause.
    pub in_pause: u64,
    /// Making the skeleton and its pages.
    pub setup: Duration,
    /// Time of the full copy beyond what its bytes take at the cap.
    pub full_copy: Duration,
    /// What the pause consisted of.
    pub parts: PauseParts,
    /// Time of each round after the full copy beyond what its bytes take at the cap.
    pub turns: Vec<Duration>,
    /// Time from the pause's first byte until the state was loaded, beyond what its bytes take at the cap.
    pub loaded: Duration,
}

impl Moved {
    fn of(ended: &Ended, cap: BitsPerSecond) -> Self {
        let report = &ended.report;
        let seconds = |duration: twinrack_scenario::units::SimDuration| duration.as_secs_f64();
        let rounds: Bytes = report.rounds.iter().map(|round| round.sent).sum();
        let in_pause = report.sent.saturating_sub(rounds);
        let beyond_cap =
            |round: &Round| beyond(Duration::from_nanos(round.elapsed.as_nanos()), round.sent, cap);
        Self {
            rounds: u32::try_from(report.rounds.len()).unwrap_or(u32::MAX),
            total: seconds(report.brownout) + seconds(report.downtime),
            downtime: seconds(report.downtime),
            bytes: report.sent.0,
            in_pause: in_pause.0,
            setup: step(report, Step::Setup),
            full_copy: report.rounds.first().map(beyond_cap).unwrap_or_default(),
            parts: ended.parts,
            // Watching the memory begins with the full copy, which is no turn like the others.
            turns: report.rounds.iter().skip(1).map(beyond_cap).collect(),
            loaded: beyond(ended.parts.copy, in_pause, cap),
        }
    }
}

/// How long a step took.
fn step(report: &Report, step: Step) -> Duration {
    let own = report.steps.iter().find(|own| own.step == step);
    own.map_or(Duration::ZERO, |own| {
        Duration::from_nanos(own.ended.since(own.began).as_nanos())
    })
}

/// What a time was longer than so many bytes take at the cap.
fn beyond(took: Duration, sent: Bytes, cap: BitsPerSecond) -> Duration {
    took.saturating_sub(Duration::from_nanos(sent.at(cap).as_nanos()))
}

pub(super) fn shape(system: &System, memory: Bytes, vcpus: u32) -> Shape {
    Shape {
        memory,
        vcpus,
        backing: Backing::Anonymous,
        pages: GuestPages::Small,
        mechanism: DirtyMechanism::best(system),
    }
}

pub(super) fn plan(policy: &MigrationPolicySpec, memory: Bytes) -> Plan {
    Plan::live(policy, Subject::of_size(memory))
}

/// Moves the first VM of a scenario once, at the rate and by the policy that the scenario says.
pub fn first_vm(system: &System, scenario: &Scenario) -> Result<Moved, MeasureError> {
    let vm = scenario.spec.vms.first().ok_or(MeasureError::NoVm)?;
    let shape = shape(system, vm.memory.value, vm.processors());
    let plan = plan(&scenario.spec.policies.migration, vm.memory.value);
    once(system, shape, &writer(vm), plan)
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

pub(super) fn once(
    system: &System,
    shape: Shape,
    workload: &Workload,
    plan: Plan,
) -> Result<Moved, MeasureError> {
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
