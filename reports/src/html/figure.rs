//! A figure: title, what to see in it, legend, charts, and the data behind them.

use std::fmt::Write as _;

use super::data::Data;
use super::element::escape;

/// A figure of the page.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Its title.
    pub title: String,
    /// What to see in it, in a sentence or two.
    pub caption: String,
    /// The colours, each as the name of its variable in the page's style, and what they stand for.
    pub legend: Vec<(&'static str, String)>,
    /// The charts, each with a title of its own where there are several.
    pub charts: Vec<(String, String)>,
    /// The data.
    pub data: Data,
    /// Whether the data are shown from the start.
    pub open: bool,
}

impl Figure {
    /// The figure in HTML.
    pub fn html(&self) -> String {
        let mut html = format!("<figure><figcaption><h3>{}</h3>", escape(&self.title));
        // Writing into a text can't fail.
        if !self.caption.is_empty() {
            let _ = write!(html, "<p>{}</p>", escape(&self.caption));
        }
        html += "</figcaption>";
        if !self.legend.is_empty() {
            html += "<ul class=\"legend\">";
            for (colour, meaning) in &self.legend {
                let _ = write!(html, "<li><i class=\"{colour}\"></i>{}</li>", escape(meaning));
            }
            html += "</ul>";
        }
        for (title, chart) in &self.charts {
            if !title.is_empty() {
                let _ = write!(html, "<h4>{}</h4>", escape(title));
            }
            html += chart;
        }
        html + &self.data.folded(self.open) + "</figure>\n"
    }
}
