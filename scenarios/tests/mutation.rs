//! No mutation of the library's files reaches a panic, and what is accepted means the same when it is read again.
//!
//! The mutator is deterministic: case `n` is the same text everywhere. `TWINRACK_MUTATIONS` sets how many are tried, and
//! `TWINRACK_MUTATIONS_FROM` the first; `fuzz/` holds the same checks as coverage-guided targets.

#[path = "mutation/mutator.rs"]
mod mutator;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use mutator::Mutator;
use twinrack_scenario::Trace;
use twinrack_scenario::read::{Lookup, LookupError, read};

/// Scenarios that are valid as they stand.
const SCENARIOS: [&str; 4] = ["deck", "planning", "lab", "validation"];
/// Texts that are none.
const OTHERS: [&str; 3] = ["invalid", "profiles/hosts", "profiles/guests"];
/// Enough for a change to be caught in seconds; ten million are `TWINRACK_MUTATIONS=10_000_000`, in a release build.
const MUTATIONS_DEFAULT: u64 = 20_000;
const SETS: [(&str, &str); 6] = [
    ("hosts[0].memory", "64GiB"),
    ("vms.sql01.dirtying[0].rate", "4000/s"),
    ("policies.migration.policy.hyperv-r2.max_rounds", "5"),
    ("trace", "other.csv"),
    ("defaults.vms", "{memory: 1GiB, vcpus: 2}"),
    ("vms[0].profile", "web"),
];
const TRACE: &str = "vm_name,u0,u1,u2,u3\na,0,50,100,7\nb,1,2,3,4\nc,99,98,97,96\n";

/// A trace of any name: the mutated one.
struct OneTrace<'a>(&'a [u8]);

impl Lookup for OneTrace<'_> {
    fn trace(&self, _: &str) -> Result<Vec<u8>, LookupError> {
        Ok(self.0.to_vec())
    }
}

/// Texts to start from.
struct Corpus {
    scenarios: Vec<String>,
    all: Vec<String>,
}

impl Corpus {
    fn read() -> Self {
        let scenarios = texts(&SCENARIOS);
        let all = [scenarios.clone(), texts(&OTHERS)].concat();
        Self { scenarios, all }
    }
}

fn texts(folders: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(root.join(folder)).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .collect()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.replace('_', "").parse().ok()
}

struct Case {
    text: String,
    sets: Vec<(String, String)>,
    trace: Vec<u8>,
}

fn case(index: u64, corpus: &Corpus) -> Case {
    let mut mutator = Mutator::new(index);
    // Mostly a scenario that is valid as it stands: what is broken already breaks early.
    let bases = if mutator.below(4) == 0 {
        &corpus.all
    } else {
        &corpus.scenarios
    };
    let base = mutator.pick(bases).clone();
    let text = mutator.mutated(base, &corpus.all);
    let mut sets = Vec::new();
    if mutator.below(4) == 0 {
        let (path, value) = *mutator.pick(&SETS);
        let path = mutator.mutated(path.to_owned(), &corpus.all);
        sets.push((path, mutator.mutated(value.to_owned(), &corpus.all)));
    }
    let mut trace = TRACE.as_bytes().to_vec();
    if mutator.below(8) == 0 {
        mutator.flip_bytes(&mut trace);
    }
    Case { text, sets, trace }
}

/// Reads the case; draws what is wrong, or reads what came out again. Whether it was accepted.
fn check(case: &Case, thoroughly: bool) -> bool {
    let _ = Trace::from_csv(&case.trace);
    let lookup = OneTrace(&case.trace);
    match read("mutation.yaml", &case.text, &lookup, &case.sets) {
        Err(rejected) => {
            assert!(!rejected.faults.is_empty(), "rejected without a word");
            if thoroughly {
                assert!(rejected.to_string().contains("fault"));
            }
            false
        }
        Ok(scenario) => {
            if thoroughly {
                let again = read("again.yaml", &scenario.yaml, &lookup, &[])
                    .unwrap_or_else(|rejected| panic!("accepted once, not twice:\n{rejected}"));
                assert_eq!(again.yaml, scenario.yaml);
                assert_eq!(again.blake3, scenario.blake3);
            }
            true
        }
    }
}

/// What is set must be valid before it is mutated: else a mutation of it tests the refusal of unknown keys alone.
#[test]
fn every_setting_is_accepted_as_it_stands() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deck");
    let text = std::fs::read_to_string(folder.join("live-migration.yaml")).expect("readable");
    for (path, value) in SETS {
        let set = [(path.to_owned(), value.to_owned())];
        if let Err(rejected) = read("set.yaml", &text, &OneTrace(TRACE.as_bytes()), &set) {
            panic!("{path}={value}:\n{rejected}");
        }
    }
}

#[test]
fn no_mutation_reaches_a_panic() {
    let corpus = Corpus::read();
    assert!(corpus.scenarios.len() > 20 && corpus.all.len() > 100);
    let from = number("TWINRACK_MUTATIONS_FROM").unwrap_or(0);
    let count = number("TWINRACK_MUTATIONS").unwrap_or(MUTATIONS_DEFAULT);
    let mut accepted = 0u64;
    for index in from..from + count {
        let case = case(index, &corpus);
        let outcome = catch_unwind(AssertUnwindSafe(|| check(&case, index % 8 == 0)));
        let accepts =
            outcome.unwrap_or_else(|_| panic!("case {index} panics: sets {:?}\n{}", case.sets, case.text));
        accepted += u64::from(accepts);
        if index % 1_000_000 == 999_999 {
            eprintln!("{} mutations, {accepted} accepted", index + 1 - from);
        }
    }
    eprintln!("{count} mutations from {from}, {accepted} accepted");
    // A mutator that breaks everything would test the parser alone.
    assert!(accepted * 20 > count, "only {accepted} of {count} are accepted");
}
