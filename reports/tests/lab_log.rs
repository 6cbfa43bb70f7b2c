//! No mutation of a lab's log reaches a panic, and what is accepted is written and read again alike.
//!
//! The mutator is that of scenarios: case `n` is the same text everywhere. `TWINRACK_MUTATIONS` sets how many are tried.

#[path = "../../scenarios/tests/mutation/mutator.rs"]
mod mutator;

use std::panic::{AssertUnwindSafe, catch_unwind};

use mutator::Mutator;
use twinrack_reports::{Run, lab_log};
use twinrack_scenario::read::NoFiles;

const EXAMPLE: &str = include_str!("../../scenarios/lab/one-move.jsonl");
const MUTATIONS_DEFAULT: u64 = 4_000;

/// The example without most of its samples, of which one is like the other.
fn short() -> String {
    let samples = |line: &&str| line.contains("\"metric\"");
    let kept = EXAMPLE.lines().filter(|line| !samples(line));
    let few = EXAMPLE.lines().filter(samples).take(2);
    kept.chain(few).flat_map(|line| [line, "\n"]).collect()
}

/// Whether it was accepted.
fn check(text: &str) -> bool {
    match lab_log::read("mutation.jsonl", text, &NoFiles) {
        Err(rejected) => {
            assert!(!rejected.faults.is_empty(), "rejected without a word");
            assert!(rejected.to_string().contains("fault"));
            false
        }
        Ok(record) => {
            let written = lab_log::written(&Run::of(&record)).expect("plain data");
            let again = lab_log::read("again.jsonl", &written, &NoFiles)
                .unwrap_or_else(|rejected| panic!("accepted once, not twice:\n{rejected}"));
            assert_eq!(again.events, record.events);
            assert_eq!(again.summary.kpis, record.summary.kpis);
            true
        }
    }
}

#[test]
fn no_mutation_reaches_a_panic() {
    let base = short();
    assert!(check(&base), "the example is a log");
    // Lines are exchanged and numbers changed more often than bytes: most cases must come past the reader of JSON.
    let lines: Vec<String> = base.lines().map(ToOwned::to_owned).collect();
    let count = std::env::var("TWINRACK_MUTATIONS")
        .ok()
        .and_then(|count| count.replace('_', "").parse().ok());
    let mut accepted = 0_u64;
    let count = count.unwrap_or(MUTATIONS_DEFAULT);
    for index in 0..count {
        let mut mutator = Mutator::new(index);
        let mut lines = lines.clone();
        let (one, other) = (mutator.below(lines.len()), mutator.below(lines.len()));
        match mutator.below(4) {
            0 => lines.swap(one, other),
            1 => drop(lines.remove(one)),
            2 => lines.insert(one, lines[other].clone()),
            _ => lines[one] = mutator.mutated(lines[one].clone(), &lines[other..=other]),
        }
        let text = lines.join("\n");
        let outcome = catch_unwind(AssertUnwindSafe(|| check(&text)));
        accepted += u64::from(outcome.unwrap_or_else(|_| panic!("case {index} panics:\n{text}")));
    }
    eprintln!("{count} mutations, {accepted} accepted");
    assert!(accepted * 20 > count, "only {accepted} of {count} are accepted");
}
