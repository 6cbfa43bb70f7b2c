//! A deterministic mutator of YAML: bytes, tokens, lines and numbers.

use std::ops::Range;

/// Words that mean something to YAML or to a quantity.
const TOKENS: [&str; 32] = [
    "~",
    "null",
    "true",
    "{}",
    "[]",
    "''",
    "&a",
    "*a",
    "!!str",
    "---",
    "...",
    "? ",
    "- ",
    ": ",
    "#",
    "|",
    ">-",
    "<<",
    "\t",
    "\u{feff}",
    "é",
    "\u{1f600}",
    "\0",
    "16GiB",
    "10Gb/s",
    "250ms",
    "75%",
    "1e308",
    "0x10",
    "-1",
    ".inf",
    ".nan",
];
/// Numbers at the edges of what fits.
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "-1",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1e-308",
    "0.1",
    "1_000",
    "99999999999999999999999999",
];
/// Longest text that is mutated further.
const LENGTH_MAX: usize = 16 << 10;

/// Random numbers by `SplitMix64` (Steele, Lea and Flood 2014), and what is done with them.
pub(crate) struct Mutator(u64);

impl Mutator {
    /// The mutator of case `index`.
    pub(crate) fn new(index: u64) -> Self {
        Self(index.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x7477_696e_7261_636b)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 when that is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// One of the items.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Flips or sets a few bytes.
    pub(crate) fn flip_bytes(&mut self, bytes: &mut [u8]) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte = if self.below(2) == 0 {
                    *byte ^ (1 << self.below(8))
                } else {
                    self.next() as u8
                };
            }
        }
    }

    /// The text with one to four mutations.
    pub(crate) fn mutated(&mut self, mut text: String, corpus: &[String]) -> String {
        // One mostly, four at most.
        let times = 1 + self.below(4) * self.below(2);
        for _ in 0..times {
            if text.len() > LENGTH_MAX {
                return text;
            }
            text = match self.below(10) {
                0 => {
                    let mut bytes = text.into_bytes();
                    self.flip_bytes(&mut bytes);
                    String::from_utf8_lossy(&bytes).into_owned()
                }
                1 => self.swap_tokens(text),
                2 => self.with_line(&text, |line| format!("{line}{line}")),
                3 => self.with_line(&text, |_| String::new()),
                4 | 5 => self.number(text),
                6 => self.insert(text),
                7 => self.line_of_another(text, corpus),
                8 => self.indent(&text),
                _ => self.cut(text),
            };
        }
        text
    }

    fn tokens(text: &str) -> Vec<Range<usize>> {
        let mut tokens = Vec::new();
        let mut start = None;
        for (at, c) in text.char_indices() {
            let word = c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '%' | '/');
            match (word, start) {
                (true, None) => start = Some(at),
                (false, Some(begin)) => {
                    tokens.push(begin..at);
                    start = None;
                }
                _ => {}
            }
        }
        tokens.extend(start.map(|begin| begin..text.len()));
        tokens
    }

    fn swap_tokens(&mut self, mut text: String) -> String {
        let tokens = Self::tokens(&text);
        if tokens.len() > 1 {
            let other = text[self.pick(&tokens).clone()].to_owned();
            text.replace_range(self.pick(&tokens).clone(), &other);
        }
        text
    }

    fn number(&mut self, mut text: String) -> String {
        let tokens: Vec<Range<usize>> = Self::tokens(&text)
            .into_iter()
            .filter(|token| text[token.clone()].starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        if !tokens.is_empty() {
            let token = self.pick(&tokens).clone();
            let digits = text[token.clone()]
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
                .len();
            // The unit mostly stays.
            let end = if self.below(4) == 0 {
                token.end
            } else {
                token.end - digits
            };
            text.replace_range(token.start..end, self.pick::<&str>(&NUMBERS));
        }
        text
    }

    fn boundary(&mut self, text: &str) -> usize {
        let mut at = self.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    fn insert(&mut self, mut text: String) -> String {
        let at = self.boundary(&text);
        text.insert_str(at, self.pick::<&str>(&TOKENS));
        text
    }

    fn cut(&mut self, mut text: String) -> String {
        let start = self.boundary(&text);
        let mut end = (start + self.below(20)).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.replace_range(start..end.max(start), "");
        text
    }

    fn with_line(&mut self, text: &str, change: impl Fn(&str) -> String) -> String {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let at = self.below(lines.len());
        let changed = lines.iter().enumerate().map(|(index, line)| {
            if index == at {
                change(line)
            } else {
                (*line).to_owned()
            }
        });
        changed.collect()
    }

    fn indent(&mut self, text: &str) -> String {
        let less = self.below(2) == 0;
        self.with_line(text, |line| match line.strip_prefix("  ") {
            Some(rest) if less => rest.to_owned(),
            _ => format!("  {line}"),
        })
    }

    fn line_of_another(&mut self, text: String, corpus: &[String]) -> String {
        let other = self.pick(corpus);
        let lines: Vec<&str> = other.split_inclusive('\n').collect();
        if lines.is_empty() {
            return text;
        }
        let foreign = (*self.pick(&lines)).to_owned();
        self.with_line(&text, |line| format!("{line}{foreign}"))
    }
}
