//! Faults of an input: where, what is wrong, what was expected, and the mend; drawn with a caret.

use std::borrow::Cow;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Which text of [`Sources`] a place lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u16);

/// A place: bytes `start..end` of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text it lies in.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// No place: for what nobody wrote. It is in a source that there is not.
    pub const NOWHERE: Self = Self {
        source: SourceId(u16::MAX),
        start: 0,
        end: 0,
    };
}

/// The texts that an input was read from: the scenario, its profiles, the `--set` arguments.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    texts: Vec<(String, String)>,
}

impl Sources {
    /// Adds a text under the name that messages show for it.
    ///
    /// More than 65,536 texts share the last number: only a caret would suffer.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        self.texts.push((name.into(), text.into()));
        SourceId(u16::try_from(self.texts.len() - 1).unwrap_or(u16::MAX))
    }

    /// The name and text of a source; empty when there is none such.
    pub fn get(&self, id: SourceId) -> (&str, &str) {
        self.texts
            .get(usize::from(id.0))
            .map_or(("", ""), |(name, text)| (name, text))
    }

    /// Line and column (from 1, in characters) of the start of `span`.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let (_, text) = self.get(span.source);
        let before = text.get(..span.start as usize).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

/// One thing wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, if it has a place.
    pub span: Option<Span>,
    /// The key it belongs to, from the top: `hosts[0].memory`.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What was expected there.
    pub expected: String,
    /// How to mend it, when more is known than what was expected.
    pub help: Option<String>,
    /// A second place that explains the first: "first named here".
    pub other: Option<Box<(Span, String)>>,
    /// Why it may be but the echo of another fault.
    pub echo: Echo,
}

/// When a fault is withheld because another one explains it: mending that one mends both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Echo {
    /// It stands for itself.
    #[default]
    None,
    /// A required key is missing: a profile that could not be read may have had it.
    Missing,
    /// A name was not found in this section: one of the section's own faults may hide it.
    Reference(&'static str),
}

/// Most faults that are noted in one reading; whoever has more has another problem.
pub const FAULTS_MAX: usize = 1_000;

impl Fault {
    /// A fault at a place.
    pub fn new(span: Span, what: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            span: Some(span),
            path: String::new(),
            what: what.into(),
            expected: expected.into(),
            help: None,
            other: None,
            echo: Echo::None,
        }
    }

    /// A fault of the input as a whole.
    pub fn of_input(what: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            span: None,
            ..Self::new(
                Span {
                    source: SourceId(0),
                    start: 0,
                    end: 0,
                },
                what,
                expected,
            )
        }
    }

    /// Adds the mend.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names the key it belongs to.
    #[must_use]
    pub fn at_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Says what it may be the echo of.
    #[must_use]
    pub fn echoes(mut self, echo: Echo) -> Self {
        self.echo = echo;
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn and(mut self, span: Span, label: impl Into<String>) -> Self {
        self.other = Some(Box::new((span, label.into())));
        self
    }
}

/// How faults are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    /// Text alone: for files and pipes.
    Plain,
    /// With colours: for a terminal.
    Coloured,
}

/// Draws one fault: headline, the line with a caret, what was expected, the mend.
pub fn draw(fault: &Fault, sources: &Sources, drawing: Drawing) -> String {
    let renderer = match drawing {
        Drawing::Plain => Renderer::plain(),
        Drawing::Coloured => Renderer::styled(),
    }
    .decor_style(DecorStyle::Ascii);
    let mut group = Group::with_title(Level::ERROR.primary_title(fault.what.as_str()));
    let other = fault.other.as_deref();
    if let Some(span) = fault.span {
        let mut marked = vec![(AnnotationKind::Primary, span, fault.expected.as_str())];
        if let Some((place, label)) = other.filter(|(place, _)| place.source == span.source) {
            marked.push((AnnotationKind::Context, *place, label.as_str()));
        }
        group = group.element(snippet(sources, &marked));
    }
    if let Some((place, label)) =
        other.filter(|(place, _)| fault.span.is_none_or(|span| span.source != place.source))
    {
        group = group.element(snippet(
            sources,
            &[(AnnotationKind::Context, *place, label.as_str())],
        ));
    }
    if !fault.path.is_empty() {
        group = group.element(Level::NOTE.message(format!("in `{}`", fault.path)));
    }
    if fault.span.is_none() {
        group = group.element(Level::NOTE.message(fault.expected.as_str()));
    }
    if let Some(help) = &fault.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group]).clone()
}

