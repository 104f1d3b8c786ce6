//! `sync` on a schedule, for months: one cycle at a time, whatever becomes of the one before.
//!
//! Owns when a cycle begins, pauses and is tried again, and what a supervisor and the lab's hooks are told. What a cycle
//! does is given to it ([`Work`]), and so is the way to read the configuration again.

mod schedule;
mod supervisor;
#[cfg(test)]
mod tests;
mod week;

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use schedule::{Schedule, When};
pub use week::{Window, time_of_day};

use crate::db::{LastCycles, Outcome, Reader, Records};
use crate::serve::{self, ServedMirror};
use crate::sync::{Error, Hooks, News, Occasion, Report, chain};
use schedule::after;
use supervisor::Supervisor;

/// How often the clock is looked at: a machine that slept has its cycle a moment after it wakes.
const LOOK: Duration = Duration::from_secs(10);
/// The same while a cycle is under way.
const LOOK_AT_WORK: Duration = Duration::from_secs(1);
/// A clock that goes back by less was corrected, by more it was set.
const SET_BACK: Duration = Duration::from_mins(1);
/// How often one failure that lasts is told of.
const TELL_AGAIN: Duration = Duration::from_hours(24);

/// How the daemon works.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// When cycles begin and pause.
    pub schedule: Schedule,
    /// Bytes a second in parts of the day; the first that holds counts, and without any the service's own.
    pub bandwidth: Vec<(Window, u64)>,
    /// Pause before a cycle that could not go on is tried again; doubles each time.
    pub retry_base: Duration,
    /// Longest such pause.
    pub retry_cap: Duration,
}

/// What a cycle is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// What is new since the last one.
    Sync,
    /// The same by complete listings.
    Full,
    /// What is queued.
    Resume,
}

/// One cycle, as its work is given it.
pub struct Assignment {
    /// What it is to do.
    pub task: Task,
    /// Cancelled when nothing new may be begun.
    pub drain: CancellationToken,
    /// Bytes a second over all bodies of a service; `None` for what is configured.
    pub bandwidth: watch::Receiver<Option<u64>>,
    /// How it stands, in a line for people.
    pub status: watch::Sender<String>,
}

/// What carries out a cycle.
pub type Work = Box<dyn Fn(Assignment) -> LocalBoxFuture<'static, Result<Report, Error>>>;

/// What one reading of the configuration says.
pub struct Orders {
    /// How the daemon works.
    pub options: Options,
    /// Who is told.
    pub hooks: Hooks,
    /// What carries out its cycles.
    pub work: Work,
}

