//! The same input gives the same record: run twice, and with 1, 2 and 16 threads.

use std::path::PathBuf;

use rayon::prelude::*;

use crate::scenarios::{files, scenario, simulate};

/// The deck, the validation scenarios, and of planning those of the honest model, on a synthetic day.
fn library() -> Vec<PathBuf> {
    let planning = files("planning").into_iter();
    let honest = planning.filter(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("planetlab-"))
    });
    files("deck")
        .into_iter()
        .chain(files("validation"))
        .chain(honest)
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
            .map(|path| simulate(&scenario(path)).summary.digest)
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
