//! Frames of pages: out of guest memory into the frame, and out of the frame into guest memory, with nothing in between.
//!
//! A target places pages as it opens them and knows only behind the last whether the frame is whole. Until then they are anybody's. That
//! is sound because the guest they are for has never run: it runs after the commit, which comes behind the last frame, and a stream
//! with one bad frame is refused as a whole and its memory dropped. What is placed stays within that memory: runs are checked first.
//! Pages that follow a guest that runs already ([`super::follow`]) are opened in the frame and placed when it is known to be whole.

use std::io::{Read, Write};
use std::ops::Range;

use super::MigrateError;
use super::message::{Message, MessageError, Runs, kind, run};
use super::seal::Sealer;
use super::wire::{FrameReader, FrameWriter, HEADER, PAYLOAD_MAX, Protection, WireError};
use crate::kvm::GuestMemory;

/// Bytes that describe a run.
pub const RUN_HEADER: usize = 8;
/// Bytes that say how many runs there are.
const COUNT: usize = 4;
/// Bytes of a frame beside its runs and their pages.
pub const FRAME_HEADER: usize = Protection::OVERHEAD + COUNT;

/// What came.
#[derive(Debug)]
pub enum Came<'a> {
    /// So many pages, which are in their places.
    Pages(u64),
    /// Another message.
    Message(Message<'a>),
}

impl<W: Write> FrameWriter<W> {
    /// Sends pages, those of zeros as such if that is wanted; says how many bytes that took.
    pub(super) fn send_runs(
        &mut self,
        memory: &GuestMemory,
        runs: &[Range<usize>],
        zeros: bool,
    ) -> Result<u64, MigrateError> {
        let before = self.sent();
        if !zeros {
            self.send_full(memory, runs)?;
            return Ok(self.sent() - before);
        }
        let (mut empty, mut full) = (Vec::new(), Vec::new());
        for page in runs.iter().cloned().flatten() {
            let run = if memory.page_is_zero(page) {
                &mut empty
            } else {
                &mut full
            };
            extend(run, page);
        }
        if !empty.is_empty() {
            self.send(kind::ZEROS, |frame| {
                frame.extend(empty.iter().flat_map(|pages| run(pages.start, pages.len())));
                Ok::<_, MigrateError>(())
            })?;
        }
        self.send_full(memory, &full)?;
        Ok(self.sent() - before)
    }

    fn send_full(&mut self, memory: &GuestMemory, runs: &[Range<usize>]) -> Result<(), MigrateError> {
        if runs.is_empty() {
            return Ok(());
        }
        let pages: usize = runs.iter().map(ExactSizeIterator::len).sum();
        let table = COUNT + RUN_HEADER * runs.len();
        let len = table + pages * GuestMemory::PAGE;
        if len > PAYLOAD_MAX {
            return Err(WireError::TooLong(len).into());
        }
        let header = self.header(kind::PAGES, len);
        let sequence = self.sequence();
        let (sealer, frame) = self.room(len + Protection::OVERHEAD);
        let (head, payload) = frame.split_at_mut(HEADER);
        head.copy_from_slice(&header);
        let (described, content) = payload.split_at_mut(table);
        describe(runs, described);
        sealer.begin(sequence, &header);
        sealer.pass(described);
        let mut rest = content;
        for pages in runs {
            let (into, behind) = rest.split_at_mut(pages.len() * GuestMemory::PAGE);
            sealer.seal_from(memory, (pages.start * GuestMemory::PAGE) as u64, into)?;
            rest = behind;
        }
        rest.copy_from_slice(&sealer.tag());
        Ok(self.send_room(len)?)
    }
}

/// The number of runs, and the runs.
fn describe(runs: &[Range<usize>], into: &mut [u8]) {
    let (count, table) = into.split_at_mut(COUNT);
    count.copy_from_slice(&(runs.len() as u32).to_le_bytes());
    for (entry, pages) in table.chunks_exact_mut(RUN_HEADER).zip(runs) {
        entry.copy_from_slice(&run(pages.start, pages.len()));
    }
}

impl<R: Read> FrameReader<R> {
    /// Reads one message; pages go into `memory` at once, whose guest must never have run.
    pub fn next_into(&mut self, memory: &GuestMemory) -> Result<Came<'_>, MigrateError> {
        let (kind, len) = self.read_frame()?;
        if kind != kind::PAGES {
            return Ok(Came::Message(Message::decode(kind, self.open(len)?)?));
        }
        let placed = self.opened(len, |sealer, payload| place(sealer, payload, memory))?;
        placed.map(Came::Pages)
    }
}

