//! The published curves, where they are: `specpower/curves.csv` under `TWINRACK_DATA`, or `../shared/data` beside the repository.

use twinrack_scenario::profile::{ProfileKind, names, text};
use twinrack_scenario::spec::host::HostSpec;
use twinrack_scenario::units::Watts;
use twinrack_sim::model::power::PowerCurve;

/// A published result (`SPECpower_ssj2008`, spec.org).
#[derive(Debug, Clone)]
pub struct Published {
    /// Processor, as published.
    pub processor: String,
    /// Processor packages.
    pub packages: u32,
    /// Cores of them all.
    pub cores: u32,
    /// Threads of them all.
    pub threads: u32,
    /// Year in which the hardware was available; 0 where the profile does not say.
    pub year: u32,
    /// Watts at active idle and 10 to 100 %.
    pub watts: [f64; 11],
}

impl Published {
    /// A curve through some of its points.
    pub fn through(&self, steps: &[usize]) -> PowerCurve {
        let knots: Vec<(usize, Watts)> = steps
            .iter()
            .map(|step| (*step, Watts(self.watts[*step])))
            .collect();
        PowerCurve::through(&knots).expect("from idle to full load")
    }
}

/// What the sources of hosts say whose curves were worked out from idle and full load: nothing can be held against them.
const ESTIMATED: &str = "nine of the eleven points of its power curve are estimated";

/// The curves that the library's hosts have from published results, in the order of their names.
pub fn of_the_library() -> Vec<Published> {
    let hosts = names(ProfileKind::Host).into_iter().filter_map(|name| {
        let text = text(ProfileKind::Host, name).filter(|text| !text.contains(ESTIMATED))?;
        let host: HostSpec = super::support::decoded(&format!("name: {name}\n{text}"));
        let watts: Vec<f64> = host.power.curve.iter().map(|watts| watts.0).collect();
        let cores = host.sockets * host.cores;
        Some(Published {
            processor: name.to_owned(),
            packages: host.sockets,
            cores,
            threads: cores * host.threads,
            year: 0,
            watts: watts.try_into().ok()?,
        })
    });
    hosts.collect()
}

/// The published curves; `None`, said aloud, where they are not here.
pub fn published() -> Option<Vec<Published>> {
    let bytes = super::support::published("specpower/curves.csv", "no published curve was compared")?;
    let text = String::from_utf8(bytes).expect("text");
    let mut lines = text.lines();
    let names = fields(lines.next().expect("a header"));
    let column = |name: &str| names.iter().position(|own| own == name).expect("a column");
    let first = column("w_idle");
    let columns = ["cpu", "chips", "cores", "threads", "hw_avail"].map(column);
    Some(lines.map(|line| parse(&fields(line), columns, first)).collect())
}

fn parse(fields: &[String], columns: [usize; 5], first: usize) -> Published {
    let [processor, packages, cores, threads, year] = columns;
    let number = |column: usize| fields[column].parse().expect("a number");
    let watts: Vec<f64> = fields[first..first + 11]
        .iter()
        .map(|text| text.parse().expect("watts"))
        .collect();
    let available = &fields[year];
    Published {
        processor: fields[processor].clone(),
        packages: number(packages),
        cores: number(cores),
        threads: number(threads),
        year: available[available.len() - 4..].parse().expect("a year"),
        watts: watts.try_into().expect("eleven points"),
    }
}

/// The fields of a CSV line; quoted ones may hold commas.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for letter in line.trim_end().chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().expect("at least one").push(letter),
        }
    }
    fields
}
