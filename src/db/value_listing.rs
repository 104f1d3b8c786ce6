//! What the mirror can tell of its series beside their rows: values and how many patients have them, everything that
//! is known of some series, what collections are, and the MD5s of the instances.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::listing::{Condition, each_row, of_first, placed_series};
use super::{EachRow, Error, Reader, ServedFilter};

/// What tells a patient from another, and a study.
const PATIENT: [&str; 2] = ["collection", "patient_id"];
const STUDY: [&str; 3] = ["collection", "patient_id", "study_instance_uid"];

/// An attribute whose values are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "DICOM keywords and the service's columns, see crate::dicom")]
pub enum ValuesOf {
    Collection,
    Modality,
    BodyPartExamined,
    Manufacturer,
    SpeciesDescription,
}

/// How values are spelled; values that are spelled alike are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capitals {
    /// As they were listed.
    AsListed,
    /// Every letter from `a` to `z` as a capital.
    Only,
}

/// The MD5s of one series in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Md5s {
    /// Its patient.
    pub patient_id: String,
    /// Its study.
    pub study_instance_uid: String,
    /// The MD5 of each of its files, ascending.
    pub md5s: Vec<[u8; 16]>,
}

/// Is given one series after the other, until it breaks off.
pub type EachMd5s<'a> = &'a mut dyn FnMut(Md5s) -> ControlFlow<()>;

impl ValuesOf {
    fn keyword_and_column(self) -> (&'static str, String) {
        let (keyword, column) = match self {
            Self::Collection => ("Collection", "placed.collection"),
            Self::Modality => ("Modality", "placed.modality"),
            Self::BodyPartExamined => ("BodyPartExamined", "placed.body_part_examined"),
            Self::Manufacturer => ("Manufacturer", "placed.manufacturer"),
            Self::SpeciesDescription => {
                return (
                    "SpeciesDescription",
                    of_first("patient", "species_description", "placed", &PATIENT),
                );
            }
        };
        (keyword, column.to_owned())
    }
}

impl Capitals {
    fn spelled(self, column: &str) -> String {
        match self {
            Self::AsListed => column.to_owned(),
            Self::Only => format!("upper({column})"),
        }
    }
}

impl Reader {
    /// The values of an attribute, each once, in the order of their bytes; null, where series have none, comes first.
    pub fn served_values(
        &self,
        of: ValuesOf,
        capitals: Capitals,
        filter: &ServedFilter,
        each: EachRow<'_>,
    ) -> Result<(), Error> {
        let Condition { narrowed, values, .. } = filter.condition();
        let (keyword, column) = of.keyword_and_column();
        let value = capitals.spelled(&column);
        let sql = format!(
            "SELECT json_object('{keyword}', value)
             FROM (SELECT DISTINCT {value} AS value FROM placed WHERE {narrowed})
             ORDER BY value"
        );
        each_row(self.connection(), &sql, &values, each)
    }

    /// The same values, each with the number of patients that have a series with it.
    pub fn served_value_counts(
        &self,
        of: ValuesOf,
        capitals: Capitals,
        filter: &ServedFilter,
        each: EachRow<'_>,
    ) -> Result<(), Error> {
        let Condition { narrowed, values, .. } = filter.condition();
        let (keyword, column) = of.keyword_and_column();
        let value = capitals.spelled(&column);
        let sql = format!(
            "SELECT json_object('{keyword}', value, 'Count', count(*), 'Authorized', '1')
             FROM (SELECT DISTINCT {value} AS value, placed.collection, placed.patient_id
                   FROM placed WHERE {narrowed})
             GROUP BY value ORDER BY value"
        );
        each_row(self.connection(), &sql, &values, each)
    }

    /// Each `PatientID` that has a series in the tree, in the order of their bytes.
    pub fn served_patient_ids(&self, filter: &ServedFilter, each: EachRow<'_>) -> Result<(), Error> {
        let Condition { narrowed, values, .. } = filter.condition();
        let sql = format!(
            "SELECT json_object('PatientID', patient_id, 'Authorized', '1')
             FROM (SELECT DISTINCT placed.collection, placed.patient_id FROM placed WHERE {narrowed})
             ORDER BY patient_id"
        );
        each_row(self.connection(), &sql, &values, each)
    }

