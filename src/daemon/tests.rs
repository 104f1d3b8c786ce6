//! The loop against a clock that is never waited for: each second of these tests takes none.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::*;
use crate::db::Records;
use crate::db::{Db, Outcome};

const HOUR: Duration = Duration::from_hours(1);
/// A Monday at noon.
const BEGINNING: &str = "2024-01-01T12:00:00Z";

thread_local! {
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
    /// By how much the wall clock has been set, seconds.
    static SET: Cell<i64> = const { Cell::new(0) };
}

fn beginning() -> Timestamp {
    BEGINNING.parse().unwrap()
}

fn clock() -> Timestamp {
    let start = START.get().unwrap_or_else(|| {
        START.set(Some(Instant::now()));
        Instant::now()
    });
    let elapsed = SignedDuration::try_from(start.elapsed()).unwrap();
    beginning() + elapsed + SET.get().seconds()
}

/// How one cycle ends, and how long it takes.
struct Act {
    takes: Duration,
    ends: fn(Timestamp) -> Result<Report, Error>,
}

#[expect(clippy::unnecessary_wraps, reason = "other ends are errors")]
fn well(_now: Timestamp) -> Result<Report, Error> {
    Ok(Report::default())
}

fn badly(_now: Timestamp) -> Result<Report, Error> {
    Err(Error::NothingListed)
}

fn at_once(ends: fn(Timestamp) -> Result<Report, Error>) -> Act {
    Act { takes: Duration::ZERO, ends }
}

/// A daemon whose cycles are played, and what it did.
struct Stage {
    _directory: TempDir,
    setup: Option<Setup>,
    /// Each cycle: what it was, and how long after the beginning it began.
    cycles: Rc<RefCell<Vec<(Task, Duration)>>>,
    limits: Rc<RefCell<Vec<Option<u64>>>>,
}

impl Stage {
    /// Acts are played one after the other, the last again and again.
    fn new(options: Options, acts: Vec<Act>) -> Self {
        START.set(None);
        SET.set(0);
        clock();
        let directory = tempfile::tempdir().unwrap();
        let record = directory.path().join("state.sqlite");
        drop(Db::open(&record).unwrap());
        let (cycles, limits) = (Rc::default(), Rc::default());
        let work = play(acts, Rc::clone(&cycles), Rc::clone(&limits));
        let setup = Setup {
            root: directory.path().to_owned(),
            records: Records::Whole(record),
            orders: Orders { options, hooks: Hooks::default(), work },
            reload: Box::new(|| Err("nobody asks for that here".to_owned())),
            hangups: signal(SignalKind::hangup()).unwrap(),
            stop: CancellationToken::new(),
            server: None,
            clock,
            random: fastrand::Rng::with_seed(7),
        };
        Self { _directory: directory, setup: Some(setup), cycles, limits }
    }

    /// Lets it work for so long; gives what it has begun so far.
    async fn run_for(&mut self, time: Duration) -> Vec<(Task, Duration)> {
        let setup = self.setup.take().unwrap();
        let stop = setup.stop.clone();
        let end = async {
            sleep(time).await;
            stop.cancel();
        };
        let (ended, ()) = tokio::join!(run(setup), end);
        ended.unwrap();
        self.cycles.take()
    }
}

fn play(
    acts: Vec<Act>,
    cycles: Rc<RefCell<Vec<(Task, Duration)>>>,
    limits: Rc<RefCell<Vec<Option<u64>>>>,
) -> Work {
    let acts = RefCell::new(VecDeque::from(acts));
    Box::new(move |assignment: Assignment| {
        let began = Duration::try_from(clock().duration_since(beginning())).unwrap();
        cycles.borrow_mut().push((assignment.task, began));
        limits.borrow_mut().push(*assignment.bandwidth.borrow());
        let mut acts = acts.borrow_mut();
        let Act { takes, ends } =
            if acts.len() > 1 { acts.pop_front().unwrap() } else { Act { ..*acts.front().unwrap() } };
        Box::pin(async move {
            tokio::select! {
                () = assignment.drain.cancelled() => Err(Error::Stopped),
                () = sleep(takes) => ends(clock()),
            }
        })
    })
}

fn every(interval: Duration) -> Options {
    let (time_zone, jitter, full_every) = (TimeZone::UTC, Duration::ZERO, 7 * 24 * HOUR);
    let when = When::Every(interval);
    Options {
        schedule: Schedule { when, time_zone, jitter, full_every, quiet_hours: Vec::new() },
        bandwidth: Vec::new(),
        retry_base: Duration::from_mins(1),
        retry_cap: HOUR,
    }
}

