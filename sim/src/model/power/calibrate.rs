//! Calibration: the parts of a host that has only a curve, such that they give the curve back.
//!
//! At each load the curve says what the whole host draws; the parts say how that changes when cores are parked, states
//! are switched off or clocks are set. With every core alike, power `E` of a core that is busy with all its threads
//! (`X` for all cores), `W` that all packages save asleep, `q(u)` the share of time they sleep and `j(u)` what cores
//! draw at load `u` without running, as a share of `X`, three loads settle three unknowns:
//!
//! ```text
//! full load     base + W + X                     = P(100 %)
//! active idle   base + W (1 - q(0)) + X j(0)     = P(0)
//! at 10 %       base + W (1 - q(.1)) + X j(.1)   = 2 P(10 %) - P(20 %)    where the line through 10 and 20 % meets 0
//! ```
//!
//! At every other load the activity of running cores (what they run, its turbo and voltage) takes up the rest, so that the
//! curve is met exactly. Relative powers of idle states are assumed: 40 % of a running core in C1 (4 of 10 W), 33 % in C1E
//! and 27 % in C3 (30-35 and 26 W of a 95 W package of 2009), 5 % deeper (0.5 of 10 W). All are lowered together where
//! they would leave less than half of active idle to the base, or less than nine tenths of the drop at idle to packages.

use twinrack_scenario::spec::host::HostSpec;

use super::PowerCurve;
use super::parts::Parts;

/// Least share of active idle that is the base. Assumed.
const BASE_LEAST: f64 = 0.5;
/// Least share of the drop at idle that is the packages': on two EPYC 7502, where it was measured apart, 81 W woke the
/// packages and 64 cores in C1 took 5.8 W, 93 % and 7 %.
const PACKAGES_LEAST: f64 = 0.9;
/// Halvings when the greatest factor that fits is sought.
const HALVINGS: u32 = 40;

/// How a core spends its time at a load, as far as calibration needs it.
#[derive(Debug, Clone)]
pub struct Point {
    /// Share of time that all packages sleep.
    pub asleep: f64,
    /// Share of a core's time in each idle state, waking, and running.
    pub states: Vec<f64>,
    /// See `states`.
    pub waking: f64,
    /// See `states`.
    pub running: f64,
}

/// Power of idle states as shares of that of a busy core; one for the halt when none is listed.
fn relative(host: &HostSpec) -> Vec<f64> {
    let share = |name: &str| match name.to_ascii_uppercase().as_str() {
        "C1" => 0.4,
        "C1E" => 0.33,
        "C3" => 0.27,
        _ => 0.05,
    };
    let mut shares: Vec<f64> = host.c_states.iter().map(|state| share(&state.name)).collect();
    if shares.is_empty() {
        shares.push(share("C1"));
    }
    shares
}

struct Problem<'a> {
    curve: &'a PowerCurve,
    relative: Vec<f64>,
    threads: f64,
    idle: &'a Point,
    low: &'a Point,
}

/// Watts of all cores busy, and what all packages save asleep.
struct Solution {
    cores: f64,
    packages: f64,
    base: f64,
}

impl Problem<'_> {
    /// What a core draws at a point without running, as a share of a busy one; idle powers scaled by `factor`.
    fn without_running(&self, point: &Point, factor: f64) -> f64 {
        let halt = self.halt(factor);
        let idle: f64 = point
            .states
            .iter()
            .zip(&self.relative)
            .map(|(time, share)| time * share * factor)
            .sum();
        idle + point.running * halt + point.waking * (halt + (1.0 - halt) / self.threads)
    }

    fn halt(&self, factor: f64) -> f64 {
        self.relative.first().map_or(0.0, |share| share * factor)
    }

    fn solve(&self, factor: f64) -> Solution {
        let (idle, full) = (self.curve.at(0.0), self.curve.peak());
        let (j0, j1) = (
            self.without_running(self.idle, factor),
            self.without_running(self.low, factor),
        );
        let (q0, q1) = (self.idle.asleep, self.low.asleep);
        let determinant = (1.0 - j0) * (q0 - q1) - q0 * (j1 - j0);
        let packages = if determinant > 1e-9 {
            let packages = (self.curve.idle_drop() * (1.0 - j0) - (full - idle) * (j1 - j0)) / determinant;
            packages.clamp(0.0, full - idle)
        } else {
            0.0
        };
        let cores = ((full - idle - packages * q0) / (1.0 - j0)).max(0.0);
        Solution {
            cores,
            packages,
            base: full - packages - cores,
        }
    }

    fn fits(&self, factor: f64) -> bool {
        let solution = self.solve(factor);
        solution.base >= BASE_LEAST * self.curve.at(0.0)
            && solution.packages >= PACKAGES_LEAST * self.curve.idle_drop()
    }
}

/// The parts of a host with a curve. `idle` and `low` say how its cores spend their time at active idle and at 10 %.
pub fn calibrate(host: &HostSpec, curve: &PowerCurve, idle: &Point, low: &Point) -> Parts {
    let threads = f64::from(host.threads.max(1));
    let problem = Problem {
        curve,
        relative: relative(host),
        threads,
        idle,
        low,
    };
    let (mut fits, mut fails) = (0.0, 1.0);
    if problem.fits(fails) {
        fits = fails;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(fits, fails);
        if problem.fits(middle) {
            fits = middle;
        } else {
            fails = middle;
        }
    }
    let solution = problem.solve(fits);
    let packages = f64::from(host.sockets.max(1));
    let core = solution.cores / (packages * f64::from(host.cores.max(1)));
    let halted = core * problem.halt(fits);
    let thread = (core - halted) / threads;
    let idle: Vec<f64> = problem.relative.iter().map(|share| core * share * fits).collect();
    Parts {
        base: solution.base,
        package_asleep: 0.0,
        package_awake: solution.packages / packages,
        parked: idle.last().copied().unwrap_or(halted),
        idle,
        first: halted + thread,
        further: thread,
        waking: halted + thread,
    }
}
