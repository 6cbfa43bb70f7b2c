//! `twinrack lab`: what this host can do for the KVM body, and a lab of several hosts on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use twinrack_hw::lab::doctor;
use twinrack_hw::lab::handle::Starter;
use twinrack_hw::lab::inventory;
use twinrack_hw::lab::local::{self, LabError, Local};
use twinrack_hw::probe::{Capabilities, Finding, State};
use twinrack_scenario::units::{BitsPerSecond, Bytes};

use crate::exit::{Exit, Stop, print};
use crate::report::write_atomically;
use crate::scenario::drawing;

/// Arguments of `lab`.
#[derive(Args)]
pub struct Lab {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Find out what this host can do, without changing anything: what is there, what is not and why, what that costs, how to get it.
    Doctor(Doctor),
    /// Make a lab of several hosts on this machine: network namespaces, with links of a stated rate.
    Up(Up),
    /// Tell what there is of this machine's lab.
    Status,
    /// Remove this machine's lab, also what a crash has left of it.
    Down,
}

/// Arguments of `lab up`.
#[derive(Args)]
struct Up {
    /// How many hosts.
    #[arg(long, default_value_t = 2)]
    hosts: u32,
    /// What each host's link carries, both ways.
    #[arg(long, default_value = "1Gb/s")]
    link: BitsPerSecond,
    /// Largest packet on the links.
    #[arg(long, default_value = "1500B")]
    mtu: Bytes,
    /// Where its inventory goes.
    #[arg(long, default_value = "lab.yaml")]
    out: PathBuf,
}

/// Arguments of `lab doctor`.
#[derive(Args)]
struct Doctor {
    /// Print the findings as JSON and nothing else.
    #[arg(long)]
    json: bool,
    /// Ask every host of this inventory, by its agent.
    #[arg(long)]
    lab: Option<PathBuf>,
}

impl Lab {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        match self.verb {
            Verb::Doctor(doctor) => doctor.carry_out(),
            Verb::Up(up) => up.carry_out(),
            Verb::Status => status(),
            Verb::Down => down(),
        }
    }
}

impl Doctor {
    fn carry_out(self) -> Result<Exit, Stop> {
        if let Some(lab) = &self.lab {
            return self.ask_all(lab);
        }
        let capabilities = Capabilities::probe();
        if self.json {
            let text = serde_json::to_string_pretty(&capabilities).map_err(Stop::bad_input)?;
            print(&(text + "\n"))?;
        } else {
            print(&written(&capabilities.findings))?;
        }
        match capabilities.obstacle() {
            None => Ok(Exit::Done),
            Some(obstacle) => Err(unavailable(obstacle)),
        }
    }

    /// The same of every host of an inventory. One that does not answer is told with its reason, and the others are asked all the same.
    fn ask_all(&self, lab: &Path) -> Result<Exit, Stop> {
        let mut told = BTreeMap::new();
        let mut obstacles = Vec::new();
        for (starter, number) in starters(lab)?.iter().zip(1..) {
            let name = format!("host {number} ({})", starter.address);
            match doctor::ask(starter) {
                Ok(capabilities) => {
                    if !self.json {
                        print(&format!("{name}\n{}\n", written(&capabilities.findings)))?;
                    }
                    if let Some(obstacle) = capabilities.obstacle() {
                        obstacles.push(format!("{name}: {}", detail(obstacle)));
                    }
                    told.insert(name, capabilities);
                }
                Err(error) => obstacles.push(format!("{name}: its agent: {error}")),
            }
        }
        if self.json {
            let text = serde_json::to_string_pretty(&told).map_err(Stop::bad_input)?;
            print(&(text + "\n"))?;
        }
        if obstacles.is_empty() {
            return Ok(Exit::Done);
        }
        Err(Stop::unavailable(format!(
            "error: not every host can run guests:\n  {}\n = help: each needs the same twinrack, `/dev/kvm` and a key that asks no question",
            obstacles.join("\n  ")
        )))
    }
}

impl Up {
    fn carry_out(self) -> Result<Exit, Stop> {
        let lab = Local::new(self.hosts, self.link, self.mtu);
        lab.up(&Local::state_file()).map_err(refused)?;
        write_atomically(&self.out, lab.inventory().as_bytes())?;
        print(&format!(
            "{} hosts, {} each; inventory in {}\nrun:    twinrack run SCENARIO --backend kvm --lab {}\nremove: twinrack lab down\n",
            lab.hosts,
            lab.rate,
            self.out.display(),
            self.out.display()
        ))?;
        Ok(Exit::Done)
    }
}

