//! The migrations: when each of them was, how long it took, and the longest of them phase by phase.

use super::data::{Cell, Data, Kind};
use super::element::section as titled;
use super::figure::Figure;
use super::levels::file_name;
use crate::chart::gantt::{Gantt, LABELLED, Origin};
use crate::chart::waterfall::{enlarged, waterfall};
use crate::run::{MigrationStory, Phase, PhaseKind, Run};

/// What colours stand for in charts of migrations.
const LEGEND: [(PhaseKind, &str, &str); 3] = [
    (PhaseKind::Waiting, "orange area", "waiting for a busy host"),
    (PhaseKind::UnderWay, "blue area", "under way, the VM runs"),
    (PhaseKind::BlackOut, "red area", "black-out, the VM stands still"),
];
/// Migrations up to which each is shown phase by phase; of more only the longest.
const ALL_PHASES: usize = 3;
/// Migrations whose table is open from the start.
const OPEN: usize = 20;

/// The section; nothing when none was asked for.
pub fn section(run: &Run) -> String {
    let stories = run.migrations();
    if stories.is_empty() {
        return String::new();
    }
    let html = overview(run, &stories) + &phases(run, &stories);
    titled("Migrations", &html)
}

/// All migrations in the order they were asked for and, when they are too many for labels, by their length.
fn overview(run: &Run, stories: &[MigrationStory]) -> String {
    let gantt = |title, stories, origin| Gantt {
        title,
        stories,
        origin,
        run_end_s: run.summary.span_s,
    };
    let when = gantt("When migrations were", stories.iter().collect(), Origin::Run);
    let (caption, charts) = if stories.len() <= LABELLED {
        let least = "A bar is at least three pixels wide, however short the time.";
        (least.to_owned(), vec![(String::new(), when.chart())])
    } else {
        let mut longest: Vec<&MigrationStory> = stories.iter().collect();
        let length = |story: &MigrationStory| story.length_s(run.summary.span_s);
        longest.sort_by(|a, b| length(b).total_cmp(&length(a)));
        let how_long = gantt("How long migrations took", longest, Origin::Request);
        let charts = vec![
            ("In the order they were asked for".to_owned(), when.chart()),
            (
                "The longest first, from when each was asked for".to_owned(),
                how_long.chart(),
            ),
        ];
        (drawn(stories.len(), when.stride()), charts)
    };
    Figure {
        title: "Migrations over time".to_owned(),
        caption,
        legend: legend(|kind| {
            stories
                .iter()
                .any(|story| has(&story.phases(run.summary.span_s), kind))
        }),
        charts,
        data: table(run, stories),
        open: stories.len() <= OPEN,
    }
    .html()
}

/// How many of `count` migrations are drawn when it is one in `stride`.
fn drawn(count: usize, stride: usize) -> String {
    if stride == 1 {
        return format!("All {count} migrations, a line each, at least three pixels long.");
    }
    let shown = count.div_ceil(stride);
    format!("{shown} of {count} migrations, one in {stride}, a line each, at least three pixels long.")
}

fn table(run: &Run, stories: &[MigrationStory]) -> Data {
    let row = |story: &MigrationStory| -> Vec<Cell> {
        vec![
            story.vm.as_str().into(),
            story.from.as_str().into(),
            story.to.as_str().into(),
            story.how.replace('_', "-").as_str().into(),
            story.requested_s.into(),
            story.started_s.map(|started| started - story.requested_s).into(),
            (story.rounds.len() as f64).into(),
            story.brownout_s.into(),
            story.downtime_s.into(),
            story.length_s(run.summary.span_s).into(),
            story.bytes.into(),
            story.ending().as_str().into(),
        ]
    };
    Data::new(
        file_name(run, "migrations"),
        &[
            ("VM", Kind::Text),
            ("from", Kind::Text),
            ("to", Kind::Text),
            ("how", Kind::Text),
            ("asked at", Kind::Moment),
            ("waited", Kind::Number("s")),
            ("rounds", Kind::Number("1")),
            ("brown-out", Kind::Number("s")),
            ("black-out", Kind::Number("s")),
            ("in all", Kind::Number("s")),
            ("sent", Kind::Number("B")),
            ("outcome", Kind::Text),
        ],
        stories.iter().map(row).collect(),
    )
}

pub(super) fn has(phases: &[Phase], kind: PhaseKind) -> bool {
    phases.iter().any(|phase| phase.kind == kind)
}

/// The colours that are there.
pub(super) fn legend(there: impl Fn(PhaseKind) -> bool) -> Vec<(&'static str, String)> {
    let shown = LEGEND.into_iter().filter(|(kind, ..)| there(*kind));
    shown
        .map(|(_, colour, meaning)| (colour, meaning.to_owned()))
        .collect()
}

/// Migrations phase by phase.
fn phases(run: &Run, stories: &[MigrationStory]) -> String {
    let of = |story: &MigrationStory, note: &str| {
        let phases = story.phases(run.summary.span_s);
        if phases.is_empty() {
            // Refused at once: the table says why.
            return String::new();
        }
        phase_figure(run, story, &phases, note)
    };
    if stories.len() <= ALL_PHASES {
        return stories.iter().map(|story| of(story, "")).collect();
    }
    let length = |story: &&MigrationStory| story.length_s(run.summary.span_s);
    let longest = stories.iter().max_by(|a, b| length(a).total_cmp(&length(b)));
    let stillest = stories
        .iter()
        .max_by(|a, b| a.downtime_s.total_cmp(&b.downtime_s));
    match (longest, stillest) {
        (Some(longest), Some(stillest)) if longest.id != stillest.id => {
            of(longest, "The longest of all.") + &of(stillest, "The one with the longest black-out.")
        }
        (Some(longest), _) => of(longest, "The longest of all, and with the longest black-out."),
        (None, _) => String::new(),
    }
}

fn phase_figure(run: &Run, story: &MigrationStory, phases: &[Phase], note: &str) -> String {
    let what = if story.rounds.is_empty() {
        "Phases"
    } else {
        "Rounds"
    };
    let title = format!("{what} of {} from {} to {}", story.vm, story.from, story.to);
    let mut charts = vec![(String::new(), waterfall(&title, "it was asked for", phases))];
    if let Some((part, times)) = enlarged(phases) {
        let what = if part.iter().any(|phase| phase.sent.is_some()) {
            "The last rounds and the black-out"
        } else {
            "The black-out"
        };
        let chart = waterfall(&format!("{title}: {what}"), "the first bar began", part);
        charts.push((format!("{what}, enlarged {times:.0} times"), chart));
    }
    let row = |phase: &Phase| -> Vec<Cell> {
        vec![
            phase.name.as_str().into(),
            phase.begin_s.into(),
            phase.seconds().into(),
            phase.sent.map(|sent| sent.0).into(),
            phase.sent.map(|sent| sent.1).into(),
        ]
    };
    let ending = story.ending();
    Figure {
        title: title.clone(),
        caption: format!("{note} Outcome: {ending}.").trim_start().to_owned(),
        legend: legend(|kind| has(phases, kind)),
        charts,
        data: Data::new(
            file_name(run, &format!("rounds-{}", story.id)),
            &[
                ("phase", Kind::Text),
                ("begins at", Kind::Moment),
                ("took", Kind::Number("s")),
                ("pages", Kind::Number("1")),
                ("sent", Kind::Number("B")),
            ],
            phases.iter().map(row).collect(),
        ),
        open: false,
    }
    .html()
}
