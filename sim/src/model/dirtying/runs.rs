//! Runs: how many pieces of neighbouring pages the map of a round consists of.
//!
//! Of a class of `W` pages written at random `m` are in the map, each page with the same chance `d = m / W`. A run begins where the page
//! before is not in it, and a run of which no piece may be longer than `n` pages has one more for each `n` pages:
//!
//! ```text
//! random      m (1 - d) / (1 - dⁿ)      lengths are geometric: a piece k + 1 is reached with the chance d^(k n)
//! sequential  m / n + 1                 one stretch, that the writer went over
//! in none     m / n                     memory that nobody writes is sent once, as it lies
//! ```

use twinrack_scenario::spec::guest::WritePattern;

use super::{DirtyTracker, PageClass};

/// So near to all of a class it is one stretch.
const WHOLE: f64 = 1e-9;

impl DirtyTracker {
    /// Runs that the present round has to send, of at most `longest` pages each.
    pub fn runs(&self, longest: f64) -> f64 {
        let classes = self.model.classes.iter().zip(&self.to_send);
        let of_classes: f64 = classes.map(|(class, pages)| runs(class, *pages, longest)).sum();
        of_classes + self.rest / longest
    }
}

/// The pieces that `pages` of a class lie in.
fn runs(class: &PageClass, pages: f64, longest: f64) -> f64 {
    let filled = if class.size > 0.0 { pages / class.size } else { 0.0 };
    if filled <= 0.0 {
        return 0.0;
    }
    match class.pattern {
        _ if filled >= 1.0 - WHOLE => pages / longest,
        WritePattern::Random => pages * (1.0 - filled) / -libm::expm1(longest * libm::log(filled)),
        WritePattern::Sequential => (pages / longest + 1.0).min(pages),
    }
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::random::Streams;

    use super::*;

    const SIZE: usize = 1 << 20;

    fn class(pattern: WritePattern) -> PageClass {
        PageClass {
            size: SIZE as f64,
            rate: 1.0,
            pattern,
        }
    }

    /// Pieces of at most `longest` neighbours among pages drawn with such a chance.
    fn counted(filled: f64, longest: usize) -> usize {
        let mut rng = Streams::new(1).stream("guest", "pages");
        let (mut pieces, mut length) = (0, 0);
        for _ in 0..SIZE {
            if ((rng.bits() >> 32) as f64) < filled * 4_294_967_296.0 {
                pieces += usize::from(length % longest == 0);
                length += 1;
            } else {
                length = 0;
            }
        }
        pieces
    }

    #[test]
    fn random_pages_lie_in_as_many_pieces_as_are_counted() {
        for filled in [0.01, 0.3, 0.9, 0.99, 0.999] {
            let model = runs(&class(WritePattern::Random), filled * SIZE as f64, 128.0);
            let counted = counted(filled, 128) as f64;
            assert!(
                (model / counted - 1.0).abs() < 0.05,
                "{filled}: {model} and {counted}"
            );
        }
    }

    #[test]
    fn what_is_whole_or_in_order_lies_in_stretches() {
        let pages = SIZE as f64;
        for pattern in [WritePattern::Random, WritePattern::Sequential] {
            assert_eq!(runs(&class(pattern), pages, 128.0), pages / 128.0);
            assert_eq!(runs(&class(pattern), 0.0, 128.0), 0.0);
        }
        assert_eq!(runs(&class(WritePattern::Sequential), 1280.0, 128.0), 11.0);
    }
}
