//! Turns at work: few at a time, and given back while a client is waited for.
//!
//! A client that takes nothing keeps its place, of which there are many, and no turn, of which there are few.

use std::cell::Cell;
use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The work of one kind: so many places, and so many turns between them.
pub(super) struct Turns {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// A place, and for most of the time a turn.
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    turns: Arc<Semaphore>,
    turn: Cell<Option<OwnedSemaphorePermit>>,
}

impl Turns {
    pub(super) fn new(places: usize, turns: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), turns: Arc::new(Semaphore::new(turns)) }
    }

    /// Waits for a place, and in it for a turn.
    pub(super) async fn place(&self) -> Result<Place, AcquireError> {
        let own = Arc::clone(&self.places).acquire_owned().await?;
        let turn = Cell::new(Some(self.turn().await?));
        Ok(Place { _own: own, turns: Arc::clone(&self.turns), turn })
    }

    /// Waits for a turn alone, for work that waits for nobody.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.turns).acquire_owned().await
    }

    /// Whoever waits for a place or a turn, now or later, gets none.
    pub(super) fn close(&self) {
        self.places.close();
        self.turns.close();
    }
}

impl Place {
    /// Lets others have the turn while something is waited for.
    pub(super) async fn wait<T>(&self, something: impl Future<Output = T>) -> Result<T, AcquireError> {
        drop(self.turn.take());
        let came = something.await;
        self.turn.set(Some(Arc::clone(&self.turns).acquire_owned().await?));
        Ok(came)
    }
}
