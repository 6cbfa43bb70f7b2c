//! The page of a plan, in Chromium: no complaint, no request, and it can be read on screens of all widths.

/// A headless browser that tells what a page does in it.
#[path = "../../reports/tests/record/browser.rs"]
mod browser;

/// What they share.
mod support;

use browser::{Browser, DESKTOP, probed};
use serde_json::Value;
use twinrack_plan::{Answer, html};

/// Two clusters, racks and feeds, growth, a tariff, a ceiling: everything that a page may show.
const FULL: &str = "
name: full
title: Everything that a page may show
duration: 1h
edition: modern
hosts:
  - {name: node, count: 9, sockets: 1, cores: 8, memory: 32GiB, racks: [r1, r2, r3], feeds: [a, b], nics: [{speed: 10Gb/s}]}
  - {name: gate, count: 2, sockets: 1, cores: 8, memory: 32GiB, nics: [{speed: 10Gb/s}]}
networks: [{name: lan, speed: 10Gb/s}]
storage: [{name: array, kind: csv}]
clusters: [{name: c1, hosts: [node]}, {name: edge, hosts: [gate]}]
workloads:
  - name: bursts
    demand: {bursty: {states: [{cpu: 5%, stay: 60s}, {cpu: 100%, stay: 20s}]}}
vms:
  - {name: web, count: 50, memory: 2GiB, vcpus: 1, workload: bursts}
policies: {placement: worst-fit, migration: {per_host: 2}}
plan:
  hosts: node
  to: 20
  axes: [{set: hosts.node.cores, to: ['8', '4']}]
  spare: {hosts: 1, racks: 1}
  drain: {within: 60s}
  require: [{kpi: cpu.utilisation.max, op: '<=', limit: 0.9}]
  replications: {least: 4, most: 4}
  growth: {monthly: 3%, deviation: 1%}
  prices:
    hosts: [{of: '8', price: 3000}, {of: '4', price: 2500}]
    kwh: [{from: 07:00, to: 22:00, price: 0.28}, {from: 22:00, to: 07:00, price: 0.19}]
";

fn answered() -> Answer {
    support::answered("full", FULL, &[])
}

#[test]
fn a_page_says_first_how_it_came_out_and_leaves_nothing_out() {
    let html = html::page(&answered());
    let at = |what: &str| html.find(what).unwrap_or_else(|| panic!("no {what}"));
    let order = [
        "class=\"verdict pass\">FITS with N+1, N+1 rack: ",
        "<h2>Summary",
        "<h2>Alternatives",
        "<h2>Capacity",
        "<h2>Runway",
        "<h2>Use of processors",
        "<h2>If something fails",
        "<h2>What breaks first",
        "<h2>From what there is to this",
        "<h2>Energy",
        "<h2>How far to trust it",
        "<h2>Assumptions",
    ];
    assert!(order.map(at).is_sorted(), "{:?}", order.map(at));
    for wanted in [
        "all together",
        "in no cluster",
        "1 of 3 racks",
        "07:00 to 22:00",
        "retire",
    ] {
        assert_eq!(html.contains(wanted), wanted != "in no cluster", "{wanted}");
    }
    for figure in html.split("<figure>").skip(1) {
        let (figure, _) = figure.split_once("</figure>").expect("it ends");
        for wanted in [
            "<svg class=\"wide\"",
            "<svg class=\"narrow\"",
            "<table>",
            ".csv\" href=\"data:text/csv",
        ] {
            assert!(figure.contains(wanted), "a figure has no {wanted}");
        }
    }
}

#[test]
fn a_page_asks_for_nothing_and_can_be_read_on_screens_of_all_widths() {
    let Some(browser) = Browser::of_this_machine("no page of a plan") else {
        return;
    };
    let html = html::page(&answered());
    let opened = browser.open(&html, DESKTOP);
    assert_eq!(opened.console, [""; 0]);
    assert_eq!(opened.requests, [""; 0]);
    for dark in [false, true] {
        for found in probed(&browser, &html, dark, &[400, 840, 1200]) {
            let width = &found["width"];
            assert_eq!(found["overflow"], 0, "it is wider than a screen of {width}");
            assert_eq!(found["faults"], Value::Array(Vec::new()), "at {width}");
            assert_eq!(found["charts"], 5, "at {width}");
        }
    }
}
