//! A table as Apache Parquet: one group of rows after the other, so that no more than a group is in memory.

use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::super::paper::Paper;
use super::table::{Cell, Column, Kind};

/// Rows of one group: some ten megabytes of the widest table, and enough for its dictionaries to pay.
const GROUP_ROWS: usize = 10_000;

/// The file that is being written, and the rows of its next group.
pub(super) struct ParquetTable {
    writer: SerializedFileWriter<Paper>,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl ParquetTable {
    pub(super) fn begin(columns: &[Column], paper: Paper) -> anyhow::Result<Self> {
        let compression = Compression::GZIP(GzipLevel::default());
        let properties = WriterProperties::builder().set_compression(compression).build();
        let writer = SerializedFileWriter::new(paper, schema(columns)?, Arc::new(properties))?;
        Ok(Self { writer, columns: columns.to_vec(), rows: Vec::new() })
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) -> anyhow::Result<()> {
        self.rows.push(cells);
        if self.rows.len() >= GROUP_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    pub(super) fn end(mut self) -> anyhow::Result<Paper> {
        if !self.rows.is_empty() {
            self.write_group()?;
        }
        Ok(self.writer.into_inner()?)
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for (place, (_, kind)) in self.columns.iter().enumerate() {
            let cells = self.rows.iter().map(|row| &row[place]);
            let Some(column) = group.next_column()? else { break };
            match kind {
                Kind::Text => write::<ByteArrayType>(column, cells.map(bytes)),
                Kind::Count => write::<Int64Type>(column, cells.map(integer)),
            }?;
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

/// Every column may be null.
fn schema(columns: &[Column]) -> Result<TypePtr> {
    let fields = columns.iter().map(|(name, kind)| {
        let (physical, logical) = match kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Count => (Physical::INT64, None),
        };
        let field = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
        field.with_logical_type(logical).build().map(Arc::new)
    });
    let fields = fields.collect::<Result<_>>()?;
    Ok(Arc::new(Type::group_type_builder("series").with_fields(fields).build()?))
}

/// Writes a column: those values that are there, and for each row whether it has one.
fn write<T: DataType>(
    mut column: SerializedColumnWriter<'_>,
    cells: impl Iterator<Item = Option<T::T>>,
) -> Result<()> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        levels.push(i16::from(cell.is_some()));
        values.extend(cell);
    }
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    column.close()
}

fn bytes(cell: &Cell) -> Option<ByteArray> {
    match cell {
        Cell::Nothing => None,
        Cell::Text(text) => Some(text.as_str().into()),
        Cell::Count(count) => Some(count.to_string().as_str().into()),
    }
}

fn integer(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Count(count) => i64::try_from(*count).ok(),
        Cell::Nothing | Cell::Text(_) => None,
    }
}
