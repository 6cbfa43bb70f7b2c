//! Streams between a sender and sinks: whatever breaks in between, each byte comes once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use twinrack_scenario::units::BitsPerSecond;

use super::routes::Routes;
use super::sender::Sender;
use super::sink::Sinks;
use crate::guest::network::{Outlet, StreamLoad, word};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LIMIT: Duration = Duration::from_secs(20);
const SECRET: [u8; 32] = [9; 32];
const STREAM: u32 = 3;

fn load() -> StreamLoad {
    StreamLoad {
        number: STREAM,
        rate: BitsPerSecond(80_000_000),
    }
}

/// The bytes of the stream from a position on.
fn bytes(position: u64, length: u64) -> Vec<u8> {
    let words = (position..position + length).step_by(8);
    words.flat_map(|at| word(STREAM, at).to_le_bytes()).collect()
}

/// An agent's sinks and where they are.
fn sinks() -> (Sinks, SocketAddr) {
    let sinks = Sinks::default();
    let port = sinks.listen(HERE, SECRET).expect("a port");
    (sinks, (HERE, port).into())
}

/// Sinks that receive the stream, the route to them, and nobody yet who sends.
fn line() -> (Sinks, Routes) {
    let (sinks, at) = sinks();
    sinks.open(STREAM, 0);
    let routes = Routes::default();
    routes.set(STREAM, Some(at));
    (sinks, routes)
}

/// The sending end for a guest that runs.
fn sender(routes: &Routes) -> Sender {
    let sender = Sender::new(&[load()], routes, SECRET);
    sender.begin();
    sender
}

/// A guest: goes on from where it is told to.
#[derive(Default)]
struct Guest {
    position: u64,
}

impl Guest {
    /// Offers chunks until `reached` says enough.
    fn sends(&mut self, sender: &Sender, length: u64, what: &str, reached: impl Fn(u64) -> bool) {
        let began = Instant::now();
        while !reached(self.position) {
            assert!(began.elapsed() < LIMIT, "never: {what}, at {}", self.position);
            let next = sender.offer(0, self.position, &bytes(self.position, length));
            if next == self.position {
                thread::sleep(Duration::from_millis(1));
            }
            self.position = next;
        }
    }
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < LIMIT, "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn position(sinks: &Sinks) -> u64 {
    sinks.positions().first().map_or(0, |(_, position)| *position)
}

#[test]
fn what_is_sent_is_received_and_nothing_else() {
    let (sinks, routes) = line();
    let sender = Sender::new(&[load()], &routes, SECRET);
    assert_eq!(
        sender.offer(0, 0, &bytes(0, 8)),
        0,
        "nothing before the guest runs"
    );
    sender.begin();
    let mut guest = Guest::default();
    guest.sends(&sender, 40_000, "a megabyte", |position| position >= 1 << 20);
    assert_eq!(sender.settle(), [Some(guest.position)]);
    assert_eq!((position(&sinks), sinks.wrong()), (guest.position, None));
}

#[test]
fn a_sender_that_moves_goes_on_where_the_sink_is() {
    let (sinks, routes) = line();
    let mut guest = Guest::default();
    for round in 1..=4 {
        let sender = sender(&routes);
        guest.sends(&sender, 8_000, "the next half megabyte", |position| {
            position >= round << 19
        });
        if round == 4 {
            assert_eq!(sender.settle(), [Some(guest.position)]);
        }
        // Else it is dropped with what is in its buffers: the guest is told by the next to go back.
    }
    assert_eq!((position(&sinks), sinks.wrong()), (guest.position, None));
}

#[test]
fn a_receiver_that_moves_takes_the_position_along() {
    let (first, routes) = line();
    let (second, at_second) = sinks();
    let sender = sender(&routes);
    let mut guest = Guest::default();
    // What the sender takes may all be in its buffers still: the sink says what has come.
    guest.sends(&sender, 8_000, "half a megabyte", |_| position(&first) >= 1 << 19);
    let came = first.close(STREAM).expect("nothing came wrong");
    second.open(STREAM, came);
    routes.set(STREAM, Some(at_second));
    guest.sends(&sender, 8_000, "more, at the other", |_| position(&second) > came);
    assert_eq!(sender.settle(), [Some(guest.position)]);
    assert_eq!((position(&second), second.wrong()), (guest.position, None));
    assert!(first.positions().is_empty() && came > 0);
}

#[test]
fn a_guest_that_ends_without_its_connection_is_not_compared() {
    let (sinks, routes) = line();
    let sender = sender(&routes);
    let mut guest = Guest::default();
    guest.sends(&sender, 8_000, "some", |position| position >= 1 << 16);
    // The receiver's host is gone in this moment, and with it what was on its way.
    sinks.close(STREAM).expect("nothing came wrong");
    let began = Instant::now();
    while sender.offer(0, u64::MAX, &[]) != u64::MAX {
        // That it is gone shows when something is sent.
        guest.position = sender.offer(0, guest.position, &bytes(guest.position, 8));
        assert!(began.elapsed() < LIMIT, "it is still connected");
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(sender.settle(), [None]);
}

#[test]
fn a_byte_that_is_not_the_streams_is_found_and_so_is_one_that_is_missing() {
    for harm in [0, 1] {
        let (sinks, routes) = line();
        let sender = sender(&routes);
        let mut harmed = bytes(0, 8_000);
        if harm == 0 {
            harmed[4_001] ^= 4;
        } else {
            // A word left out: all behind it is where it does not belong.
            harmed.drain(4_000..4_008);
        }
        until("connected", || sender.offer(0, 0, &harmed) > 0);
        let found = if harm == 0 { 4_001 } else { 4_000 };
        until("found", || sinks.wrong() == Some((STREAM, found)));
        assert_eq!(
            sinks.close(STREAM),
            Err(format!("byte {found} of stream 3 came wrong"))
        );
    }
}

#[test]
fn nobody_opens_a_stream_without_the_runs_secret_or_one_that_is_not_received_here() {
    let (sinks, at) = sinks();
    let routes = Routes::default();
    routes.set(STREAM, Some(at));
    let right = Sender::new(&[load()], &routes, SECRET);
    right.begin();
    sinks.open(STREAM + 1, 0);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(right.offer(0, 0, &bytes(0, 8)), 0);
    sinks.open(STREAM, 0);
    let wrong = Sender::new(&[load()], &routes, [1; 32]);
    wrong.begin();
    until("the right one is connected", || {
        right.offer(0, 0, &bytes(0, 8)) == 8
    });
    assert_eq!(wrong.offer(0, 0, &bytes(0, 8)), 0);
    until("it came", || position(&sinks) == 8);
}

#[test]
fn a_stream_whose_link_is_cut_waits_and_what_does_not_fit_its_buffer_is_not_taken() {
    let (sinks, routes) = line();
    routes.grant(STREAM, BitsPerSecond(0));
    let sender = sender(&routes);
    let mut guest = Guest::default();
    guest.sends(&sender, 40_000, "connected", |position| position > 0);
    let began = Instant::now();
    loop {
        let next = sender.offer(0, guest.position, &bytes(guest.position, 40_000));
        if next == guest.position {
            break;
        }
        guest.position = next;
        assert!(began.elapsed() < LIMIT);
    }
    // 200 ms of 10 MB/s and four chunks.
    assert!(
        (2_000_000..2_300_000).contains(&guest.position),
        "{}",
        guest.position
    );
    assert_eq!(position(&sinks), 0);
    routes.grant(STREAM, BitsPerSecond(u64::MAX));
    until("all came", || position(&sinks) == guest.position);
    assert_eq!(sinks.wrong(), None);
}
