//! One mistake a file, one message a mistake: each is a snapshot that was read before it was accepted.

use std::path::{Path, PathBuf};

use twinrack_scenario::fault::Fault;
use twinrack_scenario::read::{NoFiles, Rejected, read};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("invalid");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

fn rejected(path: &Path) -> (String, Rejected) {
    let text = std::fs::read_to_string(path).expect("readable");
    let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let name = format!("scenarios/invalid/{stem}.yaml");
    match read(&name, &text, &NoFiles, &[]) {
        Ok(_) => panic!("{name} is accepted"),
        Err(rejected) => (stem, *rejected),
    }
}

#[test]
fn every_mistake_is_one_message_as_a_person_sees_it() {
    let files = files();
    assert!(files.len() >= 40, "{}", files.len());
    for path in files {
        let (stem, rejected) = rejected(&path);
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(stem, rejected.to_string());
        });
    }
}

#[test]
fn every_mistake_has_one_place_and_a_mend() {
    let mut wrong = Vec::new();
    for path in files() {
        let (stem, rejected) = rejected(&path);
        let told = |fault: &Fault| fault.span.is_some() && !fault.expected.is_empty();
        if rejected.faults.len() != 1 || !rejected.faults.iter().all(told) {
            wrong.push(format!("{stem}:\n{rejected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
