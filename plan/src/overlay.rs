//! Overlays: changes to a scenario in planners' words, `add-hosts=6:dell-r740-8280`, made to its text so that it can be kept.

mod apply;
mod change;

use std::fmt;

use twinrack_scenario::fault::SourceId;
use twinrack_scenario::yaml::{Node, Value, parse};

pub use apply::overlaid;
pub use change::Change;

/// Why an overlay can't be made: what is wrong, and the mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayError {
    /// The overlay, as it was written.
    pub overlay: String,
    /// What is wrong.
    pub what: String,
    /// The mend.
    pub help: String,
}

/// The changes of an overlay file: a list of them, each as it stands behind `--with`.
pub fn listed(name: &str, text: &str) -> Result<Vec<Change>, OverlayError> {
    let wrong = |what: &str| OverlayError {
        overlay: name.to_owned(),
        what: what.to_owned(),
        help: "write a list of changes, such as `- add-hosts=6:dell-r740-8280`".to_owned(),
    };
    let node = match parse(text, SourceId(0)) {
        Ok((node, faults)) if faults.is_empty() => node,
        _ => return Err(wrong("the file is no YAML")),
    };
    let Value::List(items) = &node.value else {
        return Err(wrong("the file is no list"));
    };
    let read = |item: &Node| item.text().ok_or_else(|| wrong("an item is no text"))?.parse();
    items.iter().map(read).collect()
}

impl fmt::Display for OverlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}\n = help: {}", self.overlay, self.what, self.help)
    }
}

impl std::error::Error for OverlayError {}
