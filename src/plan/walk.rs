//! The walk: coarse questions first, narrower ones where an answer is refused, cut, too slow or not whole.
//!
//! A collection costs three requests when the service is well. Rows are handed on while they arrive; what stays in
//! memory is the tally that tells whether the listing is whole.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::selection::describe;
use super::tally::Tally;
use crate::dicom::{Patient, PatientId, Series, Study, StudyInstanceUid};
use crate::nbia::{Client, Error, Rejected, Rows, Scope, chain};

/// Questions about single patients that are under way at once; the client's rate is the real limit.
const NARROW_AT_ONCE: usize = 4;
/// Rows that are handed on together: each time they are put on stable storage, and pieces of HTTP bring ten of them.
const ROWS_AT_ONCE: usize = 1000;
/// How often a list that should not be empty is asked for again: the service answers hidden failures with nothing.
const ASK_AGAIN: u32 = 3;

/// Something that the service has listed.
#[derive(Debug)]
pub enum Listed {
    /// Patients, as they arrived.
    Patients(Vec<Patient>),
    /// Studies, as they arrived.
    Studies(Vec<Study>),
    /// Series, as they arrived.
    Series(Vec<Series>),
    /// Rows that made no sense, by endpoint.
    Rejected(&'static str, Vec<Rejected>),
    /// The service contradicts itself, also when asked again: about what, and how.
    Disagreement(String, String),
    /// A patient that could not be listed, and why.
    Unlisted(String),
    /// A part that an interrupted walk need not ask for again.
    PartDone(String),
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Rows of series that were handed on, repeated ones included.
    pub series_rows: u64,
    /// Rows that made no sense.
    pub rejected_rows: u64,
    /// Whether nothing is left that the service contradicts itself about.
    pub is_whole: bool,
}

/// Lists everything in a scope.
///
/// `done` are the parts that an interrupted walk has listed and proven whole. An error is one that remained after all
/// narrowing and asking again.
pub async fn walk(
    client: &Client,
    scope: &Scope,
    done: &BTreeSet<String>,
    listed: &mpsc::Sender<Listed>,
) -> Result<Outcome, Error> {
    let walker = Walker::new(client, listed, done);
    let disagreements = match scope {
        Scope { series_instance_uid: Some(_), .. } => walker.series_only(scope).await?,
        Scope { patient_id: None, study_instance_uid: None, collection: Some(_), .. } => {
            walker.collection(scope).await?
        }
        _ => walker.narrow(scope).await?,
    };
    Ok(Outcome {
        series_rows: walker.series_rows.load(Ordering::Relaxed),
        rejected_rows: walker.rejected_rows.load(Ordering::Relaxed),
        is_whole: disagreements == 0,
    })
}

struct Walker<'a> {
    client: &'a Client,
    listed: &'a mpsc::Sender<Listed>,
    done: &'a BTreeSet<String>,
    series_rows: AtomicU64,
    rejected_rows: AtomicU64,
}

impl<'a> Walker<'a> {
    fn new(client: &'a Client, listed: &'a mpsc::Sender<Listed>, done: &'a BTreeSet<String>) -> Self {
        Self { client, listed, done, series_rows: AtomicU64::new(0), rejected_rows: AtomicU64::new(0) }
    }

    async fn series_only(&self, scope: &Scope) -> Result<u64, Error> {
        let mut tally = Tally::default();
        self.until_filled(async |tally| self.series(scope, tally).await, Tally::has_series, &mut tally)
            .await?;
        Ok(0)
    }

