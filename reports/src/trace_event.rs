//! Trace events for Perfetto and Chrome: migrations as spans on their VMs, power and parked cores as counters.

use serde_json::{Value, json};

use crate::run::{MigrationStory, Run};

/// Metrics of the total that become counters.
const COUNTERS: [&str; 5] = [
    "power_w",
    "cores_parked",
    "hosts_active",
    "migrations",
    "utilisation",
];

/// The run in the trace event format (JSON object form). Times are microseconds of simulated time.
pub fn trace(run: &Run) -> Value {
    let mut events = vec![
        json!({ "ph": "M", "pid": 1, "name": "process_name", "args": { "name": run.summary.scenario.name } }),
    ];
    let mut vms: Vec<String> = Vec::new();
    for story in run.migrations() {
        let thread = vms.iter().position(|vm| *vm == story.vm).unwrap_or_else(|| {
            vms.push(story.vm.clone());
            vms.len() - 1
        }) + 1;
        if vms.len() == thread {
            events.push(json!({ "ph": "M", "pid": 1, "tid": thread, "name": "thread_name", "args": { "name": story.vm } }));
        }
        spans(&story, thread, &mut events);
    }
    for metric in COUNTERS {
        for (t_s, value) in run.series.points("total", metric) {
            events.push(
                json!({ "ph": "C", "pid": 1, "name": metric, "ts": t_s * 1e6, "args": { metric: value } }),
            );
        }
    }
    json!({ "displayTimeUnit": "ms", "traceEvents": events })
}

fn spans(story: &MigrationStory, thread: usize, events: &mut Vec<Value>) {
    let mut span = |name: String, begin: f64, end: f64| {
        events.push(json!({
            "ph": "X", "pid": 1, "tid": thread, "name": name, "ts": begin * 1e6, "dur": (end - begin) * 1e6,
            "args": { "from": story.from, "to": story.to, "outcome": story.outcome, "reason": story.reason },
        }));
    };
    let Some(ended) = story.ended_s else { return };
    if let Some(started) = story.started_s {
        if started > story.requested_s {
            span("queued".to_owned(), story.requested_s, started);
        }
        span(format!("migration {} → {}", story.from, story.to), started, ended);
    }
    for round in &story.rounds {
        span(
            format!("round {}", round.round),
            round.end_s - round.seconds,
            round.end_s,
        );
    }
    if let Some((paused, resumed)) = story.paused_s.zip(story.resumed_s) {
        span("black-out".to_owned(), paused, resumed);
    }
}
