//! The JSON Schema of the scenario, for editors, made from the declarations that also read it.

pub mod reference;

use serde_json::{Map, Value as Json, json};

use crate::decode::{Field, SchemaBook};
use crate::profile::{ProfileKind, names};
use crate::read::fill::SECTIONS;
use crate::spec::ScenarioSpec;

/// What may name a profile, by its spec.
const PROFILED: [(&str, ProfileKind, &str); 3] = [
    (
        "PoliciesSpec",
        ProfileKind::Policies,
        "`./FILE.yaml`, such as `twinrack calibrate` writes",
    ),
    (
        "HostSpec",
        ProfileKind::Host,
        "`./FILE.yaml` or a name of the library",
    ),
    (
        "VmSpec",
        ProfileKind::Guest,
        "`./FILE.yaml` or a name of the library",
    ),
];

/// The schema, draft 2020-12, `defaults:` and `profile:` included, which are filled in before decoding.
pub fn json_schema() -> Json {
    let mut book = SchemaBook::default();
    ScenarioSpec::schema(&mut book);
    let mut definitions = book.definitions;
    for (item, kind, written) in PROFILED {
        add_profile(&mut definitions, item, kind, written);
    }
    let mut root = definitions
        .remove("ScenarioSpec")
        .unwrap_or_else(|| json!({ "type": "object" }));
    let defaults = defaults(&root, &definitions);
    if let Some(properties) = root["properties"].as_object_mut() {
        properties.insert("defaults".to_owned(), defaults);
    }
    // What defaults or a profile give need not stand in the item.
    for section in SECTIONS {
        let item = item_of(&root, section);
        if let Some(item) = item.and_then(|name| definitions.get_mut(&name)) {
            item["required"] = json!(["name"]);
        }
    }
    let mut schema = Map::new();
    schema.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    schema.insert("title".to_owned(), json!("A twinrack scenario"));
    if let Json::Object(root) = root {
        schema.extend(root);
    }
    schema.insert("$defs".to_owned(), Json::Object(definitions));
    Json::Object(schema)
}

/// The schema as it is checked in: indented, keys in order, with a last line end.
pub fn json_schema_text() -> String {
    // A tree of JSON values always serialises.
    serde_json::to_string_pretty(&json_schema()).unwrap_or_default() + "\n"
}

/// The name of the definition of a section's items.
fn item_of(root: &Json, section: &str) -> Option<String> {
    let reference = root["properties"][section]["items"]["$ref"].as_str()?;
    Some(reference.trim_start_matches("#/$defs/").to_owned())
}

fn add_profile(definitions: &mut Map<String, Json>, item: &str, kind: ProfileKind, written: &str) {
    let Some(properties) = definitions
        .get_mut(item)
        .and_then(|item| item["properties"].as_object_mut())
    else {
        return;
    };
    let known = names(kind);
    let profile = json!({
        "type": "string",
        "description": format!("A profile whose keys are filled in where the item and `defaults` have none: {written}."),
        "examples": known,
    });
    properties.insert("profile".to_owned(), profile);
}

/// `defaults:`: for each section the keys of its items, none of them required.
fn defaults(root: &Json, definitions: &Map<String, Json>) -> Json {
    let mut sections = Map::new();
    for section in SECTIONS {
        let keys = item_of(root, section)
            .and_then(|name| definitions.get(&name))
            .map(|item| item["properties"].clone())
            .unwrap_or_default();
        sections.insert(
            section.to_owned(),
            json!({
                "type": "object",
                "description": format!("Keys for every item of `{section}` that does not have them."),
                "properties": keys,
                "additionalProperties": false,
            }),
        );
    }
    json!({
        "type": "object",
        "description": "Keys that are filled into every item of a section; an item's own keys win, and these win over its profile.",
        "properties": sections,
        "additionalProperties": false,
    })
}
