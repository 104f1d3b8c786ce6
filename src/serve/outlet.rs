//! The way from a thread that may block into the body of an answer: bounded, and whole only when it says so.
//!
//! A body whose outlet goes away without [`Outlet::finish`] ends in an error, so that the connection is cut and no
//! client can take a part for the whole.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};

use axum::body::{Body, Bytes};
use futures::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::CancellationToken;

use super::turns::Place;

/// Bytes that are sent at once.
const PIECE: usize = 64 << 10;
/// What is shorter is collected.
const LEAST: usize = PIECE / 4;
/// Pieces that may wait for the client: 256 KiB an answer, and what is behind it waits too.
const WAITING: usize = 4;

const STOPS: &str = "the server stops";
const GONE: &str = "the client has gone away";

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    End,
}

/// Where an answer is written, on a thread that may block.
pub(super) struct Outlet {
    sender: mpsc::Sender<Piece>,
    place: Place,
    runtime: Handle,
    stop: CancellationToken,
    buffer: RefCell<Vec<u8>>,
    is_cut: Cell<bool>,
}

/// Where it comes out.
pub(super) struct Inlet(mpsc::Receiver<Piece>);

/// The beginning of an answer.
pub(super) enum Head {
    /// All of it.
    Whole(Bytes),
    /// Only the beginning.
    Long(Body),
}

/// A way for one answer, which is at work in a place; `stop` cuts it.
pub(super) fn open(place: Place, stop: CancellationToken) -> (Outlet, Inlet) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let buffer = RefCell::new(Vec::with_capacity(PIECE));
    let runtime = Handle::current();
    (Outlet { sender, place, runtime, stop, buffer, is_cut: Cell::new(false) }, Inlet(receiver))
}

impl Outlet {
    /// Ends the answer well.
    pub(super) fn finish(self) -> io::Result<()> {
        if self.is_cut.get() {
            return Err(io::Error::other("the answer was cut"));
        }
        self.send_buffer()?;
        self.send(Piece::End)
    }

    /// Sends bytes as they are, where they are many.
    pub(super) fn give(&self, bytes: Bytes) -> io::Result<()> {
        if bytes.len() < LEAST {
            let mut out = self;
            return out.write_all(&bytes);
        }
        if self.is_cut.get() {
            return Ok(());
        }
        self.send_buffer()?;
        self.send(Piece::Bytes(bytes))
    }

    /// Sends nothing more: whatever is still written is swallowed.
    pub(super) fn cut(&self) {
        self.is_cut.set(true);
        self.buffer.borrow_mut().clear();
    }

    fn send_buffer(&self) -> io::Result<()> {
        let bytes = self.buffer.replace(Vec::with_capacity(PIECE));
        if bytes.is_empty() { Ok(()) } else { self.send(Piece::Bytes(bytes.into())) }
    }

    fn send(&self, piece: Piece) -> io::Result<()> {
        let sent = match self.sender.try_send(piece) {
            _ if self.stop.is_cancelled() => Err(STOPS),
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_piece)) => Err(GONE),
            Err(TrySendError::Full(piece)) => self.runtime.block_on(self.send_later(piece)),
        };
        sent.map_err(|reason| {
            self.cut();
            io::Error::new(io::ErrorKind::BrokenPipe, reason)
        })
    }

    /// Waits for the client, and meanwhile lets others work.
    async fn send_later(&self, piece: Piece) -> Result<(), &'static str> {
        let taken = self.place.wait(self.sender.send(piece));
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(STOPS),
            taken = taken => match taken {
                Ok(sent) => sent.map_err(|_closed| GONE),
                Err(_closed) => Err(STOPS),
            },
        }
    }
}

