//! Two ends in one process, joined by a relay that can be told to cut the connection or to go deaf.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use twinrack_control::migration::Plan;
use twinrack_control::migration::plan::Subject;
use twinrack_scenario::decode::{Decoder, Field};
use twinrack_scenario::fault::SourceId;
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::spec::guest::WritePattern;
use twinrack_scenario::spec::migration::MigrationPolicySpec;
use twinrack_scenario::units::{BitsPerSecond, Bytes, PerSecond};
use twinrack_scenario::{HostId, MigrationId};

use super::super::MigrateError;
use super::super::alone::{self, Ended, Failed};
use super::super::claim::{Claim, Referee};
use super::super::source::Source;
use super::super::target::{Arrived, Room, receive};
use super::super::wire::{Protection, Secret};
use crate::guest::layout::GuestPages;
use crate::guest::machine::{Machine, Shape};
use crate::guest::workload::{PageClass, Workload};
use crate::kvm::{Backing, DirtyMechanism, System};

/// For a guest that stands still: emulated processors on a busy machine are a hundred times slower than real ones.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn shape(mechanism: DirtyMechanism) -> Shape {
    Shape {
        memory: Bytes(16 << 20),
        vcpus: 1,
        backing: Backing::Anonymous,
        pages: GuestPages::Small,
        mechanism,
    }
}

pub(super) fn dirtying(rate: f64) -> Workload {
    let class = PageClass {
        size: Some(Bytes(4 << 20)),
        rate: PerSecond(rate),
        pattern: WritePattern::Random,
    };
    Workload::dirtying(vec![class])
}

/// Ten rounds at most, stopping where a millisecond's worth is left.
pub(super) fn plan(bandwidth: Option<BitsPerSecond>) -> Plan {
    let mut plan = plan_of("{policy: {hyperv-r2: {threshold_pages: 64, threshold_time: 1ms}}}");
    plan.bandwidth = bandwidth;
    plan
}

/// The plan of a policy as a scenario writes it.
pub(super) fn plan_of(yaml: &str) -> Plan {
    let subject = Subject {
        volume: VolumeKind::Local,
        ..Subject::of_size(Bytes(16 << 20))
    };
    Plan::live(&policy(yaml), subject)
}

/// A migration about to be run, and what has come of it.
pub(super) struct Run<'a> {
    system: &'a System,
    workload: Workload,
    machine: Option<Machine>,
    pub(super) room: Room,
    pub(super) cancel: Arc<AtomicBool>,
    /// Asked about a lost commit; the target's own claim when absent.
    pub(super) referee: Option<Box<dyn Referee>>,
    /// Bytes from source to target after which the relay cuts both ways.
    pub(super) cut_after: Option<u64>,
    /// The byte from source to target of which the relay changes a bit.
    pub(super) damage: Option<u64>,
    /// How long the source waits before it pauses the guest.
    pub(super) linger: Duration,
    /// The relay swallows what the target says behind the bytes of its `Loaded`.
    pub(super) deaf_after_loaded: bool,
    pub(super) arrived: Option<Arrived>,
    pub(super) refusal: Option<MigrateError>,
}

impl<'a> Run<'a> {
    /// A guest that has begun to run.
    pub(super) fn new(system: &'a System, shape: Shape, workload: Workload) -> Self {
        let mut machine = Machine::new(system, shape, &workload).expect("a guest");
        machine.run().expect("it runs");
        let room = Room::of(&shape);
        Self {
            system,
            workload,
            machine: Some(machine),
            room,
            cancel: Arc::default(),
            referee: None,
            cut_after: None,
            damage: None,
            linger: Duration::ZERO,
            deaf_after_loaded: false,
            arrived: None,
            refusal: None,
        }
    }

    /// Waits until the guest has begun to write.
    pub(super) fn until_it_writes(&mut self) {
        until_heartbeat(self.machine.as_mut().expect("a guest"), 1);
    }

    /// Runs the migration, both ends.
    pub(super) fn go(&mut self, plan: Plan) -> Result<Ended, Failed> {
        let (near, far) = self.relayed();
        let secret = Secret::new().expect("random numbers");
        let claim = Claim::default();
        let referee = self.referee.take().unwrap_or_else(|| Box::new(claim.clone()));
        let machine = self.machine.take().expect("a guest");
        let (system, room) = (self.system, self.room.clone());
        let (ended, received) = thread::scope(|scope| {
            let target = scope.spawn(|| whole(receive(system, far, secret, room, &claim)?));
            let mut source =
                Source::new(machine, near, secret, &plan, self.cancel.clone(), referee).expect("a source");
            source.linger = self.linger;
            let ended = alone::migrate(system, source, plan, MigrationId(1), HostId(1));
            (ended, target.join().expect("no panic"))
        });
        match received {
            Ok(arrived) => self.arrived = Some(arrived),
            Err(error) => self.refusal = Some(error),
        }
        ended
    }

    /// The guest that has come goes next.
    pub(super) fn turn_round(&mut self) {
        let machine = self.arrived.take().expect("it came").machine;
        self.machine = Some(machine);
    }

