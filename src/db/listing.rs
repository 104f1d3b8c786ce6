//! What the mirror can answer for: the series that lie in the tree, and the collections, patients and studies that
//! they belong to.
//!
//! Rows carry the keywords of [`crate::dicom`]; what they are called on the wire is none of this module's business.

use std::ops::ControlFlow;

use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use serde_json::{Map, Value};

use super::catalogue::read_json;
use super::columns::{self, Columns};
use super::instance::{read_instance, read_instances};
use super::{Error, Reader};
use crate::dicom::Instance;

/// One row of a list, by keyword; what is not known is null.
pub type ListedRow = Map<String, Value>;

/// Is given one row after the other, until it breaks off.
pub type EachRow<'a> = &'a mut dyn FnMut(ListedRow) -> ControlFlow<()>;

/// Which part of the mirror is asked about; what is `None` is not asked for.
///
/// Everything but the UIDs is compared without regard to capitals, as version 4 of the service does, unless they are
/// to be minded, as version 1 does (NBIA-TCIA 865725e, `GeneralSeriesDAOImpl.java`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "DICOM keywords, see crate::dicom")]
pub struct ServedFilter {
    pub collection: Option<String>,
    pub patient_id: Option<String>,
    pub study_instance_uid: Option<String>,
    pub series_instance_uid: Option<String>,
    pub modality: Option<String>,
    pub body_part_examined: Option<String>,
    pub manufacturer: Option<String>,
    pub manufacturer_model_name: Option<String>,
    /// Whether the modality and the three behind it are compared capital by capital; names never are.
    pub minds_capitals: bool,
    /// Only what any of its series was released then; for a series without a date of release the day counts on which
    /// it was placed.
    pub released: Option<Released>,
}

/// When something was made public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// On that day or later.
    Since(Date),
    /// Later than that day.
    After(Date),
}

/// One series in the tree, with all that is needed to hand it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedSeries {
    /// Its UID as it is recorded.
    pub series_instance_uid: String,
    /// Where it lies, relative to the root.
    pub path: String,
    /// SHA-256 of its licence text, when there is one.
    pub license_sha256: Option<[u8; 32]>,
    /// Its instances, in the order of their UIDs.
    pub instances: Vec<Instance>,
}

/// One instance in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedInstance {
    /// Where its series lies, relative to the root.
    pub path: String,
    /// What its file is.
    pub instance: Instance,
}

/// The day from which a series counts as new.
const RELEASED: &str = "CASE WHEN placed.date_released GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        THEN substr(placed.date_released, 1, 10) ELSE date(placed.placed_at, 'unixepoch') END";

impl Reader {
    /// Every collection that has a series in the tree, in the order of their bytes.
    pub fn served_collections(&self, each: EachRow<'_>) -> Result<(), Error> {
        // those of which a series was ever asked for: few, where there are many series
        let sql = "SELECT json_object('Collection', asked_for.collection)
                   FROM (SELECT DISTINCT collection FROM job_sum) AS asked_for
                   WHERE EXISTS (SELECT 1 FROM placed WHERE placed.collection = asked_for.collection)
                   ORDER BY asked_for.collection";
        each_row(self.connection(), sql, &[], each)
    }

    /// Patients that have a series in the tree, in no order; one that was never listed by itself has no more than its
    /// names.
    pub fn served_patients(&self, filter: &ServedFilter, each: EachRow<'_>) -> Result<(), Error> {
        let Condition { narrowed, released, values } = filter.condition();
        let patient = row_or_names("patient", columns::PATIENT, &["Collection", "PatientID"]);
        let sql = format!(
            "SELECT {patient}
             FROM (SELECT collection, patient_id FROM placed
                   WHERE {narrowed} GROUP BY 1, 2 HAVING max({released})) AS served"
        );
        each_row(self.connection(), &sql, &values, each)
    }

