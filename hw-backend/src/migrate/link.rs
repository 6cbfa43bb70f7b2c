//! The connection as either end sees it: messages out, messages in, and pages straight from guest memory.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;

use super::message::{Message, kind, run};
use super::wire::{Direction, FrameReader, FrameWriter, Protection, Secret, WireError};
use super::{MigrateError, prepare};
use crate::kvm::GuestMemory;

/// Both ways of a connection, as one end has them.
#[derive(Debug)]
pub(super) struct Link<R, W> {
    pub(super) reader: FrameReader<R>,
    pub(super) writer: FrameWriter<W>,
}

impl Link<TcpStream, TcpStream> {
    /// The source's end of a connection.
    pub(super) fn of_source(
        stream: TcpStream,
        secret: Secret,
        protection: Protection,
    ) -> Result<Self, MigrateError> {
        prepare(&stream).map_err(WireError::from)?;
        let back = stream.try_clone().map_err(WireError::from)?;
        Ok(Self {
            writer: FrameWriter::new(stream, secret, Direction::Forth, protection),
            reader: FrameReader::new(back, secret, Direction::Back),
        })
    }
}

impl<R: Read, W: Write> Link<R, W> {
    /// The target's end, which has heard the source's first frame: it answers as protected as it was spoken to.
    pub(super) fn of_target(reader: FrameReader<R>, to: W, secret: Secret) -> Self {
        let protection = reader.protection().unwrap_or(Protection::Sealed);
        Self {
            reader,
            writer: FrameWriter::new(to, secret, Direction::Back, protection),
        }
    }

    pub(super) fn say(&mut self, message: &Message) -> Result<(), MigrateError> {
        self.writer.say(message)
    }

    pub(super) fn hear(&mut self) -> Result<Message<'_>, MigrateError> {
        heard(&mut self.reader)
    }

    /// Hears one message, which must be `expected`.
    pub(super) fn expect(&mut self, expected: &Message) -> Result<(), MigrateError> {
        match self.hear()? {
            found if found == *expected => Ok(()),
            other => Err(out_of_order(&other, expected.name())),
        }
    }
}

impl<W: Write> FrameWriter<W> {
    /// Writes one message.
    pub(super) fn say(&mut self, message: &Message) -> Result<(), MigrateError> {
        self.send(message.kind(), |frame| {
            message.encode(frame);
            Ok(())
        })
    }

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
        self.send(kind::PAGES, |frame| {
            frame.extend((runs.len() as u32).to_le_bytes());
            frame.extend(runs.iter().flat_map(|pages| run(pages.start, pages.len())));
            // Into the frame, not straight to the kernel: the guest may write a page between its tag and its way out.
            for pages in runs {
                let address = (pages.start * GuestMemory::PAGE) as u64;
                memory.append(address, pages.len() * GuestMemory::PAGE, frame)?;
            }
            Ok::<_, MigrateError>(())
        })
    }
}

/// The next message; an end that gives up is an error.
pub(super) fn heard<R: Read>(reader: &mut FrameReader<R>) -> Result<Message<'_>, MigrateError> {
    let (kind, payload) = reader.next_frame()?;
    match Message::decode(kind, payload)? {
        Message::Abort(reason) => Err(MigrateError::Aborted(reason)),
        message => Ok(message),
    }
}

pub(super) fn out_of_order(found: &Message, expected: &'static str) -> MigrateError {
    MigrateError::OutOfOrder {
        found: found.name(),
        expected,
    }
}

/// Adds a page behind the last run, or begins another.
fn extend(runs: &mut Vec<Range<usize>>, page: usize) {
    match runs.last_mut() {
        Some(last) if last.end == page => last.end += 1,
        _ => runs.push(page..page + 1),
    }
}
