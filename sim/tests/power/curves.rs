//! The published curves, where they are: `specpower/curves.csv` under `TWINRACK_DATA`, or `../shared/data` beside the repository.

use std::path::{Path, PathBuf};

use twinrack_scenario::units::Watts;
use twinrack_sim::model::power::PowerCurve;

/// A published result (`SPECpower_ssj2008`, spec.org).
#[derive(Debug, Clone)]
pub struct Published {
    /// Processor, as published.
    pub processor: String,
    /// Processor packages.
    pub packages: u32,
    /// Year in which the hardware was available.
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

/// The published curves; `None`, said aloud, where they are not here.
#[expect(
    clippy::disallowed_methods,
    reason = "a test reads published data; the simulator does not"
)]
pub fn published() -> Option<Vec<Published>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("TWINRACK_DATA").map_or(beside, PathBuf::from);
    let path = data.join("specpower/curves.csv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "SKIPPED: {} is not here, so no published curve was compared",
            path.display()
        );
        return None;
    };
    let mut lines = text.lines();
    let names = fields(lines.next().expect("a header"));
    let column = |name: &str| names.iter().position(|own| own == name).expect("a column");
    let first = column("w_idle");
    let [processor, packages, year] = ["cpu", "chips", "hw_avail"].map(column);
    Some(
        lines
            .map(|line| parse(&fields(line), [processor, packages, year, first]))
            .collect(),
    )
}

fn parse(fields: &[String], [processor, packages, year, first]: [usize; 4]) -> Published {
    let watts: Vec<f64> = fields[first..first + 11]
        .iter()
        .map(|text| text.parse().expect("watts"))
        .collect();
    let available = &fields[year];
    Published {
        processor: fields[processor].clone(),
        packages: fields[packages].parse().expect("chips"),
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
