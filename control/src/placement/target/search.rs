//! The search on one shelf: the host that a policy likes best of those that hold a VM.

use std::ops::Range;

use twinrack_scenario::HostId;
use twinrack_scenario::units::Bytes;

use super::{Need, Room, WattsAt};
use crate::placement::shelf::{BlockView, Entry, Shelf};

/// Straight parts of a power curve.
const PARTS: u32 = 10;

/// Every load.
pub(super) const ALL: Range<f64> = 0.0..f64::INFINITY;

/// The lower of two costs; of equals the lower number.
pub(super) fn lower(a: (f64, HostId), b: (f64, HostId)) -> (f64, HostId) {
    if a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).is_le() {
        a
    } else {
        b
    }
}

/// A VM that looks for a host on one shelf.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) shelf: &'a Shelf,
    pub(super) need: Need,
    pub(super) ceiling: f64,
}

impl<'a> Search<'a> {
    fn holds(&self, entry: &Entry) -> bool {
        entry.room.holds(self.need, self.ceiling)
    }

    pub(super) fn first(&self, keys: &Range<f64>) -> Option<&'a Entry> {
        self.shelf.first(keys, self.need, |entry| self.holds(entry))
    }

    pub(super) fn last(&self, keys: &Range<f64>) -> Option<&'a Entry> {
        self.shelf.last(keys, self.need, |entry| self.holds(entry))
    }

    /// Least increase of power. Hosts of a shelf are of one kind.
    pub(super) fn least_increase(&self, watts: WattsAt<'_>) -> Option<(f64, HostId)> {
        let any = self.shelf.any()?;
        let (kind, size) = (any.host, any.room.processors);
        let increase = |load: f64| watts(kind, load + self.need.processors).0 - watts(kind, load).0;
        let corners = corners(size, self.need.processors);
        let increases: Vec<f64> = corners.iter().map(|corner| increase(*corner)).collect();
        // Past the last corner, where hosts asked for more than they have stand, the curve is flat.
        let ends = corners[1..].iter().copied().chain([f64::INFINITY]);
        let at_ends = increases[1..].iter().copied().chain([increase(size)]);
        let mut parts: Vec<(f64, Range<f64>)> = (increases.iter().zip(at_ends))
            .map(|(start, end)| start.min(end))
            .zip(corners.iter().zip(ends).map(|(from, to)| *from..to))
            .collect();
        parts.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.start.total_cmp(&b.1.start)));
        let mut best: Option<(f64, HostId)> = None;
        for (bound, part) in parts {
            // Rounding may put a host a hair below the bound of its part.
            if best.is_some_and(|(least, _)| bound > least + 1e-9 * least.abs()) {
                break;
            }
            let ends = [self.first(&part), self.last(&part)];
            let ends = ends.into_iter().flatten();
            best = ends
                .map(|entry| (increase(entry.room.asked), entry.host))
                .chain(best)
                .reduce(lower);
        }
        best
    }

    pub(super) fn most_aligned(&self) -> Option<(f64, HostId)> {
        let blocks = || {
            self.shelf
                .blocks(self.need)
                .map(|block| (self.least_of(&block), block))
        };
        // The block that promises most comes first: what is found there lets nearly all others be passed over.
        let promising = blocks().min_by(|a, b| a.0.total_cmp(&b.0))?.1;
        blocks().fold(self.best_of(&promising), |best, (least, block)| match best {
            Some((found, _)) if least > found => best,
            _ => best.into_iter().chain(self.best_of(&block)).reduce(lower),
        })
    }

    /// What no host of a block is below: none has more free memory or a lower load than the block says.
    fn least_of(&self, block: &BlockView<'_>) -> f64 {
        let bound = Room {
            free: Bytes(block.free_max),
            asked: block.load_min,
            ..block.entries[0].room
        };
        -alignment(&bound, self.need)
    }

    fn best_of(&self, block: &BlockView<'_>) -> Option<(f64, HostId)> {
        let holding = block.entries.iter().filter(|entry| self.holds(entry));
        holding
            .map(|entry| (-alignment(&entry.room, self.need), entry.host))
            .reduce(lower)
    }
}

/// Loads of a host at which its curve, or the curve a VM further on, has a corner; in order, from 0.
fn corners(size: f64, more: f64) -> Vec<f64> {
    let tenths = (0..=PARTS).map(|tenth| size * f64::from(tenth) / f64::from(PARTS));
    let mut corners: Vec<f64> = tenths
        .flat_map(|corner| [corner, corner - more])
        .filter(|corner| *corner >= 0.0)
        .chain([0.0])
        .collect();
    corners.sort_by(f64::total_cmp);
    corners.dedup();
    corners
}

/// Dot product of what is needed and what is left, in shares of the host (Panigrahy et al., "Heuristics for vector bin
/// packing", 2011).
pub(super) fn alignment(room: &Room, need: Need) -> f64 {
    let processors = room.processors.max(f64::MIN_POSITIVE);
    let memory = room.memory.as_f64().max(1.0);
    need.processors / processors * ((room.processors - room.asked) / processors)
        + need.memory.as_f64() / memory * (room.free.as_f64() / memory)
}
