//! Leaving out: pages that are dirty again when their turn comes are not sent in this round, for the next sends them anyway.
//!
//! Xen's classic tool stack looks at the log before each batch of pages and leaves those out that are dirty again
//! (`xc_domain_save`: `to_skip`, read by a peek that clears nothing; Clark et al., NSDI'05, section 4.4). A sweep over a map of `m` pages of
//! which `mₖ` are in class `k` and `m₀` in none passes the place `x` of it when the guest has written for `E(x)`, and finds
//!
//! ```text
//! c(E) = (m₀ + Σ mₖ (1 − Pₖ(E))) / m          still clean there, Pₖ the share of class k that was written since the round began
//! du = c(E) dx                                sent, as a share of the map
//! dt/dx = c(E₀ + e t) / r                     at a pace r of sending and e of writing
//! ```
//!
//! so that a round sends less than its map and ends when the sweep is through, not when so many bytes were sent.

use super::PageClass;
use super::log::share_written;

/// Steps that a sweep is cut into to begin with.
const STEPS: u32 = 200;
/// Greatest error of a step, as a share of the time so far; steps that err by more are halved.
const TOLERANCE: f64 = 1e-10;
/// Where less than this is clean, the rest of the sweep takes no time.
const NOTHING_CLEAN: f64 = 1e-9;

/// A map that is swept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sweeping<'a> {
    /// The classes of the guest.
    pub(super) classes: &'a [PageClass],
    /// Of each class, the part that is in the map.
    pub(super) to_send: &'a [f64],
    /// What is in the map and in no class.
    pub(super) rest: f64,
}

impl Sweeping<'_> {
    fn clean(&self, exposure: f64) -> f64 {
        let map = self.rest + self.to_send.iter().sum::<f64>();
        if map <= 0.0 {
            return 1.0;
        }
        let classes = self.classes.iter().zip(self.to_send);
        let clean: f64 = classes
            .map(|(class, part)| part * (1.0 - share_written(class, exposure)))
            .sum();
        (self.rest + clean) / map
    }

    /// How far the sweep comes from the place `from` when `sent` more of the map is sent while the guest writes from
    /// `exposure` to `exposure + written`; 1 when it is through.
    pub(super) fn passed(&self, from: f64, sent: f64, exposure: f64, written: f64) -> f64 {
        if sent <= 0.0 {
            return from;
        }
        let pace = |done: f64| {
            let clean = self.clean(exposure + written * done);
            if clean > 0.0 { sent / clean } else { f64::INFINITY }
        };
        let step = 1.0 / f64::from(STEPS);
        let mut place = from;
        for at in 0..STEPS {
            let done = f64::from(at) * step;
            // Simpson's rule: the pace does not depend on the place.
            place += step / 6.0 * (pace(done) + 4.0 * pace(done + step / 2.0) + pace(done + step));
            if place >= 1.0 {
                return 1.0;
            }
        }
        place
    }

    /// Seconds until a sweep that is at the place `from` is through, when it sends `pace` of the map each second and the guest
    /// writes for `writing` seconds in each.
    pub(super) fn seconds_left(&self, from: f64, exposure: f64, pace: f64, writing: f64) -> f64 {
        if pace <= 0.0 {
            return f64::INFINITY;
        }
        let clean = |time: f64| self.clean(exposure + writing * time);
        let slope = |time: f64| clean(time) / pace;
        let (mut time, mut place) = (0.0, from);
        let mut step = (1.0 - from) / f64::from(STEPS);
        while place < 1.0 && clean(time) > NOTHING_CLEAN {
            step = step.min(1.0 - place);
            let whole = runge_kutta(slope, time, step);
            let halves = runge_kutta(slope, runge_kutta(slope, time, step / 2.0), step / 2.0);
            if (whole - halves).abs() > TOLERANCE * halves && step > f64::EPSILON {
                step /= 2.0;
                continue;
            }
            (time, place) = (halves, place + step);
            step *= 2.0;
        }
        time
    }
}

/// One step of the fourth order.
fn runge_kutta(slope: impl Fn(f64) -> f64, from: f64, step: f64) -> f64 {
    let first = slope(from);
    let second = slope(from + step / 2.0 * first);
    let third = slope(from + step / 2.0 * second);
    let fourth = slope(from + step * third);
    from + step / 6.0 * (first + 2.0 * second + 2.0 * third + fourth)
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::spec::guest::WritePattern;

    use super::*;

    /// 1,000 pages, all in the map, written 500 times a second.
    fn class(pattern: WritePattern) -> PageClass {
        PageClass {
            size: 1000.0,
            rate: 500.0,
            pattern,
        }
    }

    fn sweeping(class: &PageClass, rest: f64) -> Sweeping<'_> {
        Sweeping {
            classes: std::slice::from_ref(class),
            to_send: &[1000.0],
            rest,
        }
    }

    #[test]
    fn a_random_writer_is_left_out_as_the_closed_form_says() {
        // dx/dt = r e^(ρt), ρ = 0.5/s: the sweep is through when r (e^(ρt) − 1) / ρ = 1.
        let class = class(WritePattern::Random);
        let seconds = sweeping(&class, 0.0).seconds_left(0.0, 0.0, 0.1, 1.0);
        let wanted = libm::log(1.0 + 0.5 / 0.1) / 0.5;
        assert!((seconds / wanted - 1.0).abs() < 1e-9, "{seconds}, not {wanted}");
    }

    #[test]
    fn both_ways_along_a_sweep_agree() {
        for (pattern, rest) in [
            (WritePattern::Random, 0.0),
            (WritePattern::Random, 3000.0),
            (WritePattern::Sequential, 3000.0),
        ] {
            let class = class(pattern);
            let map = sweeping(&class, rest);
            let seconds = map.seconds_left(0.0, 0.0, 0.2, 0.7);
            let half = map.passed(0.0, 0.1 * seconds, 0.0, 0.35 * seconds);
            assert!(half > 0.3 && half < 0.7, "{half}");
            let rest = map.seconds_left(half, 0.35 * seconds, 0.2, 0.7);
            assert!((rest / (seconds / 2.0) - 1.0).abs() < 1e-4, "{pattern} {rest}");
        }
    }

    #[test]
    fn what_is_all_dirty_again_ends_the_round() {
        // After 2 s a sequential writer has been everywhere: what is left is passed in no time.
        let class = class(WritePattern::Sequential);
        let map = sweeping(&class, 0.0);
        // dx/dt = r / (1 − t/2): x = −2 r ln(1 − t/2) = 1 at t = 2 (1 − e^(−1/2r)).
        let seconds = map.seconds_left(0.0, 0.0, 0.1, 1.0);
        assert!(
            (seconds - 2.0 * (1.0 - libm::exp(-5.0))).abs() < 1e-6,
            "{seconds}"
        );
        assert!(map.seconds_left(0.5, 2.0, 0.1, 1.0) < 1e-9);
        assert!(map.passed(0.5, 0.01, 2.0, 0.1) >= 1.0);
    }

    #[test]
    fn a_guest_that_writes_nothing_has_nothing_left_out() {
        let class = PageClass {
            rate: 0.0,
            ..class(WritePattern::Random)
        };
        let map = sweeping(&class, 500.0);
        assert!((map.seconds_left(0.0, 0.0, 0.25, 1.0) - 4.0).abs() < 1e-12);
        assert!((map.passed(0.25, 0.5, 9.0, 1.0) - 0.75).abs() < 1e-12);
    }
}