    pub(super) fn received(&self) -> u64 {
        self.arrived.as_ref().expect("it came").received
    }

    pub(super) fn arrived_heartbeat(&self) -> u64 {
        let machine = self
            .arrived
            .as_ref()
            .map(|arrived| &arrived.machine)
            .or(self.machine.as_ref());
        machine.expect("a guest").counters(0).expect("counters").heartbeat
    }

    /// Looks at every page of the guest that has come, and lets it go on.
    pub(super) fn arrived_is_whole(&mut self) {
        let machine = &mut self.arrived.as_mut().expect("it came").machine;
        machine.pause().expect("paused");
        machine.audit(&self.workload).expect("read").expect("whole");
        machine.run().expect("it runs");
    }

    pub(super) fn arrived_goes_on_and_is_whole(&mut self, heartbeat: u64) {
        let arrived = self.arrived.take().map(|arrived| arrived.machine);
        let machine = arrived.or_else(|| self.machine.take()).expect("a guest");
        goes_on_and_is_whole(machine, &self.workload, heartbeat);
    }

    pub(super) fn stayed_goes_on_and_is_whole(&self, machine: Machine) {
        let heartbeat = machine.counters(0).expect("counters").heartbeat;
        goes_on_and_is_whole(machine, &self.workload, heartbeat);
    }

    /// Two ends of a connection through the relay.
    fn relayed(&self) -> (TcpStream, TcpStream) {
        let (near, near_relay) = connection();
        let (far_relay, far) = connection();
        if self.cut_after.is_none() && self.damage.is_none() && !self.deaf_after_loaded {
            // No relay between: the ends of the first connection.
            return (near, near_relay);
        }
        let (forth_from, forth_to) = (
            near_relay.try_clone().expect("a clone"),
            far_relay.try_clone().expect("a clone"),
        );
        let (most, damage) = (self.cut_after.unwrap_or(u64::MAX), self.damage);
        thread::spawn(move || relay(forth_from, forth_to, most, damage));
        // Ready, an ack a round and Loaded, then silence: Taken is the first frame behind the pause.
        let deaf = self.deaf_after_loaded;
        thread::spawn(move || {
            if deaf {
                relay_until_taken(far_relay, near_relay);
            } else {
                relay(far_relay, near_relay, u64::MAX, None);
            }
        });
        (near, far)
    }
}

/// The guest when all its pages have come.
fn whole(mut arrived: Arrived) -> Result<Arrived, MigrateError> {
    if let Some(mut following) = arrived.following.take()
        && let Err(error) = following.finish()
    {
        following.abandon(arrived.machine);
        return Err(error);
    }
    Ok(arrived)
}

pub(super) fn goes_on_and_is_whole(mut machine: Machine, workload: &Workload, heartbeat: u64) {
    until_heartbeat(&mut machine, heartbeat + 50);
    machine.pause().expect("paused");
    machine.audit(workload).expect("read").expect("whole");
}

fn until_heartbeat(machine: &mut Machine, least: u64) {
    let began = Instant::now();
    while machine.counters(0).expect("counters").heartbeat < least {
        assert!(began.elapsed() < LIMIT, "it stands still: {:?}", machine.pause());
        thread::sleep(Duration::from_millis(1));
    }
}

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
    (near, listener.accept().expect("accepted").0)
}

/// Passes `most` bytes on, one bit of byte `damage` changed, then cuts both connections.
fn relay(mut from: TcpStream, mut to: TcpStream, most: u64, mut damage: Option<u64>) {
    let mut bytes = vec![0; 16 << 10];
    let mut left = most;
    while left > 0 {
        let room = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match from.read(&mut bytes[..room]) {
            Ok(0) | Err(_) => break,
            Ok(read) if damage.is_some_and(|at| at < read as u64) => {
                bytes[damage.take().unwrap_or(0) as usize] ^= 1;
                if to.write_all(&bytes[..read]).is_err() {
                    break;
                }
                left -= read as u64;
            }
            Ok(read) if to.write_all(&bytes[..read]).is_err() => break,
            Ok(read) => {
                left -= read as u64;
                damage = damage.map(|at| at - read as u64);
            }
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Passes whole frames on until one of kind `Taken`, then cuts the way back.
fn relay_until_taken(mut from: TcpStream, mut to: TcpStream) {
    const TAKEN: u8 = 11;
    loop {
        let mut head = [0; 16];
        if from.read_exact(&mut head).is_err() || head[4] == TAKEN {
            break;
        }
        let len = u32::from_le_bytes([head[5], head[6], head[7], 0]) as usize;
        let mut rest = vec![0; len + Protection::OVERHEAD - head.len()];
        if from.read_exact(&mut rest).is_err() || to.write_all(&[&head, &rest[..]].concat()).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// A policy as a scenario writes it.
fn policy(yaml: &str) -> MigrationPolicySpec {
    let (node, faults) = twinrack_scenario::yaml::parse(yaml, SourceId(0)).expect("valid YAML");
    let mut decoder = Decoder::default();
    decoder.faults = faults;
    let spec = MigrationPolicySpec::decode(&node, &mut decoder);
    assert_eq!(decoder.faults, []);
    spec.expect("no faults")
}