    /// Gives how many contradictions remain.
    async fn collection(&self, scope: &Scope) -> Result<u64, Error> {
        let mut tally = Tally::default();
        // nothing is narrower than the list of patients: it has to come whole
        self.until_filled(async |tally| self.patients(scope, tally).await, Tally::has_patients, &mut tally)
            .await?;
        let studies_came =
            self.ask_for_some(async |tally| self.studies(scope, tally).await, Tally::has_studies, &mut tally);
        let studies_came = studies_came.await?;
        let series_came =
            self.ask_for_some(async |tally| self.series(scope, tally).await, Tally::has_series, &mut tally);
        let series_came = series_came.await?;
        let doubtful =
            if studies_came && series_came { tally.doubtful_patients() } else { tally.all_patients() };
        if !doubtful.is_empty() {
            info!(
                "the lists of {} do not agree or are not whole: asking for {} patients one by one",
                describe(scope),
                doubtful.len()
            );
        }
        let narrowed = stream::iter(doubtful).map(|patient| self.narrow_patient(scope, patient));
        narrowed
            .buffer_unordered(NARROW_AT_ONCE)
            .try_fold(0, |sum, found| async move { Ok(sum + found) })
            .await
    }

    async fn narrow_patient(&self, scope: &Scope, patient: PatientId) -> Result<u64, Error> {
        let narrower = Scope { patient_id: Some(patient), ..scope.clone() };
        let part = describe(&narrower);
        if self.done.contains(&part) {
            return Ok(0);
        }
        match self.narrow(&narrower).await {
            Ok(0) => self.hand_on(Listed::PartDone(part)).await.map(|()| 0),
            // one patient that cannot be listed must not keep the others from being mirrored
            Err(error) if error.is_of_one_answer() => {
                let reason = chain(&error);
                warn!("cannot list {part}: {reason}");
                self.hand_on(Listed::Unlisted(format!("{part}: {reason}"))).await.map(|()| 1)
            }
            outcome => outcome,
        }
    }

    /// Lists the studies and series of a patient or a study, then study by study what does not agree yet.
    async fn narrow(&self, scope: &Scope) -> Result<u64, Error> {
        let mut tally = Tally::default();
        self.until_filled(async |tally| self.studies(scope, tally).await, Tally::has_studies, &mut tally)
            .await?;
        let whole = self.ask(async |tally| self.series(scope, tally).await, &mut tally).await?;
        if !whole && (scope.study_instance_uid.is_some() || !tally.has_studies()) {
            self.persist(async |tally| self.series(scope, tally).await, &mut tally).await?;
        }
        let doubtful = if whole { tally.doubtful_studies() } else { tally.all_studies() };
        for (_, study) in doubtful {
            self.narrow_study(scope, study, &mut tally).await?;
        }
        let remaining = tally.doubtful_studies();
        for key @ (patient, study) in &remaining {
            self.disagree(format!("study {study} of patient `{patient}`"), tally.complaint(key)).await?;
        }
        if !tally.has_studies() && !tally.has_series() {
            self.disagree(describe(scope), "listed without a study".to_owned()).await?;
            return Ok(1);
        }
        Ok(remaining.len() as u64)
    }

    async fn narrow_study(
        &self,
        scope: &Scope,
        study: StudyInstanceUid,
        tally: &mut Tally,
    ) -> Result<(), Error> {
        let narrower = Scope { study_instance_uid: Some(study), ..scope.clone() };
        self.persist(async |tally| self.studies(&narrower, tally).await, tally).await?;
        self.persist(async |tally| self.series(&narrower, tally).await, tally).await
    }

