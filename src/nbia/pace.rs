//! How fast we ask: request rates, bandwidth, and the pause that the service asks of everybody.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota};
use tokio::time::Instant;

/// So many in so long; an amount of zero means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub amount: u32,
    /// In which time.
    pub per: Duration,
}

impl Rate {
    /// So many a second.
    pub const fn per_second(amount: u32) -> Self {
        Self { amount, per: Duration::from_secs(1) }
    }

    fn limiter(self) -> Option<DefaultDirectRateLimiter> {
        let seconds = u32::try_from(self.per.as_secs()).unwrap_or(u32::MAX).max(1);
        let burst = NonZeroU32::new(self.amount.div_ceil(seconds))?;
        let quota = Quota::with_period(self.per / self.amount)?.allow_burst(burst);
        Some(DefaultDirectRateLimiter::direct(quota))
    }
}

/// Which of the two request rates counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    /// Lists.
    Query,
    /// ZIPs and single images.
    Image,
}

/// The brakes of one client; every request passes here.
pub(super) struct Pace {
    queries: Option<DefaultDirectRateLimiter>,
    images: Option<DefaultDirectRateLimiter>,
    bytes: Mutex<Bandwidth>,
    quiet_until: Mutex<Option<Instant>>,
}

/// Bytes a second, which is also the most that passes at once; `None` for no limit.
type Bandwidth = Option<(Arc<DefaultDirectRateLimiter>, NonZeroU32)>;

/// `bandwidth` in bytes a second, zero for none.
fn limited_to(bandwidth: u64) -> Bandwidth {
    let rate = NonZeroU32::new(u32::try_from(bandwidth).unwrap_or(u32::MAX))?;
    Some((Arc::new(DefaultDirectRateLimiter::direct(Quota::per_second(rate))), rate))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pace {
    /// `bandwidth` in bytes a second, zero for none.
    pub(super) fn new(queries: Rate, images: Rate, bandwidth: u64) -> Self {
        Self {
            queries: queries.limiter(),
            images: images.limiter(),
            bytes: Mutex::new(limited_to(bandwidth)),
            quiet_until: Mutex::new(None),
        }
    }

    /// Waits until the next request may go out.
    pub(super) async fn ready(&self, lane: Lane) {
        let limiter = match lane {
            Lane::Query => &self.queries,
            Lane::Image => &self.images,
        };
        if let Some(limiter) = limiter {
            limiter.until_ready().await;
        }
        // last, so that what already stood in line is held back as well
        while let Some(until) = self.quiet_until().filter(|until| *until > Instant::now()) {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Waits until so many more bytes fit under the bandwidth.
    pub(super) async fn bytes(&self, mut received: usize) {
        let Some((limiter, burst)) = lock(&self.bytes).clone() else { return };
        while let Some(part) = u32::try_from(received).ok().and_then(NonZeroU32::new).map(|n| n.min(burst)) {
            if limiter.until_n_ready(part).await.is_err() {
                return; // cannot happen: no part is larger than the burst
            }
            received -= part.get() as usize;
        }
    }

    /// Lets so many bytes a second pass from now on, zero for no limit.
    pub(super) fn limit_bytes(&self, bandwidth: u64) {
        *lock(&self.bytes) = limited_to(bandwidth);
    }

    /// Holds every request back for a while.
    pub(super) fn slow_down(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut quiet_until = lock(&self.quiet_until);
        *quiet_until = Some(quiet_until.map_or(until, |already| already.max(until)));
    }

    fn quiet_until(&self) -> Option<Instant> {
        *lock(&self.quiet_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_slow_down_holds_every_lane() {
        let pace = Pace::new(Rate::per_second(0), Rate::per_second(0), 0);
        let began = Instant::now();

        pace.slow_down(Duration::from_secs(30));
        pace.slow_down(Duration::from_secs(5));
        pace.ready(Lane::Image).await;
        pace.ready(Lane::Query).await;

        assert!(began.elapsed() >= Duration::from_secs(30));
    }

    #[tokio::test]
    async fn a_bandwidth_may_change_and_zero_is_none() {
        let pace = Pace::new(Rate::per_second(0), Rate::per_second(0), 1);
        let is_held =
            async |bytes| tokio::time::timeout(Duration::from_millis(20), pace.bytes(bytes)).await.is_err();

        pace.bytes(1).await;
        let (narrow, wide) = (is_held(1).await, {
            pace.limit_bytes(0);
            is_held(1 << 40).await
        });
        pace.limit_bytes(1);
        pace.bytes(1).await;

        assert_eq!((narrow, wide, is_held(1).await), (true, false, true));
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        assert!(Rate::per_second(0).limiter().is_none());
        assert!(Rate { amount: 1, per: Duration::from_mins(1) }.limiter().is_some());
    }
}
