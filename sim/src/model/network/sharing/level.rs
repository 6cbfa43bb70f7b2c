//! Levels of progressive filling as exact fractions, and the order in which they are reached.

/// Parts of one that weights are counted in, so that sums of weights are exact whatever their order.
pub const WEIGHT_PARTS: f64 = 65_536.0;
/// The largest capacity or cap in bits per second: up to here doubles hold every whole number.
pub const RATE_MAX: i64 = 1 << 53;
/// What a flow gets that nothing limits.
pub const UNLIMITED: i64 = i64::MAX;

/// What a channel has for the flows that are held up by it alone: the level is `left / weight`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// Bits per second that flows held up elsewhere leave.
    pub left: i64,
    /// Weight of the flows held up here, in parts; 0 when the channel holds up none.
    pub weight: i64,
}

impl Share {
    /// The level as the bits of a non-negative double, whose order is that of the numbers; infinite when none is held up.
    pub fn level(self) -> u64 {
        if self.weight == 0 {
            f64::INFINITY.to_bits()
        } else {
            (self.left.max(0) as f64 / self.weight as f64).to_bits()
        }
    }

    /// What a flow of that weight gets here: `floor(left * weight / all weight)`, exactly.
    pub fn rate(self, weight: i64) -> i64 {
        if self.weight == 0 {
            return UNLIMITED;
        }
        let left = self.left.max(0);
        let mut rate = (left as f64 * weight as f64 / self.weight as f64) as i64;
        let product = i128::from(left) * i128::from(weight);
        let over = |rate: i64| i128::from(rate) * i128::from(self.weight) > product;
        while over(rate) {
            rate -= 1;
        }
        while !over(rate + 1) {
            rate += 1;
        }
        rate
    }
}

/// When something holds flows up: its level, then its number among those of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    level: u64,
    at: u32,
}

impl Key {
    /// Before everything.
    pub const FIRST: Self = Self { level: 0, at: 0 };
    /// After everything: of a flow that has no place yet.
    pub const NEVER: Self = Self {
        level: u64::MAX,
        at: u32::MAX,
    };

    /// Of a channel at a level.
    pub const fn channel(channel: u32, level: u64) -> Self {
        Self {
            level,
            at: channel + 1,
        }
    }

    /// Of a flow's own cap; it comes before channels of the same level.
    pub const fn cap(level: u64) -> Self {
        Self { level, at: 0 }
    }

    /// The place in a queue of a channel that waits for this key.
    pub const fn on_behalf_of(self, channel: u32) -> Self {
        Self::channel(channel, self.level)
    }

    /// The channel that holds up, if it is one.
    pub const fn at_channel(self) -> Option<u32> {
        self.at.checked_sub(1)
    }

    /// Whether anything is held up at all.
    pub fn is_finite(self) -> bool {
        self.level < f64::INFINITY.to_bits()
    }
}

/// The level at which a flow of that weight reaches its cap.
pub fn cap_level(cap: i64, weight: i64) -> u64 {
    if cap == UNLIMITED {
        f64::INFINITY.to_bits()
    } else {
        (cap as f64 / weight as f64).to_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_exact_floors() {
        // 10^10 * 65,537 / 3 = 218,456,666,666,666.67
        let share = Share {
            left: 10_000_000_000,
            weight: 3,
        };
        assert_eq!(share.rate(1), 3_333_333_333);
        assert_eq!(share.rate(65_537), 218_456_666_666_666);
        // What rounds up as a double does not round up here: (2^53 - 1) * 3 / 3.
        let large = Share {
            left: RATE_MAX - 1,
            weight: 3,
        };
        assert_eq!(large.rate(3), RATE_MAX - 1);
    }

    #[test]
    fn a_cap_comes_before_a_channel_of_its_level() {
        let level = cap_level(100, 4);
        assert_eq!(level, Share { left: 50, weight: 2 }.level());
        assert!(Key::cap(level) < Key::channel(0, level));
        assert!(Key::channel(7, level) < Key::NEVER && !Key::NEVER.is_finite());
    }
}
