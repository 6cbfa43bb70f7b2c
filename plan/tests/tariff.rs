//! Energy by time of day: at constant power each window has its share of the day, whatever the samples.

/// What they share.
mod support;

use twinrack_plan::Answer;

/// Two days of constant load; samples lie on no end of a window.
const STEADY: &str = "
name: steady
duration: 48h
sampling: 37min
edition: modern
hosts:
  - {name: node, count: 2, sockets: 1, cores: 4, memory: 16GiB, power: {curve: [100W, 110W, 120W, 130W, 140W, 150W, 160W, 170W, 180W, 190W, 200W]}}
storage: [{name: array, kind: csv}]
vms:
  - {name: v, count: 4, memory: 2GiB, vcpus: 1, cpu: 50%}
policies: {placement: worst-fit}
plan:
  hosts: node
  from: 2
  to: 2
  spare: 0
  replications: {least: 1, most: 1}
  prices:
    hosts: [{price: 1000}]
    kwh: [{from: 07:30, to: 21:00, price: 0.3}, {from: 21:00, to: 07:30, price: 0.2}]
    pue: 2
    years: 1
";

fn answered(kwh: &str) -> Answer {
    let sets = [("plan.prices.kwh", kwh)];
    support::answered("steady", STEADY, if kwh.is_empty() { &[] } else { &sets })
}

#[test]
fn each_window_has_its_share_of_the_day() {
    let answer = answered("");
    let measured = answer.alternatives[0].measured.as_ref().expect("fits");
    let year = measured.energy_kwh_year;
    let [day, night] = &measured.energy_windows[..] else {
        panic!("two windows");
    };
    assert_eq!(day.window, "07:30 to 21:00");
    assert!(
        (day.kwh_year / year - 13.5 / 24.0).abs() < 1e-6,
        "{day:?} of {year}"
    );
    assert!(
        (night.kwh_year / year - 10.5 / 24.0).abs() < 1e-6,
        "{night:?} of {year}"
    );
    let cost = 2.0 * 1000.0 + 2.0 * (0.3 * day.kwh_year + 0.2 * night.kwh_year);
    assert!((measured.cost.expect("a cost") - cost).abs() < 1e-9);
}

#[test]
fn one_price_is_the_same_all_day() {
    let [flat, split] = [
        "0.25",
        "[{from: 00:00, to: 06:00, price: 0.25}, {from: 06:00, to: 24:00, price: 0.25}]",
    ]
    .map(|kwh| {
        let answer = answered(kwh);
        answer.alternatives[0]
            .measured
            .as_ref()
            .and_then(|measured| measured.cost)
            .expect("a cost")
    });
    assert!((flat - split).abs() < 1e-6, "{flat} and {split}");
}
