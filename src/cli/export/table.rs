//! Rows of known columns, written as they come.

use serde_json::{Map, Value};

use super::super::csv_line::csv_line;
use super::super::exit::UsageError;
use super::super::paper::Paper;
use super::super::print;
use super::arguments::Format;
use super::parquet::ParquetTable;

/// How much is gathered before it is written: a row alone would cost a call of the system.
const BATCH_BYTES: usize = 64 << 10;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Count,
}

/// Name and kind.
pub(super) type Column = (&'static str, Kind);

/// One value; of a kind other than its column's it is written as a text where there is no other way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Nothing,
    Text(String),
    Count(u64),
}

impl<T: Into<String>> From<Option<T>> for Cell {
    fn from(text: Option<T>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(text.into()))
    }
}

impl Cell {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    fn into_text(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => text,
            Self::Count(count) => count.to_string(),
        }
    }

    fn into_json(self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Text(text) => text.into(),
            Self::Count(count) => count.into(),
        }
    }
}

/// A table that is being written.
pub(super) enum Table {
    Csv(Lines),
    Json(Lines, Vec<Column>),
    Parquet(Box<ParquetTable>),
}

impl Table {
    pub(super) fn begin(format: Format, columns: &[Column], paper: Paper) -> anyhow::Result<Self> {
        Ok(match format {
            Format::Csv => {
                let mut lines = Lines::new(paper);
                let names: Vec<_> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
                lines.put(&csv_line(&names)?)?;
                Self::Csv(lines)
            }
            Format::Json => Self::Json(Lines::new(paper), columns.to_vec()),
            Format::Parquet if paper.is_screen() => {
                return Err(UsageError("Parquet is for files: name one with --output FILE".to_owned()).into());
            }
            Format::Parquet => Self::Parquet(Box::new(ParquetTable::begin(columns, paper)?)),
        })
    }

    /// Writes one row, a cell for each column.
    pub(super) fn row(&mut self, cells: Vec<Cell>) -> anyhow::Result<()> {
        match self {
            Self::Csv(lines) => {
                let fields: Vec<_> = cells.into_iter().map(Cell::into_text).collect();
                lines.put(&csv_line(&fields)?)
            }
            Self::Json(lines, columns) => {
                let pairs = columns.iter().zip(cells);
                let object: Map<_, _> =
                    pairs.map(|((name, _), cell)| ((*name).to_owned(), cell.into_json())).collect();
                lines.json(&object)
            }
            Self::Parquet(table) => table.row(cells),
        }
    }

    /// Ends the table and gives the paper back.
    pub(super) fn end(self) -> anyhow::Result<Paper> {
        match self {
            Self::Csv(lines) | Self::Json(lines, _) => lines.end(),
            Self::Parquet(table) => table.end(),
        }
    }
}

/// Lines that are gathered and written many at a time.
pub(super) struct Lines {
    paper: Paper,
    gathered: Vec<u8>,
}

impl Lines {
    pub(super) fn new(paper: Paper) -> Self {
        Self { paper, gathered: Vec::new() }
    }

    /// Writes text that ends its own lines.
    pub(super) fn put(&mut self, text: &str) -> anyhow::Result<()> {
        self.gathered.extend_from_slice(text.as_bytes());
        if self.gathered.len() >= BATCH_BYTES {
            self.paper.put(&self.gathered)?;
            self.gathered.clear();
        }
        Ok(())
    }

    /// Writes one object on a line, what a terminal would obey escaped.
    pub(super) fn json(&mut self, object: &impl serde::Serialize) -> anyhow::Result<()> {
        let line = print::escaped(&serde_json::to_string(object)?);
        self.put(&line)?;
        self.put("\n")
    }

    /// Writes what is left and gives the paper back.
    pub(super) fn end(mut self) -> anyhow::Result<Paper> {
        self.paper.put(&self.gathered)?;
        Ok(self.paper)
    }
}
