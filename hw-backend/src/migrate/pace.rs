//! A cap on bandwidth: after each piece, sleep until it would have passed a link of that rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use twinrack_scenario::units::BitsPerSecond;

use super::PATIENCE;

/// How often a link that is cut is looked at.
const CUT: Duration = Duration::from_millis(5);

/// What a sender is granted of a link that it shares with others, from time to time anew, and what it has sent.
#[derive(Debug, Clone)]
pub struct Grant(Arc<Granted>);

#[derive(Debug)]
struct Granted {
    /// Bits each second; all ones for as much as it can.
    rate: AtomicU64,
    sent: AtomicU64,
}

impl Default for Grant {
    fn default() -> Self {
        Self(Arc::new(Granted {
            rate: AtomicU64::new(u64::MAX),
            sent: AtomicU64::new(0),
        }))
    }
}

impl Grant {
    /// From its next piece on, it may send at `rate`.
    pub fn set(&self, rate: BitsPerSecond) {
        self.0.rate.store(rate.0, Ordering::Relaxed);
    }

    /// Whether it may send nothing at present: its link is cut.
    pub fn is_nothing(&self) -> bool {
        self.0.rate.load(Ordering::Relaxed) == 0
    }

    /// Bytes sent so far.
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    fn rate(&self) -> Option<BitsPerSecond> {
        Some(self.0.rate.load(Ordering::Relaxed))
            .filter(|rate| *rate != u64::MAX)
            .map(BitsPerSecond)
    }
}

/// Keeps a sender at a rate, over any time as exactly as the clock.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    bytes: u64,
    limit: Option<BitsPerSecond>,
    grant: Grant,
    /// When the link will have carried what was sent, since the beginning.
    free: Duration,
}

impl Pace {
    /// From now on, at most `limit`, and at most what is granted.
    pub fn new(limit: Option<BitsPerSecond>, grant: &Grant) -> Self {
        Self {
            began: Instant::now(),
            bytes: 0,
            limit,
            grant: grant.clone(),
            free: Duration::ZERO,
        }
    }

    /// The least of both.
    fn cap(&self) -> Option<BitsPerSecond> {
        [self.limit, self.grant.rate()].into_iter().flatten().min()
    }

    /// How long ago it began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Bytes per second so far; the limit before anything was sent.
    pub fn rate(&self) -> f64 {
        let elapsed = self.elapsed().as_secs_f64();
        if self.bytes == 0 || elapsed <= 0.0 {
            return self.cap().map_or(f64::INFINITY, BitsPerSecond::bytes_per_second);
        }
        self.bytes as f64 / elapsed
    }

    /// `bytes` were sent: waits until the link of that rate would be free again. One that is cut is waited for as long as the other end
    /// has patience; then the next piece finds out that nobody listens.
    pub fn sent(&mut self, bytes: u64) {
        self.note(bytes);
        if let Some(ahead) = self.busy() {
            thread::sleep(ahead);
        }
        let cut = Instant::now();
        while self.grant.is_nothing() && cut.elapsed() < PATIENCE + CUT {
            thread::sleep(CUT);
        }
    }

    /// `bytes` were sent, and nobody waits for the link now: it takes them at the rate that it has now.
    pub fn note(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.grant.0.sent.fetch_add(bytes, Ordering::Relaxed);
        let rate = self.cap().map_or(0.0, BitsPerSecond::bytes_per_second);
        if rate > 0.0 {
            self.free += Duration::from_secs_f64(bytes as f64 / rate);
        }
    }

    /// How long the link of that rate is busy from now on with what was sent; nothing when it is free.
    pub fn busy(&self) -> Option<Duration> {
        self.ahead(self.began.elapsed())
    }

    /// How far the sender is ahead of the link.
    fn ahead(&self, elapsed: Duration) -> Option<Duration> {
        self.free.checked_sub(elapsed).filter(|ahead| !ahead.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIGABIT: BitsPerSecond = BitsPerSecond(1_000_000_000);

    #[test]
    fn the_link_is_free_when_the_bytes_have_passed() {
        let mut pace = Pace::new(Some(GIGABIT), &Grant::default());
        pace.note(125_000_000);
        // A second's bytes after 0.4 s: 0.6 s ahead; after 1.5 s: behind.
        assert_eq!(
            pace.ahead(Duration::from_millis(400)),
            Some(Duration::from_millis(600))
        );
        assert_eq!(pace.ahead(Duration::from_millis(1500)), None);
        let mut free = Pace::new(None, &Grant::default());
        free.note(125_000_000);
        assert_eq!(free.ahead(Duration::ZERO), None);
    }

    #[test]
    fn what_is_granted_holds_from_the_next_piece_on() {
        let grant = Grant::default();
        let mut pace = Pace::new(Some(GIGABIT), &grant);
        pace.note(12_500_000);
        grant.set(BitsPerSecond(GIGABIT.0 / 2));
        pace.note(12_500_000);
        grant.set(BitsPerSecond(GIGABIT.0 * 2));
        pace.note(12_500_000);
        // 0.1 s at the whole rate, 0.2 s at half, 0.1 s at the limit.
        assert_eq!(pace.ahead(Duration::ZERO), Some(Duration::from_millis(400)));
        assert_eq!(grant.sent(), 37_500_000);
    }
}
