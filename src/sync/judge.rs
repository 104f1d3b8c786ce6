//! What becomes of a series that failed: a pure function.

use std::time::Duration;

use super::JobOptions;
use crate::mirror::StagingError;
use crate::{fetch, nbia};

/// What a failure is, as far as it matters for what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The user asked to stop.
    Stopped,
    /// Our disk, our record.
    Local,
    /// The service refuses us, whatever we ask for: a key, a redirect.
    Refused,
    /// The service as a whole was found not to answer.
    Outage,
    /// May pass.
    Transient,
    /// Will not pass by itself.
    Lasting,
}

/// What becomes of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Back to the queue, not before the pause has passed.
    Retry(Duration),
    /// Back to the queue as if nothing had happened.
    Requeue,
    /// Given up until someone asks again.
    Park,
    /// Back to the queue, and nothing more is begun.
    Halt,
}

/// | cause     | tries left | verdict                                   |
/// |-----------|------------|-------------------------------------------|
/// | stopped   | –          | requeue: it was not the series' fault     |
/// | local     | –          | halt: every other series would fail too   |
/// | refused   | –          | halt: every other series would fail too   |
/// | outage    | –          | requeue: a service that is down costs none |
/// | transient | yes        | retry after a pause                       |
/// | transient | no         | park; where cycles follow each other, only when it has failed for long enough as well |
/// | lasting   | –          | park                                      |
///
/// `failures` counts this one, `failing_for` is the time since the first; `draw` gives the pause for so many failures.
pub(super) fn judge(
    cause: Cause,
    failures: u32,
    failing_for: Duration,
    jobs: &JobOptions,
    draw: impl FnOnce(u32) -> Duration,
) -> Verdict {
    let has_tries_left = failures < jobs.attempts;
    let is_young = jobs.steady.is_some_and(|steady| failing_for < steady.park_after);
    match cause {
        Cause::Stopped | Cause::Outage => Verdict::Requeue,
        Cause::Local | Cause::Refused => Verdict::Halt,
        Cause::Transient if has_tries_left || is_young => Verdict::Retry(draw(failures)),
        Cause::Transient | Cause::Lasting => Verdict::Park,
    }
}

/// What kind of failure one attempt met; whether the service is down as a whole is not decided here.
pub(super) fn cause_of(error: &fetch::Error) -> Cause {
    match error {
        fetch::Error::Remote(nbia::Error::Stopped) => Cause::Stopped,
        fetch::Error::Remote(error) if error.is_transient() => Cause::Transient,
        fetch::Error::Remote(error) if error.refuses_everything() => Cause::Refused,
        fetch::Error::Staging(StagingError::Write { .. }) | fetch::Error::Thread { .. } => Cause::Local,
        fetch::Error::Remote(_) => Cause::Lasting,
        error if error.is_over_limit() => Cause::Lasting,
        _ => Cause::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Steady;
    use super::*;
    use crate::mirror::VerifyError;

    #[test]
    fn every_row_of_the_table_holds() {
        let jobs = JobOptions { attempts: 3, ..JobOptions::default() };
        let minute = Duration::from_mins(1);
        let cases = [
            (Cause::Stopped, 9, Verdict::Requeue),
            (Cause::Outage, 9, Verdict::Requeue),
            (Cause::Local, 1, Verdict::Halt),
            (Cause::Refused, 1, Verdict::Halt),
            (Cause::Lasting, 1, Verdict::Park),
            (Cause::Transient, 1, Verdict::Retry(minute)),
            (Cause::Transient, 2, Verdict::Retry(2 * minute)),
            (Cause::Transient, 3, Verdict::Park),
        ];
        for (cause, failures, expected) in cases {
            let verdict = judge(cause, failures, Duration::ZERO, &jobs, |n| n * minute);
            assert_eq!(verdict, expected, "{cause:?} {failures}");
        }
    }

    #[test]
    fn where_cycles_follow_each_other_a_series_is_parked_by_age_as_well() {
        let (minute, day) = (Duration::from_mins(1), Duration::from_hours(24));
        let steady = Steady { park_after: 3 * day, patience: minute };
        let jobs = JobOptions { attempts: 3, steady: Some(steady), ..JobOptions::default() };
        let cases = [
            (Cause::Transient, 2, 9 * day, Verdict::Retry(2 * minute)),
            (Cause::Transient, 3, 3 * day / 2, Verdict::Retry(3 * minute)),
            (Cause::Transient, 3, 3 * day, Verdict::Park),
            (Cause::Lasting, 1, Duration::ZERO, Verdict::Park),
        ];
        for (cause, failures, failing_for, expected) in cases {
            let verdict = judge(cause, failures, failing_for, &jobs, |n| n * minute);
            assert_eq!(verdict, expected, "{cause:?} {failures} {failing_for:?}");
        }
    }

    #[test]
    fn a_short_series_may_pass_and_a_conflict_does_not() {
        let short = fetch::Error::Verify(VerifyError::InstanceCount { expected: 2, found: 1 });
        assert_eq!(cause_of(&short), Cause::Transient);
        let limit = fetch::Error::TooLarge { entry: "an instance", limit: 1 };
        assert_eq!(cause_of(&limit), Cause::Lasting);
        assert_eq!(cause_of(&fetch::Error::Remote(nbia::Error::Stopped)), Cause::Stopped);
    }
}
