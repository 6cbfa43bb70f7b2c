//! From a YAML tree to typed specs, noting *every* fault on the way, with one declaration for type, check and schema.
//!
//! Each section of the scenario is declared once with [`spec!`], [`words!`] or [`variants!`](crate::variants). The
//! declaration gives the Rust type, its decoding with places, its part of the JSON Schema and its page of the
//! reference, so none of the four can go out of date. A decoder never stops at the first fault: it notes it, puts
//! a placeholder in the value's place and goes on, so that even the checks that come after see the whole scenario.

use std::fmt;

use serde_json::{Map, Value as Json, json};

use crate::fault::{Echo, FAULTS_MAX, Fault, Span, listed, nearest, shortened};
use crate::units::{
    BitsPerSecond, Bytes, Cycles, Hertz, Joules, PerSecond, QuantityError, Ratio, SimDuration, Watts,
};
use crate::yaml::{Node, Value};

/// A value that keeps its place, for checks that look at two places at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// What decoding has met so far: the way down to the present value, and the faults.
#[derive(Debug, Default)]
pub struct Decoder {
    path: Vec<String>,
    /// The faults, in the order of the document.
    pub faults: Vec<Fault>,
}

impl Decoder {
    /// Notes a fault at the present path.
    pub fn fault(&mut self, fault: Fault) {
        if self.is_full() {
            return;
        }
        let path = self.path.concat();
        self.faults.push(Fault {
            path: path.trim_start_matches('.').to_owned(),
            ..fault
        });
    }

    /// Whether there are so many faults that no more are noted.
    pub fn is_full(&self) -> bool {
        self.faults.len() >= FAULTS_MAX
    }

    /// Decodes something one step further down.
    pub fn below<T>(&mut self, step: String, decode: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let result = decode(self);
        self.path.pop();
        result
    }
}

/// The definitions that a JSON Schema refers to, gathered while it is made.
#[derive(Debug, Default)]
pub struct SchemaBook {
    /// Definition by type name.
    pub definitions: Map<String, Json>,
}

impl SchemaBook {
    /// Defines `name` once and refers to it.
    pub fn define(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Json) -> Json {
        if !self.definitions.contains_key(name) {
            self.definitions.insert(name.to_owned(), Json::Null);
            let definition = make(self);
            self.definitions.insert(name.to_owned(), definition);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }
}

/// What can stand as a value in a scenario.
pub trait Field: Sized {
    /// Reads it; notes what is wrong and gives `None` when it can't.
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self>;

    /// What stands in for a value that is wrong or missing, so that the checks that come after can still look at
    /// everything else. A spec with one in it never runs: its fault has been noted.
    fn placeholder(span: Span) -> Self;

    /// How one is written, for a key that is missing; empty when there is nothing short to show.
    const WRITTEN: &'static str = "";

    /// Its JSON Schema.
    fn schema(book: &mut SchemaBook) -> Json;
}

fn text_of<'a>(node: &'a Node, decoder: &mut Decoder, wanted: &str, example: &str) -> Option<&'a str> {
    if let Some(text) = node.text().filter(|_| !node.is_null()) {
        return Some(text);
    }
    decoder.fault(Fault::new(
        node.span,
        format!("{} stands where {wanted} should", node.kind()),
        format!("expected {example}"),
    ));
    None
}

fn parsed<T: std::str::FromStr>(
    node: &Node,
    decoder: &mut Decoder,
    wanted: &str,
    example: &str,
) -> Option<T> {
    let text = text_of(node, decoder, wanted, example)?;
    let value = text.trim().parse().ok();
    if value.is_none() {
        decoder.fault(Fault::new(
            node.span,
            format!("`{}` is not {wanted}", shortened(text)),
            format!("expected {example}"),
        ));
    }
    value
}

