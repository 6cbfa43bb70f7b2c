//! A guest's client: asks every millisecond whether the guest works, and knows the longest time without an answer.
//!
//! Guests have no network of their own. The agent answers for a guest, and only when the guest has begun another period since the last
//! answer: a guest that stands still is silent, and so is one that has left. The client asks both ends of a migration, as a switch floods
//! a frame while it does not know where an address has gone to, and takes whatever answer comes. What it sees is the black-out to
//! within a period of the guest (1 ms for one that works, 100 ms for one that idles).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use twinrack_scenario::VmId;

use super::agent::locked;
use crate::guest::ledger::Counters;
use crate::guest::machine::Machine;
use crate::kvm::GuestMemory;

/// How often the client asks.
const EVERY: Duration = Duration::from_millis(1);
/// How long it goes on asking after the end until an answer comes.
const PATIENCE: Duration = Duration::from_secs(2);
/// Begin of a question and of its answer.
const MAGIC: [u8; 4] = *b"TWpr";

/// A question about a guest; the answer is the same bytes.
fn question(vm: VmId) -> [u8; 8] {
    let [a, b, c, d] = vm.0.to_le_bytes();
    let [m, n, o, p] = MAGIC;
    [m, n, o, p, a, b, c, d]
}

/// Which guest a question is about.
fn asked(bytes: &[u8]) -> Option<VmId> {
    let (magic, vm) = bytes.split_first_chunk::<4>()?;
    let vm = u32::from_le_bytes(vm.try_into().ok()?);
    (*magic == MAGIC).then_some(VmId(vm))
}

/// A guest's sign of life.
struct Pulse {
    memory: Arc<GuestMemory>,
    /// Periods done when it was asked last.
    seen: Option<u64>,
}

impl Pulse {
    /// Whether it has begun another period since it was asked last.
    fn beats(&mut self) -> bool {
        let passes = Counters::read(&self.memory, 0)
            .ok()
            .map(|counters| counters.passes);
        std::mem::replace(&mut self.seen, passes).is_some_and(|before| Some(before) != passes)
    }
}

/// The signs of life of an agent's guests.
#[derive(Default, Clone)]
pub(super) struct Pulses(Arc<Mutex<BTreeMap<VmId, Pulse>>>);

impl Pulses {
    /// A guest runs here from now on. Its memory is not looked at yet: it may still be on its way.
    pub fn watch(&self, vm: VmId, machine: &Machine) {
        let memory = machine.memory().clone();
        locked(&self.0).insert(vm, Pulse { memory, seen: None });
    }

    /// A guest does not run here any more.
    pub fn forget(&self, vm: VmId) {
        locked(&self.0).remove(&vm);
    }

    /// Answers clients from now on, on a thread of its own; says at which port.
    pub fn answer_clients(&self, address: IpAddr) -> io::Result<u16> {
        let socket = UdpSocket::bind((address, 0))?;
        let port = socket.local_addr()?.port();
        let pulses = self.clone();
        thread::spawn(move || {
            let mut bytes = [0; 8];
            loop {
                // A client that has gone may be told by an error; there are others.
                let Ok((length, client)) = socket.recv_from(&mut bytes) else {
                    continue;
                };
                let vm = bytes.get(..length).and_then(asked);
                if vm.is_some_and(|vm| pulses.beats(vm)) {
                    let _ = socket.send_to(&bytes, client);
                }
            }
        });
        Ok(port)
    }

    fn beats(&self, vm: VmId) -> bool {
        locked(&self.0).get_mut(&vm).is_some_and(Pulse::beats)
    }
}

/// A client of one guest, on a thread of its own.
#[derive(Debug)]
pub struct Client {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Option<Duration>>,
}

impl Client {
    /// Asks for a guest at all of `places` from now on.
    pub fn of(vm: VmId, places: Vec<SocketAddr>) -> io::Result<Self> {
        let socket = UdpSocket::bind(("0.0.0.0", 0))?;
        socket.set_read_timeout(Some(EVERY))?;
        let over = Arc::new(AtomicBool::new(false));
        let told = over.clone();
        let thread = thread::Builder::new()
            .name("client".to_owned())
            .spawn(move || longest_silence(&socket, vm, &places, &told))?;
        Ok(Self { over, thread })
    }

    /// The migration is over: the next answer is the last that is waited for.
    pub fn finish(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// The longest time between two answers; nothing when the guest was silent to the end, or the client could not ask.
    pub fn longest_silence(self) -> Option<Duration> {
        self.finish();
        self.thread.join().ok().flatten()
    }
}

fn longest_silence(
    socket: &UdpSocket,
    vm: VmId,
    places: &[SocketAddr],
    over: &AtomicBool,
) -> Option<Duration> {
    let (mut last, mut longest, mut ended) = (None, Duration::ZERO, None);
    let mut bytes = [0; 8];
    let mut next = Instant::now();
    loop {
        for place in places {
            // A place that does not take it has no guest that answers.
            let _ = socket.send_to(&question(vm), place);
        }
        next += EVERY;
        // At least one reading a turn, however late the turn is.
        loop {
            let read = socket.recv_from(&mut bytes);
            let now = Instant::now();
            if read.is_ok_and(|(length, _)| bytes.get(..length).and_then(asked) == Some(vm)) {
                if let Some(before) = last.replace(now) {
                    longest = longest.max(now - before);
                }
                if ended.is_some() {
                    return Some(longest);
                }
            }
            if now >= next {
                break;
            }
        }
        if over.load(Ordering::Relaxed) {
            let since: Instant = *ended.get_or_insert_with(Instant::now);
            if since.elapsed() > PATIENCE {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_says_which_guest_it_is_about_and_nothing_else_is_one() {
        assert_eq!(asked(&question(VmId(77))), Some(VmId(77)));
        assert_eq!(asked(b"TWpr"), None);
        assert_eq!(asked(b"GET / HT"), None);
    }

    #[test]
    fn the_client_sees_the_time_without_answers() {
        const SILENT: Duration = Duration::from_millis(300);
        let place = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        place.set_read_timeout(Some(PATIENCE)).expect("set");
        let address = place.local_addr().expect("bound");
        let client = Client::of(VmId(3), vec![address]).expect("a client");
        let answer = || {
            let mut bytes = [0; 8];
            // Once the client has ended nobody asks.
            if let Ok((_, from)) = place.recv_from(&mut bytes) {
                place.send_to(&bytes, from).expect("answered");
            }
        };
        (0..20).for_each(|_| answer());
        thread::sleep(SILENT);
        answer();
        client.finish();
        // It asks until it is answered once more.
        while !client.thread.is_finished() {
            answer();
        }
        assert!(client.longest_silence().is_some_and(|silence| silence >= SILENT));
    }
}
