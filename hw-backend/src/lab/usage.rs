//! What is used on a host: processor time of the agent and of each guest, and bytes of migrations; told at an interval.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use twinrack_scenario::{MigrationId, VmId};

use super::agent::{Shared, locked};
use super::energy::Energy;
use super::protocol::{GuestUsage, Said, Usage};
use super::stream::sink::Sinks;
use crate::guest::disk::Blocks;
use crate::guest::machine::Machine;
use crate::kvm::GuestMemory;
use crate::kvm::thread::Meter;
use crate::migrate::pace::Grant;

/// Of every guest that runs here, and of every migration from here.
#[derive(Default)]
pub(super) struct UsageMeter {
    guests: Mutex<BTreeMap<VmId, Watched>>,
    sending: Mutex<BTreeMap<MigrationId, Grant>>,
    /// Looked for when it is first asked.
    energy: OnceLock<Option<Mutex<Energy>>>,
}

/// A guest whose use is told.
struct Watched {
    meters: Vec<Meter>,
    memory: Arc<GuestMemory>,
}

impl Watched {
    /// What it has used; nothing where the kernel does not tell.
    fn usage(&self, vm: VmId) -> Option<GuestUsage> {
        let times: Option<Vec<_>> = self.meters.iter().map(Meter::times).collect();
        let (busy, waited): (Vec<_>, Vec<_>) = times?.into_iter().unzip();
        let seconds = |parts: Vec<Duration>| parts.iter().sum::<Duration>().as_secs_f64();
        Some(GuestUsage {
            vm,
            busy_s: seconds(busy),
            waited_s: seconds(waited),
            blocks: Blocks::of(&self.memory, self.meters.len() as u32).ok()?,
        })
    }
}

impl UsageMeter {
    /// A guest runs here from now on.
    pub fn watch(&self, vm: VmId, machine: &Machine) {
        let watched = Watched {
            meters: machine.meters(),
            memory: machine.memory().clone(),
        };
        locked(&self.guests).insert(vm, watched);
    }

    /// A guest does not run here any more.
    pub fn forget(&self, vm: VmId) {
        locked(&self.guests).remove(&vm);
    }

    /// What a migration from here is granted; what it has sent is counted by it.
    pub fn grant(&self, migration: MigrationId) -> Grant {
        locked(&self.sending).entry(migration).or_default().clone()
    }

    fn energy(&self) -> Option<(String, f64)> {
        let counters = self.energy.get_or_init(|| Energy::find().map(Mutex::new));
        let joules = locked(counters.as_ref()?).joules()?;
        // Agents that are processes of one machine share its counters.
        let machine = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some((machine.trim().to_owned(), joules))
    }

    fn now(&self, sinks: &Sinks) -> Usage {
        let guests = locked(&self.guests);
        let guests = guests.iter().filter_map(|(vm, watched)| watched.usage(*vm));
        Usage {
            processor_s: process_time().as_secs_f64(),
            sent: locked(&self.sending).values().map(Grant::sent).sum(),
            guests: guests.collect(),
            streams: sinks.positions(),
            energy: self.energy(),
        }
    }
}

/// Tells at an interval what is used, until nobody listens.
pub(super) fn report(shared: &Arc<Shared>, every: Duration) {
    let shared = shared.clone();
    thread::spawn(move || {
        let mut next = Instant::now();
        loop {
            shared.say(Said::Used(shared.usage.now(&shared.sinks)));
            next += every;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    });
}

/// Processor time that this process has used, all threads together.
fn process_time() -> Duration {
    #[expect(unsafe_code, reason = "clock_gettime has no safe wrapper here")]
    // SAFETY: zeros are a valid time, and the call writes that alone.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
        time
    };
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_by_all_migrations_is_added_up_and_time_is_spent() {
        let meter = UsageMeter::default();
        let before = meter.now(&Sinks::default());
        let mut sum = 0_u64;
        while process_time().as_secs_f64() < before.processor_s + 0.02 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        let after = meter.now(&Sinks::default());
        assert!(after.processor_s >= before.processor_s + 0.02);
        assert_eq!((after.sent, after.guests.len()), (0, 0));
    }
}
