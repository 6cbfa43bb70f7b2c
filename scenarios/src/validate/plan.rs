//! The plan: a group that is there, a range that holds something, figures that exist.

use std::collections::BTreeSet;

use super::Checker;
use crate::domain::DomainKind;
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
        self.spare(plan);
        for (index, axis) in plan.axes.iter().enumerate() {
            if axis.to.is_empty() {
                let what = format!("`{}` is set to nothing", axis.set.value);
                let fault = Fault::new(axis.set.span, what, "expected a list `to` of values");
                self.note(format!("plan.axes[{index}].to"), fault);
            }
        }
        if let Some(at) = plan.prices.as_ref().and_then(|prices| prices.kwh.gap()) {
            let tariff = plan
                .prices
                .as_ref()
                .map_or(plan.hosts.span, |prices| prices.kwh.span);
            let what = format!("the tariff has no price, or two, at {at}");
            let fault = Fault::new(tariff, what, "expected each minute of the day in one window");
            let help =
                "such as `{from: 07:00, to: 22:00, price: 0.28}` and `{from: 22:00, to: 07:00, price: 0.19}`";
            self.note("plan.prices.kwh", fault.help(help));
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

    /// Notes racks or feeds that may be missing, where no host says on which it is.
    fn spare(&mut self, plan: &PlanSpec) {
        let asked = [
            (DomainKind::Rack, plan.spare.racks, "racks"),
            (DomainKind::Feed, plan.spare.feeds, "feeds"),
        ];
        for (kind, count, key) in asked {
            let known: BTreeSet<&str> = kind.names(&self.spec.hosts).collect();
            if count as usize > known.len() {
                let what = format!("{count} of {} {key} may be missing", known.len());
                let expected = format!("expected hosts that say which {} they are on", kind.word());
                let fault = Fault::new(plan.hosts.span, what, expected);
                let help = format!("such as `{key}: [a, b]` in `hosts`");
                self.note(format!("plan.spare.{key}"), fault.help(help));
            }
        }
    }

    fn range(&mut self, plan: &PlanSpec) {
        if plan.to < plan.from || plan.to <= plan.spare.hosts {
            let what = format!(
                "there is no number of hosts from {} to {}, {} of them spare",
                plan.from, plan.to, plan.spare.hosts
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
