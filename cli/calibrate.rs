//! `twinrack calibrate`: measures what this host takes, or fits it to runs of a lab, and writes a profile for the simulator.

mod from;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use twinrack_hw::calibrate::costs::{self, Effort};
use twinrack_hw::calibrate::figure::Figure;
use twinrack_hw::calibrate::paging::Taken;
use twinrack_hw::calibrate::profile::{Machine, yaml};
use twinrack_hw::calibrate::{Fixed, host, paging};
use twinrack_hw::guest::workload::Paging as Rates;
use twinrack_hw::kvm::System;
use twinrack_hw::probe::paging::{Mode, count};
use twinrack_reports::text::quantity;
use twinrack_scenario::Scenario;
use twinrack_scenario::spec::host::PagingMode;
use twinrack_scenario::units::PerSecond;
use twinrack_sim::model::paging::{Paging, PagingCosts};

use crate::exit::{Exit, Stop, print};
use crate::report::write_atomically;
use crate::twin::system;

/// How far the model may be off what is measured, as a share of it.
const GATE: f64 = 0.10;
/// (fills, page-table writes, context switches) each second that the model is held to; the prices are from none of these.
const HELD: [(f64, f64, f64); 14] = [
    (10_000.0, 0.0, 0.0),
    (30_000.0, 0.0, 0.0),
    (100_000.0, 0.0, 0.0),
    (0.0, 0.0, 500.0),
    (0.0, 0.0, 1000.0),
    (0.0, 0.0, 4000.0),
    (0.0, 2000.0, 1000.0),
    (0.0, 50_000.0, 1000.0),
    (0.0, 100_000.0, 4000.0),
    (30_000.0, 0.0, 1000.0),
    (60_000.0, 0.0, 500.0),
    (5000.0, 0.0, 4000.0),
    (10_000.0, 5000.0, 300.0),
    (30_000.0, 20_000.0, 1000.0),
];

/// Arguments of `calibrate`.
#[derive(Args)]
pub struct Calibrate {
    /// Where the profile goes; nothing is written when absent.
    #[arg(long, value_name = "PROFILE")]
    out: Option<PathBuf>,
    /// Fit the steps of a migration to these runs of a lab, in place of measuring this host: directories of `run --backend kvm` or
    /// of `record`.
    #[arg(long, value_name = "RECORD", num_args = 1.., conflicts_with_all = ["check", "pairs"])]
    from: Vec<PathBuf>,
    /// With --from: the share of the runs that is not fitted, but predicted: 1/3, or 0 for none.
    #[arg(long, value_name = "1/N", default_value = "1/3", value_parser = from::one_in, requires = "from")]
    held_out: usize,
    /// With --from: where the fit starts, for what a run's scenario does not say itself.
    #[arg(long, value_name = "PROFILE", requires = "from")]
    profile: Option<PathBuf>,
    /// Pairs of guests that each cost is the median of.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pairs: u32,
    /// Then hold the model of shadow paging against guests with several rates of events: exit status 1 when it is off by
    /// more than 10 %.
    #[arg(long)]
    check: bool,
}

impl Calibrate {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        if !self.from.is_empty() {
            let fit = from::Fit {
                runs: &self.from,
                one_in: self.held_out,
                profile: self.profile.as_deref(),
                out: self.out.as_deref(),
            };
            return fit.carry_out();
        }
        let system = system()?;
        let failed = |error: &dyn std::fmt::Display| Stop::failed(format!("error: calibrate: {error}"));
        let effort = Effort {
            pairs: self.pairs as usize,
            window: Duration::from_millis(500),
        };
        let counted = count(&system).map_err(|error| failed(&error))?;
        print(&format!("{counted}\n"))?;
        let mut figures = paging::prices(&system, effort).map_err(|error| failed(&error))?;
        figures.extend(costs::walks(&system, effort).map_err(|error| failed(&error))?);
        figures.extend(costs::writes(&system, effort).map_err(|error| failed(&error))?);
        figures.extend(host::measure(&system, effort.pairs.max(20)).map_err(|error| failed(&error))?);
        let moved = scenario(None)?;
        let fixed = Fixed::measure(&system, &moved.spec.policies.migration, effort.pairs)
            .map_err(|error| failed(&error))?;
        for figure in &figures {
            print(&line(figure))?;
        }
        print(&steps(&fixed))?;
        let at = Machine::here(counted.to_string());
        let profile = yaml(
            &at,
            &figures,
            &fixed,
            clock_hz(&system).map_err(|error| failed(&error))?,
        );
        if let Some(path) = &self.out {
            write_atomically(path, profile.as_bytes())?;
            print(&format!("{}\n", path.display()))?;
        }
        if !self.check {
            return Ok(Exit::Done);
        }
        if counted.mode != Mode::Shadow {
            print("the model of shadow paging is not checked: this host has none\n")?;
            return Ok(Exit::Done);
        }
        held(&system, effort, &profile)
    }
}

