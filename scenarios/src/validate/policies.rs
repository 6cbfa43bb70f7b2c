//! Policies: thresholds the right way round, intervals that pass.

use super::Checker;
use crate::fault::Fault;
use crate::spec::consolidation::DetectorSpec;
use crate::spec::migration::PrecopyPolicySpec;
use crate::units::{BitsPerSecond, Ratio};

impl Checker<'_> {
    /// Notes policies that contradict themselves.
    pub(super) fn policies(&mut self) {
        self.precopy();
        self.parking();
        self.consolidation();
        self.scale();
    }

    fn scale(&mut self) {
        if self.spec.scale.is_some() && self.spec.experiment.is_some() {
            self.policy(
                "scale",
                "a published experiment is scaled".to_owned(),
                "expected no `scale` beside `experiment`",
                "leave it out: the experiment is computed at its own size, or not at all",
            );
        }
    }

    fn policy(&mut self, path: &str, what: String, expected: &str, help: &str) {
        // Policies keep no places of their own: the path says where.
        let fault = Fault::of_input(what, expected).help(help);
        self.note(path, fault);
    }

    fn precopy(&mut self) {
        let policy = &self.spec.policies.migration;
        let below = "policies.migration.policy";
        if policy.bandwidth == Some(BitsPerSecond::ZERO) {
            self.policy(
                "policies.migration.bandwidth",
                "migrations may take no bandwidth at all".to_owned(),
                "expected a rate above zero",
                "leave it out for no limit",
            );
        }
        match &policy.policy {
            Some(PrecopyPolicySpec::Qemu(qemu)) if qemu.throttle_initial > qemu.throttle_max => self.policy(
                &format!("{below}.qemu.throttle_initial"),
                format!(
                    "throttling begins at {}, above its most of {}",
                    qemu.throttle_initial, qemu.throttle_max
                ),
                "expected throttle_initial <= throttle_max",
                "swap the two",
            ),
            Some(PrecopyPolicySpec::Clark2005(clark)) if clark.min_rate > clark.max_rate => self.policy(
                &format!("{below}.clark-2005.min_rate"),
                format!(
                    "the first round goes at {}, above the most of {}",
                    clark.min_rate, clark.max_rate
                ),
                "expected min_rate <= max_rate",
                "swap the two",
            ),
            _ => {}
        }
    }

    fn parking(&mut self) {
        let Some(parking) = &self.spec.policies.parking else {
            return;
        };
        if parking.decrease_threshold > parking.increase_threshold {
            let what = format!(
                "cores are parked below {} but woken above {}",
                parking.decrease_threshold, parking.increase_threshold
            );
            self.policy(
                "policies.parking.decrease_threshold",
                what,
                "expected decrease_threshold <= increase_threshold",
                "swap the two, or cores would be parked and woken in turn",
            );
        }
        if parking.check_interval.as_nanos() == 0 {
            self.policy(
                "policies.parking.check_interval",
                "cores are checked every 0s".to_owned(),
                "expected an interval above zero",
                "the product's own is `100ms`",
            );
        }
    }

    fn consolidation(&mut self) {
        let Some(policy) = &self.spec.policies.consolidation else {
            return;
        };
        if policy.target_ceiling > Ratio::ONE || policy.target_ceiling == Ratio::ZERO {
            self.policy(
                "policies.consolidation.target_ceiling",
                format!("hosts are filled up to {}", policy.target_ceiling),
                "expected above 0% and at most 100%",
                "80% is the published one",
            );
        }
        let threshold = policy.parameter.filter(|_| policy.detector == DetectorSpec::Thr);
        if let Some(threshold) =
            threshold.filter(|threshold| *threshold > Ratio::ONE || *threshold == Ratio::ZERO)
        {
            self.policy(
                "policies.consolidation.parameter",
                format!("a host is overloaded above {threshold}"),
                "expected a threshold above 0% and at most 100%",
                "the parameter of `thr` is a utilisation, 80% when absent; a safety factor belongs to the other detectors",
            );
        }
    }
}
