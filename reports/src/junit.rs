//! Test results as `JUnit` XML: what Jenkins, GitLab and the actions of GitHub read.

use std::fmt::Write as _;

/// Cases that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// Its name, which is the class of its cases too.
    pub name: String,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One thing that was tested.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Seconds it took, where that is known.
    pub took_s: Option<f64>,
    /// How it came out.
    pub outcome: Outcome,
}

/// How a case came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// Otherwise: in a line, and in full.
    Failed(String, String),
    /// It could not be tested: likewise.
    Broken(String, String),
    /// It was not tested, and why.
    Skipped(String),
}

impl Suite {
    fn written(&self) -> String {
        let count = |is: fn(&Outcome) -> bool| self.cases.iter().filter(|case| is(&case.outcome)).count();
        let seconds: f64 = self.cases.iter().filter_map(|case| case.took_s).sum();
        let timed = self.cases.iter().any(|case| case.took_s.is_some());
        format!(
            "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"{}>\n{}</testsuite>\n",
            escape(&self.name),
            self.cases.len(),
            count(|outcome| matches!(outcome, Outcome::Failed(..))),
            count(|outcome| matches!(outcome, Outcome::Broken(..))),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
            time(timed.then_some(seconds)),
            self.cases
                .iter()
                .map(|case| case.written(&self.name))
                .collect::<String>()
        )
    }
}

impl Case {
    fn written(&self, class: &str) -> String {
        let mut xml = format!(
            "<testcase classname=\"{}\" name=\"{}\"{}",
            escape(class),
            escape(&self.name),
            time(self.took_s)
        );
        // Writing into a text can't fail.
        let _ = match &self.outcome {
            Outcome::Passed => writeln!(xml, "/>"),
            Outcome::Failed(message, text) => writeln!(xml, ">{}</testcase>", told("failure", message, text)),
            Outcome::Broken(message, text) => writeln!(xml, ">{}</testcase>", told("error", message, text)),
            Outcome::Skipped(why) => writeln!(xml, "><skipped message=\"{}\"/></testcase>", escape(why)),
        };
        xml
    }
}

fn told(element: &str, message: &str, text: &str) -> String {
    format!(
        "<{element} message=\"{}\">{}</{element}>",
        escape(message),
        escape(text)
    )
}

fn time(seconds: Option<f64>) -> String {
    seconds.map_or(String::new(), |seconds| format!(" time=\"{seconds:.3}\""))
}

/// The document.
pub fn written(name: &str, suites: &[Suite]) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\">\n{}</testsuites>\n",
        escape(name),
        suites.iter().map(Suite::written).collect::<String>()
    )
}

/// A text as it must stand in XML, which has no way to write most control characters.
fn escape(text: &str) -> String {
    let told = text.chars().map(|letter| match letter {
        letter if letter.is_control() && letter != '\n' => ' ',
        // The two that are no characters at all.
        '\u{fffe}' | '\u{ffff}' => ' ',
        letter => letter,
    });
    crate::html::escape(&told.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_counted_and_nothing_breaks_the_document() {
        let case = |name: &str, outcome| Case {
            name: name.to_owned(),
            took_s: None,
            outcome,
        };
        let suite = Suite {
            name: "a<b".to_owned(),
            cases: vec![
                Case {
                    took_s: Some(1.25),
                    ..case("fine", Outcome::Passed)
                },
                case(
                    "worse",
                    Outcome::Failed("\"1\" > 0".to_owned(), "line\u{1b}[1m\nline".to_owned()),
                ),
                case("torn", Outcome::Broken("no such file".to_owned(), String::new())),
                case("left out", Outcome::Skipped("no trace".to_owned())),
            ],
        };
        insta::assert_snapshot!("every-outcome", written("all", &[suite]));
    }
}
