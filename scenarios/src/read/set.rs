//! `--set path=value`: changes one place of a scenario before it is decoded.
//!
//! A path is keys joined by dots, with `[index]` for items of a list: `hosts[0].memory`. Items that have a `name` can be
//! named: `vms.sql01.memory`. Keys on the way that are not there are made; whether they mean anything is the decoder's
//! to say. What `--set` gives wins over the item, the defaults and the profile, and reaches into what those filled in.

use crate::fault::{Fault, SourceId, Sources, Span, shortened, suggestion};
use crate::yaml::{DEPTH_MAX, Entry, Node, Value, parse};

/// Whether a setting comes before defaults and profiles are filled in: those that say what is filled in, and those
/// that replace whole sections or items.
pub fn is_early(path: &str) -> bool {
    let steps = steps(path, SourceId(0));
    let first_is = |text| steps.first().is_some_and(|step| step.text == text);
    // An item may be called `profile` too, but then it is the second step. Behind the name of a profile there is nothing to set,
    // which is told while the name is still there.
    let names_at = if first_is("policies") { 1 } else { 2 };
    steps.len() <= 2 || first_is("defaults") || steps.iter().skip(names_at).any(|step| step.text == "profile")
}

/// Applies one setting; a fault when the path leads nowhere or the value is not YAML.
pub fn apply(root: &mut Node, path: &str, value: &str, sources: &mut Sources) -> Result<(), Box<Fault>> {
    let text = format!("{path}={value}");
    let source = sources.add("--set", text);
    let offset = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
    let whole = Span {
        source,
        start: 0,
        end: offset.saturating_sub(1),
    };
    let node = if value.trim().is_empty() {
        Node::scalar(
            "",
            Span {
                source,
                start: offset,
                end: offset,
            },
        )
    } else {
        let (node, faults) = parse(value, source).map_err(|fault| Box::new(moved(*fault, offset)))?;
        if let Some(fault) = faults.into_iter().next() {
            return Err(Box::new(moved(fault, offset)));
        }
        node.moved(offset)
    };
    let steps = steps(path, source);
    if steps.is_empty() || steps.len() > DEPTH_MAX {
        let what = format!("`{}` is no path", shortened(path));
        let fault = Fault::new(whole, what, "expected a path such as `hosts[0].memory`");
        return Err(Box::new(fault));
    }
    put(root, &steps, node).map_err(|wrong| {
        let what = format!("`{}` leads nowhere: {}", shortened(path), wrong.what);
        Box::new(Fault::new(wrong.span, what, "expected the way to a key of the scenario").help(wrong.help))
    })
}

/// The fault of a value, at its place behind the path.
fn moved(fault: Fault, offset: u32) -> Fault {
    let shift = |span: Span| Span {
        start: span.start.saturating_add(offset),
        end: span.end.saturating_add(offset),
        ..span
    };
    let other = fault.other.map(|other| Box::new((shift(other.0), other.1)));
    Fault {
        span: fault.span.map(shift),
        other,
        ..fault
    }
}

/// One step of a path, and where it stands in it.
#[derive(Debug, Clone, Copy)]
struct Step<'a> {
    text: &'a str,
    span: Span,
}

fn steps(path: &str, source: SourceId) -> Vec<Step<'_>> {
    let mut at = 0;
    path.split(['.', '['])
        .filter_map(|raw| {
            let start = at;
            at += raw.len() + 1;
            let text = raw.trim_end_matches(']');
            let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            let span = Span {
                source,
                start: byte(start),
                end: byte(start + text.len()),
            };
            (!text.is_empty()).then_some(Step { text, span })
        })
        .collect()
}

/// Where a path ends, and why.
struct Wrong {
    span: Span,
    what: String,
    help: String,
}

fn put(node: &mut Node, steps: &[Step<'_>], value: Node) -> Result<(), Wrong> {
    let Some((step, rest)) = steps.split_first() else {
        *node = value;
        return Ok(());
    };
    if node.is_null() {
        *node = Node::empty_map(node.span);
    }
    match &mut node.value {
        Value::List(items) => put(item(items, *step)?, rest, value),
        Value::Map(entries) => {
            if let Some(entry) = entries.iter_mut().find(|entry| entry.key == step.text) {
                return put(&mut entry.value, rest, value);
            }
            if let Some(next) = rest.first().filter(|next| next.text.parse::<usize>().is_ok()) {
                return Err(Wrong {
                    span: next.span,
                    what: format!("there is no list `{}` yet", step.text),
                    help: "set the whole list".to_owned(),
                });
            }
            let mut made = Node::empty_map(step.span);
            put(&mut made, rest, value)?;
            entries.push(Entry {
                key: step.text.to_owned(),
                key_span: step.span,
                value: made,
            });
            Ok(())
        }
        Value::Scalar { text, .. } if text == step.text => {
            // A word alone stands for a map without keys (`policy: hyperv-r2`): a key below it makes the map.
            let mut inner = Node::empty_map(node.span);
            put(&mut inner, rest, value)?;
            node.value = Value::Map(vec![Entry {
                key: step.text.to_owned(),
                key_span: node.span,
                value: inner,
            }]);
            Ok(())
        }
        Value::Scalar { text, .. } => Err(Wrong {
            span: step.span,
            what: format!("`{}` has nothing called `{}`", shortened(text), step.text),
            help: "set the whole value instead".to_owned(),
        }),
    }
}

fn item<'a>(items: &'a mut [Node], step: Step<'_>) -> Result<&'a mut Node, Wrong> {
    let name = |item: &Node| item.get("name").and_then(Node::text).map(ToOwned::to_owned);
    let count = items.len();
    let at = match step.text.parse::<usize>() {
        Ok(index) => Some(index).filter(|index| *index < count),
        Err(_) => items
            .iter()
            .position(|item| name(item).as_deref() == Some(step.text)),
    };
    let known: Vec<String> = if at.is_none() {
        items.iter().filter_map(name).collect()
    } else {
        Vec::new()
    };
    at.and_then(|at| items.get_mut(at)).ok_or_else(|| Wrong {
        span: step.span,
        what: match count {
            0 => "the list is empty".to_owned(),
            1 => format!("the list has no item `{}`, only `[0]`", step.text),
            _ => format!(
                "the list has no item `{}`, only `[0]` to `[{}]`",
                step.text,
                count - 1
            ),
        },
        help: suggestion(step.text, known.iter().map(String::as_str)),
    })
}
