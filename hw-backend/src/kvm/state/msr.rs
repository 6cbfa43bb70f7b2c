//! Model-specific registers: the kernel stops at the first it does not know, so they are asked for again from there.

use kvm_bindings::{Msrs, kvm_msr_entry};
use kvm_ioctls::VcpuFd;

use super::StateError;
use crate::kvm::{Error, Named};

/// Reads `indices`; those that the kernel does not give are left out.
pub(in crate::kvm) fn get(vcpu: &VcpuFd, indices: &[u32]) -> Result<Vec<(u32, u64)>, Error> {
    let mut got = Vec::with_capacity(indices.len());
    let mut rest = indices;
    while !rest.is_empty() {
        let entries: Vec<_> = rest.iter().map(|index| entry(*index, 0)).collect();
        let mut list = list(&entries)?;
        let known = vcpu.get_msrs(&mut list).named("KVM_GET_MSRS")?;
        got.extend(
            list.as_slice()
                .iter()
                .take(known)
                .map(|entry| (entry.index, entry.data)),
        );
        // The one after those is unknown; with none unknown this is past the end.
        rest = rest.get(known + 1..).unwrap_or_default();
    }
    Ok(got)
}

/// Writes `values`; says which the kernel did not take.
pub(in crate::kvm) fn set(vcpu: &VcpuFd, values: &[(u32, u64)]) -> Result<Vec<u32>, Error> {
    let mut skipped = Vec::new();
    let mut rest = values;
    while !rest.is_empty() {
        let entries: Vec<_> = rest.iter().map(|(index, data)| entry(*index, *data)).collect();
        let taken = vcpu.set_msrs(&list(&entries)?).named("KVM_SET_MSRS")?;
        skipped.extend(rest.get(taken).map(|(index, _)| *index));
        rest = rest.get(taken + 1..).unwrap_or_default();
    }
    Ok(skipped)
}

fn entry(index: u32, data: u64) -> kvm_msr_entry {
    kvm_msr_entry {
        index,
        data,
        ..Default::default()
    }
}

fn list(entries: &[kvm_msr_entry]) -> Result<Msrs, Error> {
    Msrs::from_entries(entries).map_err(|_| StateError::TooManyMsrs { count: entries.len() }.into())
}
