//! Counters that a guest keeps, over a run: they begin before the clock does, and start anew with each life of the guest.

/// Some counters of one guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally<const N: usize> {
    /// What they were when the clock began, or the guest's present life.
    base: [u64; N],
    last: [u64; N],
    /// Of lives that are over.
    before: [u64; N],
}

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Self {
            base: [0; N],
            last: [0; N],
            before: [0; N],
        }
    }
}

impl<const N: usize> Tally<N> {
    /// They were told; `first` when the clock has just begun. What a source tells of a guest that has left it is older, and no news.
    pub fn saw(&mut self, counts: [u64; N], first: bool) {
        if first {
            self.base = counts;
        }
        for (last, now) in self.last.iter_mut().zip(counts) {
            *last = now.max(*last);
        }
    }

    /// The guest is made anew: it counts from nothing.
    pub fn begin_anew(&mut self) {
        self.before = self.since_the_start();
        self.base = [0; N];
        self.last = [0; N];
    }

    /// What was counted since the clock began.
    pub fn since_the_start(&self) -> [u64; N] {
        std::array::from_fn(|at| self.before[at] + self.last[at].saturating_sub(self.base[at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_before_the_clock_is_no_part_and_what_a_life_before_counted_is() {
        let mut tally = Tally::default();
        tally.saw([10, 100], true);
        tally.saw([15, 100], false);
        assert_eq!(tally.since_the_start(), [5, 0]);
        tally.saw([14, 99], false);
        assert_eq!(
            tally.since_the_start(),
            [5, 0],
            "older than what was told already"
        );
        tally.begin_anew();
        tally.saw([2, 7], false);
        tally.saw([4, 7], false);
        assert_eq!(tally.since_the_start(), [9, 7]);
    }
}
