//! How each generation writes days, in what it is asked and in what it answers.

use jiff::Span;
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

    /// A day as Java's lenient `SimpleDateFormat` reads it: from where a month or a day is too large or too small it
    /// counts on, so that `2010/13/01` is `2011-01-01`, and what stands behind the last number is not looked at.
    pub fn read_as_java(self, text: &str) -> Option<Date> {
        let mut parts = text.splitn(3, '/').map(leading_number);
        let [first, second, third] = [parts.next()??, parts.next()??, parts.next()??];
        let (year, month, day) = match self {
            Self::YearMonthDay => (first, second, third),
            Self::DayMonthYear => (third, second, first),
            Self::Iso | Self::Timestamp | Self::MonthDayYear => return None,
        };
        let january = Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
        let month = january.checked_add(Span::new().try_months(month - 1).ok()?).ok()?;
        month.checked_add(Span::new().try_days(day - 1).ok()?).ok()
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

fn leading_number(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
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

    #[test]
    fn java_counts_on_where_a_month_or_a_day_is_too_large() {
        let cases = [
            (DateFormat::YearMonthDay, "2023/08/04", Some("2023-08-04")),
            (DateFormat::YearMonthDay, "2010/13/45", Some("2011-02-14")),
            (DateFormat::YearMonthDay, "2010/00/00", Some("2009-11-30")),
            (DateFormat::YearMonthDay, "2023/8/4 10:00", Some("2023-08-04")),
            (DateFormat::DayMonthYear, "01/13/2010", Some("2011-01-01")),
            (DateFormat::DayMonthYear, "31/02/2024", Some("2024-03-02")),
            // a date in the other order is one of the first years
            (DateFormat::DayMonthYear, "2023/08/04", Some("0010-02-13")),
            (DateFormat::YearMonthDay, "2023-08-04", None),
            (DateFormat::YearMonthDay, "2023/08", None),
            (DateFormat::YearMonthDay, "99999999999999999999/1/1", None),
            (DateFormat::YearMonthDay, "2023/99999999999/1", None),
            (DateFormat::MonthDayYear, "08/04/2023", None),
        ];
        for (format, text, day) in cases {
            let read = format.read_as_java(text).map(|day| day.to_string());
            assert_eq!(read.as_deref(), day, "{text}");
        }
    }
}
