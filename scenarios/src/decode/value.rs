//! Values: texts, numbers, quantities and lists.

use serde_json::{Value as Json, json};

use super::{Decoder, Field, SchemaBook, Spanned};
use crate::fault::{Fault, Span, shortened};
use crate::scale::Factor;
use crate::time::TimeOfDay;
use crate::units::{
    BitsPerSecond, Bytes, Cycles, Hertz, Joules, PerSecond, QuantityError, Ratio, SimDuration, Watts,
};
use crate::yaml::{Node, Value};

pub(super) fn text_of<'a>(
    node: &'a Node,
    decoder: &mut Decoder,
    wanted: &str,
    example: &str,
) -> Option<&'a str> {
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
    Factor,
    SimDuration,
    TimeOfDay
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
