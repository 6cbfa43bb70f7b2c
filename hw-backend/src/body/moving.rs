//! Migrations as the KVM body carries them out: a port at the target, a connection from the source, then step by step.

use std::net::SocketAddr;
use std::time::Duration;

use twinrack_control::fabric::{HostState, Notice, Route, VmState};
use twinrack_control::limits::no_memory;
use twinrack_control::migration::{Command, Input, Refusal};
use twinrack_scenario::record::{Event, MigrationKind, Outcome};
use twinrack_scenario::units::{BitsPerSecond, Bytes};
use twinrack_scenario::{HostId, MigrationId, NetworkId, VmId};

use super::orphans::HandOver;
use super::state::spec;
use super::timers::Due;
use super::{Body, Pending};
use crate::lab::client::Client;
use crate::lab::protocol::{Answer, Ask};
use crate::migrate::source::PauseParts;
use crate::migrate::wire::Secret;

/// A migration under way.
#[derive(Debug)]
pub struct Move {
    /// The VM.
    pub vm: VmId,
    pub(super) from: HostId,
    pub(super) to: HostId,
    /// The network its memory takes.
    network: Option<NetworkId>,
    pub(super) kind: MigrationKind,
    pub(super) secret: Option<Secret>,
    /// The order to prepare, while the connection is being made.
    prepare: Option<Command>,
    reserved: Bytes,
    sent: u64,
    received: u64,
    /// The target's agent has the guest.
    pub(super) arrived: bool,
    /// What it may send at most, while it sends.
    sending: Option<BitsPerSecond>,
    /// What it was granted last.
    pub granted: Option<BitsPerSecond>,
    client: Option<Client>,
    /// The source heard that the guest runs, before the target's agent said that it has it.
    pub(super) resumed: bool,
    /// How far its hand-over has come.
    pub(super) hand_over: HandOver,
    /// A guest in a file is to be read back at the source.
    pub(super) rolls_back: bool,
}

impl Move {
    /// What it may send at most; nothing when it does not send at present.
    pub const fn sending(&self) -> Option<BitsPerSecond> {
        self.sending
    }

    /// Its network, source and target.
    pub const fn route(&self) -> (Option<NetworkId>, HostId, HostId) {
        (self.network, self.from, self.to)
    }
}

