//! Who has the guest after the commit: a claim that is settled once, and the way to ask about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const OPEN: u8 = 0;
const TAKEN: u8 = 1;
const REFUSED: u8 = 2;

/// A target's claim on a guest: taken by the target when the commit arrives, or refused by whoever speaks for the source. The first
/// of the two settles it.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    state: Arc<AtomicU8>,
}

impl Claim {
    /// The target takes the guest; false when it was refused before.
    pub fn take(&self) -> bool {
        self.settle_as(TAKEN)
    }

    /// The guest goes back to the source; false when the target has it already.
    pub fn refuse(&self) -> bool {
        self.settle_as(REFUSED)
    }

    fn settle_as(&self, to: u8) -> bool {
        match self
            .state
            .compare_exchange(OPEN, to, Ordering::SeqCst, Ordering::SeqCst)
        {
            Ok(_) => true,
            Err(settled) => settled == to,
        }
    }
}

/// Who has the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The source: the target has not taken it, and never will.
    Source,
    /// The target.
    Target,
    /// It could not be found out.
    Unknown,
}

/// Whom a source asks that has lost its link after the commit.
pub trait Referee: Send {
    /// Settles the claim in favour of the source unless the target has taken the guest, and says who has it.
    fn settle(&mut self) -> Owner;
}

/// Reaches the claim itself: both ends in one process.
impl Referee for Claim {
    fn settle(&mut self) -> Owner {
        if self.refuse() {
            Owner::Source
        } else {
            Owner::Target
        }
    }
}

/// Nobody to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nobody;

impl Referee for Nobody {
    fn settle(&mut self) -> Owner {
        Owner::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_settled_once() {
        let mut claim = Claim::default();
        assert!(claim.take() && claim.take());
        assert_eq!(Referee::settle(&mut claim), Owner::Target);
        let mut refused = Claim::default();
        assert_eq!(Referee::settle(&mut refused), Owner::Source);
        assert!(!refused.take());
        assert_eq!(Nobody.settle(), Owner::Unknown);
    }

    #[test]
    fn of_two_that_race_one_wins() {
        for _ in 0..200 {
            let claim = Claim::default();
            let other = claim.clone();
            let target = std::thread::spawn(move || other.take());
            let source = claim.refuse();
            assert_ne!(target.join().expect("no panic"), source);
        }
    }
}
