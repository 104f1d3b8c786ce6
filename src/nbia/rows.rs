//! A list that arrives: batches of rows, and a count of what could not be read.

use serde::de::DeserializeOwned;

use super::body::Body;
use super::dialect::EndpointDescription;
use super::error::Error;
use super::wire::{Rejected, RowSplitter, SentRow, WireError, read_as_sent, read_row};

/// Most rejected rows that are kept word for word.
const KEPT_REJECTED: usize = 20;
/// Longest list that is read; the largest real one has 160 MB.
const LONGEST_LIST: u64 = 4 << 30;

/// Rows of one answer, in the order they arrive.
pub struct Rows<T> {
    body: Body,
    endpoint: &'static EndpointDescription,
    read: ReadRow<T>,
    splitter: RowSplitter,
    received: u64,
    rejected: Vec<Rejected>,
    rejected_count: u64,
}

type ReadRow<T> = fn(&[u8], &EndpointDescription) -> Result<T, Rejected>;

impl<T: DeserializeOwned> Rows<T> {
    /// Rows as structs of `dicom`, under its keywords.
    pub(super) fn new(body: Body, endpoint: &'static EndpointDescription) -> Self {
        Self::read_by(read_row, body, endpoint)
    }
}

impl Rows<SentRow> {
    /// Rows with the names and values that the service gave them.
    pub(super) fn as_sent(body: Body, endpoint: &'static EndpointDescription) -> Self {
        Self::read_by(read_as_sent, body, endpoint)
    }
}

impl<T> Rows<T> {
    fn read_by(read: ReadRow<T>, body: Body, endpoint: &'static EndpointDescription) -> Self {
        let (splitter, rejected) = (RowSplitter::default(), Vec::new());
        Self { body, endpoint, read, splitter, received: 0, rejected, rejected_count: 0 }
    }

    /// The rows that the next bytes complete, perhaps none; `None` once the list has ended as a list must.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, Error> {
        let endpoint = self.endpoint.name;
        let Some(bytes) = self.body.chunk().await? else {
            self.splitter.finish().map_err(|source| self.unreadable(source))?;
            return Ok(None);
        };
        self.received += bytes.len() as u64;
        if self.received > LONGEST_LIST {
            return Err(Error::TooLong { endpoint, limit: LONGEST_LIST });
        }
        let mut rows = Vec::new();
        let (description, read) = (self.endpoint, self.read);
        let body = &self.body;
        let cut = self.splitter.push(&bytes, &mut |row| {
            let repeats = body.repeats_a_secret(row);
            rows.push(if repeats { Err(Rejected::of_secret()) } else { read(row, description) });
        });
        cut.map_err(|source| self.unreadable(source))?;
        Ok(Some(rows.into_iter().filter_map(|row| self.accept(row)).collect()))
    }

    /// All rows at once, for lists that are small by nature; one that makes no sense is an error.
    pub async fn read_all(mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(rows) = self.next().await? {
            all.extend(rows);
        }
        match self.rejected.into_iter().next() {
            Some(rejected) => Err(Error::Rejected { endpoint: self.endpoint.name, reason: rejected.reason }),
            None => Ok(all),
        }
    }

    /// The name of the endpoint that answers.
    pub fn endpoint(&self) -> &'static str {
        self.endpoint.name
    }

    /// Rows so far that made no sense, and the first of them.
    pub fn rejected(&self) -> (u64, &[Rejected]) {
        (self.rejected_count, &self.rejected)
    }

    fn unreadable(&self, source: WireError) -> Error {
        let source = match source {
            WireError::NotAList { found } => WireError::NotAList { found: self.body.redact(&found) },
            other => other,
        };
        Error::Unreadable { endpoint: self.endpoint.name, source }
    }

    fn accept(&mut self, row: Result<T, Rejected>) -> Option<T> {
        row.map_err(|rejected| {
            self.rejected_count += 1;
            if self.rejected.len() < KEPT_REJECTED {
                let Rejected { reason, row } = rejected;
                let redact = |text: &str| self.body.redact(text);
                self.rejected.push(Rejected { reason: redact(&reason), row: redact(&row) });
            }
        })
        .ok()
    }
}
