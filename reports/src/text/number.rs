//! Numbers as people read them: four significant digits, the unit or prefix that suits, no exponent where none is needed.

use twinrack_scenario::record::Figure;

const SI: [(f64, &str); 5] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")];
const BINARY: [(f64, &str); 5] = [
    (1024.0 * 1024.0 * 1024.0 * 1024.0, "Ti"),
    (1024.0 * 1024.0 * 1024.0, "Gi"),
    (1024.0 * 1024.0, "Mi"),
    (1024.0, "Ki"),
    (1.0, ""),
];

/// Units of time, the longest first: from how many seconds on it is used, how many it has, its name.
const TIME: [(f64, f64, &str); 6] = [
    (4.0 * 86_400.0, 86_400.0, "d"),
    (2.0 * 3600.0, 3600.0, "h"),
    (600.0, 60.0, "min"),
    (1.0, 1.0, "s"),
    (1e-3, 1e-3, "ms"),
    (0.0, 1e-6, "µs"),
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
        "b/s" | "W" | "Hz" => prefixed(value, unit),
        "kW·h" => prefixed(value * 1e3, "Wh"),
        "1/s" => format!("{} /s", digits(value)),
        unit => format!("{} {unit}", digits(value)),
    }
}

fn prefixed(value: f64, unit: &str) -> String {
    let (factor, prefix) = si_prefix(value);
    format!("{} {prefix}{unit}", digits(value / factor))
}

/// From how many seconds on a moment is told as a clock shows it.
const BY_THE_CLOCK: f64 = 60.0;

/// A moment of a run as a clock shows it, `h:mm:ss` with what there is of a second; below a minute plain seconds.
pub fn moment(seconds: f64) -> String {
    if seconds < BY_THE_CLOCK {
        quantity(seconds, "s")
    } else {
        clock(seconds)
    }
}

/// Two moments that are read together: both by the clock, or both in plain seconds.
pub fn moments([one, other]: [f64; 2]) -> [String; 2] {
    if one.max(other) < BY_THE_CLOCK {
        [one, other].map(moment)
    } else {
        [one, other].map(clock)
    }
}

fn clock(seconds: f64) -> String {
    // Rounded first, or 59.9996 s would read as 60.
    let millis = (seconds * 1e3).round() as u64;
    let (whole, millis) = (millis / 1000, millis % 1000);
    let fraction = if millis == 0 {
        String::new()
    } else {
        format!(".{millis:03}").trim_end_matches('0').to_owned()
    };
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    format!("{hours}:{minutes:02}:{seconds:02}{fraction}")
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
    // Rounded first, or 0.99999 ms would read as 1000 µs.
    let value = significant(value);
    let (_, length, unit) = TIME
        .into_iter()
        .find(|(from, ..)| value.abs() >= *from && value != 0.0)
        .unwrap_or((0.0, 1.0, "s"));
    format!("{} {unit}", digits(value / length))
}

/// A value to the digits that are shown of it.
fn significant(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let power = libm::pow(10.0, 3.0 - libm::floor(libm::log10(value.abs())));
    let rounded = (value * power).round() / power;
    if rounded.is_finite() { rounded } else { value }
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
        assert_eq!(quantity(73_432.171, "W"), "73.43 kW");
        assert_eq!(quantity(0.000_698, "kW·h"), "0.698 Wh");
        assert_eq!(quantity(917.26, "kW·h"), "917.3 kWh");
        assert_eq!(quantity(2.4e9, "Hz"), "2.4 GHz");
        assert_eq!(quantity(0.0, "s"), "0 s");
        assert_eq!(quantity(84.47e-6, "s"), "84.47 µs");
        assert_eq!(quantity(0.000_999_999, "s"), "1 ms");
        assert_eq!(quantity(360.0, "s"), "360 s");
        assert_eq!(quantity(1800.0, "s"), "30 min");
        assert_eq!(quantity(86_400.0, "s"), "24 h");
        assert_eq!(quantity(7.0 * 86_400.0, "s"), "7 d");
        assert_eq!(quantity(0.000_031_757_8, "1"), "3.176e-5");
    }

    #[test]
    fn moments_as_a_clock_shows_them() {
        assert_eq!(moment(0.0), "0 s");
        assert_eq!(moment(12.25), "12.25 s");
        assert_eq!(moment(318.7), "0:05:18.7");
        assert_eq!(moment(3599.9996), "1:00:00");
        assert_eq!(moment(86_400.0), "24:00:00");
        assert_eq!(moments([51.05, 90.09]), ["0:00:51.05", "0:01:30.09"]);
        assert_eq!(moments([51.05, 51.06]), ["51.05 s", "51.06 s"]);
    }
}
