//! SIGINT and SIGTERM: the first one drains, the second one leaves at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::exit::Exit;

/// The two tokens that signals cancel, and which signal it was.
pub(super) struct Signals {
    /// Nothing new is begun any more.
    pub(super) drain: CancellationToken,
    /// What runs is broken off.
    pub(super) abort: CancellationToken,
    received: Arc<AtomicU8>,
    _listener: JoinSet<()>,
}

impl Signals {
    /// Begins to listen; after `grace` of draining what still runs is broken off.
    pub(super) fn listen(grace: Duration) -> anyhow::Result<Self> {
        let (mut interrupts, mut terminations) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // a file that may not grow is an error of its write then, and not the end of the process
        drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
        let (drain, abort, received) =
            (CancellationToken::new(), CancellationToken::new(), Arc::new(AtomicU8::new(0)));
        let mut listener = JoinSet::new();
        let tokens = (drain.clone(), abort.clone(), Arc::clone(&received));
        listener.spawn(async move {
            let (drain, abort, received) = tokens;
            let mut next = async || {
                tokio::select! {
                    _ = interrupts.recv() => Exit::Interrupted,
                    _ = terminations.recv() => Exit::Terminated,
                }
            };
            let exit = next().await;
            received.store(exit as u8, Ordering::Relaxed);
            if !grace.is_zero() {
                let grace = grace.as_secs();
                warn!("stopping: series under way have {grace} s to end, then they are broken off; a second signal leaves at once");
            }
            drain.cancel();
            tokio::select! {
                exit = next() => leave(exit),
                () = tokio::time::sleep(grace) => abort.cancel(),
            }
            leave(next().await);
        });
        Ok(Self { drain, abort, received, _listener: listener })
    }

    /// Runs work that may be left where it stands; an error is the exit code of the signal that came first.
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Exit> {
        tokio::select! {
            biased;
            () = self.drain.cancelled() => Err(self.received().unwrap_or(Exit::Failed)),
            done = work => Ok(done),
        }
    }

    /// The exit code of the signal that came, if one came.
    pub(super) fn received(&self) -> Option<Exit> {
        let code = self.received.load(Ordering::Relaxed);
        [Exit::Interrupted, Exit::Terminated].into_iter().find(|exit| *exit as u8 == code)
    }
}

#[expect(clippy::exit, reason = "the user asked twice; the record and the tree are right at any instant")]
fn leave(exit: Exit) {
    std::process::exit(exit as i32);
}
