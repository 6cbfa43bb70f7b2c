//! No stream that was damaged, cut, put together anew or made by someone who knows the secret brings a migration's target down.
//!
//! Two kinds of cases: bytes of a good stream are changed, then every frame that is accepted must be the one that was sent in its place, also
//! where its pages went straight into memory; or
//! payloads are changed before they are sealed, as a broken source would send them, then each is refused with a reason or means the same
//! when it is written again, and what it does to the guest's memory stays within it. Case `n` is the same everywhere.
//! `TWINRACK_MUTATIONS` sets how many are tried, and `TWINRACK_MUTATIONS_FROM` the first; `fuzz/fuzz_targets/wire_stream.rs` holds the
//! same, guided by coverage.

use std::env;

use kvm_bindings::{
    kvm_cpuid_entry2, kvm_debugregs, kvm_mp_state, kvm_regs, kvm_sregs, kvm_vcpu_events, kvm_xcrs,
};
use twinrack_hw::guest::layout::GuestPages;
use twinrack_hw::kvm::{Backing, GuestMemory, VcpuState};
use twinrack_hw::migrate::message::{Hello, Message};
use twinrack_hw::migrate::pages::Came;
use twinrack_hw::migrate::target::clear;
use twinrack_hw::migrate::wire::{Direction, FrameReader, FrameWriter, Protection, Secret, WireError};
use twinrack_scenario::units::Bytes;

const MUTATIONS_DEFAULT: u64 = 20_000;
const SECRET: Secret = Secret([7; 32]);
const PAGES: usize = 16;

/// A kind and a payload.
type Frame = (u8, Vec<u8>);

/// Random numbers (`SplitMix64`, Steele, Lea and Flood, OOPSLA'14).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `bound`; 0 when there is none.
    fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound.max(1)
    }
}

/// Each message once, as good as can be.
fn good_frames() -> Vec<Frame> {
    let run = |first: u32, count: u32| [first.to_le_bytes(), count.to_le_bytes()].concat();
    let hello = Hello {
        migration: 4,
        memory: Bytes::from_pages(PAGES as u64),
        vcpus: 2,
        pages: GuestPages::Small,
        follows: true,
        cpuid: vec![kvm_cpuid_entry2::default(); 2],
    };
    let written = |message: Message| {
        let mut payload = Vec::new();
        message.encode(&mut payload);
        (message.kind(), payload)
    };
    let state = VcpuState {
        mp_state: kvm_mp_state::default(),
        regs: kvm_regs::default(),
        sregs: kvm_sregs::default(),
        xcrs: kvm_xcrs::default(),
        xsave: vec![3; 16],
        debugregs: kvm_debugregs::default(),
        events: kvm_vcpu_events::default(),
        msrs: vec![(0x10, 5)],
        tsc_khz: 2_000_000,
    };
    let pages = [&1_u32.to_le_bytes()[..], &run(3, 1), &[9; GuestMemory::PAGE]].concat();
    vec![
        written(Message::Hello(hello)),
        (4, pages),
        (5, [run(0, 2), run(7, 3)].concat()),
        written(Message::RoundEnd(1)),
        (14, [run(1, 1), run(4, 12)].concat()),
        written(Message::States(vec![state.clone(), state])),
        written(Message::Want(5)),
        written(Message::Followed { pages: 3, nanos: 9 }),
        written(Message::Commit),
        written(Message::Abort("cancelled".to_owned())),
    ]
}

fn stream(frames: &[Frame], protection: Protection) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FrameWriter::new(&mut bytes, SECRET, Direction::Forth, protection);
    for (kind, payload) in frames {
        let put = |frame: &mut Vec<u8>| {
            frame.extend(payload);
            Ok::<_, WireError>(())
        };
        writer.send(*kind, put).expect("short enough");
    }
    bytes
}

/// Changes bytes in one of the ways that have brought readers of other formats down.
fn mutate(bytes: &mut Vec<u8>, draws: &mut Draws) {
    const NUMBERS: [u32; 6] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, u32::MAX];
    let at = draws.below(bytes.len());
    match draws.below(7) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << draws.below(8),
        1 if !bytes.is_empty() => bytes[at] = draws.next() as u8,
        2 => bytes.truncate(at),
        3 => {
            let more = draws.below(40);
            bytes.splice(at..at, (0..more).map(|_| draws.next() as u8).collect::<Vec<_>>());
        }
        4 => {
            let end = at + draws.below(bytes.len() - at);
            bytes.drain(at..end);
        }
        5 => {
            let part = bytes[at..at + draws.below(bytes.len() - at)].to_vec();
            let to = draws.below(bytes.len());
            bytes.splice(to..to, part);
        }
        _ => {
            let number = NUMBERS[draws.below(NUMBERS.len())].to_le_bytes();
            for (byte, new) in bytes.iter_mut().skip(at & !3).zip(number) {
                *byte = new;
            }
        }
    }
}

