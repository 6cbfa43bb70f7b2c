//! Trace events for Perfetto and Chrome: migrations and their phases as spans on their VMs, levels as counters, and what strikes
//! the whole datacenter as instants.

use serde_json::{Value, json};

use crate::run::{MigrationStory, Run, seconds, text};

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
    let mut events = spans(run);
    events.extend(counters(run));
    events.extend(instants(run));
    let at = |event: &Value| event["ts"].as_f64().unwrap_or_default();
    events.sort_by(|a, b| at(a).total_cmp(&at(b)));
    let mut all = names(run);
    all.append(&mut events);
    json!({ "displayTimeUnit": "ms", "traceEvents": all })
}

/// The VMs that moved, each a thread, in the order in which they were first to move.
fn threads(run: &Run) -> Vec<String> {
    let mut vms: Vec<String> = Vec::new();
    for story in run.migrations() {
        if !vms.contains(&story.vm) {
            vms.push(story.vm);
        }
    }
    vms
}

fn names(run: &Run) -> Vec<Value> {
    let name = |kind: &str, thread: usize, name: &str| json!({ "ph": "M", "pid": PROCESS, "tid": thread, "ts": 0, "name": kind, "args": { "name": name } });
    let mut names = vec![
        name("process_name", DATACENTER, &run.summary.scenario.name),
        name("thread_name", DATACENTER, "datacenter"),
    ];
    let vms = threads(run);
    names.extend(
        vms.iter()
            .enumerate()
            .map(|(index, vm)| name("thread_name", index + 1, vm)),
    );
    names
}

/// Each migration from its request to its end, its phases within.
fn spans(run: &Run) -> Vec<Value> {
    let vms = threads(run);
    let mut events = Vec::new();
    for story in run.migrations() {
        let thread = vms
            .iter()
            .position(|vm| *vm == story.vm)
            .map_or(DATACENTER, |index| index + 1);
        let span = |name: &str, begin_s: f64, end_s: f64, args: Value| {
            let (begin, end) = (microseconds(begin_s), microseconds(end_s));
            json!({
                "ph": "X", "pid": PROCESS, "tid": thread, "cat": "migration", "name": name,
                "ts": begin, "dur": round(end - begin), "args": args,
            })
        };
        let name = format!("{} → {}", story.from, story.to);
        let end_s = story.ended_s.unwrap_or(run.summary.span_s);
        events.push(span(&name, story.requested_s, end_s, outcome(&story)));
        for phase in story.phases(run.summary.span_s) {
            let args = phase.sent.map_or(
                json!({}),
                |(pages, bytes)| json!({ "pages": pages, "bytes": bytes }),
            );
            events.push(span(&phase.name, phase.begin_s, phase.end_s, args));
        }
    }
    events
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

fn microseconds(seconds: f64) -> f64 {
    round(seconds * 1e6)
}

/// Microseconds to the nanosecond: what is finer is not of the run but of the arithmetic.
fn round(microseconds: f64) -> f64 {
    (microseconds * 1e3).round() / 1e3
}
