//! Post-copy: the guest runs at the target already, and its pages follow it.
//!
//! The source sweeps through what is left, in strides that come by every part of memory at an even pace, at the rate it may use. A page that the guest touches before
//! its part of the sweep has come is asked for by the target and goes out at once, past the sweep but against the same rate.
//! From the hand-over on the guest needs both ends: when the connection is lost before the last page has come, it is lost.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use twinrack_scenario::units::Bytes;

use super::MigrateError;
use super::link::{Link, heard, out_of_order};
use super::message::{Message, Runs, run};
use super::pace::Pace;
use super::wire::{FrameReader, FrameWriter};
use crate::guest::Machine;
use crate::kvm::{AbsentPages, GuestMemory, PageSet};

/// Pages of one frame of the sweep: what a page that is asked for may have to wait behind.
const SWEEP_PAGES: usize = 16;
/// Runs of one message that says what follows.
const RUNS: usize = 1 << 16;
/// How long the target waits for a touch before it looks whether all has come.
const LOOK: Duration = Duration::from_millis(10);

/// What a guest waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Followed {
    /// Pages that it touched before they had come.
    pub pages: u64,
    /// How long its processors waited for them, all together.
    pub stalled: Duration,
}

impl Followed {
    /// The wait in nanoseconds.
    pub fn nanos(&self) -> u64 {
        u64::try_from(self.stalled.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl<W: Write> FrameWriter<W> {
    /// Says which pages come when the guest runs.
    pub(super) fn say_follow(&mut self, pages: &PageSet) -> Result<(), MigrateError> {
        let runs: Vec<[u8; 8]> = pages
            .runs(usize::MAX)
            .map(|pages| run(pages.start, pages.len()))
            .collect();
        runs.chunks(RUNS)
            .try_for_each(|runs| self.say(&Message::Follow(Runs::new(runs))))
    }
}

/// The source's part: sends the pages of `left` until all have come; `left` is empty then. Says what the guest waited for.
pub(super) fn send_behind<R: Read + Send, W: Write>(
    link: &mut Link<R, W>,
    memory: &GuestMemory,
    left: &mut PageSet,
    zeros: bool,
    pace: Pace,
) -> Result<Followed, MigrateError> {
    let Link { reader, writer, .. } = link;
    thread::scope(|scope| {
        let (wants, wanted) = channel();
        let listener = scope.spawn(move || listen(reader, &wants));
        let mut sweep = Sweep {
            writer,
            memory,
            left,
            zeros,
            pace,
        };
        let swept = sweep.run(&wanted);
        // Why the other end fell silent says more than that it can't be written to.
        let followed = listener
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        followed.and_then(|followed| swept.map(|()| followed))
    })
}

/// Hears which pages the target wants, until all have come.
fn listen<R: Read>(reader: &mut FrameReader<R>, wants: &Sender<usize>) -> Result<Followed, MigrateError> {
    loop {
        match heard(reader)? {
            // A sweep that has ended needs no wishes.
            Message::Want(page) => drop(wants.send(page as usize)),
            Message::Followed { pages, nanos } => {
                let stalled = Duration::from_nanos(nanos);
                return Ok(Followed { pages, stalled });
            }
            other => return Err(out_of_order(&other, "Want or Followed")),
        }
    }
}

/// All numbers below `stops`, each once, any stretch of them spread evenly: those of van der Corput (1935), which are counted
/// with their bits reversed. A guest that writes in one part of its memory waits no more and no less than one that writes in another.
fn strides(stops: usize) -> impl Iterator<Item = usize> {
    let bits = stops.next_power_of_two().trailing_zeros();
    (0..stops.next_power_of_two())
        .map(move |count| count.reverse_bits().unbounded_shr(usize::BITS - bits))
        .filter(move |stop| *stop < stops)
}

struct Sweep<'a, W> {
    writer: &'a mut FrameWriter<W>,
    memory: &'a GuestMemory,
    left: &'a mut PageSet,
    zeros: bool,
    pace: Pace,
}

impl<W: Write> Sweep<'_, W> {
    fn run(&mut self, wanted: &Receiver<usize>) -> Result<(), MigrateError> {
        for stop in strides(self.left.bound().div_ceil(SWEEP_PAGES)) {
            let runs = self.left.part(stop * SWEEP_PAGES, SWEEP_PAGES, SWEEP_PAGES);
            self.send(&runs)?;
            if !self.wait(wanted)? {
                break;
            }
        }
        Ok(())
    }

    /// Waits until the link is free, and meanwhile sends what is wanted; says whether anybody still listens.
    fn wait(&mut self, wanted: &Receiver<usize>) -> Result<bool, MigrateError> {
        loop {
            match wanted.recv_timeout(self.pace.busy().unwrap_or(Duration::ZERO)) {
                // One that is on its way already is in no run.
                Ok(page) => self.send(&self.left.part(page, 1, 1))?,
                Err(RecvTimeoutError::Timeout) => return Ok(true),
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
            }
        }
    }

    fn send(&mut self, runs: &[Range<usize>]) -> Result<(), MigrateError> {
        if !runs.is_empty() {
            self.pace
                .note(self.writer.send_runs(self.memory, runs, self.zeros)?);
        }
        for page in runs.iter().cloned().flatten() {
            self.left.remove(page);
        }
        Ok(())
    }
}

/// The target's part: a guest that runs here while its pages come.
#[derive(Debug)]
pub struct Following {
    pub(super) link: Link<TcpStream, TcpStream>,
    pub(super) absent: AbsentPages,
    pub(super) missing: PageSet,
}

/// What has not come, and who waits for it since when.
struct Waits {
    missing: PageSet,
    waiting: BTreeMap<usize, Instant>,
    followed: Followed,
}

impl Following {
    /// Takes pages until all have come. When that fails the guest is lost: [`Self::abandon`] ends it.
    pub fn finish(&mut self) -> Result<Followed, MigrateError> {
        let Link { reader, writer, .. } = &mut self.link;
        let absent = &self.absent;
        let waits = Mutex::new(Waits {
            missing: self.missing.clone(),
            waiting: BTreeMap::new(),
            followed: Followed::default(),
        });
        let over = AtomicBool::new(false);
        let asked = thread::scope(|scope| {
            let asker = scope.spawn(|| ask(writer, absent, &waits, &over));
            let taken = take(reader, absent, &waits);
            over.store(true, Ordering::Relaxed);
            let asked = asker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            taken.and(asked)
        });
        asked?;
        let followed = locked(&waits).followed;
        self.link.say(&Message::Followed {
            pages: followed.pages,
            nanos: followed.nanos(),
        })?;
        Ok(followed)
    }

