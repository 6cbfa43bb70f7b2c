//! One change: its words, and how they are read.

use std::fmt;
use std::str::FromStr;

use twinrack_scenario::fault::suggestion;
use twinrack_scenario::units::Ratio;

use super::OverlayError;

/// What is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// More hosts of a group, or of a profile.
    AddHosts(Counted),
    /// Fewer hosts of a group.
    RemoveHosts(Counted),
    /// More VMs of a group.
    AddVms(Counted),
    /// Fewer VMs of a group.
    RemoveVms(Counted),
    /// Another growth a month.
    Growth(String),
    /// A value of the scenario, as `--set` does.
    Set(String, String),
}

/// So many of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub count: u32,
    /// The group or the profile; the group that the plan seeks when absent.
    pub of: Option<String>,
}

/// Each word and how it is used.
const USES: [(&str, &str); 6] = [
    ("add-hosts", "add-hosts=6:dell-r740-8280"),
    ("remove-hosts", "remove-hosts=2:node"),
    ("add-vms", "add-vms=40:web"),
    ("remove-vms", "remove-vms=10:web"),
    ("growth", "growth=2%/month"),
    ("set", "set=hosts.node.memory=512GiB"),
];

impl FromStr for Change {
    type Err = OverlayError;

    fn from_str(text: &str) -> Result<Self, OverlayError> {
        let wrong = |what: &str, help: String| OverlayError {
            overlay: text.to_owned(),
            what: what.to_owned(),
            help,
        };
        let (word, value) = text.split_once('=').unwrap_or((text, ""));
        let Some((_, usage)) = USES.iter().find(|(known, _)| *known == word.trim()) else {
            let what = format!("there is no change `{}`", word.trim());
            return Err(wrong(
                &what,
                suggestion(word.trim(), USES.map(|(known, _)| known)),
            ));
        };
        let usage = format!("write it as `{usage}`");
        let counted = || Counted::read(value).ok_or_else(|| wrong("how many, and of what?", usage.clone()));
        match word.trim() {
            "add-hosts" => counted().map(Self::AddHosts),
            "remove-hosts" => counted().map(Self::RemoveHosts),
            "add-vms" => counted().map(Self::AddVms),
            "remove-vms" => counted().map(Self::RemoveVms),
            "growth" => {
                let monthly = value.trim().trim_end_matches("/month");
                let read: Result<Ratio, _> = monthly.parse();
                match read {
                    Ok(_) => Ok(Self::Growth(monthly.to_owned())),
                    Err(error) => Err(wrong(&error.to_string(), usage)),
                }
            }
            _ => match value.split_once('=') {
                Some((path, value)) => Ok(Self::Set(path.trim().to_owned(), value.to_owned())),
                None => Err(wrong("what is set to what?", usage)),
            },
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddHosts(counted) => write!(f, "add-hosts={counted}"),
            Self::RemoveHosts(counted) => write!(f, "remove-hosts={counted}"),
            Self::AddVms(counted) => write!(f, "add-vms={counted}"),
            Self::RemoveVms(counted) => write!(f, "remove-vms={counted}"),
            Self::Growth(monthly) => write!(f, "growth={monthly}/month"),
            Self::Set(path, value) => write!(f, "set={path}={value}"),
        }
    }
}

impl Counted {
    fn read(text: &str) -> Option<Self> {
        let (count, of) = match text.split_once(':') {
            Some((count, of)) => (count, Some(of.trim()).filter(|of| !of.is_empty())),
            None => (text, None),
        };
        let count = count.trim().parse().ok().filter(|count| *count > 0)?;
        Some(Self {
            count,
            of: of.map(ToOwned::to_owned),
        })
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Some(of) => write!(f, "{}:{of}", self.count),
            None => write!(f, "{}", self.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_use_is_read_and_written_alike() {
        for (_, usage) in USES {
            let change: Change = usage.parse().expect("the example is right");
            assert_eq!(change.to_string(), usage);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_mend() {
        let error = |text: &str| text.parse::<Change>().expect_err("wrong").to_string();
        insta::assert_snapshot!(error("add-host=6:r740"), @r#"
        `add-host=6:r740`: there is no change `add-host`
         = help: did you mean `add-hosts`?
        "#);
        insta::assert_snapshot!(error("add-hosts=some"), @r#"
        `add-hosts=some`: how many, and of what?
         = help: write it as `add-hosts=6:dell-r740-8280`
        "#);
        insta::assert_snapshot!(error("growth=two"), @r#"
        `growth=two`: `two` is not a share; write it as `75%` or `0.75`
         = help: write it as `growth=2%/month`
        "#);
        insta::assert_snapshot!(error("set=hosts.node.memory"), @r#"
        `set=hosts.node.memory`: what is set to what?
         = help: write it as `set=hosts.node.memory=512GiB`
        "#);
    }
}
