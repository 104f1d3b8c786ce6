//! The words of the field: UIDs valid by construction, Collection → Patient → Study → Series → Instance,
//! the part of a DICOM file that identifies it, what of a text may be shown, and shares of a mirror.
//!
//! Knows no network, no disk and no database; everything else may import it.

mod header;
mod hierarchy;
mod plain;
mod shard;
mod sop_class;
mod uid;

pub use header::{HEADER_LIMIT, HeaderError, IdentifyingHeader, identify};
pub use hierarchy::{
    CollectionName, Instance, Patient, PatientId, Series, SeriesFingerprint, SeriesPlace, SeriesVersion,
    Study,
};
pub use plain::{is_obeyed, plain};
pub use shard::{MOST_SHARDS, Records, Shard, number_of};
pub use sop_class::sop_class_name;
pub use uid::{LONGEST_UID, SeriesInstanceUid, SopInstanceUid, StudyInstanceUid, Uid, UidError};
