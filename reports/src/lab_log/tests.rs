//! Logs are read whole or refused with every fault; clocks of two hosts are brought together.

use twinrack_scenario::read::NoFiles;

use super::*;
use crate::Run;

const SCENARIO: &str = "name: one-move\\nduration: 6s\\nhosts: [{name: n, count: 2, memory: 8GiB}]\\n\
                        storage: [{name: csv, kind: csv}]\\nclusters: [{name: c}]\\n\
                        vms: [{name: vm, host: n1, memory: 128MiB}]\\ntimeline: [{live_migrate: {at: 1s, vm: vm, to: n2}}]\\n";

/// A log of one move, the target's clock 5 ms ahead and known to 0.1 ms.
fn log() -> Vec<String> {
    let header = format!(
        "{{\"log\":\"twinrack-lab-1\",\"scenario\":\"{SCENARIO}\",\"hosts\":[{{\"name\":\"n1\"}},\
         {{\"name\":\"n2\",\"kernel\":\"Linux 6.1\",\"clock\":{{\"offset_ns\":5000000,\"error_ns\":100000}}}}]}}"
    );
    let lines = [
        "{\"t_ns\":0,\"kind\":\"vm_started\",\"vm\":\"vm\",\"host\":\"n1\"}",
        "{\"t_ns\":1000000000,\"kind\":\"migration_requested\",\"migration\":0,\"vm\":\"vm\",\"from\":\"n1\",\"to\":\"n2\",\"how\":\"live\"}",
        "{\"t_ns\":1000000000,\"kind\":\"migration_started\",\"migration\":0}",
        "{\"t_ns\":2100000000,\"kind\":\"migration_round\",\"migration\":0,\"round\":1,\"pages\":32768,\"bytes\":134228992,\"nanos\":1078000000,\"dirtied\":100,\"by\":\"n1\"}",
        "{\"t_ns\":2100000000,\"kind\":\"migration_paused\",\"migration\":0,\"reason\":\"few_pages_left\",\"pages_left\":100,\"by\":\"n1\"}",
        "{\"t_ns\":2110000000,\"kind\":\"migration_handed_over\",\"migration\":0,\"by\":\"n1\"}",
        "{\"t_ns\":2114950000,\"kind\":\"migration_resumed\",\"migration\":0,\"host\":\"n2\",\"by\":\"n2\"}",
        "{\"t_ns\":2120000000,\"kind\":\"migration_ended\",\"migration\":0,\"outcome\":\"completed\",\"reason\":null,\"bytes\":134700000,\"total_nanos\":1120000000,\"brownout_nanos\":1078000000,\"downtime_nanos\":10000000,\"outage_nanos\":12000000,\"rounds\":1}",
        "{\"t_s\":0.5,\"entity\":\"host:n1\",\"metric\":\"utilisation\",\"value\":0.25}",
        "{\"figure\":\"cpu.utilisation.mean\",\"value\":0.25}",
    ];
    std::iter::once(header)
        .chain(lines.map(ToOwned::to_owned))
        .collect()
}

fn read_lines(lines: &[String]) -> Result<RunRecord, Box<Rejected>> {
    read("lab.jsonl", &lines.join("\n"), &NoFiles)
}

/// What is told of a log in which `from` was replaced by `to`.
fn refused(from: &str, to: &str) -> String {
    let text = log().join("\n");
    assert!(text.contains(from), "{from}");
    match read("lab.jsonl", &text.replacen(from, to, 1), &NoFiles) {
        Ok(_) => panic!("accepted: {to}"),
        Err(rejected) => rejected.to_string(),
    }
}

#[test]
fn a_log_becomes_a_record_and_its_clocks_agree() {
    let record = read_lines(&log()).unwrap_or_else(|rejected| panic!("{rejected}"));
    let figure = |name: &str| record.summary.kpis[name].value;
    assert_eq!(figure("migration.downtime_s.max"), 0.01);
    assert_eq!(figure("migration.pages.sum"), 32768.0);
    assert_eq!(figure("cpu.utilisation.mean"), 0.25);
    assert_eq!(
        record.summary.kpis["cpu.utilisation.mean"].source,
        Source::Measured
    );
    assert_eq!(record.series.points("host:n1", "utilisation"), [(0.5, 0.25)]);
    // By the target's clock it ran 50 us before it was handed over: both are known to 100 us, so it was at that moment.
    let made_on = record.summary.made_on.expect("told");
    let imported = made_on.imported.expect("told");
    assert_eq!(
        (imported.moved, imported.moved_ns, imported.events),
        (1, 50_000, 8)
    );
    let times: Vec<u64> = record.events.iter().map(|event| event.t_ns).collect();
    assert_eq!(times[5..7], [2_110_000_000; 2]);
    assert!(times.is_sorted());
    assert_eq!(made_on.hosts[1].kernel, "Linux 6.1");
}

#[test]
fn a_record_exported_and_imported_is_the_same() {
    let record = read_lines(&log()).unwrap_or_else(|rejected| panic!("{rejected}"));
    let text = written(&Run::of(&record)).expect("written");
    let again = read("again.jsonl", &text, &NoFiles).unwrap_or_else(|rejected| panic!("{rejected}"));
    assert_eq!(again.summary.digest, record.summary.digest);
    assert_eq!(again.summary.kpis, record.summary.kpis);
    assert_eq!(again.events, record.events);
    assert_eq!(again.series, record.series);
}

