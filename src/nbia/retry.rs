//! When to ask again: exponential ceilings with full jitter, and what the service itself asks for.
//!
//! The schedule of pauses comes from `backoff`, here and nowhere else; the random source is an argument.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};

/// Longest pause that a service is granted: one that asks for more is asked again after a day.
const LONGEST_WISH: Duration = Duration::from_hours(24);

/// How one request is tried again before a body has begun.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryOptions {
    /// Tries of one request, the first included.
    pub attempts: u32,
    /// Ceiling of the first pause.
    pub base: Duration,
    /// Highest ceiling.
    pub cap: Duration,
    /// How long a service may be unreachable before a one-shot command ends.
    pub give_up: Duration,
}

impl Default for RetryOptions {
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        Self { attempts: 6, base: Duration::from_secs(1), cap: minute, give_up: 60 * minute }
    }
}

/// Longest pause before try `failures + 1`: base × 2^(failures − 1), at most `cap`.
pub fn ceiling(base: Duration, cap: Duration, failures: u32) -> Duration {
    let mut schedule = ExponentialBackoff {
        current_interval: base.min(cap),
        initial_interval: base.min(cap),
        randomization_factor: 0.0,
        multiplier: 2.0,
        max_interval: cap,
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    };
    let pauses = std::iter::from_fn(|| schedule.next_backoff());
    // the crate draws up to a nanosecond on top
    pauses.take(failures.clamp(1, 64) as usize).last().unwrap_or(cap).min(cap)
}

/// A pause drawn evenly between nothing and the ceiling ("full jitter"), so that many clients do not come back at once.
pub fn pause(base: Duration, cap: Duration, failures: u32, random: &mut fastrand::Rng) -> Duration {
    ceiling(base, cap, failures).mul_f64(random.f64())
}

/// The pause that a response asks for, as seconds or as a date.
///
/// A date is compared with the response's own `Date`, so that a wrong clock here does not matter.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let asked = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST_WISH));
    }
    let until = http_date(asked)?;
    let pause =
        Duration::try_from(until.duration_since(date(headers).unwrap_or(now))).unwrap_or(Duration::ZERO);
    Some(pause.min(LONGEST_WISH))
}

/// When an answer was sent, by the clock of who sent it.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    headers.get(DATE).map(HeaderValue::to_str).and_then(Result::ok).and_then(http_date)
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ceilings_double_up_to_the_cap() {
        let ceilings: Vec<_> = (1..=8).map(|n| ceiling(SECOND, 60 * SECOND, n).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn retry_after_is_understood_as_seconds_and_as_a_date() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("120"));
        assert_eq!(retry_after(&headers, now), Some(120 * SECOND));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(retry_after(&headers, now), Some(7 * SECOND));
        headers.insert(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:27 GMT"));
        assert_eq!(retry_after(&headers, now), Some(10 * SECOND));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Sun, 06 Nov 1994 08:00:00 GMT"));
        assert_eq!(retry_after(&headers, now), Some(Duration::ZERO));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("18446744073709551615"));
        assert_eq!(retry_after(&headers, now), Some(LONGEST_WISH));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("soon"));
        assert_eq!(retry_after(&headers, now), None);
    }

    proptest! {
        #[test]
        fn the_schedule_is_monotone_and_capped(base in 1u64..100_000, cap in 1u64..10_000_000, failures in 1u32..200) {
            let (base, cap) = (Duration::from_millis(base), Duration::from_millis(cap));
            let (this, next) = (ceiling(base, cap, failures), ceiling(base, cap, failures + 1));
            prop_assert!(this <= next && next <= cap);
            prop_assert!(pause(base, cap, failures, &mut fastrand::Rng::with_seed(7)) <= this);
        }
    }
}
