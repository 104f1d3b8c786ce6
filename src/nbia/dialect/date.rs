//! How each generation writes days, in what it is asked and in what it answers.

use jiff::civil::{Date, DateTime};

/// How days are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DateFormat {
    /// `2023-08-04`.
    Iso,
    /// `2015-05-27 17:12:21.0`, as Java's `Timestamp` writes itself; a day is its midnight.
    Timestamp,
    /// `2023/08/04`.
    YearMonthDay,
    /// `04/08/2023`.
    DayMonthYear,
    /// `08-04-2023`.
    MonthDayYear,
}

impl DateFormat {
    /// Its pattern for `strftime` and `strptime`, time of day left out.
    fn pattern(self) -> &'static str {
        match self {
            Self::Iso | Self::Timestamp => "%Y-%m-%d",
            Self::YearMonthDay => "%Y/%m/%d",
            Self::DayMonthYear => "%d/%m/%Y",
            Self::MonthDayYear => "%m-%d-%Y",
        }
    }

    /// A day as the dialect writes it.
    pub fn write(self, date: Date) -> String {
        let day = date.strftime(self.pattern());
        if self == Self::Timestamp { format!("{day} 00:00:00.0") } else { day.to_string() }
    }

    /// A date of the service as ISO text; `None` when it is none that the dialect could have written.
    ///
    /// A time of day behind the date is kept, midnight and fractions of a second are not.
    pub fn to_iso(self, text: &str) -> Option<String> {
        let (day, time) = text.trim().split_once([' ', 'T']).unwrap_or((text.trim(), ""));
        let day = Date::strptime(self.pattern(), day).ok()?;
        let time = time.split('.').next().filter(|time| !time.is_empty() && *time != "00:00:00");
        Some(time.map_or_else(|| day.to_string(), |time| format!("{day} {time}")))
    }

    /// An ISO text of the record as the dialect writes it; anything else as it is.
    pub fn from_iso(self, text: &str) -> String {
        let day = || text.get(..10).and_then(|day| Date::strptime("%Y-%m-%d", day).ok());
        match DateTime::strptime("%Y-%m-%d %H:%M:%S", text) {
            Ok(time) if self == Self::Timestamp => time.strftime("%Y-%m-%d %H:%M:%S.0").to_string(),
            _ => day().map_or_else(|| text.to_owned(), |day| self.write(day)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written_as_each_dialect_does() {
        let day = "2023-08-04";
        let cases = [
            (DateFormat::Iso, "2023-08-04"),
            (DateFormat::Timestamp, "2023-08-04 00:00:00.0"),
            (DateFormat::YearMonthDay, "2023/08/04"),
            (DateFormat::DayMonthYear, "04/08/2023"),
            (DateFormat::MonthDayYear, "08-04-2023"),
        ];
        for (format, written) in cases {
            assert_eq!(format.write(day.parse().unwrap()), written, "{format:?}");
            assert_eq!(format.from_iso(day), written, "{format:?}");
            assert_eq!(format.to_iso(written).as_deref(), Some(day), "{format:?}");
        }
        assert_eq!(DateFormat::MonthDayYear.to_iso(day), None);
        assert_eq!(DateFormat::MonthDayYear.from_iso("not a date"), "not a date");
    }

    #[test]
    fn a_time_of_day_is_kept_where_the_dialect_has_one() {
        let sent = "2015-05-27 17:12:21.0";
        let recorded = DateFormat::Timestamp.to_iso(sent).unwrap();
        assert_eq!(recorded, "2015-05-27 17:12:21");
        assert_eq!(DateFormat::Timestamp.from_iso(&recorded), sent);
        assert_eq!(DateFormat::MonthDayYear.from_iso(&recorded), "05-27-2015");
    }
}
