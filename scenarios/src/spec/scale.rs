//! `scale:` — sizes by factors, so that a scenario of a large machine runs on a small one.

use super::expect::Backend;
use crate::scale::Factor;

crate::spec! {
    /// Factors that the sizes of the scenario are multiplied by before a body sees it, limits of `expect` included. What
    /// decides how a migration goes is ratios: dirty rate to link, working set to memory. With memory m and network l a
    /// migration goes the same way when page rates have l as well, and takes m/l of the time; that is what the keys that
    /// are absent are taken to be. Costs of the hardware (faults, exits, idle states, watts) keep their size.
    pub struct ScaleSpec {
        /// The one body that they are for: `kvm` for a scenario of large machines that real hosts carry out in small, while
        /// the simulated body runs it as written. Both when absent.
        backend: Backend => optional,
        /// Sizes of memory: hosts, VMs, working sets, page counts, state that is sent. With `time` alone it is `network`
        /// times `time`; else 1 when absent.
        memory: Factor [Factor::LEAST, Factor::MOST] => optional,
        /// Data rates: links, adapters, caps of migrations, traffic, volumes. `memory` over `time` where both are given;
        /// else 1 when absent.
        network: Factor [Factor::LEAST, Factor::MOST] => optional,
        /// Durations, and the times of `timeline`, `faults` and workloads; `memory` over `network` when absent.
        time: Factor [Factor::LEAST, Factor::MOST] => optional,
        /// Page writes each second; as `network` when absent.
        rates: Factor [Factor::LEAST, Factor::MOST] => optional,
        /// Processors: those of hosts rounded up to whole ones, and the demand for them; 1 when absent.
        cpu: Factor [Factor::LEAST, Factor::ONE] => optional,
    }
}
