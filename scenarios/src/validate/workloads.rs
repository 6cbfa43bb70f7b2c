//! Workloads: steps in order, states to be in.

use super::Checker;
use crate::decode::Spanned;
use crate::fault::Fault;
use crate::spec::workload::{StepSpec, WorkloadKind};

impl Checker<'_> {
    /// Notes demands that no VM could follow.
    pub(super) fn workloads(&mut self) {
        let spec = self.spec;
        for (index, workload) in spec.workloads.iter().enumerate() {
            if self.is_full() {
                return;
            }
            if let Some(memory) = workload
                .memory
                .as_ref()
                .filter(|memory| memory.busy < memory.idle)
            {
                let what = format!(
                    "a VM that follows `{}` would have touched more when idle ({}) than when busy ({})",
                    workload.name.value, memory.idle, memory.busy
                );
                let fault = Fault::new(workload.name.span, what, "expected `idle` <= `busy`");
                self.note(format!("workloads[{index}].memory"), fault);
            }
            let path = format!("workloads[{index}].demand.{}", workload.demand.word());
            match &workload.demand {
                WorkloadKind::Steps(steps) => {
                    self.steps(&format!("{path}.steps"), &workload.name, &steps.steps);
                }
                WorkloadKind::Bursty(bursty) if bursty.states.is_empty() => {
                    let what = format!("`{}` has no state to be in", workload.name.value);
                    let fault = Fault::new(workload.name.span, what, "expected a list `states`");
                    self.note(
                        path,
                        fault.help("`states: [{cpu: 10%, stay: 1min}, {cpu: 90%, stay: 10s}]`"),
                    );
                }
                _ => {}
            }
        }
    }

    fn steps(&mut self, path: &str, name: &Spanned<String>, steps: &[StepSpec]) {
        if steps.is_empty() {
            let what = format!("`{}` has no steps", name.value);
            let fault = Fault::new(name.span, what, "expected a list `steps`");
            let mend = "`steps: [{at: 0s, cpu: 10%}, {at: 1min, cpu: 80%}]`";
            self.note(path.trim_end_matches(".steps"), fault.help(mend));
        }
        let late = steps.windows(2).position(|pair| pair[1].at <= pair[0].at);
        if let Some(at) = late {
            let what = format!("this step of `{}` is not after the one before it", name.value);
            let fault = Fault::new(name.span, what, "expected steps in order of `at`");
            self.note(format!("{path}[{}].at", at + 1), fault);
        }
    }
}
