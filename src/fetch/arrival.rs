//! One instance on its way into the staging directory: written and digested as it comes, named by its own header.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::Error;
use crate::dicom::{
    HEADER_LIMIT, HeaderError, IdentifyingHeader, SeriesInstanceUid, SopInstanceUid, identify,
};
use crate::mirror::{Incoming, Staging, StagingError};

/// How much of a file is looked at first for its UIDs; doubled until they are found.
const FIRST_LOOK: usize = 64 << 10;

/// An instance that arrives.
pub(super) struct Arrival<'a> {
    label: String,
    series: &'a SeriesInstanceUid,
    incoming: Incoming,
    header: Header,
    progress: &'a AtomicU64,
}

enum Header {
    /// Not found in what came so far.
    Wanted { beginning: Vec<u8>, next_look: usize },
    /// Found; its series is ours.
    Found(IdentifyingHeader),
    /// It will never be found.
    Hopeless(Error),
}

impl<'a> Arrival<'a> {
    /// `label` stands for the file in messages.
    pub(super) fn new(
        label: String,
        series: &'a SeriesInstanceUid,
        incoming: Incoming,
        progress: &'a AtomicU64,
    ) -> Self {
        let header = Header::Wanted { beginning: Vec::new(), next_look: FIRST_LOOK };
        Self { label, series, incoming, header, progress }
    }

    /// Takes the next bytes of the file.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.look(bytes);
        self.progress.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let series = self.series.clone();
        self.incoming.write(bytes).map_err(|source| StagingError::Write { series, source }.into())
    }

    /// The file with the name that its header gives it; drops it when it is not what it should be.
    pub(super) fn finish(mut self, staging: &Staging) -> Result<(Incoming, SopInstanceUid), Error> {
        if let Header::Wanted { beginning, .. } = &self.header {
            self.header = self.found(identify(beginning, true));
        }
        match self.header {
            Header::Found(header) => Ok((self.incoming, header.sop_instance_uid)),
            Header::Hopeless(error) => {
                staging.discard(self.incoming)?;
                Err(error)
            }
            Header::Wanted { .. } => {
                staging.discard(self.incoming)?;
                Err(Error::TooLong { entry: "a DICOM header", limit: HEADER_LIMIT as u64 })
            }
        }
    }

    /// Drops the file.
    pub(super) fn discard(self, staging: &Staging) -> Result<(), Error> {
        Ok(staging.discard(self.incoming)?)
    }

    /// Bytes so far.
    pub(super) fn size_bytes(&self) -> u64 {
        self.incoming.size_bytes()
    }

    /// Looks for the header; the usual file shows it in its first piece, and then nothing is copied.
    fn look(&mut self, bytes: &[u8]) {
        let Header::Wanted { beginning, next_look } = &mut self.header else { return };
        let at_once = beginning.is_empty() && bytes.len() >= *next_look;
        if !at_once {
            beginning.extend_from_slice(bytes);
            if beginning.len() < *next_look {
                return;
            }
        }
        match identify(if at_once { &bytes[..*next_look] } else { beginning }, false) {
            Ok(None) => {
                if at_once {
                    beginning.extend_from_slice(bytes);
                }
                *next_look = beginning.len() * 2;
            }
            outcome => self.header = self.found(outcome),
        }
    }

    fn found(&self, outcome: Result<Option<IdentifyingHeader>, HeaderError>) -> Header {
        match outcome {
            Ok(Some(header)) if header.series_instance_uid == *self.series => Header::Found(header),
            Ok(Some(header)) => Header::Hopeless(Error::OtherSeries {
                entry: self.label.clone(),
                found: header.series_instance_uid,
            }),
            Ok(None) => Header::Wanted { beginning: Vec::new(), next_look: usize::MAX },
            Err(source) => Header::Hopeless(Error::Header { entry: self.label.clone(), source }),
        }
    }
}
