//! The figures of a run, one row for each kind, its statistics side by side.

use twinrack_scenario::record::Summary;
use twinrack_scenario::record::figure::{FigureKind, kind_of};

use super::number::figure;

/// What follows the name of a figure, in the order of the columns; the first is for figures that are one number.
pub const STATS: [&str; 6] = ["", ".mean", ".min", ".max", ".p95", ".sum"];

/// One kind of figure in a run.
#[derive(Debug, Clone)]
pub struct FigureRow {
    /// The kind.
    pub kind: &'static FigureKind,
    /// Its values with units, in the order of [`STATS`]; empty where the run has none.
    pub values: [String; STATS.len()],
    /// `modelled`, `measured`, `counted`.
    pub source: String,
    /// Whether all of its values are zero.
    pub zero: bool,
}

/// One row for each kind of figure that the run has, in the order of names.
pub fn figure_rows(summary: &Summary) -> Vec<FigureRow> {
    let mut rows: Vec<FigureRow> = Vec::new();
    for (name, value) in &summary.kpis {
        let Some(kind) = kind_of(name) else { continue };
        if rows.iter().any(|row| row.kind.name == kind.name) {
            continue;
        }
        let of = STATS.map(|stat| summary.kpis.get(&format!("{}{stat}", kind.name)));
        rows.push(FigureRow {
            kind,
            zero: of.iter().flatten().all(|figure| figure.value == 0.0),
            values: of.map(|value| value.map(figure).unwrap_or_default()),
            source: format!("{:?}", value.source).to_lowercase(),
        });
    }
    rows
}
