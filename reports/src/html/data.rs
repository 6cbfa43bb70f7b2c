//! Tables of data: the same cells as HTML for people and as CSV for their tools.

use std::fmt::Write as _;

use super::element::{details, escape, scroll};
use crate::text::{moment, quantity};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Text,
    /// Moments of the run, in seconds.
    Moment,
    /// Numbers in this unit.
    Number(&'static str),
    /// Shares of 1, shown in percent.
    Share,
    /// Numbers that each have a unit.
    Own,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number in the unit of its column.
    Number(f64),
    /// A number in a unit of its own: another column tells it.
    Quantity(f64, &'static str),
    /// There is none.
    None,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<Option<f64>> for Cell {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::None, Self::Number)
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Its name, of which its file is named too.
    name: String,
    /// Names and kinds of its columns.
    columns: Vec<(String, Kind)>,
    rows: Vec<Vec<Cell>>,
}

/// Rows that a page shows; the file has all.
const SHOWN: usize = 400;

/// Characters of words that may be broken over lines.
const LONG: usize = 30;

impl Kind {
    fn unit(self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Own | Self::Number("1") => None,
            Self::Moment => Some("s"),
            Self::Number(unit) => Some(unit),
            Self::Share => Some("share of 1"),
        }
    }

    fn shown(self, cell: &Cell) -> String {
        match (cell, self) {
            (Cell::Text(text), _) => escape(text),
            (Cell::None, _) => String::new(),
            (Cell::Quantity(value, unit), _) => quantity(*value, unit),
            (Cell::Number(value), Self::Moment) => moment(*value),
            (Cell::Number(value), Self::Share) => format!("{:.2} %", value * 100.0),
            (Cell::Number(value), Self::Number(unit)) => quantity(*value, unit),
            (Cell::Number(value), Self::Text | Self::Own) => value.to_string(),
        }
    }

    /// How the style sets a cell: numbers to the right, short words in one line.
    fn class(self, shown: &str) -> &'static str {
        match self {
            Self::Text if shown.chars().count() > LONG => " class=\"long\"",
            Self::Text => "",
            _ => " class=\"number\"",
        }
    }
}

impl Data {
    /// A table of these rows.
    pub fn new(name: String, columns: &[(&str, Kind)], rows: Vec<Vec<Cell>>) -> Self {
        let owned = |(name, kind): &(&str, Kind)| ((*name).to_owned(), *kind);
        Self {
            name,
            columns: columns.iter().map(owned).collect(),
            rows,
        }
    }

    /// The table, and how to take it away.
    pub fn shown(&self) -> String {
        self.table() + &self.link()
    }

    /// The table, and how to take it away, folded behind a line that tells how much it is.
    pub fn folded(&self, open: bool) -> String {
        let rows = self.rows.len();
        let rows = format!("Data: {rows} {}", if rows == 1 { "row" } else { "rows" });
        details(&rows, &(self.link() + &self.table()), open)
    }

    fn link(&self) -> String {
        let file = format!("{}.csv", self.name);
        let more = if self.rows.len() > SHOWN {
            format!(" has all; the first {SHOWN} rows are below")
        } else {
            String::new()
        };
        format!(
            "<p class=\"links\"><a download=\"{file}\" href=\"data:text/csv;charset=utf-8,{}\">{file}</a>{more}</p>",
            percent_encoded(&self.csv())
        )
    }

    fn table(&self) -> String {
        let mut html = String::from("<table><thead><tr>");
        // Writing into a text can't fail.
        for (name, kind) in &self.columns {
            let _ = write!(
                html,
                "<th scope=\"col\"{}>{}</th>",
                kind.class(name),
                escape(name)
            );
        }
        html += "</tr></thead><tbody>\n";
        for row in self.rows.iter().take(SHOWN) {
            html += "<tr>";
            for (cell, (_, kind)) in row.iter().zip(&self.columns) {
                let shown = kind.shown(cell);
                let _ = write!(html, "<td{}>{shown}</td>", kind.class(&shown));
            }
            html += "</tr>\n";
        }
        scroll(&self.name, &(html + "</tbody></table>"))
    }

    /// Comma-separated values (RFC 4180) with their full digits; units are in the names of the columns.
    fn csv(&self) -> String {
        let head: Vec<String> = self
            .columns
            .iter()
            .map(|(name, kind)| {
                quoted(
                    &kind
                        .unit()
                        .map_or(name.clone(), |unit| format!("{name} [{unit}]")),
                )
            })
            .collect();
        let mut csv = head.join(",") + "\r\n";
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .map(|cell| match cell {
                    Cell::Text(text) => quoted(text),
                    Cell::Number(value) | Cell::Quantity(value, _) => value.to_string(),
                    Cell::None => String::new(),
                })
                .collect();
            csv += &cells.join(",");
            csv += "\r\n";
        }
        csv
    }
}

pub(crate) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A text as it must stand in a `data:` address (RFC 3986).
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a text can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Data {
        let columns = [
            ("time", Kind::Moment),
            ("power", Kind::Number("W")),
            ("what, and why", Kind::Text),
        ];
        let row = vec![90.0.into(), 1234.56789.into(), "a \"b\" <c>".into()];
        Data::new("run-power".to_owned(), &columns, vec![row])
    }

    #[test]
    fn people_read_four_digits_and_tools_read_all() {
        let table = data().table();
        assert!(
            table.contains("<td class=\"number\">0:01:30</td><td class=\"number\">1.235 kW</td>"),
            "{table}"
        );
        assert!(table.contains("a &quot;b&quot; &lt;c&gt;"), "{table}");
        assert_eq!(
            data().csv(),
            "time [s],power [W],\"what, and why\"\r\n90,1234.56789,\"a \"\"b\"\" <c>\"\r\n"
        );
    }

    #[test]
    fn the_file_has_rows_that_the_page_leaves_out_and_the_page_says_so() {
        let mut data = data();
        data.rows = vec![data.rows[0].clone(); SHOWN + 1];
        let html = data.folded(false);
        assert!(html.contains("Data: 401 rows"), "{html}");
        assert!(html.contains("run-power.csv</a> has all; the first 400 rows are below"));
        assert_eq!(html.matches("<tr><td").count(), SHOWN);
        assert_eq!(html.matches("%0D%0A").count(), SHOWN + 2);
    }
}
