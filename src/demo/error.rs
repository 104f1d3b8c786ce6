//! What can go wrong while a mirror is built in code.

use tokio::task::JoinError;

use super::generate::GenerateError;
use crate::db;
use crate::dicom::SeriesInstanceUid;
use crate::mirror::{CommitError, RootError, StagingError, VerifyError};

/// Why a mirror could not be built in code.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant, or its source's, says what it is")]
pub enum Error {
    #[error(transparent)]
    Root(#[from] RootError),
    #[error(transparent)]
    Record(#[from] db::Error),
    #[error(transparent)]
    Image(#[from] GenerateError),
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error("the files given for series {series} are not a whole series")]
    Verify { series: SeriesInstanceUid, source: VerifyError },
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("a task ended early")]
    Task(#[source] JoinError),
}
