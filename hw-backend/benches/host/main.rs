//! What the KVM body costs on this host, in one page: start, pause, state, logs, and migration beside a plain TCP copy.
//!
//! `cargo bench -p twinrack-hw` prints medians with the least and the greatest; other work on the machine shows in them.

mod moves;
mod pauses;
mod starts;

use std::time::Duration;

use twinrack_hw::guest::layout::GuestPages;
use twinrack_hw::guest::machine::Shape;
use twinrack_hw::kvm::{Backing, DirtyMechanism, System};
use twinrack_scenario::units::Bytes;

const MIB: u64 = 1 << 20;

fn main() {
    let system = match System::open() {
        Ok(system) => system,
        Err(error) => return eprintln!("SKIPPED: needs KVM: {error}"),
    };
    let best = DirtyMechanism::best(&system);
    if let Ok(counted) = twinrack_hw::probe::paging::count(&system) {
        println!("{counted}");
    }
    // `cargo bench -p twinrack-hw -- start move` measures what has one of these words in it.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |section: &str| words.is_empty() || words.iter().any(|word| section.contains(word.as_str()));
    if wanted("start") {
        starts::starts(&system, best);
    }
    if wanted("density") {
        starts::density(&system, best);
    }
    if wanted("pause") {
        pauses::pauses(&system, best);
    }
    if wanted("log") {
        pauses::logs(&system);
        pauses::zero_scan();
    }
    if wanted("copy") {
        moves::beside_copies(&system, best);
    }
    if wanted("paced") {
        moves::paced(&system, best);
    }
}

fn shape(memory: u64, mechanism: DirtyMechanism) -> Shape {
    Shape {
        memory: Bytes(memory),
        vcpus: 1,
        backing: Backing::Anonymous,
        pages: GuestPages::Small,
        mechanism,
    }
}

/// Median, least and greatest of some times.
fn told(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let [least, median, most] =
        [0, times.len() / 2, times.len() - 1].map(|at| times.get(at).copied().unwrap_or_default());
    println!(
        "{what:<58} {median:>10.1?}  ({least:.1?} to {most:.1?}, {} times)",
        times.len()
    );
}
