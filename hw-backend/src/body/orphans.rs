//! Migrations whose source dies in the middle of the hand-over: whether the guest is lost is known only to the target.
//!
//! Before the commit a guest dies with its source, and after it the guest is the target's. In between the target's agent settles it, so the
//! brain hears that the source has died only when it is known whether the target has the guest.

use std::collections::BTreeSet;

use twinrack_control::fabric::{HostState, Notice};
use twinrack_control::migration::{Command, Input};
use twinrack_scenario::record::MigrationKind;
use twinrack_scenario::{HostId, MigrationId, VmId};

use super::{Body, Pending};
use crate::lab::protocol::Ask;

/// How far the hand-over of a guest has come, as it is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HandOver {
    /// It is the source's.
    #[default]
    Ahead,
    /// The source was told to commit.
    UnderWay,
    /// The source asks who has it.
    Asked,
    /// It is the target's.
    Done,
}

/// A dead host that the brain has not heard of yet.
#[derive(Debug)]
pub struct Mourned {
    host: HostId,
    lost: Vec<VmId>,
    /// Migrations of which it is not known who has the guest.
    waits: BTreeSet<MigrationId>,
}

impl Body<'_> {
    /// A host has died, and these VMs with it. The brain hears so when all hand-overs from there are settled.
    pub(super) fn mourn(&mut self, host: HostId, lost: Vec<VmId>) {
        self.settle_for_dead_target(host);
        let leaving: Vec<(MigrationId, HandOver, HostId)> = self
            .moves
            .iter()
            .filter(|(_, entry)| entry.from == host && entry.kind != MigrationKind::Quick)
            .map(|(id, entry)| (*id, entry.hand_over, entry.to))
            .collect();
        let mut waits = BTreeSet::new();
        for (id, hand_over, to) in leaving {
            match hand_over {
                HandOver::Ahead => {}
                HandOver::UnderWay | HandOver::Asked => {
                    if self.hosts[to.index()].state != HostState::Dead {
                        waits.insert(id);
                        self.ask(to, Ask::Settle { migration: id }, Pending::Settle(id));
                    }
                }
                HandOver::Done => self.inherit(id),
            }
        }
        self.mourned.push(Mourned { host, lost, waits });
        self.tell_of_the_dead();
    }

    /// Sources that ask about a guest get no answer from a target that is dead: they have it.
    fn settle_for_dead_target(&mut self, host: HostId) {
        let asked = |hand_over| matches!(hand_over, HandOver::UnderWay | HandOver::Asked);
        let open: Vec<MigrationId> = self
            .moves
            .iter()
            .filter(|(_, entry)| entry.to == host && asked(entry.hand_over))
            .map(|(id, _)| *id)
            .collect();
        for id in open {
            if self.moves.get(&id).map(|entry| entry.hand_over) == Some(HandOver::Asked) {
                self.owner_is(id, Some(false));
            }
            for mourned in &mut self.mourned {
                mourned.waits.remove(&id);
            }
        }
    }

    /// It is known whether the target has the guest of a dead source; says whether anybody waited for that.
    pub(super) fn settled_for_dead_source(&mut self, id: MigrationId, taken: bool) -> bool {
        let mut waited = false;
        for mourned in &mut self.mourned {
            waited |= mourned.waits.remove(&id);
        }
        if waited && taken {
            self.inherit(id);
        }
        self.tell_of_the_dead();
        waited
    }

    /// The guest is the target's, and the source can't say so any more, nor that it runs there. Where it has, this is an echo.
    fn inherit(&mut self, id: MigrationId) {
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        entry.hand_over = HandOver::Done;
        entry.resumed = true;
        let vm = entry.vm;
        self.handed_over(vm);
        self.tell(id, Input::StorageTaken);
        self.settle_arrival(id);
    }

    fn tell_of_the_dead(&mut self) {
        let mourned = std::mem::take(&mut self.mourned);
        for dead in mourned {
            if dead.waits.is_empty() {
                self.notices.push_back(Notice::HostDied(dead.host, dead.lost));
            } else {
                self.mourned.push(dead);
            }
        }
    }

    /// Steps that need no agent, or no source any more; says whether that was one.
    pub(super) fn step_without_source(&mut self, id: MigrationId, command: &Command) -> bool {
        let Some(entry) = self.moves.get(&id) else {
            return true;
        };
        match command {
            // No switch has to learn where this guest is, and what the source has of it goes when the migration ends.
            Command::Announce { .. } => self.tell(id, Input::Announced),
            Command::CleanUp { .. } => self.tell(id, Input::CleanedUp),
            Command::Resume { .. } => {
                // It runs already; the source, which hears so first, may be dead.
                return self.hosts[entry.from.index()].state == HostState::Dead;
            }
            _ => return false,
        }
        true
    }
}
