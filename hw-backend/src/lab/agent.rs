//! The agent: a host's guests and migrations, on orders that come over its standard input.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use twinrack_control::migration::Command;
use twinrack_scenario::spec::expect::Backend;
use twinrack_scenario::units::Ratio;
use twinrack_scenario::{MigrationId, Scenario, VmId};

use super::client::Pulses;
use super::frame;
use super::incoming::{self, Waiting};
use super::kept::{self, Writing};
use super::outgoing::{self, Orders, Start};
use super::processors::Processors;
use super::protocol::{Answer, Ask, Closing, Order, Said, Word};
use super::usage::{self, UsageMeter};
use crate::guest::layout::GuestPages;
use crate::guest::machine::{Machine, Shape};
use crate::guest::workload::Workload;
use crate::kvm::{Backing, DirtyMechanism, System};
use crate::migrate::pace::Grant;
use crate::migrate::{Claim, Owner};

/// A guest of this host, and since when.
pub(super) struct Guest {
    pub machine: Machine,
    pub since: Instant,
}

/// A migration away from here, as the orders see it.
struct Leaving {
    vm: VmId,
    thread: JoinHandle<()>,
    commands: Sender<Command>,
    cancel: Arc<AtomicBool>,
    owner: Sender<Owner>,
    grant: Grant,
}

/// What the threads of an agent share.
pub(super) struct Shared {
    pub system: System,
    /// Where others reach this agent.
    pub address: IpAddr,
    pub guests: Mutex<BTreeMap<VmId, Guest>>,
    /// Of every guest that runs here, also while it is on its way out.
    pub pulses: Pulses,
    pub usage: UsageMeter,
    out: Mutex<Box<dyn Write + Send>>,
    began: Instant,
}

/// Takes a lock; what it guards is whole after every step, also where a thread panicked.
pub(super) fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// A guest runs here from now on.
    pub fn keep(&self, vm: VmId, machine: Machine, since: Instant) {
        self.pulses.watch(vm, &machine);
        self.usage.watch(vm, &machine);
        locked(&self.guests).insert(vm, Guest { machine, since });
    }

    /// A guest does not run here any more.
    pub fn forget(&self, vm: VmId) {
        self.pulses.forget(vm);
        self.usage.forget(vm);
    }

    /// Says something. A controller that no longer listens has closed the input too, which ends the agent.
    pub fn say(&self, said: Said) {
        let at_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let _ = frame::write(&mut *locked(&self.out), &Word { at_ns, said });
    }
}

/// An agent.
struct Agent {
    shared: Arc<Shared>,
    /// What it could run on before any was parked.
    processors: Processors,
    scenario: Option<Arc<Scenario>>,
    leaving: BTreeMap<MigrationId, Leaving>,
    coming: BTreeMap<MigrationId, Waiting>,
    writing: BTreeMap<MigrationId, Writing>,
    /// Threads of migrations that are over, which give back what is still here.
    returning: Vec<(VmId, JoinHandle<()>)>,
}

/// Serves orders until the input closes; then all guests end. Others reach it at `address`.
pub fn serve(mut orders: impl Read, words: Box<dyn Write + Send>, address: IpAddr) -> io::Result<()> {
    let system = System::open().map_err(io::Error::other)?;
    let shared = Arc::new(Shared {
        system,
        address,
        guests: Mutex::default(),
        pulses: Pulses::default(),
        usage: UsageMeter::default(),
        out: Mutex::new(words),
        began: Instant::now(),
    });
    let mut agent = Agent {
        shared,
        processors: Processors::allowed()?,
        scenario: None,
        leaving: BTreeMap::new(),
        coming: BTreeMap::new(),
        writing: BTreeMap::new(),
        returning: Vec::new(),
    };
    while let Some(Order { id, ask }) = frame::read(&mut orders)? {
        let answer = agent.carry_out(ask);
        agent.shared.say(Said::Answer { id, answer });
    }
    Ok(())
}

/// What a guest of the scenario is made of here.
pub(super) fn shape(system: &System, scenario: &Scenario, vm: VmId) -> Shape {
    let spec = scenario.vm(vm);
    Shape {
        memory: spec.memory.value,
        vcpus: spec.processors(),
        backing: Backing::Anonymous,
        pages: GuestPages::Small,
        mechanism: DirtyMechanism::best(system),
    }
}

