//! Any bytes are a migration's stream or are refused, and any payload is a message that means the same when it is written again,
//! or is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use twinrack_hw::kvm::{Backing, GuestMemory};
use twinrack_hw::migrate::message::Message;
use twinrack_hw::migrate::target::clear;
use twinrack_hw::migrate::wire::{Direction, FrameReader, Secret};
use twinrack_scenario::units::Bytes;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = FrameReader::new(bytes, Secret([7; 32]), Direction::Forth);
    while reader.next_frame().is_ok() {}
    let memory = GuestMemory::new(Bytes::from_pages(16), Backing::Anonymous).expect("memory");
    let mut reader = FrameReader::new(bytes, Secret([7; 32]), Direction::Forth);
    while reader.next_into(&memory).is_ok() {}
    let Some((kind, payload)) = bytes.split_first() else { return };
    if let Ok(message) = Message::decode(*kind, payload) {
        let mut again = Vec::new();
        message.encode(&mut again);
        assert_eq!(Message::decode(*kind, &again).as_ref(), Ok(&message));
        if let Message::Zeros(runs) = message {
            let _ = clear(&memory, runs);
        }
    }
});