/// Opens a payload of pages into their places and says how many they were. All of it goes through the cipher whatever is wrong with it,
/// so that what was damaged on the way is told from what was sent so.
fn place(sealer: &mut Sealer, payload: &mut [u8], memory: &GuestMemory) -> Result<u64, MigrateError> {
    const LENGTH: MessageError = MessageError::Length { message: "Pages" };
    let Some((count, rest)) = payload.split_first_chunk_mut::<COUNT>() else {
        sealer.pass(payload);
        return Err(LENGTH.into());
    };
    sealer.pass(count);
    let bytes = (u32::from_le_bytes(*count) as usize).saturating_mul(RUN_HEADER);
    let Some((table, mut content)) = rest.split_at_mut_checked(bytes) else {
        sealer.pass(rest);
        return Err(LENGTH.into());
    };
    sealer.pass(table);
    let runs = Runs::new(table.as_chunks().0);
    if let Err(error) = fit(runs, content.len(), memory) {
        sealer.pass(content);
        return Err(error);
    }
    for (first, count) in runs.iter() {
        let (pages, behind) = content.split_at_mut(count as usize * GuestMemory::PAGE);
        sealer.open_into(pages, memory, first * GuestMemory::PAGE as u64)?;
        content = behind;
    }
    Ok(runs.pages())
}

/// Whether so many bytes are the content of these runs, and the runs are in this memory.
fn fit(runs: Runs, content: usize, memory: &GuestMemory) -> Result<(), MigrateError> {
    let page = GuestMemory::PAGE as u64;
    if runs.pages().checked_mul(page) != Some(content as u64) {
        return Err(MessageError::Length { message: "Pages" }.into());
    }
    for (first, count) in runs.iter() {
        memory.span(first * page, count as usize * GuestMemory::PAGE)?;
    }
    Ok(())
}

/// Adds a page behind the last run, or begins another.
fn extend(runs: &mut Vec<Range<usize>>, page: usize) {
    match runs.last_mut() {
        Some(last) if last.end == page => last.end += 1,
        _ => runs.push(page..page + 1),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use twinrack_scenario::units::Bytes;

    use super::*;
    use crate::kvm::Backing;
    use crate::migrate::wire::{Direction, Secret};

    const SECRET: Secret = Secret([7; 32]);
    const BOTH: [Protection; 2] = [Protection::Tagged, Protection::Sealed];

    fn memory() -> GuestMemory {
        GuestMemory::new(Bytes::from_pages(16), Backing::Anonymous).expect("16 pages")
    }

    fn sent(memory: &GuestMemory, runs: &[Range<usize>], protection: Protection) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes, SECRET, Direction::Forth, protection);
        writer.send_runs(memory, runs, false).expect("sent");
        bytes
    }

    fn taken(bytes: &[u8], memory: &GuestMemory) -> Result<u64, MigrateError> {
        let mut reader = FrameReader::new(bytes, SECRET, Direction::Forth);
        match reader.next_into(memory)? {
            Came::Pages(pages) => Ok(pages),
            Came::Message(other) => panic!("{} in place of pages", other.name()),
        }
    }

    fn page(memory: &GuestMemory, page: u64) -> [u8; GuestMemory::PAGE] {
        let mut read = [0; GuestMemory::PAGE];
        memory
            .read(page * GuestMemory::PAGE as u64, &mut read)
            .expect("inside");
        read
    }

    #[test]
    fn pages_come_to_their_places_and_to_no_other() {
        let from = memory();
        for page in 0..16 {
            let content = [page as u8 + 1; GuestMemory::PAGE];
            from.write(page * GuestMemory::PAGE as u64, &content)
                .expect("inside");
        }
        for protection in BOTH {
            let into = memory();
            let bytes = sent(&from, &[2..3, 5..9, 15..16], protection);
            assert_eq!(taken(&bytes, &into).expect("taken"), 6);
            for number in 0..16 {
                let came = matches!(number, 2 | 5..9 | 15);
                assert_eq!(
                    page(&into, number),
                    if came {
                        page(&from, number)
                    } else {
                        [0; GuestMemory::PAGE]
                    }
                );
            }
        }
    }

    /// What is sealed is read once: whatever the guest writes at the same time, the tag is that of what is sent.
    #[test]
    fn a_guest_that_writes_meanwhile_breaks_no_tag() {
        for protection in BOTH {
            let (from, into, over) = (memory(), memory(), AtomicBool::new(false));
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut value = 0;
                    while !over.load(Ordering::Relaxed) {
                        value += 1;
                        (0..16 * 512).for_each(|word| from.store(word * 8, value).expect("inside"));
                    }
                });
                for _ in 0..300 {
                    let bytes = sent(&from, &[0..8, 8..16], protection);
                    let pages = taken(&bytes, &into);
                    over.store(pages.is_err(), Ordering::Relaxed);
                    assert_eq!(pages.expect("whole"), 16);
                }
                over.store(true, Ordering::Relaxed);
            });
        }
    }

    #[test]
    fn damage_is_told_from_pages_that_do_not_fit() {
        for protection in BOTH {
            let whole = sent(&memory(), &[3..4, 4..5], protection);
            for at in [HEADER, HEADER + 5, HEADER + 100, whole.len() - 1] {
                let mut damaged = whole.clone();
                damaged[at] ^= 1;
                let error = taken(&damaged, &memory()).expect_err("damaged");
                assert!(matches!(error, MigrateError::Wire(WireError::Tag(0))), "{error}");
            }
            let small = GuestMemory::new(Bytes::from_pages(4), Backing::Anonymous).expect("4 pages");
            let error = taken(&whole, &small).expect_err("it does not fit");
            assert!(error.to_string().contains("guest address"), "{error}");
        }
    }
}
