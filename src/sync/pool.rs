//! The worker pool: claims, until there is nothing left or it is told to stop; and the heartbeat beside it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::concurrency::{Concurrency, STEP, Seen};
use super::cycle::Cycle;
use super::{DiskOptions, Error, Order};
use crate::mirror::Space;
use crate::nbia::Traffic;

/// How long a worker without a job waits at the most before it looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often the process tells that it is alive.
const BEAT: Duration = Duration::from_secs(2);
/// Over how many beats the rate is smoothed.
const SMOOTHED_OVER: u64 = 5;

impl Cycle {
    /// Works until no job of the run is left, or until it is told to stop; gives the first error that stopped it.
    pub(super) async fn drain_queue(self: &Arc<Self>, run_id: i64) -> Result<(), Error> {
        let mut concurrency = Concurrency::new(self.options.parallel);
        self.allowed.send_replace(concurrency.allowed());
        let over = self.halt.child_token();
        let mut workers = JoinSet::new();
        for number in 0..self.options.parallel.most {
            let (cycle, over) = (Arc::clone(self), over.clone());
            workers.spawn(async move {
                let outcome = cycle.worker(number, run_id, &over).await;
                // nothing is left that would be worth waiting for
                over.cancel();
                outcome
            });
        }
        let outcome = tokio::select! {
            outcome = first_error(&mut workers, &self.halt) => outcome,
            never = self.steer(&mut concurrency) => match never {},
        };
        self.allowed.send_replace(0);
        outcome
    }

    /// Lets more series be under way while the service bears it, and fewer when it does not; has no end of its own.
    async fn steer(&self, concurrency: &mut Concurrency) -> Infallible {
        let mut steps = interval_at(Instant::now() + STEP, STEP);
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            steps.tick().await;
            let before = concurrency.allowed();
            concurrency.step(Seen {
                strains: self.traffic(Traffic::strains),
                arrived: self.progress.arrived(),
                running: self.progress.running().len(),
            });
            let allowed = concurrency.allowed();
            if allowed < before {
                info!("the service has too much to do: {allowed} series at a time instead of {before}");
            }
            self.allowed.send_replace(allowed);
        }
    }

    /// Tells beside some work, and until it ends, that this process is alive, and lets it begin nothing more where the
    /// disk is full.
    pub(super) async fn beside_heartbeat<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let over = CancellationToken::new();
        let work = async {
            let done = work.await;
            over.cancel();
            done
        };
        let (done, beat) = tokio::join!(work, self.heartbeat(&over));
        match (done, beat) {
            (Ok(_) | Err(Error::Stopped), Err(error)) => Err(error),
            (done, _) => done,
        }
    }

    async fn worker(
        self: &Arc<Self>,
        number: usize,
        run_id: i64,
        over: &CancellationToken,
    ) -> Result<(), Error> {
        let order = self.order_of(number);
        while !self.halt.is_cancelled() && self.may_begin(number, over).await {
            if self.has_reached_max_bytes() {
                info!("stopping at the limit of bytes; what is left stays queued");
                break;
            }
            self.guard_disk()?;
            match self.db.claim(run_id, order, self.now()).await? {
                Some(job) => {
                    let outcome = self.work_on(job).await;
                    self.job_ended.notify_waiters();
                    outcome?;
                }
                None if !self.wait_for_a_job(run_id).await? => break,
                None => {}
            }
        }
        Ok(())
    }

    /// Waits until so many series may be under way that this worker may begin one; `false` when none is left for it.
    async fn may_begin(&self, number: usize, over: &CancellationToken) -> bool {
        let mut allowed = self.allowed.subscribe();
        tokio::select! {
            biased;
            allowed = allowed.wait_for(|allowed| *allowed > number) => allowed.is_ok(),
            () = over.cancelled() => false,
        }
    }

    /// Of several workers the second begins at the other end, so that neither small series nor large ones wait until all
    /// of the other kind are done.
    fn order_of(&self, number: usize) -> Order {
        let order = self.options.order;
        if number == 1 { order.other_end() } else { order }
    }

    /// Waits a moment while jobs of the run are queued for later or under way; `false` when none is left that is worth
    /// waiting for.
    async fn wait_for_a_job(&self, run_id: i64) -> Result<bool, Error> {
        let ended = self.job_ended.notified();
        let longest = i64::try_from(self.options.jobs.cap.as_secs()).unwrap_or(i64::MAX);
        let due = self.db.next_due(run_id, self.now().saturating_add(longest)).await?;
        let until_due = due.map(|due| Duration::from_secs((due - self.now()).max(0).unsigned_abs()));
        let patience = self.options.jobs.steady.map_or(Duration::MAX, |steady| steady.patience);
        if until_due.is_none_or(|until_due| until_due > patience) && self.progress.running().is_empty() {
            return Ok(false);
        }
        let until_due = until_due.unwrap_or(LOOK_AGAIN);
        tokio::select! {
            () = self.halt.cancelled() => {}
            () = ended => {}
            () = tokio::time::sleep(until_due.min(LOOK_AGAIN)) => {}
        }
        Ok(true)
    }

    fn has_reached_max_bytes(&self) -> bool {
        self.options.max_bytes.is_some_and(|most| self.traffic(Traffic::downloaded_bytes) >= most)
    }

    /// An error when less is free than must stay free.
    pub(super) fn guard_disk(&self) -> Result<(), Error> {
        disk_guard(self.root.space().map_err(Error::Disk)?, &self.options.disk)
    }

    async fn heartbeat(&self, over: &CancellationToken) -> Result<(), Error> {
        let mut ticks = interval(BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut before, mut rate) = (self.progress.arrived(), 0);
        loop {
            tokio::select! {
                () = over.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            let arrived = self.progress.arrived();
            let of_late = arrived.saturating_sub(before) / BEAT.as_secs();
            rate = if rate > 0 { (rate * (SMOOTHED_OVER - 1) + of_late) / SMOOTHED_OVER } else { of_late };
            before = arrived;
            let parallel = *self.allowed.borrow() as u64;
            self.db.beat(rate, parallel, self.now()).await?;
            if let Err(error) = self.guard_disk() {
                self.halt.cancel();
                return Err(error);
            }
        }
    }
}

