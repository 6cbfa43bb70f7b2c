//! The PlanetLab day as the models see it, in the manual's table: what the honest model makes of the published questions.
//!
//! The published traces are not part of the repository; without them the test says so. What holds on any such day is expected by
//! the scenarios themselves, `scenarios/planning/planetlab-*.yaml`.

/// What they share.
mod support;

use std::fmt::Write;
use std::ops::ControlFlow;

use twinrack_scenario::read::{Lookup, LookupError, read};
use twinrack_scenario::record::RunRecord;
use twinrack_sim::{RunOptions, run};

use support::{figure, published};

/// The published day under whatever name.
struct Day(Vec<u8>);

impl Lookup for Day {
    fn trace(&self, _: &str) -> Result<Vec<u8>, LookupError> {
        Ok(self.0.clone())
    }
}

impl Day {
    fn simulated(&self, text: &str, sets: &[(&str, &str)]) -> RunRecord {
        let sets: Vec<(String, String)> = sets
            .iter()
            .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()))
            .collect();
        let scenario =
            read("planetlab.yaml", text, self, &sets).unwrap_or_else(|rejected| panic!("{rejected}"));
        run(&scenario, RunOptions { seed: 1 }, &mut |_| {
            ControlFlow::Continue(())
        })
        .expect("runs")
    }
}

const NPA: &str = include_str!("../../scenarios/planning/planetlab-npa.yaml");
const DVFS: &str = include_str!("../../scenarios/planning/planetlab-dvfs.yaml");
const THR: &str = include_str!("../../scenarios/planning/planetlab-thr-mmt.yaml");
const LR: &str = include_str!("../../scenarios/planning/planetlab-lr-mmt.yaml");
/// Hosts whose memory never limits.
const ROOMY: [(&str, &str); 2] = [("hosts.g4n.memory", "64GiB"), ("hosts.g5n.memory", "64GiB")];

#[test]
fn the_manual_shows_what_the_honest_model_gives() {
    let Some(day) = published(
        "planetlab/planetlab-20110303.csv.gz",
        "the honest figures of the published day were not held",
    ) else {
        return;
    };
    let day = Day(day);
    let mut table = String::from(
        "| policy | CloudSim kWh | twinrack kWh | hosts on | migrations | hosts short | shutdowns |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (policy, cloudsim, text, sets) in [
        ("NPA", "2410.8", NPA, &[][..]),
        ("DVFS", "802.8", DVFS, &[]),
        ("THR-MMT", "192.6", THR, &[]),
        ("LR-MMT", "163.5", LR, &[]),
        ("THR-MMT, hosts of 64 GiB", "", THR, &ROOMY),
        ("LR-MMT, hosts of 64 GiB", "", LR, &ROOMY),
    ] {
        let record = day.simulated(text, sets);
        writeln!(
            table,
            "| {policy} | {cloudsim} | {:.1} | {:.1} | {} | {:.4} % | {} |",
            figure(&record, "power.energy_kwh.sum"),
            figure(&record, "hosts.active.mean"),
            figure(&record, "migration.count"),
            figure(&record, "sla.slatah") * 100.0,
            figure(&record, "hosts.shutdowns"),
        )
        .expect("a text takes it");
    }
    let manual = include_str!("../../docs/src/validation/cloudsim.md");
    assert!(manual.contains(&table), "the manual should hold\n{table}");
}
