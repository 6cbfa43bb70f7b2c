//! The same input gives the same record: run twice, and with 1, 2 and 16 threads.

use std::path::PathBuf;

use rayon::prelude::*;

use crate::scenarios::{files, scenario_of, simulate};

/// VMs of the synthetic day that the planning scenarios run on: few enough for several runs of all of them.
const VMS: u32 = 150;

/// The whole library.
fn library() -> Vec<PathBuf> {
    ["deck", "validation", "planning"]
        .iter()
        .flat_map(|folder| files(folder))
        .collect()
}

fn digests(threads: usize) -> Vec<String> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool");
    let all = library();
    pool.install(|| {
        all.par_iter()
            .map(|path| simulate(&scenario_of(path, VMS)).summary.digest)
            .collect()
    })
}

#[test]
fn the_digest_is_the_same_with_any_number_of_threads() {
    let alone = digests(1);
    assert_eq!(digests(2), alone);
    assert_eq!(digests(16), alone);
}

/// Debug and release must agree too: the digests are pinned, and both builds are tested against them.
#[test]
fn the_digests_are_those_of_every_build() {
    let names = library()
        .into_iter()
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned());
    let lines: Vec<String> = names
        .zip(digests(1))
        .map(|(name, digest)| format!("{name} {digest}"))
        .collect();
    insta::assert_snapshot!("digests", lines.join("\n"));
}
