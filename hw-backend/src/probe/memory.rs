//! Memory: huge pages, shared memory files, and the faults of post-copy.

#![expect(unsafe_code, reason = "opens a userfaultfd")]

use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;

use twinrack_scenario::units::Bytes;

use super::sysfs::{Tree, without_number};
use super::{Finding, Item};
use crate::kvm::{Backing, GuestMemory};

const GROUP: &str = "memory";

const TRANSPARENT: Item = Item {
    group: GROUP,
    name: "transparent huge pages",
    without: "guests are backed by 4 KiB pages: more TLB misses, larger shadows",
    mend: "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
};
const RESERVED: Item = Item {
    group: GROUP,
    name: "reserved huge pages",
    without: "backing: hugetlb is refused; transparent huge pages serve as well",
    mend: "echo 512 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages (for 1 GiB)",
};
const FILE: Item = Item {
    group: GROUP,
    name: "memory files",
    without: "guests can't be handed to another process by file",
    mend: "Linux 3.17 or later",
};
const FAULTS: Item = Item {
    group: GROUP,
    name: "userfaultfd",
    without: "no post-copy",
    mend: "run as root, or sysctl vm.unprivileged_userfaultfd=1, on a kernel with CONFIG_USERFAULTFD",
};

pub(super) fn probe(tree: &Tree) -> Vec<Finding> {
    vec![
        TRANSPARENT.found(transparent(tree)),
        RESERVED.found(reserved(tree)),
        FILE.found(memory_file()),
        FAULTS.found(user_faults()),
    ]
}

fn transparent(tree: &Tree) -> Result<String, String> {
    let text = tree.read("sys/kernel/mm/transparent_hugepage/enabled")?;
    let chosen = text.split(['[', ']']).nth(1).unwrap_or("").to_owned();
    match chosen.as_str() {
        "always" | "madvise" => Ok(chosen),
        _ => Err(format!("set to {text}")),
    }
}

fn reserved(tree: &Tree) -> Result<String, String> {
    let free = tree.read("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")?;
    match free.parse::<u64>() {
        Ok(0) | Err(_) => Err("none of 2 MiB is free".to_owned()),
        Ok(pages) => Ok(format!("{pages} of 2 MiB free")),
    }
}

fn memory_file() -> Result<String, String> {
    match GuestMemory::new(Bytes::PAGE, Backing::Memfd) {
        Ok(_) => Ok("memfd_create".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Opens one that also takes the faults of KVM, not only those of user code, and closes it again.
fn user_faults() -> Result<String, String> {
    // SAFETY: the call makes a descriptor and touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) };
    match i32::try_from(fd) {
        Ok(fd) if fd >= 0 => {
            // SAFETY: the kernel has just given this descriptor to us alone; dropping the file closes it.
            drop(unsafe { File::from_raw_fd(fd) });
            Ok("also for the kernel's faults".to_owned())
        }
        _ => Err(without_number(&io::Error::last_os_error())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sysfs::testing::tree;
    use super::*;

    #[test]
    fn the_chosen_setting_counts() {
        let file = "sys/kernel/mm/transparent_hugepage/enabled";
        for (text, expected) in [
            ("always [madvise] never\n", Ok("madvise".to_owned())),
            (
                "always madvise [never]\n",
                Err("set to always madvise [never]".to_owned()),
            ),
        ] {
            let (_keep, tree) = tree(&[(file, text)]);
            assert_eq!(transparent(&tree), expected);
        }
        let (_keep, tree) = tree(&[]);
        assert!(transparent(&tree).expect_err("absent").contains("no such file"));
        assert!(reserved(&tree).is_err());
    }

    #[test]
    fn an_empty_pool_has_no_huge_pages() {
        let file = "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
        let (_keep, empty) = tree(&[(file, "0\n")]);
        assert!(reserved(&empty).is_err());
        let (_keep, filled) = tree(&[(file, "280\n")]);
        assert_eq!(reserved(&filled), Ok("280 of 2 MiB free".to_owned()));
    }
}