macro_rules! plain_field {
    ($($type:ty, $wanted:literal, $example:literal, $schema:tt;)*) => {$(
        impl Field for $type {
            fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
                parsed(node, decoder, $wanted, $example)
            }

            fn placeholder(_: Span) -> Self {
                Self::default()
            }

            fn schema(_: &mut SchemaBook) -> Json {
                json!($schema)
            }
        }
    )*};
}

plain_field! {
    bool, "yes or no", "`true` or `false`", { "type": "boolean" };
    u8, "a small whole number", "a whole number from 0 to 255", { "type": "integer", "minimum": 0, "maximum": 255 };
    u16, "a whole number", "a whole number from 0 to 65535", { "type": "integer", "minimum": 0, "maximum": 65535 };
    u32, "a whole number", "a whole number such as `4`", { "type": "integer", "minimum": 0 };
    u64, "a whole number", "a whole number such as `4`", { "type": "integer", "minimum": 0 };
}

impl Field for f64 {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let value: Self = parsed(
            node,
            decoder,
            "a number",
            "a number without a unit, such as `1.5`",
        )?;
        if value.is_finite() {
            return Some(value);
        }
        decoder.fault(Fault::new(
            node.span,
            "the number is not finite",
            "expected a number such as `1.5`",
        ));
        None
    }

    fn placeholder(_: Span) -> Self {
        0.0
    }

    fn schema(_: &mut SchemaBook) -> Json {
        json!({ "type": "number" })
    }
}

impl Field for String {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        text_of(node, decoder, "a text", "a text").map(ToOwned::to_owned)
    }

    fn placeholder(_: Span) -> Self {
        Self::new()
    }

    fn schema(_: &mut SchemaBook) -> Json {
        json!({ "type": "string" })
    }
}

macro_rules! quantity_field {
    ($($type:ty),*) => {$(
        impl Field for $type {
            fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
                let text = text_of(node, decoder, <$type>::WANTED, <$type>::EXAMPLE)?;
                text.parse().map_err(|error: QuantityError| decoder.fault(not_a_quantity(node, text, &error))).ok()
            }

            fn placeholder(_: Span) -> Self {
                Self::ZERO
            }

            const WRITTEN: &'static str = <$type>::EXAMPLE;

            fn schema(book: &mut SchemaBook) -> Json {
                book.define(stringify!($type), |_| json!({
                    "type": ["string", "number"],
                    "description": format!("{}, written {}", <$type>::WANTED, <$type>::EXAMPLE.replace('`', "")),
                }))
            }
        }
    )*};
}

quantity_field!(
    Bytes,
    BitsPerSecond,
    Hertz,
    PerSecond,
    Watts,
    Joules,
    Cycles,
    Ratio,
    SimDuration
);

fn not_a_quantity(node: &Node, text: &str, error: &QuantityError) -> Fault {
    let fault = Fault::new(
        node.span,
        format!("`{}` is not {}", shortened(text), error.wanted),
        format!("expected {}", error.example),
    );
    match text.trim().parse::<f64>() {
        Ok(number) if number < 0.0 => fault.help("it can't be negative"),
        Ok(_) => fault.help("the unit is missing"),
        Err(_) if text.trim().starts_with('-') => fault.help("it can't be negative"),
        Err(_) => fault,
    }
}

impl<T: Field> Field for Spanned<T> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        T::decode(node, decoder).map(|value| Self {
            value,
            span: node.span,
        })
    }

    fn placeholder(span: Span) -> Self {
        Self {
            value: T::placeholder(span),
            span,
        }
    }

    const WRITTEN: &'static str = T::WRITTEN;

    fn schema(book: &mut SchemaBook) -> Json {
        T::schema(book)
    }
}

