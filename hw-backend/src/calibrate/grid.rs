//! The grid of cases on which the two bodies are compared: each is a scenario of one VM that is moved once.

use std::collections::BTreeSet;

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Memory, MiB.
    pub memory: u64,
    /// Virtual processors.
    pub vcpus: u32,
    /// Its classes of pages: (size in MiB, page writes each second, pattern).
    pub classes: Vec<(u64, u64, &'static str)>,
    /// The link, Mb/s.
    pub link: u64,
}

impl Cell {
    /// What it is called in tables, and known by when a comparison goes on.
    pub fn name(&self) -> String {
        let classes: Vec<String> = self
            .classes
            .iter()
            .map(|(size, rate, pattern)| format!("{rate}/s {pattern} in {size} MiB"))
            .collect();
        format!(
            "{} MiB, {} vCPU, {}, {} Mb/s",
            self.memory,
            self.vcpus,
            classes.join(" + "),
            self.link
        )
    }

    /// The case as a scenario.
    pub fn scenario(&self) -> String {
        let classes: Vec<String> = self
            .classes
            .iter()
            .map(|(size, rate, pattern)| format!("{{size: {size}MiB, rate: {rate}/s, pattern: {pattern}}}"))
            .collect();
        format!(
            "name: twin\nduration: 10min\n\
             hosts: [{{name: n, count: 2, memory: 64GiB, sockets: 1, cores: 64}}]\n\
             networks: [{{name: lan, speed: {link}Mb/s, framing: none, latency: 0ns}}]\n\
             storage: [{{name: csv, kind: csv}}]\n\
             clusters: [{{name: c}}]\n\
             vms:\n  - {{name: vm, host: n1, memory: {memory}MiB, vcpus: {vcpus}, cpu: 1%, dirtying: [{classes}]}}\n\
             policies:\n  migration:\n    policy: {{hyperv-r2: {{threshold_time: 30ms}}}}\n    bandwidth: {link}Mb/s\n\
             timeline:\n  - live_migrate: {{at: 1s, vm: vm, to: n2}}\n",
            link = self.link,
            memory = self.memory,
            vcpus = self.vcpus,
            classes = classes.join(", "),
        )
    }
}

/// A case like all others, of which nothing is compared.
pub fn sample() -> Cell {
    Cell {
        memory: 64,
        vcpus: 1,
        classes: vec![(16, 0, "random")],
        link: 1000,
    }
}

/// A few cases of each kind: minutes.
pub fn quick() -> Vec<Cell> {
    let mut cells = beyond(256, 1000);
    cells.extend(product(&[64, 256], &[0, 5_000, 20_000, 50_000], &[4, 2], &[1000]));
    cells
}

/// Memory from 64 MiB to 1 GiB, up to 200,000 pages each second, 200 Mb/s and 1 Gb/s, and what lies beyond a single class:
/// hours.
pub fn full() -> Vec<Cell> {
    let rates = [0, 1_000, 5_000, 20_000, 50_000, 200_000];
    let mut cells = product(&[64, 256, 1024], &rates, &[8, 2], &[1000, 200]);
    for link in [1000, 200] {
        cells.extend(beyond(256, link));
        cells.extend(beyond(512, link));
    }
    let (mut small, large) = cells.into_iter().partition(|cell: &Cell| cell.memory <= 256);
    small = covering(small);
    small.extend(covering(large));
    small
}