fn workload(scenario: &Scenario, vm: VmId, cpu: Ratio) -> Workload {
    Workload::of(scenario.vm(vm), cpu)
}

impl Agent {
    fn scenario(&self, vm: VmId) -> Result<Arc<Scenario>, String> {
        let scenario = self.scenario.clone().ok_or("no scenario was given yet")?;
        if vm.0 < scenario.vms.len() {
            Ok(scenario)
        } else {
            Err(format!("the scenario has no VM {}", vm.0))
        }
    }

    /// Waits until a guest whose migration is over is back, or gone, before an order that needs to know.
    fn await_return(&mut self, ask: &Ask) {
        let needs = |vm: VmId| match ask {
            Ask::SetCpu { vm: of, .. }
            | Ask::Stop { vm: of }
            | Ask::Send { vm: of, .. }
            | Ask::Save { vm: of, .. }
            | Ask::Restore { vm: of, .. } => *of == vm,
            Ask::List => true,
            _ => false,
        };
        for (_, thread) in self.returning.extract_if(.., |(vm, _)| needs(*vm)) {
            // One that panicked has already said so, and its guest is gone.
            let _ = thread.join();
        }
    }

    fn carry_out(&mut self, ask: Ask) -> Result<Answer, String> {
        self.await_return(&ask);
        match ask {
            Ask::Configure { yaml, scaled } => {
                let body = if scaled { Backend::Kvm } else { Backend::Sim };
                let scenario = Scenario::from_yaml_for(body, &yaml).map_err(|error| error.to_string())?;
                self.scenario = Some(Arc::new(scenario));
                let port = self.shared.pulses.answer_clients(self.shared.address);
                port.map(Answer::Port)
                    .map_err(|error| format!("a port for clients: {error}"))
            }
            Ask::Ping => Ok(Answer::Done),
            Ask::Report { every_ns } => {
                usage::report(&self.shared, Duration::from_nanos(every_ns));
                Ok(Answer::Done)
            }
            Ask::List => Ok(Answer::Guests(
                locked(&self.shared.guests).keys().copied().collect(),
            )),
            Ask::Start { vm, cpu } => self.start(vm, cpu),
            Ask::SetCpu { vm, cpu } => self.set_cpu(vm, cpu),
            Ask::Park { first, awake } => {
                self.processors.confine(first, awake)?;
                Ok(Answer::Done)
            }
            Ask::Stop { vm } => self.stop(vm),
            Ask::Receive {
                migration,
                vm,
                secret,
            } => {
                let scenario = self.scenario(vm)?;
                let room = shape(&self.shared.system, &scenario, vm);
                let (port, waiting) = incoming::listen(&self.shared, migration, vm, room, secret)?;
                self.coming.insert(migration, waiting);
                Ok(Answer::Port(port))
            }
            Ask::Send {
                migration,
                vm,
                kind,
                untouched,
                address,
                secret,
            } => {
                let start = Start {
                    migration,
                    vm,
                    kind,
                    untouched,
                    address,
                    secret,
                };
                self.send(start)
            }
            Ask::Save { migration, vm, kept } => {
                let writing = kept::save(&self.shared, migration, vm, kept)?;
                self.writing.insert(migration, writing);
                Ok(Answer::Done)
            }
            Ask::Restore { migration, vm, kept } => {
                let scenario = self.scenario(vm)?;
                let shape = shape(&self.shared.system, &scenario, vm);
                let writing = self.writing.remove(&migration);
                kept::restore(&self.shared, migration, vm, kept, shape, writing);
                Ok(Answer::Done)
            }
            Ask::Step { migration, command } => self.step(migration, command),
            Ask::Grant { migration, rate } => {
                let leaving = self.leaving.get(&migration).ok_or("no such migration")?;
                leaving.grant.set(rate);
                Ok(Answer::Done)
            }
            Ask::End { migration } => {
                if let Some(Leaving { vm, thread, .. }) = self.leaving.remove(&migration) {
                    self.returning.retain(|(_, thread)| !thread.is_finished());
                    self.returning.push((vm, thread));
                }
                if let Some(waiting) = self.coming.remove(&migration) {
                    waiting.give_up();
                }
                if let Some(writing) = self.writing.remove(&migration) {
                    writing.give_up();
                }
                Ok(Answer::Done)
            }
            Ask::Settle { migration } => {
                let claim: &Claim = &self.coming.get(&migration).ok_or("no such migration")?.claim;
                Ok(Answer::Taken(!claim.refuse()))
            }
            Ask::Owner { migration, target } => self.owner(migration, target),
        }
    }

