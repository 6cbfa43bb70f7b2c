//! The past load of a host: its VMs' histories added up, kept from one question to the next.

use super::hosts::{HISTORY, Vm};

/// Sums of the histories of some VMs as shares of their host, newest first.
///
/// Additions keep the order of the host's list, so a VM more costs its own part only and no bit changes.
#[derive(Debug, Clone, Default)]
pub struct Past {
    summed: Vec<usize>,
    sums: [f64; HISTORY],
}

impl Past {
    /// Forgets the sums: histories have changed.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// The sums for the VMs `ids` of a host of `total` MIPS.
    pub fn of(&mut self, ids: &[usize], vms: &[Vm], total: f64) -> &[f64; HISTORY] {
        if !ids.starts_with(&self.summed) {
            self.forget();
        }
        for id in &ids[self.summed.len()..] {
            for (age, sum) in self.sums.iter_mut().enumerate() {
                *sum += vms[*id].past_share(age, total);
            }
            self.summed.push(*id);
        }
        &self.sums
    }
}

#[cfg(test)]
mod tests {
    use super::super::hosts::Cloud;
    use super::super::mended::Mended;
    use super::*;
    use twinrack_scenario::Trace;

    #[test]
    fn sums_follow_the_list_to_the_last_bit() {
        let csv = "vm_name,u0,u1,u2\na,9,13,27\nb,31,7,3\nc,11,90,1\n";
        let trace = Trace::from_csv(csv.as_bytes()).expect("a trace");
        let mut cloud = Cloud::new(&trace, 1, Mended::default());
        for vm in 0..3 {
            cloud.put(vm, 0);
        }
        for tick in 0..3 {
            cloud.set_demand(f64::from(tick) * 300.1);
            cloud.remember();
        }
        let mut kept = Past::default();
        for list in [&[0usize, 1][..], &[0, 1, 2], &[0, 2], &[], &[2, 1, 0]] {
            let anew = *Past::default().of(list, &cloud.vms, 3720.0);
            assert_eq!(*kept.of(list, &cloud.vms, 3720.0), anew, "{list:?}");
        }
    }
}
