//! Numbers as people read them: four significant digits, a unit with its prefix, no exponent where none is needed.

use twinrack_scenario::record::Figure;

const SI: [(f64, &str); 5] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")];
const BINARY: [(f64, &str); 5] = [
    (1024.0 * 1024.0 * 1024.0 * 1024.0, "Ti"),
    (1024.0 * 1024.0 * 1024.0, "Gi"),
    (1024.0 * 1024.0, "Mi"),
    (1024.0, "Ki"),
    (1.0, ""),
];

/// A figure with its unit.
pub fn figure(figure: &Figure) -> String {
    quantity(figure.value, &figure.unit)
}

/// A value in a unit of the registry.
pub fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "1" => count(value),
        "s" => seconds(value),
        "B" => bytes(value),
        "b/s" => {
            let (factor, prefix) = si_prefix(value);
            format!("{} {prefix}b/s", digits(value / factor))
        }
        "1/s" => format!("{} /s", digits(value)),
        unit => format!("{} {unit}", digits(value)),
    }
}

fn count(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        grouped(value)
    } else {
        digits(value)
    }
}

/// Whole numbers in groups of three: `1 048 576`.
fn grouped(value: f64) -> String {
    let text = format!("{:.0}", value.abs());
    let mut grouped = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index).is_multiple_of(3) && text.len() > 4 {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    if value < 0.0 {
        format!("-{grouped}")
    } else {
        grouped
    }
}

fn seconds(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || magnitude >= 1.0 {
        format!("{} s", digits(value))
    } else if magnitude >= 1e-3 {
        format!("{} ms", digits(value * 1e3))
    } else {
        format!("{} us", digits(value * 1e6))
    }
}

fn bytes(value: f64) -> String {
    let (factor, prefix) = BINARY
        .into_iter()
        .find(|(factor, _)| value.abs() >= *factor)
        .unwrap_or((1.0, ""));
    format!("{} {prefix}B", digits(value / factor))
}

/// The SI prefix that suits a value: its factor and its letter.
pub fn si_prefix(value: f64) -> (f64, &'static str) {
    SI.into_iter()
        .find(|(factor, _)| value.abs() >= *factor)
        .unwrap_or((1.0, ""))
}

/// Four significant digits, no trailing zeros.
pub fn digits(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 {
        return "0".to_owned();
    }
    if magnitude >= 10_000.0 {
        return grouped(value.round());
    }
    if magnitude < 1e-4 {
        return format!("{value:.3e}");
    }
    let decimals = match magnitude {
        m if m >= 1000.0 => 1,
        m if m >= 100.0 => 1,
        m if m >= 10.0 => 2,
        m if m >= 1.0 => 3,
        m if m >= 0.1 => 4,
        m if m >= 0.01 => 5,
        _ => 6,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!(quantity(0.38866, "s"), "388.7 ms");
        assert_eq!(quantity(42.188, "s"), "42.19 s");
        assert_eq!(quantity(4.640e9, "B"), "4.321 GiB");
        assert_eq!(quantity(8.8e8, "b/s"), "880 Mb/s");
        assert_eq!(quantity(6.0, "1"), "6");
        assert_eq!(quantity(1_048_576.0, "1"), "1\u{202f}048\u{202f}576");
        assert_eq!(quantity(0.1, "1"), "0.1");
        assert_eq!(quantity(83.2, "W"), "83.2 W");
        assert_eq!(quantity(0.0, "s"), "0 s");
        assert_eq!(quantity(0.000_031_757_8, "1"), "3.176e-5");
    }
}
