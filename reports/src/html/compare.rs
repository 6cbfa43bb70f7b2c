//! The page of a comparison: the verdict, what moved and how far, the first events that differ, every rule in words, and how to do
//! it again.

use std::fmt::Write as _;

use plotters::style::RGBColor;

use super::data::{Cell, Data, Kind};
use super::document::Document;
use super::element::{details, escape, section as titled, terms};
use super::figure::Figure;
use crate::chart::changes::{Change, DRAWN, changes};
use crate::chart::palette::{BLUE, GREEN, ORANGE, RED};
use crate::compare::text::{change, difference, grouped, head, rows, sides, verdict};
use crate::compare::{Comparison, FigureVerdict, Outcome, ScenarioComparison, Verdict};

/// Seeds whose first difference is told.
const TOLD: usize = 3;

/// The page.
pub fn page(comparison: &Comparison) -> String {
    let (moved, same): (Vec<_>, Vec<_>) = comparison
        .scenarios
        .iter()
        .partition(|scenario| is_moved(scenario));
    let mut sections: Vec<String> = moved.into_iter().map(section).collect();
    sections.push(alone(comparison));
    sections.push(unmoved(&same));
    sections.push(again(comparison));
    Document {
        name: "comparison",
        passed: comparison.outcome == Outcome::Passed,
        verdict: &verdict(comparison),
        title: "New runs against the baseline",
        meta: &format!("baseline {} · new {}", comparison.base, comparison.new),
        sections: &sections,
    }
    .html()
}

fn is_moved(scenario: &ScenarioComparison) -> bool {
    let unchanged = |figure: &FigureVerdict| figure.verdict == Verdict::Unchanged;
    !scenario.differing.is_empty() || !scenario.figures.iter().all(unchanged)
}

/// A scenario in which something is otherwise.
fn section(scenario: &ScenarioComparison) -> String {
    let (unchanged, moved): (Vec<&FigureVerdict>, Vec<&FigureVerdict>) = scenario
        .figures
        .iter()
        .partition(|figure| figure.verdict == Verdict::Unchanged);
    let moved = rows(&moved);
    let mut html = format!("<p class=\"meta\">{}</p>\n", escape(&head(scenario)));
    let told: Vec<String> = scenario.differing.iter().take(TOLD).map(difference).collect();
    if !told.is_empty() {
        // Writing into a text can't fail.
        let _ = writeln!(html, "<pre tabindex=\"0\">{}</pre>", escape(&told.join("\n")));
    }
    if !moved.is_empty() {
        html += &figure(scenario, &moved).html();
        html += &table(&moved);
    }
    if !unchanged.is_empty() {
        let explained = rows(
            &unchanged
                .iter()
                .copied()
                .filter(|figure| figure.because != "the same")
                .collect::<Vec<_>>(),
        );
        if explained.is_empty() {
            let _ = writeln!(html, "<p class=\"meta\">{}</p>", escape(&grouped(&unchanged)));
        } else {
            html += &details(&grouped(&unchanged), &table(&explained), false);
        }
    }
    titled(&escape(&scenario.name), &html)
}

/// The changes as bars, with their data.
fn figure(scenario: &ScenarioComparison, moved: &[(String, &FigureVerdict)]) -> Figure {
    let list: Vec<Change> = moved
        .iter()
        .filter_map(|(name, figure)| bar(name, figure))
        .collect();
    let title = format!("What moved in {}", scenario.name);
    let mut caption = "Change as a share of the baseline; a bar ends at 100 %.".to_owned();
    if list.len() > DRAWN {
        // Writing into a text can't fail.
        let _ = write!(caption, " The worst {DRAWN} of {} are drawn.", list.len());
    }
    let charts = if list.is_empty() {
        Vec::new()
    } else {
        vec![(String::new(), changes(&title, &list))]
    };
    let legend = [
        ("red", "fails"),
        ("orange", "warns, or can't be told"),
        ("green", "better"),
        ("blue", "neither way is better"),
    ];
    Figure {
        caption,
        legend: legend
            .map(|(colour, meaning)| (colour, meaning.to_owned()))
            .into(),
        charts,
        data: data(scenario, moved),
        open: false,
        title,
    }
}

/// The bar of a figure; none where it has no change to draw.
fn bar(name: &str, figure: &FigureVerdict) -> Option<Change> {
    let (base, new) = figure.base.zip(figure.new)?;
    let [was, is] = sides(figure);
    let from_nothing = f64::INFINITY.copysign(new.mean - base.mean);
    Some(Change {
        label: name.to_owned(),
        numbers: [was, is, change(figure)],
        share: figure.change.unwrap_or(from_nothing),
        colour: colour(figure.verdict),
    })
}