    /// Studies that have a series in the tree, with the number of those, under the same rules.
    pub fn served_studies(&self, filter: &ServedFilter, each: EachRow<'_>) -> Result<(), Error> {
        let Condition { narrowed, released, values } = filter.condition();
        let study = row_or_names("study", columns::STUDY, &["Collection", "PatientID", "StudyInstanceUID"]);
        let sql = format!(
            "SELECT json_set({study}, '$.SeriesCount', served.series_count)
             FROM (SELECT collection, patient_id, study_instance_uid, count(*) AS series_count FROM placed
                   WHERE {narrowed} GROUP BY 1, 2, 3 HAVING max({released})) AS served"
        );
        each_row(self.connection(), &sql, &values, each)
    }

    /// Series in the tree, in no order; what they count and weigh, and of when they are, is told of the version that
    /// lies there and not of the one that was listed last.
    pub fn served_series(&self, filter: &ServedFilter, each: EachRow<'_>) -> Result<(), Error> {
        let Condition { narrowed, released, values } = filter.condition();
        let series = placed_series("");
        let sql = format!("SELECT {series} FROM placed WHERE {narrowed} AND {released}");
        each_row(self.connection(), &sql, &values, each)
    }

    /// Bytes and objects of one series in the tree; no row when it is not there.
    pub fn served_size(&self, series_instance_uid: &str, each: EachRow<'_>) -> Result<(), Error> {
        let sql = "SELECT json_object('TotalSizeInBytes', size_bytes, 'ObjectCount', instance_count)
                   FROM placed WHERE series_instance_uid = ?";
        each_row(self.connection(), sql, &[series_instance_uid.to_owned()], each)
    }

    /// The SOPInstanceUIDs of one series in the tree.
    pub fn served_instances(&self, series_instance_uid: &str, each: EachRow<'_>) -> Result<(), Error> {
        let sql = "SELECT json_object('SOPInstanceUID', sop_instance_uid) FROM instance
                   WHERE series_id = (SELECT series_id FROM placed WHERE series_instance_uid = ?)
                   ORDER BY sop_instance_uid";
        each_row(self.connection(), sql, &[series_instance_uid.to_owned()], each)
    }

    /// One series in the tree with its instances, all of one moment.
    pub fn one_served_series(&self, series_instance_uid: &str) -> Result<Option<ServedSeries>, Error> {
        let snapshot = self.connection().unchecked_transaction()?;
        let sql = "SELECT series_id, series_instance_uid, path, license_sha256
                   FROM placed WHERE series_instance_uid = ?1";
        let found = snapshot.prepare_cached(sql)?.query_row([series_instance_uid], |row| {
            let series = ServedSeries {
                series_instance_uid: row.get(1)?,
                path: row.get(2)?,
                license_sha256: row.get(3)?,
                instances: Vec::new(),
            };
            Ok((row.get::<_, i64>(0)?, series))
        });
        let Some((series_id, series)) = found.optional()? else { return Ok(None) };
        let instances = read_instances(&snapshot, "instance", series_id)?;
        Ok(Some(ServedSeries { instances, ..series }))
    }

    /// One instance in the tree.
    pub fn one_served_instance(
        &self,
        series_instance_uid: &str,
        sop_instance_uid: &str,
    ) -> Result<Option<ServedInstance>, Error> {
        let sql = "SELECT sop_instance_uid, size_bytes, crc32, md5, sha256,
                       (SELECT path FROM placed WHERE placed.series_id = instance.series_id)
                   FROM instance WHERE sop_instance_uid = ?2
                       AND series_id = (SELECT series_id FROM placed WHERE series_instance_uid = ?1)";
        let mut statement = self.connection().prepare_cached(sql)?;
        let mut rows = statement.query([series_instance_uid, sop_instance_uid])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(ServedInstance { path: row.get(5)?, instance: read_instance(row)? }))
    }
}

/// A filter as SQL, with what is bound to it, in its order.
pub(super) struct Condition {
    /// What each series must be.
    pub(super) narrowed: String,
    /// How new each series, or the newest of a group, must be; stands behind `narrowed`.
    pub(super) released: String,
    pub(super) values: Vec<String>,
}

