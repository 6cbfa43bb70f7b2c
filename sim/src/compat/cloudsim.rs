//! The PlanetLab consolidation experiment of `CloudSim` 3.0.3, digit for digit.
//!
//! 800 hosts, one VM for each row of a trace, 24 hours at 300 s. What the program computes differs from what the paper
//! describes: memory is no constraint after the start, a VM without demand disappears for good, a host that receives a
//! migration counts as violated, LR is ordinary least squares. All of it is kept here and nowhere else, each oddity so that it can
//! be mended alone.

mod correlation;
mod hosts;
mod mended;
mod metrics;
mod past;
mod policy;

use twinrack_scenario::Trace;
use twinrack_scenario::spec::experiment::CloudSimSpec;

use hosts::{Cloud, HOSTS};
use mended::Mended;
use metrics::Ledger;
use policy::Rules;

/// Seconds between ticks, and between samples of the trace.
const INTERVAL: f64 = 300.0;
/// Least time between two events of the program: ticks are this much late.
const LEAST_STEP: f64 = 0.1;
/// The run is cut here; the tick that would follow 86,100.1 s is never processed.
const END: f64 = 86_400.0;

/// The figures that the program prints.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// Energy in kWh.
    pub energy_kwh: f64,
    /// Migrations started.
    pub migrations: u64,
    /// SLATAH times PDM.
    pub violation: f64,
    /// Time of active hosts with less allocated than requested, as a share.
    pub slatah: f64,
    /// Work lost to migrations, as a share.
    pub pdm: f64,
    /// Work not done, as a share.
    pub overall: f64,
    /// Mean shortage of the records with one.
    pub average: f64,
    /// Transitions of hosts to inactive, those that never ran counted once.
    pub shutdowns: u64,
}

/// Runs the experiment. `tick` is told the time in seconds of each tick.
pub fn run(spec: &CloudSimSpec, trace: &Trace, tick: &mut dyn FnMut(f64)) -> Figures {
    let mended = Mended::of(&spec.mended);
    let rules = Rules::new(spec.policy, mended);
    let mut cloud = Cloud::new(trace, HOSTS, mended);
    rules.place_all(&mut cloud);
    let mut ledger = Ledger::new(&cloud, &rules);
    let (mut migrations, mut last) = (0u64, 0.0);
    let mut now = LEAST_STEP + INTERVAL;
    while now < END {
        tick(now);
        cloud.set_demand(now);
        cloud.remember();
        process(&mut cloud, &mut ledger, now, &mut last);
        let moves = rules.consolidate(&mut cloud);
        migrations += moves.len() as u64;
        let mut open: Vec<(f64, usize, usize)> = Vec::new();
        for &(vm, to) in &moves {
            cloud.begin_migration(vm, to);
            for host in [to, cloud.vms[vm].host] {
                cloud.refresh(host);
                ledger.record(&cloud, host, now);
            }
            open.push((now + cloud.migration_seconds(vm), vm, to));
        }
        finish(&mut cloud, &mut ledger, &mut open, &mut last);
        now += INTERVAL;
    }
    ledger.figures(&cloud, &rules, migrations, last)
}

/// Ends the migrations of one tick, in the order of their ends.
fn finish(cloud: &mut Cloud<'_>, ledger: &mut Ledger, open: &mut Vec<(f64, usize, usize)>, last: &mut f64) {
    while let Some(at) = open.iter().map(|item| item.0).reduce(f64::min) {
        cloud.set_demand(at);
        process(cloud, ledger, at, last);
        for &(_, vm, to) in open.iter().filter(|item| item.0 == at) {
            cloud.end_migration(vm, to);
        }
        open.retain(|item| item.0 != at);
        process(cloud, ledger, at, last);
    }
}

/// Refreshes every host, charges energy for the time since the last refresh, drops VMs without demand.
fn process(cloud: &mut Cloud<'_>, ledger: &mut Ledger, now: f64, last: &mut f64) {
    for host in 0..cloud.hosts.len() {
        cloud.refresh(host);
        ledger.record(cloud, host, now);
    }
    let seconds = now - *last;
    if seconds > 0.0 {
        ledger.charge(cloud, seconds);
        *last = now;
    }
    cloud.drop_completed();
}
