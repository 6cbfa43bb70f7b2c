//! YAML as a tree that remembers its places; bounded, so that no document can exhaust the machine.

use std::borrow::Cow;

use granit_parser::{Event, Marker, Parser, ScalarStyle};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::fault::{Fault, SourceId, Span};

/// Most nodes of one document, aliases counted at every use: ten thousand hosts need ten lines, not a million nodes.
pub const NODES_MAX: usize = 2_000_000;
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
            for entry in theirs {
                if !entries.iter().any(|own| own.key == entry.key) {
                    entries.push(entry.clone());
                }
            }
        }
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

/// Reads one document. What is not YAML is one fault; keys given twice are each one, the first value stands.
pub fn parse(text: &str, source: SourceId) -> Result<(Node, Vec<Fault>), Fault> {
    if u32::try_from(text.len()).is_err() {
        return Err(Fault::of_input(
            "the document is over 4 GiB",
            "a scenario; put large lists into a CSV trace",
        ));
    }
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        source,
        length: text.len(),
        anchors: Vec::new(),
        nodes: 0,
        faults: Vec::new(),
    };
    let node = reader.document()?;
    Ok((node, reader.faults))
}

struct Reader<'a> {
    events: Parser<'a, granit_parser::StrInput<'a>>,
    source: SourceId,
    length: usize,
    anchors: Vec<(usize, Node)>,
    nodes: usize,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn span(&self, start: &Marker, end: &Marker) -> Span {
        let byte = |marker: &Marker| marker.byte_offset().unwrap_or(marker.index()).min(self.length) as u32;
        Span {
            source: self.source,
            start: byte(start),
            end: byte(end).max(byte(start)),
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        loop {
            match self.events.next_event() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => return Ok((event, self.span(&span.start, &span.end))),
                Some(Err(error)) => {
                    let span = self.span(error.marker(), error.marker());
                    return Err(Fault::new(
                        span,
                        format!("this is not YAML: {}", error.info()),
                        "valid YAML",
                    )
                    .help("check indentation (spaces, not tabs), brackets and quotes near this place"));
                }
                None => {
                    return Ok((
                        Event::StreamEnd,
                        Span {
                            source: self.source,
                            start: 0,
                            end: 0,
                        },
                    ));
                }
            }
        }
    }

    fn document(&mut self) -> Result<Node, Fault> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd | Event::DocumentEnd, span) => {
                    return Err(Fault::new(
                        span,
                        "the document is empty",
                        "a scenario: `name`, `duration`, `hosts`, …",
                    ));
                }
                (event, span) => {
                    let node = self.node(event, span, 0)?;
                    return self.single(node);
                }
            }
        }
    }

    fn single(&mut self, node: Node) -> Result<Node, Fault> {
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(node),
                (_, span) => {
                    return Err(
                        Fault::new(span, "a second document starts here", "one document a file")
                            .help("remove the `---`, or put it into a file of its own"),
                    );
                }
            }
        }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES_MAX {
            return Err(Fault::new(
                span,
                format!("the document has over {NODES_MAX} values"),
                "fewer values",
            )
            .help("use `count:` and `defaults:`, or a trace in CSV, for large fleets"));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Fault> {
        self.count(1, span)?;
        if depth > DEPTH_MAX {
            return Err(Fault::new(
                span,
                format!("nested over {DEPTH_MAX} deep"),
                "a flatter document",
            ));
        }
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, _) => (anchor, scalar(text, style, span)),
            Event::SequenceStart(_, anchor, _) => (anchor, self.list(span, depth)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.map(span, depth)?),
            Event::Alias(anchor) => (0, self.alias(anchor, span)?),
            _ => return Err(Fault::new(span, "a value is missing here", "a value")),
        };
        if anchor != 0 {
            self.anchors.push((anchor, node.clone()));
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, Fault> {
        let found = self
            .anchors
            .iter()
            .rev()
            .find(|(id, _)| *id == anchor)
            .map(|(_, node)| node.clone());
        let node = found
            .ok_or_else(|| Fault::new(span, "this alias refers to itself", "an anchor defined before"))?;
        self.count(size(&node), span)?;
        Ok(node)
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, end) => {
                    return Ok(Node {
                        span: start.to(end),
                        value: Value::List(items),
                    });
                }
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<Node, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Node {
                    span: start.to(span),
                    value: Value::Map(entries),
                });
            }
            let key = self.node(event, span, depth + 1)?;
            let Some(name) = key.text().map(ToOwned::to_owned) else {
                return Err(Fault::new(
                    key.span,
                    format!("{} stands where a key should", key.kind()),
                    "a key",
                ));
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            match entries.iter().find(|entry| entry.key == name) {
                Some(first) => self.faults.push(
                    Fault::new(key.span, format!("`{name}` is given twice"), "each key once")
                        .and(first.key_span, "first given here")
                        .help("remove one of the two"),
                ),
                None => entries.push(Entry {
                    key: name,
                    key_span: key.span,
                    value,
                }),
            }
        }
    }
}

impl Span {
    /// From the start of this place to the end of `other`.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            end: other.end.max(self.end),
            ..self
        }
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, span: Span) -> Node {
    Node {
        span,
        value: Value::Scalar {
            text: text.into_owned(),
            plain: style == ScalarStyle::Plain,
        },
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Scalar { .. } => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| 1 + size(&entry.value)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Node {
        let (node, faults) = parse(text, SourceId(0)).expect("valid YAML");
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
        let (node, faults) = parse("a: 1\na: 2\n", SourceId(0)).expect("valid YAML");
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
