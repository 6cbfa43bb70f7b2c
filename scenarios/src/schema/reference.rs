//! The reference pages of the manual, made from the schema and from the registry of figures.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use super::json_schema;
use crate::record::figure;

const HEAD_OF_SCENARIO: &str = "\
# Reference: the scenario

<!-- Generated from the declarations in scenarios/src/spec; UPDATE_SCHEMA=1 cargo test -p twinrack-scenario --test schema -->

Every key of a scenario file, with its form, whether it must be there, and its default. How the parts work together is
told in [Writing a scenario](../scenario.md). A size is written `16GiB`, a data rate `10Gb/s` or `110MB/s`, a duration
`250ms`, a share `75%` or `0.75`, a rate of events `4000/s`, a frequency `2.93GHz`, a power `245W`.
";

const HEAD_OF_FIGURES: &str = "\
# Reference: figures

<!-- Generated from scenarios/src/record/figure.rs; UPDATE_SCHEMA=1 cargo test -p twinrack-scenario --test schema -->

Every number that a run can have, as `expect:` and the record name it. A figure with statistics is named with one of
them (`migration.downtime_s.max`), a figure without stands alone (`migration.completed`). Unit `1` is a count or a share. `better` is the way
`compare` takes for better; where it is empty, a change is neither.
";

/// `docs/src/reference/scenario.md`: the keys at the top, then each kind of item in the order it is met.
pub fn scenario_page() -> String {
    let schema = json_schema();
    let mut page = Page {
        text: HEAD_OF_SCENARIO.to_owned(),
        definitions: schema["$defs"].as_object().cloned().unwrap_or_default(),
        waiting: Vec::new(),
    };
    page.section("The top of the file", &schema);
    let mut next = 0;
    while let Some(name) = page.waiting.get(next).cloned() {
        next += 1;
        if let Some(definition) = page.definitions.get(&name).cloned() {
            page.definition(&name, &definition);
        }
    }
    page.text
}

/// `docs/src/reference/figures.md`: a table for each group.
pub fn figures_page() -> String {
    let mut text = HEAD_OF_FIGURES.to_owned();
    let mut group = "";
    for kind in figure::registry() {
        let own = kind.name.split('.').next().unwrap_or_default();
        if own != group {
            group = own;
            // Writing into a text can't fail.
            let _ = write!(
                text,
                "\n## {group}\n\n| figure | statistics | unit | better | meaning |\n| --- | --- | --- | --- | --- |\n"
            );
        }
        let stats = if kind.stats.is_empty() {
            "—".to_owned()
        } else {
            kind.stats.join(", ")
        };
        let _ = writeln!(
            text,
            "| `{}` | {stats} | {} | {} | {} |",
            kind.name,
            kind.unit,
            kind.better.word(),
            kind.meaning
        );
    }
    text
}

struct Page {
    text: String,
    definitions: Map<String, Json>,
    /// Definitions in the order they are met.
    waiting: Vec<String>,
}

impl Page {
    fn definition(&mut self, name: &str, definition: &Json) {
        if definition["properties"].is_object() {
            self.section(&title(name), definition);
        } else if let Some(words) = definition["oneOf"].as_array() {
            self.heading(&title(name), definition);
            self.text.push_str("| word | meaning |\n| --- | --- |\n");
            for word in words {
                let _ = writeln!(
                    self.text,
                    "| `{}` | {} |",
                    plain(&word["const"]),
                    cell(&word["description"])
                );
            }
        } else if let Some(choices) = definition["anyOf"].as_array() {
            self.heading(&title(name), definition);
            self.text
                .push_str("Exactly one of:\n\n| key | meaning | its keys |\n| --- | --- | --- |\n");
            for choice in choices {
                let tagged = choice["anyOf"][1]["properties"].as_object();
                for (word, below) in tagged.into_iter().flatten() {
                    let form = self.form(below);
                    let _ = writeln!(
                        self.text,
                        "| `{word}` | {} | {form} |",
                        cell(&choice["description"])
                    );
                }
            }
        }
    }

    fn heading(&mut self, title: &str, schema: &Json) {
        let _ = write!(self.text, "\n## {title}\n\n{}\n\n", plain(&schema["description"]));
    }

    fn section(&mut self, title: &str, schema: &Json) {
        self.heading(title, schema);
        let Some(properties) = schema["properties"].as_object().filter(|keys| !keys.is_empty()) else {
            self.text.push_str("It has no keys.\n");
            return;
        };
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        self.text
            .push_str("| key | form | default | meaning |\n| --- | --- | --- | --- |\n");
        let (first, others): (Vec<_>, Vec<_>) = properties
            .clone()
            .into_iter()
            .partition(|(key, _)| required.contains(&key.as_str()));
        for (key, schema) in first.into_iter().chain(others) {
            let form = self.form(&schema);
            let default = match schema["default"].as_str() {
                Some(default) => format!("`{default}`"),
                None if required.contains(&key.as_str()) => "required".to_owned(),
                None => String::new(),
            };
            let _ = writeln!(
                self.text,
                "| `{key}` | {form} | {default} | {} |",
                cell(&schema["description"])
            );
        }
    }

    /// What a value looks like: a link when it has a section of its own.
    fn form(&mut self, schema: &Json) -> String {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.trim_start_matches("#/$defs/").to_owned();
            let definition = self.definitions.get(&name).cloned().unwrap_or_default();
            if definition["type"].is_array() {
                let written = plain(&definition["description"]);
                return written.split(", written").next().unwrap_or_default().to_owned();
            }
            if !self.waiting.contains(&name) {
                self.waiting.push(name.clone());
            }
            let title = title(&name);
            return format!("[{title}](#{})", title.to_lowercase().replace(' ', "-"));
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let forms: Vec<String> = choices.iter().map(|choice| self.form(choice)).collect();
            return forms.join(", or ");
        }
        match schema["type"].as_str() {
            Some("array") => format!("list of {}", self.form(&schema["items"])),
            Some("string") => "text".to_owned(),
            Some("boolean") => "`true` or `false`".to_owned(),
            Some("integer") => "whole number".to_owned(),
            Some("object") => "map".to_owned(),
            other => other.unwrap_or("value").to_owned(),
        }
    }
}

/// `LiveMigrateSpec` as a heading: "Live migrate".
fn title(name: &str) -> String {
    let mut title = String::new();
    for c in name.strip_suffix("Spec").unwrap_or(name).chars() {
        if c.is_uppercase()
            && !title.is_empty()
            && !title.ends_with(|last: char| last.is_uppercase() || last == ' ')
        {
            title.push(' ');
            title.extend(c.to_lowercase());
        } else {
            title.push(c);
        }
    }
    title
}

fn plain(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A description as one cell of a table.
fn cell(value: &Json) -> String {
    plain(value).replace('|', "\\|").replace('\n', " ")
}
