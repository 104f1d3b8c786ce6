//! The record: one SQLite file with the catalogue, the job table, the instances on disk, watermarks and history.
//!
//! One thread owns the writing connection; callers send it closures and wait for the answer, so that no transaction
//! is ever held across a download. Readers open their own, read only ([`Reader`]).
//! Knows no HTTP and no tree; the SQL of the program is here and nowhere else.

mod absence;
mod catalogue;
mod columns;
mod contents;
mod finds;
#[cfg(test)]
mod fixture;
mod history;
mod instance;
mod inventory;
mod job;
#[cfg(test)]
mod job_model;
mod listing;
mod overview;
mod placement;
mod reader;
mod removal;
mod report;
mod run;
#[cfg(test)]
pub(crate) mod sample;
mod shards;
#[cfg(test)]
mod sums;
#[cfg(test)]
mod tests;
mod upkeep;
mod value_listing;
mod views;
mod walk;

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use crate::dicom::Shard;

pub use crate::dicom::Records;
pub use absence::Confirmation;
pub use catalogue::ListedSeries;
pub use contents::{PatientReport, SeriesReport};
pub use finds::{DoubtfulFile, Finds, FoundInstance, FoundSeries};
pub use history::{FailedSeries, LastCycles, RunChanges, RunReport, RunSum};
pub use inventory::{Placement, RecordedSeries};
pub use job::{Failure, JobState, Order, SeriesJob};
pub use listing::{EachRow, ListedRow, Released, ServedFilter, ServedInstance, ServedSeries};
pub use overview::{Day, Overview, RunningSeries};
pub use placement::{CommitIntent, Local, PlacedSeries};
pub use reader::Reader;
pub use removal::WithdrawnSeries;
pub use report::{
    CollectionReport, FailedTry, Heartbeat, ParkedSeries, Remark, StateCounts, Status, WatermarkReport,
};
pub use run::{Outcome, RunTotals, WatermarkKey};
pub use value_listing::{Capitals, EachMd5s, Md5s, ValuesOf};
pub use walk::Walk;

/// Every migration, in order.
pub const MIGRATIONS: [(&str, &str); 5] = [
    ("0001_record.sql", include_str!("../../migrations/0001_record.sql")),
    ("0002_changes.sql", include_str!("../../migrations/0002_changes.sql")),
    ("0003_history.sql", include_str!("../../migrations/0003_history.sql")),
    ("0004_sums.sql", include_str!("../../migrations/0004_sums.sql")),
    ("0005_order.sql", include_str!("../../migrations/0005_order.sql")),
];
/// Requests that may wait for the writing thread.
const QUEUE: usize = 64;
/// How long a statement waits for another connection.
const BUSY: Duration = Duration::from_secs(30);
/// The same for what is written of a shard, where everyone who reads holds it up.
const BUSY_OF_SHARD: Duration = Duration::from_mins(10);

/// What can be wrong with the record.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum Error {
    #[error("cannot open the record {}", .path.display())]
    Open { path: PathBuf, source: rusqlite::Error },
    #[error("the record {} is damaged: {finding}", .path.display())]
    Damaged { path: PathBuf, finding: String },
    #[error("the record {} was not closed cleanly and must first be opened by one who may write beside it", .path.display())]
    NotClosed { path: PathBuf },
    #[error("the record {} was made by a newer release, or cannot be brought up to date", .path.display())]
    Migrate { path: PathBuf, source: rusqlite_migration::Error },
    #[error("cannot copy the record to {} before it is brought up to date", .copy.display())]
    BackUp { copy: PathBuf, source: std::io::Error },
    #[error("the record {} has version {found}, and this release reads version {known}", .path.display())]
    OtherRelease { path: PathBuf, found: u32, known: u32 },
    #[error("the record does not take a statement")]
    Statement(#[from] rusqlite::Error),
    #[error("the record holds {found:?} where {expected} belongs")]
    Content { expected: &'static str, found: String },
    #[error("the record {} is not that of shard {shard}", .path.display())]
    OtherShard { path: PathBuf, shard: Shard },
    #[error("the thread of the record has ended")]
    Gone,
}

impl Error {
    /// Whether the disk takes no more of it.
    pub fn is_of_the_disk(&self) -> bool {
        let (Self::Open { source, .. } | Self::Statement(source)) = self else { return false };
        let codes = [ErrorCode::DiskFull, ErrorCode::SystemIoFailure, ErrorCode::ReadOnly];
        source.sqlite_error_code().is_some_and(|code| codes.contains(&code))
    }

    /// Whether the file itself is damaged, rather than out of reach.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Open { source, .. } | Self::Statement(source) => matches!(
                source.sqlite_error_code(),
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
            ),
            _ => false,
        }
    }
}

type Work = Box<dyn FnOnce(&mut Connection) + Send>;

/// The record, open for writing.
pub struct Db {
    work: mpsc::Sender<Work>,
    thread: Option<JoinHandle<()>>,
}

impl Db {
    /// Opens the record, making or migrating it; the caller holds the lock of the root.
    ///
    /// One that was not closed is read through first, one of an older release is copied.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_share(path, None)
    }

    /// The same for the record of a share of a mirror, which other machines may read.
    pub fn open_share(path: &Path, shard: Option<Shard>) -> Result<Self, Error> {
        let was_closed = !upkeep::has_log(path);
        let mut connection = connect(path, OpenFlags::default())?;
        shards::begin_to_write(path, &connection, shard)?;
        // what is refused below stays as it is: its log is not merged into it when the connection is closed
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        if !was_closed {
            upkeep::check(path, &connection)?;
        }
        upkeep::migrate(path, &mut connection, &MIGRATIONS)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        views::of_one(&connection)?;
        let (work, mut incoming) = mpsc::channel::<Work>(QUEUE);
        let thread = std::thread::Builder::new().name("record".to_owned()).spawn(move || {
            while let Some(work) = incoming.blocking_recv() {
                work(&mut connection);
            }
            upkeep::close(&connection);
        });
        let thread = thread.map_err(|_no_thread| Error::Gone)?;
        Ok(Self { work, thread: Some(thread) })
    }

    /// Runs one piece of work on the thread of the record, in one transaction.
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            // the caller may have gone away, and then nobody minds
            drop(answer.send(in_transaction(connection, work)));
        });
        self.work.send(work).await.map_err(|_closed| Error::Gone)?;
        answered.await.map_err(|_closed| Error::Gone)?
    }
}

impl Drop for Db {
    /// Waits until everything that was sent is written and the file is closed.
    fn drop(&mut self) {
        let (closed, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.work, closed));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    let transaction = connection.transaction()?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    };
    open().map_err(|source| Error::Open { path: path.to_owned(), source })
}
