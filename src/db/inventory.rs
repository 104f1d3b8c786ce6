//! Everything that was asked for, with what lies in the tree of it: what exports are made of.
//!
//! Read page by page, each of one moment, so that nobody who writes waits for the end of a long list.

use rusqlite::{OptionalExtension, Row, params};

use super::catalogue::{read_all, read_json};
use super::placement::{as_size, read_placed};
use super::{Error, JobState, PlacedSeries, Reader, columns};
use crate::dicom::{Series, SopInstanceUid};

/// A series that was asked for, and all that is recorded of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedSeries {
    /// Row of the series.
    pub series_id: i64,
    /// As it was listed last.
    pub series: Series,
    /// State of its job.
    pub state: JobState,
    /// Failed tries since it was queued.
    pub attempts: u32,
    /// Why the last of them failed.
    pub last_error: Option<String>,
    /// The address of the service that listed it last.
    pub listed_by: Option<String>,
    /// What lies in the tree of it.
    pub placed: Option<Placement>,
}

/// A series as it lies in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Where, relative to the root.
    pub path: String,
    /// Its instances.
    pub instances: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// SHA-256 of its licence text, when there is one.
    pub license_sha256: Option<[u8; 32]>,
    /// Which statements of the service it agrees with.
    pub proof: String,
    /// UTC seconds.
    pub placed_at: i64,
    /// The newest submission of any of its images, as it was listed of this version.
    pub submission_timestamp: Option<String>,
}

impl RecordedSeries {
    fn read(row: &Row<'_>) -> Result<Self, Error> {
        let path: Option<String> = row.get(6)?;
        Ok(Self {
            series_id: row.get(0)?,
            series: read_json(&row.get::<_, String>(1)?)?,
            state: row.get::<_, String>(2)?.parse()?,
            attempts: row.get(3)?,
            last_error: row.get(4)?,
            listed_by: row.get(5)?,
            placed: path.map(|path| Placement::read(path, row)).transpose()?,
        })
    }
}

impl Placement {
    fn read(path: String, row: &Row<'_>) -> Result<Self, Error> {
        Ok(Self {
            path,
            instances: as_size(row.get(7)?),
            bytes: as_size(row.get(8)?),
            license_sha256: row.get(9)?,
            proof: row.get(10)?,
            placed_at: row.get(11)?,
            submission_timestamp: row.get(12)?,
        })
    }
}

impl Reader {
    /// The next series that were asked for, in the order of the record; none is the end.
    pub fn recorded_series(&self, after: i64, most: u32) -> Result<Vec<RecordedSeries>, Error> {
        let series = columns::as_json("asked", columns::SERIES);
        let sql = format!(
            "SELECT series_id, {series}, state, attempts, last_error,
                 (SELECT base_url FROM walk WHERE walk.walk_id = asked.walk_id), path, instance_count, size_bytes,
                 license_sha256, proof, placed_at, listed_submission_timestamp
             FROM asked WHERE series_id > ?1 ORDER BY series_id LIMIT ?2"
        );
        read_all(&self.connection, &sql, params![after, most], RecordedSeries::read)
    }

    /// The next series in the tree in the order of their paths, so that those of a patient come one behind the other;
    /// none is the end.
    pub fn placed_by_path(&self, after: &str, most: u32) -> Result<Vec<PlacedSeries>, Error> {
        let series = columns::as_json("placed", columns::SERIES);
        let sql = format!(
            "SELECT series_id, {series}, path, license_sha256 FROM placed WHERE path > ?1 ORDER BY path LIMIT ?2"
        );
        read_all(&self.connection, &sql, params![after, most], read_placed)
    }

    /// The first instance of a series that lies in the tree, in the order of their UIDs.
    pub fn first_instance(&self, series_id: i64) -> Result<Option<SopInstanceUid>, Error> {
        let sql =
            "SELECT sop_instance_uid FROM instance WHERE series_id = ?1 ORDER BY sop_instance_uid LIMIT 1";
        let found: Option<String> =
            self.connection.prepare_cached(sql)?.query_row([series_id], |row| row.get(0)).optional()?;
        let parse = |uid: String| {
            SopInstanceUid::parse(&uid)
                .map_err(|_not_a_uid| Error::Content { expected: "a SOPInstanceUID", found: uid })
        };
        found.map(parse).transpose()
    }

    /// The `StudyID` that was listed with the study of a series.
    pub fn study_id(&self, series: &Series) -> Result<Option<String>, Error> {
        let Series { collection, patient_id, study_instance_uid, .. } = series;
        let sql = "SELECT study_id FROM study WHERE collection = ?1 AND patient_id = ?2 AND study_instance_uid = ?3";
        let place = [collection.as_str(), patient_id.as_str(), study_instance_uid.as_str()];
        let found = self.connection.prepare_cached(sql)?.query_row(place, |row| row.get(0)).optional()?;
        Ok(found.flatten())
    }
}
