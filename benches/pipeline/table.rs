//! The result, as one table of markdown.

use std::fmt::{self, Display};

use crate::figures::Figures;
use crate::floor::{Costs, Part};
use crate::machine::Machine;
use crate::prepared::Prepared;
use crate::program::Run;

/// Bytes of a GB, and of a MB.
const GB: f64 = 1e9;
const MB: f64 = 1e6;

/// The floor, and the program right after it.
pub(crate) struct Round {
    pub(crate) floor: Costs,
    pub(crate) program: Run,
}

/// Everything that was measured.
pub(crate) struct Table {
    pub(crate) machine: Machine,
    pub(crate) data: Sample,
    pub(crate) parallel: usize,
    pub(crate) rounds: Vec<Round>,
    pub(crate) eight_at_once: Run,
    pub(crate) one_large: Run,
}

/// What went through.
pub(crate) struct Sample {
    pub(crate) series: usize,
    pub(crate) instances: usize,
    pub(crate) dicom_bytes: u64,
    pub(crate) zip_bytes: u64,
}

impl Sample {
    pub(crate) fn of(series: &[Prepared]) -> Self {
        Self {
            series: series.len(),
            instances: series.iter().map(|one| one.listed.image_count).sum(),
            dicom_bytes: series.iter().map(|one| one.listed.file_size).sum(),
            zip_bytes: series.iter().map(Prepared::zip_bytes).sum(),
        }
    }
}

impl Display for Sample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { series, instances, .. } = self;
        let (dicom, zip) = (as_f64(self.dicom_bytes), as_f64(self.zip_bytes));
        write!(
            formatter,
            "{series} series, {instances} instances of {:.0} kB: {:.2} GB of DICOM, deflate ratio {:.3}",
            dicom / 1e3 / as_f64(*instances as u64),
            dicom / GB,
            zip / dicom
        )
    }
}

impl Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rounds, parallel) = (self.rounds.len(), self.parallel);
        writeln!(formatter, "# `tcia-mirror` and the floor of this machine\n\n{}  ", self.machine)?;
        writeln!(
            formatter,
            "{}; {rounds} rounds, the floor and the program in turns, {parallel} at a time\n",
            self.data
        )?;
        writeln!(formatter, "| | median [least – most] | target |\n|---|---|---|")?;
        self.write_floor(formatter)?;
        self.write_program(formatter)?;
        self.write_memory(formatter)
    }
}

impl Table {
    fn write_floor(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in Part::ALL {
            let cost = self.figures(|round| round.floor.of(part).as_secs_f64() / self.gb());
            writeln!(formatter, "| {}, CPU-s/GB | {cost} | |", part.description())?;
        }
        writeln!(
            formatter,
            "| **floor: sum of the parts, CPU-s/GB** | **{:.2}** | |",
            self.figures(|round| self.floor(round))
        )
    }

    fn write_program(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = self.figures(|round| 100.0 * self.floor(round) / self.program(round));
        let speed = self.figures(|round| self.gb() / round.program.wall.as_secs_f64());
        let limit = self.figures(|round| as_f64(self.machine.cores as u64) / self.floor(round));
        let requests = self.figures(|round| as_f64(round.program.requests));
        writeln!(
            formatter,
            "| **program, CPU-s/GB** | **{:.2}** | ≤ 6.5 |",
            self.figures(|round| self.program(round))
        )?;
        writeln!(formatter, "| **share of the floor, %** | **{share:.1}** | ≥ 85 |")?;
        writeln!(formatter, "| program, GB/s | {speed:.3} | |")?;
        writeln!(formatter, "| limit, all cores at the floor, GB/s | {limit:.3} | |")?;
        writeln!(formatter, "| program, requests | {requests:.0} | |")
    }

    fn write_memory(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peak = |run: &Run| as_f64(run.peak_bytes) / MB;
        let (parallel, eight, large) = (self.parallel, peak(&self.eight_at_once), peak(&self.one_large));
        let usual = self.figures(|round| peak(&round.program));
        let large_gb = as_f64(self.one_large.dicom_bytes) / GB;
        writeln!(formatter, "| peak memory, {parallel} series at a time, MB | {usual:.1} | ≤ 100 |")?;
        writeln!(formatter, "| peak memory, 8 series at a time, MB | {eight:.1} | ≤ 100 |")?;
        writeln!(formatter, "| peak memory, one instance of {large_gb:.2} GB, MB | {large:.1} | ≤ 100 |")
    }

    fn figures(&self, measured: impl Fn(&Round) -> f64) -> Figures {
        Figures::of(self.rounds.iter().map(measured))
    }

    fn floor(&self, round: &Round) -> f64 {
        round.floor.sum().as_secs_f64() / self.gb()
    }

    fn program(&self, round: &Round) -> f64 {
        round.program.cpu.as_secs_f64() / self.gb()
    }

    fn gb(&self) -> f64 {
        as_f64(self.data.dicom_bytes) / GB
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures to be read have fewer digits than a f64 holds")]
fn as_f64(number: u64) -> f64 {
    number as f64
}