impl ServedFilter {
    pub(super) fn condition(&self) -> Condition {
        let alike = if self.minds_capitals { "" } else { " COLLATE NOCASE" };
        let attribute = |column: &str| format!("placed.{column} = ?{alike}");
        let same_collection =
            "placed.collection IN (SELECT collection FROM job_sum WHERE collection = ? COLLATE NOCASE)"
                .to_owned();
        let asked = [
            (&self.collection, same_collection),
            (&self.patient_id, "placed.patient_id = ? COLLATE NOCASE".to_owned()),
            (&self.study_instance_uid, "placed.study_instance_uid = ?".to_owned()),
            (&self.series_instance_uid, "placed.series_instance_uid = ?".to_owned()),
            (&self.modality, attribute("modality")),
            (&self.body_part_examined, attribute("body_part_examined")),
            (&self.manufacturer, attribute("manufacturer")),
            (&self.manufacturer_model_name, attribute("manufacturer_model_name")),
        ];
        let asked: Vec<_> =
            asked.into_iter().filter_map(|(value, sql)| Some((value.clone()?, sql))).collect();
        let narrowed = asked.iter().map(|(_, sql)| sql.as_str()).chain(["true"]).collect::<Vec<_>>();
        let (released, day) = match self.released {
            None => ("true".to_owned(), None),
            Some(Released::Since(day)) => (format!("({RELEASED}) >= ?"), Some(day.to_string())),
            Some(Released::After(day)) => (format!("({RELEASED}) > ?"), Some(day.to_string())),
        };
        let narrowed = narrowed.join(" AND ");
        Condition {
            narrowed,
            released,
            values: asked.into_iter().map(|(value, _)| value).chain(day).collect(),
        }
    }
}

/// An expression that gives a series as it lies in the tree, with `more` paths and values of it.
pub(super) fn placed_series(more: &str) -> String {
    let series = columns::as_json("placed", columns::SERIES);
    format!(
        "json_set({series}, '$.ImageCount', placed.instance_count, '$.FileSize', placed.size_bytes,
             '$.SubmissionTimestamp',
             coalesce(placed.listed_submission_timestamp, placed.submission_timestamp){more})"
    )
}

/// An expression that gives the row of `table` with these names of `served`, or no more than the names.
fn row_or_names(table: &str, columns: Columns, names: &[&str]) -> String {
    let (keywords, names): (Vec<_>, Vec<_>) = columns
        .iter()
        .filter(|(keyword, _)| names.contains(keyword))
        .map(|(keyword, column)| (format!("'{keyword}', served.{column}"), *column))
        .unzip();
    let row = of_first(table, &columns::as_json(table, columns), "served", &names);
    format!("coalesce({row}, json_object({}))", keywords.join(", "))
}

/// An expression that gives `what` of the first row of `table` that has these names in common with a row of `outer`.
///
/// What is joined instead is read as a whole where it is a view over several records.
pub(super) fn of_first(table: &str, what: &str, outer: &str, names: &[&str]) -> String {
    let same: Vec<_> = names.iter().map(|name| format!("{table}.{name} = {outer}.{name}")).collect();
    format!("(SELECT {what} FROM {table} WHERE {} LIMIT 1)", same.join(" AND "))
}