    fn step(&self, migration: MigrationId, command: Command) -> Result<Answer, String> {
        let leaving = self.leaving.get(&migration).ok_or("no such migration")?;
        if matches!(command, Command::Abort) {
            leaving.cancel.store(true, Ordering::Relaxed);
        }
        leaving
            .commands
            .send(command)
            .map_err(|_| "the migration is over".to_owned())?;
        Ok(Answer::Done)
    }

    /// It is known who has a guest whose source lost its link after the commit.
    fn owner(&self, migration: MigrationId, target: Option<bool>) -> Result<Answer, String> {
        let leaving = self.leaving.get(&migration).ok_or("no such migration")?;
        let owner = match target {
            Some(true) => Owner::Target,
            Some(false) => Owner::Source,
            None => Owner::Unknown,
        };
        leaving
            .owner
            .send(owner)
            .map_err(|_| "the migration is over".to_owned())?;
        Ok(Answer::Done)
    }

    fn start(&self, vm: VmId, cpu: Ratio) -> Result<Answer, String> {
        let scenario = self.scenario(vm)?;
        let shape = shape(&self.shared.system, &scenario, vm);
        let made = Machine::new(&self.shared.system, shape, &workload(&scenario, vm, cpu));
        let mut machine = made.map_err(|error| error.to_string())?;
        machine.run().map_err(|error| error.to_string())?;
        self.shared.keep(vm, machine, Instant::now());
        Ok(Answer::Done)
    }

    fn set_cpu(&self, vm: VmId, cpu: Ratio) -> Result<Answer, String> {
        let scenario = self.scenario(vm)?;
        let mut guests = locked(&self.shared.guests);
        let machine = &mut guests.get_mut(&vm).ok_or("the guest is not here")?.machine;
        let workload = workload(&scenario, vm, cpu);
        let mut set = || {
            machine.pause()?;
            let placed = machine.place(&workload)?;
            for (vcpu, khz) in machine.tsc_khz()?.into_iter().enumerate() {
                workload.install(&placed, machine.memory(), vcpu as u32, khz)?;
            }
            machine.run()
        };
        set().map_err(|error| error.to_string())?;
        Ok(Answer::Done)
    }

    fn stop(&self, vm: VmId) -> Result<Answer, String> {
        let scenario = self.scenario(vm)?;
        let guest = locked(&self.shared.guests).remove(&vm);
        let Guest { mut machine, since } = guest.ok_or("the guest is not here")?;
        self.shared.forget(vm);
        let mut close = || {
            machine.pause()?;
            let ran_s = since.elapsed().as_secs_f64();
            let audit = machine.audit(&workload(&scenario, vm, Ratio::ONE))?;
            let exits = (0..machine.shape().vcpus as usize)
                .map(|vcpu| machine.stat(vcpu, "exits"))
                .collect::<Result<Vec<_>, _>>()?;
            Ok::<_, crate::guest::machine::MachineError>(audit.map(|audit| Closing {
                pages: audit.pages,
                writes: audit.writes,
                busy_s: machine.busy().map(|busy| busy.as_secs_f64()),
                exits: exits.into_iter().sum(),
                ran_s,
            }))
        };
        match close() {
            Ok(Ok(closing)) => Ok(Answer::Stopped(closing)),
            Ok(Err(damage)) => Err(format!("its memory is damaged: {damage}")),
            Err(error) => Err(error.to_string()),
        }
    }

    fn send(&mut self, start: Start) -> Result<Answer, String> {
        let scenario = self.scenario(start.vm)?;
        let id = start.migration;
        let (commands, commands_out) = std::sync::mpsc::channel();
        let (owner, owner_out) = std::sync::mpsc::channel();
        let cancel = Arc::new(AtomicBool::new(false));
        let vm = start.vm;
        let grant = self.shared.usage.grant(id);
        let orders = Orders {
            commands: commands_out,
            answer: owner_out,
            cancel: cancel.clone(),
            grant: grant.clone(),
        };
        let thread = outgoing::begin(&self.shared, &scenario, start, orders)?;
        let leaving = Leaving {
            vm,
            thread,
            commands,
            cancel,
            owner,
            grant,
        };
        self.leaving.insert(id, leaving);
        Ok(Answer::Done)
    }
}