/// Tasks, and the whole minutes after the beginning at which they began.
fn in_minutes(cycles: &[(Task, Duration)]) -> Vec<(Task, u64)> {
    cycles.iter().map(|(task, began)| (*task, began.as_secs() / 60)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_cycle_begins_at_once_and_is_full_and_the_others_follow_the_schedule() {
    let mut options = every(HOUR);
    options.schedule.full_every = 7 * HOUR;
    let mut stage = Stage::new(options, vec![at_once(well)]);

    let cycles = stage.run_for(HOUR * 17 / 2).await;

    let mut expected = [Task::Sync; 9];
    (expected[0], expected[7]) = (Task::Full, Task::Full);
    let expected: Vec<_> = (0..).map(|hour| hour * 60).zip(expected).map(|(at, task)| (task, at)).collect();
    assert_eq!(in_minutes(&cycles), expected);
}

#[tokio::test(start_paused = true)]
async fn cycles_never_overlap_and_one_that_takes_too_long_is_followed_at_once() {
    let slow = Act { takes: HOUR * 5 / 2, ends: well };
    let mut stage = Stage::new(every(HOUR), vec![slow]);

    let cycles = stage.run_for(6 * HOUR).await;

    let began = in_minutes(&cycles);
    assert_eq!(began, [(Task::Full, 0), (Task::Sync, 150), (Task::Sync, 300)]);
}

#[tokio::test(start_paused = true)]
async fn a_cycle_that_could_not_go_on_is_tried_again_ever_later_until_it_can() {
    let acts = (0..8).map(|_| at_once(badly)).chain([at_once(well)]).collect();
    let mut stage = Stage::new(every(24 * HOUR), acts);

    let cycles = stage.run_for(30 * HOUR).await;

    let began = in_minutes(&cycles);
    let minutes: Vec<_> = began.iter().map(|(_, minute)| *minute).collect();
    // 1, 2, 4, 8, 16, 32, then an hour at the most; from the one that went well a day
    assert_eq!(minutes, [0, 1, 3, 7, 15, 31, 63, 123, 183, 183 + 1440]);
    assert!(began[..9].iter().all(|(task, _)| *task == Task::Full), "it stays what it was: {began:?}");
    assert_eq!(began[9].0, Task::Sync);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_listed_is_asked_for_again_and_what_is_not_listed_is_not() {
    let unwalked = |_| Ok(Report { unwalked: vec!["collection `A`: 500".to_owned()], ..Report::default() });
    let unlisted = |_| Ok(Report { unlisted: vec!["collection `B`".to_owned()], ..Report::default() });
    let mut stage = Stage::new(every(24 * HOUR), vec![at_once(unwalked), at_once(unlisted)]);

    let cycles = stage.run_for(20 * HOUR).await;

    assert_eq!(in_minutes(&cycles), [(Task::Full, 0), (Task::Full, 1)]);
}

#[tokio::test(start_paused = true)]
async fn series_that_were_put_off_get_a_cycle_of_their_own() {
    let put_off = |now: Timestamp| {
        let next_due = Some((now + 3.hours()).as_second());
        Ok(Report { left: 1, next_due, ..Report::default() })
    };
    let limited =
        |now: Timestamp| Ok(Report { left: 1, next_due: Some(now.as_second()), ..Report::default() });
    let mut stage = Stage::new(every(24 * HOUR), vec![at_once(put_off), at_once(limited)]);

    let cycles = stage.run_for(25 * HOUR).await;

    // what was left for another reason than a pause waits for the schedule
    assert_eq!(in_minutes(&cycles), [(Task::Full, 0), (Task::Resume, 180), (Task::Sync, 1440)]);
}

#[tokio::test(start_paused = true)]
async fn a_root_that_another_command_holds_is_waited_for_and_is_no_failure() {
    let locked = |_| Err(Error::locked("/srv/tcia/.tcia-mirror/lock"));
    let acts = vec![at_once(locked), at_once(locked), at_once(locked), at_once(well)];
    let mut stage = Stage::new(every(24 * HOUR), acts);

    let cycles = stage.run_for(HOUR).await;

    assert_eq!(in_minutes(&cycles), [(Task::Full, 0), (Task::Full, 1), (Task::Full, 3), (Task::Full, 7)]);
}

#[tokio::test(start_paused = true)]
async fn quiet_hours_hold_back_what_is_due_and_pause_what_is_under_way() {
    let mut options = every(24 * HOUR);
    options.schedule.quiet_hours = vec!["11:00-12:30".parse().unwrap(), "13:00-14:00".parse().unwrap()];
    let mut stage = Stage::new(options, vec![Act { takes: HOUR, ends: well }]);

    let cycles = stage.run_for(4 * HOUR).await;

    // it is noon: quiet until 12:30, again from 13:00, and the same goes on at 14:00
    assert_eq!(in_minutes(&cycles), [(Task::Full, 30), (Task::Full, 120)]);
}

#[tokio::test(start_paused = true)]
async fn the_bandwidth_is_that_of_the_time_of_day() {
    let mut options = every(6 * HOUR);
    options.bandwidth = vec![("10:00-16:00".parse().unwrap(), 5), ("16:00-20:00".parse().unwrap(), 7)];
    let mut stage = Stage::new(options, vec![at_once(well)]);

    stage.run_for(13 * HOUR).await;

    assert_eq!(stage.limits.take(), [Some(5), Some(7), None]);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_has_its_cycle_a_moment_after_it_wakes() {
    let mut stage = Stage::new(every(24 * HOUR), vec![at_once(well)]);
    let cycles = Rc::clone(&stage.cycles);
    let sleeping = async {
        sleep(HOUR).await;
        SET.set(9 * 86_400);
        sleep(LOOK + LOOK_AT_WORK).await;
        cycles.borrow().len()
    };

    let (all, after_waking) = tokio::join!(stage.run_for(2 * HOUR), sleeping);

    assert_eq!((after_waking, all.len()), (2, 2), "once, however many were missed");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_nothing_wait_for_the_time_it_has_shown() {
    let mut stage = Stage::new(every(24 * HOUR), vec![at_once(well)]);
    let setting = async {
        SET.set(40 * 86_400);
        sleep(HOUR).await;
        SET.set(0);
    };

    let (cycles, ()) = tokio::join!(stage.run_for(26 * HOUR), setting);

    let hours: Vec<_> = cycles.iter().map(|(_, began)| began.as_secs() / 3600).collect();
    assert_eq!(hours, [0, 40 * 24, 25]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_told_to_stop_lets_its_cycle_drain_and_begins_nothing() {
    let mut stage = Stage::new(every(HOUR), vec![Act { takes: 100 * HOUR, ends: well }]);

    let cycles = stage.run_for(3 * HOUR).await;

    assert_eq!(cycles.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_lasts_is_told_of_once_a_day_and_its_end_as_well() {
    let stage = Stage::new(every(24 * HOUR), vec![at_once(well)]);
    let mut daemon = Daemon::new(stage.setup.unwrap(), LastCycles::default());
    let failure = Some(Occasion::Failure);
    let mut told = Vec::new();

    let (done, parked, failed) = (Outcome::Done, Outcome::Parked, Outcome::Failed);
    let changed = Some(Occasion::Changed);
    for (wait, occasion, outcome) in [
        (0, None, done),
        (0, changed, done),
        (1, failure, failed),
        (1, failure, failed),
        (22, failure, failed),
        (1, failure, failed),
        (1, None, parked),
        (1, changed, parked),
        (1, None, done),
        (1, None, done),
        (1, failure, parked),
        (1, changed, done),
    ] {
        SET.set(SET.get() + wait * 3600);
        told.push(daemon.occasions(occasion, outcome));
    }

    let (failure, changed, recovered) = (Occasion::Failure, Occasion::Changed, Occasion::Recovered);
    let expected: [&[Occasion]; 12] = [
        &[],
        &[changed],
        &[failure],
        &[],
        &[],
        &[failure],
        &[],
        &[changed],
        &[recovered],
        &[],
        &[failure],
        &[recovered, changed],
    ];
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn a_cycle_that_ends_whole_in_quiet_hours_is_not_repeated() {
    let mut options = every(24 * HOUR);
    options.schedule.quiet_hours = vec!["12:30-14:00".parse().unwrap()];
    let mut stage = Stage::new(options, Vec::new());
    let cycles = Rc::clone(&stage.cycles);
    // it does not mind the pause: its last series has begun
    stage.setup.as_mut().unwrap().orders.work = Box::new(move |assignment| {
        cycles.borrow_mut().push((assignment.task, Duration::ZERO));
        Box::pin(async {
            sleep(HOUR).await;
            well(clock())
        })
    });

    let cycles = stage.run_for(6 * HOUR).await;

    assert_eq!(cycles.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_quiet_hours_hold_back_is_not_overdue() {
    for (quiet, is_overdue) in [("00:00-24:00", false), ("02:00-03:00", true)] {
        let mut options = every(HOUR);
        options.schedule.quiet_hours = vec![quiet.parse().unwrap()];
        let stage = Stage::new(options, vec![at_once(well)]);
        let mut daemon = Daemon::new(stage.setup.unwrap(), LastCycles::default());

        SET.set(5 * 3600);
        daemon.look_at(None);

        assert_eq!(daemon.complaint(None).is_some(), is_overdue, "{quiet}");
    }
}
