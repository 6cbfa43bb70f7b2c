//! A generator of traces with the statistics of `PlanetLab`'s 3 March 2011: 1,052 VMs, mean 12.31 %, deviation 17.09 %.
//!
//! Each VM has a level of its own, log-normal over VMs, and swings around it from sample to sample as an autoregressive
//! process on the logarithm; a share of its samples is idle. The constants were fitted to the published mean and
//! deviation; correlation from one sample to the next is within a VM's swing.

use twinrack_scenario::Trace;

use crate::engine::{Rng, Streams};

/// Samples of a day at five minutes.
const DAY: usize = 288;
/// Median level of a VM in percent, and its spread over VMs on the logarithm.
const LEVEL_MEDIAN: f64 = 5.6;
const LEVEL_SPREAD: f64 = 1.05;
/// Swing of a VM around its level, on the logarithm, and how much of it a sample keeps of the one before.
const SWING: f64 = 0.62;
const KEEPS: f64 = 0.85;
/// Share of VMs that fall idle now and then, how often they do, and how long they stay so.
const RESTS: (u64, u64) = (1, 2);
const FALLS: (u64, u64) = (1, 60);
const WAKES: (u64, u64) = (1, 12);
/// Greatest value, as in the published traces.
const MOST: f64 = 99.0;

/// A trace of `vms` VMs over `days` days.
pub fn trace(seed: u64, vms: u32, days: u32) -> Trace {
    let row_length = DAY * days.max(1) as usize;
    let mut trace = Trace {
        row_length,
        ..Trace::default()
    };
    for vm in 0..vms {
        let name = format!("synthetic-{vm:06}");
        let mut rng = Streams::new(seed).stream(&name, "trace");
        trace.samples.extend(row(&mut rng, row_length));
        trace.names.push(name);
    }
    trace
}

fn row(rng: &mut Rng, length: usize) -> impl Iterator<Item = u8> {
    let level = libm::log(LEVEL_MEDIAN) + LEVEL_SPREAD * rng.normal(0.0, 1.0);
    let rests = rng.chance(RESTS.0, RESTS.1);
    let mut swing = rng.normal(0.0, SWING);
    let mut idle = false;
    (0..length).map(move |_| {
        swing = KEEPS * swing + rng.normal(0.0, SWING * (1.0 - KEEPS * KEEPS).sqrt());
        idle = if idle {
            !rng.chance(WAKES.0, WAKES.1)
        } else {
            rests && rng.chance(FALLS.0, FALLS.1)
        };
        if idle {
            0
        } else {
            libm::exp(level + swing).clamp(0.0, MOST) as u8
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statistics_are_those_of_the_published_day() {
        let trace = trace(1, 1052, 1);
        let (mean, deviation) = trace.mean_and_deviation();
        // Means of such days were 9.26 to 12.39 %, deviations 12.78 to 17.09 %.
        assert!((9.26..12.39).contains(&mean), "{mean}");
        assert!((12.78..17.09).contains(&deviation), "{deviation}");
        assert_eq!((trace.len(), trace.row_length), (1052, 288));
        assert_eq!(
            super::trace(1, 3, 1).row(2),
            trace.row(2),
            "more VMs change no other's row"
        );
    }
}
