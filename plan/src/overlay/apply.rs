//! Changes made to a scenario's text: at the level of its tree, before defaults and profiles are filled in, so that what comes out
//! reads like what its author wrote.

use twinrack_scenario::fault::{SourceId, Sources, Span, suggestion};
use twinrack_scenario::profile::{self, ProfileKind};
use twinrack_scenario::read::set;
use twinrack_scenario::yaml::{Entry, Node, Value, parse};

use super::change::Counted;
use super::{Change, OverlayError};

/// What is wrong, and the mend.
type Wrong = (String, String);

/// The text of a scenario with a change made to it. Its comments at the top stay, others are lost.
pub fn overlaid(text: &str, change: &Change) -> Result<String, OverlayError> {
    let wrong = |(what, help)| OverlayError {
        overlay: change.to_string(),
        what,
        help,
    };
    let unread = || {
        wrong((
            "the scenario is no YAML".to_owned(),
            "see `twinrack check`".to_owned(),
        ))
    };
    let (mut root, faults) = parse(text, SourceId(0)).map_err(|_| unread())?;
    if !faults.is_empty() {
        return Err(unread());
    }
    make(&mut root, change).map_err(wrong)?;
    let head = text.lines().take_while(|line| line.starts_with('#'));
    let head: Vec<String> = head.map(|line| format!("{line}\n")).collect();
    // A tree of texts, lists and maps always serialises.
    Ok(head.concat() + &serde_yaml::to_string(&root).unwrap_or_default())
}

fn make(root: &mut Node, change: &Change) -> Result<(), Wrong> {
    match change {
        Change::AddHosts(counted) => add_hosts(root, counted),
        Change::RemoveHosts(counted) => remove(root, "hosts", counted),
        Change::AddVms(counted) => {
            let (group, _) = group(root, "vms", counted)?;
            let count = count_of(root, "vms", &group)?;
            set(
                root,
                &format!("vms.{group}.count"),
                &(count + counted.count).to_string(),
            )
        }
        Change::RemoveVms(counted) => remove(root, "vms", counted),
        Change::Growth(monthly) => set(root, "plan.growth.monthly", monthly),
        Change::Set(path, value) => set(root, path, value),
    }
}

fn set(root: &mut Node, path: &str, value: &str) -> Result<(), Wrong> {
    set::apply(root, path, value, &mut Sources::default())
        .map_err(|fault| (fault.what.clone(), fault.help.unwrap_or(fault.expected)))
}

/// More hosts: of a group that is there, of the group with that profile, or of a new group.
fn add_hosts(root: &mut Node, counted: &Counted) -> Result<(), Wrong> {
    let known = group(root, "hosts", counted).ok().map(|(group, _)| group);
    let alike = || {
        let of = counted.of.as_deref()?;
        names(root, "hosts")
            .into_iter()
            .find(|name| profile_of(root, name).as_deref() == Some(of))
    };
    if let Some(group) = known.or_else(alike) {
        let count = count_of(root, "hosts", &group)?;
        let count = count.saturating_add(counted.count).to_string();
        return set(root, &format!("hosts.{group}.count"), &count);
    }
    let profile = counted.of.clone().unwrap_or_default();
    if !profile::is_file(&profile) && profile::text(ProfileKind::Host, &profile).is_none() {
        let groups = names(root, "hosts");
        let known = groups
            .iter()
            .map(String::as_str)
            .chain(profile::names(ProfileKind::Host));
        let what = format!("there is no group of hosts and no host profile `{profile}`");
        return Err((what, suggestion(&profile, known)));
    }
    new_group(root, counted.count, &profile)
}

