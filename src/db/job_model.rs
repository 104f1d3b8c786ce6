//! The job table against a map: whatever happens, in whatever order, both give the same jobs to the same runs.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;

use super::catalogue::read_all;
use super::fixture::{BASE_URL, block_on, in_memory, instance, list, place, series};
use super::{Db, Error, Failure, JobState, Order};
use crate::dicom::Series;

/// What is listed of each series.
const BYTES: [Option<u64>; 6] = [Some(500), Some(20), None, Some(9000), Some(20), Some(500)];

/// One thing that happens to the table.
#[derive(Clone, Debug)]
enum Step {
    Wait { seconds: i64 },
    Enqueue { run: usize, series: usize },
    Claim { run: usize, order: Order },
    RetryLater { worker: usize, seconds: i64 },
    Requeue { worker: usize },
    Park { worker: usize },
    Complete { worker: usize },
    Restart,
    Adopt { run: usize },
    MakeDue { run: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let (run, worker, seconds) = (0..2_usize, 0..6_usize, 0..40_i64);
    prop_oneof![
        2 => seconds.clone().prop_map(|seconds| Step::Wait { seconds }),
        4 => (run.clone(), 0..BYTES.len()).prop_map(|(run, series)| Step::Enqueue { run, series }),
        6 => (run.clone(), order()).prop_map(|(run, order)| Step::Claim { run, order }),
        3 => (worker.clone(), seconds).prop_map(|(worker, seconds)| Step::RetryLater { worker, seconds }),
        1 => worker.clone().prop_map(|worker| Step::Requeue { worker }),
        1 => worker.clone().prop_map(|worker| Step::Park { worker }),
        2 => worker.prop_map(|worker| Step::Complete { worker }),
        1 => Just(Step::Restart),
        1 => run.clone().prop_map(|run| Step::Adopt { run }),
        1 => run.prop_map(|run| Step::MakeDue { run }),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Listed), Just(Order::Smallest), Just(Order::Largest)]
}

#[derive(Clone, Debug)]
struct ModelJob {
    state: JobState,
    run_id: i64,
    due: i64,
    attempts: u32,
    bytes: i64,
}

/// What the table should hold.
#[derive(Default)]
struct Model(BTreeMap<i64, ModelJob>);

impl Model {
    fn claim(&mut self, run_id: i64, order: Order, now: i64) -> Option<(i64, u32)> {
        let is_due = |job: &ModelJob| job.state == JobState::Queued && job.run_id == run_id && job.due <= now;
        let due = self.0.iter_mut().filter(|(_, job)| is_due(job));
        let rank = |job: &ModelJob| match order {
            Order::Listed => 0,
            Order::Smallest => job.bytes,
            Order::Largest => -job.bytes,
        };
        let (id, job) = due.min_by_key(|(id, job)| (job.due, rank(job), **id))?;
        job.state = JobState::Running;
        Some((*id, job.attempts))
    }

    /// The series that one of the workers has.
    fn of_worker(&self, worker: usize) -> Option<i64> {
        let running: Vec<_> = self.in_state(JobState::Running).collect();
        running.get(worker.checked_rem(running.len())?).copied()
    }

    fn in_state(&self, state: JobState) -> impl Iterator<Item = i64> {
        self.0.iter().filter(move |(_, job)| job.state == state).map(|(id, _)| *id)
    }

    fn back_to_queue(&mut self, id: i64, due: i64, tries: u32) {
        self.0.entry(id).and_modify(|job| {
            (job.state, job.due, job.attempts) = (JobState::Queued, due, job.attempts + tries);
        });
    }

    fn next_due(&self, run_id: i64) -> Option<i64> {
        let queued = self.0.values().filter(|job| job.state == JobState::Queued && job.run_id == run_id);
        queued.map(|job| job.due).min()
    }

    fn left(&self, run_id: i64) -> u64 {
        let open = [JobState::Queued, JobState::Running];
        self.0.values().filter(|job| job.run_id == run_id && open.contains(&job.state)).count() as u64
    }
}

/// The table, the model, and the clock of both.
struct Bench {
    db: Db,
    model: Model,
    runs: Vec<i64>,
    rows: Vec<i64>,
    now: i64,
}

impl Bench {
    async fn new() -> Self {
        let db = in_memory();
        let sized = |(number, file_size)| Series { file_size, ..series("A", &format!("1.2.{number}")) };
        let listed: Vec<_> = (1..).zip(BYTES).map(sized).collect();
        let rows = list(&db, 1, &listed).await;
        let mut runs = Vec::new();
        for command in ["mirror", "resume"] {
            runs.push(db.begin_run(command, BASE_URL, 0).await.unwrap());
        }
        Self { db, model: Model::default(), runs, rows, now: 1_700_000_000 }
    }