/// As for files, writing needs no exclusive access, so that whoever owns a writer of this one can still cut it.
impl Write for &Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_cut.get() {
            self.buffer.borrow_mut().extend_from_slice(bytes);
            if self.buffer.borrow().len() >= PIECE {
                self.send_buffer()?;
            }
        }
        Ok(bytes.len())
    }

    /// Does nothing: pieces are sent when they are full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Inlet {
    /// Waits for the beginning of the answer; `None` when it broke off before anything had to be sent.
    pub(super) async fn head(mut self) -> Option<Head> {
        let first = match self.0.recv().await? {
            Piece::End => return Some(Head::Whole(Bytes::new())),
            Piece::Bytes(bytes) => bytes,
        };
        match self.0.recv().await? {
            Piece::End => Some(Head::Whole(first)),
            Piece::Bytes(second) => Some(Head::Long(self.into_body_after([first, second]))),
        }
    }

    fn into_body_after(self, first: [Bytes; 2]) -> Body {
        let rest = stream::unfold(self, |mut inlet| async move {
            match inlet.0.recv().await {
                Some(Piece::Bytes(bytes)) => Some((Ok(bytes), inlet)),
                Some(Piece::End) => None,
                None => Some((Err(io::Error::other("the answer broke off")), inlet)),
            }
        });
        // whoever packs it may ask once more at its end
        Body::from_stream(stream::iter(first.map(Ok)).chain(rest).fuse())
    }
}

impl Head {
    /// A body that does not tell its length.
    pub(super) fn into_stream(self) -> Body {
        match self {
            Self::Whole(bytes) => Body::from_stream(stream::iter([io::Result::Ok(bytes)]).fuse()),
            Self::Long(body) => body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::turns::Turns;
    use super::*;

    async fn opened(stop: CancellationToken) -> (Outlet, Inlet) {
        open(Turns::new(1, 1).place().await.unwrap(), stop)
    }

    async fn read_out(inlet: Inlet) -> Result<Vec<u8>, axum::Error> {
        let head = inlet.head().await.ok_or_else(|| axum::Error::new("nothing came"))?;
        let mut stream = head.into_stream().into_data_stream();
        let mut read = Vec::new();
        while let Some(bytes) = stream.next().await {
            read.extend_from_slice(&bytes?);
        }
        Ok(read)
    }

    fn write(outlet: &Outlet, size: usize) -> io::Result<()> {
        let mut out = outlet;
        out.write_all(&vec![7; size])
    }

    #[tokio::test]
    async fn what_is_written_and_finished_comes_out_whole() {
        for size in [0, 1, PIECE - 1, PIECE, 2 * PIECE, 40 * PIECE + 1] {
            let (outlet, inlet) = opened(CancellationToken::new()).await;

            let writing = tokio::task::spawn_blocking(move || {
                for _ in 0..size / 1000 {
                    write(&outlet, 1000)?;
                }
                write(&outlet, size % 1000)?;
                outlet.finish()
            });

            assert_eq!(read_out(inlet).await.unwrap().len(), size);
            writing.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_not_finished_is_never_whole() {
        for size in [0, 1, PIECE, 3 * PIECE] {
            let (outlet, inlet) = opened(CancellationToken::new()).await;

            let writing = tokio::task::spawn_blocking(move || write(&outlet, size));

            assert!(read_out(inlet).await.is_err(), "{size}");
            writing.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_written_after_a_cut_goes_nowhere() {
        let (outlet, inlet) = opened(CancellationToken::new()).await;

        let writing = tokio::task::spawn_blocking(move || {
            write(&outlet, 10)?;
            outlet.cut();
            write(&outlet, 3 * PIECE)?;
            outlet.finish()
        });

        assert!(read_out(inlet).await.is_err());
        assert!(writing.await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_writer_learns_that_its_reader_is_gone_or_the_server_stops() {
        let stop = CancellationToken::new();
        let endless = |outlet: Outlet| {
            tokio::task::spawn_blocking(move || {
                loop {
                    if let Err(error) = write(&outlet, PIECE) {
                        return error.to_string();
                    }
                }
            })
        };
        let ((gone, inlet), (stopped, waiting)) = (opened(stop.clone()).await, opened(stop.clone()).await);

        let (gone, stopped) = (endless(gone), endless(stopped));
        drop(inlet);
        assert_eq!(gone.await.unwrap(), "the client has gone away");
        stop.cancel();
        assert_eq!(stopped.await.unwrap(), "the server stops");
        drop(waiting);
    }
}