    /// Everything that is known of some series, of their studies and of their patients; those that do not lie in the
    /// tree are left out. What the older generations list of studies and patients alone is taken from there.
    pub fn served_metadata(&self, series_instance_uids: &[String], each: EachRow<'_>) -> Result<(), Error> {
        let patient = |column: &str| of_first("patient", column, "placed", &PATIENT);
        let study = |column: &str| of_first("study", column, "placed", &STUDY);
        let own_or = |column: &str, other: String| format!("coalesce(placed.{column}, {other})");
        let more = [
            ("PatientName", patient("patient_name")),
            ("EthnicGroup", patient("ethnic_group")),
            ("PatientSex", own_or("patient_sex", patient("patient_sex"))),
            ("PatientAge", own_or("patient_age", study("patient_age"))),
            ("StudyDate", own_or("study_date", study("study_date"))),
            ("StudyDescription", own_or("study_description", study("study_description"))),
            (
                "AdmittingDiagnosesDescription",
                own_or("admitting_diagnoses_description", study("admitting_diagnoses_description")),
            ),
            ("Phantom", patient("phantom")),
            ("SpeciesCode", patient("species_code")),
            ("SpeciesDescription", patient("species_description")),
            ("StudyID", study("study_id")),
            ("LongitudinalTemporalEventType", study("longitudinal_temporal_event_type")),
            ("LongitudinalTemporalOffsetFromEvent", study("longitudinal_temporal_offset_from_event")),
        ];
        let more = more.map(|(keyword, value)| format!(", '$.{keyword}', {value}"));
        let row = placed_series(&more.concat());
        let sql = format!(
            "SELECT {row} FROM placed WHERE placed.series_instance_uid IN (SELECT value FROM json_each(?))"
        );
        let uids = serde_json::Value::from(series_instance_uids).to_string();
        each_row(self.connection(), &sql, &[uids], each)
    }

