//! Pages that are not there yet: whoever touches one waits until it is placed, and somebody hears which (`userfaultfd`).
//!
//! A vCPU's touch is a fault of the kernel, not of user code, so the descriptor must take those too: for that the process needs
//! `CAP_SYS_PTRACE` or `vm.unprivileged_userfaultfd=1` (Linux, `Documentation/admin-guide/mm/userfaultfd.rst`). A descriptor that is
//! closed lets all who wait go on, over zeros: stop the guest before.

#![expect(
    unsafe_code,
    reason = "opens a userfaultfd, calls ioctl and reads what the kernel writes"
)]

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::Arc;
use std::time::Duration;

use vmm_sys_util::ioctl::{ioctl_with_mut_ref, ioctl_with_ref};
use vmm_sys_util::{ioctl_ior_nr, ioctl_iowr_nr};

use super::{Backing, Error, GuestMemory, PageSet};

// Linux, include/uapi/linux/userfaultfd.h.
const UFFDIO: u32 = 0xaa;
const UFFD_API: u64 = 0xaa;
const REGISTER_MISSING: u64 = 1;
const EVENT_PAGEFAULT: u8 = 0x12;

#[repr(C)]
#[derive(Default)]
struct Handshake {
    version: u64,
    features: u64,
    ioctls: u64,
}

#[repr(C)]
#[derive(Default)]
struct Stretch {
    start: u64,
    len: u64,
}

#[repr(C)]
#[derive(Default)]
struct Register {
    range: Stretch,
    mode: u64,
    ioctls: u64,
}

#[repr(C)]
#[derive(Default)]
struct Copy {
    to: u64,
    from: u64,
    len: u64,
    mode: u64,
    copied: i64,
}

#[repr(C)]
#[derive(Default)]
struct Zero {
    range: Stretch,
    mode: u64,
    zeroed: i64,
}

ioctl_iowr_nr!(UFFDIO_API, UFFDIO, 0x3f, Handshake);
ioctl_iowr_nr!(UFFDIO_REGISTER, UFFDIO, 0x00, Register);
ioctl_ior_nr!(UFFDIO_WAKE, UFFDIO, 0x02, Stretch);
ioctl_iowr_nr!(UFFDIO_COPY, UFFDIO, 0x03, Copy);
ioctl_iowr_nr!(UFFDIO_ZEROPAGE, UFFDIO, 0x04, Zero);

/// Bytes of a message (`struct uffd_msg`): the event first, a fault's address at 16.
const MESSAGE: usize = 32;
/// Messages read at once.
const MESSAGES: usize = 16;

/// A guest's memory, some of which has yet to come.
#[derive(Debug)]
pub struct AbsentPages {
    faults: File,
    memory: Arc<GuestMemory>,
}

impl AbsentPages {
    /// Whether this process may have such memory.
    pub fn available() -> Result<(), Error> {
        open().map(drop)
    }

    /// Drops the content of the pages of `absent` and has every touch of a page that is not there wait, these and others that
    /// nothing was ever written to.
    pub fn new(memory: Arc<GuestMemory>, absent: &PageSet) -> Result<Self, Error> {
        if !matches!(memory.backing(), Backing::Anonymous | Backing::TransparentHuge) {
            return Err(Error::Missing {
                what: "pages that come later in memory that is a file",
                mend: "give the guest anonymous memory",
            });
        }
        let faults = open()?;
        for pages in absent.runs(usize::MAX) {
            memory.discard(pages)?;
        }
        register(&faults, memory.host_address(), memory.size().0)?;
        Ok(Self { faults, memory })
    }

