//! Numbered entities: hosts and VMs written once with a `count`, found by number or by name.

use std::collections::BTreeMap;

use crate::decode::Spanned;
use crate::spec::ScenarioSpec;

macro_rules! entity_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The number as an index.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

entity_id! {
    /// A host, numbered from 0 in the order of the scenario.
    HostId
}
entity_id! {
    /// A virtual machine, numbered from 0 in the order of the scenario.
    VmId
}
entity_id! {
    /// A network, numbered from 0 in the order of the scenario.
    NetworkId
}
entity_id! {
    /// A volume, numbered from 0 in the order of the scenario.
    VolumeId
}
entity_id! {
    /// A migration, numbered from 0 in the order of the requests.
    MigrationId
}

/// Digits of the greatest number that an entity of a group can have.
const NUMBER_DIGITS_MAX: usize = 10;

/// Entities of one kind, in groups of alike ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    groups: Vec<Group>,
    by_name: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    first: u32,
    count: u32,
    numbered: bool,
}

impl Fleet {
    /// The hosts of a spec: group `g` is its item `g`.
    pub fn of_hosts(spec: &ScenarioSpec) -> Self {
        Self::of(
            spec.hosts
                .iter()
                .map(|host| (host.name.as_str(), host.count.as_ref())),
        )
    }

    /// The VMs of a spec.
    pub fn of_vms(spec: &ScenarioSpec) -> Self {
        Self::of(spec.vms.iter().map(|vm| (vm.name.as_str(), vm.count.as_ref())))
    }

    fn of<'a>(items: impl Iterator<Item = (&'a str, Option<&'a Spanned<u32>>)>) -> Self {
        let mut fleet = Self::default();
        for (name, count) in items {
            fleet.add(name, count.map_or(1, |count| count.value), count.is_some());
        }
        fleet
    }

    /// Adds `count` entities called `name`, or `name1` … when `numbered`. A name used before stays with its first
    /// owner: validation has reported it.
    pub fn add(&mut self, name: &str, count: u32, numbered: bool) {
        let first = self.len();
        self.by_name.entry(name.to_owned()).or_insert(self.groups.len());
        self.groups.push(Group {
            name: name.to_owned(),
            first,
            count: count.min(u32::MAX - first),
            numbered,
        });
    }

    /// How many entities there are.
    pub fn len(&self) -> u32 {
        self.groups.last().map_or(0, |group| group.first + group.count)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many groups there are; group `g` is item `g` of the scenario's list.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// The group that entity `index` belongs to.
    pub fn group_of(&self, index: u32) -> usize {
        self.groups
            .partition_point(|group| group.first + group.count <= index)
    }

    /// The entities of a group.
    pub fn members(&self, group: usize) -> std::ops::Range<u32> {
        self.groups
            .get(group)
            .map_or(0..0, |group| group.first..group.first + group.count)
    }

    /// The name of entity `index`.
    pub fn name(&self, index: u32) -> String {
        match self.groups.get(self.group_of(index)) {
            Some(group) if group.numbered => format!("{}{}", group.name, index - group.first + 1),
            Some(group) => group.name.clone(),
            None => format!("#{index}"),
        }
    }

    /// The entities that `name` means: one, or all of a group.
    pub fn find(&self, name: &str) -> Option<std::ops::Range<u32>> {
        if let Some(group) = self.by_name.get(name) {
            return Some(self.members(*group));
        }
        self.find_counted(name).map(|at| at..at + 1)
    }

    /// The member of a counted group that `name` is: `web2` of `web`.
    pub fn find_counted(&self, name: &str) -> Option<u32> {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        // The number may itself follow digits that belong to the group's name: try every split that leaves a number
        // of 32 bits.
        let longest = name.len().saturating_sub(NUMBER_DIGITS_MAX);
        (stem.len().max(1).max(longest)..name.len()).find_map(|split| {
            let (stem, number) = name.split_at_checked(split)?;
            let group = self
                .groups
                .get(*self.by_name.get(stem)?)
                .filter(|group| group.numbered)?;
            let number: u32 = number.parse().ok().filter(|_| !number.starts_with('0'))?;
            (1..=group.count)
                .contains(&number)
                .then(|| group.first + number - 1)
        })
    }

    /// The one entity that `name` means; a group of several is none.
    pub fn find_one(&self, name: &str) -> Option<u32> {
        self.find(name)
            .filter(|range| range.len() == 1)
            .map(|range| range.start)
    }

    /// The names as suggestions show them: `sql01`, or the first and last of a counted group.
    pub fn shown_names(&self) -> impl Iterator<Item = String> + '_ {
        const SHOWN: usize = 10_000;
        self.groups
            .iter()
            .take(SHOWN)
            .map(|group| match (group.numbered, group.count) {
                (true, 2..) => format!("{0}1` to `{0}{1}", group.name, group.count),
                (true, _) => format!("{}1", group.name),
                (false, _) => group.name.clone(),
            })
    }

    /// The names that groups were given.
    pub fn group_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.groups.iter().map(|group| group.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        let mut fleet = Fleet::default();
        fleet.add("sql01", 1, false);
        fleet.add("web", 3, true);
        fleet.add("r7n", 12, true);
        assert_eq!(fleet.len(), 16);
        for index in 0..fleet.len() {
            assert_eq!(
                fleet.find_one(&fleet.name(index)),
                Some(index),
                "{}",
                fleet.name(index)
            );
        }
        assert_eq!(fleet.name(3), "web3");
        assert_eq!(fleet.find("web"), Some(1..4));
        assert_eq!(fleet.find("web4"), None);
        assert_eq!(fleet.find("web01"), None);
        assert_eq!(fleet.group_of(4), 2);
    }
}
