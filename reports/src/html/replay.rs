//! The page of a replay: simulation against lab, figure by figure, with the model that is off and where the lab's numbers come from.

use twinrack_scenario::record::ClockFacts;
use twinrack_scenario::record::figure::{Source, kind_of};

use super::data::{Cell, Data, Kind};
use super::document::Document;
use super::element::{details, escape, section as titled, terms};
use super::figure::Figure;
use super::levels::file_name;
use super::migrations::{has, legend};
use crate::chart::gantt::{Gantt, Origin};
use crate::chart::waterfall::waterfall;
use crate::replay::blame::Suspect;
use crate::replay::{Aligned, Replay, shown};
use crate::run::{MigrationStory, Phase};
use crate::text::quantity;
use crate::twin::{TwinFigure, gate, percent};

/// Migrations that are shown round by round.
const ROUNDS: usize = 3;

/// The page.
pub fn page(replay: &Replay) -> String {
    let summary = &replay.lab.summary;
    let name = &summary.scenario.name;
    let title = summary.scenario.title.as_ref().unwrap_or(name);
    let within = replay.figures.figures.iter().all(TwinFigure::within);
    let sections = [
        off(replay),
        figures(replay),
        events(replay),
        rounds(replay),
        quantities(replay),
        inputs(replay),
        provenance(replay),
    ];
    Document {
        name,
        passed: within && replay.blame.named.is_none(),
        verdict: &replay.verdict(),
        title: &format!("{title}: simulation against lab"),
        meta: &format!(
            "{name} · {} body against the simulated one · seed {} · {}",
            summary.backend,
            summary.seed,
            machines(replay)
        ),
        sections: &sections,
    }
    .html()
}

/// The hosts in a few words.
fn machines(replay: &Replay) -> String {
    let made_on = replay.lab.summary.made_on.as_ref();
    let Some(first) = made_on.and_then(|made_on| made_on.hosts.first()) else {
        return "hosts unknown".to_owned();
    };
    let nested = if first.nested { ", nested" } else { "" };
    format!("{}, {}{nested}", first.processor, first.kernel)
}

fn off(replay: &Replay) -> String {
    let blame = &replay.blame;
    let mut html = format!("<p><strong>{}</strong></p>\n", escape(&blame.off()));
    if let Some(named) = &blame.named {
        let item = |(parameter, from, to): &(crate::replay::Parameter, f64, f64)| {
            let value = format!(
                "{} in the replay, {} fits",
                shown(*parameter, *from),
                shown(*parameter, *to)
            );
            (format!("{} ({})", parameter.name(), parameter.key()), value)
        };
        html += &terms("facts", &named.changes.iter().map(item).collect::<Vec<_>>());
        html += "<p>To fit all parameters of the host to runs of this lab, with some held out: \
                 <code>twinrack calibrate --from RUN… --out here.yaml</code></p>\n";
    }
    let told = |suspect: &Suspect| {
        let words = format!("{}: {}", blame.likely(suspect), suspect.told());
        format!("<li>{}</li>", escape(&words))
    };
    if !blame.others.is_empty() {
        let list: String = blame.others.iter().map(told).collect();
        html += &details(
            "What one other parameter alone would explain",
            &format!("<ul>{list}</ul>"),
            false,
        );
    }
    titled("What is off", &html)
}

fn figures(replay: &Replay) -> String {
    let row = |figure: &TwinFigure| -> Option<Vec<Cell>> {
        let unit = kind_of(&figure.name)?.unit;
        let of = gate(&figure.name);
        let share = format!("± {}", percent(of.median));
        let band = if of.absolute > 0.0 {
            format!("{share} or {}", quantity(of.absolute, unit))
        } else {
            share
        };
        let verdict = if figure.within() { "within" } else { "outside" };
        Some(vec![
            figure.name.as_str().into(),
            Cell::Quantity(figure.simulated, unit),
            Cell::Quantity(figure.median(), unit),
            unit.into(),
            Some(figure.error()).filter(|error| error.is_finite()).into(),
            band.as_str().into(),
            verdict.into(),
        ])
    };
    // What is compared above all stands first.
    let mut ordered: Vec<&TwinFigure> = replay.figures.figures.iter().collect();
    ordered.sort_by_key(|figure| !figure.name.starts_with("migration."));
    let data = Data::new(
        file_name(&replay.lab, "replay-figures"),
        &[
            ("figure", Kind::Text),
            ("simulated", Kind::Own),
            ("measured", Kind::Own),
            ("unit", Kind::Text),
            ("error", Kind::Share),
            ("band", Kind::Text),
            ("", Kind::Text),
        ],
        ordered.into_iter().filter_map(row).collect(),
    );
    titled("Figures", &data.folded(true))
}

