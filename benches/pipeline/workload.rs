//! What is fetched in a measurement: many small series, series of CT, a few huge instances.

use std::fmt;

use clap::ValueEnum;

use crate::prepared::Prepared;
use crate::sample::Shape;

/// Slices of 524 288 bytes in a huge instance: 1.0 GB.
const SLICES: usize = 1907;

/// A kind of series, so many of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Workload {
    /// 60 series of 40 MR instances of 133 kB.
    Small,
    /// 20 series of 200 CT instances of 526 kB.
    Ct,
    /// 4 series of one instance of 1 GB.
    Huge,
}

impl Workload {
    /// The collection that the service lists it as.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::Small => "BENCH-SMALL",
            Self::Ct => "BENCH-CT",
            Self::Huge => "BENCH-HUGE",
        }
    }

    /// The series, the usual number of them unless another is asked for.
    pub(crate) fn prepare(self, series: Option<usize>) -> anyhow::Result<Vec<Prepared>> {
        let (usual, collection) = (self.series(), self.collection());
        let series = series.unwrap_or(usual);
        match self {
            Self::Small => Prepared::many(collection, Shape::Mr, series, 40),
            Self::Ct => Prepared::many(collection, Shape::Ct, series, 200),
            Self::Huge => (0..series).map(|number| Prepared::one_large(collection, number, SLICES)).collect(),
        }
    }

    fn series(self) -> usize {
        match self {
            Self::Small => 60,
            Self::Ct => 20,
            Self::Huge => 4,
        }
    }

    /// Processor seconds a GB that the program may take.
    pub(crate) fn most_cpu_seconds(self) -> Option<f64> {
        match self {
            Self::Small => Some(9.0),
            Self::Ct => Some(6.5),
            Self::Huge => None,
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Small => "small series",
            Self::Ct => "CT",
            Self::Huge => "huge instances",
        })
    }
}
