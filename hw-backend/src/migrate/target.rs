//! The target of a migration: makes a skeleton, fills it, and runs it once it has been committed.

use std::net::TcpStream;
use std::time::Instant;

use kvm_bindings::CpuId;

use super::claim::Claim;
use super::follow::Following;
use super::link::{Link, heard, out_of_order};
use super::message::{Hello, Message, Runs, TOOK_EVERY};
use super::pages::Came;
use super::wire::{Direction, FrameReader, Secret, WireError};
use super::{MigrateError, prepare};
use crate::guest::devices::Devices;
use crate::guest::machine::{Machine, Shape};
use crate::kvm::{AbsentPages, Backing, DirtyMechanism, GuestMemory, PageSet, System, VcpuState};

/// What the target gives a guest that comes.
#[derive(Debug, Clone)]
pub struct Room {
    /// Most memory.
    pub memory: twinrack_scenario::units::Bytes,
    /// What is behind it.
    pub backing: Backing,
    /// How its dirty pages are told, for the next move.
    pub mechanism: DirtyMechanism,
    /// Its devices on this host.
    pub devices: Devices,
}

impl Room {
    /// Room for a guest of just such a shape, without devices.
    pub fn of(shape: &Shape) -> Self {
        Self {
            memory: shape.memory,
            backing: shape.backing,
            mechanism: shape.mechanism,
            devices: Devices::default(),
        }
    }
}

/// A guest that has come.
pub struct Arrived {
    /// It; it runs.
    pub machine: Machine,
    /// Number of the migration.
    pub migration: u32,
    /// Bytes received.
    pub received: u64,
    /// Time from the last state's arrival until the processors were loaded, and until they ran.
    pub load: std::time::Duration,
    /// Time from the commit's arrival until the processors ran.
    pub start: std::time::Duration,
    /// What brings its other pages, where they follow it.
    pub following: Option<Following>,
}

/// Takes one guest over a connection. Until the commit, whatever fails leaves nothing behind; after it the guest runs here
/// whatever becomes of the connection.
pub fn receive(
    system: &System,
    stream: TcpStream,
    secret: Secret,
    room: Room,
    claim: &Claim,
) -> Result<Arrived, MigrateError> {
    prepare(&stream).map_err(WireError::from)?;
    let back = stream.try_clone().map_err(WireError::from)?;
    let mut reader = FrameReader::new(stream, secret, Direction::Forth);
    // Nobody who does not know the secret gets an answer.
    let hello = match heard(&mut reader)? {
        Message::Hello(hello) => hello,
        other => return Err(out_of_order(&other, "Hello")),
    };
    let mut link = Link::of_target(reader, back, secret);
    match link.take_guest(system, &hello, room, claim) {
        Ok((mut arrived, absent)) => {
            arrived.following = absent.map(|(absent, missing)| Following {
                link,
                absent,
                missing,
            });
            Ok(arrived)
        }
        Err(error) => {
            if !error.is_link() {
                // The other end may be gone already; it finds out in its own time.
                let _ = link.say(&Message::Abort(error.to_string()));
            }
            Err(error)
        }
    }
}

/// Memory some of whose pages follow, and which they are.
type Absent = Option<(AbsentPages, PageSet)>;

impl Link<TcpStream, TcpStream> {
    fn take_guest(
        &mut self,
        system: &System,
        hello: &Hello,
        room: Room,
        claim: &Claim,
    ) -> Result<(Arrived, Absent), MigrateError> {
        let made = skeleton(system, hello, room).and_then(|machine| {
            if hello.follows {
                AbsentPages::available()?;
            } else {
                machine.memory().populate()?;
            }
            Ok(machine)
        });
        let mut machine = match made {
            Ok(machine) => machine,
            Err(error) => {
                self.say(&Message::Refused(error.to_string()))?;
                return Err(error);
            }
        };
        self.say(&Message::Ready)?;
        let (states, missing) = self.fill(machine.memory())?;
        let arrived = Instant::now();
        let absent = if hello.follows {
            let absent = AbsentPages::new(machine.memory().clone(), &missing)?;
            Some((absent, missing))
        } else {
            None
        };
        machine.restore(states)?;
        let load = arrived.elapsed();
        self.say(&Message::Loaded)?;
        self.expect(&Message::Commit)?;
        let committed = Instant::now();
        if !claim.take() {
            return Err(MigrateError::Aborted(
                "the source has taken the guest back".to_owned(),
            ));
        }
        // From here on it is ours; a link that fails now only keeps the source from hearing so.
        let heard = self.say(&Message::Taken);
        machine.run()?;
        let start = committed.elapsed();
        let _ = heard.and_then(|()| self.say(&Message::Resumed));
        let received = self.reader.received();
        let arrived = Arrived {
            machine,
            migration: hello.migration,
            received,
            load,
            start,
            following: None,
        };
        Ok((arrived, absent))
    }

