//! Fills in `defaults:` and `profile:`, at the level of the tree, so that decoding sees one complete scenario.
//!
//! An item's own keys win over the defaults, the defaults over the profile. Filling is shallow: a key that is
//! present is taken whole. A profile of `policies` is what was measured of a host, a number here and there, and fills in
//! depth: each of its numbers that the scenario does not have.

use std::collections::{BTreeMap, BTreeSet};

use super::Lookup;
use crate::fault::{FAULTS_MAX, Fault, Sources, Span, suggestion};
use crate::profile::ProfileKind;
use crate::yaml::{Entry, Node, Value, parse};

/// The sections whose items take defaults.
pub const SECTIONS: [&str; 6] = ["hosts", "vms", "networks", "storage", "clusters", "workloads"];

/// Most values that defaults and profiles may fill in: a hundred a host for 200,000 hosts written one by one.
pub const FILLED_MAX: usize = 20_000_000;

/// The keys that say what a VM asks for, of which it has one: a VM that follows a workload takes no `cpu` from its profile.
const DEMANDS: [&str; 2] = ["cpu", "workload"];

/// Fills in defaults, then profiles, and gives the paths of the items whose profile could not be read; nothing when
/// it would be over [`FILLED_MAX`] values.
pub fn fill(
    root: &mut Node,
    lookup: &dyn Lookup,
    sources: &mut Sources,
    faults: &mut Vec<Fault>,
) -> Option<BTreeSet<String>> {
    let mut filler = Filler {
        lookup,
        sources,
        faults,
        filled: 0,
        unread: BTreeSet::new(),
    };
    let filled = filler.defaults(root).and_then(|()| {
        filler.profiles(root, "hosts", ProfileKind::Host)?;
        filler.profiles(root, "vms", ProfileKind::Guest)?;
        filler.policies(root)
    });
    match filled {
        Ok(()) => Some(filler.unread),
        Err(fault) => {
            filler.faults.push(*fault);
            None
        }
    }
}

struct Filler<'a> {
    lookup: &'a dyn Lookup,
    sources: &'a mut Sources,
    faults: &'a mut Vec<Fault>,
    filled: usize,
    unread: BTreeSet<String>,
}

/// A profile as it was read, and its size; nothing when it could not be read.
type Loaded = Option<(Node, usize)>;

