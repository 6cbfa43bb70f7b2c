//! A lab on one machine: network namespaces on a bridge, each with one link of a stated rate, and their removal.
//!
//! ```text
//!  namespace twinrack-1         this machine                namespace twinrack-2
//!  eth0 10.99.77.1 ── tbf ── twrk1 ─┐           ┌─ twrk2 ── tbf ── eth0 10.99.77.2
//!                                   └─ twrkbr0 ─┘
//!                                   10.99.77.254: the controller
//! ```
//!
//! Both ends of a link have a token bucket: what a host sends is held by the one in its namespace, what it takes in by the one outside.
//! Everything is named after a prefix, and written down before it is made: what a crash leaves behind is found by [`Local::down`], which
//! removes whatever of it is there and minds nothing that is not.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use twinrack_scenario::units::{BitsPerSecond, Bytes};

/// Most hosts: their addresses are the last bytes of one network.
pub const HOSTS_MAX: u32 = 200;
/// The network of the lab, and the controller on it.
const NETWORK: &str = "10.99.77";
const CONTROLLER: u32 = 254;

/// Why a lab could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// There is one already.
    #[error("there is a lab already ({0}); `twinrack lab down` removes it")]
    Exists(String),
    /// A size that it can't have.
    #[error("{0} hosts: expected 1 to {HOSTS_MAX}")]
    Hosts(u32),
    /// A command failed.
    #[error("`{command}`: {why}; `twinrack lab doctor` says what this machine can do")]
    Command {
        /// Which.
        command: String,
        /// What it said.
        why: String,
    },
    /// The file that says what was made.
    #[error("{path}: {source}")]
    State {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
}

/// A lab on this machine: what is made, and what has to go again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// What its namespaces are called, before their number.
    pub namespaces: String,
    /// What its interfaces are called, before theirs.
    pub links: String,
    /// Hosts.
    pub hosts: u32,
    /// What each link carries.
    pub rate: BitsPerSecond,
    /// Largest packet on a link.
    pub mtu: Bytes,
}

impl Local {
    /// A lab of so many hosts under the usual names.
    pub fn new(hosts: u32, rate: BitsPerSecond, mtu: Bytes) -> Self {
        Self {
            namespaces: "twinrack-".to_owned(),
            links: "twrk".to_owned(),
            hosts,
            rate,
            mtu,
        }
    }

    /// Where the state of this machine's lab is kept: it goes with a restart, as the lab does.
    pub fn state_file() -> PathBuf {
        PathBuf::from("/run/twinrack-lab.json")
    }

