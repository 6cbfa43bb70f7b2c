//! What a scenario needs and this body has not, each with what can be done about it.

use twinrack_scenario::Scenario;
use twinrack_scenario::spec::expect::Backend;
use twinrack_scenario::spec::migration::{DirtyLogSpec, PrecopyPolicySpec};

use super::untold::Untold;
use crate::guest::boot;
use crate::guest::network::STREAMS_MAX;
use crate::kvm::AbsentPages;

/// The way out that is always there.
const SIM: &str = "run with --backend sim, which carries out the same scenario in virtual time";

/// How to go on where the simulated body can stand in.
const STAND_IN: &str =
    "--allow-modelled runs what can be run, and takes the figures that hang on this from the simulator";

/// All that is missing; nothing when the scenario can be carried out, with models in place of what is `untold` where that
/// is allowed.
pub fn missing(scenario: &Scenario, untold: &Untold, modelled: bool) -> Vec<String> {
    let spec = &scenario.spec;
    let mut missing = Vec::new();
    let mut lacks = |what: &str, help: &str| {
        missing.push(format!("error: the KVM body can't {what}\n = help: {help}"));
    };
    if spec.experiment.is_some() {
        lacks("repeat a published experiment of a simulator", SIM);
    }
    if spec.policies.migration.log() == DirtyLogSpec::SkipDirty {
        lacks(
            "leave out pages that are dirty again when their turn comes",
            "give `policies.migration.dirty_log: round-start`",
        );
    }
    if !modelled {
        for knob in untold.knobs() {
            lacks(knob, STAND_IN);
        }
        for expectation in spec.expect.iter().filter(|own| own.backend != Some(Backend::Sim)) {
            if let Some(reason) = untold.why(&expectation.kpi) {
                let help = format!("{STAND_IN}; `backend: sim` asks it of the simulator alone");
                lacks(&format!("tell {}: {reason}", expectation.kpi.value), &help);
            }
        }
    }
    if let Some(vm) = spec.vms.iter().find(|vm| vm.traffic.len() > STREAMS_MAX) {
        let what = format!("send the {} streams of `{}`", vm.traffic.len(), vm.name.value);
        lacks(
            &what,
            &format!("give a VM at most {STREAMS_MAX} items of `traffic`"),
        );
    }
    if spec.workloads.iter().any(|workload| workload.memory.is_some()) {
        lacks(
            "have guests touch more of their memory as they get busier",
            "leave out `workloads.memory`, and give their `untouched`",
        );
    }
    if matches!(
        spec.policies.migration.policy,
        Some(PrecopyPolicySpec::PostCopy(_))
    ) && let Err(error) = AbsentPages::available()
    {
        let what = format!("have pages follow their guest here: {error}");
        lacks(&what, "run as root, or sysctl vm.unprivileged_userfaultfd=1");
    }
    for vm in &spec.vms {
        if !boot::size_fits(vm.memory.value) {
            let what = format!("make guest `{}` of {}", vm.name.value, vm.memory.value);
            lacks(&what, "give it a multiple of 2MiB from 8MiB to 16GiB");
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Capabilities;

    #[test]
    fn pages_are_left_out_by_the_simulated_body_alone() {
        let missing = |policy: &str| {
            let yaml = format!(
                "name: skips\nduration: 1min\nhosts: [{{name: n, count: 2, memory: 8GiB}}]\npolicies: {{migration: {policy}}}\n"
            );
            let scenario = Scenario::from_yaml(&yaml).expect("valid");
            let untold = Untold::of(&scenario, &Capabilities::probe());
            super::missing(&scenario, &untold, true)
        };
        let [only] = &missing("{policy: clark-2005}")[..] else {
            panic!("one thing is missing");
        };
        assert!(
            only.contains("dirty again") && only.contains("round-start"),
            "{only}"
        );
        assert!(missing("{policy: clark-2005, dirty_log: round-start}").is_empty());
        assert!(missing("{policy: xen}").is_empty());
    }
}