impl Filler<'_> {
    fn note(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    /// Fills every item of a section with the keys that `defaults:` has for it, and takes `defaults:` out.
    fn defaults(&mut self, root: &mut Node) -> Result<(), Box<Fault>> {
        let Some(defaults) = root.take("defaults") else {
            return Ok(());
        };
        let Some(sections) = defaults.value.entries() else {
            if !defaults.value.is_null() {
                self.not_a_map(
                    "defaults",
                    &defaults.value,
                    "expected sections, such as `vms: {memory: 4GiB}`",
                );
            }
            return Ok(());
        };
        for section in sections {
            if !SECTIONS.contains(&section.key.as_str()) {
                let what = format!("`{}` takes no defaults", crate::fault::shortened(&section.key));
                self.note(
                    Fault::new(
                        section.key_span,
                        what,
                        "expected a section that is a list of named items",
                    )
                    .help(suggestion(&section.key, SECTIONS))
                    .at_path("defaults"),
                );
            } else if section.value.entries().is_some() {
                let size = section.value.size();
                let items = items_mut(root, &section.key);
                self.count(size.saturating_mul(items.len()), section.key_span)?;
                for item in items {
                    fill_item(item, &section.value);
                }
            } else if !section.value.is_null() {
                let path = format!("defaults.{}", section.key);
                self.not_a_map(
                    &path,
                    &section.value,
                    "expected keys of one item, such as `{memory: 4GiB}`",
                );
            }
        }
        Ok(())
    }

    fn not_a_map(&mut self, path: &str, node: &Node, expected: &str) {
        let what = format!("{} stands where a map of keys should", node.kind());
        self.note(Fault::new(node.span, what, expected).at_path(path));
    }

    fn count(&mut self, values: usize, span: Span) -> Result<(), Box<Fault>> {
        self.filled = self.filled.saturating_add(values);
        if self.filled <= FILLED_MAX {
            return Ok(());
        }
        let what = format!("with defaults and profiles filled in, the scenario has over {FILLED_MAX} values");
        Err(Box::new(
            Fault::new(span, what, "expected fewer items, or less to fill in")
                .help("write alike items once, with `count:`"),
        ))
    }

    /// Fills the items of a section from the profiles they name; the name stays as `model`.
    fn profiles(&mut self, root: &mut Node, section: &str, kind: ProfileKind) -> Result<(), Box<Fault>> {
        // Ten thousand items name a handful of profiles: each is read once.
        let mut read: BTreeMap<String, Loaded> = BTreeMap::new();
        for (index, item) in items_mut(root, section).iter_mut().enumerate() {
            let Some(entry) = item.take("profile") else {
                continue;
            };
            let path = format!("{section}[{index}]");
            let Some(name) = entry
                .value
                .text()
                .filter(|_| !entry.value.is_null())
                .map(ToOwned::to_owned)
            else {
                let what = format!("{} stands where a profile's name should", entry.value.kind());
                self.note(
                    Fault::new(entry.value.span, what, "expected a name").at_path(format!("{path}.profile")),
                );
                self.unread.insert(path);
                continue;
            };
            if !read.contains_key(&name) {
                let loaded = self.load(kind, &name, entry.value.span, &path);
                read.insert(name.clone(), loaded);
            }
            match read.get(&name) {
                Some(Some((profile, size))) => {
                    self.count(*size, entry.key_span)?;
                    fill_item(item, profile);
                }
                _ => {
                    self.unread.insert(path);
                }
            }
            if let Value::Map(entries) = &mut item.value
                && !entries.iter().any(|own| own.key == "model")
            {
                let key = "model".to_owned();
                entries.push(Entry { key, ..entry });
            }
        }
        Ok(())
    }

    /// Fills `policies` from the profile that it names.
    fn policies(&mut self, root: &mut Node) -> Result<(), Box<Fault>> {
        let Some(policies) = root.get_mut("policies") else {
            return Ok(());
        };
        let Some(entry) = policies.take("profile") else {
            return Ok(());
        };
        let Some(name) = entry.value.text().filter(|_| !entry.value.is_null()) else {
            let what = format!("{} stands where a profile's name should", entry.value.kind());
            self.note(Fault::new(entry.value.span, what, "expected a name").at_path("policies.profile"));
            return Ok(());
        };
        if let Some((mut profile, size)) =
            self.load(ProfileKind::Policies, name, entry.value.span, "policies")
        {
            self.count(size, entry.key_span)?;
            // Where its numbers come from is for people.
            profile.take("source");
            profile.take("measured");
            policies.fill_deep_from(&profile);
        }
        Ok(())
    }

    fn load(&mut self, kind: ProfileKind, name: &str, place: Span, path: &str) -> Loaded {
        let path = format!("{path}.profile");
        let text = match self.lookup.profile(kind, name) {
            Ok(text) => text,
            Err(error) => {
                let expected = "expected a profile of the library, or `./FILE.yaml`";
                self.note(
                    Fault::new(place, error.what, expected)
                        .help(error.help)
                        .at_path(path),
                );
                return None;
            }
        };
        let source = self.sources.add(kind.shown(name), text.clone());
        let asked = |fault: Fault| fault.and(place, "this profile is asked for here").at_path(&path);
        let mut node = match parse(&text, source) {
            Ok((node, faults)) => {
                for fault in faults {
                    self.note(asked(fault));
                }
                node
            }
            Err(fault) => {
                self.note(asked(*fault));
                return None;
            }
        };
        if node.entries().is_none() {
            let what = format!("the profile is {}", node.kind());
            self.note(asked(Fault::new(node.span, what, "expected a map of keys")));
            return None;
        }
        // A profile of a profile would have to be looked for in turn; one level is enough.
        if let Some(inner) = node.take("profile") {
            let fault = Fault::new(inner.key_span, "a profile names a profile", "expected keys alone");
            self.note(asked(fault.help("copy its keys")));
        }
        node.take("model");
        let size = node.size();
        Some((node, size))
    }
}

/// Fills an item, but with no other demand where it has one of its own.
fn fill_item(item: &mut Node, from: &Node) {
    let has = |item: &Node, key: &str| {
        item.entries()
            .is_some_and(|own| own.iter().any(|entry| entry.key == key))
    };
    let own = DEMANDS.map(|key| has(item, key));
    item.fill_from(from);
    if own.contains(&true) {
        for (key, own) in DEMANDS.into_iter().zip(own) {
            if !own {
                item.take(key);
            }
        }
    }
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
