//! The inventory of a lab, `lab.yaml`: which hosts there are, and how the agent of each is started and reached.
//!
//! ```yaml
//! hosts:
//!   - {name: h1, address: 10.0.0.1, ssh: lab@h1.example}       # by the keys and accounts that ssh has
//!   - {name: h2, address: 10.0.0.2, namespace: twinrack-2}     # a network namespace of this machine
//! ```

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use twinrack_scenario::decode::{Decoder, Field, Spanned};
use twinrack_scenario::fault::{Fault, Sources};
use twinrack_scenario::read::Rejected;
use twinrack_scenario::yaml::parse;

use super::handle::Starter;

twinrack_scenario::spec! {
    /// One host of a lab.
    pub struct LabHostSpec {
        /// Its name, for people.
        name: Spanned<String> => required,
        /// Its address on the migration network: other agents and the controller reach it there.
        address: Spanned<String> => required,
        /// `user@host`, where ssh starts the agent; this machine when absent.
        ssh: String => optional,
        /// Further arguments of ssh, such as `-p` and a port.
        ssh_options: String => list,
        /// The network namespace of this machine that the agent runs in.
        namespace: String => optional,
        /// The command there; `twinrack` of the path when absent, or this very program on this machine.
        program: String => optional,
    }
}

twinrack_scenario::spec! {
    /// A lab: its hosts, in the order in which those of a scenario take them.
    pub struct LabSpec {
        /// The hosts.
        hosts: LabHostSpec => list,
    }
}

/// Reads an inventory. `name` is shown in messages; `own` is this program.
pub fn read(name: &str, text: &str, own: &Path) -> Result<Vec<Starter>, Box<Rejected>> {
    let mut sources = Sources::default();
    let source = sources.add(name, text);
    let (node, mut faults) = match parse(text, source) {
        Ok(parsed) => parsed,
        Err(fault) => return Err(Box::new(Rejected::new(vec![*fault], sources))),
    };
    let mut decoder = Decoder::default();
    let spec = LabSpec::decode(&node, &mut decoder);
    faults.extend(decoder.faults);
    let mut starters = Vec::new();
    for host in spec.iter().flat_map(|spec| &spec.hosts) {
        match host.address.value.parse() {
            Ok(address) => starters.push(starter(host, address, own)),
            Err(_) => faults.push(Fault::new(
                host.address.span,
                format!("`{}` is no address", host.address.value),
                "expected one such as `10.0.0.1` or `fd00::1`",
            )),
        }
    }
    if faults.is_empty() && starters.is_empty() {
        faults.push(Fault::new(
            node.span,
            "the lab has no host",
            "expected a list such as `hosts: [{name: h1, address: 10.0.0.1, ssh: lab@h1}]`",
        ));
    }
    if faults.is_empty() {
        Ok(starters)
    } else {
        Err(Box::new(Rejected::new(faults, sources)))
    }
}

/// How a host's agent is started.
fn starter(host: &LabHostSpec, address: IpAddr, own: &Path) -> Starter {
    let agent = ["agent", "--stdio", "--address"];
    let mut words: Vec<String> = Vec::new();
    if let Some(place) = &host.ssh {
        // No terminal, no question: a key that is missing is an error, not a prompt in the middle of frames.
        words.extend(["ssh", "-T", "-oBatchMode=yes"].map(ToOwned::to_owned));
        words.extend(host.ssh_options.iter().cloned());
        words.push(place.clone());
    }
    if let Some(namespace) = &host.namespace {
        words.extend(["ip", "netns", "exec", namespace].map(ToOwned::to_owned));
    }
    let local = host.ssh.is_none();
    let default = if local {
        own.display().to_string()
    } else {
        "twinrack".to_owned()
    };
    words.push(host.program.clone().unwrap_or(default));
    words.extend(agent.map(ToOwned::to_owned));
    words.push(address.to_string());
    let program = PathBuf::from(words.remove(0));
    Starter {
        program,
        arguments: words,
        address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(host: &str) -> String {
        let text = format!("hosts:\n  - {host}\n");
        let starters =
            read("lab.yaml", &text, Path::new("/bin/own")).unwrap_or_else(|error| panic!("{error}"));
        let [starter] = &starters[..] else {
            panic!("one host")
        };
        format!("{} {}", starter.program.display(), starter.arguments.join(" "))
    }

    #[test]
    fn an_agent_is_started_where_its_host_is() {
        assert_eq!(
            started("{name: a, address: 10.0.0.1}"),
            "/bin/own agent --stdio --address 10.0.0.1"
        );
        assert_eq!(
            started("{name: a, address: 10.0.0.1, namespace: ns1}"),
            "ip netns exec ns1 /bin/own agent --stdio --address 10.0.0.1"
        );
        assert_eq!(
            started(
                "{name: a, address: fd00::1, ssh: lab@a, ssh_options: [-p, '2222'], program: /opt/twinrack}"
            ),
            "ssh -T -oBatchMode=yes -p 2222 lab@a /opt/twinrack agent --stdio --address fd00::1"
        );
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let text = "hosts:\n  - {name: a, address: here}\n  - {name: b, adress: 10.0.0.1}\n";
        let told = read("lab.yaml", text, Path::new("own"))
            .expect_err("wrong")
            .to_string();
        for part in [
            "`here` is no address",
            "lab.yaml:2",
            "unknown key `adress`",
            "`address`",
        ] {
            assert!(told.contains(part), "{part} in\n{told}");
        }
        let told = read("lab.yaml", "hosts: []\n", Path::new("own"))
            .expect_err("none")
            .to_string();
        assert!(told.contains("the lab has no host"), "{told}");
    }
}