    /// Asks once; `false` when a narrower question may do better.
    async fn ask(
        &self,
        question: impl AsyncFn(&mut Tally) -> Result<(), Error>,
        tally: &mut Tally,
    ) -> Result<bool, Error> {
        match question(tally).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_too_much_asked() => {
                warn!("{}; asking for less at a time", chain(&error));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks again while the answer has no row, a few times; `false` when a narrower question may do better.
    async fn ask_for_some(
        &self,
        question: impl AsyncFn(&mut Tally) -> Result<(), Error>,
        is_filled: fn(&Tally) -> bool,
        tally: &mut Tally,
    ) -> Result<bool, Error> {
        for tries in 1..=ASK_AGAIN {
            if !self.ask(&question, tally).await? {
                return Ok(false);
            }
            if is_filled(tally) {
                return Ok(true);
            }
            self.client.back_off(tries).await?;
        }
        self.ask(&question, tally).await
    }

    /// Asks until the answer arrives whole; nothing narrower is left to ask.
    async fn persist(
        &self,
        question: impl AsyncFn(&mut Tally) -> Result<(), Error>,
        tally: &mut Tally,
    ) -> Result<(), Error> {
        for failures in 1..self.client.retry_options().attempts {
            match question(tally).await {
                Err(error) if error.is_transient() && !error.is_outage() => {
                    warn!("{}; asking again", chain(&error));
                }
                answered => return answered,
            }
            self.client.back_off(failures).await?;
        }
        question(tally).await
    }

    /// Asks until there is at least one row, a few times.
    async fn until_filled(
        &self,
        question: impl AsyncFn(&mut Tally) -> Result<(), Error>,
        is_filled: fn(&Tally) -> bool,
        tally: &mut Tally,
    ) -> Result<(), Error> {
        self.persist(&question, tally).await?;
        for tries in 1..=ASK_AGAIN {
            if is_filled(tally) {
                return Ok(());
            }
            self.client.back_off(tries).await?;
            self.persist(&question, tally).await?;
        }
        Ok(())
    }

    async fn patients(&self, scope: &Scope, tally: &mut Tally) -> Result<(), Error> {
        let rows = self.client.patients(scope).await?;
        let add = |tally: &mut Tally, row: &Patient| tally.add_patient(&row.patient_id);
        self.read(rows, add, Listed::Patients, tally).await
    }

    async fn studies(&self, scope: &Scope, tally: &mut Tally) -> Result<(), Error> {
        let rows = self.client.studies(scope).await?;
        let add = |tally: &mut Tally, row: &Study| tally.add_study(row);
        self.read(rows, add, Listed::Studies, tally).await
    }

    async fn series(&self, scope: &Scope, tally: &mut Tally) -> Result<(), Error> {
        let rows = self.client.series(scope).await?;
        tally.begin_series();
        let add = |tally: &mut Tally, row: &Series| {
            self.series_rows.fetch_add(1, Ordering::Relaxed);
            tally.add_series(row);
        };
        self.read(rows, add, Listed::Series, tally).await
    }

    async fn read<T: DeserializeOwned>(
        &self,
        mut rows: Rows<T>,
        add: impl Fn(&mut Tally, &T),
        listed: fn(Vec<T>) -> Listed,
        tally: &mut Tally,
    ) -> Result<(), Error> {
        let (mut waiting, mut next) = (Vec::new(), rows.next().await);
        while let Ok(Some(batch)) = &mut next {
            for row in batch.iter() {
                add(tally, row);
            }
            waiting.append(batch);
            if waiting.len() >= ROWS_AT_ONCE {
                self.hand_on(listed(std::mem::take(&mut waiting))).await?;
            }
            next = rows.next().await;
        }
        // also what came before the answer broke off
        if !waiting.is_empty() {
            self.hand_on(listed(waiting)).await?;
        }
        next?;
        let (count, first) = rows.rejected();
        if count > 0 {
            self.rejected_rows.fetch_add(count, Ordering::Relaxed);
            warn!("{} rows of {} make no sense, the first: {}", count, rows.endpoint(), first[0].reason);
            self.hand_on(Listed::Rejected(rows.endpoint(), first.to_vec())).await?;
        }
        Ok(())
    }

    async fn disagree(&self, subject: String, complaint: String) -> Result<(), Error> {
        warn!("the service contradicts itself about {subject}: {complaint}");
        self.hand_on(Listed::Disagreement(subject, complaint)).await
    }

    /// The receiver only goes away when the run ends early.
    async fn hand_on(&self, listed: Listed) -> Result<(), Error> {
        self.listed.send(listed).await.map_err(|_closed| Error::Stopped)
    }
}