/// Overheads measured against those of the model with the costs of the profile. The model is asked for the events that there were.
fn held(system: &System, effort: Effort, profile: &str) -> Result<Exit, Stop> {
    let mut exit = Exit::Done;
    for (fills, writes, switches) in HELD {
        let rates = Rates {
            fills: PerSecond(fills),
            page_table_writes: PerSecond(writes),
            context_switches: PerSecond(switches),
            ..Rates::default()
        };
        let taken = paging::taken(system, effort, Rates::default(), rates)
            .map_err(|error| Stop::failed(format!("error: calibrate: {error}")))?;
        let each = |value: fn(&Taken) -> f64| Figure::of("", "", "1", taken.iter().map(value).collect());
        let measured = each(|taken| taken.overhead);
        let there = (
            each(|taken| taken.there.fills.0).median,
            each(|taken| taken.there.page_table_writes.0).median,
            each(|taken| taken.there.context_switches.0).median,
        );
        let modelled = modelled(profile, there)?;
        let error = (modelled - measured.median) / measured.median;
        if error.is_nan() || error.abs() > GATE {
            exit = Exit::Failed;
        }
        let noise = if measured.least <= 0.0 {
            ", not told from nothing"
        } else {
            ""
        };
        print(&format!(
            "{fills:>8.0} fills/s {writes:>8.0} writes/s {switches:>6.0} switches/s: modelled {:.2} %, measured {:.2} % ({:.2} to {:.2} %), error {:+.1} %{noise}\n",
            modelled * 100.0,
            measured.median * 100.0,
            measured.least * 100.0,
            measured.greatest * 100.0,
            error * 100.0,
        ))?;
    }
    Ok(exit)
}

fn line(figure: &Figure) -> String {
    let shown = |value: f64| quantity(value, figure.unit);
    format!(
        "{:<18} {:>12}  ({} to {}, {} times)  {}\n",
        figure.name,
        shown(figure.median),
        shown(figure.least),
        shown(figure.greatest),
        figure.times,
        figure.what
    )
}

/// The steps of a migration, each by its key of `policies.migration.timings`.
pub fn steps(fixed: &Fixed) -> String {
    let times = fixed
        .times()
        .map(|(key, time)| (key, quantity(time.as_secs_f64(), "s")));
    let bytes = fixed
        .bytes()
        .map(|(key, bytes)| (key, quantity(bytes.as_f64(), "B")));
    let lines = times.into_iter().chain(bytes);
    lines.fold(String::new(), |text, (key, value)| {
        text + &format!("{key:<18} {value:>12}\n")
    })
}

/// What a busy processor loses to such events under shadow paging, by the model.
fn modelled(profile: &str, (fills, writes, switches): (f64, f64, f64)) -> Result<f64, Stop> {
    let scenario = scenario(Some((
        profile,
        &format!("{{fills: {fills}/s, page_table_writes: {writes}/s, context_switches: {switches}/s}}"),
    )))?;
    let costs = PagingCosts::new(&scenario.spec.policies.paging, scenario.spec.hosts[0].clock);
    Ok(Paging::new(&costs, &scenario.spec.vms[0].paging, PagingMode::Shadow).overhead)
}

/// A VM that is moved or loads its tables, on a host with the profile.
fn scenario(with: Option<(&str, &str)>) -> Result<Scenario, Stop> {
    let indented = |text: &str| format!("  {}\n", text.trim_end().replace('\n', "\n  "));
    let (policies, paging) = match with {
        Some((profile, paging)) => (indented(&without_prose(profile)), paging),
        None => ("  migration: {}\n".to_owned(), "{}"),
    };
    let yaml = format!(
        "name: calibrate\nduration: 1min\nhosts: [{{name: n, count: 2, memory: 64GiB}}]\n\
         vms: [{{name: vm, host: n1, memory: 64MiB, vcpus: 1, paging: {paging}}}]\npolicies:\n{policies}"
    );
    Scenario::from_yaml(&yaml).map_err(|rejected| Stop::failed(format!("error: calibrate: {rejected}")))
}

/// The costs and timings of a profile, without where they come from.
fn without_prose(profile: &str) -> String {
    let begin = profile.find("\npaging:").map_or(0, |at| at + 1);
    profile[begin..].to_owned()
}

/// The frequency of the time-stamp counter that a guest has here.
fn clock_hz(system: &System) -> Result<f64, twinrack_hw::guest::machine::MachineError> {
    use twinrack_hw::guest::layout::GuestPages;
    use twinrack_hw::guest::machine::{Machine, Shape};
    use twinrack_hw::kvm::{Backing, DirtyMechanism};
    let shape = Shape {
        memory: twinrack_scenario::units::Bytes(16 << 20),
        vcpus: 1,
        backing: Backing::Anonymous,
        pages: GuestPages::Small,
        mechanism: DirtyMechanism::Bitmap,
    };
    let machine = Machine::skeleton(system, shape, &system.supported_cpuid()?)?;
    Ok(machine
        .tsc_khz()?
        .first()
        .map_or(0.0, |khz| f64::from(*khz) * 1e3))
}