    /// Ends a guest whose pages do not come. Its processors are told to stop before those that wait are let go, over zeros.
    pub fn abandon(self, machine: Machine) {
        machine.ask_to_pause();
        drop(self);
        drop(machine);
    }
}

/// Takes the lock; what it guards is whole after every step, also where a thread panicked.
fn locked(waits: &Mutex<Waits>) -> MutexGuard<'_, Waits> {
    waits.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks for each page that the guest waits for, until all have come.
fn ask<W: Write>(
    writer: &mut FrameWriter<W>,
    absent: &AbsentPages,
    waits: &Mutex<Waits>,
    over: &AtomicBool,
) -> Result<(), MigrateError> {
    while !over.load(Ordering::Relaxed) {
        for page in absent.touched(LOOK)? {
            let mut waits = locked(waits);
            if !waits.missing.contains(page) {
                // It has just come, or was never written: the source has nothing to send.
                absent.place_zero(page)?;
            } else if let std::collections::btree_map::Entry::Vacant(entry) = waits.waiting.entry(page) {
                entry.insert(Instant::now());
                drop(waits);
                writer.say(&Message::Want(page as u32))?;
            }
        }
    }
    Ok(())
}

/// Places the pages that come, until none is missing.
fn take<R: Read>(
    reader: &mut FrameReader<R>,
    absent: &AbsentPages,
    waits: &Mutex<Waits>,
) -> Result<(), MigrateError> {
    while !locked(waits).missing.is_empty() {
        match heard(reader)? {
            Message::Pages(runs, mut content) => {
                for (first, count) in runs.iter() {
                    // The message's own check made content and runs fit.
                    let bytes = Bytes::from_pages(count).0 as usize;
                    let (pages, behind) = content.split_at_checked(bytes).unwrap_or((content, &[]));
                    locked(waits).come(first, count, |run| absent.place(run, pages))?;
                    content = behind;
                }
            }
            Message::Zeros(runs) => {
                for (first, count) in runs.iter() {
                    locked(waits).come(first, count, |mut run| {
                        run.try_for_each(|page| absent.place_zero(page))
                    })?;
                }
            }
            other => return Err(out_of_order(&other, "Pages or Zeros")),
        }
    }
    Ok(())
}

impl Waits {
    /// Pages have come: places them, and whoever waited goes on.
    fn come(
        &mut self,
        first: u64,
        count: u64,
        place: impl FnOnce(Range<usize>) -> Result<(), crate::kvm::Error>,
    ) -> Result<(), MigrateError> {
        let run = first as usize..first.saturating_add(count) as usize;
        if let Some(page) = run.clone().find(|page| !self.missing.contains(*page)) {
            return Err(MigrateError::NotMissing(page as u64));
        }
        place(run.clone())?;
        for page in run {
            self.missing.remove(page);
            if let Some(since) = self.waiting.remove(&page) {
                self.followed.pages += 1;
                self.followed.stalled += since.elapsed();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_comes_by_every_stop_once_and_by_every_part_evenly() {
        for stops in [0, 1, 2, 3, 10, 256, 1000, 16_384] {
            let order: Vec<usize> = strides(stops).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..stops), "{stops}");
            // A quarter of the way, each eighth has had its share, within two stops.
            for eighth in 0..8 {
                let part = eighth * stops / 8..(eighth + 1) * stops / 8;
                let come = order.iter().take(stops / 4).filter(|stop| part.contains(stop));
                let share = come.count() as f64;
                assert!((share - stops as f64 / 32.0).abs() <= 2.0, "{share} of {stops}");
            }
        }
    }
}
