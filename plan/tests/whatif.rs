//! What-if: overlays change what they say they change, what comes out can be kept, and the comparison shows it.

use std::ops::ControlFlow;

use twinrack_plan::overlay::{Change, listed, overlaid};
use twinrack_plan::store::Store;
use twinrack_plan::whatif::State;
use twinrack_plan::{Means, PlanError, Question, text};
use twinrack_scenario::Scenario;
use twinrack_scenario::read::NoFiles;
use twinrack_scenario::record::RunRecord;
use twinrack_sim::RunOptions;

const SHOP: &str = "# a shop
name: shop
duration: 10min
edition: modern
hosts:
  - {name: node, count: 6, sockets: 1, cores: 4, memory: 16GiB, racks: [r1, r2]}
  - {name: gate, memory: 16GiB}
storage: [{name: array, kind: csv}]
clusters: [{name: c1, hosts: [node]}]
vms:
  - {name: web, count: 20, memory: 2GiB, vcpus: 1, cpu: 10%}
  - {name: db, memory: 4GiB, vcpus: 2, cpu: 20%}
policies: {placement: worst-fit}
plan:
  hosts: node
  to: 20
  replications: {least: 2, most: 2}
  growth: {monthly: 5%}
  prices: {hosts: [{price: 1000}], kwh: 0.2}
";

fn simulate(scenario: &Scenario, seed: u64) -> Result<RunRecord, PlanError> {
    twinrack_sim::run(scenario, RunOptions { seed }, &mut |_| ControlFlow::Continue(()))
        .map_err(|error| PlanError::Run(error.to_string()))
}

fn change(text: &str) -> Change {
    text.parse().expect("a change")
}