/// The migrations of both bodies over time, and every event.
fn events(replay: &Replay) -> String {
    let stories = both(replay);
    let row = |event: &Aligned| -> Vec<Cell> {
        vec![
            event.what().as_str().into(),
            event.simulated_s.into(),
            event.measured_s.into(),
            event.apart_s().into(),
        ]
    };
    let data = Data::new(
        file_name(&replay.lab, "replay-events"),
        &[
            ("event", Kind::Text),
            ("simulated at", Kind::Moment),
            ("measured at", Kind::Moment),
            ("apart", Kind::Number("s")),
        ],
        replay.alignment.events.iter().map(row).collect(),
    );
    let clocks = replay.clocks();
    if stories.is_empty() {
        return titled(
            "Events",
            &format!("<p>{}</p>{}", escape(&clocks), data.folded(true)),
        );
    }
    let end_s = replay.lab.summary.span_s.max(replay.simulated.summary.span_s);
    let chart = Gantt {
        title: "Migrations in both bodies",
        stories: stories.iter().collect(),
        origin: Origin::Run,
        run_end_s: end_s,
    };
    let figure = Figure {
        title: "Migrations in both bodies".to_owned(),
        caption: clocks,
        legend: legend(|kind| stories.iter().any(|story| has(&story.phases(end_s), kind))),
        charts: vec![(String::new(), chart.chart())],
        data,
        open: replay.alignment.events.len() <= 40,
    };
    titled("Events", &figure.html())
}

/// The migrations of the lab, each followed by its simulation.
fn both(replay: &Replay) -> Vec<MigrationStory> {
    let named = |run: &crate::Run, body: &str| -> Vec<MigrationStory> {
        let renamed = |story: MigrationStory| MigrationStory {
            vm: format!("{}, {body}", story.vm),
            ..story
        };
        run.migrations().into_iter().map(renamed).collect()
    };
    let (lab, simulated) = (
        named(&replay.lab, "measured"),
        named(&replay.simulated, "simulated"),
    );
    let mut simulated = simulated.into_iter();
    let mut stories = Vec::new();
    for story in lab {
        stories.push(story);
        stories.extend(simulated.next());
    }
    stories.extend(simulated);
    stories
}

fn rounds(replay: &Replay) -> String {
    let (lab, simulated) = (replay.lab.migrations(), replay.simulated.migrations());
    let mut html = String::new();
    for (lab, simulated) in lab.iter().zip(&simulated).take(ROUNDS) {
        html += &rounds_of(replay, lab, simulated);
    }
    titled("Rounds", &html)
}

fn rounds_of(replay: &Replay, lab: &MigrationStory, simulated: &MigrationStory) -> String {
    let measured = lab.phases(replay.lab.summary.span_s);
    let modelled = simulated.phases(replay.simulated.summary.span_s);
    if measured.is_empty() || modelled.is_empty() {
        return String::new();
    }
    let title = format!("Rounds of {} from {} to {}", lab.vm, lab.from, lab.to);
    let chart = |body: &str, phases: &[Phase]| {
        let name = format!("{title}, {body}");
        (body.to_owned(), waterfall(&name, "it was asked for", phases))
    };
    let mut names: Vec<&str> = Vec::new();
    for phase in measured.iter().chain(&modelled) {
        if !names.contains(&phase.name.as_str()) {
            names.push(&phase.name);
        }
    }
    let row = |name: &str| -> Vec<Cell> {
        let all = |phases: &[Phase]| {
            let own: Vec<&Phase> = phases.iter().filter(|phase| phase.name == name).collect();
            let seconds = (!own.is_empty()).then(|| own.iter().map(|phase| phase.seconds()).sum::<f64>());
            let bytes = own.iter().find_map(|phase| phase.sent).map(|sent| sent.1);
            (seconds, bytes)
        };
        let ((there, sent_there), (here, sent_here)) = (all(&modelled), all(&measured));
        let apart = there.zip(here).map(|(there, here)| there - here);
        vec![
            name.into(),
            there.into(),
            here.into(),
            apart.into(),
            sent_there.into(),
            sent_here.into(),
        ]
    };
    Figure {
        title: title.clone(),
        caption: "Phases follow on each other and account for all of the time from the request to the end."
            .to_owned(),
        legend: legend(|kind| has(&measured, kind) || has(&modelled, kind)),
        charts: vec![chart("measured", &measured), chart("simulated", &modelled)],
        data: Data::new(
            file_name(&replay.lab, &format!("replay-rounds-{}", lab.id)),
            &[
                ("phase", Kind::Text),
                ("simulated", Kind::Number("s")),
                ("measured", Kind::Number("s")),
                ("apart", Kind::Number("s")),
                ("sent, simulated", Kind::Number("B")),
                ("sent, measured", Kind::Number("B")),
            ],
            names.into_iter().map(row).collect(),
        ),
        open: true,
    }
    .html()
}

