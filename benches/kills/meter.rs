//! What has gone out to the program, and what was on its way when the program died.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of DICOM, unpacked.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counts {
    /// Sent: those of single images as they are, those of a ZIP by their share of the ZIP.
    pub(crate) sent: u64,
    /// Of instances that had begun and not ended when their connection broke, whole.
    pub(crate) in_flight: u64,
    /// What had been sent of those.
    pub(crate) broken_off: u64,
}

/// Counts that can be waited for.
#[derive(Default)]
pub(crate) struct Meter {
    counts: Mutex<Counts>,
    moved: Condvar,
}

impl Meter {
    pub(crate) fn counts(&self) -> Counts {
        *self.lock()
    }

    pub(crate) fn add_sent(&self, bytes: u64) {
        self.lock().sent += bytes;
        self.moved.notify_all();
    }

    /// Of an instance of so many bytes so many had been sent.
    pub(crate) fn break_off(&self, whole: u64, sent: u64) {
        let mut counts = self.lock();
        counts.in_flight += whole;
        counts.broken_off += sent;
    }

    /// Waits until so much was sent in all, for so long at the most; tells whether it was.
    pub(crate) fn wait_for(&self, sent: u64, longest: Duration) -> bool {
        let waited = self.moved.wait_timeout_while(self.lock(), longest, |counts| counts.sent < sent);
        waited.unwrap_or_else(PoisonError::into_inner).0.sent >= sent
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
