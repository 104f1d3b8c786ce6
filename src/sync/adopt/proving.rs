//! What the service says of a series whose files were found, and which of them it speaks against.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use tracing::debug;

use super::super::Error;
use super::super::chain;
use super::super::cycle::Cycle;
use super::super::job::Failed;
use super::super::remote::Remote;
use crate::db::SeriesJob;
use crate::dicom::{Series, SopInstanceUid};
use crate::fetch::local::{Doubt, Gathered, LocalFile, OTHER_MD5, settle};
use crate::fetch::{figures, md5_hierarchy};
use crate::mirror::{Expected, Intake, StagingError, VerifyError};
use crate::nbia::{Client, Endpoint};

const CONTESTED: &str = "another file says that it is the same instance, and differs";
const UNLISTED: &str = "the service does not list this instance of its series";

/// Files held against the service.
pub(super) struct Proof {
    /// Without those that it speaks against.
    pub(super) gathered: Gathered,
    pub(super) expected: Expected,
    pub(super) verdict: Verdict,
}

/// What the files of a series are worth.
pub(super) enum Verdict {
    /// They are the series, by everything that the service says of it.
    Whole,
    /// Some are not there, and nothing speaks against the others.
    Lacking {
        /// How many, where the service tells how many there are.
        missing: Option<u64>,
        reason: String,
    },
    /// Something among them must be wrong, and nobody can tell what.
    Contradicted(String),
}

impl Cycle {
    /// Holds what was gathered against the service: first as a whole, and instance by instance where that fails.
    pub(super) async fn prove(
        &self,
        job: &SeriesJob,
        mut gathered: Gathered,
        files: &Arc<[LocalFile]>,
        intake: Intake,
    ) -> Result<Proof, Failed> {
        let remote = Arc::clone(self.remote_at(&job.base_url));
        let mut expected = self.expected_of(&remote, &job.series).await?;
        if gathered.contested.is_empty() && gathered.staging.check(&expected).is_ok() {
            return Ok(Proof { gathered, expected, verdict: Verdict::Whole });
        }
        if expected.sop_instance_uids.is_none() {
            expected.sop_instance_uids = self.listed_instances(&remote, &job.series).await?;
        }
        if let Some(listed) = &expected.sop_instance_uids {
            gathered = on_a_thread(gathered, listed.clone(), drop_unlisted).await?;
        }
        if remote.client.offers(Endpoint::ImageMd5) {
            gathered = self.hold_each(&remote, gathered, files, intake).await?;
        }
        for (_, contesting) in std::mem::take(&mut gathered.contested) {
            let doubts = contesting.into_iter().map(|file| Doubt { file, reason: CONTESTED.to_owned() });
            gathered.doubtful.extend(doubts);
        }
        let verdict = judge(&gathered, &expected);
        Ok(Proof { gathered, expected, verdict })
    }

    /// What is listed of a series: figures, and one MD5 over it, else the names of its instances.
    async fn expected_of(&self, remote: &Remote, series: &Series) -> Result<Expected, Error> {
        let (image_count, size_bytes) =
            self.ask(remote, async |client: &Client| figures(client, series).await).await?;
        let md5_hierarchy =
            self.ask(remote, async |client: &Client| md5_hierarchy(client, series).await).await?;
        let sop_instance_uids =
            if md5_hierarchy.is_none() { self.listed_instances(remote, series).await? } else { None };
        Ok(Expected { image_count, size_bytes, sop_instance_uids, md5_hierarchy, ..Expected::default() })
    }

    /// The instances of a series, where the service tells them; none at all is no answer.
    async fn listed_instances(
        &self,
        remote: &Remote,
        series: &Series,
    ) -> Result<Option<BTreeSet<SopInstanceUid>>, Error> {
        if !remote.client.offers(Endpoint::SopInstanceUids) {
            return Ok(None);
        }
        let uid = &series.series_instance_uid;
        let told = self.ask(remote, async |client: &Client| client.sop_instance_uids(uid).await).await?;
        Ok(Some(told.into_iter().collect::<BTreeSet<_>>()).filter(|listed| !listed.is_empty()))
    }

