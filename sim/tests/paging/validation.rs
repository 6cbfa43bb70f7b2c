//! Published measurements of paging against the model: the tables of the manual, which this test keeps true.

use std::fmt::Write;

use twinrack_scenario::spec::guest::PagingRatesSpec;
use twinrack_scenario::spec::host::PagingMode::{self, Shadow, Slat};
use twinrack_scenario::spec::paging::PagingPolicySpec;
use twinrack_scenario::units::{Bytes, Hertz};
use twinrack_sim::model::paging::{Paging, PagingCosts};

use super::support::decoded;

/// A line of a table.
struct Row {
    what: String,
    unit: &'static str,
    published: f64,
    simulated: f64,
    /// Largest error that is no finding, as a share.
    gate: f64,
}

fn paging(policy: &str, rates: &str, mode: PagingMode) -> Paging {
    let policy: PagingPolicySpec = decoded(policy);
    let rates: PagingRatesSpec = decoded(rates);
    Paging::new(&PagingCosts::new(&policy, Hertz(2_930_000_000)), &rates, mode)
}

/// One operation of lmbench on PVM's machine: microseconds with EPT and with shadow paging, and what it does in the guest.
struct Operation {
    name: &'static str,
    ept: f64,
    shadow: f64,
    calls: f64,
    faults: f64,
}

/// The counts are those of lmbench's sources: open and close are two calls; `sig handle` is the handler and its return, the
/// sending is taken off; `prot fault` is a fault less a caught signal, and enters the kernel and leaves it once.
const OPERATIONS: [Operation; 10] = [
    operation("null I/O", 0.27, 2.15, 1.0, 0.0),
    operation("stat", 0.72, 2.66, 1.0, 0.0),
    operation("open/close", 25.07, 32.63, 2.0, 0.0),
    operation("select TCP", 2.16, 4.09, 1.0, 0.0),
    operation("select 100 fd", 2.02, 3.96, 1.0, 0.0),
    operation("sig install", 0.29, 2.16, 1.0, 0.0),
    operation("sig handle", 1.01, 2.95, 1.0, 0.0),
    operation("prot fault", 0.66, 3.17, 1.0, 1.0),
    operation("0K create", 86.83, 115.97, 2.0, 0.0),
    operation("0K delete", 55.37, 73.10, 1.0, 0.0),
];

const fn operation(name: &'static str, ept: f64, shadow: f64, calls: f64, faults: f64) -> Operation {
    Operation {
        name,
        ept,
        shadow,
        calls,
        faults,
    }
}

/// Shadow against EPT, one process: in a busy second the guest does as many as fit with EPT; each takes longer by the
/// hypervisor's share.
fn operations() -> Vec<Row> {
    let rows = OPERATIONS.iter().map(|operation| {
        let each_second = 1e6 / operation.ept;
        let rates = format!(
            "{{system_calls: {}/s, guest_faults: {}/s, page_table_isolation: true}}",
            operation.calls * each_second,
            operation.faults * each_second
        );
        let shadow = paging("{preset: kvm-2023}", &rates, Shadow);
        Row {
            what: operation.name.to_owned(),
            unit: "x",
            published: operation.shadow / operation.ept,
            simulated: 1.0 + shadow.overhead,
            gate: 0.2,
        }
    });
    rows.collect()
}

/// 32 at once: what one alone takes longer under shadow paging passes through the lock, the time with EPT beside it does not.
fn at_once() -> Vec<Row> {
    let cases = [
        ("fork", 82.13, 504.67, 513.5, 32_000.0),
        ("exec", 422.33, 1500.0, 4620.0, 76_000.0),
        ("sh", 1600.0, 4200.0, 7640.0, 171_000.0),
    ];
    let rows = cases.map(|(name, ept, shadow, ept_32, shadow_32)| {
        let policy = format!(
            "{{preset: kvm-2023, costs: {{fill: {}ns}}}}",
            (shadow - ept) * 1e3
        );
        let paging = paging(&policy, &format!("{{fills: {}/s}}", 1e6 / ept_32), Shadow);
        Row {
            what: format!("{name}, 32 at once"),
            unit: "ms",
            published: shadow_32 / 1e3,
            simulated: ept_32 * (1.0 + paging.overhead) / (1.0 - paging.lock_wait(32.0)) / 1e3,
            gate: 0.2,
        }
    });
    rows.into()
}

const RDS: &str = "{fills: 30000/s, page_table_writes: 5000/s, tlb_misses: 400000/s, mapped: 512MiB}";
const MIXED: &str = "{context_switches: 4000/s, page_table_writes: 12000/s, fills: 15000/s, invalidations: 5000/s, \
                     other_exits: 15000/s, tlb_misses: 1M/s, slat_violations: 50/s}";

/// Windows Server 2008 R2 as Microsoft described it, under both calibrations.
fn server_2008_r2() -> Vec<Row> {
    let mut rows = Vec::new();
    for (preset, rates) in [("deck", RDS), ("x5570", MIXED)] {
        let policy = format!("{{preset: {preset}}}");
        let (shadow, slat) = (paging(&policy, rates, Shadow), paging(&policy, rates, Slat));
        let share = |what: &str, published, paging: Paging| Row {
            what: format!("`{preset}`: hypervisor, {what} (calibrated)"),
            unit: "%",
            published,
            simulated: paging.overhead * 100.0,
            gate: 0.2,
        };
        rows.push(share("shadow", 10.0, shadow));
        rows.push(share("SLAT", 2.0, slat));
        let own = |paging: Paging| {
            let walks = 1.0 - paging.guest_walk;
            walks / (1.0 + paging.overhead) * (1.0 - paging.lock_wait(4.0))
        };
        rows.push(Row {
            what: format!("`{preset}`: work of 4 busy virtual processors, SLAT against shadow (1.6 to 2.5)"),
            unit: "x",
            published: 1.6,
            simulated: own(slat) / own(shadow),
            gate: 0.2,
        });
    }
    let shadow = paging("{preset: deck}", RDS, Shadow).shadow;
    rows.push(Row {
        what: "memory saved for each VM with 512 MiB in use (calibrated)".into(),
        unit: "MiB",
        published: 1.0,
        simulated: shadow.as_f64() / Bytes::MIB.as_f64(),
        gate: 0.2,
    });
    rows
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| figure | published | simulated | error | gate 20 % |\n| --- | ---: | ---: | ---: | --- |\n",
    );
    for row in rows {
        let error = row.simulated / row.published - 1.0;
        let verdict = if error.abs() <= row.gate {
            "held"
        } else {
            "**over**"
        };
        writeln!(
            text,
            "| {} | {:.2} {unit} | {:.2} {unit} | {:+.1} % | {verdict} |",
            row.what,
            row.published,
            row.simulated,
            error * 100.0,
            unit = row.unit
        )
        .expect("a string takes it");
    }
    text
}

const MANUAL: &str = include_str!("../../../docs/src/validation/paging.md");

#[test]
fn the_manual_shows_what_the_model_gives() {
    let mut missing = String::new();
    for (name, rows) in [
        ("One process", operations()),
        ("32 processes", at_once()),
        ("Windows Server 2008 R2", server_2008_r2()),
    ] {
        let table = table(&rows);
        if !MANUAL.contains(&table) {
            writeln!(missing, "{name}:\n{table}").expect("a string takes it");
        }
    }
    assert!(
        missing.is_empty(),
        "docs/src/validation/paging.md should hold\n{missing}"
    );
}