/// A level of a factor: which, and the level.
type Level = (&'static str, String);

impl Cell {
    fn levels(&self) -> Vec<Level> {
        let of = |of: fn(&(u64, u64, &'static str)) -> String| {
            let each: Vec<String> = self.classes.iter().map(of).collect();
            each.join("+")
        };
        vec![
            ("memory", self.memory.to_string()),
            ("processors", self.vcpus.to_string()),
            ("rate", of(|class| class.1.to_string())),
            (
                "part",
                (self.memory / self.classes.first().map_or(1, |class| class.0)).to_string(),
            ),
            ("pattern", of(|class| class.2.to_owned())),
            ("link", self.link.to_string()),
        ]
    }

    /// All pairs of levels that it shows together.
    fn pairs(&self) -> BTreeSet<(Level, Level)> {
        let levels = self.levels();
        let pairs = levels.iter().enumerate().flat_map(|(at, one)| {
            levels[at + 1..]
                .iter()
                .map(move |other| (one.clone(), other.clone()))
        });
        pairs.collect()
    }
}

/// The same cells in another order: first those that show the most pairs of levels which none before them showed, so that a comparison
/// that is ended early has seen each level beside each other one.
fn covering(mut cells: Vec<Cell>) -> Vec<Cell> {
    let (mut ordered, mut shown) = (Vec::new(), BTreeSet::new());
    loop {
        let new = |cell: &Cell| cell.pairs().difference(&shown).count();
        // Of equals the first.
        let best = (0..cells.len()).rev().max_by_key(|at| new(&cells[*at]));
        match best.filter(|at| new(&cells[*at]) > 0) {
            Some(at) => {
                let cell = cells.remove(at);
                shown.extend(cell.pairs());
                ordered.push(cell);
            }
            None => break,
        }
    }
    ordered.extend(cells);
    ordered
}

/// All combinations; a working set is memory over one of `parts`.
fn product(memories: &[u64], rates: &[u64], parts: &[u64], links: &[u64]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (&link, &memory) in links
        .iter()
        .flat_map(|link| memories.iter().map(move |memory| (link, memory)))
    {
        for &rate in rates {
            // A guest that writes nothing has no working set and no pattern.
            let (parts, patterns): (&[u64], &[&str]) = match rate {
                0 => (&parts[..1], &["random"]),
                _ => (parts, &["random", "sequential"]),
            };
            for (&part, &pattern) in parts
                .iter()
                .flat_map(|part| patterns.iter().map(move |way| (part, way)))
            {
                let classes = vec![(memory / part, rate, pattern)];
                cells.push(Cell {
                    memory,
                    vcpus: 1,
                    classes,
                    link,
                });
            }
        }
    }
    cells
}

/// Mixtures of classes, and 2 and 4 virtual processors.
fn beyond(memory: u64, link: u64) -> Vec<Cell> {
    let mixed = vec![
        (memory / 32, 10_000, "random"),
        (memory / 8, 4_000, "sequential"),
        (memory / 2, 1_000, "random"),
    ];
    let one = vec![(memory / 4, 20_000, "random")];
    let cell = |vcpus, classes: &Vec<_>| Cell {
        memory,
        vcpus,
        classes: classes.clone(),
        link,
    };
    vec![
        cell(1, &mixed),
        cell(2, &one),
        cell(4, &one),
        cell(2, &mixed),
        cell(4, &mixed),
    ]
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::Scenario;
    use twinrack_scenario::units::Bytes;

    use super::*;

    #[test]
    fn every_pair_of_levels_comes_in_the_first_half_of_the_small_cases() {
        let cells: Vec<Cell> = full().into_iter().filter(|cell| cell.memory <= 256).collect();
        let pairs = |cells: &[Cell]| cells.iter().flat_map(Cell::pairs).collect::<BTreeSet<_>>();
        assert!(full().starts_with(&cells), "small guests come first");
        assert_eq!(pairs(&cells[..cells.len() / 2]), pairs(&cells));
    }

    #[test]
    fn every_case_is_a_scenario_with_a_name_of_its_own() {
        let cells = full();
        let names: BTreeSet<String> = cells.iter().map(Cell::name).collect();
        assert_eq!(names.len(), cells.len());
        for cell in cells.iter().chain(&quick()) {
            let scenario = Scenario::from_yaml(&cell.scenario())
                .unwrap_or_else(|rejected| panic!("{}:\n{rejected}", cell.name()));
            assert_eq!(scenario.spec.vms[0].memory.value, Bytes(cell.memory << 20));
        }
    }
}