    /// Pages that somebody waits for now; when nobody does, waits so long for one. A page is named once for each who waits.
    pub fn touched(&self, wait: Duration) -> Result<Vec<usize>, Error> {
        let mut poll = libc::pollfd {
            fd: self.faults.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the call reads and writes this one structure.
        let ready = unsafe { libc::poll(&raw mut poll, 1, millis) };
        if ready < 0 {
            let error = Error::last("poll of a userfaultfd");
            return match error.errno() {
                Some(libc::EINTR) => Ok(Vec::new()),
                _ => Err(error),
            };
        }
        if ready == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = [0; MESSAGE * MESSAGES];
        match (&self.faults).read(&mut bytes) {
            Ok(read) => Ok(self.pages(bytes.get(..read).unwrap_or_default())),
            // Whoever waited was served by another's page meanwhile.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Vec::new()),
            Err(source) => Err(Error::Call {
                call: "read of a userfaultfd",
                source,
            }),
        }
    }

    /// Places pages that follow each other, and lets those who wait for them go on. `content` has as many bytes as they.
    pub fn place(&self, pages: Range<usize>, content: &[u8]) -> Result<(), Error> {
        assert_eq!(content.len(), pages.len() * GuestMemory::PAGE, "a page for each");
        let Stretch { start, len } = self.stretch(&pages)?;
        let mut copy = Copy {
            to: start,
            from: content.as_ptr() as u64,
            len,
            ..Copy::default()
        };
        // SAFETY: the pages are inside the guest's mapping, which `self` keeps, and absent, or the kernel refuses; it reads as many
        // bytes of `content` as there are, as asserted.
        unsafe { fill(&self.faults, &mut copy) }
    }

    /// Places one page of zeros unless something is there already, and lets those who wait for it go on.
    pub fn place_zero(&self, page: usize) -> Result<(), Error> {
        let mut zero = Zero {
            range: self.stretch(&(page..page + 1))?,
            ..Zero::default()
        };
        // SAFETY: the page is inside the guest's mapping, which `self` keeps; one that is there is left alone.
        if unsafe { ioctl_with_mut_ref(&self.faults, UFFDIO_ZEROPAGE(), &mut zero) } == 0 {
            return Ok(());
        }
        let error = Error::last("UFFDIO_ZEROPAGE");
        match error.errno() {
            Some(libc::EEXIST) => wake(&self.faults, &zero.range),
            _ => Err(error),
        }
    }

    fn stretch(&self, pages: &Range<usize>) -> Result<Stretch, Error> {
        let (address, len) = (pages.start * GuestMemory::PAGE, pages.len() * GuestMemory::PAGE);
        if pages.end > self.memory.pages() {
            return Err(Error::OutOfRange {
                address: address as u64,
                len,
                size: self.memory.size().0,
            });
        }
        Ok(Stretch {
            start: self.memory.host_address() + address as u64,
            len: len as u64,
        })
    }

    /// The pages that messages of the kernel speak of.
    fn pages(&self, messages: &[u8]) -> Vec<usize> {
        let (messages, _) = messages.as_chunks::<MESSAGE>();
        let faults = messages.iter().filter(|message| message[0] == EVENT_PAGEFAULT);
        let address = |message: &[u8; MESSAGE]| {
            let words = message.as_chunks::<8>().0;
            words.get(2).map_or(0, |word| u64::from_le_bytes(*word))
        };
        faults
            .map(|message| address(message).saturating_sub(self.memory.host_address()) as usize)
            .map(|offset| offset / GuestMemory::PAGE)
            .collect()
    }
}

/// A descriptor that takes the kernel's faults too, and whose reads do not wait.
fn open() -> Result<File, Error> {
    // SAFETY: the call makes a descriptor and touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | libc::O_NONBLOCK) };
    let fd = i32::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(Error::last("userfaultfd"));
    }
    // SAFETY: the kernel has just given this descriptor to us alone.
    let faults = unsafe { File::from_raw_fd(fd) };
    handshake(&faults)?;
    Ok(faults)
}

fn handshake(faults: &File) -> Result<(), Error> {
    let mut api = Handshake {
        version: UFFD_API,
        ..Handshake::default()
    };
    // SAFETY: the structure is what this call takes.
    match unsafe { ioctl_with_mut_ref(faults, UFFDIO_API(), &mut api) } {
        0 => Ok(()),
        _ => Err(Error::last("UFFDIO_API")),
    }
}

fn register(faults: &File, start: u64, len: u64) -> Result<(), Error> {
    let mut register = Register {
        range: Stretch { start, len },
        mode: REGISTER_MISSING,
        ioctls: 0,
    };
    // SAFETY: the structure is what this call takes; it changes no byte of the range, only how faults in it are served.
    match unsafe { ioctl_with_mut_ref(faults, UFFDIO_REGISTER(), &mut register) } {
        0 => Ok(()),
        _ => Err(Error::last("UFFDIO_REGISTER")),
    }
}

fn wake(faults: &File, range: &Stretch) -> Result<(), Error> {
    // SAFETY: the structure is what this call takes; it touches no memory.
    match unsafe { ioctl_with_ref(faults, UFFDIO_WAKE(), range) } {
        0 => Ok(()),
        _ => Err(Error::last("UFFDIO_WAKE")),
    }
}

