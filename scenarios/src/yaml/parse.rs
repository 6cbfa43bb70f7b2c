//! Reading YAML: from the parser's events to the tree, within bounds, every fault at its place.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle};

use super::{BYTES_MAX, DEPTH_MAX, Entry, NODES_MAX, Node, Value};
use crate::fault::{FAULTS_MAX, Fault, SourceId, Span, shortened};
use crate::units::Bytes;

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
