//! The grid of cases on which the two bodies are compared: each is a scenario of one VM that is moved once.

use twinrack_scenario::units::SimDuration;

use super::Fixed;

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

    /// The case as a scenario, with the pause of the host that it is measured on.
    pub fn scenario(&self, fixed: &Fixed) -> String {
        let classes: Vec<String> = self
            .classes
            .iter()
            .map(|(size, rate, pattern)| format!("{{size: {size}MiB, rate: {rate}/s, pattern: {pattern}}}"))
            .collect();
        let nanos = |time: std::time::Duration| {
            SimDuration::from_nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
        };
        format!(
            "name: twin\nduration: 10min\n\
             hosts: [{{name: n, count: 2, memory: 64GiB, sockets: 1, cores: 64}}]\n\
             networks: [{{name: lan, speed: {link}Mb/s, framing: none, latency: 0ns}}]\n\
             storage: [{{name: csv, kind: csv}}]\n\
             clusters: [{{name: c}}]\n\
             vms:\n  - {{name: vm, host: n1, memory: {memory}MiB, vcpus: {vcpus}, cpu: 1%, dirtying: [{classes}]}}\n\
             policies:\n  migration:\n    policy: {{hyperv-r2: {{threshold_time: 30ms}}}}\n    \
             bandwidth: {link}Mb/s\n    timings: {{validation: 0s, setup: 0s, round: {round}, pause: {pause}, state: {state}B, \
             csv_hand_over: {hand_over}, resume: {resume}, announce: 0s, clean_up: 0s}}\n\
             timeline:\n  - live_migrate: {{at: 1s, vm: vm, to: n2}}\n",
            link = self.link,
            memory = self.memory,
            vcpus = self.vcpus,
            classes = classes.join(", "),
            round = nanos(fixed.round),
            pause = nanos(fixed.pause),
            state = fixed.state.0,
            hand_over = nanos(fixed.hand_over),
            resume = nanos(fixed.resume),
        )
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
    cells
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
    use std::collections::BTreeSet;
    use std::time::Duration;

    use twinrack_scenario::Scenario;
    use twinrack_scenario::units::Bytes;

    use super::*;

    #[test]
    fn every_case_is_a_scenario_with_a_name_of_its_own() {
        let fixed = Fixed {
            round: Duration::from_micros(700),
            pause: Duration::from_nanos(212_345),
            state: Bytes(5800),
            hand_over: Duration::from_micros(90),
            resume: Duration::from_micros(600),
        };
        let cells = full();
        let names: BTreeSet<String> = cells.iter().map(Cell::name).collect();
        assert_eq!(names.len(), cells.len());
        for cell in cells.iter().chain(&quick()) {
            let scenario = Scenario::from_yaml(&cell.scenario(&fixed))
                .unwrap_or_else(|rejected| panic!("{}:\n{rejected}", cell.name()));
            assert_eq!(scenario.spec.vms[0].memory.value, Bytes(cell.memory << 20));
            let pause = scenario.spec.policies.migration.timings.pause;
            assert!(
                pause.is_some_and(|pause| pause.as_nanos().abs_diff(212_345) < 1000),
                "{pause:?}"
            );
        }
    }
}
