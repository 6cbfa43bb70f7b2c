//! The figures of CloudSim 3.0.3's PlanetLab experiment, in every printed digit, and what each of its oddities is worth.
//!
//! The published traces are not part of the repository; without them a test says so and checks a synthetic day against its own
//! pinned result.

/// What they share.
mod support;

use std::fmt::Write;

use twinrack_scenario::Trace;
use twinrack_scenario::spec::experiment::{CloudSimSpec, Oddity};
use twinrack_sim::compat::cloudsim::{Figures, run};
use twinrack_sim::model::workload::synthetic;

use support::{decoded, published};

/// Day, policy, energy, migrations, SLA, SLATAH, PDM, overall, average, shutdowns as the program prints them.
const PRINTED: &str = "
20110303 thr-mc  183.47610 23967 0.0000697036 0.0683823519 0.0010193214 0.0011166892 0.1005965652 5576
20110303 iqr-mc  179.24812 23596 0.0000711699 0.0690206003 0.0010311395 0.0011757579 0.0977281175 5511
20110303 npa     2410.80280 0 0.0000000000 0.0000000000 0.0000000000 0.0000000000 0.0000000000 455
20110303 dvfs    802.75449 0 0.0000000000 0.0000000000 0.0000000000 0.0000000000 0.0000000000 455
20110303 thr-mmt 192.62307 26711 0.0000317578 0.0491328263 0.0006463668 0.0007100112 0.1015113878 5885
20110303 thr-mu  207.79430 30653 0.0000494359 0.0738235435 0.0006696494 0.0007120669 0.1016488778 6523
20110303 iqr-mmt 189.98007 26282 0.0000300697 0.0482255032 0.0006235224 0.0007063386 0.1002931577 5868
20110303 mad-mmt 185.79167 26556 0.0000334157 0.0504881817 0.0006618526 0.0007891394 0.1002651427 5828
20110303 lr-mmt  163.47722 27859 0.0000464387 0.0585794779 0.0007927466 0.0014723552 0.0955801367 5053
20110303 lrr-mmt 163.47722 27859 0.0000464387 0.0585794779 0.0007927466 0.0014723552 0.0955801367 5053
20110303 lr-mu   175.60030 30166 0.0000612784 0.0815181695 0.0007517147 0.0018413347 0.0975025207 5632
20110322 npa     2410.80280 0 0.0000000000 0.0000000000 0.0000000000 0.0000000000 0.0000000000 386
20110322 dvfs    1011.13675 0 0.0000000000 0.0000000000 0.0000000000 0.0000000000 0.0000000000 386
20110322 thr-mmt 201.70098 28902 0.0000305687 0.0502910723 0.0006078353 0.0006788136 0.1018224585 5950
20110322 lr-mmt  177.47791 32038 0.0000464377 0.0612842709 0.0007577418 0.0016518277 0.0978939998 5506
";

/// Policy, what is mended, energy and migrations by another implementation of the same rules, on 20110303.
const MENDED: &str = "
thr-mmt vanishing-vms 253.75560 41634
thr-mmt double-moves  202.87586 25371
lr-mmt  double-moves  175.80474 23670
thr-mmt whole-mips    192.62340 26711
lr-mmt  whole-mips    162.31085 27925
";

fn day(name: &str) -> Option<Trace> {
    let file = format!("planetlab/planetlab-{name}.csv.gz");
    let bytes = published(&file, "CloudSim's figures of that day were not compared")?;
    Some(Trace::from_csv(&bytes).expect("the published trace"))
}

fn experiment(policy: &str, mended: &str, trace: &Trace) -> Figures {
    let spec: CloudSimSpec = decoded(&format!("{{policy: {policy}, mended: [{mended}]}}"));
    run(&spec, trace, &mut |_| {})
}

fn printed(figures: &Figures) -> String {
    let shares = [
        figures.violation,
        figures.slatah,
        figures.pdm,
        figures.overall,
        figures.average,
    ];
    let mut text = format!("{:.5} {}", figures.energy_kwh, figures.migrations);
    for share in shares {
        write!(text, " {share:.10}").expect("a text takes it");
    }
    format!("{text} {}", figures.shutdowns)
}

/// Holds the experiment to lines of `day policy mended wanted…`, of which the first figures alone may be given.
fn holds(day_name: &str, lines: impl Iterator<Item = (String, String, String)>) {
    let Some(trace) = day(day_name) else { return };
    let mut wrong = String::new();
    for (policy, mended, wanted) in lines {
        let got = printed(&experiment(&policy, &mended, &trace));
        if !format!("{got} ").starts_with(&format!("{wanted} ")) {
            writeln!(wrong, "{day_name} {policy} {mended}\n  is  {got}\n  not {wanted}")
                .expect("a text takes it");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_printed_digit_is_that_of_cloudsim() {
    for day in ["20110303", "20110322"] {
        let lines = PRINTED.lines().filter_map(|line| {
            let words: Vec<&str> = line.strip_prefix(day)?.split_whitespace().collect();
            Some((words[0].to_owned(), String::new(), words[1..].join(" ")))
        });
        holds(day, lines);
    }
}

#[test]
fn a_mended_oddity_gives_what_another_implementation_gives() {
    let lines = MENDED.trim().lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words[0].to_owned(), words[1].to_owned(), words[2..].join(" "))
    });
    holds("20110303", lines);
}

/// The table of `docs/src/validation/cloudsim.md`: the published day without each of the oddities, and without them all.
#[test]
fn the_manual_shows_what_each_oddity_is_worth() {
    let Some(trace) = day("20110303") else { return };
    let mut table = String::from(
        "| mended | THR-MMT kWh | migrations | SLATAH | PDM | shutdowns | LR-MMT kWh | migrations | SLATAH |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let all: Vec<&str> = Oddity::ALL.iter().map(|oddity| oddity.word()).collect();
    let each = all.iter().map(|word| (format!("`{word}`"), (*word).to_owned()));
    let rows = std::iter::once(("nothing".to_owned(), String::new()))
        .chain(each)
        .chain([("all".to_owned(), all.join(", "))]);
    for (name, mended) in rows {
        let (thr, lr) = (
            experiment("thr-mmt", &mended, &trace),
            experiment("lr-mmt", &mended, &trace),
        );
        writeln!(
            table,
            "| {name} | {:.1} | {} | {:.2} % | {:.3} % | {} | {:.1} | {} | {:.2} % |",
            thr.energy_kwh,
            thr.migrations,
            thr.slatah * 100.0,
            thr.pdm * 100.0,
            thr.shutdowns,
            lr.energy_kwh,
            lr.migrations,
            lr.slatah * 100.0
        )
        .expect("a text takes it");
    }
    let manual = include_str!("../../docs/src/validation/cloudsim.md");
    assert!(manual.contains(&table), "the manual should hold\n{table}");
}

#[test]
fn a_synthetic_day_comes_out_as_it_did() {
    let trace = synthetic::trace(1, 200, 1);
    let lines: Vec<String> = ["dvfs", "thr-mmt", "iqr-mmt", "lr-mmt"]
        .iter()
        .map(|policy| format!("{policy}: {}", printed(&experiment(policy, "", &trace))))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
