//! What was expected of the run and what became of it, those that fail it first.

use std::fmt::Write as _;

use twinrack_scenario::record::{Expectation, Verdict};

use super::element::{escape, section as titled};
use crate::run::Run;
use crate::text::expectation::{because, failing_first, limit, value};
use crate::text::number::digits;

/// The section; nothing when the scenario expects nothing.
pub fn section(run: &Run) -> String {
    let items = failing_first(&run.summary);
    if items.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<table class=\"stack\"><thead><tr><th scope=\"col\"></th><th scope=\"col\">figure</th>\
         <th scope=\"col\" class=\"number\">is</th><th scope=\"col\" class=\"number\">expected</th>\
         <th scope=\"col\" class=\"number\">off by</th><th scope=\"col\">because</th></tr></thead><tbody>\n",
    );
    for item in items {
        let class = match item.verdict() {
            Verdict::Held => "pass",
            Verdict::Failed | Verdict::HeldAgain => "fail",
            Verdict::KnownMiss => "missed",
            Verdict::NotAsked => "muted",
        };
        // Writing into a text can't fail.
        let _ = writeln!(
            html,
            "<tr><td class=\"{class}\">{}</td><td><code>{}</code></td><td class=\"number\" data-label=\"is\">{}</td>\
             <td class=\"number\" data-label=\"expected\">{}</td><td class=\"number\" data-label=\"off by\">{}</td>\
             <td>{}</td></tr>",
            item.verdict().word(),
            escape(&item.kpi),
            value(item),
            escape(&limit(item)),
            off_by(item),
            escape(&because(item)),
        );
    }
    titled("Expectations", &(html + "</tbody></table>\n"))
}

/// How far a figure is from what it should be near, as a share of that.
fn off_by(item: &Expectation) -> String {
    let Some(value) = item.value.filter(|_| item.op == "~" && item.limit != 0.0) else {
        return String::new();
    };
    let percent = (value - item.limit) / item.limit.abs() * 100.0;
    // Two digits after the point tell enough beside a tolerance of whole percents.
    let percent = if item.tolerance < 1e-3 {
        percent
    } else {
        (percent * 100.0).round() / 100.0
    };
    let sign = match percent {
        p if p < 0.0 => "−",
        p if p > 0.0 => "+",
        _ => "",
    };
    format!("{sign}{} %", digits(percent.abs()))
}
