//! Several measurements of the same thing.

use std::fmt;

/// Median and range, shown as `median [least – most]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Figures {
    pub(crate) median: f64,
    least: f64,
    most: f64,
}

impl Figures {
    /// Of at least one measurement.
    pub(crate) fn of(measured: impl IntoIterator<Item = f64>) -> Self {
        let mut measured: Vec<f64> = measured.into_iter().collect();
        measured.sort_by(f64::total_cmp);
        let (lower, upper) = (measured[(measured.len() - 1) / 2], measured[measured.len() / 2]);
        Self { median: f64::midpoint(lower, upper), least: measured[0], most: measured[measured.len() - 1] }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precision = formatter.precision().unwrap_or(2);
        let Self { median, least, most } = self;
        write!(formatter, "{median:.precision$} [{least:.precision$} – {most:.precision$}]")
    }
}