const fn colour(verdict: Verdict) -> RGBColor {
    match verdict {
        Verdict::Failed => RED,
        Verdict::Warned | Verdict::Undecided | Verdict::Gone => ORANGE,
        Verdict::Improved => GREEN,
        Verdict::Changed | Verdict::Appeared | Verdict::Unchanged => BLUE,
    }
}

fn data(scenario: &ScenarioComparison, moved: &[(String, &FigureVerdict)]) -> Data {
    let columns = [
        ("figure", Kind::Text),
        ("unit", Kind::Text),
        ("verdict", Kind::Text),
        ("baseline", Kind::Number("1")),
        ("new", Kind::Number("1")),
        ("change", Kind::Share),
        ("p", Kind::Number("1")),
    ];
    let row = |(name, figure): &(String, &FigureVerdict)| {
        vec![
            Cell::from(name.as_str()),
            figure.unit.as_str().into(),
            figure.verdict.word().into(),
            figure.base.map(|side| side.mean).into(),
            figure.new.map(|side| side.mean).into(),
            figure.change.into(),
            figure.p.into(),
        ]
    };
    Data::new(
        format!("compare-{}", scenario.name),
        &columns,
        moved.iter().map(row).collect(),
    )
}

/// Figures with every rule that was applied to them.
fn table(figures: &[(String, &FigureVerdict)]) -> String {
    let mut html = String::from(
        "<table class=\"stack\"><thead><tr><th scope=\"col\"></th><th scope=\"col\">figure</th>\
         <th scope=\"col\" class=\"number\">baseline</th><th scope=\"col\" class=\"number\">new</th>\
         <th scope=\"col\" class=\"number\">change</th><th scope=\"col\">why</th></tr></thead><tbody>\n",
    );
    for (name, figure) in figures {
        let [base, new] = sides(figure);
        let class = match figure.verdict {
            Verdict::Failed | Verdict::Warned | Verdict::Gone => "fail",
            Verdict::Improved => "pass",
            _ => "muted",
        };
        // Writing into a text can't fail.
        let _ = writeln!(
            html,
            "<tr><td class=\"{class}\">{}</td><td><code>{}</code></td><td class=\"number\" data-label=\"was\">{base}</td>\
             <td class=\"number\" data-label=\"is\">{new}</td><td class=\"number\">{}</td><td>{}</td></tr>",
            figure.verdict.word(),
            escape(name),
            escape(&change(figure)),
            escape(&figure.why.join("; ")),
        );
    }
    html + "</tbody></table>\n"
}

/// Runs of one side alone.
fn alone(comparison: &Comparison) -> String {
    let list = |what: &str, names: &[String]| {
        let item = |name: &String| format!("<li>{}</li>", escape(name));
        let items: String = names.iter().map(item).collect();
        if names.is_empty() {
            String::new()
        } else {
            format!("<h3>{what}</h3><ul>{items}</ul>\n")
        }
    };
    let body =
        list("In the baseline alone", &comparison.missing) + &list("Not in the baseline", &comparison.added);
    titled("Runs of one side alone", &body)
}

/// Scenarios in which nothing is otherwise.
fn unmoved(same: &[&ScenarioComparison]) -> String {
    let item = |scenario: &&ScenarioComparison| {
        let figures: Vec<&FigureVerdict> = scenario.figures.iter().collect();
        format!(
            "<li>{}; {}</li>",
            escape(&head(scenario)),
            escape(&grouped(&figures))
        )
    };
    let items: String = same.iter().map(item).collect();
    if items.is_empty() {
        return String::new();
    }
    titled("Nothing moved", &format!("<ul>{items}</ul>\n"))
}

/// What a reader does next.
fn again(comparison: &Comparison) -> String {
    let mut facts = vec![
        ("baseline".to_owned(), comparison.base.clone()),
        ("new".to_owned(), comparison.new.clone()),
    ];
    if !comparison.repeat.is_empty() {
        facts.push(("repeat".to_owned(), comparison.repeat.clone()));
    }
    if let Some(bless) = comparison.bless.as_ref().filter(|_| comparison.differs()) {
        facts.push(("if this is meant".to_owned(), bless.clone()));
    }
    titled("To do it again", &terms("facts", &facts))
}
