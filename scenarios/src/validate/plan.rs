//! The plan: a group that is there, a range that holds something, figures that exist.

use super::Checker;
use crate::fault::Fault;
use crate::spec::plan::{Objective, PlanSpec};

impl Checker<'_> {
    /// Notes plans that nothing could answer.
    pub(super) fn plan(&mut self) {
        let Some(plan) = &self.spec.plan else { return };
        if !self
            .spec
            .hosts
            .iter()
            .any(|host| host.name.value == plan.hosts.value)
        {
            let known = self.spec.hosts.iter().map(|host| host.name.as_str());
            self.unknown("plan.hosts", ("group of hosts", "hosts"), &plan.hosts, known);
        }
        self.range(plan);
        for (index, axis) in plan.axes.iter().enumerate() {
            if axis.to.is_empty() {
                let what = format!("`{}` is set to nothing", axis.set.value);
                let fault = Fault::new(axis.set.span, what, "expected a list `to` of values");
                self.note(format!("plan.axes[{index}].to"), fault);
            }
        }
        if plan.minimise == Objective::Cost && plan.prices.is_none() {
            let fault = Fault::new(
                plan.hosts.span,
                "cost is to be least, and nothing has a price",
                "expected `prices`",
            );
            self.note(
                "plan.minimise",
                fault.help("`prices: {kwh: 0.2, hosts: [{price: 9000}]}`"),
            );
        }
    }

    fn range(&mut self, plan: &PlanSpec) {
        if plan.to < plan.from || plan.to < plan.spare + 1 {
            let what = format!(
                "there is no number of hosts from {} to {}, {} of them spare",
                plan.from, plan.to, plan.spare
            );
            let fault = Fault::new(
                plan.hosts.span,
                what,
                "expected `from` <= `to`, and more than `spare`",
            );
            self.note("plan.to", fault);
        }
        if plan.replications.most < plan.replications.least {
            let fault = Fault::new(
                plan.hosts.span,
                "the fewest replications are more than the most",
                "expected `least` <= `most`",
            );
            self.note("plan.replications.most", fault);
        }
    }
}
