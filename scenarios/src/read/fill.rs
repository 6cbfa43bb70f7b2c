//! Fills in `defaults:` and `profile:`, at the level of the tree, so that decoding sees one complete scenario.
//!
//! An item's own keys win over the defaults, the defaults over the profile. Filling is shallow: a key that is
//! present is taken whole.

use super::Lookup;
use crate::fault::{Fault, Sources, suggestion};
use crate::profile::ProfileKind;
use crate::yaml::{Entry, Node, Value, parse};

/// The sections whose items take defaults.
pub const SECTIONS: [&str; 6] = ["hosts", "vms", "networks", "storage", "clusters", "workloads"];

/// Fills every item of a section with the keys that `defaults:` has for it, and takes `defaults:` out.
pub fn defaults(root: &mut Node, faults: &mut Vec<Fault>) {
    let Some(defaults) = root.take("defaults") else {
        return;
    };
    let Some(sections) = defaults.value.entries() else {
        if !defaults.value.is_null() {
            faults.push(
                Fault::new(
                    defaults.value.span,
                    format!("{} stands where sections should", defaults.value.kind()),
                    "expected `vms: {…}`, `hosts: {…}`",
                )
                .at_path("defaults"),
            );
        }
        return;
    };
    for section in sections {
        if !SECTIONS.contains(&section.key.as_str()) {
            faults.push(
                Fault::new(
                    section.key_span,
                    format!("`{}` is no section with defaults", section.key),
                    "no such section",
                )
                .help(suggestion(&section.key, SECTIONS))
                .at_path("defaults"),
            );
            continue;
        }
        if section.value.entries().is_none() {
            faults.push(
                Fault::new(
                    section.value.span,
                    format!("{} stands where keys should", section.value.kind()),
                    "expected a map of keys",
                )
                .at_path(format!("defaults.{}", section.key)),
            );
        }
        for item in items_mut(root, &section.key) {
            item.fill_from(&section.value);
        }
    }
}

/// Fills hosts and VMs from the profiles they name; the name stays as `model`.
pub fn profiles(root: &mut Node, lookup: &dyn Lookup, sources: &mut Sources, faults: &mut Vec<Fault>) {
    for (section, kind) in [("hosts", ProfileKind::Host), ("vms", ProfileKind::Guest)] {
        // Ten thousand items name a handful of profiles: each is read once.
        let mut read: Vec<(String, Option<Node>)> = Vec::new();
        for (index, item) in items_mut(root, section).iter_mut().enumerate() {
            let Some(entry) = item.take("profile") else {
                continue;
            };
            let Some(name) = entry.value.text().map(ToOwned::to_owned) else {
                let what = format!("{} stands where a profile's name should", entry.value.kind());
                faults.push(
                    Fault::new(entry.value.span, what, "expected a name")
                        .at_path(format!("{section}[{index}].profile")),
                );
                continue;
            };
            let at = read
                .iter()
                .position(|(known, _)| *known == name)
                .unwrap_or_else(|| {
                    read.push((name.clone(), None));
                    let profile = load(kind, &name, lookup, sources).map_err(|fault| {
                        faults.push(
                            Fault {
                                span: Some(entry.value.span),
                                ..fault
                            }
                            .at_path(format!("{section}[{index}].profile")),
                        );
                    });
                    let last = read.len() - 1;
                    read[last].1 = profile.ok();
                    last
                });
            if let Some(profile) = &read[at].1 {
                item.fill_from(profile);
            }
            if let Value::Map(entries) = &mut item.value
                && !entries.iter().any(|own| own.key == "model")
            {
                entries.push(Entry {
                    key: "model".to_owned(),
                    ..entry
                });
            }
        }
    }
}

fn load(kind: ProfileKind, name: &str, lookup: &dyn Lookup, sources: &mut Sources) -> Result<Node, Fault> {
    let text = lookup.profile(kind, name).map_err(|error| {
        Fault::of_input(error.what, "expected a profile of the library or a file").help(error.help)
    })?;
    let source = sources.add(format!("profile {name}"), text.clone());
    let (mut node, mut faults) = parse(&text, source)?;
    if let Some(fault) = faults.pop() {
        return Err(fault);
    }
    if node.entries().is_none() {
        return Err(Fault::new(
            node.span,
            format!("the profile is {}", node.kind()),
            "expected a map of keys",
        ));
    }
    node.take("model");
    Ok(node)
}

fn items_mut<'a>(root: &'a mut Node, section: &str) -> &'a mut [Node] {
    match root.get_mut(section) {
        Some(Node {
            value: Value::List(items),
            ..
        }) => items,
        _ => &mut [],
    }
}
