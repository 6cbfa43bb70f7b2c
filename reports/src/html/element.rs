//! Pieces of HTML that all parts of the page are made of.

/// A text as it must stand in HTML and SVG.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A section with its heading; nothing when its body is empty.
pub fn section(title: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("<section><h2>{title}</h2>\n{body}</section>\n")
}

/// Something folded away behind a line that says what it is.
pub fn details(summary: &str, body: &str, open: bool) -> String {
    let open = if open { " open" } else { "" };
    format!(
        "<details{open}><summary>{}</summary>{body}</details>\n",
        escape(summary)
    )
}

/// A box that scrolls by itself where its content is wider than the page; it can be reached with the keyboard.
pub fn scroll(label: &str, content: &str) -> String {
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">{content}</div>",
        escape(label)
    )
}

/// A list of terms and what they are.
pub fn terms(class: &str, terms: &[(String, String)]) -> String {
    let term = |(name, value): &(String, String)| {
        format!("<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value))
    };
    format!(
        "<dl class=\"{class}\">{}</dl>\n",
        terms.iter().map(term).collect::<String>()
    )
}