/// A group of a profile, beside the one that is sought: in its racks, on its feeds, in its cluster and networks.
fn new_group(root: &mut Node, count: u32, profile: &str) -> Result<(), Wrong> {
    let stem = profile
        .rsplit('/')
        .next()
        .unwrap_or(profile)
        .trim_end_matches(".yaml");
    // Hosts are numbered behind the name: `dell-r740-8280-1`.
    let name = format!("{stem}-");
    let beside = sought(root).and_then(|sought| item(root, "hosts", &sought));
    let mut entries = vec![
        entry("name", Node::scalar(&name, Span::NOWHERE)),
        entry("count", Node::scalar(count.to_string(), Span::NOWHERE)),
        entry("profile", Node::scalar(profile, Span::NOWHERE)),
    ];
    for key in ["racks", "feeds", "nics", "edition"] {
        entries.extend(
            beside
                .and_then(|item| item.get(key))
                .map(|value| entry(key, value.clone())),
        );
    }
    let group = Node {
        span: Span::NOWHERE,
        value: Value::Map(entries),
    };
    let clusters = items(root, "clusters").len();
    let listed = items(root, "clusters")
        .iter()
        .any(|cluster| cluster.get("hosts").is_some());
    if listed && clusters > 1 {
        let what = format!("in which of the {clusters} clusters?");
        return Err((
            what,
            "add hosts to a group that is in one, such as `add-hosts=6:node`".to_owned(),
        ));
    }
    for section in ["clusters", "networks"] {
        for item in items_mut(root, section).into_iter().flatten() {
            if let Some(Value::List(hosts)) = item.get_mut("hosts").map(|hosts| &mut hosts.value) {
                hosts.push(Node::scalar(&name, Span::NOWHERE));
            }
        }
    }
    match items_mut(root, "hosts") {
        Some(hosts) => hosts.push(group),
        None => {
            return Err((
                "the scenario has no `hosts`".to_owned(),
                "see `twinrack check`".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Fewer of a group; the group goes with its last.
fn remove(root: &mut Node, section: &str, counted: &Counted) -> Result<(), Wrong> {
    let (group, at) = group(root, section, counted)?;
    let count = count_of(root, section, &group)?;
    let Some(left) = count.checked_sub(counted.count) else {
        let what = format!("there are but {count} of `{group}`");
        return Err((what, format!("remove at most {count}")));
    };
    if left > 0 {
        return set(root, &format!("{section}.{group}.count"), &left.to_string());
    }
    if let Some(items) = items_mut(root, section) {
        items.remove(at);
    }
    for section in ["clusters", "networks"] {
        for item in items_mut(root, section).into_iter().flatten() {
            if let Some(Value::List(hosts)) = item.get_mut("hosts").map(|hosts| &mut hosts.value) {
                hosts.retain(|host| host.text() != Some(group.as_str()));
            }
        }
    }
    Ok(())
}

/// The group that is meant, and its place in its section: the one that is named, or the one that the plan seeks.
fn group(root: &Node, section: &str, counted: &Counted) -> Result<(String, usize), Wrong> {
    let name = match &counted.of {
        Some(name) => name.clone(),
        None if section == "hosts" => sought(root).unwrap_or_default(),
        None => String::new(),
    };
    let names = names(root, section);
    let found = names.iter().position(|known| *known == name);
    let what = || format!("there is no group `{name}` in `{section}`");
    let help = || suggestion(&name, names.iter().map(String::as_str));
    found.map(|at| (name.clone(), at)).ok_or_else(|| (what(), help()))
}

/// How many a group has; one without `count` has a name of its own, and can't become several.
fn count_of(root: &Node, section: &str, group: &str) -> Result<u32, Wrong> {
    let count = item(root, section, group).and_then(|item| item.get("count")?.text()?.parse().ok());
    count.ok_or_else(|| {
        let what = format!("`{group}` is one of its own, not a group");
        (
            what,
            format!("give it `count: 1` in `{section}`; it is then called `{group}1`"),
        )
    })
}

/// The profile of a group of hosts: its own, or that of `defaults`.
fn profile_of(root: &Node, group: &str) -> Option<String> {
    let own = item(root, "hosts", group)?.get("profile");
    let default = || root.get("defaults")?.get("hosts")?.get("profile");
    own.or_else(default)?.text().map(ToOwned::to_owned)
}

/// The group whose number the plan seeks.
fn sought(root: &Node) -> Option<String> {
    root.get("plan")?.get("hosts")?.text().map(ToOwned::to_owned)
}

fn names(root: &Node, section: &str) -> Vec<String> {
    let name = |item: &Node| item.get("name")?.text().map(ToOwned::to_owned);
    items(root, section)
        .iter()
        .map(|item| name(item).unwrap_or_default())
        .collect()
}

fn item<'n>(root: &'n Node, section: &str, name: &str) -> Option<&'n Node> {
    items(root, section)
        .iter()
        .find(|item| item.get("name").and_then(Node::text) == Some(name))
}

fn items<'n>(root: &'n Node, section: &str) -> &'n [Node] {
    match root.get(section).map(|list| &list.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

/// The items of a section; nothing where it is absent or no list.
fn items_mut<'n>(root: &'n mut Node, section: &str) -> Option<&'n mut Vec<Node>> {
    match &mut root.get_mut(section)?.value {
        Value::List(items) => Some(items),
        _ => None,
    }
}

fn entry(key: &str, value: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        key_span: Span::NOWHERE,
        value,
    }
}