/// The marked places of one source, under its name.
fn snippet<'a>(
    sources: &'a Sources,
    marked: &[(AnnotationKind, Span, &'a str)],
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let (name, text) = marked
        .first()
        .map_or(("", ""), |(_, span, _)| sources.get(span.source));
    let marks = marked
        .iter()
        .map(|(kind, span, label)| kind.span(on_one_line(text, *span)).label(*label));
    Snippet::source(text).path(name).annotations(marks)
}

/// The part of `span` on its first line: a caret under forty lines helps nobody.
fn on_one_line(text: &str, span: Span) -> std::ops::Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (floor(span.start as usize), floor(span.end as usize));
    let end = end.max(start);
    let line_end = text[start..end].find('\n').map_or(end, |at| start + at);
    start..line_end
}

/// Longest name that is compared with others, in bytes: comparing takes time in the square of it.
const COMPARED_MAX: usize = 64;

/// The known name nearest to `written`, when one is near enough to be meant.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const NEAR_ENOUGH: f64 = 0.8;
    if written.len() > COMPARED_MAX {
        return None;
    }
    let lower = written.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for name in known.into_iter().filter(|name| name.len() <= COMPARED_MAX) {
        let score = strsim::jaro_winkler(&lower, &name.to_lowercase());
        if score >= NEAR_ENOUGH && best.is_none_or(|(other, _)| score > other) {
            best = Some((score, name));
        }
    }
    best.map(|(_, name)| name)
}

/// "did you mean `x`?", what begins like it when that is several, or the list of what is known when nothing is near.
pub fn suggestion<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    // Of a million names the nearest among the first ten thousand will do.
    const SEARCHED: usize = 10_000;
    let names: Vec<&str> = known.into_iter().take(SEARCHED).collect();
    let beginning: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !written.is_empty() && name.starts_with(written))
        .collect();
    if beginning.len() > 1 {
        return listed(&beginning);
    }
    if let Some(name) = nearest(written, names.iter().copied()) {
        return format!("did you mean `{name}`?");
    }
    listed(&names)
}

/// "known here: …", at most so many that a section's keys are all told.
pub fn listed(names: &[&str]) -> String {
    const LISTED: usize = 28;
    match names.len() {
        0 => "there is none yet".to_owned(),
        n if n <= LISTED => format!("known here: `{}`", names.join("`, `")),
        n => format!(
            "known here: `{}`, and {} more",
            names[..LISTED].join("`, `"),
            n - LISTED
        ),
    }
}

/// What an author wrote, short enough for a message.
pub fn shortened(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => Cow::Owned(format!("{}…", &line[..end])),
        None if line.len() < text.len() => Cow::Owned(format!("{line}…")),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_whatever_its_case() {
        assert_eq!(nearest("Memroy", ["memory", "cores"]), Some("memory"));
        assert_eq!(nearest("zzz", ["memory", "cores"]), None);
        assert_eq!(suggestion("zzz", ["a", "b"]), "known here: `a`, `b`");
        assert_eq!(
            suggestion("r710", ["r710-l5530", "r710-x5570", "r740"]),
            "known here: `r710-l5530`, `r710-x5570`"
        );
        assert_eq!(nearest(&"x".repeat(1 << 20), ["memory"]), None);
    }

    #[test]
    fn what_was_written_is_quoted_in_short() {
        assert_eq!(shortened("16GiB"), "16GiB");
        assert_eq!(shortened("a\nb"), "a…");
        assert_eq!(shortened(&"é".repeat(70)), format!("{}…", "é".repeat(60)));
    }

    #[test]
    fn a_place_in_the_middle_of_a_character_is_drawn_all_the_same() {
        let mut sources = Sources::default();
        let source = sources.add("é.yaml", "é: é");
        let fault = Fault::new(
            Span {
                source,
                start: 1,
                end: 9,
            },
            "wrong",
            "expected right",
        );
        assert!(draw(&fault, &sources, Drawing::Plain).contains("expected right"));
    }
}
