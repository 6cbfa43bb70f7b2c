//! The page of a run: one file, no network, no script; light and dark; with the data behind every chart.

use std::fmt::Write as _;

use crate::chart::band::{self, Band};
use crate::chart::line::{self, Line};
use crate::chart::{BLUE, GREEN, ORANGE, escape, gantt, waterfall};
use crate::run::Run;
use crate::text::figures::{STATS, figure_rows};
use crate::text::{quantity, verdict};
use twinrack_scenario::record::figure::kind_of;

/// Migrations whose rounds are drawn one by one.
const WATERFALLS: usize = 4;
/// Rows of a data table; the record has all.
const ROWS: usize = 400;

const STYLE: &str = include_str!("html/style.css");

/// The page.
pub fn page(run: &Run) -> String {
    let summary = &run.summary;
    let title = summary
        .scenario
        .title
        .clone()
        .unwrap_or_else(|| summary.scenario.name.clone());
    let class = if summary.passed() { "pass" } else { "fail" };
    let sections = [
        expectations(run),
        charts(run),
        migrations(run),
        figures(run),
        assumptions(run),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{name} — twinrack</title><style>{STYLE}</style></head><body><main>\
         <p class=\"verdict {class}\">{verdict}</p><h1>{title}</h1>\
         <p class=\"meta\">{name} · {backend} · seed {seed} · {span} of simulated time · digest <code>{digest}</code></p>\
         {sections}</main></body></html>\n",
        name = escape(&summary.scenario.name),
        verdict = escape(&verdict(summary)),
        title = escape(&title),
        backend = escape(&summary.backend),
        seed = summary.seed,
        span = quantity(summary.span_s, "s"),
        digest = summary.digest.get(..16).unwrap_or(&summary.digest),
    )
}

fn section(title: &str, body: &str) -> String {
    if body.is_empty() {
        String::new()
    } else {
        format!("<section><h2>{title}</h2>{body}</section>")
    }
}

fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut html = String::from("<div class=\"scroll\"><table><thead><tr>");
    for cell in header {
        let _ = write!(html, "<th>{}</th>", escape(cell));
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            let _ = write!(html, "<td>{}</td>", escape(&cell));
        }
        html.push_str("</tr>");
    }
    html + "</tbody></table></div>"
}

fn expectations(run: &Run) -> String {
    let mut items: Vec<_> = run.summary.expectations.iter().collect();
    items.sort_by_key(|item| !item.fails());
    if items.is_empty() {
        return String::new();
    }
    let rows = items.into_iter().map(|item| {
        let unit = kind_of(&item.kpi).map_or("1", |kind| kind.unit);
        let value = item
            .value
            .map_or("absent".to_owned(), |value| quantity(value, unit));
        vec![
            item.verdict().to_owned(),
            item.kpi.clone(),
            value,
            format!("{} {}", item.op, quantity(item.limit, unit)),
            item.why.clone().unwrap_or_default(),
        ]
    });
    section(
        "Expectations",
        &table(&["", "figure", "is", "expected", "because"], rows),
    )
}

fn charts(run: &Run) -> String {
    let of = |metric: &str| run.series.points("total", metric);
    let one = |title: &str, unit: &str, name: &str, metric: &str, colour| {
        let points = of(metric);
        let moves = points
            .windows(2)
            .any(|pair| pair[0].1.to_bits() != pair[1].1.to_bits());
        if points.is_empty() || (!moves && points[0].1 == 0.0) {
            return String::new();
        }
        let data = data_table(unit, &points);
        let chart = line::chart(
            title,
            unit,
            &[Line {
                name: name.to_owned(),
                points,
                colour,
            }],
        );
        format!("<figure>{chart}<figcaption>{title}</figcaption>{data}</figure>")
    };
    let mut html = one("Power of all hosts", "W", "power", "power_w", BLUE);
    html += &one(
        "Logical processors parked",
        "processors",
        "parked",
        "cores_parked",
        GREEN,
    );
    html += &utilisation(run);
    html += &one("Hosts switched on", "hosts", "on", "hosts_active", ORANGE);
    html += &one("Traffic carried", "b/s", "traffic", "net_bps", GREEN);
    section("Over time", &html)
}

