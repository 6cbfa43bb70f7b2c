//! Tables on a terminal: numbers to the right, and only the last column is broken over lines.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, TableStyle, Width};

/// Columns that the last column keeps at least, however narrow the terminal.
const LAST_AT_LEAST: u16 = 24;

/// How the last column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// Words, broken over lines where they are too long.
    Words,
    /// A number like the others.
    Number,
}

/// An empty table of `width` columns of the terminal; the columns of `right` hold numbers.
pub fn table(width: u16, header: &[&str], right: &[usize], last: Last) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    table.set_header(header.iter().copied());
    for index in 0..header.len() {
        let Some(column) = table.column_mut(index) else {
            continue;
        };
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        column.set_constraint(if last == Last::Words && index + 1 == header.len() {
            ColumnConstraint::LowerBoundary(Width::Fixed(LAST_AT_LEAST))
        } else {
            ColumnConstraint::ContentWidth
        });
    }
    table
}

/// The table's text, without the blanks at the ends of its lines.
pub fn drawn(table: &Table) -> String {
    table
        .to_string()
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}
