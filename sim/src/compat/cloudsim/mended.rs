//! Oddities of the program that a run does without, to see what each of them is worth.

use twinrack_scenario::spec::experiment::Oddity;

/// Which oddities are mended; none in the experiment as published.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mended([bool; Oddity::ALL.len()]);

impl Mended {
    /// Those of a list.
    pub fn of(oddities: &[Oddity]) -> Self {
        let mut mended = Self::default();
        for oddity in oddities {
            mended.0[*oddity as usize] = true;
        }
        mended
    }

    /// Whether one is mended.
    pub const fn has(self, oddity: Oddity) -> bool {
        self.0[oddity as usize]
    }
}