    /// What is known of collections themselves: a number of their own, and the address that describes their data.
    pub fn served_descriptions(&self, filter: &ServedFilter, each: EachRow<'_>) -> Result<(), Error> {
        let Condition { narrowed, values, .. } = filter.condition();
        let sql = format!(
            "SELECT json_object('Collection', placed.collection, 'Id', min(series_id),
                 'DataDescriptionURI', max(placed.data_description_uri))
             FROM placed WHERE {narrowed} GROUP BY placed.collection ORDER BY placed.collection"
        );
        each_row(self.connection(), &sql, &values, each)
    }

    /// The MD5 of an image in the tree; each series is looked into, since the service asks without naming one.
    pub fn served_md5(&self, sop_instance_uid: &str) -> Result<Option<[u8; 16]>, Error> {
        let sql = "SELECT md5 FROM instance
                   WHERE series_id IN (SELECT series_id FROM placed) AND sop_instance_uid = ? LIMIT 1";
        let mut statement = self.connection().prepare_cached(sql)?;
        Ok(statement.query_row([sop_instance_uid], |row| row.get(0)).optional()?)
    }

    /// The MD5s of series in the tree; those of a patient, and in it those of a study, one behind the other.
    pub fn served_md5s(&self, filter: &ServedFilter, each: EachMd5s<'_>) -> Result<(), Error> {
        let Condition { narrowed, values, .. } = filter.condition();
        let sql = format!(
            "SELECT series_id, placed.patient_id, placed.study_instance_uid FROM placed WHERE {narrowed}
             ORDER BY placed.patient_id, placed.study_instance_uid, series_id"
        );
        let snapshot = self.connection().unchecked_transaction()?;
        let mut statement = snapshot.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let md5s = ascending_md5s(&snapshot, row.get(0)?)?;
            let series = Md5s { patient_id: row.get(1)?, study_instance_uid: row.get(2)?, md5s };
            if each(series).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn ascending_md5s(connection: &Connection, series_id: i64) -> Result<Vec<[u8; 16]>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT md5 FROM instance WHERE series_id = ? ORDER BY md5")?;
    let md5s = statement.query_map([series_id], |row| row.get(0))?;
    Ok(md5s.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Db, sample};
    use super::*;
    use crate::dicom::{Instance, Patient, Study};

    struct Record {
        db: Db,
        reader: Reader,
        _directory: tempfile::TempDir,
    }

    /// Two patients of one collection, one of another; of the last only the names are known.
    async fn record() -> Record {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.sqlite");
        let db = Db::open(&path).unwrap();
        let reader = Reader::open(&path).unwrap();
        let series = [
            json!({"SeriesInstanceUID": "1.1", "Modality": "CT", "Manufacturer": "Ge", "BodyPartExamined": "Chest"}),
            json!({"SeriesInstanceUID": "1.2", "Modality": "CT", "Manufacturer": "GE", "DataDescriptionURI": "https://x/y"}),
            json!({"SeriesInstanceUID": "1.3", "Modality": "MR", "PatientID": "P-2", "StudyInstanceUID": "2.2"}),
            json!({"SeriesInstanceUID": "1.4", "Modality": "CT", "Collection": "B"}),
        ];
        for (number, columns) in (1..).zip(series) {
            place(&db, columns, number).await;
        }
        store_names(&db).await;
        Record { db, reader, _directory: directory }
    }

    async fn place(db: &Db, mut columns: Value, number: u8) {
        for (name, value) in [("Collection", "A"), ("PatientID", "P-1"), ("StudyInstanceUID", "2.1")] {
            columns.as_object_mut().unwrap().entry(name).or_insert_with(|| value.into());
        }
        let instance = |last: u8| Instance {
            md5: [number + last; 16],
            ..sample::instance(&format!("1.{number}.{last}"), 5)
        };
        let instances = vec![instance(1), instance(0)];
        sample::place(db, &sample::series(columns), instances, None, sample::PLACED_AT).await;
    }

    async fn store_names(db: &Db) {
        let walk = db.begin_walk("x", "http://x", "nbia-v4", 0).await.unwrap().walk_id;
        let patients = ["P-1", "P-2"].map(|patient| -> Patient {
            let names = json!({"Collection": "A", "PatientID": patient, "PatientName": "N", "SpeciesDescription": "Mus"});
            serde_json::from_value(names).unwrap()
        });
        db.store_patients(walk, patients.to_vec()).await.unwrap();
        let study: Study = serde_json::from_value(
            json!({"Collection": "A", "PatientID": "P-1", "StudyInstanceUID": "2.1", "StudyID": "S"}),
        )
        .unwrap();
        db.store_studies(walk, vec![study]).await.unwrap();
    }

    fn rows(list: impl FnOnce(EachRow<'_>) -> Result<(), Error>) -> Vec<Value> {
        let mut rows = Vec::new();
        list(&mut |row| {
            rows.push(Value::Object(row));
            ControlFlow::Continue(())
        })
        .unwrap();
        rows
    }

    fn of_collection(name: &str) -> ServedFilter {
        ServedFilter { collection: Some(name.to_owned()), ..ServedFilter::default() }
    }

    #[tokio::test]
    async fn each_value_is_listed_once_and_null_first() {
        let Record { db, reader, .. } = record().await;
        sample::list(
            &db,
            &sample::series(json!({"Collection": "A", "PatientID": "P", "StudyInstanceUID": "2.9",
            "SeriesInstanceUID": "1.9", "Modality": "not in the tree"})),
        )
        .await;
        let all = ServedFilter::default();
        let listed = |of, capitals, filter: &ServedFilter| {
            rows(|each| reader.served_values(of, capitals, filter, each))
        };

        let modalities = listed(ValuesOf::Modality, Capitals::AsListed, &all);
        assert_eq!(modalities, [json!({"Modality": "CT"}), json!({"Modality": "MR"})]);
        let of_b = listed(ValuesOf::Modality, Capitals::AsListed, &of_collection("b"));
        assert_eq!(of_b, [json!({"Modality": "CT"})]);
        let mixed = listed(ValuesOf::Manufacturer, Capitals::AsListed, &all);
        assert_eq!(
            mixed,
            [Value::Null, "GE".into(), "Ge".into()].map(|value| json!({"Manufacturer": value}))
        );
        let capitals = listed(ValuesOf::Manufacturer, Capitals::Only, &all);
        assert_eq!(capitals, [Value::Null, "GE".into()].map(|value| json!({"Manufacturer": value})));
        let parts = listed(ValuesOf::BodyPartExamined, Capitals::Only, &all);
        assert_eq!(parts, [Value::Null, "CHEST".into()].map(|value| json!({"BodyPartExamined": value})));
    }

    #[tokio::test]
    async fn values_are_counted_by_patients_and_not_by_series() {
        let Record { reader, .. } = record().await;
        let all = ServedFilter::default();
        let counted = |of, filter: &ServedFilter| {
            rows(|each| reader.served_value_counts(of, Capitals::Only, filter, each))
        };
        let row = |keyword: &str, value: Value, count: u32| json!({keyword: value, "Count": count, "Authorized": "1"});

        let modalities = counted(ValuesOf::Modality, &all);
        assert_eq!(modalities, [row("Modality", "CT".into(), 2), row("Modality", "MR".into(), 1)]);
        let collections = counted(ValuesOf::Collection, &all);
        assert_eq!(collections, [row("Collection", "A".into(), 2), row("Collection", "B".into(), 1)]);
        let species = counted(ValuesOf::SpeciesDescription, &all);
        let expected = [(Value::Null, 1), ("MUS".into(), 2)];
        assert_eq!(species, expected.map(|(value, count)| row("SpeciesDescription", value, count)));
        let of_b = counted(ValuesOf::Manufacturer, &of_collection("B"));
        assert_eq!(of_b, [row("Manufacturer", Value::Null, 1)]);
    }

    #[tokio::test]
    async fn patients_with_a_modality_are_named() {
        let Record { reader, .. } = record().await;
        let filter = ServedFilter { modality: Some("ct".to_owned()), ..of_collection("A") };

        let patients = rows(|each| reader.served_patient_ids(&filter, each));

        assert_eq!(patients, [json!({"PatientID": "P-1", "Authorized": "1"})]);
    }

    #[tokio::test]
    async fn metadata_are_those_of_series_study_and_patient() {
        let Record { reader, .. } = record().await;
        let asked = ["1.2", "1.2", "1.4", "9.9", "' OR true"].map(str::to_owned);

        let mut found = rows(|each| reader.served_metadata(&asked, each));

        found.sort_by_key(|row| row["SeriesInstanceUID"].to_string());
        assert_eq!(found.len(), 2);
        assert_eq!((&found[0]["SeriesInstanceUID"], &found[0]["PatientName"]), (&json!("1.2"), &json!("N")));
        assert_eq!((&found[0]["StudyID"], &found[0]["ImageCount"]), (&json!("S"), &json!(2)));
        assert_eq!((&found[1]["SeriesInstanceUID"], &found[1]["StudyID"]), (&json!("1.4"), &Value::Null));
    }

    #[tokio::test]
    async fn collections_have_a_number_and_an_address() {
        let Record { reader, .. } = record().await;

        let all = rows(|each| reader.served_descriptions(&ServedFilter::default(), each));
        let none = rows(|each| reader.served_descriptions(&of_collection("C"), each));

        assert_eq!(all[0], json!({"Collection": "A", "Id": 1, "DataDescriptionURI": "https://x/y"}));
        assert_eq!(all[1], json!({"Collection": "B", "Id": 4, "DataDescriptionURI": null}));
        assert_eq!((all.len(), none.len()), (2, 0));
    }

    #[tokio::test]
    async fn md5s_come_ascending_and_by_patient_and_study() {
        let Record { reader, .. } = record().await;
        let mut found = Vec::new();

        let read = reader.served_md5s(&of_collection("A"), &mut |series| {
            found.push((series.patient_id, series.study_instance_uid, series.md5s));
            ControlFlow::Continue(())
        });

        read.unwrap();
        let expected =
            [("P-1", "2.1", 1), ("P-1", "2.1", 2), ("P-2", "2.2", 3)].map(|(patient, study, first)| {
                (patient.into(), study.into(), vec![[first; 16], [first + 1; 16]])
            });
        assert_eq!(found, expected);
    }
}
