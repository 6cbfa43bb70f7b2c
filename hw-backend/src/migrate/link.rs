//! The connection as either end sees it: messages out, messages in, and pages straight from guest memory.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;

use super::message::{Message, TOOK_EVERY};
use super::pages::Came;
use super::splice::{ROOMS, Splice};
use super::wire::{Direction, FrameReader, FrameWriter, Protection, Secret, WireError};
use super::{MigrateError, prepare};
use crate::kvm::GuestMemory;

/// Both ways of a connection, as one end has them.
#[derive(Debug)]
pub(super) struct Link<R, W> {
    pub(super) reader: FrameReader<R>,
    pub(super) writer: FrameWriter<W>,
    /// Frames of pages that the other end has not said to have taken.
    flying: usize,
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
        // Where the kernel does not give a pipe, pages are copied into the socket.
        let splice = Splice::new(&stream).ok();
        let mut writer = FrameWriter::new(stream, secret, Direction::Forth, protection);
        writer.splice(splice);
        Ok(Self {
            writer,
            reader: FrameReader::new(back, secret, Direction::Back),
            flying: 0,
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
            flying: 0,
        }
    }

    pub(super) fn say(&mut self, message: &Message) -> Result<(), MigrateError> {
        self.writer.say(message)
    }

    /// Hears the next message that is not about frames that were taken; those that are due come before it.
    pub(super) fn hear(&mut self) -> Result<Message<'_>, MigrateError> {
        while self.flying >= TOOK_EVERY {
            self.hear_took()?;
        }
        heard(&mut self.reader)
    }

    /// Hears a message of which pages go straight into `memory`.
    pub(super) fn hear_into(&mut self, memory: &GuestMemory) -> Result<Came<'_>, MigrateError> {
        heard_into(&mut self.reader, memory)
    }

    /// Sends pages of a guest that runs here; says how many bytes that took.
    pub(super) fn send_runs(
        &mut self,
        memory: &GuestMemory,
        runs: &[Range<usize>],
        zeros: bool,
    ) -> Result<u64, MigrateError> {
        while self.flying >= ROOMS {
            self.hear_took()?;
        }
        let before = self.writer.frames_of_pages();
        let sent = self.writer.send_runs(memory, runs, zeros)?;
        self.flying += self.writer.frames_of_pages() - before;
        Ok(sent)
    }

    fn hear_took(&mut self) -> Result<(), MigrateError> {
        match heard(&mut self.reader)? {
            Message::Took => self.flying = self.flying.saturating_sub(TOOK_EVERY),
            other => return Err(out_of_order(&other, "Took")),
        }
        Ok(())
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
}

/// The next message; an end that gives up is an error.
pub(super) fn heard<R: Read>(reader: &mut FrameReader<R>) -> Result<Message<'_>, MigrateError> {
    let (kind, payload) = reader.next_frame()?;
    unless_over(Message::decode(kind, payload)?)
}

/// The same where pages come, which go straight into `memory`.
pub(super) fn heard_into<'a, R: Read>(
    reader: &'a mut FrameReader<R>,
    memory: &GuestMemory,
) -> Result<Came<'a>, MigrateError> {
    match reader.next_into(memory)? {
        Came::Message(message) => unless_over(message).map(Came::Message),
        pages @ Came::Pages(_) => Ok(pages),
    }
}

fn unless_over(message: Message) -> Result<Message, MigrateError> {
    match message {
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
