//! The document around the sections of a page: its head, its style, the verdict and the title.

use super::element::escape;

const STYLE: &str = include_str!("style.css");
/// What the browser lets the page do: look as its style says. It can load nothing and run nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A page, in words; they are escaped here. Its sections are HTML.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// What the browser's tab is called.
    pub name: &'a str,
    /// Whether all is well.
    pub passed: bool,
    /// How it came out, in one line.
    pub verdict: &'a str,
    /// The title.
    pub title: &'a str,
    /// What it is of, in one line.
    pub meta: &'a str,
    /// The sections, in order.
    pub sections: &'a [String],
}

impl Document<'_> {
    /// The whole file.
    pub fn html(&self) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{name} — twinrack</title><style>\n{STYLE}</style></head>\n<body><main>\n\
             <header><p class=\"verdict {class}\">{verdict}</p><h1>{title}</h1>\
             <p class=\"meta\">{meta}</p></header>\n\
             {sections}</main></body></html>\n",
            name = escape(self.name),
            class = if self.passed { "pass" } else { "fail" },
            verdict = escape(self.verdict),
            title = escape(self.title),
            meta = escape(self.meta),
            sections = self.sections.concat(),
        )
    }
}
