//! The agent: a host's guests and migrations, on orders that come over its standard input.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use twinrack_control::migration::Command;
use twinrack_scenario::spec::expect::Backend;
use twinrack_scenario::{MigrationId, VmId};

use super::client::Pulses;
use super::frame;
use super::guests;
use super::incoming::{self, Waiting};
use super::kept::{self, Writing};
use super::outgoing::{self, Orders, Start};
use super::processors::Processors;
use super::protocol::{Answer, Ask, BEAT, Kept, Order, Said, StreamAsk, Word};
use super::setting::Setting;
use super::stream::routes::Routes;
use super::stream::sink::Sinks;
use super::usage::{self, UsageMeter};
use crate::guest::machine::Machine;
use crate::kvm::System;
use crate::migrate::pace::Grant;
use crate::migrate::{Claim, Owner};
use crate::probe::Capabilities;

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
    /// Streams that are received here, and where those go that are sent.
    pub sinks: Sinks,
    pub routes: Routes,
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
    setting: Option<Arc<Setting>>,
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
        sinks: Sinks::default(),
        routes: Routes::default(),
        out: Mutex::new(words),
        began: Instant::now(),
    });
    let mut agent = Agent {
        shared,
        processors: Processors::allowed()?,
        setting: None,
        leaving: BTreeMap::new(),
        coming: BTreeMap::new(),
        writing: BTreeMap::new(),
        returning: Vec::new(),
    };
    beat(&agent.shared);
    while let Some(Order { id, ask }) = frame::read(&mut orders)? {
        let answer = agent.carry_out(ask);
        agent.shared.say(Said::Answer { id, answer });
    }
    Ok(())
}

/// Says at an interval that the agent lives, whatever order it is at.
fn beat(shared: &Arc<Shared>) {
    let shared = shared.clone();
    thread::spawn(move || {
        loop {
            shared.say(Said::Alive);
            thread::sleep(BEAT);
        }
    });
}

impl Agent {
    fn setting(&self, vm: VmId) -> Result<Arc<Setting>, String> {
        let setting = self.setting.clone().ok_or("no scenario was given yet")?;
        if vm.0 < setting.scenario.vms.len() {
            Ok(setting)
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
            Ask::Configure {
                yaml,
                scaled,
                storage,
                secret,
            } => {
                let body = if scaled { Backend::Kvm } else { Backend::Sim };
                let setting = Setting::new(body, &yaml, storage, secret);
                self.configure(setting.map_err(|error| error.to_string())?)
            }
            Ask::Ping => Ok(Answer::Done),
            Ask::Probe => Ok(Answer::Can(Box::new(Capabilities::probe()))),
            Ask::Look { vm, kept } => {
                let closing = kept::look(&self.shared, &*self.setting(vm)?, vm, kept)?;
                Ok(Answer::Stopped(closing))
            }
            Ask::Report { every_ns } => {
                usage::report(&self.shared, Duration::from_nanos(every_ns));
                Ok(Answer::Done)
            }
            Ask::List => Ok(Answer::Guests(
                locked(&self.shared.guests).keys().copied().collect(),
            )),
            Ask::Start { vm, cpu } => {
                guests::start(&self.shared, &*self.setting(vm)?, vm, cpu)?;
                Ok(Answer::Done)
            }
            Ask::SetCpu { vm, cpu } => {
                guests::set_cpu(&self.shared, &*self.setting(vm)?, vm, cpu)?;
                Ok(Answer::Done)
            }
            Ask::Park { first, awake } => {
                self.processors.confine(first, awake)?;
                Ok(Answer::Done)
            }
            Ask::Stop { vm } => {
                let closing = guests::stop(&self.shared, &*self.setting(vm)?, vm)?;
                Ok(Answer::Stopped(closing))
            }
            Ask::Receive {
                migration,
                vm,
                secret,
            } => {
                let room = self
                    .setting(vm)?
                    .room(&self.shared.system, &self.shared.routes, vm)?;
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
            Ask::Restore { migration, vm, kept } => self.restore(migration, vm, kept),
            Ask::Step { migration, command } => self.step(migration, command),
            Ask::Grant { migration, rate } => {
                let leaving = self.leaving.get(&migration).ok_or("no such migration")?;
                leaving.grant.set(rate);
                Ok(Answer::Done)
            }
            Ask::End { migration } => {
                self.end(migration);
                Ok(Answer::Done)
            }
            Ask::Settle { migration } => {
                let claim: &Claim = &self.coming.get(&migration).ok_or("no such migration")?.claim;
                Ok(Answer::Taken(!claim.refuse()))
            }
            Ask::Owner { migration, target } => self.owner(migration, target),
            Ask::Stream { stream, ask } => self.stream(stream, ask),
        }
    }

    /// Keeps what the run is, and opens the ports that guests are reached at.
    fn configure(&mut self, setting: Setting) -> Result<Answer, String> {
        let Shared {
            pulses,
            sinks,
            address,
            ..
        } = &*self.shared;
        let clients = pulses.answer_clients(*address);
        let streams = sinks.listen(*address, setting.secret);
        self.setting = Some(Arc::new(setting));
        Ok(Answer::Ports {
            clients: clients.map_err(|error| format!("a port for clients: {error}"))?,
            streams: streams.map_err(|error| format!("a port for streams: {error}"))?,
        })
    }

    fn stream(&self, stream: u32, ask: StreamAsk) -> Result<Answer, String> {
        let Shared { sinks, routes, .. } = &*self.shared;
        match ask {
            StreamAsk::Receive(position) => sinks.open(stream, position),
            StreamAsk::Leave => return sinks.close(stream).map(Answer::Position),
            StreamAsk::Route(to) => routes.set(stream, Some(to)),
            StreamAsk::Grant(rate) => routes.grant(stream, rate),
        }
        Ok(Answer::Done)
    }

    fn restore(&mut self, migration: MigrationId, vm: VmId, kept: Kept) -> Result<Answer, String> {
        let room = self
            .setting(vm)?
            .room(&self.shared.system, &self.shared.routes, vm)?;
        let writing = self.writing.remove(&migration);
        kept::restore(&self.shared, migration, vm, kept, room, writing);
        Ok(Answer::Done)
    }

    /// A migration is over.
    fn end(&mut self, migration: MigrationId) {
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

    fn send(&mut self, start: Start) -> Result<Answer, String> {
        let setting = self.setting(start.vm)?;
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
        let thread = outgoing::begin(&self.shared, &setting.scenario, start, orders)?;
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
