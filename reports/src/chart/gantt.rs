//! Migrations over time: for each when it waited, was under way, and stood still.

use super::canvas::chart;
use super::rows::{Across, Row, Rows, colour};
use crate::run::{MigrationStory, Phase, PhaseKind};
use crate::text::quantity;

/// Rows that are told apart by labels; more are drawn as thin lines.
pub const LABELLED: usize = 40;

/// Where the time of a migration counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The start of the run: when they were.
    Run,
    /// When it was asked for: how long they took.
    Request,
}

/// Migrations to be drawn, in the order of rows from the top.
#[derive(Debug, Clone)]
pub struct Gantt<'a> {
    /// Its title.
    pub title: &'a str,
    /// The migrations.
    pub stories: Vec<&'a MigrationStory>,
    /// Where their times count from.
    pub origin: Origin,
    /// When the run ended, in seconds.
    pub run_end_s: f64,
}

impl Gantt<'_> {
    /// Every how manyth migration is drawn: 1 as long as each can have a line.
    pub fn stride(&self) -> usize {
        self.stories.len().div_ceil(Rows::COMPACT).max(1)
    }

    /// Draws them: waiting orange, under way blue, black-out red.
    pub fn chart(&self) -> String {
        let description = format!(
            "{} migrations: waiting in orange, under way in blue, black-out in red",
            self.stories.len()
        );
        let rows = self.rows();
        chart(
            self.title,
            &description,
            |screen| rows.height(screen),
            |area, screen| rows.draw(area, screen),
        )
    }

    fn rows(&self) -> Rows {
        let rows: Vec<Row> = self
            .stories
            .iter()
            .step_by(self.stride())
            .map(|story| self.row(story))
            .collect();
        let bars = || rows.iter().flat_map(|row| &row.bars);
        let begin = bars().map(|bar| bar.0).fold(f64::INFINITY, f64::min);
        let end = bars().map(|bar| bar.1).fold(0.0, f64::max);
        let name = match self.origin {
            Origin::Run => "time in the run",
            Origin::Request => "time since it was asked for",
        };
        Rows {
            across: Across::Time(name.to_owned(), begin.min(end), end),
            label_width: if self.stories.len() > LABELLED { 0 } else { 190 },
            columns: vec!["black-out", "in all"],
            list: rows,
        }
    }

    fn row(&self, story: &MigrationStory) -> Row {
        let origin = match self.origin {
            Origin::Run => 0.0,
            Origin::Request => story.requested_s,
        };
        let phases = story.phases(self.run_end_s);
        // What stood still is drawn last: its bar may be wider than its time.
        let (still, moving): (Vec<_>, Vec<_>) =
            phases.iter().partition(|phase| phase.kind == PhaseKind::BlackOut);
        let bar = |phase: &Phase| (phase.begin_s - origin, phase.end_s - origin, colour(phase.kind));
        Row {
            label: format!("{}: {} → {}", story.vm, story.from, story.to),
            numbers: vec![
                quantity(story.downtime_s, "s"),
                quantity(story.length_s(self.run_end_s), "s"),
            ],
            bars: moving.into_iter().chain(still).map(bar).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::canvas::Screen;

    #[test]
    fn however_many_migrations_there_are_the_chart_keeps_its_height() {
        for (count, stride) in [(41, 1), (367, 1), (400, 1), (401, 2), (26_711, 67)] {
            let stories = vec![MigrationStory::default(); count];
            let gantt = Gantt {
                title: "",
                stories: stories.iter().collect(),
                origin: Origin::Run,
                run_end_s: 1.0,
            };
            assert_eq!(gantt.stride(), stride, "{count}");
            let height = gantt.rows().height(Screen::Wide);
            assert!((200..=460).contains(&height), "{count} are {height} pixels high");
        }
    }
}
