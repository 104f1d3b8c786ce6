//! A service that is down as a whole: the pool pauses, one request probes, and work goes on by itself.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::chain;
use super::cycle::Cycle;
use super::remote::Remote;
use super::{Error, Event};

/// How the last outage ended, for those who met it too and waited for the one who probed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum LastOutage {
    /// There was none.
    #[default]
    None,
    /// The service answered again.
    UpAgain(Instant),
    /// It did not answer for as long as is waited.
    GivenUp,
}

impl Remote {
    /// Waits while someone finds out whether the service answers: nothing new is asked of it meanwhile.
    pub(super) async fn until_it_answers(&self) -> Result<(), Error> {
        match *self.last_outage.lock().await {
            LastOutage::GivenUp => Err(Error::Stopped),
            LastOutage::None | LastOutage::UpAgain(_) => Ok(()),
        }
    }
}

impl Cycle {
    /// Asks whether the service answers at all, and waits until it does.
    ///
    /// `true` when it was down; then a failure met meanwhile was not the series' fault. One caller asks at a time,
    /// the others wait for its answer.
    pub(super) async fn wait_out_an_outage(&self, remote: &Remote) -> Result<bool, Error> {
        let met = Instant::now();
        let mut last = remote.last_outage.lock().await;
        match *last {
            LastOutage::UpAgain(at) if at > met => return Ok(true),
            LastOutage::GivenUp => return Err(Error::Stopped),
            LastOutage::None | LastOutage::UpAgain(_) => {}
        }
        let began = Instant::now();
        let give_up = remote.client.retry_options().give_up;
        for failures in 1.. {
            let source = match remote.client.probe().await {
                Err(error) if error.is_outage() => error,
                Err(crate::nbia::Error::Stopped) => return Err(Error::Stopped),
                _ => {
                    let was_down = failures > 1;
                    if was_down {
                        *last = LastOutage::UpAgain(Instant::now());
                        info!("the service answers again after {} s", began.elapsed().as_secs());
                        self.tell(Event::Recovered).await;
                    }
                    return Ok(was_down);
                }
            };
            let since = began.elapsed();
            if since >= give_up {
                *last = LastOutage::GivenUp;
                return Err(Error::GaveUp { since, source });
            }
            let reason = chain(&source);
            warn!("the service does not answer: {reason}");
            self.tell(Event::Outage { since, give_up, reason }).await;
            self.pause_before_probe(remote, failures, give_up.saturating_sub(since)).await?;
        }
        Ok(true)
    }

    async fn pause_before_probe(
        &self,
        remote: &Remote,
        failures: u32,
        at_most: Duration,
    ) -> Result<(), Error> {
        tokio::select! {
            biased;
            () = self.drain.cancelled() => Err(Error::Stopped),
            () = tokio::time::sleep(at_most) => Ok(()),
            waited = remote.client.back_off(failures) => Ok(waited?),
        }
    }
}
