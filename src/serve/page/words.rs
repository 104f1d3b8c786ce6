//! Numbers, times and texts of others, as people read them.

use bytesize::ByteSize;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::dicom::plain;

/// Characters that are shown of a text that others chose; real names and reasons are shorter.
const LONGEST: usize = 300;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A text that others chose, cut where it is long; its letters turn no direction but their own.
pub(super) fn text(text: &str) -> Markup {
    let shown = plain(&text.chars().take(LONGEST).collect::<String>());
    let length = text.chars().count();
    html! {
        bdi { (shown) }
        @if length > LONGEST { "… (" (count(length as u64)) " characters)" }
    }
}

/// `12,345`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `12,345 series`, `1 instance`: what ends in an `s` for many.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `1.5 GB`, as disks are sold.
pub(super) fn bytes(amount: u64) -> String {
    ByteSize::b(amount).display().si().to_string()
}

/// A length of time, to about two figures.
pub(super) fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ ..MINUTE => format!("{seconds} s"),
        seconds @ ..HOUR => format!("{} min", seconds / MINUTE),
        seconds @ ..172_800 => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        seconds => format!("{} days", count((seconds / DAY).unsigned_abs())),
    }
}

/// How long ago a time was that the record tells, with the time itself for whoever points at it.
pub(super) fn ago(time: &str, now: i64) -> Markup {
    let Ok(at) = time.parse::<Timestamp>() else { return text(time) };
    let ago = match now.saturating_sub(at.as_second()) {
        ..MINUTE => "less than a minute ago".to_owned(),
        seconds @ ..HOUR => format!("{} min ago", seconds / MINUTE),
        seconds @ ..172_800 => format!("{} h ago", seconds / HOUR),
        seconds @ ..5_184_000 => format!("{} days ago", seconds / DAY),
        _ => at.strftime("%Y-%m-%d").to_string(),
    };
    html! { time datetime=(time) title=(at.strftime("%Y-%m-%d %H:%M:%S UTC")) { (ago) } }
}

/// A time of day with its date.
pub(super) fn moment(seconds: i64) -> Markup {
    let at = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    html! { time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M:%S UTC")) } }
}

/// Seconds between two times that the record tells.
pub(super) fn between(from: &str, to: &str) -> Option<i64> {
    let [from, to]: [Timestamp; 2] = [from.parse().ok()?, to.parse().ok()?];
    Some(to.duration_since(from).max(SignedDuration::ZERO).as_secs())
}

/// What share a part has of a whole, rounded down, so that only all of it is 100 %.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    (part.saturating_mul(100)).checked_div(whole).unwrap_or(100).min(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_groups_of_three() {
        let written = [0, 12, 999, 1000, 12_345, 1_234_567].map(count);

        assert_eq!(written, ["0", "12", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(counted(1, "instance", "instances"), "1 instance");
        assert_eq!(bytes(1_500_000_000), "1.5 GB");
    }

    #[test]
    fn lengths_of_time_are_written_to_about_two_figures() {
        let written = [-5, 0, 59, 60, 3599, 3600, 172_799, 172_800, 864_000].map(span);

        let expected =
            ["0 s", "0 s", "59 s", "1 min", "59 min", "1 h 0 min", "47 h 59 min", "2 days", "10 days"];
        assert_eq!(written, expected);
    }

    #[test]
    fn a_time_says_how_long_ago_it_was_and_which() {
        let ago = |seconds: i64| ago("2024-02-03T00:00:00Z", 1_706_918_400 + seconds).into_string();

        let wrapped = |text: &str| {
            format!("<time datetime=\"2024-02-03T00:00:00Z\" title=\"2024-02-03 00:00:00 UTC\">{text}</time>")
        };
        assert_eq!(ago(-9), wrapped("less than a minute ago"));
        assert_eq!(ago(60), wrapped("1 min ago"));
        assert_eq!(ago(7200), wrapped("2 h ago"));
        assert_eq!(ago(172_800), wrapped("2 days ago"));
        assert_eq!(ago(9_000_000), wrapped("2024-02-03"));
    }

    #[test]
    fn a_text_of_others_is_inert_and_short() {
        let written = text("<script>\u{202e}\u{1b}[2J\r\n&\"'").into_string();
        let long = text(&"é".repeat(65_536)).into_string();

        assert_eq!(written, "<bdi>&lt;script&gt;\u{FFFD}\u{FFFD}[2J\u{FFFD}\u{FFFD}&amp;&quot;'</bdi>");
        assert_eq!(long, format!("<bdi>{}</bdi>… (65,536 characters)", "é".repeat(300)));
    }

    #[test]
    fn only_all_of_it_is_a_hundred_percent() {
        assert_eq!(
            [(0, 0), (0, 7), (999, 1000), (7, 7), (8, 7)].map(|(part, whole)| percent(part, whole)),
            [100, 0, 99, 100, 100]
        );
    }
}