/// Copies until all is placed: the kernel may be interrupted in between.
///
/// # Safety
///
/// `copy.from` has `copy.len` readable bytes, and whatever is at `copy.to` may be replaced.
unsafe fn fill(faults: &File, copy: &mut Copy) -> Result<(), Error> {
    loop {
        copy.copied = 0;
        // SAFETY: the structure is what this call takes; the caller promises the rest.
        if unsafe { ioctl_with_mut_ref(faults, UFFDIO_COPY(), copy) } == 0 {
            return Ok(());
        }
        let error = Error::last("UFFDIO_COPY");
        if error.errno() != Some(libc::EAGAIN) {
            return Err(error);
        }
        let done = u64::try_from(copy.copied).unwrap_or(0);
        copy.to += done;
        copy.from += done;
        copy.len -= done;
    }
}

/// For tests: whether this process may have absent pages, with a loud word where it may not.
#[cfg(test)]
pub(crate) fn has_absent_pages() -> bool {
    match AbsentPages::available() {
        Ok(()) => true,
        Err(error) => {
            let test = std::thread::current();
            eprintln!("SKIPPED {}: {error}", test.name().unwrap_or("test"));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::units::Bytes;

    use super::*;

    fn memory(backing: Backing) -> Arc<GuestMemory> {
        Arc::new(GuestMemory::new(Bytes(8 * 4096), backing).expect("eight pages"))
    }

    #[test]
    fn who_touches_a_page_waits_for_it_and_others_do_not() {
        if !has_absent_pages() {
            return;
        }
        let memory = memory(Backing::Anonymous);
        memory.write(0, &vec![5; 8 * 4096]).expect("written");
        let mut set = PageSet::empty(8);
        for page in [2, 3, 6] {
            set.insert(page);
        }
        let absent = AbsentPages::new(memory.clone(), &set).expect("registered");
        assert!(absent.touched(Duration::ZERO).expect("read").is_empty());
        assert_eq!(memory.load(4096).expect("there"), 0x0505_0505_0505_0505);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| [2, 6].map(|page| memory.load(page * 4096).expect("placed")));
            let mut touched = Vec::new();
            while touched.is_empty() {
                touched = absent.touched(Duration::from_secs(1)).expect("read");
            }
            assert_eq!(touched, [2]);
            absent.place(2..4, &[7; 2 * 4096]).expect("placed");
            while absent.touched(Duration::from_secs(1)).expect("read") != [6] {}
            absent.place_zero(6).expect("placed");
            assert_eq!(waits.join().expect("no panic"), [0x0707_0707_0707_0707, 0]);
        });
        absent.place_zero(2).expect("it is there, and stays");
        assert_eq!(memory.load(3 * 4096).expect("there"), 0x0707_0707_0707_0707);
        let twice = absent.place(2..3, &[9; 4096]).expect_err("it is there");
        assert_eq!(twice.errno(), Some(libc::EEXIST));
        let outside = absent.place(8..9, &[9; 4096]).expect_err("outside");
        assert!(matches!(outside, Error::OutOfRange { .. }), "{outside}");
    }

    #[test]
    fn memory_that_is_a_file_is_refused_with_the_mend() {
        let refused = AbsentPages::new(memory(Backing::Memfd), &PageSet::empty(8)).expect_err("a file");
        assert!(refused.to_string().contains("anonymous"), "{refused}");
    }

    #[test]
    fn a_file_that_takes_no_faults_is_refused_by_every_call() {
        let null = File::open("/dev/null").expect("/dev/null");
        // SAFETY: /dev/null copies nothing.
        let copied = unsafe { fill(&null, &mut Copy::default()) };
        let refused = [
            handshake(&null),
            register(&null, 0, 4096),
            wake(&null, &Stretch::default()),
            copied,
        ];
        let named = refused.map(|result| {
            let error = result.expect_err("no userfaultfd");
            assert_eq!(error.errno(), Some(libc::ENOTTY), "{error}");
            error.to_string().split(':').next().map(ToOwned::to_owned)
        });
        let expected = ["UFFDIO_API", "UFFDIO_REGISTER", "UFFDIO_WAKE", "UFFDIO_COPY"];
        assert_eq!(named, expected.map(|call| Some(call.to_owned())));
    }

    #[test]
    fn the_numbers_are_the_kernels() {
        // Linux, include/uapi/linux/userfaultfd.h.
        assert_eq!(UFFDIO_API(), 0xc018_aa3f);
        assert_eq!(UFFDIO_REGISTER(), 0xc020_aa00);
        assert_eq!(UFFDIO_WAKE(), 0x8010_aa02);
        assert_eq!(UFFDIO_COPY(), 0xc028_aa03);
        assert_eq!(UFFDIO_ZEROPAGE(), 0xc020_aa04);
    }
}