impl<T: Field> Field for Vec<T> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if node.is_null() {
            return Some(Self::new());
        }
        let Value::List(items) = &node.value else {
            decoder.fault(
                Fault::new(
                    node.span,
                    format!("{} stands where a list should", node.kind()),
                    "expected a list",
                )
                .help("write each item on a line of its own behind `- `"),
            );
            return None;
        };
        let item = |(index, item): (usize, &Node)| {
            decoder
                .below(format!("[{index}]"), |decoder| T::decode(item, decoder))
                .unwrap_or_else(|| T::placeholder(item.span))
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    fn placeholder(_: Span) -> Self {
        Self::new()
    }

    fn schema(book: &mut SchemaBook) -> Json {
        json!({ "type": "array", "items": T::schema(book) })
    }
}

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
        meant.extend(
            known
                .iter()
                .find(|name| Some(**name) == near)
                .map(|name| (*name, entry.key_span)),
        );
        let help = match near {
            Some(name) => format!("did you mean `{name}`?"),
            None if known.is_empty() => "nothing is set here: leave it out".to_owned(),
            None => listed(known),
        };
        let what = format!("unknown key `{}`", shortened(&entry.key));
        let fault = Fault::new(entry.key_span, what, "expected a key that is known here").help(help);
        decoder.below(format!(".{}", shortened(&entry.key)), |decoder| {
            decoder.fault(fault)
        });
    }
    meant
}

