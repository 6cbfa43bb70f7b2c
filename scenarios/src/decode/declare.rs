//! The macros that declare sections: [`spec!`](crate::spec) for maps, [`words!`](crate::words) for words and
//! [`variants!`](crate::variants) for tagged maps.

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
///
/// `pub struct HostSpec, filled from "profile" {` names a key that authors write too, but that is used up before decoding: a
/// misspelt one is told its name, a list of what is known has it.
#[macro_export]
macro_rules! spec {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident $(, filled from $filler:literal)? {
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
                const KNOWN: &[&str] = &[$(stringify!($field),)* $($filler)?];
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
