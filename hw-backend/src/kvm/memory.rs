//! Guest memory: one anonymous or shared mapping, from guest-physical address 0 up.
//!
//! The guest writes this memory while the host reads it, so no Rust reference to it is ever made: everything goes through
//! raw pointers, copies and single atomic words. What a copy of a page that the guest is writing holds is any mixture of old and
//! new bytes; pre-copy lives with that, because such a page is in the dirty log and is sent again.

#![expect(unsafe_code, reason = "maps memory and copies from and to it")]

use std::fs::File;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use twinrack_scenario::units::Bytes;

use super::Error;

/// What is behind guest memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backing {
    /// Private anonymous memory in 4 KiB pages.
    Anonymous,
    /// Private anonymous memory for which the kernel is asked for transparent huge pages.
    TransparentHuge,
    /// A memory file (`memfd_create`), which another process can map.
    Memfd,
    /// A memory file in 2 MiB pages of the reserved pool (hugetlbfs).
    Hugetlb,
}

impl Backing {
    /// What the size must be a multiple of.
    pub const fn granule(self) -> Bytes {
        match self {
            Self::Anonymous | Self::Memfd => Bytes::PAGE,
            Self::TransparentHuge | Self::Hugetlb => Bytes(2 << 20),
        }
    }
}

/// A guest's memory, mapped into this process; unmapped when dropped.
#[derive(Debug)]
pub struct GuestMemory {
    /// The first word; the mapping is page-aligned.
    start: NonNull<u64>,
    size: usize,
    backing: Backing,
    file: Option<File>,
}

// SAFETY: the mapping belongs to no thread, and all access is through raw copies and atomics (see the module).
unsafe impl Send for GuestMemory {}
// SAFETY: as above; methods on a shared reference make no Rust reference to the mapped bytes.
unsafe impl Sync for GuestMemory {}

impl GuestMemory {
    /// Bytes of a page.
    pub const PAGE: usize = 4096;

    /// Maps `size` bytes of zeros.
    pub fn new(size: Bytes, backing: Backing) -> Result<Self, Error> {
        let granule = backing.granule();
        let len = usize::try_from(size.0).unwrap_or(usize::MAX);
        if size.0 == 0 || !size.0.is_multiple_of(granule.0) || len > isize::MAX as usize {
            return Err(Error::BadSize {
                size: size.0,
                granule: granule.0,
            });
        }
        let file = match backing {
            Backing::Anonymous | Backing::TransparentHuge => None,
            Backing::Memfd => Some(memory_file(size, 0)?),
            Backing::Hugetlb => Some(memory_file(size, libc::MFD_HUGETLB | libc::MFD_HUGE_2MB)?),
        };
        let memory = Self {
            start: map(len, file.as_ref())?,
            size: len,
            backing,
            file,
        };
        match backing {
            Backing::TransparentHuge => memory.advise(libc::MADV_HUGEPAGE, "madvise MADV_HUGEPAGE")?,
            Backing::Anonymous => memory.advise(libc::MADV_NOHUGEPAGE, "madvise MADV_NOHUGEPAGE")?,
            Backing::Memfd | Backing::Hugetlb => {}
        }
        Ok(memory)
    }

    /// Its size.
    pub const fn size(&self) -> Bytes {
        Bytes(self.size as u64)
    }

    /// Its pages of 4 KiB.
    pub const fn pages(&self) -> usize {
        self.size / Self::PAGE
    }

    /// What is behind it.
    pub const fn backing(&self) -> Backing {
        self.backing
    }

    /// The memory file, where there is one: what another process maps.
    pub const fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Where it begins in this process; for the kernel only.
    pub fn host_address(&self) -> u64 {
        self.start.as_ptr() as u64
    }

    /// Has the kernel find the pages now, not one fault at a time.
    pub fn populate(&self) -> Result<(), Error> {
        self.advise(libc::MADV_POPULATE_WRITE, "madvise MADV_POPULATE_WRITE")
    }

    /// Gives pages of anonymous memory back to the kernel: they hold zeros when they are touched next.
    pub(super) fn discard(&self, pages: Range<usize>) -> Result<(), Error> {
        let (address, len) = (pages.start * Self::PAGE, pages.len() * Self::PAGE);
        let start = self.at(address as u64, len)?;
        // SAFETY: `at` checked that the range is inside this object's own mapping; to lose its content is what is asked for.
        let done = unsafe { libc::madvise(start.cast(), len, libc::MADV_DONTNEED) };
        if done == 0 {
            Ok(())
        } else {
            Err(Error::last("madvise MADV_DONTNEED"))
        }
    }