/// Hands out the JSON in the first column of a query, row by row.
pub(super) fn each_row(
    connection: &Connection,
    sql: &str,
    values: &[String],
    each: EachRow<'_>,
) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        if each(read_json(&row.get::<_, String>(0)?)?).is_break() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Db, sample};
    use super::*;
    use crate::dicom::{Patient, Series, Study};

    struct Record {
        db: Db,
        reader: Reader,
        _directory: tempfile::TempDir,
    }

    fn record() -> Record {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.sqlite");
        let db = Db::open(&path).unwrap();
        let reader = Reader::open(&path).unwrap();
        Record { db, reader, _directory: directory }
    }

    fn series(uid: &str, others: &Value) -> Series {
        let mut columns = json!({
            "Collection": "TCGA-GBM", "PatientID": "P-1", "StudyInstanceUID": "1.2", "SeriesInstanceUID": uid
        });
        columns.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        sample::series(columns)
    }

    async fn place(db: &Db, series: &Series) -> i64 {
        sample::place(db, series, vec![sample::instance("1.2.3.4", 7)], None, sample::PLACED_AT).await
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

    fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
        rows.sort_by_key(|row| [&row["PatientID"], &row["StudyInstanceUID"]].map(ToString::to_string));
        rows
    }

    fn uids(reader: &Reader, filter: &ServedFilter) -> Vec<String> {
        let mut uids: Vec<_> = rows(|each| reader.served_series(filter, each))
            .iter()
            .map(|row| row["SeriesInstanceUID"].as_str().unwrap().to_owned())
            .collect();
        uids.sort_unstable();
        uids
    }

    #[tokio::test]
    async fn only_what_lies_in_the_tree_is_served_and_counted_as_it_lies_there() {
        let Record { db, reader, .. } = record();
        let mut placed =
            series("1.2.3", &json!({"ImageCount": 9, "FileSize": 900, "SubmissionTimestamp": "2020-01-01"}));
        let instances = vec![sample::instance("1.2.3.4", 7), sample::instance("1.2.3.5", 8)];
        sample::place(&db, &placed, instances, None, sample::PLACED_AT).await;
        placed.submission_timestamp = Some("2024-01-01".to_owned());
        sample::list(&db, &placed).await;
        sample::list(&db, &series("1.2.9", &json!({"Collection": "Not fetched"}))).await;

        let listed = rows(|each| reader.served_series(&ServedFilter::default(), each));

        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0]["SeriesInstanceUID"], "1.2.3");
        assert_eq!((&listed[0]["ImageCount"], &listed[0]["FileSize"]), (&json!(2), &json!(15)));
        assert_eq!(listed[0]["SubmissionTimestamp"], "2020-01-01");
        assert_eq!(listed[0]["Modality"], Value::Null);
        let collections = rows(|each| reader.served_collections(each));
        assert_eq!(collections, [json!({"Collection": "TCGA-GBM"})]);
        let size = rows(|each| reader.served_size("1.2.3", each));
        assert_eq!(size, [json!({"TotalSizeInBytes": 15, "ObjectCount": 2})]);
        let instances = rows(|each| reader.served_instances("1.2.3", each));
        assert_eq!(instances, [json!({"SOPInstanceUID": "1.2.3.4"}), json!({"SOPInstanceUID": "1.2.3.5"})]);
        assert!(rows(|each| reader.served_size("1.2.9", each)).is_empty());
        assert!(rows(|each| reader.served_instances("1.2.9", each)).is_empty());
        assert!(reader.one_served_series("1.2.9").unwrap().is_none());
        assert!(reader.one_served_instance("1.2.9", "1.2.3.4").unwrap().is_none());
    }

    #[tokio::test]
    async fn collections_come_in_the_order_of_their_bytes() {
        let Record { db, reader, .. } = record();
        for (uid, collection) in [("1.1", "b"), ("1.2", "B-mode"), ("1.3", "4D-Lung"), ("1.4", "B-mode")] {
            place(&db, &series(uid, &json!({"Collection": collection}))).await;
        }

        let collections = rows(|each| reader.served_collections(each));

        let names: Vec<_> = collections.iter().map(|row| row["Collection"].as_str().unwrap()).collect();
        assert_eq!(names, ["4D-Lung", "B-mode", "b"]);
    }

    #[tokio::test]
    async fn every_filter_narrows_and_only_uids_mind_capitals() {
        let Record { db, reader, .. } = record();
        let ct = json!({"Modality": "CT", "BodyPartExamined": "CHEST", "Manufacturer": "GE \"X\"", "ManufacturerModelName": "M1"});
        place(&db, &series("1.2.3", &ct)).await;
        let other = json!({"Collection": "tcga-gbm", "PatientID": "P'2", "StudyInstanceUID": "1.9", "Modality": "MR"});
        place(&db, &series("1.2.4", &other)).await;
        let filter = ServedFilter::default;
        let is = |text: &str| Some(text.to_owned());

        let exact = |modality: &str| ServedFilter {
            modality: is(modality),
            collection: is("TCGA-gbm"),
            minds_capitals: true,
            ..filter()
        };
        let cases: [(ServedFilter, &[&str]); 14] = [
            (exact("ct"), &[]),
            (exact("CT"), &["1.2.3"]),
            (filter(), &["1.2.3", "1.2.4"]),
            (ServedFilter { collection: is("Tcga-gbM"), ..filter() }, &["1.2.3", "1.2.4"]),
            (ServedFilter { collection: is("Tcga"), ..filter() }, &[]),
            (ServedFilter { collection: is(""), ..filter() }, &[]),
            (ServedFilter { patient_id: is("p'2"), ..filter() }, &["1.2.4"]),
            (ServedFilter { study_instance_uid: is("1.9"), ..filter() }, &["1.2.4"]),
            (ServedFilter { series_instance_uid: is("1.2.3"), ..filter() }, &["1.2.3"]),
            (ServedFilter { modality: is("ct"), ..filter() }, &["1.2.3"]),
            (ServedFilter { body_part_examined: is("Chest"), ..filter() }, &["1.2.3"]),
            (ServedFilter { manufacturer: is("ge \"x\""), ..filter() }, &["1.2.3"]),
            (ServedFilter { manufacturer_model_name: is("m1"), modality: is("CT"), ..filter() }, &["1.2.3"]),
            (ServedFilter { modality: is("CT' OR '1'='1"), ..filter() }, &[]),
        ];

        for (filter, expected) in cases {
            assert_eq!(uids(&reader, &filter), expected, "{filter:?}");
        }
    }

    #[tokio::test]
    async fn patients_and_studies_that_were_never_listed_are_made_from_their_series() {
        let Record { db, reader, .. } = record();
        place(&db, &series("1.2.3", &json!({}))).await;
        place(&db, &series("1.2.4", &json!({}))).await;
        place(&db, &series("1.3.1", &json!({"PatientID": "P-2", "StudyInstanceUID": "1.3"}))).await;
        sample::list(&db, &series("1.2.5", &json!({}))).await;
        let walk = db.begin_walk("x", "http://x", "nbia-v4", 0).await.unwrap().walk_id;
        let names = json!({"Collection": "TCGA-GBM", "PatientID": "P-2", "PatientSex": "F"});
        let patient: Patient = serde_json::from_value(names).unwrap();
        db.store_patients(walk, vec![patient]).await.unwrap();
        let names = json!({"Collection": "TCGA-GBM", "PatientID": "P-2", "StudyInstanceUID": "1.3", "StudyID": "S", "SeriesCount": 9});
        let study: Study = serde_json::from_value(names).unwrap();
        db.store_studies(walk, vec![study]).await.unwrap();

        let patients = sorted(rows(|each| reader.served_patients(&ServedFilter::default(), each)));
        let studies = sorted(rows(|each| reader.served_studies(&ServedFilter::default(), each)));

        assert_eq!(patients.len(), 2);
        assert_eq!(patients[0], json!({"Collection": "TCGA-GBM", "PatientID": "P-1"}));
        assert_eq!((&patients[1]["PatientID"], &patients[1]["PatientSex"]), (&json!("P-2"), &json!("F")));
        let made = json!({"Collection": "TCGA-GBM", "PatientID": "P-1", "StudyInstanceUID": "1.2", "SeriesCount": 2});
        assert_eq!(studies.len(), 2);
        assert_eq!(studies[0], made);
        assert_eq!((&studies[1]["StudyID"], &studies[1]["SeriesCount"]), (&json!("S"), &json!(1)));
    }

    #[tokio::test]
    async fn a_study_under_two_patients_is_two_rows() {
        let Record { db, reader, .. } = record();
        place(&db, &series("1.2.3", &json!({}))).await;
        place(&db, &series("1.2.4", &json!({"PatientID": "P-2"}))).await;
        let filter = ServedFilter { study_instance_uid: Some("1.2".to_owned()), ..ServedFilter::default() };

        let studies = rows(|each| reader.served_studies(&filter, each));

        assert_eq!(studies.len(), 2);
        assert!(studies.iter().all(|study| study["SeriesCount"] == 1));
    }

    #[tokio::test]
    async fn a_patient_and_a_study_are_new_when_any_of_their_series_is() {
        let Record { db, reader, .. } = record();
        place(&db, &series("1.2.3", &json!({"DateReleased": "2012-05-10 10:00:00"}))).await;
        place(&db, &series("1.2.4", &json!({"DateReleased": "2023-08-07"}))).await;
        place(&db, &series("1.3.1", &json!({"PatientID": "P-2", "DateReleased": "2012-05-10"}))).await;
        // without a date, or with one that could not be read, the day of its placing counts: 2024-02-03
        place(&db, &series("1.4.1", &json!({"PatientID": "P-3"}))).await;
        place(&db, &series("1.5.1", &json!({"PatientID": "P-4", "DateReleased": "Mon Nov 04"}))).await;
        let since = |day: &str| ServedFilter {
            released: Some(Released::Since(day.parse().unwrap())),
            ..ServedFilter::default()
        };

        let cases: [(&str, &[&str]); 5] = [
            ("2012-05-10", &["P-1", "P-2", "P-3", "P-4"]),
            ("2012-05-11", &["P-1", "P-3", "P-4"]),
            ("2023-08-07", &["P-1", "P-3", "P-4"]),
            ("2023-08-08", &["P-3", "P-4"]),
            ("2024-02-04", &[]),
        ];

        for (day, expected) in cases {
            let patients = sorted(rows(|each| reader.served_patients(&since(day), each)));
            let names: Vec<_> = patients.iter().map(|row| row["PatientID"].as_str().unwrap()).collect();
            assert_eq!(names, expected, "{day}");
            let studies = rows(|each| reader.served_studies(&since(day), each));
            assert_eq!(studies.len(), expected.len(), "{day}");
        }
        let studies = sorted(rows(|each| reader.served_studies(&since("2023-08-07"), each)));
        assert_eq!(studies[0]["SeriesCount"], 2);
        assert_eq!(uids(&reader, &since("2023-08-07")), ["1.2.4", "1.4.1", "1.5.1"]);
        let after = Released::After("2023-08-07".parse().unwrap());
        let filter = ServedFilter { released: Some(after), ..ServedFilter::default() };
        assert_eq!(uids(&reader, &filter), ["1.4.1", "1.5.1"]);
    }

    #[tokio::test]
    async fn a_list_can_be_broken_off() {
        let Record { db, reader, .. } = record();
        for uid in ["1.1", "1.2", "1.3"] {
            place(&db, &series(uid, &json!({}))).await;
        }
        let mut taken = 0;

        let read = reader.served_series(&ServedFilter::default(), &mut |_| {
            taken += 1;
            if taken == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });

        read.unwrap();
        assert_eq!(taken, 2);
    }

    #[tokio::test]
    async fn a_series_comes_with_its_place_its_licence_and_its_instances() {
        let Record { db, reader, .. } = record();
        let placed = series("1.2.3", &json!({}));
        let instances = vec![sample::instance("1.2.3.4", 7), sample::instance("1.2.3.5", 8)];
        sample::place(&db, &placed, instances.clone(), Some([3; 32]), sample::PLACED_AT).await;

        let series = reader.one_served_series("1.2.3").unwrap().unwrap();
        let instance = reader.one_served_instance("1.2.3", "1.2.3.5").unwrap().unwrap();

        assert_eq!(series.path, "TCGA-GBM/P-1/1.2/1.2.3");
        assert_eq!(series.license_sha256, Some([3; 32]));
        assert_eq!(series.instances, instances);
        assert_eq!((instance.path, &instance.instance), (series.path, &instances[1]));
        assert!(reader.one_served_instance("1.2.3", "1.2.3.6").unwrap().is_none());
    }
}
