//! Pieces of the JSON Schema.

use std::fmt;

use serde_json::{Map, Value as Json, json};

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

/// What a `spec!` is called where something else stands in its place.
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
