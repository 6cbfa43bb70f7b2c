//! What the hosts of a run can't do or tell, and why: the figures that are absent, or the simulated body's where that is allowed.

use std::collections::BTreeMap;

use twinrack_scenario::record::{Figure, Source};
use twinrack_scenario::spec::host::PagingMode;
use twinrack_scenario::{HostId, Scenario};

use crate::lab::processors::Processors;
use crate::probe::paging::Mode;
use crate::probe::{Capabilities, State};

/// Figures of hosts that translate addresses in the way they are asked to: they mean something else where all do it in one way.
const OF_PAGING: [&str; 4] = ["paging.", "cpu.ready_s", "cpu.hypervisor", "cpu.utilisation"];
const OF_PARKING: [&str; 1] = ["cores."];

/// Kinds of figures, by what their names begin with, and why there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    figures: BTreeMap<&'static str, String>,
    knobs: Vec<String>,
}

impl Untold {
    /// What these hosts can't do or tell of a scenario.
    pub fn of(scenario: &Scenario, hosts: &Capabilities) -> Self {
        let mut untold = Self {
            figures: figures(hosts),
            knobs: Vec::new(),
        };
        if let Some(reason) = one_paging_mode(scenario, hosts) {
            untold.lacks(&OF_PAGING, reason);
        }
        if let Some(reason) = too_few_processors(scenario) {
            untold.lacks(&OF_PARKING, reason);
        }
        untold
    }

    fn lacks(&mut self, figures: &[&'static str], reason: String) {
        let of_it = figures.iter().map(|name| (*name, reason.clone()));
        self.figures.extend(of_it);
        self.knobs.push(reason);
    }

    /// What the scenario turns and these hosts have not.
    pub fn knobs(&self) -> &[String] {
        &self.knobs
    }

    /// Whether a scenario's parking is carried out.
    pub fn parks(&self) -> bool {
        !OF_PARKING.iter().any(|name| self.figures.contains_key(name))
    }

    /// Why there is no such figure, if there is none.
    pub fn why(&self, figure: &str) -> Option<&str> {
        let covers = |(kind, _): &(&&str, &String)| figure.starts_with(**kind);
        self.figures
            .iter()
            .find(covers)
            .map(|(_, reason)| reason.as_str())
    }

    /// The reasons, for a summary.
    pub fn reasons(&self) -> BTreeMap<String, String> {
        let shown = |name: &str| {
            if name.ends_with('.') {
                format!("{name}*")
            } else {
                name.to_owned()
            }
        };
        self.figures
            .iter()
            .map(|(name, reason)| (shown(name), reason.clone()))
            .collect()
    }

    /// Takes out what was seen of figures that mean nothing here, and puts the simulated body's in where there are some.
    pub fn stand_in(&self, kpis: &mut BTreeMap<String, Figure>, modelled: Option<&BTreeMap<String, Figure>>) {
        kpis.retain(|name, _| self.why(name).is_none());
        let others = modelled.into_iter().flatten();
        for (name, figure) in others.filter(|(name, _)| self.why(name).is_some()) {
            let figure = Figure {
                source: Source::Modelled,
                ..figure.clone()
            };
            kpis.insert(name.clone(), figure);
        }
    }
}

/// What no run on these hosts tells.
fn figures(hosts: &Capabilities) -> BTreeMap<&'static str, String> {
    let probed = |name: &str, otherwise: &str| match hosts.find(name).map(|finding| &finding.state) {
        Some(State::Unavailable(reason)) => reason.clone(),
        _ => otherwise.to_owned(),
    };
    let not_read = "this body does not read them yet";
    let idle = probed("idle states", not_read);
    let time = "the kernel counts exits, not the time that they take";
    let hardware = "no counter of the processor is read";
    let packets = "bytes are counted, not packets";
    let work = "a guest does not tell the work that it missed";
    let mut figures: BTreeMap<&'static str, String> = [
        ("cores.residency.", idle.clone()),
        ("cores.ticks_avoided_per_s", idle.clone()),
        ("cpu.wake_s", idle),
        ("cores.clock_hz", probed("frequency", not_read)),
        ("paging.overhead", time.to_owned()),
        ("paging.guest_walk", hardware.to_owned()),
        ("paging.walk_refs", hardware.to_owned()),
        (
            "paging.shadow_bytes",
            "the kernel does not tell it of one VM".to_owned(),
        ),
        ("cpu.hypervisor", time.to_owned()),
        ("migration.dirty_fault_s", time.to_owned()),
        ("net.packets_per_s", packets.to_owned()),
        ("net.efficiency", packets.to_owned()),
        ("net.cpu_cycles_per_byte", hardware.to_owned()),
        ("net.receive_lps", hardware.to_owned()),
        ("sla.", work.to_owned()),
        ("hosts.overloaded", work.to_owned()),
    ]
    .into();
    match hosts.find("energy counters").map(|finding| &finding.state) {
        Some(State::Available(_)) => {
            let between = "energy is counted, not the power at an instant";
            figures.insert("power.watts.min", between.to_owned());
            figures.insert("power.watts.max", between.to_owned());
        }
        _ => {
            figures.insert("power.", probed("energy counters", "they are not read"));
        }
    }
    figures
}

/// Why hosts of both paging modes can't be had, if the scenario has both.
fn one_paging_mode(scenario: &Scenario, hosts: &Capabilities) -> Option<String> {
    let wanted: Vec<PagingMode> = scenario
        .spec
        .hosts
        .iter()
        .map(|host| scenario.paging_mode(host))
        .collect();
    let (has, lacks) = match hosts.paging?.mode {
        Mode::SecondLevel => (PagingMode::Slat, PagingMode::Shadow),
        Mode::Shadow => (PagingMode::Shadow, PagingMode::Slat),
        Mode::Unclear => return None,
    };
    (wanted.contains(&has) && wanted.contains(&lacks)).then(|| {
        format!(
            "give hosts `paging: {lacks}` beside `paging: {has}`: this machine has {}",
            hosts
                .paging
                .map(|counted| counted.to_string())
                .unwrap_or_default()
        )
    })
}

/// Why processors can't be parked, if the scenario wants that.
fn too_few_processors(scenario: &Scenario) -> Option<String> {
    scenario.spec.policies.parking.as_ref()?;
    let wanted: u32 = (0..scenario.hosts.len())
        .map(|host| scenario.host(HostId(host)).processors())
        .sum();
    let has = Processors::allowed().map_or(0, |allowed| allowed.count());
    (wanted as usize > has).then(|| {
        format!("park cores of hosts that have {wanted} logical processors together: this machine has {has}")
    })
}
