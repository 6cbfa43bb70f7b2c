//! The factors on decisions: limits in bytes, pages, rates and seconds. Costs of the hardware keep their size.

use super::{Factor, Factors};
use crate::spec::migration::{MigrationPolicySpec, PrecopyPolicySpec, TimingsSpec};
use crate::spec::policies::PoliciesSpec;

impl Factors {
    pub(super) fn policies(&self, policies: &mut PoliciesSpec) {
        self.migration(&mut policies.migration);
        if let Some(parking) = &mut policies.parking {
            self.span(&mut parking.check_interval);
        }
        let availability = &mut policies.availability;
        for time in [
            &mut availability.heartbeat,
            &mut availability.regroup,
            &mut availability.online,
            &mut availability.guest_boot,
        ] {
            self.span(time);
        }
        if let Some(consolidation) = &mut policies.consolidation {
            self.span(&mut consolidation.interval);
        }
    }

    fn migration(&self, migration: &mut MigrationPolicySpec) {
        migration.bandwidth.iter_mut().for_each(|rate| self.speed(rate));
        if let Some(policy) = &mut migration.policy {
            self.precopy(policy);
        }
        // The defaults of the policy are sizes like any other.
        migration.timings = migration.timings.filled(migration.policy.as_ref());
        self.timings(&mut migration.timings);
        migration.connection = migration.connection.filled(migration.policy.as_ref());
        let connection = &mut migration.connection;
        connection
            .retransmit_after
            .iter_mut()
            .for_each(|wait| self.span(wait));
        self.span(&mut connection.retransmit_most);
        let quick = &mut migration.quick;
        self.span(&mut quick.disk_move);
        let per_memory = Factors {
            time: Factor(self.time.0 / self.memory.0),
            ..*self
        };
        per_memory.span(quick.per_gib.get_or_insert(quick.link.per_gib()));
    }

    fn precopy(&self, policy: &mut PrecopyPolicySpec) {
        match policy {
            PrecopyPolicySpec::HyperVR2(policy) => {
                self.count(&mut policy.threshold_pages);
                self.span(&mut policy.threshold_time);
            }
            PrecopyPolicySpec::Qemu(policy) => {
                self.span(&mut policy.downtime_limit);
                self.speed(&mut policy.max_bandwidth);
                policy
                    .switchover_bandwidth
                    .iter_mut()
                    .for_each(|rate| self.speed(rate));
                self.span(&mut policy.check_interval);
            }
            PrecopyPolicySpec::Xen(policy) => self.count(&mut policy.threshold_pages),
            PrecopyPolicySpec::Clark2005(policy) => {
                self.speed(&mut policy.min_rate);
                self.speed(&mut policy.increment);
                self.speed(&mut policy.max_rate);
                self.bytes(&mut policy.threshold);
            }
            PrecopyPolicySpec::SimGrid(policy) => {
                self.speed(&mut policy.speed);
                self.span(&mut policy.max_downtime);
            }
            PrecopyPolicySpec::PostCopy(policy) => {
                policy.max_bandwidth.iter_mut().for_each(|rate| self.speed(rate));
            }
        }
    }

    fn timings(&self, timings: &mut TimingsSpec) {
        timings.state.iter_mut().for_each(|state| self.bytes(state));
        let steps = [
            &mut timings.validation,
            &mut timings.setup,
            &mut timings.pause,
            &mut timings.csv_hand_over,
            &mut timings.lun_hand_over,
            &mut timings.resume,
            &mut timings.announce,
            &mut timings.clean_up,
            &mut timings.roll_back,
        ];
        steps.into_iter().flatten().for_each(|step| self.span(step));
    }
}