/// Notes a missing required key, and gives the place where it is missed. `about` is what the reference says of it.
///
/// When another key was probably meant to be this one, its fault is enough.
pub fn missing(
    node: &Node,
    (key, written): (&str, &str),
    about: &str,
    meant: &[(&'static str, Span)],
    decoder: &mut Decoder,
) -> Span {
    if let Some((_, span)) = meant.iter().find(|(name, _)| *name == key) {
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

/// Declares a map of the scenario: a struct, its decoding, its schema and its reference at once.
///
/// ```text
/// spec! {
///     /// What it is.
///     pub struct NicSpec {
///         /// What the field means, unit, source.
///         speed: BitsPerSecond => required,
///         queues: u32 [0, 256] => default(0),      // with its range, ends included
///         model: String => optional,               // Option<String>
///         offloads: OffloadSpec => list,           // Vec<OffloadSpec>, empty when absent
///         power: PowerSpec => group,               // PowerSpec, all its defaults when absent
///     }
/// }
/// ```
#[macro_export]
macro_rules! spec {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $(
                $(#[doc = $field_doc:literal])*
                $field:ident : $type:ty $([$least:expr, $most:expr])? => $mode:ident $(($default:expr))?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $field_doc])* pub $field: $crate::__spec_type!($mode, $type), )*
        }

        impl $crate::decode::Field for $name {
            fn decode(node: &$crate::yaml::Node, decoder: &mut $crate::decode::Decoder) -> Option<Self> {
                const KNOWN: &[&str] = &[$(stringify!($field)),*];
                let entries = $crate::decode::map_of(node, decoder, $crate::decode::ARTICLE)?;
                let meant = $crate::decode::unknown_keys(entries, KNOWN, decoder);
                let _ = &meant;
                $(
                    let found = node.get(stringify!($field)).filter(|value| !value.is_null());
                    #[allow(unused_mut, reason = "a field without a range is not checked")]
                    let mut read = |value: &$crate::yaml::Node, decoder: &mut $crate::decode::Decoder| {
                        let read = $crate::__spec_decode!($mode, $type, value, decoder);
                        $( let read = $crate::decode::in_range(read, ($least, $most), value, decoder); )?
                        read
                    };
                    let $field = match found {
                        Some(value) => {
                            let read = decoder.below(concat!(".", stringify!($field)).to_owned(), |decoder| {
                                $crate::__spec_present!($mode, read(value, decoder))
                            });
                            read.unwrap_or_else(|| {
                                $crate::__spec_placeholder!($mode, $type, value.span $(, $default)?)
                            })
                        }
                        None => {
                            let absent = || $crate::decode::prose(&[$($field_doc),*]);
                            $crate::__spec_absent!(
                                $mode, $type, node, (stringify!($field), absent, &meant), decoder $(, $default)?
                            )
                        }
                    };
                )*
                Some(Self { $( $field, )* })
            }

            fn placeholder(span: $crate::fault::Span) -> Self {
                let _ = span;
                Self { $( $field: $crate::__spec_placeholder!($mode, $type, span $(, $default)?), )* }
            }

            fn schema(book: &mut $crate::decode::SchemaBook) -> serde_json::Value {
                book.define(stringify!($name), |book| {
                    let _ = &book;
                    #[allow(unused_mut, reason = "a spec without fields has none to add")]
                    let mut properties = serde_json::Map::new();
                    #[allow(unused_mut, reason = "likewise")]
                    let mut required: Vec<&str> = Vec::new();
                    $(
                        #[allow(unused_mut, reason = "a field without a default has none to add")]
                        let mut schema = $crate::__spec_schema!($mode, $type, book);
                        let description = $crate::decode::prose(&[$($field_doc),*]);
                        $crate::decode::describe(&mut schema, &description);
                        $( $crate::decode::with_default(&mut schema, &$default); )?
                        $( $crate::decode::with_range(&mut schema, &$least, &$most); )?
                        if stringify!($mode) == "required" {
                            required.push(stringify!($field));
                        }
                        properties.insert(stringify!($field).to_owned(), schema);
                    )*
                    serde_json::json!({
                        "type": "object",
                        "description": $crate::decode::prose(&[$($doc),*]),
                        "properties": properties,
                        "required": required,
                        "additionalProperties": false,
                    })
                })
            }
        }
    };
}

/// What a [`spec!`] is called where something else stands in its place.
pub const ARTICLE: &str = "a map of keys";

/// Adds the description to a schema.
pub fn describe(schema: &mut Json, description: &str) {
    if let Json::Object(map) = schema {
        map.insert("description".to_owned(), Json::String(description.to_owned()));
    }
}

/// Adds the default, as a person would write it, to a schema.
pub fn with_default(schema: &mut Json, default: &impl fmt::Display) {
    if let Json::Object(map) = schema {
        map.insert("default".to_owned(), Json::String(default.to_string()));
    }
}

/// Adds the range, as a person would write it, to a description.
pub fn with_range(schema: &mut Json, least: &impl fmt::Display, most: &impl fmt::Display) {
    if let Json::Object(map) = schema {
        let range = format!(" From {least} to {most}.");
        if let Some(Json::String(description)) = map.get_mut("description") {
            description.push_str(&range);
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __spec_type {
    (required, $type:ty) => { $type };
    (default, $type:ty) => { $type };
    (group, $type:ty) => { $type };
    (optional, $type:ty) => { Option<$type> };
    (list, $type:ty) => { Vec<$type> };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __spec_decode {
    (list, $type:ty, $value:expr, $decoder:expr) => {
        <Vec<$type> as $crate::decode::Field>::decode($value, $decoder)
    };
    ($mode:ident, $type:ty, $value:expr, $decoder:expr) => {
        <$type as $crate::decode::Field>::decode($value, $decoder)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __spec_present {
    (optional, $read:expr) => {
        $read.map(Some)
    };
    ($mode:ident, $read:expr) => {
        $read
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __spec_absent {
    (required, $type:ty, $node:expr, ($key:expr, $about:expr, $meant:expr), $decoder:expr) => {{
        let written = <$type as $crate::decode::Field>::WRITTEN;
        let place = $crate::decode::missing($node, ($key, written), &$about(), $meant, $decoder);
        <$type as $crate::decode::Field>::placeholder(place)
    }};
    (optional, $type:ty, $node:expr, ($key:expr, $about:expr, $meant:expr), $decoder:expr) => {{
        let _ = $about;
        None
    }};
    (list, $type:ty, $node:expr, ($key:expr, $about:expr, $meant:expr), $decoder:expr) => {{
        let _ = $about;
        Vec::new()
    }};
    (default, $type:ty, $node:expr, ($key:expr, $about:expr, $meant:expr), $decoder:expr, $default:expr) => {{
        let _ = $about;
        $default
    }};
    (group, $type:ty, $node:expr, ($key:expr, $about:expr, $meant:expr), $decoder:expr) => {{
        let _ = $about;
        let empty = $crate::yaml::Node::empty_map($node.span);
        let read = $decoder.below(format!(".{}", $key), |decoder| {
            <$type as $crate::decode::Field>::decode(&empty, decoder)
        });
        read.unwrap_or_else(|| <$type as $crate::decode::Field>::placeholder($node.span))
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __spec_placeholder {
    (required, $type:ty, $span:expr) => {
        <$type as $crate::decode::Field>::placeholder($span)
    };
    (group, $type:ty, $span:expr) => {
        <$type as $crate::decode::Field>::placeholder($span)
    };
    (optional, $type:ty, $span:expr) => {
        None
    };
    (list, $type:ty, $span:expr) => {
        Vec::new()
    };
    (default, $type:ty, $span:expr, $default:expr) => {
        $default
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __first {
    ($first:expr $(, $rest:expr)* $(,)?) => {
        $first
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __spec_schema {
    (list, $type:ty, $book:expr) => {
        <Vec<$type> as $crate::decode::Field>::schema($book)
    };
    ($mode:ident, $type:ty, $book:expr) => {
        <$type as $crate::decode::Field>::schema($book)
    };
}

/// Declares a choice of words: an enum, its spelling, decoding and schema at once.
///
/// ```text
/// words! {
///     /// How guest addresses are translated.
///     pub enum PagingMode {
///         /// Shadow page tables.
///         Shadow = "shadow",
///     }
/// }
/// ```
#[macro_export]
macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident {
            $( $(#[doc = $variant_doc:literal])* $variant:ident = $word:literal ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[doc = $variant_doc])* $variant, )*
        }

        impl $name {
            /// Every choice, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word for it.
            pub const fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl $crate::decode::Field for $name {
            fn decode(node: &$crate::yaml::Node, decoder: &mut $crate::decode::Decoder) -> Option<Self> {
                let words: Vec<&str> = Self::ALL.iter().map(|choice| choice.word()).collect();
                let index = $crate::decode::choice(node, &words, decoder)?;
                Self::ALL.get(index).copied()
            }

            fn placeholder(_: $crate::fault::Span) -> Self {
                $crate::__first!($(Self::$variant),*)
            }

            fn schema(book: &mut $crate::decode::SchemaBook) -> serde_json::Value {
                book.define(stringify!($name), |_| serde_json::json!({
                    "description": $crate::decode::prose(&[$($doc),*]),
                    "oneOf": [$({ "const": $word, "description": $crate::decode::prose(&[$($variant_doc),*]) }),*],
                }))
            }
        }
    };
}

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

/// Declares a choice of maps, tagged from outside (`- live_migrate: {vm: sql01, to: n2}`).
///
/// A variant whose keys all have defaults may also be written as the word alone (`policy: hyperv-r2`).
#[macro_export]
macro_rules! variants {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident {
            $( $(#[doc = $variant_doc:literal])* $variant:ident($type:ty) = $word:literal ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $( $(#[doc = $variant_doc])* $variant($type), )*
        }

        impl $name {
            /// The word that tags it.
            pub const fn word(&self) -> &'static str {
                match self { $( Self::$variant(_) => $word, )* }
            }
        }

        impl $crate::decode::Field for $name {
            fn decode(node: &$crate::yaml::Node, decoder: &mut $crate::decode::Decoder) -> Option<Self> {
                const WORDS: &[&str] = &[$($word),*];
                let (tag, value) = $crate::decode::tagged(node, WORDS, decoder)?;
                decoder.below(format!(".{tag}"), |decoder| match tag.as_str() {
                    $( $word => <$type as $crate::decode::Field>::decode(&value, decoder).map(Self::$variant), )*
                    _ => None,
                })
            }

            fn placeholder(span: $crate::fault::Span) -> Self {
                $crate::__first!($(Self::$variant(<$type as $crate::decode::Field>::placeholder(span))),*)
            }

            fn schema(book: &mut $crate::decode::SchemaBook) -> serde_json::Value {
                book.define(stringify!($name), |book| {
                    let choices: Vec<serde_json::Value> = vec![$({
                        let schema = <$type as $crate::decode::Field>::schema(book);
                        $crate::decode::tagged_schema($word, &$crate::decode::prose(&[$($variant_doc),*]), &schema)
                    }),*];
                    serde_json::json!({ "description": $crate::decode::prose(&[$($doc),*]), "anyOf": choices })
                })
            }
        }
    };
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

#[cfg(test)]
#[expect(dead_code, reason = "the macros declare public types")]
mod tests {
    use super::*;
    use crate::fault::SourceId;
    use crate::yaml::parse;

    words! {
        /// A colour.
        pub enum Colour {
            /// As blood.
            Red = "red",
            /// As the sky.
            Blue = "blue",
        }
    }

    spec! {
        /// A part.
        pub struct PartSpec {
            /// How large.
            size: Bytes => default(Bytes::GIB),
        }
    }

    variants! {
        /// A deed.
        pub enum Deed {
            /// Paints.
            Paint(PartSpec) = "paint",
            /// Cuts.
            Cut(PartSpec) = "cut",
        }
    }

    spec! {
        /// A thing.
        pub struct ThingSpec {
            /// Its name.
            name: Spanned<String> => required,
            /// How many.
            count: u32 [1, 10] => default(1),
            /// Its colour.
            colour: Colour => optional,
            /// Its parts.
            parts: PartSpec => list,
            /// Its main part.
            main: PartSpec => group,
            /// What happens to it.
            deeds: Deed => list,
        }
    }

    fn decode(text: &str) -> (Option<ThingSpec>, Vec<Fault>) {
        let (node, faults) = parse(text, SourceId(0)).expect("valid YAML");
        let mut decoder = Decoder {
            faults,
            ..Decoder::default()
        };
        let thing = ThingSpec::decode(&node, &mut decoder);
        (thing, decoder.faults)
    }

    #[test]
    fn absent_keys_take_their_defaults() {
        let (thing, faults) = decode("name: x\ndeeds: [paint, {cut: {size: 1KiB}}]");
        assert_eq!(faults, []);
        let thing = thing.expect("no faults");
        assert_eq!(
            (thing.count, thing.colour, thing.main.size),
            (1, None, Bytes::GIB)
        );
        assert_eq!(thing.deeds[0], Deed::Paint(PartSpec { size: Bytes::GIB }));
        assert_eq!(thing.deeds[1], Deed::Cut(PartSpec { size: Bytes(1024) }));
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let (thing, faults) =
            decode("nmae: x\ncount: 11\ncolour: rde\nparts: [{size: 3}, {size: big}]\nmain: 7\n");
        let thing = thing.expect("the rest can still be looked at");
        assert_eq!((thing.parts.len(), thing.count), (2, 1));
        let told: Vec<(&str, &str)> = faults
            .iter()
            .map(|fault| (fault.path.as_str(), fault.what.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("nmae", "unknown key `nmae`"),
                ("count", "11 is out of range"),
                ("colour", "`rde` is not known here"),
                ("parts[0].size", "`3` is not a size"),
                ("parts[1].size", "`big` is not a size"),
                ("main", "a text stands where a map of keys should"),
            ]
        );
        assert_eq!(faults[0].help.as_deref(), Some("did you mean `name`?"));
    }

    #[test]
    fn the_schema_says_what_the_decoder_takes() {
        let mut book = SchemaBook::default();
        ThingSpec::schema(&mut book);
        let thing = &book.definitions["ThingSpec"];
        assert_eq!(thing["required"], json!(["name"]));
        assert_eq!(
            thing["properties"]["count"]["description"],
            "How many. From 1 to 10."
        );
        assert_eq!(thing["properties"]["count"]["default"], "1");
        assert_eq!(book.definitions["Colour"]["oneOf"][1]["const"], "blue");
    }
}
