//! What a collection or a patient of the mirror consists of: for looking around, as `ls` and `du` do.

use serde::Serialize;

use super::catalogue::read_all;
use super::placement::as_size;
use super::{Error, Reader};

/// A patient of a collection, in figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PatientReport {
    /// Whose collection it is.
    pub collection: String,
    /// Which.
    pub patient_id: String,
    /// Studies that were asked for.
    pub studies: u64,
    /// Series that were asked for.
    pub series: u64,
    /// Of those, in the tree.
    pub done: u64,
    /// Of those, given up.
    pub parked: u64,
    /// Instances in the tree.
    pub instances: u64,
    /// Bytes in the tree.
    pub bytes: u64,
}

/// A series of a patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each is the attribute it is named after")]
pub struct SeriesReport {
    pub collection: String,
    pub patient_id: String,
    pub study_instance_uid: String,
    pub series_instance_uid: String,
    pub modality: Option<String>,
    pub series_description: Option<String>,
    /// Of its job.
    pub state: String,
    /// In the tree.
    pub instances: u64,
    /// In the tree.
    pub bytes: u64,
    /// Where it lies, relative to the root.
    pub path: Option<String>,
}

impl Reader {
    /// The patients of a collection of whom anything was asked for.
    pub fn patients_of(&self, collection: &str) -> Result<Vec<PatientReport>, Error> {
        let sql = "SELECT patient_id, count(DISTINCT study_instance_uid), count(*), count(path),
                       count(*) FILTER (WHERE state = 'parked'), coalesce(sum(instance_count), 0),
                       coalesce(sum(size_bytes), 0)
                   FROM asked WHERE collection = ?1 GROUP BY patient_id ORDER BY patient_id";
        read_all(self.connection(), sql, [collection], |row| {
            Ok(PatientReport {
                collection: collection.to_owned(),
                patient_id: row.get(0)?,
                studies: as_size(row.get(1)?),
                series: as_size(row.get(2)?),
                done: as_size(row.get(3)?),
                parked: as_size(row.get(4)?),
                instances: as_size(row.get(5)?),
                bytes: as_size(row.get(6)?),
            })
        })
    }

    /// The series of a patient that were asked for.
    pub fn series_of(&self, collection: &str, patient_id: &str) -> Result<Vec<SeriesReport>, Error> {
        let sql = "SELECT study_instance_uid, series_instance_uid, modality, series_description, state,
                       coalesce(instance_count, 0), coalesce(size_bytes, 0), path
                   FROM asked WHERE collection = ?1 AND patient_id = ?2
                   ORDER BY study_instance_uid, series_instance_uid";
        read_all(self.connection(), sql, [collection, patient_id], |row| {
            Ok(SeriesReport {
                collection: collection.to_owned(),
                patient_id: patient_id.to_owned(),
                study_instance_uid: row.get(0)?,
                series_instance_uid: row.get(1)?,
                modality: row.get(2)?,
                series_description: row.get(3)?,
                state: row.get(4)?,
                instances: as_size(row.get(5)?),
                bytes: as_size(row.get(6)?),
                path: row.get(7)?,
            })
        })
    }
}
