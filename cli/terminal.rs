//! The terminal: how wide a text may be.

/// Columns of the terminal, or what is easily read in a file. `COLUMNS` overrules both.
pub fn width() -> u16 {
    const IN_A_FILE: u16 = 120;
    let asked = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let seen = || console::Term::stdout().size_checked().map(|(_, columns)| columns);
    asked.or_else(seen).unwrap_or(IN_A_FILE)
}
