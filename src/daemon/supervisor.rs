//! What systemd is told, in the protocol of `sd_notify(3)`; where nobody supervises, nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::Instant;
use tracing::debug;

/// The other end of `NOTIFY_SOCKET`, if there is one.
#[derive(Debug)]
pub(super) struct Supervisor {
    /// How often it must hear of us, if it watches.
    watchdog: Option<Duration>,
    heard: Instant,
    status: String,
}

impl Supervisor {
    pub(super) fn new() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled(), heard: Instant::now(), status: String::new() }
    }

    /// Whatever depends on this process may begin.
    pub(super) fn ready() {
        tell(&[NotifyState::Ready]);
    }

    /// The configuration is about to be read again; [`Self::ready`] ends that.
    pub(super) fn reloading() {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => debug!("no reload is announced: {error}"),
        }
    }

    pub(super) fn stopping() {
        tell(&[NotifyState::Stopping]);
    }

    /// How long it may hear nothing.
    pub(super) fn longest_silence(&self) -> Duration {
        self.watchdog.map_or(Duration::MAX, |watchdog| watchdog / 4)
    }

    /// Tells how things stand, in a line for people, when that has changed; and that we are alive, twice as often as we
    /// must.
    pub(super) fn tell(&mut self, status: &str) {
        if self.status != status {
            status.clone_into(&mut self.status);
            tell(&[NotifyState::Status(status)]);
        }
        if self.watchdog.is_some_and(|watchdog| self.heard.elapsed() >= watchdog / 2) {
            self.heard = Instant::now();
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        debug!("the supervisor was not told: {error}");
    }
}