/// What the daemon needs from outside.
pub struct Setup {
    /// The mirror, as it is told of.
    pub root: PathBuf,
    /// Its record, or that of the shard that is made.
    pub records: Records,
    /// As the configuration was read at the start.
    pub orders: Orders,
    /// Reads it again.
    pub reload: Box<dyn Fn() -> Result<Orders, String>>,
    /// SIGHUP: tells when to.
    pub hangups: Signal,
    /// Cancelled when the daemon is to end.
    pub stop: CancellationToken,
    /// Where the mirror is served, and what is.
    pub server: Option<(TcpListener, Arc<ServedMirror>)>,
    /// The time of day.
    pub clock: fn() -> Timestamp,
    /// For the jitter of the schedule.
    pub random: fastrand::Rng,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Next {
    at: Timestamp,
    /// `None` for a cycle of the schedule, of the kind that is due by then.
    task: Option<Task>,
}

/// A cycle under way.
struct Running {
    task: Task,
    began: Timestamp,
    pause: CancellationToken,
    status: watch::Receiver<String>,
    work: LocalBoxFuture<'static, Result<Report, Error>>,
}

struct Daemon {
    setup: Setup,
    supervisor: Supervisor,
    bandwidth: watch::Sender<Option<u64>>,
    last_any: Option<Timestamp>,
    last_full: Option<Timestamp>,
    next: Next,
    /// The latest time that the clock has shown.
    seen: Timestamp,
    failures: u32,
    /// Why the last cycle could not do all that was asked.
    trouble: Option<String>,
    told_of_failure: Option<Timestamp>,
    telling: JoinSet<()>,
    /// Held by who tells: news arrive in their order.
    telling_now: Arc<Mutex<()>>,
    served: Option<Arc<ServedMirror>>,
    began: Timestamp,
    /// The last time that quiet hours were seen.
    quiet_until: Timestamp,
    /// How often in a row another command held the root.
    waits: u32,
}

/// Works until it is told to stop; an error is that of a record that cannot be read at the start, or of a server that ended early.
pub async fn run(setup: Setup) -> Result<(), Error> {
    let last = Reader::open_all(&setup.records)?.last_cycles()?;
    let mut servers = JoinSet::new();
    let mut daemon = Daemon::new(setup, last);
    if let Some((listener, mirror)) = daemon.setup.server.take() {
        servers.spawn(serve::run(listener, Arc::clone(&mirror), daemon.setup.stop.clone()));
        daemon.served = Some(mirror);
    }
    daemon.work(&mut servers).await?;
    while let Some(served) = servers.join_next().await {
        served.map_err(Error::Task)?;
    }
    daemon.telling.join_all().await;
    Ok(())
}

impl Daemon {
    fn new(setup: Setup, LastCycles { any, full }: LastCycles) -> Self {
        let time = |seconds: Option<i64>| seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let next = Next { at: (setup.clock)(), task: None };
        let mut daemon = Self {
            setup,
            supervisor: Supervisor::new(),
            bandwidth: watch::Sender::new(None),
            last_any: time(any),
            last_full: time(full),
            next,
            seen: next.at,
            failures: 0,
            trouble: None,
            told_of_failure: None,
            telling: JoinSet::new(),
            telling_now: Arc::default(),
            served: None,
            began: next.at,
            quiet_until: Timestamp::MIN,
            waits: 0,
        };
        daemon.next = daemon.regular();
        daemon.say_when();
        daemon
    }

    fn say_when(&self) {
        info!("the next cycle begins at {}", self.at_the_clock(self.next.at));
    }

    async fn work(&mut self, servers: &mut JoinSet<()>) -> Result<(), Error> {
        let mut running = None;
        Supervisor::ready();
        loop {
            let is_stopping = self.setup.stop.is_cancelled();
            self.set_bandwidth();
            if running.is_none() {
                if is_stopping {
                    return Ok(());
                }
                running = self.begin_if_due();
            }
            self.look_at(running.as_ref());
            let look_again = if running.is_some() { LOOK_AT_WORK } else { self.until_due() };
            let look_again = look_again.min(self.supervisor.longest_silence());
            tokio::select! {
                ended = end_or_word_of(&mut running) => {
                    if let Some(ended) = ended && let Some(running) = running.take() {
                        self.conclude(&running, ended).await;
                    }
                }
                () = self.setup.stop.cancelled(), if !is_stopping => Supervisor::stopping(),
                Some(()) = self.setup.hangups.recv(), if !is_stopping => self.reload(),
                Some(served) = servers.join_next(), if !is_stopping => {
                    self.setup.stop.cancel();
                    served.map_err(Error::Task)?;
                }
                () = tokio::time::sleep(look_again) => {}
            }
        }
    }

    fn now(&self) -> Timestamp {
        (self.setup.clock)()
    }

    /// The next cycle of the schedule.
    fn regular(&mut self) -> Next {
        let schedule = &self.setup.orders.options.schedule;
        let jitter = schedule.jitter.mul_f64(self.setup.random.f64());
        let due = schedule.next(self.last_any, self.now());
        // one that is overdue has waited long enough
        let at = if due > self.now() { after(due, jitter) } else { due };
        Next { at, task: None }
    }

    fn begin_if_due(&mut self) -> Option<Running> {
        self.mind_the_clock();
        let (now, schedule) = (self.now(), &self.setup.orders.options.schedule);
        if self.next.at > now || schedule.is_quiet(now) {
            return None;
        }
        let of_schedule = if schedule.is_full_due(self.last_full, now) { Task::Full } else { Task::Sync };
        let task = self.next.task.unwrap_or(of_schedule);
        let pause = self.setup.stop.child_token();
        let (sender, status) = watch::channel(String::new());
        let (drain, bandwidth) = (pause.clone(), self.bandwidth.subscribe());
        info!("a cycle begins: {}", in_words(task));
        let work = (self.setup.orders.work)(Assignment { task, drain, bandwidth, status: sender });
        Some(Running { task, began: now, pause, status, work })
    }