/// Waits for every task; the first error tells the others to begin nothing more. An error that says why comes before one
/// that only says that work was stopped.
async fn first_error(tasks: &mut JoinSet<Result<(), Error>>, halt: &CancellationToken) -> Result<(), Error> {
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.map_err(Error::Task).flatten();
        if ended.is_err() {
            halt.cancel();
        }
        outcome = match (outcome, ended) {
            // one that stopped because of another's error may end before it
            (Err(Error::Stopped), Err(error)) => Err(error),
            (outcome, ended) => outcome.and(ended),
        };
    }
    outcome
}

/// Refuses a disk on which less is free than is configured.
pub fn disk_guard(space: Space, least: &DiskOptions) -> Result<(), Error> {
    if space.free_bytes < least.min_free {
        return Err(Error::DiskGuard { free: space.free_bytes, least: least.min_free, unit: "bytes" });
    }
    if space.free_inodes < least.min_free_inodes {
        return Err(Error::DiskGuard {
            free: space.free_inodes,
            least: least.min_free_inodes,
            unit: "inodes",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_error_that_says_why_is_told_whichever_comes_first() {
        for order in [[true, false], [false, true]] {
            let mut tasks = JoinSet::new();
            let first = CancellationToken::new();
            for (says_why, is_first) in order.into_iter().zip([true, false]) {
                let first = first.clone();
                tasks.spawn(async move {
                    if is_first {
                        first.cancel();
                    } else {
                        first.cancelled().await;
                    }
                    Err(if says_why { Error::NothingListed } else { Error::Stopped })
                });
            }

            let outcome = first_error(&mut tasks, &CancellationToken::new()).await;

            assert!(matches!(outcome, Err(Error::NothingListed)), "{order:?}: {outcome:?}");
        }
    }

    #[test]
    fn the_guard_speaks_before_the_disk_is_full() {
        let least = DiskOptions { min_free: 100, min_free_inodes: 10 };
        let space = |free_bytes, free_inodes| Space { free_bytes, free_inodes };
        assert!(disk_guard(space(100, 10), &least).is_ok());
        assert!(disk_guard(space(100, u64::MAX), &least).is_ok());
        assert!(disk_guard(space(100, 0), &least).is_err());
        assert!(matches!(disk_guard(space(99, 10), &least), Err(Error::DiskGuard { unit: "bytes", .. })));
        assert!(matches!(disk_guard(space(100, 9), &least), Err(Error::DiskGuard { unit: "inodes", .. })));
    }
}