    /// The lab that a state file tells of, if there is one.
    pub fn found(state: &Path) -> Result<Option<Self>, LabError> {
        let failed = |source| LabError::State {
            path: state.to_owned(),
            source,
        };
        match std::fs::read(state) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| failed(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn namespace(&self, host: u32) -> String {
        format!("{}{host}", self.namespaces)
    }

    fn bridge(&self) -> String {
        format!("{}br0", self.links)
    }

    /// The address of a host.
    pub fn address(host: u32) -> String {
        format!("{NETWORK}.{host}")
    }

    /// The commands that make it, in order.
    fn made_by(&self) -> Vec<String> {
        let (bridge, mtu) = (self.bridge(), self.mtu.0);
        let mut commands = vec![
            format!("ip link add {bridge} mtu {mtu} type bridge"),
            format!("ip addr add {NETWORK}.{CONTROLLER}/24 dev {bridge}"),
            format!("ip link set {bridge} up"),
        ];
        // Two milliseconds of a link, and never less than what one segment offloaded to it holds.
        let burst = (self.rate.0 / 8 / 500).max(128 << 10);
        let bucket = format!("root tbf rate {}bit burst {burst} latency 50ms", self.rate.0);
        for host in 1..=self.hosts {
            let (namespace, link) = (self.namespace(host), format!("{}{host}", self.links));
            let address = Self::address(host);
            commands.extend([
                format!("ip netns add {namespace}"),
                format!("ip link add {link} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {namespace}"),
                format!("ip link set {link} master {bridge} up"),
                format!("ip -n {namespace} addr add {address}/24 dev eth0"),
                format!("ip -n {namespace} link set lo up"),
                format!("ip -n {namespace} link set eth0 up"),
                format!("tc qdisc add dev {link} {bucket}"),
                format!("tc -n {namespace} qdisc add dev eth0 {bucket}"),
            ]);
        }
        commands
    }

    /// The commands that remove it; a link goes with the namespace of its other end.
    fn removed_by(&self) -> Vec<String> {
        let hosts = 1..=self.hosts;
        let mut commands: Vec<String> = hosts
            .clone()
            .map(|host| format!("ip netns del {}", self.namespace(host)))
            .collect();
        commands.extend(hosts.map(|host| format!("ip link del {}{host}", self.links)));
        commands.push(format!("ip link del {}", self.bridge()));
        commands
    }

    /// Makes it. What was made until a step failed is removed again.
    pub fn up(&self, state: &Path) -> Result<(), LabError> {
        if self.hosts == 0 || self.hosts > HOSTS_MAX {
            return Err(LabError::Hosts(self.hosts));
        }
        if Self::found(state)?.is_some() {
            return Err(LabError::Exists(state.display().to_string()));
        }
        let failed = |source| LabError::State {
            path: state.to_owned(),
            source,
        };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        std::fs::write(state, text).map_err(failed)?;
        let made = self.made_by().iter().try_for_each(|command| carry_out(command));
        if made.is_err() {
            self.down(state)?;
        }
        made
    }

    /// Removes whatever of it is there, and then the state file.
    pub fn down(&self, state: &Path) -> Result<(), LabError> {
        for command in self.removed_by() {
            // What is not there need not be removed; what is left over shows below.
            let _ = carry_out(&command);
        }
        if let Some(left) = self.left().first() {
            return Err(LabError::Command {
                command: "lab down".to_owned(),
                why: format!("{left} is still there"),
            });
        }
        match std::fs::remove_file(state) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(LabError::State {
                path: state.to_owned(),
                source,
            }),
            _ => Ok(()),
        }
    }

    /// What of it is there: namespaces and interfaces by their names.
    pub fn left(&self) -> Vec<String> {
        let namespaces = names("/run/netns");
        let links = names("/sys/class/net");
        let own = |name: &String, prefix: &str| {
            name.strip_prefix(prefix)
                .is_some_and(|rest| rest == "br0" || rest.parse::<u32>().is_ok())
        };
        let mut found: Vec<String> = namespaces
            .into_iter()
            .filter(|name| own(name, &self.namespaces))
            .map(|name| format!("namespace {name}"))
            .collect();
        found.extend(
            links
                .into_iter()
                .filter(|name| own(name, &self.links))
                .map(|name| format!("interface {name}")),
        );
        found
    }

    /// Its inventory, as `run --lab` takes it.
    pub fn inventory(&self) -> String {
        let host = |host: u32| {
            let (address, namespace) = (Self::address(host), self.namespace(host));
            format!("  - {{name: h{host}, address: {address}, namespace: {namespace}}}\n")
        };
        let hosts: Vec<String> = (1..=self.hosts).map(host).collect();
        format!(
            "# The lab of this machine; `twinrack lab down` removes it.\nhosts:\n{}",
            hosts.concat()
        )
    }
}

fn names(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Runs a command of plain words.
fn carry_out(command: &str) -> Result<(), LabError> {
    let failed = |why: String| LabError::Command {
        command: command.to_owned(),
        why,
    };
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap_or_default())
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(said.lines().next().unwrap_or("refused").trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(hosts: u32) -> Local {
        Local {
            namespaces: format!("twtest{}-", std::process::id()),
            links: format!("tt{}x", std::process::id() % 10_000),
            ..Local::new(hosts, BitsPerSecond(1_000_000_000), Bytes(1500))
        }
    }

    #[test]
    fn each_host_has_a_namespace_a_link_and_a_bucket_at_either_end() {
        let lab = Local::new(2, BitsPerSecond(1_000_000_000), Bytes(9000));
        let commands = lab.made_by().join("\n");
        for part in [
            "ip netns add twinrack-2",
            "ip link add twrk2 mtu 9000 type veth peer name eth0 mtu 9000 netns twinrack-2",
            "ip -n twinrack-1 addr add 10.99.77.1/24 dev eth0",
            "tc qdisc add dev twrk1 root tbf rate 1000000000bit burst 250000 latency 50ms",
            "tc -n twinrack-1 qdisc add dev eth0 root tbf rate 1000000000bit burst 250000 latency 50ms",
        ] {
            assert!(commands.contains(part), "{part} in\n{commands}");
        }
        let inventory = lab.inventory();
        assert!(
            crate::lab::inventory::read("lab.yaml", &inventory, Path::new("own")).is_ok(),
            "{inventory}"
        );
    }

    #[test]
    fn nothing_is_made_of_a_size_that_can_not_be_or_beside_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("lab.json");
        assert!(matches!(lab(0).up(&state), Err(LabError::Hosts(0))));
        std::fs::write(&state, serde_json::to_vec(&lab(1)).expect("plain data")).expect("written");
        assert!(matches!(lab(1).up(&state), Err(LabError::Exists(_))));
        std::fs::write(&state, "{").expect("written");
        assert!(matches!(Local::found(&state), Err(LabError::State { .. })));
    }

    /// Needs root, namespaces, veth and tbf; says so where they are missing.
    #[test]
    fn a_lab_goes_away_again_also_when_half_of_it_is_gone_already() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("lab.json");
        let lab = lab(2);
        if let Err(error) = lab.up(&state) {
            assert!(
                lab.left().is_empty() && !state.exists(),
                "a failed step leaves nothing"
            );
            return eprintln!("SKIPPED a lab on this machine: {error}");
        }
        assert_eq!(Local::found(&state).expect("read"), Some(lab.clone()));
        assert_eq!(lab.left().len(), 5, "{:?}", lab.left());
        carry_out(&format!("ip netns del {}", lab.namespace(1))).expect("removed");
        lab.down(&state).expect("down");
        assert!(lab.left().is_empty() && !state.exists());
        lab.down(&state).expect("down again");
    }
}
