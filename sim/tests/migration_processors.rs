//! Processors bound a migration: one thread sends it, one receives it, and an adapter may leave all receiving to one.
//!
//! 4 GiB of a guest that writes nothing are 4,294,967,296 bytes, of which a thread sends one in a nanosecond.

/// What they share.
mod support;

use support::{near, simulated};
use twinrack_scenario::record::RunRecord;

/// Hosts of 16 processors on 40 Gb/s.
fn record(nics: &str, vms: &str, timeline: &str) -> RunRecord {
    let yaml = format!(
        "name: processors
duration: 10min
edition: modern
hosts:
  - {{name: n, count: 2, memory: 256GiB, sockets: 2, cores: 8, nics: [{nics}]}}
networks:
  - {{name: lan, speed: 40Gb/s}}
storage:
  - {{name: csv1, kind: csv}}
defaults:
  vms: {{host: n1, memory: 4GiB}}
vms: [{vms}]
policies: {{migration: {{per_host: 4}}}}
timeline: [{timeline}]
"
    );
    simulated(&yaml)
}

fn copied_in(record: &RunRecord) -> f64 {
    record.summary.kpis["migration.brownout_s.max"].value
}

const LINE: &str = "{speed: 40Gb/s}";
const SECONDS: f64 = 4.294_967_296;
const ONE: &str = "{name: a, vcpus: 1, cpu: 10%}";
const MOVE: &str = "live_migrate: {at: 10s, vm: a, to: n2}";

#[test]
fn one_thread_is_one_processor() {
    near(copied_in(&record(LINE, ONE, MOVE)), SECONDS, 1e-3);
    let two = format!("{ONE}, {{name: b, vcpus: 1, cpu: 10%}}");
    let both = format!("{MOVE}, live_migrate: {{at: 10s, vm: b, to: n2}}");
    near(copied_in(&record(LINE, &two, &both)), SECONDS, 1e-3);
}

/// Sixteen guests ask for two processors each, of 16: with the thread there are 33 of like weight, and each has 16/33.
#[test]
fn a_full_host_leaves_a_thread_its_part() {
    let full = "{name: a, vcpus: 2, cpu: 100%}, {name: v, count: 15, vcpus: 2, cpu: 100%}";
    let record = record(LINE, full, MOVE);
    near(copied_in(&record), SECONDS * 33.0 / 16.0, 1e-3);
    // Two seconds after the copy began the others become idle.
    let eased = format!("set_cpu: {{at: 14s, vm: v, cpu: 0%}}, {MOVE}");
    let part = self::record(LINE, full, &eased);
    near(copied_in(&part), 2.0 + SECONDS - 2.0 * 16.0 / 33.0, 1e-3);
}

/// 3.341 us for each packet of 1,460 bytes: 437 MB/s for one queue, 874 MB/s for two; more than 1 GB/s for three.
#[test]
fn one_receive_queue_is_one_processor() {
    let queues = |count| format!("{{speed: 40Gb/s, receive_queues: {count}}}");
    let packet = 3.341e-6 / 1460.0 * 4_294_967_296.0;
    near(copied_in(&record(&queues(1), ONE, MOVE)), packet, 1e-3);
    near(copied_in(&record(&queues(2), ONE, MOVE)), packet / 2.0, 1e-3);
    near(copied_in(&record(&queues(3), ONE, MOVE)), SECONDS, 1e-3);
}
