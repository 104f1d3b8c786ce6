//! A mirror that is open for reading, and the tasks that read it.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

use super::guard::Guard;
use super::health::Least;
use super::outlet::{self, Inlet, Outlet};
use super::pack::Packing;
use super::page::Watch;
use super::turns::Turns;
use crate::db::{self, Reader};
use crate::dicom::{Records, Shard};
use crate::mirror::{Root, RootError};

/// Answers out of the record that are worked on at a time; connections that are kept for the next ones.
const MOST_READERS: usize = 8;
/// Lists that are under way, most of them behind slow clients: each holds a thread and a connection.
const MOST_LISTS: usize = 64;
/// Images that are worked on at a time: each keeps a core busy; more would only make all of them slower.
const MOST_SENDERS: usize = 16;
/// Images that are under way, most of them behind slow clients: each holds a thread, of which tokio has 512, and
/// about a megabyte.
const MOST_IMAGES: usize = 256;

/// Forms that are in memory until their answers begin.
pub(super) const MOST_FORMS: usize = 32;

/// Why a mirror cannot be served.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is the error that it wraps")]
pub enum OpenError {
    #[error(transparent)]
    Root(#[from] RootError),
    #[error(transparent)]
    Record(#[from] db::Error),
}

/// Why something of the mirror cannot be handed out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("cannot read the record")]
    Record(#[from] db::Error),
    #[error("cannot read {path}")]
    Tree { path: String, source: io::Error },
    #[error("{path} is not what is recorded")]
    Damaged { path: String },
    #[error("cannot hand out the answer")]
    Client(#[from] io::Error),
    /// For a reason that the thread that wrote it has reported.
    #[error("the answer broke off before anything of it was sent")]
    BrokenOff,
    #[error("the server has stopped")]
    Closed(#[from] AcquireError),
    #[error("a reading thread ended in the middle")]
    Lost(#[from] JoinError),
}

impl Fault {
    /// Tells the log, once, why something was not handed out; a client that leaves is nobody's fault.
    pub(super) fn report(&self, what: &str) {
        match self {
            Self::BrokenOff => {}
            Self::Client(_) | Self::Closed(_) => debug!("{what} was not taken to its end: {self}"),
            fault => {
                let causes: &(dyn std::error::Error + 'static) = fault;
                error!(error = causes, "{what} cannot be handed out: {fault}");
            }
        }
    }
}

/// Device and number of each file; a backup that takes the place of one is another.
type FileIds = Vec<(u64, u64)>;

/// A mirror, opened beside a process that may be writing to it.
pub struct ServedMirror {
    root: Root,
    idle: Mutex<Vec<(FileIds, Reader)>>,
    lists: Turns,
    images: Turns,
    forms: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
    packing: Packing,
    guard: Guard,
    leaving: CancellationToken,
    watch: Watch,
    least: Least,
    clock: fn() -> Timestamp,
    trouble: Mutex<Option<String>>,
}

impl ServedMirror {
    /// Opens the mirror below a root, only to read from it.
    pub fn open(root: &Path) -> Result<Self, OpenError> {
        Self::open_share(root, None)
    }

    /// The same for one share of it.
    pub fn open_share(root: &Path, shard: Option<Shard>) -> Result<Self, OpenError> {
        let root = Root::open_share(root, shard)?;
        Reader::open_all(&root.records())?;
        Ok(Self {
            root,
            idle: Mutex::default(),
            lists: Turns::new(MOST_LISTS, MOST_READERS),
            images: Turns::new(MOST_IMAGES, MOST_SENDERS),
            forms: Semaphore::new(MOST_FORMS),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            packing: Packing::Deflated,
            guard: Guard::default(),
            leaving: CancellationToken::new(),
            watch: Watch::new(),
            least: Least::default(),
            clock: || Timestamp::MAX,
            trouble: Mutex::default(),
        })
    }

    /// The same for those who watch it: it is not ready where less is free, and the clock tells whether anything runs.
    #[must_use]
    pub fn watched(self, least: Least, clock: fn() -> Timestamp) -> Self {
        Self { least, clock, ..self }
    }

    /// The same with series packed otherwise than by the archive's own server, which deflates them.
    #[must_use]
    pub fn packed(self, packing: Packing) -> Self {
        Self { packing, ..self }
    }

    /// The same for others than all who reach it.
    #[must_use]
    pub fn guarded(self, guard: Guard) -> Self {
        Self { guard, ..self }
    }

    /// Says why the mirror is not kept as it should be, or that it is.
    pub fn report(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Why the mirror is not kept as it should be.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    pub(super) fn packing(&self) -> Packing {
        self.packing
    }

    pub(super) fn least(&self) -> Least {
        self.least
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        (self.clock)().as_second()
    }

    /// Sends those away who only watch.
    pub(super) fn leave(&self) {
        self.leaving.cancel();
    }

    /// Those who watch.
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Goes on with something by itself until those who watch are sent away.
    pub(super) fn go_on(&self, something: impl Future<Output = ()> + Send + 'static) {
        let leaving = self.leaving.clone();
        drop(self.tasks.spawn(async move { leaving.run_until_cancelled_owned(something).await }));
    }

    /// Cuts every answer that is under way and waits until nothing reads the mirror any more.
    pub(super) async fn close(&self) {
        self.leave();
        self.stop.cancel();
        self.lists.close();
        self.images.close();
        self.forms.close();
        self.tasks.close();
        self.tasks.wait().await;
    }

    pub(super) fn root(&self) -> &Root {
        &self.root
    }

    /// Whether nobody waits for answers any more.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until one more form may be taken into memory.
    pub(super) async fn room_for_form(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.forms.acquire().await
    }

    /// Reads the record on a thread that may block, when it is its turn.
    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self, &Reader) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let turn = self.lists.turn().await?;
        let tasks = self.tasks.clone();
        let reading = tasks.spawn_blocking(move || {
            let done = self.with_reader(|reader| work(&self, reader));
            drop(turn);
            done
        });
        reading.await?
    }

    /// Begins to write a list on a thread that may block, when there is room for one more.
    pub(super) async fn send_list(
        self: Arc<Self>,
        name: &'static str,
        work: impl FnOnce(&Reader, Outlet) -> Result<(), Fault> + Send + 'static,
    ) -> Result<Inlet, Fault> {
        let (outlet, inlet) = outlet::open(self.lists.place().await?, self.stop.clone());
        let tasks = self.tasks.clone();
        let sending = tasks.spawn_blocking(move || {
            let sent = self.with_reader(|reader| work(reader, outlet));
            sent.unwrap_or_else(|fault| fault.report(name));
        });
        drop(sending); // goes on by itself, and is tracked
        Ok(inlet)
    }

    /// Begins to send files on a thread that may block, when there is room for one more image.
    pub(super) async fn send_image(
        &self,
        name: String,
        work: impl FnOnce(Outlet) -> Result<(), Fault> + Send + 'static,
    ) -> Result<Inlet, Fault> {
        let (outlet, inlet) = outlet::open(self.images.place().await?, self.stop.clone());
        let sending = self.tasks.spawn_blocking(move || {
            work(outlet).unwrap_or_else(|fault| fault.report(&name));
        });
        drop(sending); // goes on by itself, and is tracked
        Ok(inlet)
    }

    fn with_reader<T>(&self, work: impl FnOnce(&Reader) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let records = self.root.records();
        let files = files(&records)?;
        let waiting = idle().pop().filter(|(known, _)| *known == files);
        let reader = waiting.map_or_else(|| Reader::open_all(&records), |(_, reader)| Ok(reader))?;
        let done = work(&reader);
        let mut idle = idle();
        // one that could not read may be of a file that somebody mends, and one that left a record out found it half made
        let is_whole = reader.records() == files.len();
        if idle.len() < MOST_READERS && is_whole && !matches!(done, Err(Fault::Record(_))) {
            idle.push((files, reader));
        }
        done
    }
}

/// Which files the records are; of a shard that was not started yet there is none.
fn files(records: &Records) -> Result<FileIds, Fault> {
    let find = |path: &PathBuf| std::fs::metadata(path).map(|found| (found.dev(), found.ino()));
    let unreadable = |path: &PathBuf| {
        let path = path.display().to_string();
        move |source| Fault::Tree { path, source }
    };
    match records {
        Records::Whole(record) => Ok(vec![find(record).map_err(unreadable(record))?]),
        Records::Shards(records) => {
            let is_there = |found: &io::Result<_>| {
                !found.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            };
            let found =
                records.iter().map(|record| (record, find(record))).filter(|(_, found)| is_there(found));
            found.map(|(record, found)| found.map_err(unreadable(record))).collect()
        }
    }
}