    /// Asks for the MD5 of each instance, and takes back those that are not the service's.
    async fn hold_each(
        &self,
        remote: &Remote,
        mut gathered: Gathered,
        files: &Arc<[LocalFile]>,
        intake: Intake,
    ) -> Result<Gathered, Failed> {
        let staged = gathered.staging.instances().keys().chain(gathered.contested.keys()).cloned();
        let staged: Vec<_> = staged.collect();
        let asked = staged.into_iter().map(async |instance| {
            let told = self.ask(remote, async |client: &Client| client.image_md5(&instance).await).await;
            match told {
                // an image about which nothing is said is held against what is said of the series
                Err(Error::Remote(error)) if error.is_of_one_answer() => {
                    debug!("nothing is known of instance {instance}: {}", chain(&error));
                    Ok((instance, None))
                }
                told => told.map(|md5| (instance, md5)),
            }
        });
        let mut told = stream::iter(asked).buffer_unordered(self.options.fetch.instances_at_once.max(1));
        let mut answers = Vec::new();
        while let Some(answer) = told.next().await {
            if let (instance, Some(md5)) = answer? {
                answers.push((instance, md5));
            }
        }
        drop(told);
        gathered = on_a_thread(gathered, answers.clone(), drop_other).await?;
        for (instance, md5) in answers {
            let Some(contesting) = gathered.contested.get(&instance).cloned() else { continue };
            let (contest, files) = ((instance, contesting), Arc::clone(files));
            let settling = move || settle(gathered, &files, &contest, md5, intake);
            let settled = tokio::task::spawn_blocking(settling).await.map_err(Error::Task)?;
            gathered = settled.map_err(Failed::Fetch)?;
        }
        Ok(gathered)
    }
}

/// Works on the staging directory where that may block.
async fn on_a_thread<T: Send + 'static>(
    mut gathered: Gathered,
    told: T,
    work: fn(&mut Gathered, &T) -> Result<(), StagingError>,
) -> Result<Gathered, Error> {
    let working = move || work(&mut gathered, &told).map(|()| gathered);
    Ok(tokio::task::spawn_blocking(working).await.map_err(Error::Task)??)
}

fn drop_unlisted(gathered: &mut Gathered, listed: &BTreeSet<SopInstanceUid>) -> Result<(), StagingError> {
    let staged = gathered.staging.instances().keys().chain(gathered.contested.keys());
    let unlisted: Vec<_> = staged.filter(|instance| !listed.contains(instance)).cloned().collect();
    unlisted.into_iter().try_for_each(|instance| gathered.take_back(&instance, UNLISTED))
}

fn drop_other(gathered: &mut Gathered, told: &Vec<(SopInstanceUid, [u8; 16])>) -> Result<(), StagingError> {
    for (instance, md5) in told {
        if gathered.staging.instances().get(instance).is_some_and(|staged| staged.md5 != *md5) {
            gathered.take_back(instance, OTHER_MD5)?;
        }
    }
    Ok(())
}

fn judge(gathered: &Gathered, expected: &Expected) -> Verdict {
    let staging = &gathered.staging;
    let Err(difference) = staging.check(expected) else { return Verdict::Whole };
    let found = staging.instances().len() as u64;
    let by_name = expected.sop_instance_uids.as_ref().map(|listed| listed.len() as u64);
    let wanted = by_name.max(expected.image_count.map(u64::from));
    let missing = wanted.map(|wanted| wanted.saturating_sub(found));
    let is_short = missing.is_some_and(|missing| missing > 0);
    match difference {
        VerifyError::NothingToCompare => Verdict::Contradicted(difference.to_string()),
        _ if is_short || found == 0 => {
            let missing_text = missing.map_or_else(|| "some".to_owned(), |missing| missing.to_string());
            Verdict::Lacking { missing, reason: format!("{missing_text} instances are missing") }
        }
        difference => Verdict::Contradicted(difference.to_string()),
    }
}
