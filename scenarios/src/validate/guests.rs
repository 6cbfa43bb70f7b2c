//! VMs: sizes that some host of the file can hold, shares that add up.

use super::Checker;
use crate::fault::{Echo, Fault};
use crate::spec::guest::VmSpec;
use crate::units::{Bytes, Ratio};

/// Most virtual processors of one VM, far above any product.
const VCPUS_MAX: u32 = 1024;

impl Checker<'_> {
    /// Notes VMs that no host of the file could ever run.
    pub(super) fn all_guests(&mut self) {
        let spec = self.spec;
        let room = |group: usize| {
            let host = spec.hosts.get(group)?;
            Some(host.memory.value.saturating_sub(host.reserve))
        };
        let largest = (0..spec.hosts.len()).filter_map(room).max();
        for (index, vm) in spec.vms.iter().enumerate() {
            if self.is_full() {
                return;
            }
            let own = vm.host.as_ref().and_then(|name| self.hosts.find(name));
            let own = own.and_then(|range| room(self.hosts.group_of(range.start)));
            self.memory(index, vm, own, largest);
            self.parts_of_memory(index, vm);
            self.processors(index, vm);
        }
    }

    fn memory(&mut self, index: usize, vm: &VmSpec, own: Option<Bytes>, largest: Option<Bytes>) {
        let path = format!("vms[{index}].memory");
        let (span, memory) = (vm.memory.span, vm.memory.value);
        if memory == Bytes::ZERO {
            self.note(
                path,
                Fault::new(span, "the VM has no memory", "expected a size above zero"),
            );
            return;
        }
        let (what, most) = match (own, largest) {
            (_, Some(largest)) if memory > largest => (format!("no host has {memory} for one VM"), largest),
            (Some(own), _) if memory > own => (format!("its host has no {memory} for one VM"), own),
            _ => return,
        };
        let fault = Fault::new(span, what, format!("expected at most {most}"));
        let fault = fault.help("a host keeps its `reserve` of memory for itself");
        self.note(path, fault.echoes(Echo::Reference("hosts")));
    }

    fn parts_of_memory(&mut self, index: usize, vm: &VmSpec) {
        let memory = vm.memory.value;
        if vm.untouched > memory {
            let what = format!(
                "{} of `{}` are untouched, of {memory} in all",
                vm.untouched, vm.name.value
            );
            let fault = Fault::new(vm.memory.span, what, "expected untouched <= memory");
            self.note(format!("vms[{index}].untouched"), fault);
        }
        for (item, class) in vm.dirtying.iter().enumerate() {
            if let Some(size) = class.size.filter(|size| *size > memory) {
                let what = format!("`{}` writes to {size}, but has {memory}", vm.name.value);
                let fault = Fault::new(vm.memory.span, what, "expected size <= memory");
                let fault = fault
                    .help("lower the `size` of this class, or leave it out: then it is the whole memory");
                self.note(format!("vms[{index}].dirtying[{item}].size"), fault);
            }
        }
    }

    fn processors(&mut self, index: usize, vm: &VmSpec) {
        let path = |key: &str| format!("vms[{index}].{key}");
        if let Some(vcpus) = vm
            .vcpus
            .as_ref()
            .filter(|vcpus| !(1..=VCPUS_MAX).contains(&vcpus.value))
        {
            let what = format!("`{}` has {} virtual processors", vm.name.value, vcpus.value);
            self.note(
                path("vcpus"),
                Fault::new(vcpus.span, what, format!("expected 1 to {VCPUS_MAX}")),
            );
        }
        if let Some(cpu) = vm.cpu.as_ref().filter(|cpu| cpu.value > Ratio::ONE) {
            let what = format!(
                "`{}` asks for {} of its virtual processors",
                vm.name.value, cpu.value
            );
            let fault = Fault::new(cpu.span, what, "expected at most 100%");
            self.note(
                path("cpu"),
                fault.help("the share is of all its `vcpus` together: give it more of them"),
            );
        }
        if let (Some(cpu), Some(workload)) = (&vm.cpu, &vm.workload) {
            let fault = Fault::new(
                cpu.span,
                "`cpu` and `workload` are both given",
                "expected one demand a VM",
            );
            let fault = fault.and(workload.span, "the workload sets the demand already");
            self.note(path("cpu"), fault.help("remove one of the two"));
        }
        if vm.reserve > vm.cap {
            let what = format!(
                "`{}` reserves {} but may use only {}",
                vm.name.value, vm.reserve, vm.cap
            );
            self.note(
                path("reserve"),
                Fault::new(vm.name.span, what, "expected reserve <= cap")
                    .help("raise `cap` or lower `reserve`"),
            );
        }
    }
}
