//! `policies:` — how decisions are taken: each section is one policy of the brain.

use super::consolidation::{ConsolidationSpec, PlacementSpec};
use super::migration::MigrationPolicySpec;
use super::paging::PagingPolicySpec;
use super::parking::ParkingSpec;

crate::spec! {
    /// How decisions are taken.
    pub struct PoliciesSpec {
        /// How VMs are moved.
        migration: MigrationPolicySpec => group,
        /// What paging costs.
        paging: PagingPolicySpec => group,
        /// When cores are parked; never when absent.
        parking: ParkingSpec => optional,
        /// Where VMs without a host start.
        placement: PlacementSpec => default(PlacementSpec::FirstFit),
        /// How running VMs are packed; they stay where they are when absent.
        consolidation: ConsolidationSpec => optional,
    }
}
