//! Counters of what went over the wire.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::error::Error;
use super::latency::Latency;

/// What the client has done so far.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: AtomicU64,
    retries: AtomicU64,
    downloaded_bytes: AtomicU64,
    strains: AtomicU64,
    first_bytes: Mutex<Latency>,
}

impl Traffic {
    /// Requests sent, repeated ones included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests that were sent again.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Bytes of bodies that came over the wire.
    pub fn downloaded_bytes(&self) -> u64 {
        self.downloaded_bytes.load(Ordering::Relaxed)
    }

    /// Signs that the service has more to do than it bears: it said so, an answer timed out, or first bytes of images
    /// come much later than they did.
    pub fn strains(&self) -> u64 {
        self.strains.load(Ordering::Relaxed)
    }

    pub(super) fn count_error(&self, error: &Error) {
        if error.is_strain() {
            self.strains.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_first_byte(&self, after: Duration) {
        let mut first_bytes = self.first_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        if first_bytes.has_risen(after) {
            self.strains.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_bytes(&self, bytes: u64) {
        self.downloaded_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
