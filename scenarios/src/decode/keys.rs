//! Maps: known, unknown and missing keys, ranges.

use std::fmt;

use super::Decoder;
use crate::fault::{Echo, Fault, Span, listed, nearest, shortened};
use crate::yaml::{Node, Value};

/// The keys that bring others: when one of them is misspelt, a missing key may be among those that it would have brought.
const FILLING: [&str; 2] = ["profile", "defaults"];

/// The map that `node` must be; notes a fault when it is none.
pub fn map_of<'a>(node: &'a Node, decoder: &mut Decoder, what: &str) -> Option<&'a [crate::yaml::Entry]> {
    if let Value::Map(entries) = &node.value {
        return Some(entries);
    }
    decoder.fault(Fault::new(
        node.span,
        format!("{} stands where {what} should", node.kind()),
        "expected a map of `key: value`",
    ));
    None
}

/// Notes every key that is not known, and gives the place of each with the known key that was probably meant.
pub fn unknown_keys(
    entries: &[crate::yaml::Entry],
    known: &[&'static str],
    decoder: &mut Decoder,
) -> Vec<(&'static str, Span)> {
    let mut meant = Vec::new();
    let mut unknown = entries
        .iter()
        .filter(|entry| !known.contains(&entry.key.as_str()))
        .peekable();
    if unknown.peek().is_none() {
        return meant;
    }
    // A key that is there already can't be the one that was meant.
    let free = |name: &&&str| !entries.iter().any(|entry| entry.key == **name);
    let free: Vec<&str> = known.iter().filter(free).copied().collect();
    for entry in unknown {
        if decoder.is_full() {
            break;
        }
        let near = nearest(&entry.key, free.iter().copied());
        let shown = near.or_else(|| nearest(&entry.key, known.iter().copied()));
        meant.extend(
            known
                .iter()
                .find(|name| Some(**name) == near)
                .map(|name| (*name, entry.key_span)),
        );
        let help = match shown {
            Some(name) => format!("did you mean `{name}`?"),
            None if known.is_empty() => "nothing is set here: leave it out".to_owned(),
            None => listed(known),
        };
        let what = format!("unknown key `{}`", shortened(&entry.key));
        let fault = Fault::new(entry.key_span, what, "expected a key that is known here").help(help);
        decoder.below(format!(".{}", shortened(&entry.key)), |decoder| {
            decoder.fault(fault);
        });
    }
    meant
}

/// Notes a missing required key, and gives the place where it is missed. `about` is what the reference says of it.
///
/// When another key was probably meant to be this one, or one that brings it, its fault is enough.
pub fn missing(
    node: &Node,
    (key, written): (&str, &str),
    about: &str,
    meant: &[(&'static str, Span)],
    decoder: &mut Decoder,
) -> Span {
    let is_enough = |name: &str| name == key || FILLING.contains(&name);
    if let Some((_, span)) = meant.iter().find(|(name, _)| is_enough(name)) {
        return *span;
    }
    let fault = Fault::new(
        node.span,
        format!("`{key}` is missing"),
        if written.is_empty() {
            format!("expected a key `{key}` here")
        } else {
            format!("expected a key `{key}` here: {written}")
        },
    );
    let fault = fault.help(format!("`{key}`: {about}")).echoes(Echo::Missing);
    decoder.below(format!(".{key}"), |decoder| decoder.fault(fault));
    node.span
}

/// Notes a value outside its range.
pub fn in_range<T: PartialOrd + fmt::Display>(
    value: Option<T>,
    (least, most): (T, T),
    node: &Node,
    decoder: &mut Decoder,
) -> Option<T> {
    let value = value?;
    if value >= least && value <= most {
        return Some(value);
    }
    decoder.fault(Fault::new(
        node.span,
        format!("{value} is out of range"),
        format!("expected {least} to {most}"),
    ));
    None
}

/// Joins the lines of a doc comment into one paragraph.
pub fn prose(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_owned()
}
