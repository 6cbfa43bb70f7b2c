//! The network: namespaces, virtual links, shaping, and the offloads of interfaces.
//!
//! What a namespace can have is tried in one: a thread leaves for a new, empty namespace, tries, and ends; the namespace ends with it.

#![expect(
    unsafe_code,
    reason = "enters a namespace and asks interfaces for their offloads"
)]

use std::io;
use std::mem;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::thread;

use super::sysfs::{Tree, without_number};
use super::{Finding, Item};

const GROUP: &str = "network";

const NAMESPACES: Item = Item {
    group: GROUP,
    name: "namespaces",
    without: "no lab of several hosts on one machine; hosts share one network stack",
    mend: "run as root (CAP_SYS_ADMIN) on a kernel with CONFIG_NET_NS",
};
const LINKS: Item = Item {
    group: GROUP,
    name: "virtual links",
    without: "namespaces can't be joined: no lab of several hosts on one machine",
    mend: "install iproute2, run as root on a kernel with CONFIG_VETH",
};
const BUCKET: Item = Item {
    group: GROUP,
    name: "shaping (tbf)",
    without: "links are as fast as the machine; migrations are still capped by their sender",
    mend: "install iproute2, run as root on a kernel with CONFIG_NET_SCH_TBF",
};
const DELAY: Item = Item {
    group: GROUP,
    name: "delay and loss (netem)",
    without: "links have no latency and lose nothing",
    mend: "install iproute2, run as root on a kernel with CONFIG_NET_SCH_NETEM",
};
const OFFLOADS: Item = Item {
    group: GROUP,
    name: "offloads",
    without: "net.cpu_cycles_per_byte can't be told apart by offload",
    mend: "an interface whose driver answers ethtool",
};

pub(super) fn probe(tree: &Tree) -> Vec<Finding> {
    let tried = thread::Builder::new()
        .name("scratch-netns".to_owned())
        .spawn(in_namespace);
    let tried = tried.ok().and_then(|thread| thread.join().ok());
    let mut findings = tried.unwrap_or_else(|| without_namespace("no thread"));
    findings.push(OFFLOADS.found(offloads(tree)));
    findings
}

fn in_namespace() -> Vec<Finding> {
    // SAFETY: the call changes the network namespace of this thread alone, which ends with it.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return without_namespace(&without_number(&io::Error::last_os_error()));
    }
    let discipline = |kind: &[&str]| {
        let mut words = vec!["qdisc", "add", "dev", "lo", "root"];
        words.extend(kind);
        attempt("tc", &words)
    };
    let link = attempt(
        "ip",
        &[
            "link", "add", "scratch0", "type", "veth", "peer", "name", "scratch1",
        ],
    );
    vec![
        NAMESPACES.found(Ok("unshare".to_owned())),
        LINKS.found(link.map(|()| "veth".to_owned())),
        BUCKET.found(
            discipline(&["tbf", "rate", "1gbit", "burst", "128kb", "latency", "50ms"])
                .map(|()| "tbf".to_owned()),
        ),
        DELAY.found(
            // The bucket, if there is one, makes room.
            attempt(
                "tc",
                &["qdisc", "replace", "dev", "lo", "root", "netem", "delay", "1ms"],
            )
            .map(|()| "netem".to_owned()),
        ),
    ]
}

fn without_namespace(reason: &str) -> Vec<Finding> {
    [NAMESPACES, LINKS, BUCKET, DELAY]
        .map(|item| item.found(Err(reason.to_owned())))
        .into()
}

/// Runs a tool in this thread's namespace.
fn attempt(tool: &str, words: &[&str]) -> Result<(), String> {
    let output = Command::new(tool)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{tool}: {}", without_number(&error)))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .unwrap_or("refused");
    Err(format!("{tool}: {}", last.trim_end_matches('.')))
}

/// The offloads of each interface but the loopback.
fn offloads(tree: &Tree) -> Result<String, String> {
    // Linux, include/uapi/linux/ethtool.h: ETHTOOL_GTSO, ETHTOOL_GGSO, ETHTOOL_GGRO.
    const ASKED: [(u32, &str); 3] = [(0x1e, "tso"), (0x23, "gso"), (0x2b, "gro")];
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(|error| without_number(&error))?;
    let mut seen = Vec::new();
    for interface in tree
        .names("sys/class/net", "")
        .into_iter()
        .filter(|name| name != "lo")
    {
        let on: Vec<&str> = ASKED
            .iter()
            .filter(|(number, _)| ethtool(&socket, &interface, *number) == Some(1))
            .map(|ask| ask.1)
            .collect();
        if ethtool(&socket, &interface, ASKED[0].0).is_some() {
            let on = if on.is_empty() {
                "none".to_owned()
            } else {
                on.join(" ")
            };
            seen.push(format!("{interface}: {on}"));
        }
    }
    if seen.is_empty() {
        Err("no interface but the loopback answers".to_owned())
    } else {
        Ok(seen.join(", "))
    }
}

/// The argument and answer of an ethtool question (`struct ethtool_value`).
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// Asks an interface for a value; nothing when it does not say.
fn ethtool(socket: &UdpSocket, interface: &str, command: u32) -> Option<u32> {
    const SIOCETHTOOL: libc::Ioctl = 0x8946;
    let mut value = EthtoolValue { command, data: 0 };
    // SAFETY: zeros are a valid ifreq: it is made of numbers and arrays of them.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // The last byte stays zero: the name ends.
    let room = request.ifr_name.len() - 1;
    if interface.len() > room {
        return None;
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: the request names an interface and points at a value that lives through the call; the questions asked read only.
    let answered = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    (answered == 0).then_some(value.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_missing_or_refuses_says_so() {
        let missing = attempt("no-such-tool", &[]).expect_err("missing");
        assert_eq!(missing, "no-such-tool: no such file or directory");
        assert_eq!(attempt("false", &[]), Err("false: refused".to_owned()));
        assert_eq!(attempt("true", &[]), Ok(()));
    }

    #[test]
    fn this_threads_namespace_is_left_alone() {
        let own = || std::fs::read_link("/proc/thread-self/ns/net").expect("a namespace");
        let before = own();
        let findings = probe(&Tree::host());
        assert_eq!(own(), before);
        assert_eq!(findings.len(), 5);
    }

    #[test]
    fn an_interface_that_is_not_there_has_no_offloads() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        assert_eq!(ethtool(&socket, "no-such-if0", 0x1e), None);
        assert_eq!(ethtool(&socket, "a-name-that-is-far-too-long", 0x1e), None);
    }
}
