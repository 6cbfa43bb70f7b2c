//! Trace events for Perfetto and Chrome: migrations and their phases as spans on their VMs, levels as counters, and what strikes
//! the whole datacenter as instants.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::run::{MigrationStory, Phase, Run, seconds, text};

/// Metrics of the total that become counters, and what they are called.
const COUNTERS: [(&str, &str); 6] = [
    ("power_w", "power, W"),
    ("cores_parked", "logical processors parked"),
    ("hosts_active", "hosts on"),
    ("migrations", "migrations under way"),
    ("utilisation", "use of processors, share"),
    ("net_bps", "traffic, b/s"),
];

/// Kinds of events that become instants.
const INSTANTS: [&str; 6] = [
    "host_crashed",
    "host_down",
    "host_up",
    "maintenance_started",
    "maintenance_reached",
    "maintenance_ended",
];

/// The one process of a trace.
const PROCESS: u64 = 1;
/// The thread of what belongs to no VM; VMs follow.
const DATACENTER: usize = 0;

/// The run in the trace event format (JSON object form), in order of time. Times are microseconds of simulated time.
pub fn trace(run: &Run) -> Value {
    let stories = run.migrations();
    let threads = threads(&stories);
    let mut events = spans(&stories, &threads, run.summary.span_s);
    events.extend(counters(run));
    events.extend(instants(run));
    // Of events at the same time the order stays: a span ends before the next begins.
    let at = |event: &Value| event["ts"].as_f64().unwrap_or_default();
    events.sort_by(|a, b| at(a).total_cmp(&at(b)));
    let mut all = names(run, &threads);
    all.append(&mut events);
    json!({ "displayTimeUnit": "ms", "traceEvents": all })
}

/// The thread of each VM that moved.
fn threads(stories: &[MigrationStory]) -> BTreeMap<&str, usize> {
    let mut threads = BTreeMap::new();
    for story in stories {
        let next = threads.len() + 1;
        threads.entry(story.vm.as_str()).or_insert(next);
    }
    threads
}

fn names(run: &Run, threads: &BTreeMap<&str, usize>) -> Vec<Value> {
    let name = |kind: &str, thread: usize, name: &str| {
        let args = json!({ "name": name });
        json!({ "ph": "M", "pid": PROCESS, "tid": thread, "ts": 0, "name": kind, "args": args })
    };
    let mut names = vec![
        name("process_name", DATACENTER, &run.summary.scenario.name),
        name("thread_name", DATACENTER, "datacenter"),
    ];
    names.extend(
        threads
            .iter()
            .map(|(vm, thread)| name("thread_name", *thread, vm)),
    );
    names
}

/// Each migration from its request to its end, its phases within: pairs of begin and end, whose times are exactly those of their
/// neighbours. A length added to a begin would now and then be a last digit off, and readers would nest what follows.
fn spans(stories: &[MigrationStory], threads: &BTreeMap<&str, usize>, run_end_s: f64) -> Vec<Value> {
    let mut events = Vec::new();
    for story in stories {
        let thread = threads.get(story.vm.as_str()).copied().unwrap_or(DATACENTER);
        let edge = |edge: &str, name: &str, at_s: f64, args: Value| {
            let ts = microseconds(at_s);
            json!({ "ph": edge, "pid": PROCESS, "tid": thread, "cat": "migration", "name": name, "ts": ts, "args": args })
        };
        let name = format!("{} → {}", story.from, story.to);
        events.push(edge("B", &name, story.requested_s, outcome(story)));
        for phase in story.phases(run_end_s) {
            events.push(edge("B", &phase.name, phase.begin_s, sent(&phase)));
            events.push(edge("E", &phase.name, phase.end_s, json!({})));
        }
        events.push(edge("E", &name, story.ended_s.unwrap_or(run_end_s), json!({})));
    }
    events
}

fn sent(phase: &Phase) -> Value {
    match phase.sent {
        Some((pages, bytes)) => json!({ "pages": pages, "bytes": bytes }),
        None => json!({}),
    }
}

fn outcome(story: &MigrationStory) -> Value {
    json!({
        "how": story.how, "outcome": story.ending(), "bytes": story.bytes,
        "brownout_s": story.brownout_s, "downtime_s": story.downtime_s,
    })
}

fn counters(run: &Run) -> Vec<Value> {
    let counter = |metric: &str, name: &str| -> Vec<Value> {
        let points = run.series.points("total", metric).into_iter();
        let event = |(t_s, value): (f64, f64)| {
            json!({
                "ph": "C", "pid": PROCESS, "tid": DATACENTER, "name": name,
                "ts": microseconds(t_s), "args": { "value": value },
            })
        };
        points.map(event).collect()
    };
    COUNTERS
        .iter()
        .flat_map(|(metric, name)| counter(metric, name))
        .collect()
}

fn instants(run: &Run) -> Vec<Value> {
    let struck = run
        .events
        .iter()
        .filter(|event| INSTANTS.contains(&text(event, "kind").as_str()));
    let instant = |event| {
        let name = format!(
            "{} {}",
            text(event, "host"),
            text(event, "kind").replace('_', " ")
        );
        json!({
            "ph": "i", "s": "p", "pid": PROCESS, "tid": DATACENTER, "name": name,
            "ts": microseconds(seconds(event, "t_ns")),
        })
    };
    struck.map(instant).collect()
}

/// Microseconds to the nanosecond: what is finer is not of the run but of the arithmetic.
fn microseconds(seconds: f64) -> f64 {
    (seconds * 1e9).round() / 1e3
}