fn refused(error: LabError) -> Stop {
    Stop::unavailable(format!("error: lab: {error}"))
}

/// The lab that was made, or one that might be left over without its state file.
fn present() -> Result<(Option<Local>, Vec<String>), Stop> {
    let found = Local::found(&Local::state_file()).map_err(refused)?;
    let names = Local::new(local::HOSTS_MAX, BitsPerSecond(0), Bytes(0));
    let left = found.as_ref().unwrap_or(&names).left();
    Ok((found, left))
}

fn status() -> Result<Exit, Stop> {
    let (found, left) = present()?;
    let said = match &found {
        Some(lab) => format!("a lab of {} hosts, {} each\n", lab.hosts, lab.rate),
        None => "no lab was made on this machine\n".to_owned(),
    };
    let parts: Vec<String> = left.iter().map(|part| format!("  {part}\n")).collect();
    print(&(said + &parts.concat()))?;
    Ok(Exit::Done)
}

fn down() -> Result<Exit, Stop> {
    let (found, _) = present()?;
    // Without a state file whatever bears the names is removed, as many as there can be.
    let lab = found.unwrap_or_else(|| Local::new(local::HOSTS_MAX, BitsPerSecond(0), Bytes(0)));
    if !lab.left().is_empty() || Local::state_file().exists() {
        lab.down(&Local::state_file()).map_err(refused)?;
    }
    print("no lab is left on this machine\n")?;
    Ok(Exit::Done)
}

/// How the agents of an inventory are started.
pub fn starters(path: &Path) -> Result<Vec<Starter>, Stop> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Stop::bad_input(format!(
            "error: {}: {error}\n = help: `twinrack lab up` makes a lab on this machine; the manual's page on labs shows an inventory",
            path.display()
        ))
    })?;
    let own = std::env::current_exe().map_err(Stop::unavailable)?;
    inventory::read(&path.display().to_string(), &text, &own)
        .map_err(|rejected| Stop::bad_input(rejected.drawn(drawing())))
}

/// The KVM backend is not available here, for this reason.
pub fn unavailable(obstacle: &Finding) -> Stop {
    Stop::unavailable(format!(
        "error: the KVM backend is not available here: {}\n = help: {}",
        detail(obstacle),
        obstacle.mend
    ))
}

const fn detail(finding: &Finding) -> &String {
    let (State::Available(text) | State::Unavailable(text)) = &finding.state;
    text
}

/// A line for each finding, in columns; below what is missing, what that costs and how to get it.
fn written(findings: &[Finding]) -> String {
    let width = |of: fn(&Finding) -> &str| {
        findings
            .iter()
            .map(|finding| of(finding).len())
            .max()
            .unwrap_or(0)
    };
    let (group_width, name_width) = (width(|finding| &finding.group), width(|finding| &finding.name));
    let indent = group_width + name_width + 9;
    let mut last_group = "";
    let lines = findings.iter().map(|finding| {
        let group = if finding.group == last_group {
            ""
        } else {
            &*finding.group
        };
        last_group = &finding.group;
        let (name, detail) = (&finding.name, detail(finding));
        if finding.is_available() {
            return format!("{group:group_width$}  {name:name_width$}  yes  {detail}\n");
        }
        format!(
            "{group:group_width$}  {name:name_width$}  no   {detail}\n\
             {:indent$}without: {}\n{:indent$}to get it: {}\n",
            "", finding.without, "", finding.mend
        )
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_explained_below_it() {
        let finding = |group: &'static str, name: &'static str, state| Finding {
            group: group.into(),
            name: name.into(),
            state,
            without: "less".into(),
            mend: "buy it".into(),
        };
        let findings = [
            finding("kvm", "device", State::Available("/dev/kvm".to_owned())),
            finding("kvm", "ring", State::Unavailable("too old".to_owned())),
            finding("cpu", "energy", State::Unavailable("no zone".to_owned())),
        ];
        let expected = "\
kvm  device  yes  /dev/kvm
     ring    no   too old
                  without: less
                  to get it: buy it
cpu  energy  no   no zone
                  without: less
                  to get it: buy it
";
        assert_eq!(written(&findings), expected);
    }
}
