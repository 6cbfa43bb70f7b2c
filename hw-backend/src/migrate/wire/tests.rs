//! Frames come as they went, or are refused.

use proptest::prelude::*;

use super::*;

const SECRET: Secret = Secret([7; 32]);

const BOTH: [Protection; 2] = [Protection::Tagged, Protection::Sealed];

fn written(payloads: &[&[u8]], protection: Protection) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FrameWriter::new(&mut bytes, SECRET, Direction::Forth, protection);
    for payload in payloads {
        writer
            .send(3, |frame| {
                frame.extend(*payload);
                Ok::<_, WireError>(())
            })
            .expect("written");
    }
    bytes
}

fn reader(bytes: &[u8]) -> FrameReader<&[u8]> {
    FrameReader::new(bytes, SECRET, Direction::Forth)
}

#[test]
fn frames_come_as_they_went() {
    for protection in BOTH {
        let bytes = written(&[b"one", b"", &[9; 5000]], protection);
        assert_eq!(bytes.len(), 3 + 5000 + 3 * Protection::OVERHEAD);
        let mut reader = reader(&bytes);
        for payload in [&b"one"[..], b"", &[9; 5000]] {
            assert_eq!(reader.next_frame().expect("a frame"), (3, payload));
        }
        assert!(matches!(reader.next_frame(), Err(WireError::Closed)));
        assert_eq!(reader.received(), bytes.len() as u64);
        assert_eq!(reader.protection(), Some(protection));
    }
}

#[test]
fn a_sealed_frame_can_not_be_read() {
    let content = [0x5a; 100];
    let holds = |bytes: Vec<u8>| bytes.windows(8).any(|window| window == &content[..8]);
    assert!(holds(written(&[&content], Protection::Tagged)));
    assert!(!holds(written(&[&content], Protection::Sealed)));
}

#[test]
fn protection_does_not_change_on_the_way() {
    let mut bytes = written(&[b"one"], Protection::Sealed);
    let tagged = written(&[b"one", b"two"], Protection::Tagged);
    bytes.extend(&tagged[tagged.len() / 2..]);
    let mut reader = reader(&bytes);
    reader.next_frame().expect("the first");
    assert!(matches!(reader.next_frame(), Err(WireError::Protection(0))));
}

#[test]
fn a_frame_in_the_wrong_place_is_refused() {
    for protection in BOTH {
        in_the_wrong_place(&written(&[b"one", b"two"], protection));
    }
}

fn in_the_wrong_place(bytes: &[u8]) {
    let second = &bytes[bytes.len() / 2..];
    assert!(matches!(
        reader(second).next_frame(),
        Err(WireError::Sequence {
            found: 1,
            expected: 0
        })
    ));
    let mut back = FrameReader::new(bytes, SECRET, Direction::Back);
    assert!(matches!(back.next_frame(), Err(WireError::Tag(0))), "reflected");
    let mut stranger = FrameReader::new(bytes, Secret([8; 32]), Direction::Forth);
    assert!(matches!(stranger.next_frame(), Err(WireError::Tag(0))));
}

#[test]
fn a_length_from_nowhere_allocates_nothing() {
    let mut bytes = written(&[b"one"], Protection::Sealed);
    bytes[3] = 2;
    assert!(matches!(
        reader(&bytes).next_frame(),
        Err(WireError::Protection(2))
    ));
    bytes[5..8].copy_from_slice(&[255; 3]);
    assert!(matches!(reader(&bytes).next_frame(), Err(WireError::TooLong(_))));
    bytes[2] = 9;
    assert!(matches!(reader(&bytes).next_frame(), Err(WireError::Version(9))));
    bytes[0] = b'G';
    assert!(matches!(reader(&bytes).next_frame(), Err(WireError::NoFrame)));
}

#[test]
fn a_payload_that_is_too_long_is_not_sent() {
    let mut bytes = Vec::new();
    let mut writer = FrameWriter::new(&mut bytes, SECRET, Direction::Forth, Protection::Sealed);
    let too_long = writer.send(1, |frame| {
        frame.resize(PAYLOAD_MAX + HEADER + 1, 0);
        Ok::<_, WireError>(())
    });
    assert!(matches!(too_long, Err(WireError::TooLong(_))));
    assert!(bytes.is_empty());
}

proptest! {
    #[test]
    fn any_changed_bit_is_told(payload in proptest::collection::vec(any::<u8>(), 0..300), at in any::<usize>(), bit in 0_u8..8, which in 0_usize..2) {
        let mut bytes = written(&[&payload], BOTH[which]);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(reader(&bytes).next_frame().is_err());
    }

    #[test]
    fn any_cut_is_told(payload in proptest::collection::vec(any::<u8>(), 0..300), at in any::<usize>(), which in 0_usize..2) {
        let bytes = written(&[&payload], BOTH[which]);
        prop_assert!(reader(&bytes[..at % bytes.len()]).next_frame().is_err());
    }
}
