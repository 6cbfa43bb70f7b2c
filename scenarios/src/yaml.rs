//! YAML as a tree that remembers its places; bounded, so that no document can exhaust the machine.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::fault::{FAULTS_MAX, Fault, SourceId, Span, shortened};
use crate::units::Bytes;

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

/// Reads one document. What is not YAML is one fault; keys given twice are each one, the first value stands.
pub fn parse(text: &str, source: SourceId) -> Result<(Node, Vec<Fault>), Box<Fault>> {
    if text.len() > BYTES_MAX {
        return Err(Box::new(Fault::of_input(
            format!("the document is over {}", Bytes(BYTES_MAX as u64)),
            "expected a smaller one: use `count:` and `defaults:`, or a trace in CSV, for large fleets",
        )));
    }
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        source,
        text,
        anchors: BTreeMap::new(),
        nodes: 0,
        faults: Vec::new(),
    };
    let node = reader.document()?;
    Ok((node, reader.faults))
}

struct Reader<'a> {
    events: Parser<'a, granit_parser::StrInput<'a>>,
    source: SourceId,
    text: &'a str,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn span(&self, start: &Marker, end: &Marker) -> Span {
        let byte = |marker: &Marker| {
            marker
                .byte_offset()
                .unwrap_or(marker.index())
                .min(self.text.len()) as u32
        };
        Span {
            source: self.source,
            start: byte(start),
            end: byte(end).max(byte(start)),
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Box<Fault>> {
        loop {
            match self.events.next_event() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => return Ok((event, self.span(&span.start, &span.end))),
                Some(Err(error)) => {
                    let span = self.span(error.marker(), error.marker());
                    return Err(Box::new(self.not_yaml(&error.info(), span)));
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

    fn document(&mut self) -> Result<Node, Box<Fault>> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd | Event::DocumentEnd, span) => {
                    return Err(Box::new(Fault::new(
                        span,
                        "the document is empty",
                        "expected a scenario: `name`, `duration`, `hosts`, …",
                    )));
                }
                (event, span) => {
                    let node = self.node(event, span, 0)?;
                    return self.single(node);
                }
            }
        }
    }

    fn single(&mut self, node: Node) -> Result<Node, Box<Fault>> {
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(node),
                (_, span) => {
                    return Err(Box::new(
                        Fault::new(
                            span,
                            "a second document starts here",
                            "expected one document a file",
                        )
                        .help("remove the `---`, or put it into a file of its own"),
                    ));
                }
            }
        }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Box<Fault>> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES_MAX {
            return Err(Box::new(
                Fault::new(
                    span,
                    format!("the document has over {NODES_MAX} values"),
                    "expected fewer values",
                )
                .help("use `count:` and `defaults:`, or a trace in CSV, for large fleets"),
            ));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Box<Fault>> {
        self.count(1, span)?;
        if depth > DEPTH_MAX {
            return Err(Box::new(Fault::new(
                span,
                format!("nested over {DEPTH_MAX} deep"),
                "expected a flatter document",
            )));
        }
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, _) => (anchor, scalar(text, style, span)),
            Event::SequenceStart(_, anchor, _) => (anchor, self.list(span, depth)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.map(span, depth)?),
            Event::Alias(anchor) => (0, self.alias(anchor, span)?),
            _ => {
                return Err(Box::new(Fault::new(
                    span,
                    "a value is missing here",
                    "expected a value",
                )));
            }
        };
        if anchor != 0 {
            // A copy is kept, so it counts: nested anchors copy what they hold again and again.
            self.count(node.size(), span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, Box<Fault>> {
        let missing = || {
            Fault::new(
                span,
                "this alias refers to itself",
                "expected an anchor defined before",
            )
        };
        let size = self.anchors.get(&anchor).ok_or_else(missing)?.size();
        self.count(size, span)?;
        let mut node = self.anchors.get(&anchor).cloned().ok_or_else(missing)?;
        // What is wrong with the copy is best shown where it is used.
        node.span = span;
        Ok(node)
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, Box<Fault>> {
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

    fn map(&mut self, start: Span, depth: usize) -> Result<Node, Box<Fault>> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut known: HashSet<String> = HashSet::new();
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
                return Err(Box::new(Fault::new(
                    key.span,
                    format!("{} stands where a key should", key.kind()),
                    "expected a key",
                )));
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if known.contains(&name) {
                self.twice(&entries, &name, key.span);
                continue;
            }
            known.insert(name.clone());
            entries.push(Entry {
                key: name,
                key_span: key.span,
                value,
            });
        }
    }
}

impl Reader<'_> {
    /// What the parser says, in the words of somebody who writes scenarios.
    fn not_yaml(&self, info: &str, span: Span) -> Fault {
        if info.contains("unknown anchor") {
            return Fault::new(
                span,
                "this alias refers to nothing",
                "expected an anchor `&…` of that name before it",
            );
        }
        let fault = Fault::new(span, format!("this is not YAML: {info}"), "expected valid YAML");
        if info.contains("tab") {
            return fault.help("indent with spaces, not tabs");
        }
        if info.contains("mapping values are not allowed") {
            return fault.help(
                "a text that holds `: ` needs quotes around it; keys of one map stand below each other",
            );
        }
        let before = self.text.get(..span.start as usize).unwrap_or_default();
        match open_bracket(before) {
            Some(at) => {
                let open = Span {
                    start: at as u32,
                    end: at as u32 + 1,
                    ..span
                };
                fault
                    .and(open, "this bracket is still open")
                    .help("close it, or check quotes and commas behind it")
            }
            None => fault.help("check indentation, brackets and quotes near this place"),
        }
    }

    fn twice(&mut self, entries: &[Entry], name: &str, span: Span) {
        if self.faults.len() >= FAULTS_MAX {
            return;
        }
        let mut fault = Fault::new(
            span,
            format!("`{}` is given twice", shortened(name)),
            "expected each key once",
        )
        .help("remove one of the two");
        if let Some(first) = entries.iter().find(|entry| entry.key == name) {
            fault = fault.and(first.key_span, "first given here");
        }
        self.faults.push(fault);
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

/// The innermost bracket that is still open at the end of `text`: the parser itself reads on and complains later.
fn open_bracket(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut comment = false;
    let mut before = b'\n';
    for (at, byte) in text.bytes().enumerate() {
        // Brackets and quotes count where a value may begin; inside a word they are letters.
        let fresh = before.is_ascii_whitespace() || matches!(before, b'[' | b'{' | b',' | b':');
        match (byte, quote) {
            (b'\n', _) => comment = false,
            _ if comment => {}
            (_, Some(mark)) => quote = Some(mark).filter(|mark| byte != *mark),
            (b'#', None) => comment = before.is_ascii_whitespace(),
            (b'"' | b'\'', None) if fresh => quote = Some(byte),
            (b'[' | b'{', None) if fresh => open.push(at),
            (b']' | b'}', None) => {
                open.pop();
            }
            _ => {}
        }
        before = byte;
    }
    open.pop()
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

#[cfg(test)]
mod tests {
    use super::*;

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
