//! A list that arrives: batches of rows, and a count of what could not be read.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::body::Body;
use super::dialect::{DateFormat, EndpointDescription};
use super::error::Error;
use super::wire::{Rejected, RowSplitter, read_row};

/// Most rejected rows that are kept word for word.
const KEPT_REJECTED: usize = 20;
/// Longest list that is read; the largest real one has 160 MB.
const LONGEST_LIST: u64 = 4 << 30;

/// Rows of one answer, in the order they arrive.
pub struct Rows<T> {
    body: Body,
    endpoint: &'static EndpointDescription,
    dates: DateFormat,
    splitter: RowSplitter,
    received: u64,
    rejected: Vec<Rejected>,
    rejected_count: u64,
    row: PhantomData<T>,
}

impl<T: DeserializeOwned> Rows<T> {
    pub(super) fn new(body: Body, endpoint: &'static EndpointDescription, dates: DateFormat) -> Self {
        Self {
            body,
            endpoint,
            dates,
            splitter: RowSplitter::default(),
            received: 0,
            rejected: Vec::new(),
            rejected_count: 0,
            row: PhantomData,
        }
    }

    /// The rows that the next bytes complete, perhaps none; `None` once the list has ended as a list must.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, Error> {
        let endpoint = self.endpoint.name;
        let Some(bytes) = self.body.chunk().await? else {
            self.splitter.finish().map_err(|source| Error::Unreadable { endpoint, source })?;
            return Ok(None);
        };
        self.received += bytes.len() as u64;
        if self.received > LONGEST_LIST {
            return Err(Error::TooLong { endpoint, limit: LONGEST_LIST });
        }
        let mut rows = Vec::new();
        let (description, dates) = (self.endpoint, self.dates);
        let cut = self.splitter.push(&bytes, &mut |row| rows.push(read_row(row, description, dates)));
        cut.map_err(|source| Error::Unreadable { endpoint, source })?;
        Ok(Some(rows.into_iter().filter_map(|row| self.accept(row)).collect()))
    }

    /// All rows at once, for lists that are small by nature; one that makes no sense is an error.
    pub async fn read_all(mut self) -> Result<Vec<T>, Error> {
        let all = self.read_readable().await?;
        match self.rejected.into_iter().next() {
            Some(rejected) => Err(Error::Rejected { endpoint: self.endpoint.name, reason: rejected.reason }),
            None => Ok(all),
        }
    }

    /// All rows that make sense.
    pub(super) async fn read_readable(&mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(rows) = self.next().await? {
            all.extend(rows);
        }
        Ok(all)
    }

    /// The name of the endpoint that answers.
    pub fn endpoint(&self) -> &'static str {
        self.endpoint.name
    }

    /// Rows so far that made no sense, and the first of them.
    pub fn rejected(&self) -> (u64, &[Rejected]) {
        (self.rejected_count, &self.rejected)
    }

    fn accept(&mut self, row: Result<T, Rejected>) -> Option<T> {
        row.map_err(|rejected| {
            self.rejected_count += 1;
            if self.rejected.len() < KEPT_REJECTED {
                self.rejected.push(rejected);
            }
        })
        .ok()
    }
}
