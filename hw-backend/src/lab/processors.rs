//! The processors that an agent runs on: core parking by affinity.
//!
//! A parked processor is one that no thread of the host's agent may run on; the guests are threads of the agent. Threads that come later
//! inherit what the thread has that makes them, and all of them descend from those that are there.

#![expect(
    unsafe_code,
    reason = "sched_setaffinity and sched_getaffinity have no safe wrapper here"
)]

use std::io;
use std::mem::{size_of, zeroed};

/// The processors that this process could use when it began, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processors(Vec<usize>);

impl Processors {
    /// Those that the calling thread may use.
    pub fn allowed() -> io::Result<Self> {
        // SAFETY: zeros are an empty set of processors.
        let mut set: libc::cpu_set_t = unsafe { zeroed() };
        // SAFETY: the set is as large as is said, and the call writes nothing else.
        let got = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
        if got != 0 {
            return Err(io::Error::last_os_error());
        }
        let room = libc::CPU_SETSIZE as usize;
        // SAFETY: the number is below the size of the set.
        let processors = (0..room).filter(|number| unsafe { libc::CPU_ISSET(*number, &set) });
        Ok(Self(processors.collect()))
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// `awake` of them from the `first` on.
    fn part(&self, first: u32, awake: u32) -> Result<&[usize], String> {
        let (first, awake) = (first as usize, awake as usize);
        let end = first.checked_add(awake).filter(|_| awake > 0);
        end.and_then(|end| self.0.get(first..end)).ok_or_else(|| {
            format!(
                "{awake} processors from number {first} on, but this process may use {}",
                self.0.len()
            )
        })
    }

    /// Confines every thread of this process to `awake` of them from the `first` on.
    pub fn confine(&self, first: u32, awake: u32) -> Result<(), String> {
        let wanted = self.part(first, awake)?;
        // Threads that are being made while the list is read inherit from one that is confined already, or appear in a later reading.
        let mut done: Vec<libc::pid_t> = Vec::new();
        loop {
            let new: Vec<_> = threads()?.into_iter().filter(|id| !done.contains(id)).collect();
            if new.is_empty() {
                return Ok(());
            }
            for thread in &new {
                confine(*thread, wanted).map_err(|error| format!("thread {thread}: {error}"))?;
            }
            done.extend(new);
        }
    }
}

fn threads() -> Result<Vec<libc::pid_t>, String> {
    let entries = std::fs::read_dir("/proc/self/task").map_err(|error| error.to_string())?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect())
}

fn confine(thread: libc::pid_t, processors: &[usize]) -> io::Result<()> {
    // SAFETY: zeros are an empty set of processors.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    for number in processors {
        // SAFETY: the number came out of such a set, so it is below its size.
        unsafe { libc::CPU_SET(*number, &mut set) };
    }
    // SAFETY: the set is as large as is said; the call changes where a thread of this process runs and nothing else.
    let done = unsafe { libc::sched_setaffinity(thread, size_of::<libc::cpu_set_t>(), &raw const set) };
    let error = io::Error::last_os_error();
    // A thread that has ended runs nowhere.
    if done == 0 || error.raw_os_error() == Some(libc::ESRCH) {
        Ok(())
    } else {
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_where_it_was_confined_to_and_its_children_too() {
        // On a thread of its own: other tests keep their processors.
        let seen = std::thread::spawn(|| {
            let all = Processors::allowed().expect("told");
            let last = all
                .part(all.count() as u32 - 1, 1)
                .expect("there is one")
                .to_vec();
            confine(0, &last).expect("confined");
            let child = std::thread::spawn(|| Processors::allowed().expect("told"));
            (
                Processors(last),
                Processors::allowed().expect("told"),
                child.join().expect("ended"),
            )
        });
        let (wanted, own, childs) = seen.join().expect("ended");
        assert_eq!((&own, &childs), (&wanted, &wanted));
    }

    #[test]
    fn more_than_there_are_and_none_are_refused() {
        let two = Processors(vec![3, 5]);
        assert_eq!(two.part(0, 2), Ok(&[3, 5][..]));
        assert_eq!(two.part(1, 1), Ok(&[5][..]));
        let why = "2 processors from number 1 on, but this process may use 2";
        assert_eq!(two.part(1, 2), Err(why.to_owned()));
        assert!(two.part(0, 0).is_err() && two.part(u32::MAX, u32::MAX).is_err());
    }
}
