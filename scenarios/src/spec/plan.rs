//! `plan:` — what is searched: how many hosts, of which kind, so that what must hold holds.

use super::expect::ExpectSpec;
use super::spare::SpareSpec;
use super::tariff::TariffSpec;
use crate::decode::Spanned;
use crate::units::{Ratio, SimDuration};

crate::spec! {
    /// One thing that may vary: the scenario is tried with each value, and with each combination of the axes' values.
    pub struct AxisSpec {
        /// What is set, as with `--set`: `hosts.node.profile`, `networks.lan.speed`, `policies.placement`.
        set: Spanned<String> => required,
        /// The values.
        to: String => list,
    }
}

crate::words! {
    /// How the number of hosts is searched.
    pub enum SearchWord {
        /// By halving: right where more hosts never do worse. One host more than the answer is tried at every seed, and where it
        /// does worse, the alternative is searched by a scan.
        Bisection = "bisection",
        /// Every number upwards, until one holds: right always, and slow.
        Scan = "scan",
    }
}

crate::words! {
    /// What the best alternative has least of.
    pub enum Objective {
        /// Hosts.
        Hosts = "hosts",
        /// Energy of all hosts.
        Energy = "energy",
        /// Price of the hosts and of their energy over `prices.years`.
        Cost = "cost",
    }
}

crate::spec! {
    /// Any one host can be emptied for maintenance in time.
    pub struct DrainSpec {
        /// The time that it may take.
        within: SimDuration => required,
        /// When it begins; at the busiest moment of the run when absent.
        at: SimDuration => optional,
    }
}

crate::spec! {
    /// Replications at different seeds; every alternative sees the same seeds (common random numbers).
    pub struct ReplicationSpec {
        /// The fewest.
        least: u32 [1, 100_000] => default(10),
        /// The most.
        most: u32 [1, 100_000] => default(100),
        /// No more are made once the half-width of the 95 % interval of the mean is within this share of it (Law, "Simulation
        /// Modeling and Analysis", 5th ed., 9.4.1).
        precision: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(0.05)),
    }
}

crate::spec! {
    /// More VMs of the same mix, month by month.
    pub struct GrowthSpec {
        /// Mean growth a month, compounded.
        monthly: Ratio [Ratio(0.0), Ratio(1.0)] => required,
        /// Standard deviation of it from one replication to another; normal, cut off at 0.
        deviation: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(0.0)),
    }
}

crate::spec! {
    /// What hosts and energy cost, in one currency.
    pub struct PricesSpec {
        /// One host, by alternative: the values of the axes joined by `, `, or nothing for all.
        hosts: HostPriceSpec => list,
        /// A kilowatt-hour: one price, or a list of prices by time of day.
        kwh: TariffSpec => required,
        /// Power of the room over that of the hosts (PUE).
        pue: f64 [1.0, 10.0] => default(1.5),
        /// Years that are paid for.
        years: f64 [0.1, 30.0] => default(4.0),
    }
}

crate::spec! {
    /// The price of a host.
    pub struct HostPriceSpec {
        /// A value of an axis, such as a profile's name; the price holds for alternatives that have it, and for all when absent.
        of: String => optional,
        /// The price.
        price: f64 => required,
    }
}

crate::spec! {
    /// The question of a capacity plan.
    pub struct PlanSpec {
        /// The group of hosts whose number is sought.
        hosts: Spanned<String> => required,
        /// Least number tried.
        from: u32 [1, 100_000] => default(1),
        /// Greatest number tried.
        to: u32 [1, 100_000] => default(1_000),
        /// What else may vary.
        axes: AxisSpec => list,
        /// How the number is searched. When absent: by halving without `policies.consolidation`, else by a scan.
        search: SearchWord => optional,
        /// What may be missing for the whole run: all that must hold holds without it. A number alone is hosts: 1 is N+1.
        spare: SpareSpec => default(SpareSpec::hosts(1)),
        /// Time in which any one host must be emptied.
        drain: DrainSpec => optional,
        /// What else must hold, besides a place for every VM.
        require: ExpectSpec => list,
        /// Replications.
        replications: ReplicationSpec => group,
        /// How the number of VMs grows, for the time that is left.
        growth: GrowthSpec => optional,
        /// What things cost.
        prices: PricesSpec => optional,
        /// What the best alternative has least of.
        minimise: Objective => default(Objective::Hosts),
    }
}
