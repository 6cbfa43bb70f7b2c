//! Shortages: which hosts may be missing from the start to the end, by the plan's spare hosts, racks and power feeds.
//!
//! Racks that lose as many hosts of each group are one shortage, and one that loses no more than another of any group is covered
//! by that: of a group dealt over four racks only the fullest is tried.

use std::collections::{BTreeMap, BTreeSet};

use twinrack_scenario::Scenario;
use twinrack_scenario::domain::DomainKind;
use twinrack_scenario::spec::plan::PlanSpec;

use crate::trial::Situation;

/// Hosts that are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// What it is called.
    pub situation: Situation,
    /// How many hosts of each group.
    pub lost: Vec<u32>,
}

/// Hosts of each group.
type Composition = Vec<u32>;

/// Every shortage that a plan wants survived: hosts, then racks, then feeds.
pub fn shortages(scenario: &Scenario, plan: &PlanSpec) -> Vec<Shortage> {
    let groups = scenario.spec.hosts.len();
    let mut all = Vec::new();
    if plan.spare.hosts > 0 {
        let sought = |group: usize| scenario.spec.hosts[group].name.value == plan.hosts.value;
        let lost = (0..groups).map(|group| if sought(group) { plan.spare.hosts } else { 0 });
        all.push(Shortage {
            situation: Situation::Short,
            lost: lost.collect(),
        });
    }
    for (kind, situation) in [
        (DomainKind::Rack, Situation::Rack),
        (DomainKind::Feed, Situation::Feed),
    ] {
        let worst = worst(&classes(scenario, kind), plan.spare.of(kind), groups);
        all.extend(worst.into_iter().map(|lost| Shortage { situation, lost }));
    }
    all
}

/// What domains of a kind lose, and how many of them lose just that.
fn classes(scenario: &Scenario, kind: DomainKind) -> BTreeMap<Composition, u32> {
    let mut classes = BTreeMap::new();
    for domain in scenario.domains(kind) {
        let mut lost = vec![0; scenario.spec.hosts.len()];
        for host in domain.hosts {
            lost[scenario.hosts.group_of(host.0)] += 1;
        }
        *classes.entry(lost).or_insert(0) += 1;
    }
    classes
}

/// What any `count` domains lose together, without what another choice loses too.
fn worst(classes: &BTreeMap<Composition, u32>, count: u32, groups: usize) -> Vec<Composition> {
    if count == 0 {
        return Vec::new();
    }
    let mut chosen = BTreeSet::from([(0, vec![0; groups])]);
    for (composition, members) in classes {
        let with = |(taken, lost): &(u32, Composition)| {
            let most = (*members).min(count - taken);
            let (taken, lost) = (*taken, lost.clone());
            (0..=most).map(move |more| {
                let sum = lost
                    .iter()
                    .zip(composition)
                    .map(|(before, each)| before + more * each);
                (taken + more, sum.collect())
            })
        };
        chosen = chosen.iter().flat_map(with).collect();
    }
    // Where there are fewer domains than may be missing, all of them are.
    let most = chosen.iter().map(|(taken, _)| *taken).max().unwrap_or(0);
    let full: Vec<Composition> = chosen
        .into_iter()
        .filter(|(taken, _)| *taken == most && most > 0)
        .map(|(_, lost)| lost)
        .collect();
    let covered = |lost: &Composition| {
        full.iter()
            .any(|other| other != lost && lost.iter().zip(other).all(|(own, theirs)| own <= theirs))
    };
    full.iter().filter(|lost| !covered(lost)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compositions(racks: &[(&[u32], u32)], count: u32) -> Vec<Composition> {
        let classes = racks
            .iter()
            .map(|(lost, members)| (lost.to_vec(), *members))
            .collect();
        worst(&classes, count, 2)
    }

    #[test]
    fn a_rack_that_loses_less_of_everything_is_not_tried() {
        let racks: [(&[u32], u32); 3] = [(&[3, 0], 2), (&[2, 0], 1), (&[1, 4], 1)];
        assert_eq!(compositions(&racks, 0), [[0; 0]; 0]);
        assert_eq!(compositions(&racks, 1), [[1, 4], [3, 0]]);
        // Any two: both of the first kind, or one of them and the mixed one.
        assert_eq!(compositions(&racks, 2), [[4, 4], [6, 0]]);
        assert_eq!(compositions(&racks, 4), [[9, 4]]);
        assert_eq!(compositions(&racks, 9), [[9, 4]], "there are but four");
    }
}
