//! Choices: one word of several, or one map tagged by a word.

use serde_json::{Value as Json, json};

use super::Decoder;
use super::value::text_of;
use crate::fault::{Fault, nearest, shortened};
use crate::yaml::{Node, Value};

/// The index of the word that `node` holds, or a fault with the nearest one.
pub fn choice(node: &Node, words: &[&str], decoder: &mut Decoder) -> Option<usize> {
    let expected = format!("one of `{}`", words.join("`, `"));
    let text = text_of(node, decoder, "a word", &expected)?;
    let found = words.iter().position(|word| *word == text);
    if found.is_none() && !decoder.is_full() {
        let mut fault = Fault::new(
            node.span,
            format!("`{}` is not known here", shortened(text)),
            format!("expected {expected}"),
        );
        fault.help = nearest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"));
        decoder.fault(fault);
    }
    found
}

/// The tag and the value of an externally tagged map; a word alone stands for a map without keys.
pub fn tagged(node: &Node, words: &[&str], decoder: &mut Decoder) -> Option<(String, Node)> {
    match &node.value {
        Value::Scalar { .. } => {
            let index = choice(node, words, decoder)?;
            Some((words.get(index)?.to_string(), Node::empty_map(node.span)))
        }
        Value::Map(entries) if entries.len() == 1 => {
            let entry = entries.first()?;
            let key = Node::scalar(entry.key.clone(), entry.key_span);
            choice(&key, words, decoder)?;
            let value = if entry.value.is_null() {
                Node::empty_map(entry.key_span)
            } else {
                entry.value.clone()
            };
            Some((entry.key.clone(), value))
        }
        Value::Map(entries)
            if entries
                .first()
                .is_some_and(|entry| entry.value.is_null() && words.contains(&entry.key.as_str())) =>
        {
            let tag = entries.first().map_or("", |entry| entry.key.as_str());
            let second = entries.get(1).map_or(node.span, |entry| entry.key_span);
            let what = format!("this stands beside `{tag}`, not below it");
            let fault = Fault::new(second, what, format!("expected the keys of `{tag}` further in"));
            decoder.fault(fault.help(format!("indent them by two more spaces, or write `{tag}: {{…}}`")));
            None
        }
        _ => {
            decoder.fault(
                Fault::new(
                    node.span,
                    format!("{} stands where one choice should", node.kind()),
                    format!(
                        "expected a map of exactly one of the keys `{}`",
                        words.join("`, `")
                    ),
                )
                .help("indent what belongs to it further than its name"),
            );
            None
        }
    }
}

/// The schema of one variant: `{word: {…}}`, or the word alone.
pub fn tagged_schema(word: &str, description: &str, schema: &Json) -> Json {
    json!({
        "description": description,
        "anyOf": [
            { "const": word },
            { "type": "object", "properties": { word: schema }, "required": [word], "additionalProperties": false },
        ],
    })
}
