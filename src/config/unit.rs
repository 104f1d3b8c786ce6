//! Values with a unit, as people write them: `"60s"`, `"64MiB"`, `"50MB/s"`, `"10/s"`.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

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

fn text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| {
            humantime::parse_duration(text)
                .map_err(|_faulty| format!("`{text}` is no length of time like 200ms, 5s, 15m, 24h or 3d"))
        };
        text(deserializer, read).map(Self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, parse_bytes).map(Self)
    }
}

impl<'de> Deserialize<'de> for PerSecond {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, parse_bytes).map(Self)
    }
}

impl<'de> Deserialize<'de> for RequestRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, parse_rate).map(Self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, time_of_day).map(Self)
    }
}

impl<'de> Deserialize<'de> for PartOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, str::parse).map(Self)
    }
}

impl<'de> Deserialize<'de> for BandwidthThen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| {
            let wrong = || format!("`{text}` is no part of a day and a rate, like Mon-Fri 08:00-18:00 5MB/s");
            let (window, rate) = text.trim().rsplit_once(' ').ok_or_else(wrong)?;
            Ok((window.parse()?, parse_bytes(rate)?))
        };
        text(deserializer, read).map(|(window, rate)| Self(window, rate))
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |name: &str| match name {
            "" => Ok(TimeZone::system()),
            name => TimeZone::get(name)
                .map_err(|_unknown| format!("`{name}` is no time zone like Europe/Berlin or UTC")),
        };
        text(deserializer, read).map(Self)
    }
}
