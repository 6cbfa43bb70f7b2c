//! Withholds faults that are but echoes of others: one mistake, one message.

use std::collections::BTreeSet;

use crate::fault::{Echo, Fault};

/// Drops "is missing" for items whose profile could not be read, and for all items when `defaults` is misspelt: these may
/// have had the key.
pub fn without_missing(faults: Vec<Fault>, unread: &BTreeSet<String>) -> Vec<Fault> {
    let no_defaults = faults.iter().any(|fault| is_misspelt(fault, "defaults"));
    faults
        .into_iter()
        .filter(|fault| {
            let item = fault.path.rsplit_once('.').map_or("", |(item, _)| item);
            let may_be_filled = unread.contains(item) || (no_defaults && !item.is_empty());
            fault.echo != Echo::Missing || !may_be_filled
        })
        .collect()
}

/// The faults of validation that no fault of decoding explains.
///
/// Validation looks at placeholders where decoding failed; what it says of them is dropped.
pub fn unexplained(found: Vec<Fault>, causes: &[Fault]) -> Vec<Fault> {
    found
        .into_iter()
        .filter(|fault| !causes.iter().any(|cause| explains(cause, fault)))
        .collect()
}

fn explains(cause: &Fault, fault: &Fault) -> bool {
    let place = cause.span.is_some()
        && (cause.span == fault.span || cause.span == fault.other.as_deref().map(|(span, _)| *span));
    place
        || at_or_below(&cause.path, &fault.path)
        || at_or_below(&fault.path, &cause.path)
        || hides(cause, fault.echo)
}

/// Whether `path` is `top` or lies below it.
fn at_or_below(path: &str, top: &str) -> bool {
    !top.is_empty()
        && path
            .strip_prefix(top)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Whether a name may be unknown only because its section has a fault, or its heading is misspelt.
fn hides(cause: &Fault, echo: Echo) -> bool {
    let Echo::Reference(section) = echo else {
        return false;
    };
    is_misspelt(cause, section) || at_or_below(&cause.path, section)
}

/// Whether a fault is that of a key at the top that was probably meant to be `section`.
fn is_misspelt(fault: &Fault, section: &str) -> bool {
    !fault.path.contains(['.', '['])
        && fault
            .help
            .as_deref()
            .is_some_and(|help| help.contains(&format!("`{section}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_its_top_alone() {
        assert!(at_or_below("hosts[1].memory", "hosts"));
        assert!(at_or_below("hosts[1].memory", "hosts[1]"));
        assert!(!at_or_below("hosts[11].memory", "hosts[1]"));
        assert!(!at_or_below("hosts", ""));
    }

    #[test]
    fn an_unknown_name_is_withheld_while_its_section_is_broken() {
        let wrong = Fault::of_input("`3` is not a size", "expected a size").at_path("hosts[0].memory");
        let echo = Fault::of_input("there is no host `n1`", "").echoes(Echo::Reference("hosts"));
        let own = Fault::of_input("there is no VM `x`", "").echoes(Echo::Reference("vms"));
        let kept = unexplained(vec![echo, own.clone()], &[wrong]);
        assert_eq!(kept, [own]);
    }
}