fn changed(changes: &[&str]) -> Scenario {
    let text = changes.iter().fold(SHOP.to_owned(), |text, words| {
        overlaid(&text, &change(words)).unwrap_or_else(|error| panic!("{error}"))
    });
    twinrack_scenario::read::read("shop", &text, &NoFiles, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn wrong(words: &str) -> String {
    overlaid(SHOP, &change(words)).expect_err("wrong").to_string()
}

#[test]
fn overlays_come_on_top_of_each_other() {
    let scenario = changed(&[
        "add-hosts=2",
        "remove-hosts=3:node",
        "add-hosts=4:dell-r740-8280",
        "add-vms=5:web",
        "remove-vms=1:web",
        "growth=2%/month",
        "set=hosts.node.memory=32GiB",
    ]);
    let counts: Vec<(&str, u32)> = (0..scenario.spec.hosts.len())
        .map(|group| {
            let name = scenario.spec.hosts[group].name.as_str();
            (name, scenario.hosts.members(group).len() as u32)
        })
        .collect();
    assert_eq!(counts, [("node", 5), ("gate", 1), ("dell-r740-8280-", 4)]);
    assert_eq!(scenario.hosts.name(6), "dell-r740-8280-1");
    assert_eq!(
        scenario.spec.hosts[2].racks,
        ["r1", "r2"],
        "they stand where the others stand"
    );
    assert_eq!(
        scenario.spec.clusters[0].hosts.len(),
        2,
        "and are nodes with them"
    );
    assert_eq!(scenario.vms.len(), 25);
    let growth = scenario.spec.plan.expect("a plan").growth.expect("growth");
    assert_eq!(growth.monthly.0, 0.02);
    assert_eq!(scenario.spec.hosts[0].memory.value.0, 32 << 30);
    // The same profile again is more of the same group, and a group goes with its last host.
    assert_eq!(
        changed(&["add-hosts=1:dell-r740-8280", "add-hosts=2:dell-r740-8280"])
            .hosts
            .len(),
        10
    );
    assert_eq!(
        changed(&["add-hosts=1:dell-r740-8280", "remove-hosts=1:dell-r740-8280-"])
            .hosts
            .len(),
        7
    );
}

#[test]
fn what_can_not_be_changed_is_told_with_its_mend() {
    insta::assert_snapshot!(wrong("add-hosts=6:dell-r740-8281"), @r#"
    `add-hosts=6:dell-r740-8281`: there is no group of hosts and no host profile `dell-r740-8281`
     = help: did you mean `dell-r740-8280`?
    "#);
    insta::assert_snapshot!(wrong("remove-hosts=2:nod"), @r#"
    `remove-hosts=2:nod`: there is no group `nod` in `hosts`
     = help: did you mean `node`?
    "#);
    insta::assert_snapshot!(wrong("remove-hosts=7:node"), @r#"
    `remove-hosts=7:node`: there are but 6 of `node`
     = help: remove at most 6
    "#);
    insta::assert_snapshot!(wrong("add-vms=1:wep"), @r#"
    `add-vms=1:wep`: there is no group `wep` in `vms`
     = help: did you mean `web`?
    "#);
    insta::assert_snapshot!(wrong("add-vms=1:db"), @r#"
    `add-vms=1:db`: `db` is one of its own, not a group
     = help: give it `count: 1` in `vms`; it is then called `db1`
    "#);
    insta::assert_snapshot!(wrong("set=hosts.nod.memory=1GiB"), @r#"
    `set=hosts.nod.memory=1GiB`: `hosts.nod.memory` leads nowhere: the list has no item `nod`, only `[0]` to `[1]`
     = help: did you mean `node`?
    "#);
    insta::assert_snapshot!(listed("up.yaml", "add-hosts: 6").expect_err("wrong"), @r#"
    `up.yaml`: the file is no list
     = help: write a list of changes, such as `- add-hosts=6:dell-r740-8280`
    "#);
}

#[test]
fn what_comes_out_can_be_kept_and_reads_like_what_went_in() {
    let text = overlaid(SHOP, &change("add-hosts=4:dell-r740-8280")).expect("changed");
    assert!(text.starts_with("# a shop\nname: shop\n"), "{text}");
    assert!(
        text.contains("profile: dell-r740-8280") && !text.contains("curve"),
        "{text}"
    );
    let file = "- add-hosts=2\n- growth=3%/month\n";
    assert_eq!(
        listed("up.yaml", file).expect("changes"),
        [change("add-hosts=2"), change("growth=3%/month")]
    );
}

#[test]
fn before_and_after_stand_side_by_side() {
    let folder = tempfile::tempdir().expect("a folder");
    // Highly available VMs run on nodes of their cluster alone.
    let mut text = SHOP.replace("hosts: [node]}", "hosts: [node, gate]}");
    let mut states = Vec::new();
    for words in [None, Some("remove-hosts=2"), Some("add-vms=10:web")] {
        if let Some(words) = words {
            text = overlaid(&text, &change(words)).expect("changed");
        }
        let question = Question::read("shop", &text, &NoFiles, &[]).expect("a question");
        let store = Store::open(folder.path(), format!("{:?}", question.plan)).expect("a store");
        let means = Means {
            run: &simulate,
            store: &store,
            tried: &|| (),
        };
        states.push(State::of(words.map(ToOwned::to_owned), &question, &means).expect("a state"));
    }
    let fits: Vec<bool> = states.iter().map(State::fits).collect();
    // 20 * 2 + 4 GiB; a host takes 6 VMs of 2 GiB. Six hosts and the gate without one hold 36, four and the gate 24, and not 32.
    assert_eq!(fits, [true, true, false]);
    insta::assert_snapshot!(text::whatif::written(&states, "N+1", 120), @r#"
    DOES NOT FIT: 5 hosts for 31 VMs: vms.refused with the spare hosts missing, in 2 of 2 samples; VMs remaining 9 -> 0, time remaining 8 months -> now

                                                   before  + remove-hosts=2  + add-vms=10:web
     hosts                                              7                 5                 5
     VMs                                               21                21                31
     VMs a host                                       3.0               4.2               6.2
     logical processors                                32                24                24
     memory for VMs                                98 GiB            70 GiB            70 GiB
     CPU p95                                          8 %              10 %              12 %
     CPU p99                                          8 %              10 %              12 %
     memory given                                    45 %              63 %              91 %
     while short                                     52 %              79 %             114 %
     holds in                                         2/2               2/2               0/2
     VMs remaining                                9 (9-9)           0 (0-0)           0 (0-0)
     time remaining                              8 months               now               now
     kWh a year                                      2651              2020              2051
     cost                                          10 181              7424              7461
     of the group sought: there, needed for N+1      6, 4              4, 4              4, 6
    "#);
}