    /// What was put off to a time that the clock had shown wrongly must not wait for it.
    fn mind_the_clock(&mut self) {
        let now = self.now();
        if after(now, SET_BACK) < self.seen {
            warn!("the clock was set back from {} to {now}", self.seen);
            self.next = Next { task: self.next.task, ..self.regular() };
        }
        self.seen = now;
    }

    /// A time as the clock on the wall shows it.
    fn at_the_clock(&self, at: Timestamp) -> String {
        at.to_zoned(self.setup.orders.options.schedule.time_zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S %Z")
            .to_string()
    }

    /// How long to wait before the clock is looked at again; what is due and does not begin is held back by quiet hours.
    fn until_due(&self) -> Duration {
        let until_due = Duration::try_from(self.next.at.duration_since(self.now()));
        until_due.ok().filter(|until_due| !until_due.is_zero()).map_or(LOOK, |until_due| until_due.min(LOOK))
    }

    /// Lets cycles have what the time of day allows.
    fn set_bandwidth(&self) {
        let options = &self.setup.orders.options;
        let here = self.now().to_zoned(options.schedule.time_zone.clone());
        let limit = options.bandwidth.iter().find(|(window, _)| window.holds(&here)).map(|(_, limit)| *limit);
        self.bandwidth.send_if_modified(|known| std::mem::replace(known, limit) != limit);
    }

    /// Pauses a cycle when quiet hours begin, and tells the supervisor how things stand.
    fn look_at(&mut self, running: Option<&Running>) {
        let is_quiet = self.setup.orders.options.schedule.is_quiet(self.now());
        if is_quiet {
            self.quiet_until = self.now();
        }
        if let Some(running) = running.filter(|running| is_quiet && !running.pause.is_cancelled()) {
            info!("quiet hours begin: series under way end, the others wait");
            running.pause.cancel();
        }
        let status = match running {
            Some(running) if running.status.borrow().is_empty() => in_words(running.task).to_owned(),
            Some(running) => format!("{}: {}", in_words(running.task), *running.status.borrow()),
            None if is_quiet => "quiet hours".to_owned(),
            None => format!("next cycle at {}", self.at_the_clock(self.next.at)),
        };
        self.supervisor.tell(&status);
        self.report(running);
    }

    /// Tells the server what keeps the mirror from being ready.
    fn report(&self, running: Option<&Running>) {
        if let Some(served) = &self.served {
            served.report(self.complaint(running));
        }
    }

    fn complaint(&self, running: Option<&Running>) -> Option<String> {
        let (last, schedule) = (self.last_any.unwrap_or(self.began), &self.setup.orders.options.schedule);
        // what quiet hours have held back begins a moment after them
        let is_held = after(self.quiet_until, LOOK + LOOK) > self.now();
        let is_overdue = running.is_none() && !is_held && schedule.is_overdue(last, self.now());
        let overdue = is_overdue.then(|| format!("no cycle has come to its end since {last}"));
        self.trouble.clone().or(overdue)
    }

    /// Decides what comes after a cycle, and tells of it.
    async fn conclude(&mut self, running: &Running, ended: Result<Report, Error>) {
        if self.setup.stop.is_cancelled() {
            let left = ended.map_or(0, |report| report.left);
            return info!("stopped in a cycle; {left} series are queued, the next start goes on");
        }
        let is_whole = ended.as_ref().is_ok_and(|report| report.left == 0);
        if running.pause.is_cancelled() && !is_whole {
            self.next = Next { at: self.now(), task: Some(running.task) };
            // what has come before the pause is no news of the cycle that goes on
            return self.tell(running.began, ended).await;
        }
        self.next = self.next_after(running, &ended);
        let at = self.at_the_clock(self.next.at);
        match &ended {
            Err(error) if error.is_locked() => {
                return info!("another command is at work on the mirror; the cycle begins at {at}");
            }
            Err(error) => {
                self.trouble = Some(chain(error));
                self.report(None);
                error!("the cycle could not go on: {}; again at {at}", chain(error));
            }
            Ok(report) => {
                let (outcome, placed) = (report.outcome(), report.totals.placed);
                self.trouble = report.trouble();
                self.report(None);
                match report.reason() {
                    None => {
                        info!("the cycle has ended: {outcome}, {placed} series placed; the next one at {at}");
                    }
                    Some(reason) => {
                        warn!(
                            "the cycle has ended: {outcome}, {placed} series placed; {reason}; the next one at {at}"
                        );
                    }
                }
            }
        }
        self.tell(running.began, ended).await;
    }

    fn next_after(&mut self, running: &Running, ended: &Result<Report, Error>) -> Next {
        match ended {
            Ok(report) if report.unwalked.is_empty() => {
                (self.failures, self.waits) = (0, 0);
                if running.task != Task::Resume {
                    self.last_any = Some(running.began);
                }
                if running.task == Task::Full {
                    self.last_full = Some(running.began);
                }
                let regular = self.regular();
                let due = report.next_due.and_then(|due| Timestamp::from_second(due).ok());
                // what is due at once was left for another reason than a pause
                let due = due.filter(|due| *due > self.now() && *due < regular.at);
                due.map_or(regular, |at| Next { at, task: Some(Task::Resume) })
            }
            Err(error) if error.is_locked() => {
                self.waits += 1;
                self.again(running.task, self.waits)
            }
            _ => {
                self.failures += 1;
                self.again(running.task, self.failures)
            }
        }
    }

    /// The same once more, after a pause that doubles with each failure.
    fn again(&self, task: Task, failures: u32) -> Next {
        let options = &self.setup.orders.options;
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
        let pause = options.retry_base.saturating_mul(factor).min(options.retry_cap);
        Next { at: after(self.now(), pause), task: Some(task) }
    }

    /// Tells the hooks of a cycle; of a failure that lasts once a day.
    async fn tell(&mut self, began: Timestamp, ended: Result<Report, Error>) {
        let (root, records) = (self.setup.root.clone(), self.setup.records.clone());
        let outcome = ended.as_ref().map_or(Outcome::Failed, Report::outcome);
        let read = move || News::of(&root, &records, began.as_second(), &ended);
        let Ok(mut news) = tokio::task::spawn_blocking(read).await else { return };
        let occasions = self.occasions(news.occasion, outcome);
        let (hooks, in_order) = (self.setup.orders.hooks.clone(), Arc::clone(&self.telling_now));
        self.telling.spawn(async move {
            let _turn = in_order.lock().await;
            for occasion in occasions {
                news.occasion = Some(occasion);
                hooks.tell(&news).await;
            }
        });
    }

    /// What to tell: a failure that lasts is known, and one that left parked series has not ended while they are parked.
    fn occasions(&mut self, occasion: Option<Occasion>, outcome: Outcome) -> Vec<Occasion> {
        let now = self.now();
        match (occasion, self.told_of_failure) {
            (Some(Occasion::Failure), Some(told)) if after(told, TELL_AGAIN) > now && told <= now => {
                Vec::new()
            }
            (Some(Occasion::Failure), _) => {
                self.told_of_failure = Some(now);
                vec![Occasion::Failure]
            }
            (occasion, Some(_)) if outcome == Outcome::Done => {
                self.told_of_failure = None;
                [Some(Occasion::Recovered), occasion].into_iter().flatten().collect()
            }
            (occasion, _) => occasion.into_iter().collect(),
        }
    }

    /// Reads the configuration again; a cycle under way goes on as it began.
    fn reload(&mut self) {
        Supervisor::reloading();
        match (self.setup.reload)() {
            Ok(orders) => {
                self.setup.orders = orders;
                info!("the configuration was read again");
                if self.next.task.is_none() {
                    self.next = self.regular();
                }
                self.say_when();
            }
            Err(reason) => error!("the configuration stays as it was: {reason}"),
        }
        Supervisor::ready();
    }
}

/// Waits for a cycle to end, or to say something (`None`).
async fn end_or_word_of(running: &mut Option<Running>) -> Option<Result<Report, Error>> {
    let Some(Running { work, status, .. }) = running else { return pending().await };
    tokio::select! {
        biased;
        ended = work => Some(ended),
        Ok(()) = status.changed() => None,
    }
}

fn in_words(task: Task) -> &'static str {
    match task {
        Task::Sync => "sync",
        Task::Full => "sync --full",
        Task::Resume => "resume",
    }
}
