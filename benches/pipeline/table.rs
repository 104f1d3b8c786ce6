//! The result, as one table of markdown: a column for each kind of series.

use std::fmt::{self, Display};
use std::time::Duration;

use crate::figures::Figures;
use crate::floor::{Costs, Part};
use crate::machine::Machine;
use crate::prepared::Prepared;
use crate::process::Spent;
use crate::program::Run;
use crate::rivals::Rival;
use crate::workload::Workload;

/// Bytes of a GB, and of a MB.
const GB: f64 = 1e9;
const MB: f64 = 1e6;
/// Least share of the floor, in percent.
const LEAST_SHARE: f64 = 85.0;
/// Most memory, in MB.
const MOST_MEMORY: f64 = 100.0;

/// The floor, the program right after it, and the rivals after that.
pub(crate) struct Round {
    pub(crate) floor: Costs,
    pub(crate) program: Run,
    pub(crate) rivals: Vec<(Rival, Spent)>,
}

/// Everything that was measured of one kind of series.
pub(crate) struct Measured {
    pub(crate) workload: Workload,
    pub(crate) data: Data,
    pub(crate) rounds: Vec<Round>,
    /// Peak of memory with more series at a time.
    pub(crate) more_at_once: u64,
}

/// Everything that was measured.
pub(crate) struct Table {
    pub(crate) machine: Machine,
    pub(crate) parallel: usize,
    pub(crate) measured: Vec<Measured>,
}

/// What went through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Data {
    pub(crate) series: usize,
    pub(crate) instances: usize,
    pub(crate) dicom_bytes: u64,
    zip_bytes: u64,
}

impl Data {
    pub(crate) fn of(series: &[Prepared]) -> Self {
        Self {
            series: series.len(),
            instances: series.iter().map(|one| one.listed.image_count).sum(),
            dicom_bytes: series.iter().map(|one| one.listed.file_size).sum(),
            zip_bytes: series.iter().map(Prepared::zip_bytes).sum(),
        }
    }
}

impl Display for Data {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dicom, zip) = (as_f64(self.dicom_bytes), as_f64(self.zip_bytes));
        let each = dicom / as_f64(self.instances as u64) / MB;
        let Self { series, instances, .. } = self;
        let (gb, ratio) = (dicom / GB, zip / dicom);
        write!(
            formatter,
            "{series} series, {instances} instances of {each:.2} MB: {gb:.2} GB, deflated to {ratio:.2}"
        )
    }
}

impl Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.measured.first().map_or(0, |measured| measured.rounds.len());
        writeln!(formatter, "# `tcia-mirror`, the floor of this machine, and what else there is\n")?;
        writeln!(
            formatter,
            "{}; {rounds} rounds, everything in turns, {} series at a time  ",
            self.machine, self.parallel
        )?;
        for Measured { workload, data, .. } in &self.measured {
            writeln!(formatter, "{workload}: {data}  ")?;
        }
        self.row(formatter, "\nmedian [least – most]", |measured| measured.workload.to_string())?;
        self.row(formatter, "---", |_| "---".to_owned())?;
        self.write_floor(formatter)?;
        self.write_program(formatter)?;
        Rival::ALL.iter().try_for_each(|rival| self.write_rival(formatter, *rival))
    }
}

impl Table {
    fn row(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        name: &str,
        cell: impl Fn(&Measured) -> String,
    ) -> fmt::Result {
        let (space, name) = name.split_at(name.len() - name.trim_start().len());
        let cells: Vec<_> = self.measured.iter().map(cell).collect();
        writeln!(formatter, "{space}| {name} | {} |", cells.join(" | "))
    }

    fn write_floor(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in Part::ALL {
            let name = format!("{}, CPU-s/GB", part.description());
            self.row(formatter, &name, |of| of.figures(|round| of.per_gb(round.floor.of(part))).to_string())?;
        }
        let floor = |of: &Measured| of.figures(|round| of.per_gb(round.floor.sum()));
        self.row(formatter, "**floor, their sum, CPU-s/GB**", |of| floor(of).to_string())
    }

