//! Selection: which VM leaves an overloaded host.

use twinrack_scenario::spec::consolidation::SelectorSpec;
use twinrack_scenario::units::Bytes;

use super::regress::explained;

/// A VM that may leave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate<'a> {
    /// Its memory: what a migration moves.
    pub memory: Bytes,
    /// Its use of its own processors now.
    pub utilisation: f64,
    /// Its use in the past, oldest first.
    pub history: &'a [f64],
}

/// A rule of selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    /// The one that migrates fastest: least memory.
    MinimumMigrationTime,
    /// The one that uses least.
    MinimumUtilisation,
    /// Any.
    Random,
    /// The one whose load the others explain best: its peaks are theirs.
    MaximumCorrelation,
}

impl Selector {
    /// The rule of a scenario.
    pub const fn new(spec: SelectorSpec) -> Self {
        match spec {
            SelectorSpec::Mmt => Self::MinimumMigrationTime,
            SelectorSpec::Mu => Self::MinimumUtilisation,
            SelectorSpec::Rs => Self::Random,
            SelectorSpec::Mc => Self::MaximumCorrelation,
        }
    }

    /// The index of the VM that leaves; the first of equals. `draw` gives random bits to the random rule.
    pub fn pick(self, candidates: &[Candidate<'_>], draw: &mut dyn FnMut() -> u64) -> Option<usize> {
        if candidates.is_empty() {
            return None;
        }
        match self {
            Self::MinimumMigrationTime => first_least(candidates.iter().map(|vm| vm.memory.as_f64())),
            Self::MinimumUtilisation => first_least(candidates.iter().map(|vm| vm.utilisation)),
            Self::Random => Some(((u128::from(draw()) * candidates.len() as u128) >> 64) as usize),
            Self::MaximumCorrelation => {
                correlated(candidates).or_else(|| Self::MinimumMigrationTime.pick(candidates, draw))
            }
        }
    }
}

fn correlated(candidates: &[Candidate<'_>]) -> Option<usize> {
    let shares: Option<Vec<f64>> = (0..candidates.len())
        .map(|own| {
            let others: Vec<&[f64]> = candidates
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != own)
                .map(|(_, vm)| vm.history)
                .collect();
            explained(candidates[own].history, &others)
        })
        .collect();
    first_least(shares?.into_iter().map(|share| -share))
}

fn first_least(values: impl Iterator<Item = f64>) -> Option<usize> {
    values
        .enumerate()
        .reduce(|best, other| if other.1 < best.1 { other } else { best })
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(gib: u64, utilisation: f64, history: &[f64]) -> Candidate<'_> {
        Candidate {
            memory: Bytes(gib << 30),
            utilisation,
            history,
        }
    }

    #[test]
    fn each_rule_has_its_own_choice() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 6.0, 5.0], [5.0, 1.0, 4.0, 2.0, 2.0, 8.0]);
        let like_a = a.map(|x| x + 0.1 * (x - 3.0) * (x - 3.0));
        let vms = [
            candidate(4, 0.1, &b),
            candidate(2, 0.5, &a),
            candidate(8, 0.9, &like_a),
        ];
        let mut draw = || u64::MAX;
        assert_eq!(Selector::MinimumMigrationTime.pick(&vms, &mut draw), Some(1));
        assert_eq!(Selector::MinimumUtilisation.pick(&vms, &mut draw), Some(0));
        assert_eq!(Selector::Random.pick(&vms, &mut draw), Some(2));
        assert_ne!(
            Selector::MaximumCorrelation.pick(&vms, &mut draw),
            Some(0),
            "the one apart stays"
        );
        // Too short a past for a regression: the fastest to move.
        let young = [candidate(4, 0.1, &[]), candidate(2, 0.5, &[])];
        assert_eq!(Selector::MaximumCorrelation.pick(&young, &mut draw), Some(1));
        assert_eq!(Selector::MinimumUtilisation.pick(&[], &mut draw), None);
    }
}
