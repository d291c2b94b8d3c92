//! Text for people: widths, line breaks, and numbers in units that fit them.

use std::env;
use std::fmt::Write;
use std::time::Duration;

use crate::format::FrameRate;

/// The width where nothing is known of the reader: a pipe, a log, an old terminal.
const USUAL: usize = 80;

/// How wide lines on stdout may be: `COLUMNS`, else the terminal, else 80. Between 40, below which nothing can be laid
/// out, and 140, above which nobody can read it.
pub(super) fn width() -> usize {
    let said = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal =
        || terminal_size::terminal_size_of(std::io::stdout()).map(|(terminal_size::Width(width), _)| width.into());
    said.or_else(terminal).unwrap_or(USUAL).clamp(40, 140)
}

/// Puts `items` after `head`, on as many lines as they need; further lines are indented by the length of `head`.
pub(super) fn fill<'a>(head: &str, items: impl IntoIterator<Item = &'a str>, gap: &str, width: usize) -> String {
    let indent = head.chars().count();
    let mut out = head.to_owned();
    let (mut column, mut first) = (indent, true);
    for item in items {
        let length = item.chars().count();
        if !first && column + gap.len() + length > width {
            let _ = write!(out, "\n{:indent$}", "");
            (column, first) = (indent, true);
        }
        if !first {
            out.push_str(gap);
            column += gap.len();
        }
        out.push_str(item);
        column += length;
        first = false;
    }
    out
}

/// A sentence after `head`, broken between words.
pub(super) fn sentence(head: &str, text: &str, width: usize) -> String {
    fill(head, text.split_whitespace(), " ", width)
}

/// `30`, or `29.97` with the exact `(30000/1001)` after it.
pub(super) fn rate(rate: FrameRate) -> String {
    let exact = rate.to_string();
    match exact.strip_suffix("/1") {
        Some(whole) => whole.to_owned(),
        None => format!("{} ({exact})", decimals(rate.as_f64())),
    }
}

/// At most two decimals, and none that are nothing.
pub(super) fn decimals(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `850 µs`, `7.2 ms`, `1.25 s`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        ..0.001 => format!("{:.0} µs", seconds * 1e6),
        ..1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{} s", decimals(seconds)),
    }
}

/// `812 bytes`, `12.3 kB`, `36.3 MB`, `4.2 GB`.
pub(super) fn bytes(bytes: u64) -> String {
    // Beyond 2^53 bytes the last digits are wrong, of which none is shown.
    let value = bytes as f64;
    match value {
        ..1e3 => count(bytes, "byte"),
        ..1e6 => format!("{:.1} kB", value / 1e3),
        ..1e9 => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.1} GB", value / 1e9),
    }
}

/// `1 frame`, `2 frames`.
pub(super) fn count(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_break_before_the_edge_and_stand_under_the_first() {
        let text = sentence("  hint: ", "plug in a camera and look again", 24);
        assert_eq!(text, "  hint: plug in a camera\n        and look again");
        assert!(text.lines().all(|line| line.chars().count() <= 24));
    }

    #[test]
    fn a_word_longer_than_the_line_stands_alone() {
        assert_eq!(sentence("> ", "a /dev/v4l/by-id/usb-long b", 10), "> a\n  /dev/v4l/by-id/usb-long\n  b");
    }

    #[test]
    fn numbers_have_units_that_fit() {
        assert_eq!(rate(FrameRate::whole(30)), "30");
        assert_eq!(rate(FrameRate::new(30_000, 1001).unwrap()), "29.97 (30000/1001)");
        assert_eq!(rate(FrameRate::new(15, 2).unwrap()), "7.5 (15/2)");
        assert_eq!(duration(Duration::from_micros(850)), "850 µs");
        assert_eq!(duration(Duration::from_micros(7170)), "7.2 ms");
        assert_eq!(duration(Duration::from_millis(1250)), "1.25 s");
        assert_eq!(duration(Duration::from_secs(30)), "30 s");
        assert_eq!(
            [bytes(1), bytes(812), bytes(12_345), bytes(36_300_000)],
            ["1 byte", "812 bytes", "12.3 kB", "36.3 MB"]
        );
    }
}
