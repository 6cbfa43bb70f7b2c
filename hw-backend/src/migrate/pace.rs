//! A cap on bandwidth: after each piece, sleep until it would have passed a link of that rate.

use std::thread;
use std::time::{Duration, Instant};

use twinrack_scenario::units::BitsPerSecond;

/// Keeps a sender at a rate, over any time as exactly as the clock.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    bytes: u64,
    limit: Option<BitsPerSecond>,
}

impl Pace {
    /// From now on, at most `limit`.
    pub fn new(limit: Option<BitsPerSecond>) -> Self {
        Self {
            began: Instant::now(),
            bytes: 0,
            limit,
        }
    }

    /// How long ago it began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Bytes per second so far; the limit before anything was sent.
    pub fn rate(&self) -> f64 {
        let elapsed = self.elapsed().as_secs_f64();
        if self.bytes == 0 || elapsed <= 0.0 {
            return self.limit.map_or(f64::INFINITY, BitsPerSecond::bytes_per_second);
        }
        self.bytes as f64 / elapsed
    }

    /// `bytes` were sent: waits until the link of that rate would be free again.
    pub fn sent(&mut self, bytes: u64) {
        self.note(bytes);
        if let Some(ahead) = self.busy() {
            thread::sleep(ahead);
        }
    }

    /// `bytes` were sent, and nobody waits for the link now.
    pub const fn note(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// How long the link of that rate is busy from now on with what was sent; nothing when it is free.
    pub fn busy(&self) -> Option<Duration> {
        self.ahead(self.began.elapsed())
    }

    /// How far the sender is ahead of the link.
    fn ahead(&self, elapsed: Duration) -> Option<Duration> {
        let rate = self.limit?.bytes_per_second();
        if rate <= 0.0 {
            return None;
        }
        let due = Duration::from_secs_f64(self.bytes as f64 / rate);
        due.checked_sub(elapsed).filter(|ahead| !ahead.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_free_when_the_bytes_have_passed() {
        let mut pace = Pace::new(Some(BitsPerSecond(1_000_000_000)));
        pace.bytes = 125_000_000;
        // A second's bytes after 0.4 s: 0.6 s ahead; after 1.5 s: behind.
        assert_eq!(
            pace.ahead(Duration::from_millis(400)),
            Some(Duration::from_millis(600))
        );
        assert_eq!(pace.ahead(Duration::from_millis(1500)), None);
        pace.limit = None;
        assert_eq!(pace.ahead(Duration::ZERO), None);
    }
}
