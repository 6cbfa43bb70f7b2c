//! `policies:` — how decisions are taken: each section is one policy of the brain.

use super::cluster::AvailabilitySpec;
use super::consolidation::{ConsolidationSpec, PlacementSpec};
use super::migration::MigrationPolicySpec;
use super::paging::PagingPolicySpec;
use super::parking::ParkingSpec;
use super::processor::ProcessorSpec;

crate::words! {
    /// How a host's power follows its load.
    pub enum PowerPolicy {
        /// It draws what its curve says for its load.
        FollowsLoad = "follows-load",
        /// It draws its full power whatever it does: no power management at all.
        AlwaysFull = "always-full",
    }
}

crate::spec! {
    /// How decisions are taken.
    pub struct PoliciesSpec, filled from "profile" {
        /// How VMs are moved.
        migration: MigrationPolicySpec => group,
        /// What paging costs.
        paging: PagingPolicySpec => group,
        /// When cores are parked; never when absent.
        parking: ParkingSpec => optional,
        /// How idle processors sleep and how fast running ones are clocked.
        processor: ProcessorSpec => group,
        /// How power follows load.
        power: PowerPolicy => default(PowerPolicy::FollowsLoad),
        /// How dead hosts are noticed and their VMs restarted.
        availability: AvailabilitySpec => group,
        /// Where VMs without a host start.
        placement: PlacementSpec => default(PlacementSpec::FirstFit),
        /// How running VMs are packed; they stay where they are when absent.
        consolidation: ConsolidationSpec => optional,
    }
}
