//! The list of actions, read off what happened in the transition.

use std::collections::BTreeMap;

use twinrack_scenario::record::{Event, Outcome, RunRecord};
use twinrack_scenario::{HostId, MigrationId, VmId};

use super::transition::{BUSY, Transition};
use super::{Action, DONE, Deed};

/// Every action in the order in which it begins.
pub fn listed(transition: &Transition, record: &RunRecord) -> Vec<Action> {
    let mut list = List {
        transition,
        record,
        actions: transition.added.iter().map(|host| added(host)).collect(),
        moves: BTreeMap::new(),
    };
    for entry in &record.events {
        list.see(entry.t_ns as f64 / 1e9, &entry.event);
    }
    list.actions
}

fn added(host: &str) -> Action {
    Action {
        deed: Deed::AddHost,
        vm: None,
        from: None,
        to: Some(host.to_owned()),
        reason: "the plan's answer has it".to_owned(),
        priority: 1,
        when_s: 0.0,
        outcome: DONE.to_owned(),
    }
}

const UNDER_WAY: &str = "still under way at the end";

struct List<'a> {
    transition: &'a Transition,
    record: &'a RunRecord,
    actions: Vec<Action>,
    /// The place of each migration in the list.
    moves: BTreeMap<MigrationId, usize>,
}

impl List<'_> {
    fn host(&self, host: HostId) -> String {
        self.record.hosts.name(host.0)
    }

    fn vm(&self, vm: VmId) -> String {
        self.record.vms.name(vm.0)
    }

    fn retires(&self, host: &String) -> bool {
        self.transition.retired.contains(host)
    }

    fn see(&mut self, when_s: f64, event: &Event) {
        match event {
            Event::VmStarted { vm, host } if self.transition.home(&self.vm(*vm)).is_none() => {
                self.push(Deed::Start, Some(*vm), None, Some(*host), when_s);
            }
            Event::VmRefused { vm, reason } if self.transition.home(&self.vm(*vm)).is_none() => {
                self.push(Deed::Start, Some(*vm), None, None, when_s);
                self.ends(self.actions.len() - 1, reason.clone());
            }
            Event::VmStopped { vm, host } => self.push(Deed::Save, Some(*vm), Some(*host), None, when_s),
            Event::MigrationRequested {
                migration,
                vm,
                from,
                to,
                ..
            } => {
                self.moves.insert(*migration, self.actions.len());
                self.push(Deed::Move, Some(*vm), Some(*from), Some(*to), when_s);
                self.ends(self.actions.len() - 1, UNDER_WAY.to_owned());
            }
            Event::MigrationEnded {
                migration,
                outcome,
                reason,
                ..
            } => {
                let Some(at) = self.moves.get(migration).copied() else {
                    return;
                };
                let done = matches!(outcome, Outcome::Completed | Outcome::CompletedNotConverged);
                let why = reason.clone().unwrap_or_else(|| format!("{outcome:?}"));
                self.ends(at, if done { DONE.to_owned() } else { why });
            }
            Event::MaintenanceReached { host } => {
                self.push(Deed::RetireHost, None, Some(*host), None, when_s);
            }
            Event::MaintenanceEnded {
                host,
                reason: Some(reason),
            } => {
                self.push(Deed::RetireHost, None, Some(*host), None, when_s);
                self.ends(self.actions.len() - 1, reason.clone());
            }
            _ => {}
        }
    }

    fn ends(&mut self, at: usize, outcome: String) {
        if let Some(action) = self.actions.get_mut(at) {
            action.outcome = outcome;
        }
    }

    fn push(&mut self, deed: Deed, vm: Option<VmId>, from: Option<HostId>, to: Option<HostId>, when_s: f64) {
        let (from, to) = (from.map(|host| self.host(host)), to.map(|host| self.host(host)));
        let (reason, priority) = self.why(deed, from.as_ref());
        self.actions.push(Action {
            deed,
            vm: vm.map(|vm| self.vm(vm)),
            from,
            to,
            reason,
            priority,
            when_s,
            outcome: DONE.to_owned(),
        });
    }

    /// Why, and how much it matters.
    fn why(&self, deed: Deed, from: Option<&String>) -> (String, u8) {
        let source = from.map_or("", String::as_str);
        match deed {
            Deed::AddHost | Deed::Start => ("no host that is there has room for it".to_owned(), 1),
            Deed::Move if from.is_some_and(|from| self.retires(from)) => {
                (format!("{source} is retired: the answer does without it"), 2)
            }
            Deed::Move => (format!("{source} is over {:.0} % busy", BUSY * 100.0), 3),
            Deed::Save => (
                format!("it can't leave {source} live: it is not highly available"),
                2,
            ),
            Deed::RetireHost => ("the answer does without it, and it is empty".to_owned(), 2),
        }
    }
}
