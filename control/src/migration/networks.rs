//! Which network a migration takes: those without a gateway first, the one of the cluster and its volumes last.
//!
//! Windows Server 2008 R2 gives cluster networks metrics in steps of 100, from 1,000 without a default gateway and
//! from 10,000 with one. The lowest metric carries cluster and CSV traffic, the second lowest live migrations
//! (`TechNet`, "Designating a Preferred Network for CSV Communication").

use twinrack_scenario::{NetworkId, Scenario};

/// Metric from which networks have a default gateway.
pub const GATEWAY_METRIC: u32 = 10_000;
/// Step between two automatic metrics.
pub const METRIC_STEP: u32 = 100;
/// First automatic metric of a network without a gateway.
pub const FIRST_METRIC: u32 = 1_000;

/// A network that both hosts are connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub network: NetworkId,
    /// Its metric.
    pub metric: u32,
    /// Whether both hosts reach each other on it now.
    pub up: bool,
}

/// Automatic metrics of networks in their order, from whether each has a default gateway.
pub fn automatic_metrics(gateways: &[bool]) -> Vec<u32> {
    let (mut without, mut with) = (FIRST_METRIC, GATEWAY_METRIC);
    gateways
        .iter()
        .map(|gateway| {
            let metric = if *gateway { &mut with } else { &mut without };
            let own = *metric;
            *metric += METRIC_STEP;
            own
        })
        .collect()
}

/// The network that migrations of a scenario take while all of its networks are up; none where it names none.
pub fn of_moves(scenario: &Scenario) -> Option<NetworkId> {
    let networks = scenario.spec.networks.iter();
    let all: Vec<Candidate> = (0..)
        .zip(networks)
        .map(|(number, own)| Candidate {
            network: NetworkId(number),
            metric: own.metric,
            up: true,
        })
        .collect();
    choose(&all)
}

/// The network of the cluster and its shared volumes: the lowest metric.
pub fn csv_network(candidates: &[Candidate]) -> Option<NetworkId> {
    candidates
        .iter()
        .min_by_key(|candidate| (candidate.metric, candidate.network))
        .map(|candidate| candidate.network)
}

/// The order in which a migration tries networks: by metric, those with a gateway behind those without, the network
/// of the shared volumes behind all.
pub fn migration_order(candidates: &[Candidate]) -> Vec<NetworkId> {
    let csv = csv_network(candidates);
    let mut order: Vec<&Candidate> = candidates.iter().collect();
    order.sort_by_key(|candidate| {
        (
            Some(candidate.network) == csv,
            candidate.metric,
            candidate.network,
        )
    });
    order.into_iter().map(|candidate| candidate.network).collect()
}

/// The first network of that order on which the target answers.
pub fn choose(candidates: &[Candidate]) -> Option<NetworkId> {
    migration_order(candidates).into_iter().find(|network| {
        candidates
            .iter()
            .any(|candidate| candidate.network == *network && candidate.up)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_lowest_metric_carries_migrations() {
        let metrics = automatic_metrics(&[false, false, true]);
        assert_eq!(metrics, [1000, 1100, 10_000]);
        let mut networks: Vec<Candidate> = metrics
            .iter()
            .enumerate()
            .map(|(index, metric)| Candidate {
                network: NetworkId(index as u32),
                metric: *metric,
                up: true,
            })
            .collect();
        let (csv, live, management) = (NetworkId(0), NetworkId(1), NetworkId(2));
        assert_eq!(csv_network(&networks), Some(csv));
        assert_eq!(migration_order(&networks), [live, management, csv]);
        assert_eq!(choose(&networks), Some(live));
        networks[1].up = false;
        assert_eq!(choose(&networks), Some(management));
        networks[2].up = false;
        assert_eq!(choose(&networks), Some(csv));
        networks[0].up = false;
        assert_eq!(choose(&networks), None);
    }

    #[test]
    fn a_single_network_carries_everything() {
        let only = [Candidate {
            network: NetworkId(7),
            metric: 10_000,
            up: true,
        }];
        assert_eq!(choose(&only), Some(NetworkId(7)));
    }
}
