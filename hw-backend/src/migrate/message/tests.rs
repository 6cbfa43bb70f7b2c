//! Messages come back as they were, or are refused.

use proptest::prelude::*;

use super::*;

fn again(message: &Message) {
    let mut payload = Vec::new();
    message.encode(&mut payload);
    assert_eq!(Message::decode(message.kind(), &payload).as_ref(), Ok(message));
}

#[test]
fn every_message_comes_back_as_it_was() {
    let runs = [run(3, 2), run(1000, 1)];
    let content = vec![5; 3 * 4096];
    let hello = Hello {
        migration: 4,
        memory: Bytes::GIB,
        vcpus: 2,
        pages: GuestPages::Large,
        follows: true,
        cpuid: vec![kvm_cpuid_entry2 {
            function: 7,
            ebx: 9,
            ..Default::default()
        }],
    };
    again(&Message::Hello(hello));
    again(&Message::Pages(Runs(&runs), &content));
    again(&Message::Zeros(Runs(&runs)));
    again(&Message::Follow(Runs(&runs)));
    again(&Message::Want(17));
    again(&Message::Followed { pages: 3, nanos: 9 });
    for message in [
        Message::RoundEnd(3),
        Message::RoundAck(u32::MAX),
        Message::States(Vec::new()),
    ] {
        again(&message);
    }
    for message in [
        Message::Ready,
        Message::Took,
        Message::Loaded,
        Message::Commit,
        Message::Taken,
        Message::Resumed,
    ] {
        again(&message);
    }
    again(&Message::Refused("no room".to_owned()));
    again(&Message::Abort("cancelled".to_owned()));
}

#[test]
fn content_that_does_not_fit_its_runs_is_refused() {
    let mut payload = Vec::new();
    Message::Pages(Runs(&[run(3, 2)]), &[5; 8192]).encode(&mut payload);
    payload.pop();
    assert_eq!(
        Message::decode(kind::PAGES, &payload),
        Err(MessageError::Length { message: "Pages" })
    );
    let huge = [1_u32.to_le_bytes().as_slice(), &run(0, u32::MAX as usize)].concat();
    assert!(Message::decode(kind::PAGES, &huge).is_err());
    assert!(Message::decode(kind::PAGES, &u32::MAX.to_le_bytes()).is_err());
    assert_eq!(Message::decode(99, &[]), Err(MessageError::Kind(99)));
    assert!(
        Message::decode(kind::COMMIT, &[0]).is_err(),
        "nothing may be smuggled behind"
    );
}

proptest! {
    #[test]
    fn no_payload_brings_it_down(kind in 0_u8..19, payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Message::decode(kind, &payload);
    }
}
