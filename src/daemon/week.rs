//! Times of the week, as people write them: `08:00-18:00`, `Mon-Fri 08:00-18:00`, `Sat 22:00-06:00`.

use std::str::FromStr;

use jiff::Zoned;
use jiff::civil::{Time, Weekday};

const MINUTES_A_DAY: i16 = 24 * 60;
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// A part of some days or of every day; one that ends before it begins goes on after midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Days on which it begins, Monday first.
    days: [bool; 7],
    /// Minutes since midnight.
    from: i16,
    /// The first minute that does not belong to it.
    to: i16,
}

impl Window {
    /// Whether a time lies in it.
    pub fn holds(&self, at: &Zoned) -> bool {
        let minute = i16::from(at.hour()) * 60 + i16::from(at.minute());
        let begins =
            |weekday: Weekday| self.days[usize::from(weekday.to_monday_zero_offset().unsigned_abs())];
        let (today, yesterday) = (begins(at.weekday()), begins(at.weekday().previous()));
        if self.from < self.to {
            today && (self.from..self.to).contains(&minute)
        } else {
            today && minute >= self.from || yesterday && minute < self.to
        }
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no part of a day like 08:00-18:00 or Mon-Fri 22:00-06:00");
        let (days, times) =
            text.trim().rsplit_once(' ').map_or((None, text.trim()), |(days, times)| (Some(days), times));
        let (from, to) = times.split_once('-').ok_or_else(wrong)?;
        let (from, to) = (minute(from).ok_or_else(wrong)?, minute(to).ok_or_else(wrong)?);
        if from == to || from == MINUTES_A_DAY {
            return Err(wrong());
        }
        let days = days.map_or(Some([true; 7]), days_of).ok_or_else(wrong)?;
        Ok(Self { days, from, to })
    }
}

/// A time of day; `24:00` is the end of it.
fn minute(text: &str) -> Option<i16> {
    if text == "24:00" {
        return Some(MINUTES_A_DAY);
    }
    let time = time_of_day(text).ok()?;
    Some(i16::from(time.hour()) * 60 + i16::from(time.minute()))
}

/// A time of day, as `02:30`.
pub fn time_of_day(text: &str) -> Result<Time, String> {
    Time::strptime("%H:%M", text).map_err(|_faulty| format!("`{text}` is no time of day like 02:30"))
}

/// `Mon`, or `Mon-Fri`, which may go over the end of the week.
fn days_of(text: &str) -> Option<[bool; 7]> {
    let day = |name: &str| DAYS.iter().position(|(known, _)| name.trim().eq_ignore_ascii_case(known));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    let mut days = [false; 7];
    let length = (last + 7 - first) % 7;
    (0..=length).for_each(|step| days[(first + step) % 7] = true);
    Some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-01 is a Monday.
    fn holds(window: &str, at: &str) -> bool {
        window.parse::<Window>().unwrap().holds(&format!("{at}[UTC]").parse().unwrap())
    }

    #[test]
    fn a_window_begins_with_its_first_minute_and_ends_before_its_last() {
        for (window, at, expected) in [
            ("08:00-18:00", "2024-01-03T07:59:59", false),
            ("08:00-18:00", "2024-01-03T08:00:00", true),
            ("08:00-18:00", "2024-01-03T17:59:59", true),
            ("08:00-18:00", "2024-01-03T18:00:00", false),
            ("00:00-24:00", "2024-01-03T23:59:59", true),
            ("22:00-06:00", "2024-01-03T23:00:00", true),
            ("22:00-06:00", "2024-01-03T05:59:00", true),
            ("22:00-06:00", "2024-01-03T06:00:00", false),
        ] {
            assert_eq!(holds(window, at), expected, "{window} {at}");
        }
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        for (window, at, expected) in [
            ("Mon-Fri 08:00-18:00", "2024-01-05T12:00:00", true),
            ("Mon-Fri 08:00-18:00", "2024-01-06T12:00:00", false),
            ("fri 22:00-06:00", "2024-01-06T05:00:00", true),
            ("fri 22:00-06:00", "2024-01-05T05:00:00", false),
            ("Sun 22:00-06:00", "2024-01-08T05:00:00", true),
            ("Sat-Mon 08:00-09:00", "2024-01-07T08:30:00", true),
            ("Sat-Mon 08:00-09:00", "2024-01-02T08:30:00", false),
        ] {
            assert_eq!(holds(window, at), expected, "{window} {at}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused_with_what_one_looks_like() {
        for text in
            ["", "8-18", "08:00", "08:00-08:00", "24:00-08:00", "25:00-26:00", "Mo 08:00-18:00", "Mon-Fri"]
        {
            let refused = text.parse::<Window>().unwrap_err();
            assert!(refused.contains("Mon-Fri 22:00-06:00"), "{refused}");
        }
    }
}
