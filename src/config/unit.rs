//! Values with a unit, as people write them: `"60s"`, `"64MiB"`, `"50MB/s"`, `"10/s"`.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::daemon::{Window, time_of_day};
use crate::nbia::Rate;

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period(pub(super) Duration);

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteSize(pub(super) u64);

/// Bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PerSecond(pub(super) u64);

/// Requests in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestRate(pub(super) Rate);

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeOfDay(pub(super) Time);

/// A part of some days or of every day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartOfDay(pub(super) Window);

/// Bytes a second in a part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BandwidthThen(pub(super) Window, pub(super) u64);

/// Whose midnight counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Zone(pub(super) TimeZone);

/// One of a few things that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named<T>(pub(super) T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a name", |name| name.parse().map_err(|error: T::Err| error.to_string())).map(Self)
    }
}

/// A length of time that is longer than none.
pub(super) fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
    let read = Period::deserialize(deserializer)?;
    if read.0.is_zero() { Err(D::Error::custom("it cannot be no time at all")) } else { Ok(read) }
}

/// A number that is not zero.
pub(super) fn at_least_one<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: Deserialize<'de> + Default + PartialEq,
{
    let read = N::deserialize(deserializer)?;
    if read == N::default() { Err(D::Error::custom("it must be at least 1")) } else { Ok(read) }
}

impl Period {
    /// So many days.
    pub(super) fn days(days: u64) -> Self {
        Self(Duration::from_hours(24 * days))
    }
}

/// `64MiB`, `10GB`, `500`; a `/s` behind it may say that it is meant per second.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let amount = text.trim().trim_end_matches("/s");
    let size: bytesize::ByteSize =
        amount.parse().map_err(|_faulty| format!("`{text}` is no number of bytes like 64MiB, 10GB or 0"))?;
    Ok(size.as_u64())
}

/// `10/s`, `30/m`, `600/h`; `0` for no limit.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    let (amount, unit) = text.trim().split_once('/').unwrap_or((text.trim(), "s"));
    let per = match unit {
        "s" => Duration::from_secs(1),
        "m" => Duration::from_mins(1),
        "h" => Duration::from_hours(1),
        _ => return Err(format!("`{text}` is no rate like 10/s, 30/m or 600/h")),
    };
    let amount = amount.parse().map_err(|_faulty| format!("`{text}` is no rate like 10/s, 30/m or 600/h"))?;
    Ok(Rate { amount, per })
}

/// A text with a meaning; another kind of value is told how the text looks.
fn text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &'static str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    struct Text(&'static str);

    impl Visitor<'_> for Text {
        type Value = String;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
    }

    read(&deserializer.deserialize_str(Text(expected))?).map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| {
            humantime::parse_duration(text)
                .map_err(|_faulty| format!("`{text}` is no length of time like 200ms, 5s, 15m, 24h or 3d"))
        };
        text(deserializer, "a length of time like \"60s\"", read).map(Self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a size like \"64MiB\"", parse_bytes).map(Self)
    }
}

impl<'de> Deserialize<'de> for PerSecond {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "bytes a second like \"50MB/s\"", parse_bytes).map(Self)
    }
}

impl<'de> Deserialize<'de> for RequestRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a rate like \"10/s\"", parse_rate).map(Self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a time of day like \"02:30\"", time_of_day).map(Self)
    }
}

impl<'de> Deserialize<'de> for PartOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a part of a day like \"Mon-Fri 08:00-18:00\"", str::parse).map(Self)
    }
}

impl<'de> Deserialize<'de> for BandwidthThen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| {
            let wrong = || format!("`{text}` is no part of a day and a rate, like Mon-Fri 08:00-18:00 5MB/s");
            let (window, rate) = text.trim().rsplit_once(' ').ok_or_else(wrong)?;
            Ok((window.parse()?, parse_bytes(rate)?))
        };
        let expected = "a part of a day and a rate like \"Mon-Fri 08:00-18:00 5MB/s\"";
        text(deserializer, expected, read).map(|(window, rate)| Self(window, rate))
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |name: &str| match name {
            "" => Ok(TimeZone::system()),
            name => TimeZone::get(name)
                .map_err(|_unknown| format!("`{name}` is no time zone like Europe/Berlin or UTC")),
        };
        text(deserializer, "a time zone like \"Europe/Berlin\"", read).map(Self)
    }
}
