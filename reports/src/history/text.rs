//! A history on a terminal: what changed, when it did last, and the course of each figure in a line.

use twinrack_scenario::record::figure::kind_of;

use super::{History, Series, short};
use crate::compare::gates::signed;
use crate::text::quantity;
use crate::text::table::{Last, drawn, table};

/// Commits whose levels are drawn in a line.
const DRAWN: usize = 24;

/// One line that says how much changed.
pub fn verdict(history: &History, series: &[Series]) -> String {
    let commits = history.commits();
    let changed = series.iter().filter(|series| !series.changes.is_empty()).count();
    let worse = worse_at_the_end(series, commits.len());
    let ends = match &commits[..] {
        [] => return "HISTORY: nothing was added yet".to_owned(),
        [(one, _)] => format!("1 commit, {}", short(one)),
        [(first, _), .., (last, _)] => {
            format!("{} commits, {} to {}", commits.len(), short(first), short(last))
        }
    };
    let end = if worse.is_empty() {
        "nothing got worse at the last".to_owned()
    } else {
        let names = worse
            .iter()
            .map(|series| format!("{} of {}", series.figure, series.scenario));
        format!("worse at the last: {}", names.collect::<Vec<_>>().join(", "))
    };
    format!(
        "HISTORY: {changed} of {} figures changed over {ends}; {end}",
        series.len()
    )
}

/// What got worse at the last commit.
pub fn worse_at_the_end(series: &[Series], commits: usize) -> Vec<&Series> {
    let worse = |series: &&Series| {
        let last = series.changes.last();
        series.last_change() == commits.checked_sub(1)
            && last.is_some_and(|change| change.worse == Some(true))
    };
    series.iter().filter(worse).collect()
}

/// The figures that changed, those that did so last first; `width` columns wide.
pub fn written(history: &History, width: u16) -> String {
    let (series, commits) = (history.series(), history.commits());
    let mut moved: Vec<&Series> = series.iter().filter(|series| !series.is_constant()).collect();
    moved.sort_by_key(|series| std::cmp::Reverse(series.last_change()));
    let header = [
        "scenario",
        "figure",
        "course",
        "first",
        "last",
        "last change",
        "at",
    ];
    let mut rows = table(width, &header, &[3, 4, 5], Last::Words);
    for series in &moved {
        let unit = unit(&series.figure);
        let levels: Vec<f64> = series.points.iter().map(|(_, level)| level.mean()).collect();
        let of = |value: Option<&f64>| value.map_or(String::new(), |value| quantity(*value, unit));
        rows.add_row([
            series.scenario.clone(),
            series.figure.clone(),
            course(&levels),
            of(levels.first()),
            of(levels.last()),
            series
                .changes
                .last()
                .map_or("small".to_owned(), |change| signed(change.share)),
            series.last_change().map_or(String::new(), |place| {
                let (commit, when) = commits[place];
                format!("{} {when}", short(commit))
            }),
        ]);
    }
    let still = series.len() - moved.len();
    let mut parts = vec![verdict(history, &series)];
    parts.extend((!moved.is_empty()).then(|| drawn(&rows)));
    parts.push(format!(" the same at every commit: {still} figures"));
    parts.join("\n\n") + "\n"
}

/// The unit of a figure.
pub fn unit(figure: &str) -> &'static str {
    kind_of(figure).map_or("1", |kind| kind.unit)
}

/// The last levels as blocks between the least and the greatest of them.
fn course(levels: &[f64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let levels = &levels[levels.len().saturating_sub(DRAWN)..];
    let least = levels.iter().copied().fold(f64::INFINITY, f64::min);
    let most = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let block = |level: &f64| {
        let share = if most > least {
            (level - least) / (most - least)
        } else {
            0.0
        };
        BLOCKS[(share * 7.0).round() as usize]
    };
    levels.iter().map(block).collect()
}
