//! What can go wrong with one series.

use crate::dicom::{HeaderError, SeriesInstanceUid, SopInstanceUid};
use crate::mirror::{IntakeError, StagingError, VerifyError};
use crate::nbia;

use super::unpack::UnpackError;

/// A series that could not be fetched whole.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum Error {
    #[error(transparent)]
    Remote(#[from] nbia::Error),
    #[error("the ZIP cannot be read to its end")]
    Unpack(#[source] UnpackError),
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error("{entry} is no DICOM file that names its instance")]
    Header { entry: String, source: HeaderError },
    #[error("{entry} belongs to series {found}")]
    OtherSeries { entry: String, found: SeriesInstanceUid },
    #[error("getSingleImage sent instance {found} where {asked} was asked for")]
    OtherInstance { asked: SopInstanceUid, found: SopInstanceUid },
    #[error("the ZIP is well-formed, but the list of MD5s that should close it is missing")]
    NoMd5List,
    #[error("the list of MD5s in the ZIP cannot be read")]
    Md5List { source: csv::Error },
    #[error("{entry} is larger than {limit} bytes")]
    TooLarge { entry: &'static str, limit: u64 },
    #[error("getSOPInstanceUIDs lists no instance")]
    NoInstances,
    #[error("the service sends more {what} than the {listed} that it lists")]
    MoreThanListed { what: &'static str, listed: u64 },
    #[error("{entry} is longer than {limit} bytes")]
    TooLong { entry: &'static str, limit: u64 },
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error("the file is not taken")]
    Local(#[source] IntakeError),
    #[error("a thread of the download ended early")]
    Thread { source: tokio::task::JoinError },
}

impl Error {
    /// Whether the service's answer is at fault, so that other answers may still bring the series.
    pub(super) fn is_of_the_answer(&self) -> bool {
        match self {
            Self::Remote(error) => matches!(error, nbia::Error::Cut { .. } | nbia::Error::Silence { .. }),
            Self::Staging(StagingError::Write { .. }) | Self::Thread { .. } => false,
            _ => true,
        }
    }

    /// Whether the next instance would meet the same: a service that is down, a disk that is full, a request to stop.
    pub(super) fn concerns_every_instance(&self) -> bool {
        match self {
            Self::Remote(error) => {
                error.is_outage() || error.refuses_everything() || matches!(error, nbia::Error::Stopped)
            }
            Self::Staging(StagingError::Write { .. }) | Self::Thread { .. } => true,
            _ => false,
        }
    }

    /// A limit of the configuration was met; asking again would meet it again.
    pub fn is_over_limit(&self) -> bool {
        matches!(self, Self::Unpack(UnpackError::OverLimit { .. }) | Self::TooLarge { .. })
    }

    /// Whether something that is staged must be wrong, though it cannot be told what.
    pub fn taints_what_is_staged(&self) -> bool {
        match self {
            Self::Verify(mismatch) => !matches!(mismatch, VerifyError::Empty | VerifyError::NothingToCompare),
            Self::Staging(StagingError::Conflict { .. }) | Self::MoreThanListed { .. } => true,
            _ => false,
        }
    }

    /// Whether what the service lists and what it sends contradict each other: the listing may be out of date.
    pub fn contradicts_listing(&self) -> bool {
        matches!(self, Self::Verify(_) | Self::MoreThanListed { .. })
    }
}

impl Error {
    /// What a [`nbia::BodyReader`] reports.
    pub(super) fn from_body(error: std::io::Error) -> Self {
        UnpackError::Source(error).into()
    }
}

impl From<IntakeError> for Error {
    /// Trouble with the staging directory is the same wherever the bytes come from.
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Staging(error) => Self::Staging(error),
            error => Self::Local(error),
        }
    }
}

impl From<UnpackError> for Error {
    /// A failing body says more by itself than wrapped into the reader that met it.
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::Source(source) => match source.downcast::<nbia::Error>() {
                Ok(remote) => Self::Remote(remote),
                Err(source) => Self::Unpack(UnpackError::Source(source)),
            },
            other => Self::Unpack(other),
        }
    }
}
