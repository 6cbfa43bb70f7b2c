//! The same input gives the same record: run twice, and with 1, 2 and 16 threads.

use rayon::prelude::*;

use crate::scenarios::{files, scenario, simulate};

fn digests(threads: usize) -> Vec<String> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool");
    let all = files("deck");
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
    let names = files("deck")
        .into_iter()
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned());
    let lines: Vec<String> = names
        .zip(digests(1))
        .map(|(name, digest)| format!("{name} {digest}"))
        .collect();
    insta::assert_snapshot!("digests", lines.join("\n"));
}