    /// Takes pages until the processors' states come, and says which pages follow them.
    fn fill(&mut self, memory: &GuestMemory) -> Result<(Vec<VcpuState>, PageSet), MigrateError> {
        let mut missing = PageSet::empty(memory.pages());
        let mut frames = 0;
        loop {
            let message = match self.hear_into(memory)? {
                Came::Message(message) => message,
                Came::Pages(_) => {
                    frames += 1;
                    if frames % TOOK_EVERY == 0 {
                        self.say(&Message::Took)?;
                    }
                    continue;
                }
            };
            match message {
                Message::Follow(runs) => {
                    for (first, count) in runs.iter() {
                        // Pages beyond its memory are no pages of it.
                        let end = first.saturating_add(count).min(memory.pages() as u64);
                        (first..end).for_each(|page| missing.insert(page as usize));
                    }
                }
                Message::RoundEnd(round) => self.say(&Message::RoundAck(round))?,
                Message::States(states) => return Ok((states, missing)),
                Message::Zeros(runs) => clear(memory, runs)?,
                other => return Err(out_of_order(&other, "Pages, Zeros, RoundEnd, Follow or States")),
            }
        }
    }
}

/// A machine of the guest's shape, or why there can't be one here.
pub(super) fn skeleton(system: &System, hello: &Hello, room: Room) -> Result<Machine, MigrateError> {
    if hello.memory > room.memory {
        let reason = format!("it needs {}, of which {} are free", hello.memory, room.memory);
        return Err(MigrateError::Refused(reason));
    }
    let cpuid = hello.features()?;
    let missing = missing_features(&cpuid, &system.supported_cpuid()?);
    if !missing.is_empty() {
        let reason = format!(
            "this host's processor lacks what the guest sees: {}",
            missing.join(", ")
        );
        return Err(MigrateError::Refused(reason));
    }
    let shape = Shape {
        memory: hello.memory,
        vcpus: hello.vcpus,
        backing: room.backing,
        pages: hello.pages,
        mechanism: room.mechanism,
    };
    Ok(Machine::skeleton_with(system, shape, &cpuid, &room.devices)?)
}

/// The feature words of which the guest sees bits that this host has not: leaves 1, 7 and `0x8000_0001` (Intel SDM 2A,
/// `CPUID`). Numbers of this very processor, such as its APIC's, are in other words and don't count.
fn missing_features(guest: &CpuId, host: &CpuId) -> Vec<String> {
    const LEAVES: [u32; 3] = [1, 7, 0x8000_0001];
    /// Bits of leaf 1 ECX that follow the state of the processor: OSXSAVE.
    const STATE: u32 = 1 << 27;
    let words = |leaf: u32, index: u32, of: &CpuId| {
        let entry = of
            .as_slice()
            .iter()
            .find(|entry| entry.function == leaf && entry.index == index);
        entry.map_or([0; 3], |entry| match leaf {
            7 => [entry.ebx, entry.ecx, entry.edx],
            _ => [0, entry.ecx & !STATE, entry.edx],
        })
    };
    let mut missing = Vec::new();
    for leaf in LEAVES {
        let lacks = words(leaf, 0, guest).into_iter().zip(words(leaf, 0, host));
        for ((guest, host), register) in lacks.zip(["ebx", "ecx", "edx"]) {
            if guest & !host != 0 {
                missing.push(format!("CPUID {leaf:#x} {register} {:#x}", guest & !host));
            }
        }
    }
    missing
}

/// Has runs of pages hold zeros.
pub fn clear(memory: &GuestMemory, runs: Runs) -> Result<(), MigrateError> {
    const ZEROS: [u8; GuestMemory::PAGE] = [0; GuestMemory::PAGE];
    for (first, count) in runs.iter() {
        for page in first..first.saturating_add(count) {
            // A new skeleton is zero already, and reading costs less than writing.
            if !memory.page_is_zero(page as usize) {
                memory.write(page * GuestMemory::PAGE as u64, &ZEROS)?;
            }
        }
    }
    Ok(())
}
