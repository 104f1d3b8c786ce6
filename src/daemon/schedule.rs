//! When the next cycle is due, and of which kind it is: pure functions of the clock and of what was done last.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::week::Window;

/// When cycles begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Their times.
    pub when: When,
    /// Whose midnight counts.
    pub time_zone: TimeZone,
    /// Each begins up to so much later, so that not all mirrors ask at once.
    pub jitter: Duration,
    /// From one cycle with complete listings to the next.
    pub full_every: Duration,
    /// When nothing is begun, and a cycle under way pauses.
    pub quiet_hours: Vec<Window>,
}

/// The times at which cycles begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the last one began.
    Every(Duration),
    /// At times of day.
    At(Vec<Time>),
}

impl Schedule {
    /// When the next cycle is due, if the last one began at `last`: at once if there was none, or if its time has passed
    /// while the machine slept.
    ///
    /// A last one in the future is one of a clock that was ahead.
    pub fn next(&self, last: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let Some(last) = last else { return now };
        let last = last.min(now);
        match &self.when {
            When::Every(interval) => after(last, *interval),
            When::At(times) => self.first_at(times, last).unwrap_or(now),
        }
    }

    /// The first of the times of day after an instant; a time that the change to summer time leaves out comes later.
    fn first_at(&self, times: &[Time], last: Timestamp) -> Option<Timestamp> {
        let today = last.to_zoned(self.time_zone.clone()).date();
        let days = (0..=2_i64).filter_map(|day| today.checked_add(day.days()).ok());
        let at =
            |(day, time): (jiff::civil::Date, Time)| day.to_datetime(time).to_zoned(self.time_zone.clone());
        let times = days.flat_map(|day| times.iter().map(move |time| (day, *time)));
        times.filter_map(|time| at(time).ok()).map(|at| at.timestamp()).filter(|at| *at > last).min()
    }

    /// Whether a second cycle is due, and none has come to its end since.
    pub fn is_overdue(&self, last: Timestamp, now: Timestamp) -> bool {
        self.next(Some(self.next(Some(last), now)), now) < now
    }

    /// Whether the next cycle compares complete listings.
    ///
    /// One that comes an eighth too early does, so that a weekly one keeps to its night.
    pub fn is_full_due(&self, last_full: Option<Timestamp>, now: Timestamp) -> bool {
        let enough = self.full_every / 8 * 7;
        last_full.is_none_or(|last| last > now || after(last, enough) <= now)
    }

    /// Whether a time lies in the quiet hours.
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        let now = now.to_zoned(self.time_zone.clone());
        self.quiet_hours.iter().any(|window| window.holds(&now))
    }
}

/// An instant so much later; far away where that cannot be said.
pub(super) fn after(instant: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    instant.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn schedule(when: When) -> Schedule {
        let time_zone = TimeZone::get("Europe/Berlin").unwrap();
        let (jitter, full_every) = (Duration::ZERO, 7 * 24 * HOUR);
        Schedule { when, time_zone, jitter, full_every, quiet_hours: Vec::new() }
    }

    fn at(times: &[&str]) -> Schedule {
        schedule(When::At(times.iter().map(|time| time.parse().unwrap()).collect()))
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_interval_counts_from_the_beginning_of_the_last_cycle() {
        let daily = schedule(When::Every(24 * HOUR));
        let now = time("2024-01-10T12:00:00Z");
        for (last, expected) in [
            (None, "2024-01-10T12:00:00Z"),
            (Some("2024-01-10T02:00:00Z"), "2024-01-11T02:00:00Z"),
            (Some("2024-01-02T02:00:00Z"), "2024-01-03T02:00:00Z"),
            (Some("2031-01-01T00:00:00Z"), "2024-01-11T12:00:00Z"),
        ] {
            assert_eq!(daily.next(last.map(time), now), time(expected), "{last:?}");
        }
    }

    #[test]
    fn a_time_of_day_is_that_of_the_configured_place() {
        let nightly = at(&["02:30", "14:00"]);
        let now = time("2024-01-10T12:00:00Z");
        for (last, expected) in [
            ("2024-01-10T01:29:59Z", "2024-01-10T01:30:00Z"),
            ("2024-01-10T01:30:00Z", "2024-01-10T13:00:00Z"),
            ("2024-01-10T11:59:00Z", "2024-01-10T13:00:00Z"),
            ("2024-01-02T00:00:00Z", "2024-01-02T01:30:00Z"),
            ("2024-06-30T23:00:00Z", "2024-01-10T13:00:00Z"),
        ] {
            assert_eq!(nightly.next(Some(time(last)), now), time(expected), "{last}");
        }
    }

    #[test]
    fn a_time_that_the_clock_leaves_out_or_shows_twice_comes_once() {
        let nightly = at(&["02:30"]);
        for (last, expected) in [
            // 2024-03-31: the clock goes from 02:00 to 03:00
            ("2024-03-30T12:00:00Z", "2024-03-31T01:30:00Z"),
            ("2024-03-31T01:30:00Z", "2024-04-01T00:30:00Z"),
            // 2024-10-27: it goes from 03:00 back to 02:00
            ("2024-10-26T12:00:00Z", "2024-10-27T00:30:00Z"),
            ("2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"),
        ] {
            assert_eq!(
                nightly.next(Some(time(last)), time("2025-01-01T00:00:00Z")),
                time(expected),
                "{last}"
            );
        }
    }

    #[test]
    fn a_cycle_is_overdue_when_the_one_after_it_is_due() {
        let nightly = at(&["02:30"]);
        for (last, now, expected) in [
            ("2024-01-10T01:30:00Z", "2024-01-11T01:30:00Z", false),
            ("2024-01-10T01:30:00Z", "2024-01-12T01:30:00Z", false),
            ("2024-01-10T01:30:00Z", "2024-01-12T01:30:01Z", true),
            ("2031-01-01T00:00:00Z", "2024-01-12T01:30:01Z", false),
        ] {
            assert_eq!(nightly.is_overdue(time(last), time(now)), expected, "{last} {now}");
        }
    }

    #[test]
    fn a_full_cycle_keeps_to_its_night_and_is_not_forgotten() {
        let schedule = at(&["02:30"]);
        let now = time("2024-01-10T01:30:00Z");
        for (last, expected) in [
            (None, true),
            (Some("2024-01-03T01:35:00Z"), true),
            (Some("2024-01-03T03:30:00Z"), true),
            (Some("2024-01-04T01:30:00Z"), false),
            (Some("2024-01-09T01:30:00Z"), false),
            (Some("2031-01-01T00:00:00Z"), true),
        ] {
            assert_eq!(schedule.is_full_due(last.map(time), now), expected, "{last:?}");
        }
    }

    #[test]
    fn quiet_hours_are_those_of_the_configured_place() {
        let quiet = Schedule { quiet_hours: vec!["08:00-18:00".parse().unwrap()], ..at(&["02:30"]) };
        assert!(quiet.is_quiet(time("2024-07-10T06:00:00Z")));
        assert!(!quiet.is_quiet(time("2024-07-10T05:59:59Z")));
        assert!(!quiet.is_quiet(time("2024-01-10T06:30:00Z")));
    }
}