impl Body<'_> {
    /// A client that asks both ends for the guest. Without one there is no such figure.
    fn client_of(&self, route: Route) -> Option<Client> {
        let places = [route.from, route.to].map(|host| self.hosts[host.index()].clients);
        Client::of(route.vm, places.into_iter().flatten().collect()).ok()
    }

    pub(super) fn begin_move(&mut self, id: MigrationId, route: Route, kind: MigrationKind) {
        let entry = Move {
            vm: route.vm,
            from: route.from,
            to: route.to,
            network: route.network,
            kind,
            secret: Secret::new().ok(),
            prepare: None,
            reserved: Bytes::ZERO,
            sent: 0,
            received: 0,
            arrived: false,
            resumed: false,
            sending: None,
            granted: None,
            client: self.client_of(route),
            hand_over: HandOver::default(),
            rolls_back: false,
        };
        self.moves.insert(id, entry);
        self.meters.moving(self.now, 1.0);
    }

    pub(super) fn tell(&mut self, id: MigrationId, input: Input) {
        self.notices.push_back(Notice::Migration(id, input));
    }

    fn unprepared(&mut self, id: MigrationId, code: &'static str, message: String) {
        self.tell(id, Input::PrepareFailed(Refusal { code, message }));
    }

    /// Carries out an order of the brain.
    pub(super) fn step(&mut self, id: MigrationId, command: &Command) {
        if self.step_without_source(id, command) {
            return;
        }
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        if entry.kind == MigrationKind::Quick {
            return self.kept_step(id, command);
        }
        let (vm, from) = (entry.vm, entry.from);
        match command {
            Command::Validate { .. } => return self.tell(id, Input::Validated(Ok(()))),
            Command::Prepare { reserve, .. } => {
                entry.prepare = Some(command.clone());
                let reserve = *reserve;
                return self.prepare(id, reserve);
            }
            Command::HandOverStorage { .. } => entry.hand_over = HandOver::UnderWay,
            Command::PauseVm { .. } => self.halt_vm(vm, VmState::Paused),
            Command::Refuse(_) => return,
            _ => {}
        }
        let command = self.capped(id, command.clone());
        let migration = id;
        self.order(from, Ask::Step { migration, command });
    }

    /// A command with the link's rate as its limit.
    fn capped(&mut self, id: MigrationId, mut command: Command) -> Command {
        let link = self.link_rate(self.moves.get(&id).and_then(|entry| entry.network));
        let least = |limit: &mut Option<BitsPerSecond>| {
            let least = limit.map_or(link, |limit| limit.min(link));
            *limit = Some(least);
            least
        };
        let sending = match &mut command {
            Command::SendRound { rate_limit, .. }
            | Command::SendState { rate_limit, .. }
            | Command::FetchPages { rate_limit, .. } => Some(least(rate_limit)),
            _ => None,
        };
        if let Some(entry) = self.moves.get_mut(&id) {
            entry.sending = sending;
        }
        command
    }

    fn prepare(&mut self, id: MigrationId, reserve: Bytes) {
        let Some(entry) = self.moves.get(&id) else { return };
        let (vm, to) = (entry.vm, entry.to);
        let Some(secret) = entry.secret else {
            return self.unprepared(id, "HW_FAILED", "no random numbers for the secret".to_owned());
        };
        if self.reserve(id, reserve) {
            let receive = Ask::Receive {
                migration: id,
                vm,
                secret: secret.0,
            };
            self.ask(to, receive, Pending::Receive(id));
        }
    }

    /// Keeps memory of the target free for the guest; where there is not enough, that is told.
    pub(super) fn reserve(&mut self, id: MigrationId, reserve: Bytes) -> bool {
        let Some(to) = self.moves.get(&id).map(|entry| entry.to) else {
            return false;
        };
        if self.free(to) < reserve {
            self.unprepared(id, "LM_NO_MEMORY", no_memory(reserve));
            return false;
        }
        let host = &mut self.hosts[to.index()];
        host.memory_used = host.memory_used.saturating_add(reserve);
        if let Some(entry) = self.moves.get_mut(&id) {
            entry.reserved = reserve;
        }
        true
    }

    /// The target waits, or can't.
    pub(super) fn target_waits(&mut self, id: MigrationId, answer: Result<Answer, String>) {
        let port = match answer {
            Ok(Answer::Port(port)) => port,
            Ok(_) => return,
            Err(why) => return self.unprepared(id, "LM_TARGET_REFUSED", why),
        };
        let Some(entry) = self.moves.get(&id) else { return };
        let (from, vm) = (entry.from, entry.vm);
        let Some(address) = self.hosts[entry.to.index()].address else {
            return;
        };
        let send = Ask::Send {
            migration: id,
            vm,
            kind: entry.kind,
            untouched: spec(self.scenario, vm).untouched,
            address: SocketAddr::from((address, port)).to_string(),
            secret: entry.secret.map_or([0; 32], |secret| secret.0),
        };
        self.ask(from, send, Pending::Send(id));
    }

    /// The source is connected, or can't be.
    pub(super) fn source_connected(&mut self, id: MigrationId, answer: Result<Answer, String>) {
        if let Err(why) = answer {
            return self.unprepared(id, "HW_FAILED", why);
        }
        let Some(entry) = self.moves.get(&id) else { return };
        let takes = twinrack_scenario::units::SimDuration::ZERO;
        let (from, command) = (entry.from, Command::Validate { takes });
        self.order(
            from,
            Ask::Step {
                migration: id,
                command,
            },
        );
    }

    /// Something came of a step.
    pub(super) fn happened(&mut self, id: MigrationId, input: Input) {
        if self.save_happened(id, &input) {
            return;
        }
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        if entry.kind == MigrationKind::Quick {
            return self.kept_happened(id, input);
        }
        let (vm, from) = (entry.vm, entry.from);
        match &input {
            // The source's own checks come once it is connected: the brain has passed on to the set-up.
            Input::Validated(Ok(())) => {
                if let Some(command) = entry.prepare.take() {
                    self.order(
                        from,
                        Ask::Step {
                            migration: id,
                            command,
                        },
                    );
                }
                return;
            }
            Input::Validated(Err(why)) => return self.tell(id, Input::PrepareFailed(why.clone())),
            Input::RoundSent { sent, .. } | Input::StateSent { sent } | Input::PagesFetched { sent } => {
                entry.sent += sent.0;
                entry.sending = None;
            }
            Input::StorageTaken => {
                entry.hand_over = HandOver::Done;
                self.handed_over(vm);
            }
            Input::Resumed => {
                entry.resumed = true;
                return self.settle_arrival(id);
            }
            Input::RolledBack => self.run_vm(vm),
            _ => {}
        }
        self.tell(id, input);
    }

    /// The source has sent the guest and it runs: what that took.
    pub(super) fn left(&mut self, id: MigrationId, sent: u64, pause: PauseParts) {
        if let Some(entry) = self.moves.get_mut(&id) {
            entry.sent = sent;
        }
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.write(Event::MigrationBlackout {
            migration: id,
            stop_nanos: nanos(pause.stop),
            log_nanos: nanos(pause.log),
            save_nanos: nanos(pause.save),
            copy_nanos: nanos(pause.copy),
            commit_nanos: nanos(pause.commit),
            resume_nanos: nanos(pause.resume),
        });
    }

    /// The target's agent has the guest.
    pub(super) fn arrived(&mut self, id: MigrationId, received: u64) {
        if let Some(entry) = self.moves.get_mut(&id) {
            entry.arrived = true;
            entry.received = received;
        }
        self.settle_arrival(id);
    }

    /// The guest runs at the target once both ends have said so.
    pub(super) fn settle_arrival(&mut self, id: MigrationId) {
        let Some(entry) = self.moves.get(&id).filter(|entry| entry.arrived && entry.resumed) else {
            return;
        };
        let (vm, to) = (entry.vm, entry.to);
        let input = match entry.kind {
            MigrationKind::Quick => Input::Restored,
            MigrationKind::Live | MigrationKind::PostCopy => Input::Resumed,
        };
        if self.vms[vm.index()].host != Some(to) {
            self.vacate(vm, VmState::Paused);
            // Its memory there was reserved for it.
            let host = &mut self.hosts[to.index()];
            host.memory_used = host.memory_used.saturating_sub(entry_reserved(&self.moves, id));
            if let Some(entry) = self.moves.get_mut(&id) {
                entry.reserved = Bytes::ZERO;
            }
            self.occupy(vm, to, VmState::Paused);
            self.run_vm(vm);
            self.tell(id, input);
        }
    }

    /// Storage was handed over: faults that wait for it are due.
    pub(super) fn handed_over(&mut self, vm: VmId) {
        let waits = std::mem::take(&mut self.after_hand_over);
        let (due, rest): (Vec<_>, Vec<_>) = waits.into_iter().partition(|(of, ..)| *of == vm);
        self.after_hand_over = rest;
        for (_, delay, host) in due {
            self.timers.at(self.now + delay, Due::Crash(host));
        }
    }

    /// A source has lost its link after the commit: the target's agent knows who has the guest. When that agent is dead
    /// the guest is nowhere else.
    pub(super) fn who_has(&mut self, id: MigrationId) {
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        entry.hand_over = HandOver::Asked;
        let to = entry.to;
        if self.hosts[to.index()].state == HostState::Dead {
            return self.owner_is(id, Some(false));
        }
        self.ask(to, Ask::Settle { migration: id }, Pending::Settle(id));
    }

    /// It is known who has the guest, or can't be.
    pub(super) fn settled(&mut self, id: MigrationId, answer: Result<Answer, String>) {
        let target = match answer {
            Ok(Answer::Taken(taken)) => Some(taken),
            _ => None,
        };
        if !self.settled_for_dead_source(id, target == Some(true)) {
            self.owner_is(id, target);
        }
    }

    /// Tells a source that has asked whether the target has the guest.
    pub(super) fn owner_is(&mut self, migration: MigrationId, target: Option<bool>) {
        let Some(entry) = self.moves.get_mut(&migration) else {
            return;
        };
        let from = entry.from;
        entry.hand_over = if target == Some(true) {
            HandOver::Done
        } else {
            HandOver::Ahead
        };
        self.order(from, Ask::Owner { migration, target });
    }

    /// Nobody knows who has the guest: it must not run anywhere.
    pub(super) fn in_doubt(&mut self, id: MigrationId) {
        if let Some(vm) = self.moves.get(&id).map(|entry| entry.vm) {
            self.harmed(vm, "nobody knows which host has it".to_owned());
        }
    }

    /// A migration has ended: gives back what it held.
    pub(super) fn end_move(&mut self, id: MigrationId, outcome: Outcome) {
        let Some(entry) = self.moves.remove(&id) else {
            return;
        };
        for host in [entry.from, entry.to] {
            self.order(host, Ask::End { migration: id });
        }
        if entry.kind == MigrationKind::Quick && outcome != Outcome::LeftSaved {
            self.forget_file(id);
        }
        self.meters.moving(self.now, -1.0);
        *self.meters.migrated.entry(entry.network).or_default() += entry.sent;
        let host = &mut self.hosts[entry.to.index()];
        host.memory_used = host.memory_used.saturating_sub(entry.reserved);
        if let Some(client) = entry.client {
            client.finish();
            self.clients.insert(id, client);
        }
        // Of a guest whose pages follow it, what had come when it arrived is not all.
        if entry.arrived && entry.kind == MigrationKind::Live {
            self.write(Event::Transferred {
                migration: id,
                sent: entry.sent,
                received: entry.received,
            });
        }
        match outcome {
            Outcome::VmLost => self.lose_vm(entry.vm),
            Outcome::LeftSaved => self.left_saved(id, entry.vm, entry.from, entry.secret),
            _ => {}
        }
        self.tell_demand(entry.vm);
    }
}

fn entry_reserved(moves: &std::collections::BTreeMap<MigrationId, Move>, id: MigrationId) -> Bytes {
    moves.get(&id).map_or(Bytes::ZERO, |entry| entry.reserved)
}
