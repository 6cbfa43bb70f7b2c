//! The figures of CloudSim 3.0.3's PlanetLab experiment, in every printed digit.
//!
//! The published traces are not part of the repository. They are looked for under `TWINRACK_DATA`, or `../shared/data`
//! beside the repository; without them this test says so and checks a synthetic day against its own pinned result.

use std::path::PathBuf;

use twinrack_scenario::Trace;
use twinrack_scenario::spec::experiment::CloudSimPolicy::{self, *};
use twinrack_sim::compat::cloudsim::{Figures, run};
use twinrack_sim::model::workload::synthetic;

/// (day, policy, energy, migrations, SLA, SLATAH, PDM, overall, average, shutdowns) as the program prints them.
type Row = (
    &'static str,
    CloudSimPolicy,
    &'static str,
    u64,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    u64,
);

const ROWS: &[Row] = &[
    (
        "20110303",
        ThrMc,
        "183.47610",
        23967,
        "0.0000697036",
        "0.0683823519",
        "0.0010193214",
        "0.0011166892",
        "0.1005965652",
        5576,
    ),
    (
        "20110303",
        IqrMc,
        "179.24812",
        23596,
        "0.0000711699",
        "0.0690206003",
        "0.0010311395",
        "0.0011757579",
        "0.0977281175",
        5511,
    ),
    (
        "20110303",
        Npa,
        "2410.80280",
        0,
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        455,
    ),
    (
        "20110303",
        Dvfs,
        "802.75449",
        0,
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        455,
    ),
    (
        "20110303",
        ThrMmt,
        "192.62307",
        26711,
        "0.0000317578",
        "0.0491328263",
        "0.0006463668",
        "0.0007100112",
        "0.1015113878",
        5885,
    ),
    (
        "20110303",
        ThrMu,
        "207.79430",
        30653,
        "0.0000494359",
        "0.0738235435",
        "0.0006696494",
        "0.0007120669",
        "0.1016488778",
        6523,
    ),
    (
        "20110303",
        IqrMmt,
        "189.98007",
        26282,
        "0.0000300697",
        "0.0482255032",
        "0.0006235224",
        "0.0007063386",
        "0.1002931577",
        5868,
    ),
    (
        "20110303",
        MadMmt,
        "185.79167",
        26556,
        "0.0000334157",
        "0.0504881817",
        "0.0006618526",
        "0.0007891394",
        "0.1002651427",
        5828,
    ),
    (
        "20110303",
        LrMmt,
        "163.47722",
        27859,
        "0.0000464387",
        "0.0585794779",
        "0.0007927466",
        "0.0014723552",
        "0.0955801367",
        5053,
    ),
    (
        "20110303",
        LrrMmt,
        "163.47722",
        27859,
        "0.0000464387",
        "0.0585794779",
        "0.0007927466",
        "0.0014723552",
        "0.0955801367",
        5053,
    ),
    (
        "20110303",
        LrMu,
        "175.60030",
        30166,
        "0.0000612784",
        "0.0815181695",
        "0.0007517147",
        "0.0018413347",
        "0.0975025207",
        5632,
    ),
    (
        "20110322",
        Npa,
        "2410.80280",
        0,
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        386,
    ),
    (
        "20110322",
        Dvfs,
        "1011.13675",
        0,
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        "0.0000000000",
        386,
    ),
    (
        "20110322",
        ThrMmt,
        "201.70098",
        28902,
        "0.0000305687",
        "0.0502910723",
        "0.0006078353",
        "0.0006788136",
        "0.1018224585",
        5950,
    ),
    (
        "20110322",
        LrMmt,
        "177.47791",
        32038,
        "0.0000464377",
        "0.0612842709",
        "0.0007577418",
        "0.0016518277",
        "0.0978939998",
        5506,
    ),
];

#[expect(
    clippy::disallowed_methods,
    reason = "a test finds the traces that the library is handed"
)]
fn published(day: &str) -> Option<Trace> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var("TWINRACK_DATA").map_or(beside, PathBuf::from);
    let bytes = std::fs::read(data.join(format!("planetlab/planetlab-{day}.csv.gz"))).ok()?;
    Some(Trace::from_csv(&bytes).expect("the published trace"))
}

fn printed(figures: &Figures) -> Vec<String> {
    let shares = [
        figures.violation,
        figures.slatah,
        figures.pdm,
        figures.overall,
        figures.average,
    ];
    let mut texts = vec![
        format!("{:.5}", figures.energy_kwh),
        figures.migrations.to_string(),
    ];
    texts.extend(shares.iter().map(|share| format!("{share:.10}")));
    texts.push(figures.shutdowns.to_string());
    texts
}

#[test]
fn every_printed_digit_is_that_of_cloudsim() {
    let mut wrong = Vec::new();
    for (day, policy, energy, migrations, sla, slatah, pdm, overall, average, shutdowns) in ROWS {
        let Some(trace) = published(day) else {
            eprintln!(
                "SKIPPED: the PlanetLab trace of {day} is not here (set TWINRACK_DATA); {policy} was not compared"
            );
            continue;
        };
        let got = printed(&run(*policy, &trace, &mut |_| {}));
        let migrations = migrations.to_string();
        let shutdowns = shutdowns.to_string();
        let wanted = [
            *energy,
            &migrations,
            *sla,
            *slatah,
            *pdm,
            *overall,
            *average,
            &shutdowns,
        ];
        if got != wanted {
            wrong.push(format!(
                "{day} {policy}\n  is  {}\n  not {}",
                got.join(" "),
                wanted.join(" ")
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_synthetic_day_comes_out_as_it_did() {
    let trace = synthetic::trace(1, 200, 1);
    let lines: Vec<String> = [Dvfs, ThrMmt, IqrMmt, LrMmt]
        .iter()
        .map(|policy| {
            format!(
                "{policy}: {}",
                printed(&run(*policy, &trace, &mut |_| {})).join(" ")
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
