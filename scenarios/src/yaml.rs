//! YAML as a tree that remembers its places; bounded, so that no document can exhaust the machine.

mod parse;

use std::collections::BTreeSet;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

pub use parse::parse;

use crate::fault::Span;

/// Most nodes of one document, aliases counted at every use: ten thousand hosts need ten lines, not a million nodes.
pub const NODES_MAX: usize = 2_000_000;
/// Longest document in bytes: 256 MiB.
pub const BYTES_MAX: usize = 256 << 20;
/// Deepest nesting.
pub const DEPTH_MAX: usize = 64;

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What stands there.
    pub value: Value,
}

/// What a [`Node`] holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text; `plain` when it had no quotes and may be a number, a quantity or nothing.
    Scalar {
        /// The text, escapes resolved.
        text: String,
        /// Written without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map in the order it was written.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// A plain scalar.
    pub fn scalar(text: impl Into<String>, span: Span) -> Self {
        Self {
            span,
            value: Value::Scalar {
                text: text.into(),
                plain: true,
            },
        }
    }

    /// An empty map.
    pub fn empty_map(span: Span) -> Self {
        Self {
            span,
            value: Value::Map(Vec::new()),
        }
    }

    /// Nothing was written: `key:` alone, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The entries of a map.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of `key` in a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    /// The value of `key` in a map, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Map(entries) => entries
                .iter_mut()
                .find(|entry| entry.key == key)
                .map(|entry| &mut entry.value),
            _ => None,
        }
    }

    /// Takes `key` out of a map.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        match &mut self.value {
            Value::Map(entries) => {
                let at = entries.iter().position(|entry| entry.key == key)?;
                Some(entries.remove(at))
            }
            _ => None,
        }
    }

    /// Adds those entries of `base` whose keys are absent here: how defaults and profiles are filled in.
    pub fn fill_from(&mut self, base: &Self) {
        let Some(theirs) = base.entries() else { return };
        if let Value::Map(entries) = &mut self.value {
            let absent: Vec<Entry> = {
                let own: BTreeSet<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
                theirs
                    .iter()
                    .filter(|entry| !own.contains(entry.key.as_str()))
                    .cloned()
                    .collect()
            };
            entries.extend(absent);
        }
    }

    /// The same in depth: what both have as maps is filled in its turn.
    pub fn fill_deep_from(&mut self, base: &Self) {
        self.fill_from(base);
        let (Value::Map(entries), Some(theirs)) = (&mut self.value, base.entries()) else {
            return;
        };
        for entry in entries {
            if let Some(other) = theirs.iter().find(|other| other.key == entry.key) {
                entry.value.fill_deep_from(&other.value);
            }
        }
    }

    /// What lies at a path such as `hosts[0].power.curve`, as far as the path leads, and whether it leads all the way.
    pub fn locate(&self, path: &str) -> (&Self, bool) {
        let mut node = self;
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match &node.value {
                Value::List(items) => step
                    .strip_suffix(']')
                    .and_then(|index| items.get(index.parse::<usize>().ok()?)),
                _ => node.get(step),
            };
            match next {
                Some(next) => node = next,
                None => return (node, false),
            }
        }
        (node, true)
    }

    /// How many values it holds, keys counted and itself included.
    pub fn size(&self) -> usize {
        match &self.value {
            Value::Scalar { .. } => 1,
            Value::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|entry| 1 + entry.value.size()).sum::<usize>(),
        }
    }

    /// The same text, `by` bytes further on in its source.
    #[must_use]
    pub fn moved(mut self, by: u32) -> Self {
        let shift = |span: &mut Span| {
            span.start = span.start.saturating_add(by);
            span.end = span.end.saturating_add(by);
        };
        shift(&mut self.span);
        match &mut self.value {
            Value::Scalar { .. } => {}
            Value::List(items) => {
                for item in items {
                    *item = std::mem::replace(item, Self::scalar("", self.span)).moved(by);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    shift(&mut entry.key_span);
                    entry.value = std::mem::replace(&mut entry.value, Self::scalar("", self.span)).moved(by);
                }
            }
        }
        self
    }

    /// What it is called in messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            _ if self.is_null() => serializer.serialize_none(),
            Value::Scalar { text, plain: true } => match (text.as_str(), text.parse::<u64>()) {
                ("true", _) => serializer.serialize_bool(true),
                ("false", _) => serializer.serialize_bool(false),
                (_, Ok(number)) if number.to_string() == *text => serializer.serialize_u64(number),
                _ => serializer.serialize_str(text),
            },
            Value::Scalar { text, .. } => serializer.serialize_str(text),
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for entry in entries {
                    map.serialize_entry(&entry.key, &entry.value)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::SourceId;

    fn read(text: &str) -> Node {
        let (node, faults) = parse(text, SourceId(0)).expect("expected valid YAML");
        assert_eq!(faults, []);
        node
    }

    #[test]
    fn places_are_byte_exact() {
        let text = "a: é\nhosts:\n  - {name: n1, memory: 16GiB}\n";
        let node = read(text);
        let Some(Value::List(items)) = node.get("hosts").map(|hosts| &hosts.value) else {
            panic!("a list")
        };
        let memory = items[0].get("memory").expect("a key");
        assert_eq!(
            &text[memory.span.start as usize..memory.span.end as usize],
            "16GiB"
        );
    }

    #[test]
    fn a_key_given_twice_is_a_fault_with_both_places() {
        let (node, faults) = parse("a: 1\na: 2\n", SourceId(0)).expect("expected valid YAML");
        assert_eq!(node.get("a").and_then(Node::text), Some("1"));
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].other.as_deref().map(|(span, _)| span.start), Some(0));
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let uses = vec![format!("*a{}", level - 1); 10].join(", ");
            text = format!("{text}a{level}: &a{level} [{uses}]\n");
        }
        let fault = parse(&text, SourceId(0)).expect_err("over the limit");
        assert!(fault.what.contains("values"), "{}", fault.what);
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse(&"[".repeat(10_000), SourceId(0)).is_err());
    }

    #[test]
    fn what_was_read_is_written_again() {
        let node = read("name: x\ncount: 3\nquoted: '7'\nlist: [1, 2.5, true]\nnothing:\n");
        let text = serde_yaml::to_string(&node).expect("serialises");
        assert_eq!(
            text,
            "name: x\ncount: 3\nquoted: '7'\nlist:\n- 1\n- '2.5'\n- true\nnothing: null\n"
        );
    }
}