/// A good stream with changed bytes: what is accepted is what was sent.
fn changed_stream(whole: &[u8], frames: &[Frame], memory: &GuestMemory, draws: &mut Draws) {
    let mut bytes = whole.to_vec();
    for _ in 0..=draws.below(3) {
        mutate(&mut bytes, draws);
    }
    let mut reader = FrameReader::new(&bytes[..], SECRET, Direction::Forth);
    for (kind, payload) in frames {
        match reader.next_frame() {
            Ok(accepted) => assert_eq!(accepted, (*kind, &payload[..]), "not what was sent"),
            Err(reason) => {
                assert!(!reason.to_string().is_empty());
                return into_memory(&bytes, frames, memory);
            }
        }
    }
    assert!(reader.next_frame().is_err(), "nothing was sent behind the last");
    into_memory(&bytes, frames, memory);
}

/// The same stream with pages placed as they come: what is accepted is what was sent, in its place.
fn into_memory(bytes: &[u8], frames: &[Frame], memory: &GuestMemory) {
    let mut reader = FrameReader::new(bytes, SECRET, Direction::Forth);
    for (kind, payload) in frames {
        match reader.next_into(memory) {
            Ok(Came::Pages(count)) => {
                assert_eq!((count, *kind), (1, 4), "not what was sent");
                let mut page = [0; GuestMemory::PAGE];
                memory
                    .read(3 * GuestMemory::PAGE as u64, &mut page)
                    .expect("page 3");
                assert_eq!(page[..], payload[12..], "not what was sent");
            }
            Ok(Came::Message(message)) => {
                assert_eq!(
                    Message::decode(*kind, payload).as_ref(),
                    Ok(&message),
                    "not what was sent"
                );
            }
            Err(reason) => return assert!(!reason.to_string().is_empty()),
        }
    }
}

/// Frames of a source that is broken.
fn changed_payload(frames: &[Frame], protection: Protection, memory: &GuestMemory, draws: &mut Draws) {
    let (kind, mut payload) = frames[draws.below(frames.len())].clone();
    let kind = if draws.below(8) == 0 {
        draws.next() as u8 % 20
    } else {
        kind
    };
    for _ in 0..=draws.below(3) {
        mutate(&mut payload, draws);
    }
    let sealed = stream(&[(kind, payload)], protection);
    if let Err(reason) = FrameReader::new(&sealed[..], SECRET, Direction::Forth).next_into(memory) {
        assert!(!reason.to_string().is_empty());
    }
    let mut reader = FrameReader::new(&sealed[..], SECRET, Direction::Forth);
    let (kind, payload) = reader.next_frame().expect("sealed as it is");
    let message = match Message::decode(kind, payload) {
        Ok(message) => message,
        Err(reason) => return assert!(!reason.to_string().is_empty()),
    };
    let mut again = Vec::new();
    message.encode(&mut again);
    assert_eq!(Message::decode(kind, &again).as_ref(), Ok(&message));
    if let Message::Zeros(runs) = message
        && let Err(reason) = clear(memory, runs)
    {
        assert!(reason.to_string().contains("guest address"), "{reason}");
    }
}

fn number(name: &str) -> Option<u64> {
    env::var(name)
        .ok()
        .map(|count| count.replace('_', "").parse().expect("a number"))
}

#[test]
fn no_stream_brings_a_target_down() {
    let from = number("TWINRACK_MUTATIONS_FROM").unwrap_or(0);
    let count = number("TWINRACK_MUTATIONS").unwrap_or(MUTATIONS_DEFAULT);
    let memory = GuestMemory::new(Bytes::from_pages(PAGES as u64), Backing::Anonymous).expect("memory");
    let frames = good_frames();
    let both = [Protection::Tagged, Protection::Sealed].map(|how| (how, stream(&frames, how)));
    for index in from..from + count {
        let mut draws = Draws(index);
        let (protection, whole) = &both[draws.below(2)];
        let case = std::panic::AssertUnwindSafe(|| {
            if draws.below(2) == 0 {
                changed_stream(whole, &frames, &memory, &mut draws);
            } else {
                changed_payload(&frames, *protection, &memory, &mut draws);
            }
        });
        if let Err(panic) = std::panic::catch_unwind(case) {
            eprintln!("case {index}");
            std::panic::resume_unwind(panic);
        }
    }
}