    /// Copies bytes out of the guest.
    pub fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Error> {
        let from = self.at(address, into.len())?;
        // SAFETY: `at` checked that `from` and the bytes behind it are mapped; `into` is a distinct Rust object.
        unsafe { ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
        Ok(())
    }

    /// Copies bytes into the guest.
    pub fn write(&self, address: u64, from: &[u8]) -> Result<(), Error> {
        let into = self.at(address, from.len())?;
        // SAFETY: `at` checked that `into` and the bytes behind it are mapped; `from` is a distinct Rust object.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), into, from.len()) };
        Ok(())
    }

    /// One aligned word, read at once.
    pub fn load(&self, address: u64) -> Result<u64, Error> {
        Ok(self.word(address)?.load(Ordering::Acquire))
    }

    /// One aligned word, written at once.
    pub fn store(&self, address: u64, value: u64) -> Result<(), Error> {
        self.word(address)?.store(value, Ordering::Release);
        Ok(())
    }

    /// Whether a page holds nothing but zeros; a page outside the memory does not.
    pub fn page_is_zero(&self, page: usize) -> bool {
        const WORDS: usize = GuestMemory::PAGE / 8;
        if page >= self.pages() {
            return false;
        }
        // Eight words at a time: a page in use is told by its first cache line, an empty one is read at memory speed.
        (0..WORDS / 8).all(|line| {
            (0..8).fold(0, |seen, word| {
                seen | self
                    .word_at(page * WORDS + line * 8 + word)
                    .load(Ordering::Relaxed)
            }) == 0
        })
    }

    fn word(&self, address: u64) -> Result<&AtomicU64, Error> {
        self.at(address, 8)?;
        if !address.is_multiple_of(8) {
            return Err(Error::OutOfRange {
                address,
                len: 8,
                size: self.size as u64,
            });
        }
        Ok(self.word_at(address as usize / 8))
    }

    /// The word of that number, which is below `size / 8`.
    fn word_at(&self, index: usize) -> &AtomicU64 {
        debug_assert!(index < self.size / 8);
        // SAFETY: every caller has checked that the word is inside the mapping, which lives as long as `self` and is aligned;
        // all Rust access to single words is atomic.
        unsafe { AtomicU64::from_ptr(self.start.as_ptr().add(index)) }
    }

    /// Where so many bytes from an address on are mapped; for code that reads and writes through pointers, as this does.
    pub(crate) fn span(&self, address: u64, len: usize) -> Result<*mut u8, Error> {
        self.at(address, len)
    }

    fn at(&self, address: u64, len: usize) -> Result<*mut u8, Error> {
        let outside = Error::OutOfRange {
            address,
            len,
            size: self.size as u64,
        };
        let Ok(offset) = usize::try_from(address) else {
            return Err(outside);
        };
        match offset.checked_add(len) {
            // SAFETY: the offset is within the mapping.
            Some(end) if end <= self.size => Ok(unsafe { self.start.as_ptr().cast::<u8>().add(offset) }),
            _ => Err(outside),
        }
    }

    fn advise(&self, advice: libc::c_int, call: &'static str) -> Result<(), Error> {
        // SAFETY: the range is this object's own mapping; none of the pieces of advice used here drops its content.
        let done = unsafe { libc::madvise(self.start.as_ptr().cast(), self.size, advice) };
        if done == 0 { Ok(()) } else { Err(Error::last(call)) }
    }
}

impl Drop for GuestMemory {
    fn drop(&mut self) {
        // SAFETY: the range is this object's own mapping, and nothing can reach it any more. An error can't be told.
        let _ = unsafe { libc::munmap(self.start.as_ptr().cast(), self.size) };
    }
}

fn memory_file(size: Bytes, flags: libc::c_uint) -> Result<File, Error> {
    // SAFETY: the name is a NUL-terminated constant.
    let fd = unsafe { libc::memfd_create(c"twinrack-guest".as_ptr(), libc::MFD_CLOEXEC | flags) };
    if fd < 0 {
        return Err(Error::last("memfd_create"));
    }
    // SAFETY: the kernel has just given this descriptor to us alone.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(size.0).map_err(|source| Error::Call {
        call: "ftruncate",
        source,
    })?;
    Ok(file)
}

fn map(len: usize, file: Option<&File>) -> Result<NonNull<u64>, Error> {
    let (flags, fd) = match file {
        None => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE, -1),
        Some(file) => (libc::MAP_SHARED, file.as_raw_fd()),
    };
    let (address, protection) = (ptr::null_mut(), libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
    let start = unsafe { libc::mmap(address, len, protection, flags, fd, 0) };
    if start == libc::MAP_FAILED {
        return Err(Error::last("mmap"));
    }
    NonNull::new(start.cast()).ok_or_else(|| Error::last("mmap"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_the_edges_hold() {
        for backing in [Backing::Anonymous, Backing::Memfd, Backing::TransparentHuge] {
            let memory = GuestMemory::new(Bytes(4 << 20), backing).expect("4 MiB");
            memory.write((4 << 20) - 3, b"abc").expect("the last three bytes");
            let mut read = [0; 3];
            memory.read((4 << 20) - 3, &mut read).expect("the same");
            assert_eq!(&read, b"abc");
            assert!(memory.span((4 << 20) - 3, 3).is_ok());
            assert!(memory.span((4 << 20) - 3, 4).is_err(), "one byte too far");
            assert!(memory.write((4 << 20) - 2, b"abc").is_err(), "one byte too far");
            assert!(memory.read(u64::MAX - 1, &mut read).is_err(), "no overflow");
            assert!(memory.load(4).is_err(), "not aligned");
            assert_eq!(memory.file().is_some(), backing == Backing::Memfd);
        }
    }

    #[test]
    fn only_a_page_of_zeros_is_zero() {
        let memory = GuestMemory::new(Bytes(8192), Backing::Anonymous).expect("two pages");
        assert!(memory.page_is_zero(0) && memory.page_is_zero(1));
        memory.write(8191, &[1]).expect("the last byte");
        assert!(memory.page_is_zero(0) && !memory.page_is_zero(1));
        assert!(!memory.page_is_zero(2), "outside");
    }

    #[test]
    fn a_size_that_can_not_be_is_refused() {
        for (size, backing) in [
            (0, Backing::Anonymous),
            (4097, Backing::Memfd),
            (4096, Backing::TransparentHuge),
        ] {
            let error = GuestMemory::new(Bytes(size), backing).expect_err("no such size");
            assert!(matches!(error, Error::BadSize { .. }), "{error}");
        }
        let error =
            GuestMemory::new(Bytes(1 << 60), Backing::Anonymous).expect_err("more than the address space");
        assert_eq!(error.errno(), Some(libc::ENOMEM));
    }
}