fn utilisation(run: &Run) -> String {
    let of = |metric: &str| run.series.points("total", metric);
    let band = Band {
        low: of("utilisation_p5"),
        middle: of("utilisation_p50"),
        high: of("utilisation_p95"),
    };
    if band.high.is_empty() {
        return String::new();
    }
    let rows = band
        .middle
        .iter()
        .zip(&band.low)
        .zip(&band.high)
        .take(ROWS)
        .map(|((middle, low), high)| {
            vec![
                quantity(middle.0, "s"),
                share(low.1),
                share(middle.1),
                share(high.1),
            ]
        });
    let data = details(&table(&["time", "5 %", "median", "95 %"], rows));
    let chart = band::chart("Use of processors", &band);
    format!("<figure>{chart}<figcaption>Use of processors, spread over hosts</figcaption>{data}</figure>")
}

fn share(value: f64) -> String {
    format!("{:.1} %", value * 100.0)
}

fn data_table(unit: &str, points: &[(f64, f64)]) -> String {
    let rows = points
        .iter()
        .take(ROWS)
        .map(|(t, value)| vec![quantity(*t, "s"), quantity(*value, unit)]);
    details(&table(&["time", unit], rows))
}

fn details(body: &str) -> String {
    format!("<details><summary>data</summary>{body}</details>")
}

fn migrations(run: &Run) -> String {
    let stories = run.migrations();
    if stories.is_empty() {
        return String::new();
    }
    let mut html = format!(
        "<figure>{}<figcaption>Migrations: waiting orange, under way blue, black-out red</figcaption></figure>",
        gantt::chart(&stories)
    );
    for story in stories
        .iter()
        .filter(|story| !story.rounds.is_empty())
        .take(WATERFALLS)
    {
        let rows = story.rounds.iter().map(|round| {
            vec![
                round.round.to_string(),
                quantity(round.pages, "1"),
                quantity(round.bytes, "B"),
                quantity(round.seconds, "s"),
            ]
        });
        let data = details(&table(&["round", "pages", "bytes", "time"], rows));
        let caption = format!("{} from {} to {}, round by round", story.vm, story.from, story.to);
        let _ = write!(
            html,
            "<figure>{}<figcaption>{}</figcaption>{data}</figure>",
            waterfall::chart(story),
            escape(&caption)
        );
    }
    let rows = stories.iter().take(ROWS).map(|story| {
        vec![
            story.vm.clone(),
            story.from.clone(),
            story.to.clone(),
            story.how.clone(),
            quantity(story.requested_s, "s"),
            story.rounds.len().to_string(),
            quantity(story.brownout_s, "s"),
            quantity(story.downtime_s, "s"),
            quantity(story.bytes, "B"),
            story.reason.clone().map_or(story.outcome.clone(), |reason| {
                format!("{}: {reason}", story.outcome)
            }),
        ]
    });
    let header = [
        "VM",
        "from",
        "to",
        "how",
        "asked at",
        "rounds",
        "brown-out",
        "downtime",
        "sent",
        "outcome",
    ];
    section("Migrations", &(html + &table(&header, rows)))
}

fn figures(run: &Run) -> String {
    let rows = figure_rows(&run.summary).into_iter().map(|row| {
        let mut cells = vec![row.kind.name.to_owned()];
        cells.extend(row.values);
        cells.push(row.source);
        cells.push(row.kind.meaning.to_owned());
        cells
    });
    let mut header = vec!["figure"];
    header.extend(STATS.map(|stat| stat.trim_start_matches('.')));
    header.extend(["source", "meaning"]);
    section("Figures", &table(&header, rows))
}

fn assumptions(run: &Run) -> String {
    let body = format!(
        "<p>The scenario as it was run, defaults and profiles filled in. BLAKE3 <code>{}</code>.</p>\
         <details><summary>scenario.yaml</summary><pre>{}</pre></details>",
        escape(&run.summary.scenario.blake3),
        escape(&run.scenario_yaml)
    );
    section("Assumptions", &body)
}