fn quantities(replay: &Replay) -> String {
    let quantities = &replay.blame.quantities;
    if quantities.is_empty() {
        return String::new();
    }
    let rows = quantities.iter().map(|(key, own, there)| -> Vec<Cell> {
        let unit = key.what.unit();
        let cell = |value: f64| Cell::Quantity(value, unit);
        let units = there.map(|there| (there - own.value) / own.sigma);
        vec![
            format!("{}, move {}: {}", key.vm, key.move_number, key.what.name())
                .as_str()
                .into(),
            there.map_or(Cell::None, cell),
            cell(own.value),
            cell(own.sigma),
            unit.into(),
            units.into(),
        ]
    });
    let data = Data::new(
        file_name(&replay.lab, "replay-quantities"),
        &[
            ("quantity", Kind::Text),
            ("simulated", Kind::Own),
            ("measured", Kind::Own),
            ("may differ by", Kind::Own),
            ("unit", Kind::Text),
            ("differs by so many of these", Kind::Number("1")),
        ],
        rows.collect(),
    );
    let words = "<p>What the parameters were held to. What a quantity may differ by without a reason is what threads wait for each \
                 other and the chance in which pages are written.</p>\n";
    titled("Steps and rounds", &(words.to_owned() + &data.folded(false)))
}

fn inputs(replay: &Replay) -> String {
    let row = |input: &crate::replay::Input| -> Vec<Cell> {
        let parameter = input.parameter;
        vec![
            parameter.name().into(),
            Cell::Quantity(input.value, parameter.unit()),
            parameter.unit().into(),
            input.from.as_str().into(),
        ]
    };
    let data = Data::new(
        file_name(&replay.lab, "replay-inputs"),
        &[
            ("input", Kind::Text),
            ("value", Kind::Own),
            ("unit", Kind::Text),
            ("from", Kind::Text),
        ],
        replay.inputs.iter().map(row).collect(),
    );
    let untold: Vec<&str> = replay.blame.untold.iter().map(|own| own.name()).collect();
    let untold = if untold.is_empty() {
        String::new()
    } else {
        format!(
            "<p>Not to be told from this run: {}.</p>\n",
            escape(&untold.join(", "))
        )
    };
    titled("What the simulator was given", &(data.folded(true) + &untold))
}

fn provenance(replay: &Replay) -> String {
    let summary = &replay.lab.summary;
    let made_on = summary.made_on.clone().unwrap_or_default();
    let mut facts: Vec<(String, String)> = Vec::new();
    for host in &made_on.hosts {
        let mut told: Vec<String> = [&host.processor, &host.kernel, &host.paging]
            .into_iter()
            .filter(|word| !word.is_empty())
            .cloned()
            .collect();
        if host.nested {
            told.push("nested: the host is itself a virtual machine".to_owned());
        }
        if host.clock != ClockFacts::default() {
            let (offset, error) = (
                host.clock.offset_ns as f64 / 1e9,
                host.clock.error_ns as f64 / 1e9,
            );
            let sign = if offset < 0.0 { "behind" } else { "ahead" };
            let (offset, error) = (quantity(offset.abs(), "s"), quantity(error, "s"));
            told.push(format!("clock {offset} {sign}, known to {error}"));
        }
        facts.push((format!("host {}", host.name), told.join("; ")));
    }
    facts.push((
        "load".to_owned(),
        made_on.load.unwrap_or_else(|| "not told".to_owned()),
    ));
    if let Some(imported) = &made_on.imported {
        facts.push(("imported from a log, BLAKE3".to_owned(), imported.blake3.clone()));
        let moved = format!(
            "{} events, by at most {}",
            imported.moved,
            quantity(imported.moved_ns as f64 / 1e9, "s")
        );
        facts.push(("moved behind their causes".to_owned(), moved));
    }
    facts.push(("digest of the lab's run".to_owned(), summary.digest.clone()));
    facts.push((
        "digest of the simulated run".to_owned(),
        replay.simulated.summary.digest.clone(),
    ));
    for (source, word) in [
        (Source::Measured, "measured"),
        (Source::Counted, "counted"),
        (Source::Modelled, "modelled"),
    ] {
        let mut kinds: Vec<&str> = summary
            .kpis
            .iter()
            .filter(|(_, figure)| figure.source == source)
            .filter_map(|(name, _)| kind_of(name).map(|kind| kind.name))
            .collect();
        kinds.dedup();
        if !kinds.is_empty() {
            facts.push((format!("{word} by the lab"), kinds.join(", ")));
        }
    }
    for (kind, why) in &summary.unavailable {
        facts.push((format!("unavailable: {kind}"), why.clone()));
    }
    let yaml = details(
        "The scenario as it was run",
        &format!("<pre tabindex=\"0\">{}</pre>", escape(&replay.lab.scenario_yaml)),
        false,
    );
    titled(
        "Where the lab's numbers come from",
        &(terms("facts", &facts) + &yaml),
    )
}
