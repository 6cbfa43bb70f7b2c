//! Frames of pages on their way into a socket without a copy: the kernel takes the pages of the frame themselves (`vmsplice`, `splice`).
//!
//! The socket reads a frame as late as its peer does, over loopback from these very pages, or sends it again. So a frame's room is
//! used again only when the other end has said that it has taken the frame ([`Message::Took`](super::message::Message::Took)): then nothing
//! that is read here later reaches anybody. The rooms are a mapping of their own, not the allocator's: the kernel keeps the pages that
//! it has yet to send when the mapping goes, and nobody else writes into them.

#![expect(
    unsafe_code,
    reason = "maps memory, makes a pipe and gives pages to the kernel"
)]

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};

use super::wire::{PAYLOAD_MAX, Protection};
use crate::kvm::GuestMemory;

/// Frames that may be on their way at once: 8 of half a mebibyte keep a link of 10 Gb/s busy for 3 ms, and stay in most caches.
pub(super) const ROOMS: usize = 8;
/// Bytes of a room, whole pages: a frame.
const ROOM: usize = (PAYLOAD_MAX + Protection::OVERHEAD).next_multiple_of(GuestMemory::PAGE);
/// What is asked for the pipe: every page of a frame. With less it takes more calls.
const PIPE: libc::c_int = 1 << 20;

/// Rooms for frames, and the way from them into a socket.
#[derive(Debug)]
pub(super) struct Splice {
    stream: TcpStream,
    out: OwnedFd,
    into: OwnedFd,
    /// The first byte of the first room.
    start: NonNull<u8>,
    /// The room of the next frame.
    next: usize,
}

// SAFETY: the mapping belongs to this object alone, and to no thread.
unsafe impl Send for Splice {}

impl Splice {
    pub(super) fn new(stream: &TcpStream) -> io::Result<Self> {
        let stream = stream.try_clone()?;
        let mut ends = [0; 2];
        // SAFETY: the array has room for the two descriptors.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptors are new and nobody else's.
        let [out, into] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        // SAFETY: the call changes the pipe alone; a pipe that stays smaller serves too.
        let _ = unsafe { libc::fcntl(into.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE) };
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
        );
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        let start = unsafe { libc::mmap(ptr::null_mut(), ROOMS * ROOM, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            stream,
            out,
            into,
            start: NonNull::new(start.cast()).ok_or_else(io::Error::last_os_error)?,
            next: 0,
        })
    }

    /// Where the next frame is put together. Of the frames that were sent, all but the last `ROOMS - 1` must have been taken.
    pub(super) const fn room(&mut self) -> &mut [u8] {
        // SAFETY: the room is within the mapping, which lives as long as `self`; no other Rust reference to it is made, and the
        // kernel has done with what it held.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().add(self.next * ROOM), ROOM) }
    }

    /// Sends the first `len` bytes of the room.
    pub(super) fn send(&mut self, len: usize) -> io::Result<()> {
        let frame = &mut self.room()[..len];
        let mut rest = libc::iovec {
            iov_base: frame.as_mut_ptr().cast(),
            iov_len: frame.len(),
        };
        while rest.iov_len > 0 {
            let given = self.give(&rest)?;
            // SAFETY: the kernel took no more than there was.
            rest.iov_base = unsafe { rest.iov_base.byte_add(given) };
            rest.iov_len -= given;
            self.pass_on(given, rest.iov_len > 0)?;
        }
        self.next = (self.next + 1) % ROOMS;
        Ok(())
    }

    /// Puts pages of the frame into the pipe, as many as go; says how many bytes.
    fn give(&self, rest: &libc::iovec) -> io::Result<usize> {
        // SAFETY: the vector is one, and its bytes are of the room, which does not change before the frame has been taken.
        some(|| unsafe { libc::vmsplice(self.into.as_raw_fd(), rest, 1, 0) })
    }

    /// Moves `bytes` from the pipe into the socket; whether `more` follow at once.
    fn pass_on(&self, mut bytes: usize, more: bool) -> io::Result<()> {
        let flags = if more { libc::SPLICE_F_MORE } else { 0 };
        let (from, to) = (self.out.as_raw_fd(), self.stream.as_raw_fd());
        while bytes > 0 {
            // SAFETY: the call moves what is in the pipe, and touches no memory of this process.
            bytes -=
                some(|| unsafe { libc::splice(from, ptr::null_mut(), to, ptr::null_mut(), bytes, flags) })?;
        }
        Ok(())
    }
}

/// What a call moved; made again when a signal came between.
fn some(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        match usize::try_from(call()) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(moved) => return Ok(moved),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

impl Drop for Splice {
    fn drop(&mut self) {
        // SAFETY: the range is this object's own mapping, and nothing here can reach it any more. An error can't be told.
        let _ = unsafe { libc::munmap(self.start.as_ptr().cast(), ROOMS * ROOM) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    /// A reader that lags by as many frames as there are rooms finds each as it was sent.
    #[test]
    fn a_frame_stays_as_it_was_until_it_has_been_taken() {
        const LEN: usize = 5000;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let near = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
        let mut far = listener.accept().expect("accepted").0;
        let mut splice = Splice::new(&near).expect("a pipe");
        let mut take = |frame: usize| {
            let mut read = [0; LEN];
            far.read_exact(&mut read).expect("read");
            assert_eq!(read, [frame as u8; LEN], "frame {frame}");
        };
        for frame in 0..10 * ROOMS {
            if frame >= ROOMS {
                take(frame - ROOMS);
            }
            splice.room()[..LEN].fill(frame as u8);
            splice.send(LEN).expect("sent");
        }
        // What is on its way outlives the rooms.
        drop(splice);
        (9 * ROOMS..10 * ROOMS).for_each(take);
    }

    #[test]
    fn a_connection_that_is_closed_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let near = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
        drop(listener.accept().expect("accepted"));
        let mut splice = Splice::new(&near).expect("a pipe");
        let failed = (0..100).any(|_| splice.send(ROOM).is_err());
        assert!(failed, "nobody reads");
    }
}
