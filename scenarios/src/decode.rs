//! From a YAML tree to typed specs, noting *every* fault on the way, with one declaration for type, check and schema.
//!
//! Each section of the scenario is declared once with [`spec!`](macro@crate::spec), [`words!`](crate::words) or
//! [`variants!`](crate::variants). The
//! declaration gives the Rust type, its decoding with places, its part of the JSON Schema and its page of the
//! reference, so none of the four can go out of date. A decoder never stops at the first fault: it notes it, puts
//! a placeholder in the value's place and goes on, so that even the checks that come after see the whole scenario.

mod choice;
mod declare;
mod describe;
mod keys;
mod value;

pub use choice::{choice, tagged, tagged_schema};
pub use describe::{ARTICLE, SchemaBook, describe, with_default, with_range};
pub use keys::{in_range, map_of, missing, prose, unknown_keys};

use serde_json::Value as Json;

use crate::fault::{FAULTS_MAX, Fault, Span};
use crate::yaml::Node;

/// A value that keeps its place, for checks that look at two places at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value that no author wrote.
    pub const fn invented(value: T) -> Self {
        Self {
            value,
            span: Span::NOWHERE,
        }
    }
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

#[cfg(test)]
#[expect(dead_code, reason = "the macros declare public types")]
mod tests;
