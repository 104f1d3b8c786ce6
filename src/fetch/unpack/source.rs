//! The bytes of the ZIP, taken front to back and counted.

use std::io::{self, BufRead, ErrorKind};

use super::UnpackError;

/// Most bytes that can be looked at before they are taken: the longest data descriptor.
pub(super) const LOOKAHEAD: usize = 24;

/// A counted source that can be peeked into even if it delivers one byte at a time.
pub(super) struct Source<R> {
    inner: R,
    offset: u64,
    within: &'static str,
    /// Looked at but not taken: these bytes come before what `inner` gives next.
    ahead: Vec<u8>,
    /// A failure met while looking ahead, told once the bytes before it are taken.
    failed: Option<io::Error>,
}

impl<R: BufRead> Source<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, offset: 0, within: "", ahead: Vec::with_capacity(LOOKAHEAD), failed: None }
    }

    /// Bytes taken so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Names what is read from here on, for the message if the ZIP ends in it.
    pub(super) fn begin(&mut self, within: &'static str) {
        self.within = within;
    }

    /// What has arrived and was not taken yet; empty only where the source ends.
    pub(super) fn fill(&mut self) -> Result<&[u8], UnpackError> {
        if !self.ahead.is_empty() {
            return Ok(&self.ahead);
        }
        match self.failed.take() {
            Some(failure) => Err(UnpackError::Source(failure)),
            None => fill_uninterrupted(&mut self.inner).map_err(UnpackError::Source),
        }
    }

    /// Takes `length` bytes of what [`Self::fill`] or [`Self::peek`] showed.
    pub(super) fn consume(&mut self, length: usize) {
        if self.ahead.is_empty() {
            self.inner.consume(length);
        } else {
            self.ahead.drain(..length);
        }
        self.offset += length as u64;
    }

    /// The next [`LOOKAHEAD`] bytes without taking them; fewer only where the source ends or fails.
    pub(super) fn peek(&mut self) -> &[u8] {
        while self.ahead.len() < LOOKAHEAD && self.failed.is_none() {
            match fill_uninterrupted(&mut self.inner) {
                Ok([]) => break,
                Ok(bytes) => {
                    let length = bytes.len().min(LOOKAHEAD - self.ahead.len());
                    self.ahead.extend_from_slice(&bytes[..length]);
                    self.inner.consume(length);
                }
                Err(failure) => self.failed = Some(failure),
            }
        }
        &self.ahead
    }

    /// Why nothing follows what was taken: the failure of the source or, without one, its end.
    pub(super) fn broken_off(&mut self) -> UnpackError {
        match self.failed.take() {
            Some(failure) => UnpackError::Source(failure),
            None => UnpackError::Cut { offset: self.offset, within: self.within },
        }
    }

    /// Fills all of `into`.
    pub(super) fn read(&mut self, mut into: &mut [u8]) -> Result<(), UnpackError> {
        while !into.is_empty() {
            let bytes = self.fill()?;
            let length = bytes.len().min(into.len());
            if length == 0 {
                return Err(self.broken_off());
            }
            let (now, later) = into.split_at_mut(length);
            now.copy_from_slice(&bytes[..length]);
            self.consume(length);
            into = later;
        }
        Ok(())
    }

    /// The next `length` bytes; the format itself keeps names, extra fields and comments below 64 KiB.
    pub(super) fn bytes(&mut self, length: u16) -> Result<Vec<u8>, UnpackError> {
        let mut bytes = vec![0; length.into()];
        self.read(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, UnpackError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, UnpackError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, UnpackError> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], UnpackError> {
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        Ok(bytes)
    }
}

/// Waits for bytes, also after a signal.
fn fill_uninterrupted<R: BufRead>(inner: &mut R) -> io::Result<&[u8]> {
    loop {
        match inner.fill_buf() {
            Ok([]) => return Ok(&[]),
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // What has arrived is given again without waiting; the borrow checker does not let it out of the loop.
    inner.fill_buf()
}