    fn write_program(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = |of: &Measured| of.figures(|round| of.per_gb(round.program.spent.cpu));
        self.row(formatter, "**`tcia-mirror`, CPU-s/GB**", |of| match of.workload.most_cpu_seconds() {
            Some(most) => format!("{}{}", cpu(of), verdict(&format!("≤ {most:.1}"), cpu(of).median <= most)),
            None => cpu(of).to_string(),
        })?;
        self.row(formatter, "**share of the floor, %**", |of| {
            let share = of.figures(|round| {
                100.0 * round.floor.sum().as_secs_f64() / round.program.spent.cpu.as_secs_f64()
            });
            format!(
                "{share:.1}{}",
                match of.workload {
                    // something else made the floor dear while it was measured
                    _ if share.median > 100.0 => " (undecided)".to_owned(),
                    Workload::Ct => verdict("≥ 85", share.median >= LEAST_SHARE),
                    Workload::Small | Workload::Huge => String::new(),
                }
            )
        })?;
        let speed = |of: &Measured| of.figures(|round| of.gb() / round.program.spent.wall.as_secs_f64());
        self.row(formatter, "`tcia-mirror`, GB/s", |of| format!("{:.3}", speed(of)))?;
        self.row(formatter, "`tcia-mirror`, requests", |of| {
            format!("{:.0}", of.figures(|round| as_f64(round.program.requests)))
        })?;
        let peak = |of: &Measured| of.figures(|round| as_f64(round.program.spent.peak_bytes) / MB);
        self.row(formatter, "`tcia-mirror`, peak memory, MB", |of| {
            format!("{:.0}{}", peak(of), verdict("≤ 100", peak(of).median <= MOST_MEMORY))
        })?;
        self.row(formatter, "`tcia-mirror`, peak memory, 8 series at a time, MB", |of| {
            let peak = as_f64(of.more_at_once) / MB;
            format!("{peak:.0}{}", verdict("≤ 100", peak <= MOST_MEMORY))
        })
    }

    fn write_rival(&self, formatter: &mut fmt::Formatter<'_>, rival: Rival) -> fmt::Result {
        let is_there = self.measured.iter().any(|of| of.spent_by(rival).next().is_some());
        if !is_there {
            let how = format!("not measured: {}", rival.how_to_install());
            return self.row(formatter, &rival.to_string(), |_| how.clone());
        }
        self.row(formatter, &format!("**{rival}: its time over ours**"), |of| {
            let ratio = Figures::of(
                of.spent_by(rival).map(|(theirs, ours)| theirs.wall.as_secs_f64() / ours.wall.as_secs_f64()),
            );
            format!(
                "{ratio}{}",
                wanted(rival).map_or_else(String::new, |least| {
                    verdict(&format!("≥ {least:.0}"), ratio.median >= least)
                })
            )
        })?;
        self.row(formatter, &format!("{rival}, CPU-s/GB"), |of| {
            Figures::of(of.spent_by(rival).map(|(theirs, _)| of.per_gb(theirs.cpu))).to_string()
        })?;
        self.row(formatter, &format!("{rival}, peak memory of one process, MB"), |of| {
            format!(
                "{:.0}",
                Figures::of(of.spent_by(rival).map(|(theirs, _)| as_f64(theirs.peak_bytes) / MB))
            )
        })
    }
}

/// How many times the program's time a rival must take at least.
fn wanted(rival: Rival) -> Option<f64> {
    match rival {
        Rival::Curl => Some(1.0),
        Rival::TciaUtils => Some(3.0),
        Rival::Aria2c => None,
    }
}

/// A target and whether it is reached.
fn verdict(target: &str, is_reached: bool) -> String {
    format!(" ({target}: {})", if is_reached { "reached" } else { "**not reached**" })
}

impl Measured {
    fn figures(&self, measured: impl Fn(&Round) -> f64) -> Figures {
        Figures::of(self.rounds.iter().map(measured))
    }

    /// What a rival and the program took, round by round.
    fn spent_by(&self, rival: Rival) -> impl Iterator<Item = (Spent, Spent)> {
        let of_round = move |round: &Round| {
            let theirs = round.rivals.iter().find(|(found, _)| *found == rival);
            theirs.map(|(_, theirs)| (*theirs, round.program.spent))
        };
        self.rounds.iter().filter_map(of_round)
    }

    fn per_gb(&self, time: Duration) -> f64 {
        time.as_secs_f64() / self.gb()
    }

    fn gb(&self) -> f64 {
        as_f64(self.data.dicom_bytes) / GB
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures to be read have fewer digits than a f64 holds")]
fn as_f64(number: u64) -> f64 {
    number as f64
}
