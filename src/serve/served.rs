//! A mirror that is open for reading, and the tasks that read it.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

use super::outlet::{self, Inlet, Outlet};
use crate::db::{self, Reader};
use crate::mirror::{Root, RootError};

/// Lists that are read at a time: each holds a connection until its client has taken it.
const MOST_READERS: usize = 8;
/// Images that are sent at a time: each keeps a core busy for a fast client and takes about a megabyte; more would
/// only make all of them slower.
const MOST_IMAGES: usize = 16;

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

/// A mirror, opened beside a process that may be writing to it.
pub struct ServedMirror {
    root: Root,
    idle: Mutex<Vec<Reader>>,
    readers: Arc<Semaphore>,
    images: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl ServedMirror {
    /// Opens the mirror below a root, only to read from it.
    pub fn open(root: &Path) -> Result<Self, OpenError> {
        let root = Root::open(root)?;
        let first = Reader::open(&root.state_file())?;
        Ok(Self {
            root,
            idle: Mutex::new(vec![first]),
            readers: Arc::new(Semaphore::new(MOST_READERS)),
            images: Arc::new(Semaphore::new(MOST_IMAGES)),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// Cuts every answer that is under way and waits until nothing reads the mirror any more.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        self.readers.close();
        self.images.close();
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

    pub(super) fn outlet(&self) -> (Outlet, Inlet) {
        outlet::open(self.stop.clone())
    }

    /// Begins to read the record on a thread that may block, when a connection is free.
    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self, &Reader) -> Result<T, Fault> + Send + 'static,
    ) -> Result<JoinHandle<Result<T, Fault>>, Fault> {
        let permit = Arc::clone(&self.readers).acquire_owned().await?;
        let tasks = self.tasks.clone();
        Ok(tasks.spawn_blocking(move || {
            let _permit: OwnedSemaphorePermit = permit;
            let reader = self.reader()?;
            let done = work(&self, &reader);
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            done
        }))
    }

    /// Begins to send files on a thread that may block, when there is room for one more image.
    pub(super) async fn send(&self, work: impl FnOnce() + Send + 'static) -> Result<(), Fault> {
        let permit = Arc::clone(&self.images).acquire_owned().await?;
        let sending = self.tasks.spawn_blocking(move || {
            let _permit: OwnedSemaphorePermit = permit;
            work();
        });
        drop(sending); // goes on by itself, and is tracked
        Ok(())
    }

    fn reader(&self) -> Result<Reader, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Ok(Reader::open(&self.root.state_file())?), Ok)
    }
}