/// What is put in the place of what, and what must be told of it.
const FAULTS: [(&str, &str, &[&str]); 21] = [
    (
        "twinrack-lab-1",
        "twinrack-lab-9",
        &["lab.jsonl:1:", "expected `twinrack-lab-1`"],
    ),
    (
        "\"scenario\":",
        "\"scenari\":",
        &[
            "unknown field `scenari`",
            "lab.jsonl:1:",
            "report RUN --format log",
        ],
    ),
    (
        "migration_paused",
        "migration_pausd",
        &["lab.jsonl:6:", "did you mean `migration_paused`?"],
    ),
    (
        "\"pages_left\":100,",
        "",
        &["lab.jsonl:6:", "missing field `pages_left`"],
    ),
    (
        "\"nanos\":1078000000",
        "\"nanos\":1.5",
        &["lab.jsonl:5:", "whole nanoseconds"],
    ),
    (
        "\"dirtied\":100,",
        "\"dirtied\":100,\"dirty\":1,",
        &["lab.jsonl:5:", "no key `dirty`", "did you mean `dirtied`?"],
    ),
    (
        "\"vm\":\"vm\",\"host\":\"n1\"",
        "\"vm\":\"wm\",\"host\":\"n1\"",
        &["lab.jsonl:2:", "no VM `wm`"],
    ),
    (
        "\"by\":\"n2\"",
        "\"by\":\"n3\"",
        &["lab.jsonl:8:", "no clock of `n3`", "offset_ns"],
    ),
    (
        "\"offset_ns\":5000000",
        "\"offset_ns\":9000000",
        &[
            "lab.jsonl:8:",
            "4050000 ns before `handed_over`",
            "clocks of both hosts anew",
        ],
    ),
    (
        "\"t_ns\":2100000000,\"kind\":\"migration_round",
        "\"t_ns\":2200000000,\"kind\":\"migration_round",
        &["lab.jsonl:6:", "the clock of n1 goes back by 100000000 ns"],
    ),
    (
        "\"round\":1",
        "\"round\":2",
        &["lab.jsonl:5:", "round 2 of migration 0 follows on 0 rounds"],
    ),
    (
        "\"kind\":\"migration_requested\",\"migration\":0",
        "\"kind\":\"migration_requested\",\"migration\":1",
        &["migration 0 was never asked for"],
    ),
    (
        "\"rounds\":1",
        "\"rounds\":2",
        &["lab.jsonl:9:", "`rounds` is 2, but 1 are told of"],
    ),
    (
        "\"downtime_nanos\":10000000",
        "\"downtime_nanos\":20000000",
        &["lab.jsonl:9:", "lie between `paused` and `resumed`"],
    ),
    (
        "\"bytes\":134700000",
        "\"bytes\":134",
        &["lab.jsonl:9:", "the rounds alone sent 134228992"],
    ),
    (
        "\"t_ns\":2120000000",
        "\"t_ns\":7120000000",
        &["lab.jsonl:9:", "after the end of the run", "span_ns"],
    ),
    (
        "cpu.utilisation.mean",
        "cpu.utilisation.maen",
        &["lab.jsonl:11:", "no figure `cpu.utilisation.maen`"],
    ),
    (
        "cpu.utilisation.mean",
        "migration.bytes.max",
        &["lab.jsonl:11:", "there is one already", "leave the line out"],
    ),
    (
        "\"value\":0.25}\n",
        "\"value\":0.25\n",
        &["lab.jsonl:10:", "no JSON object"],
    ),
    (
        "\"name\":\"n1\"",
        "\"name\":\"n7\"",
        &["lab.jsonl:1:", "no host `n7`"],
    ),
    ("memory: 8GiB", "memory: 8", &["the scenario of lab.jsonl:3:"]),
];

#[test]
fn every_fault_is_told_with_its_line_and_mend() {
    for (from, to, wanted) in FAULTS {
        let told = refused(from, to);
        for wanted in wanted {
            assert!(told.contains(wanted), "{to}: no {wanted} in\n{told}");
        }
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let mut lines = log();
    lines[2] = lines[2].replace("\"how\":\"live\"", "\"how\":\"slow\"");
    lines[4] = lines[4].replace("migration_round", "migration_ground");
    lines.push("{\"t_ns\":1}".to_owned());
    let Err(rejected) = read_lines(&lines) else {
        panic!("accepted")
    };
    let text = rejected.to_string();
    for wanted in [
        "lab.jsonl:3:",
        "lab.jsonl:5:",
        "lab.jsonl:12:",
        "nothing says what this line is",
    ] {
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn the_kinds_are_those_of_events() {
    let unknown =
        serde_json::from_str::<twinrack_scenario::record::EventRecord>("{\"t_ns\":0,\"kind\":\"?\"}");
    let told = unknown.expect_err("no kind").to_string();
    let known = told.matches('`').count() / 2 - 1;
    // A host's power is a signal, which is written to no file.
    assert_eq!(known, line::KINDS.len() + 1, "{told}");
    for kind in line::KINDS {
        assert!(told.contains(&format!("`{kind}`")), "{kind}");
    }
}
