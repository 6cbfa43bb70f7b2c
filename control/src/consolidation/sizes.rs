//! Sizes of the VMs of many hosts, noted in one pass over the VMs: a row for each host, VMs of one size in a row as one entry.

use std::ops::Range;

use twinrack_scenario::HostId;
use twinrack_scenario::units::Bytes;

/// The sizes of the VMs of the hosts that were looked at.
#[derive(Debug, Clone, Default)]
pub struct Sizes {
    /// Of one size so many, host after host.
    runs: Vec<(Bytes, u32)>,
    /// Where the sizes of a host begin.
    rows: Vec<(HostId, usize)>,
}

/// The sizes of one host's VMs, by their place.
pub type Row = Range<usize>;

impl Sizes {
    /// What is added from now on is a VM of this host.
    pub fn begin(&mut self, host: HostId) {
        self.rows.push((host, self.runs.len()));
    }

    /// Adds a VM of the host begun last.
    pub fn add(&mut self, size: Bytes) {
        let begun = self.rows.last().map_or(0, |(_, from)| *from);
        match self.runs[begun..].last_mut() {
            Some((last, count)) if *last == size => *count += 1,
            _ => self.runs.push((size, 1)),
        }
    }

    /// The hosts that were looked at, in that order.
    pub fn rows(&self) -> impl Iterator<Item = (HostId, Row)> {
        let ends = self.rows.iter().skip(1).map(|(_, from)| *from);
        let ends = ends.chain([self.runs.len()]);
        self.rows
            .iter()
            .zip(ends)
            .map(|((host, from), to)| (*host, *from..to))
    }

    /// The sizes of a host: each with how many VMs in a row have it. Their order within the row is free.
    pub fn of(&mut self, row: Row) -> &mut [(Bytes, u32)] {
        &mut self.runs[row]
    }

    /// The host begun last.
    pub fn last(&self) -> Row {
        self.rows.last().map_or(0, |(_, from)| *from)..self.runs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_keep_their_rows_apart() {
        let mut sizes = Sizes::default();
        for (host, vms) in [(3, &[4, 4, 8][..]), (5, &[]), (6, &[8])] {
            sizes.begin(HostId(host));
            for size in vms {
                sizes.add(Bytes(*size));
            }
        }
        let rows: Vec<_> = sizes.rows().collect();
        assert_eq!(rows, [(HostId(3), 0..2), (HostId(5), 2..2), (HostId(6), 2..3)]);
        assert_eq!(sizes.of(0..2), [(Bytes(4), 2), (Bytes(8), 1)]);
        assert_eq!((sizes.last(), sizes.of(2..3)[0]), (2..3, (Bytes(8), 1)));
    }
}
