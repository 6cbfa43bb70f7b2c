//! `--set path=value`: changes one place of a scenario before it is decoded.
//!
//! A path is keys joined by dots, with `[index]` for items of a list: `hosts[0].memory`. Items that have a `name` can be
//! named: `vms.sql01.memory`. The last key may be new; the way to it must exist.

use crate::fault::{Fault, Sources, Span, suggestion};
use crate::yaml::{Entry, Node, Value, parse};

/// Applies one setting; notes a fault when the path leads nowhere or the value is not YAML.
pub fn apply(root: &mut Node, path: &str, value: &str, sources: &mut Sources, faults: &mut Vec<Fault>) {
    let source = sources.add(format!("--set {path}"), value);
    let node = match parse(value, source) {
        Ok((node, more)) => {
            faults.extend(more);
            node
        }
        Err(_) if value.is_empty() => Node::scalar(
            "",
            Span {
                source,
                start: 0,
                end: 0,
            },
        ),
        Err(fault) => return faults.push(fault),
    };
    let span = node.span;
    if let Err((what, help)) = put(root, &steps(path), node) {
        faults.push(
            Fault::new(
                span,
                format!("`{path}` leads nowhere: {what}"),
                "expected the path of a key",
            )
            .help(help)
            .at_path(path),
        );
    }
}

fn steps(path: &str) -> Vec<&str> {
    path.split(['.', '['])
        .map(|step| step.trim_end_matches(']'))
        .filter(|step| !step.is_empty())
        .collect()
}

fn put(node: &mut Node, steps: &[&str], value: Node) -> Result<(), (String, String)> {
    let Some((step, rest)) = steps.split_first() else {
        *node = value;
        return Ok(());
    };
    let span = value.span;
    match &mut node.value {
        Value::List(items) => {
            let known: Vec<String> = items
                .iter()
                .filter_map(|item| item.get("name")?.text().map(ToOwned::to_owned))
                .collect();
            let count = items.len();
            let found = match step.parse::<usize>() {
                Ok(index) => items.get_mut(index),
                Err(_) => items
                    .iter_mut()
                    .find(|item| item.get("name").and_then(Node::text) == Some(step)),
            };
            let item = found.ok_or_else(|| {
                (
                    format!("no item `{step}` among {count}"),
                    suggestion(step, known.iter().map(String::as_str)),
                )
            })?;
            put(item, rest, value)
        }
        Value::Map(entries) => {
            if let Some(at) = entries.iter().position(|entry| entry.key == *step) {
                return put(&mut entries[at].value, rest, value);
            }
            let mut made = Node::empty_map(span);
            put(&mut made, rest, value)?;
            entries.push(Entry {
                key: (*step).to_owned(),
                key_span: span,
                value: made,
            });
            Ok(())
        }
        // A word alone stands for a map without keys (`policy: hyperv-r2`): a key below it makes the map.
        Value::Scalar { text, .. } => {
            let mut inner = Node::empty_map(node.span);
            let word = text.clone();
            if word == *step {
                put(&mut inner, rest, value)?;
                let entry = Entry {
                    key: word,
                    key_span: node.span,
                    value: inner,
                };
                *node = Node {
                    span: node.span,
                    value: Value::Map(vec![entry]),
                };
                Ok(())
            } else if node.is_null() {
                put(&mut inner, steps, value)?;
                *node = inner;
                Ok(())
            } else {
                Err((
                    format!("`{word}` has nothing called `{step}`"),
                    "set the whole value instead".to_owned(),
                ))
            }
        }
    }
}
