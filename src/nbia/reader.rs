//! A response body for a thread that may block, read ahead so that neither side waits for each piece of the other.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::pin::pin;

use bytes::{Buf, Bytes};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::body::Body;
use super::error::Error;

/// Bytes that are read ahead before they are handed over; as many more may lie with the reader and between the two.
const AHEAD_BYTES: usize = 512 << 10;

/// Pieces that came one after the other, and the end of the body if it came after them.
#[derive(Default)]
struct Batch {
    pieces: VecDeque<Bytes>,
    bytes: usize,
    end: Option<Result<(), Error>>,
}

/// A [`Body`] as `std::io` reads it. A failure of the body is an [`io::Error`] that holds the [`Error`].
pub struct BodyReader {
    batches: Receiver<Batch>,
    batch: Batch,
    /// The piece being read.
    piece: Bytes,
}

impl Body {
    /// The body for a thread that may block; a task of `runtime` reads it ahead.
    pub fn into_reader(self, runtime: &Handle) -> BodyReader {
        let (sender, batches) = channel(1);
        runtime.spawn(read_ahead(self, sender));
        BodyReader { batches, batch: Batch::default(), piece: Bytes::new() }
    }
}

/// Reads the body to its end, or until nobody reads it any more.
async fn read_ahead(mut body: Body, batches: Sender<Batch>) {
    let mut batch = Batch::default();
    while batch.end.is_none() {
        let Some(arrived) = next(&mut body, &mut batch, &batches).await else { return };
        match arrived {
            Ok(Some(bytes)) => batch.push(bytes),
            Ok(None) => batch.end = Some(Ok(())),
            Err(failure) => batch.end = Some(Err(failure)),
        }
    }
    // a reader that is gone wants nothing more
    drop(batches.send(batch).await);
}

/// Waits for the next piece, and meanwhile hands over the batch as soon as it is wanted; none if nobody reads.
///
/// The busier the reader, the larger the batch; a full one is handed over before more is read.
async fn next(
    body: &mut Body,
    batch: &mut Batch,
    batches: &Sender<Batch>,
) -> Option<Result<Option<Bytes>, Error>> {
    let mut piece = pin!(body.chunk());
    loop {
        tokio::select! {
            biased;
            room = batches.reserve(), if batch.bytes > 0 => room.ok()?.send(std::mem::take(batch)),
            arrived = &mut piece, if batch.bytes < AHEAD_BYTES => return Some(arrived),
            () = batches.closed() => return None,
        }
    }
}

impl Batch {
    fn push(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.pieces.push_back(bytes);
    }
}

impl BodyReader {
    /// The next piece; empty at the end of the body. After a failure it gives only [`Error::Stopped`].
    fn next_piece(&mut self) -> Result<Bytes, Error> {
        loop {
            if let Some(piece) = self.batch.pieces.pop_front() {
                return Ok(piece);
            }
            match self.batch.end.take() {
                // the task sends an end, unless it was ended with its runtime
                None => self.batch = self.batches.blocking_recv().ok_or(Error::Stopped)?,
                Some(Err(failure)) => return Err(failure),
                Some(Ok(())) => {
                    self.batch.end = Some(Ok(()));
                    return Ok(Bytes::new());
                }
            }
        }
    }
}

impl BufRead for BodyReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.is_empty() {
            self.piece = self.next_piece().map_err(io::Error::other)?;
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, amount: usize) {
        self.piece.advance(amount);
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let amount = available.len().min(buffer.len());
        buffer[..amount].copy_from_slice(&available[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}
