//! A service that is down as a whole: the pool pauses, one request probes, and work goes on by itself.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::cycle::Cycle;
use super::judge::chain;
use super::{Error, Event};

impl Cycle {
    /// Asks whether the service answers at all, and waits until it does.
    ///
    /// `true` when it was down; then a failure met meanwhile was not the series' fault. One caller asks at a time,
    /// the others wait for its answer.
    pub(super) async fn wait_out_an_outage(&self) -> Result<bool, Error> {
        let _one_at_a_time = self.probing.lock().await;
        let began = Instant::now();
        let give_up = self.client.retry_options().give_up;
        for failures in 1.. {
            let source = match self.client.probe().await {
                Err(error) if error.is_outage() => error,
                Err(crate::nbia::Error::Stopped) => return Err(Error::Stopped),
                _ => {
                    let was_down = failures > 1;
                    if was_down {
                        self.tell(Event::Recovered).await;
                    }
                    return Ok(was_down);
                }
            };
            let since = began.elapsed();
            if since >= give_up {
                return Err(Error::GaveUp { since, source });
            }
            let reason = chain(&source);
            warn!("the service does not answer: {reason}");
            self.tell(Event::Outage { since, give_up, reason }).await;
            self.pause_before_probe(failures, give_up.saturating_sub(since)).await?;
        }
        Ok(true)
    }

    async fn pause_before_probe(&self, failures: u32, at_most: Duration) -> Result<(), Error> {
        tokio::select! {
            biased;
            () = self.drain.cancelled() => Err(Error::Stopped),
            () = tokio::time::sleep(at_most) => Ok(()),
            waited = self.client.back_off(failures) => Ok(waited?),
        }
    }
}
