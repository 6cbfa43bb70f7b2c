//! One migration as a waterfall: each phase a bar from its begin to its end, with what it sent and how long it took.

use super::canvas::chart;
use super::rows::{Across, Row, Rows, colour};
use crate::run::{Phase, PhaseKind};
use crate::text::quantity;

/// The end of a migration is enlarged when it is less than this share of the whole.
const SMALL: f64 = 0.03;

/// Draws phases against the time since the first of them began; `since` says in words when that was.
pub fn waterfall(title: &str, since: &str, phases: &[Phase]) -> String {
    let origin_s = phases.first().map_or(0.0, |phase| phase.begin_s);
    let end_s = phases.last().map_or(0.0, |phase| phase.end_s);
    let rows = Rows {
        across: Across::Time(format!("time since {since}"), 0.0, end_s - origin_s),
        label_width: 130,
        columns: vec!["pages", "sent", "took"],
        list: phases.iter().map(|phase| row(phase, origin_s)).collect(),
    };
    let description = format!("{} phases, each from its begin to its end", phases.len());
    chart(
        title,
        &description,
        |screen| rows.height(screen),
        |area, screen| rows.draw(area, screen),
    )
}

/// The last rounds and the black-out, when the whole migration is so long that they can hardly be seen in it: those phases, and how
/// many times they are enlarged when drawn by themselves.
pub fn enlarged(phases: &[Phase]) -> Option<(&[Phase], f64)> {
    let whole = phases.last()?.end_s - phases.first()?.begin_s;
    let resumed = phases
        .iter()
        .rposition(|phase| phase.kind == PhaseKind::BlackOut)?;
    let end_s = phases[resumed].end_s;
    let first = phases
        .iter()
        .position(|phase| end_s - phase.begin_s <= SMALL * whole)?;
    let part = phases.get(first..=resumed).filter(|part| part.len() > 1)?;
    Some((part, whole / (end_s - part[0].begin_s)))
}

fn row(phase: &Phase, origin_s: f64) -> Row {
    let (pages, bytes) = phase
        .sent
        .map_or((String::new(), String::new()), |(pages, bytes)| {
            (quantity(pages, "1"), quantity(bytes, "B"))
        });
    Row {
        label: phase.name.clone(),
        numbers: vec![pages, bytes, quantity(phase.seconds(), "s")],
        bars: vec![(
            phase.begin_s - origin_s,
            phase.end_s - origin_s,
            colour(phase.kind),
        )],
    }
}
