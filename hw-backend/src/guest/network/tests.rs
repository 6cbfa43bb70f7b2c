//! A guest that sends: what it offers is its stream, from wherever it is told to go on, on whatever host.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use twinrack_scenario::units::Bytes;

use super::*;
use crate::guest::devices::Devices;
use crate::guest::layout::{self, GuestPages};
use crate::guest::machine::{Machine, Shape};
use crate::guest::workload::Workload;
use crate::kvm::{Backing, DirtyMechanism, System};
use crate::require_kvm;

const LIMIT: Duration = Duration::from_secs(20);
/// The numbers of the guest's two streams.
const NUMBERS: [u32; 2] = [4, 9];

/// What has come of a stream.
#[derive(Debug, Default, Clone)]
struct Came {
    position: u64,
    /// Bytes that were not the stream's.
    wrong: Option<u64>,
    offers: u64,
    refused: u64,
    went_back: u64,
}

/// Takes most of what it is offered; refuses some, and sometimes has lost what it had taken.
#[derive(Debug, Default)]
struct Moody {
    came: Mutex<[Came; 2]>,
    begun: Mutex<u32>,
}

impl Moody {
    fn came(&self, index: usize) -> Came {
        self.came.lock().expect("whole")[index].clone()
    }
}

impl Outlet for Moody {
    fn begin(&self) {
        *self.begun.lock().expect("whole") += 1;
    }

    fn offer(&self, index: usize, position: u64, bytes: &[u8]) -> u64 {
        let came = &mut self.came.lock().expect("whole")[index];
        came.offers += 1;
        if position != came.position {
            return came.position;
        }
        came.wrong = came.wrong.or(first_wrong(NUMBERS[index], position, bytes));
        match came.offers % 10 {
            3 => came.refused += 1,
            7 if position > 100_000 => {
                came.went_back += 1;
                came.position -= 4096;
            }
            _ => came.position += bytes.len() as u64,
        }
        came.position
    }

    fn settle(&self) -> Vec<Option<u64>> {
        (0..2).map(|index| Some(self.came(index).position)).collect()
    }
}

fn workload() -> Workload {
    let rates = [80_000_000, 8_000_000].map(BitsPerSecond);
    let streams = NUMBERS.iter().zip(rates);
    let streams = streams.map(|(number, rate)| StreamLoad {
        number: *number,
        rate,
    });
    Workload::dirtying(Vec::new()).sending(streams.collect())
}

const SHAPE: Shape = Shape {
    memory: Bytes(16 << 20),
    vcpus: 2,
    backing: Backing::Anonymous,
    pages: GuestPages::Small,
    mechanism: DirtyMechanism::Bitmap,
};

fn guest(system: &System, outlet: &Arc<Moody>) -> Machine {
    let devices = Devices {
        outlet: Some(outlet.clone()),
        ..Devices::default()
    };
    Machine::with(system, SHAPE, &workload(), &devices).expect("a guest")
}

/// Runs until `reached`, and stands still then.
fn run_until(machine: &mut Machine, what: &str, reached: impl Fn() -> bool) {
    let began = Instant::now();
    machine.run().expect("it runs");
    while !reached() {
        assert!(began.elapsed() < LIMIT, "never: {what}; {:?}", machine.pause());
        std::thread::sleep(Duration::from_millis(1));
    }
    machine.pause().expect("paused");
}

/// Whether what the guest has sent is what has come of each stream.
fn agrees(machine: &Machine, outlet: &Moody) {
    for index in 0..2 {
        let came = outlet.came(index);
        assert_eq!(came.wrong, None, "stream {index}: {came:?}");
        let sent = position(machine.memory(), layout::control(0), index).expect("read");
        // One that stands between a request and its answer, which may be a refusal or further back, has not heard it yet.
        let asks = sent[0] != sent[1];
        assert!(asks || sent[0] == came.position, "{sent:?} {came:?}");
    }
}

#[test]
fn what_is_offered_is_the_stream_whatever_is_refused_or_lost() {
    let system = require_kvm!();
    let outlet = Arc::new(Moody::default());
    let mut machine = guest(&system, &outlet);
    let far = || (0..2).all(|index| outlet.came(index).position > 500_000);
    run_until(&mut machine, "half a megabyte of each", far);
    agrees(&machine, &outlet);
    for index in 0..2 {
        let came = outlet.came(index);
        assert!(came.refused > 0 && came.went_back > 0, "{came:?}");
    }
    // Beside it the guest is as whole as ever.
    machine.audit(&workload()).expect("read").expect("whole");
}

#[test]
fn a_guest_that_goes_on_elsewhere_loses_and_doubles_nothing() {
    let system = require_kvm!();
    let outlet = Arc::new(Moody::default());
    let mut machine = guest(&system, &outlet);
    let cpuid = system.supported_cpuid().expect("CPUID");
    for turn in 1..=20 {
        let far = || outlet.came(0).offers > turn * 30;
        run_until(&mut machine, "some more", far);
        agrees(&machine, &outlet);
        let mut bytes = vec![0; 16 << 20];
        machine.memory().read(0, &mut bytes).expect("read");
        // The host's answer is in no dirty log: the target has an old one.
        let reply = layout::control(0) as usize + layout::net::REPLY as usize;
        bytes[reply..reply + 8].fill(0);
        let states = machine.save().expect("saved");
        let devices = machine.devices().clone();
        let target = Machine::skeleton_with(&system, SHAPE, &cpuid, &devices).expect("a skeleton");
        target.memory().write(0, &bytes).expect("written");
        target.restore(states).expect("restored");
        machine = target;
    }
    agrees(&machine, &outlet);
}

#[test]
fn a_wrong_a_missing_and_a_doubled_byte_are_found() {
    let stream: Vec<u8> = (0..512).flat_map(|at| word(4, at * 8).to_le_bytes()).collect();
    assert_eq!(first_wrong(4, 0, &stream), None);
    assert_eq!(first_wrong(4, 800, &stream[800..]), None);
    for harm in [0, 1000, 4095] {
        let mut harmed = stream.clone();
        harmed[harm] ^= 0x10;
        assert_eq!(first_wrong(4, 0, &harmed), Some(harm as u64));
    }
    assert!(first_wrong(4, 0, &stream[8..]).is_some(), "a word is missing");
    assert!(first_wrong(4, 8, &stream).is_some(), "a word came twice");
    assert!(first_wrong(9, 0, &stream).is_some(), "another stream");
}
