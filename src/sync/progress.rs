//! What is under way, for those who watch.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One series that a worker has.
#[derive(Clone, Debug)]
pub struct RunningSeries {
    /// Which.
    pub series_instance_uid: String,
    /// Its collection and patient, for people.
    pub label: String,
    /// Bytes of instances that have arrived.
    pub arrived: Arc<AtomicU64>,
    /// Bytes that are listed, zero when they are not.
    pub listed: u64,
}

/// What is under way, and what has arrived in all.
#[derive(Debug, Default)]
pub struct Progress {
    running: Mutex<BTreeMap<i64, RunningSeries>>,
    ended: AtomicU64,
}

impl Progress {
    /// Bytes of instances that have arrived since the start, of series that failed too.
    pub fn arrived(&self) -> u64 {
        let running: u64 = self.lock().values().map(|series| series.arrived.load(Ordering::Relaxed)).sum();
        self.ended.load(Ordering::Relaxed) + running
    }

    /// The series that are under way.
    pub fn running(&self) -> Vec<RunningSeries> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn begin(&self, series_id: i64, series: RunningSeries) {
        self.lock().insert(series_id, series);
    }

    pub(super) fn end(&self, series_id: i64) {
        if let Some(series) = self.lock().remove(&series_id) {
            self.ended.fetch_add(series.arrived.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, RunningSeries>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
