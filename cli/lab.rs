//! `twinrack lab`: what this host can do for the KVM body.

use clap::{Args, Subcommand};
use twinrack_hw::probe::{Capabilities, Finding, State};

use crate::exit::{Exit, Stop, print};

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
}

/// Arguments of `lab doctor`.
#[derive(Args)]
struct Doctor {
    /// Print the findings as JSON and nothing else.
    #[arg(long)]
    json: bool,
}

impl Lab {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        match self.verb {
            Verb::Doctor(doctor) => doctor.carry_out(),
        }
    }
}

impl Doctor {
    fn carry_out(self) -> Result<Exit, Stop> {
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
    let (group_width, name_width) = (width(|finding| finding.group), width(|finding| finding.name));
    let indent = group_width + name_width + 9;
    let mut last_group = "";
    let lines = findings.iter().map(|finding| {
        let group = if finding.group == last_group {
            ""
        } else {
            finding.group
        };
        last_group = finding.group;
        let (name, detail) = (finding.name, detail(finding));
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
        let finding = |group, name, state| Finding {
            group,
            name,
            state,
            without: "less",
            mend: "buy it",
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