    async fn take(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Wait { seconds } => self.now += seconds,
            Step::Enqueue { run, series } => self.enqueue(self.runs[run], self.rows[series]).await,
            Step::Claim { run, order } => self.claim(self.runs[run], order).await,
            Step::RetryLater { worker, seconds } => {
                let Some(id) = self.model.of_worker(worker) else { return };
                self.fail(id, Failure::RetryAt(now + seconds)).await;
                self.model.back_to_queue(id, now + seconds, 1);
            }
            Step::Requeue { worker } => {
                let Some(id) = self.model.of_worker(worker) else { return };
                self.fail(id, Failure::Requeue).await;
                self.model.back_to_queue(id, 0, 0);
            }
            Step::Park { worker } => {
                let Some(id) = self.model.of_worker(worker) else { return };
                self.fail(id, Failure::Park).await;
                self.model.back_to_queue(id, 0, 1);
                self.model.0.entry(id).and_modify(|job| job.state = JobState::Parked);
            }
            Step::Complete { worker } => {
                let Some(id) = self.model.of_worker(worker) else { return };
                place(&self.db, id, &format!("A/P/1.2/{id}"), vec![instance("1.2.3.4", 1)]).await;
                let done = |job: &mut ModelJob| (job.state, job.attempts) = (JobState::Done, 0);
                self.model.0.entry(id).and_modify(done);
            }
            Step::Restart => {
                let running: Vec<_> = self.model.in_state(JobState::Running).collect();
                assert_eq!(self.db.requeue_running().await.unwrap(), running.len() as u64);
                for id in running {
                    self.model.back_to_queue(id, 0, 0);
                }
            }
            Step::Adopt { run } => {
                let queued: Vec<_> = self.model.in_state(JobState::Queued).collect();
                assert_eq!(self.db.adopt_queue(self.runs[run]).await.unwrap(), queued.len() as u64);
                for id in queued {
                    let run_id = self.runs[run];
                    self.model.0.entry(id).and_modify(|job| job.run_id = run_id);
                }
            }
            Step::MakeDue { run } => {
                let run_id = self.runs[run];
                self.db.make_due(run_id).await.unwrap();
                let of_run = |job: &&mut ModelJob| job.run_id == run_id && job.state == JobState::Queued;
                self.model.0.values_mut().filter(of_run).for_each(|job| job.due = 0);
            }
        }
    }

    /// The planner never queues what a worker has.
    async fn enqueue(&mut self, run_id: i64, id: i64) {
        if self.model.in_state(JobState::Running).any(|running| running == id) {
            return;
        }
        self.db.enqueue(run_id, vec![id], self.now).await.unwrap();
        let index = self.rows.iter().position(|row| *row == id).unwrap();
        let bytes = BYTES[index].unwrap_or(0).try_into().unwrap();
        let fresh = ModelJob { state: JobState::Queued, run_id, due: 0, attempts: 0, bytes };
        let queued = self.model.0.get(&id).filter(|job| job.state == JobState::Queued);
        let job = queued.map_or(fresh, |queued| ModelJob { run_id, ..queued.clone() });
        self.model.0.insert(id, job);
    }

    async fn claim(&mut self, run_id: i64, order: Order) {
        let claimed = self.db.claim(run_id, order, self.now).await.unwrap();
        let named = claimed.as_ref().map(|job| job.series.series_instance_uid.to_string());
        let claimed = claimed.map(|job| (job.series_id, job.attempts));
        assert_eq!(claimed, self.model.claim(run_id, order, self.now));
        assert_eq!(named, claimed.map(|(id, _)| format!("1.2.{id}")));
    }

    async fn fail(&self, id: i64, failure: Failure) {
        self.db.fail(id, failure, "the body was cut".to_owned(), self.now).await.unwrap();
    }

    async fn compare(&self) {
        for run_id in &self.runs {
            assert_eq!(self.db.next_due(*run_id, i64::MAX).await.unwrap(), self.model.next_due(*run_id));
            assert_eq!(self.db.left_of_run(*run_id).await.unwrap(), self.model.left(*run_id));
        }
    }

    async fn compare_every_job(&self) {
        let jobs: BTreeMap<_, _> = self.db.call(read_jobs).await.unwrap().into_iter().collect();
        let expected: BTreeMap<_, _> = self
            .model
            .0
            .iter()
            .map(|(id, job)| (*id, (job.state.to_string(), job.attempts, i64::from(job.attempts))))
            .collect();
        assert_eq!(jobs, expected);
        let unfinished = self.db.unfinished(self.model.0.keys().copied().collect()).await.unwrap();
        let not_done = self.model.0.iter().filter(|(_, job)| job.state != JobState::Done);
        assert_eq!(unfinished, not_done.map(|(id, _)| *id).collect());
    }
}

/// State of a job, its tries, its recorded failures.
type JobRow = (String, u32, i64);

fn read_jobs(connection: &Connection) -> Result<Vec<(i64, JobRow)>, Error> {
    let sql = "SELECT series_id, state, attempts,
                   (SELECT count(*) FROM series_job_failure AS failure WHERE failure.series_id = job.series_id)
               FROM series_job AS job";
    read_all(connection, sql, [], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_table_does_what_a_map_would_do(steps in vec(step(), 0..80)) {
        block_on(async {
            let mut bench = Bench::new().await;
            for step in steps {
                bench.take(step).await;
                bench.compare().await;
            }
            bench.compare_every_job().await;
        });
    }
}
