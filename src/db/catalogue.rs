//! What the service lists: collections, patients, studies, series.

use rusqlite::{Connection, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::columns::{self, Columns};
use super::placement::{LOCAL_COLUMNS, Local};
use super::{Db, Error};
use crate::dicom::{CollectionName, Patient, Series, SeriesInstanceUid, Study};

/// A series that a walk has listed, and what the mirror has of it.
#[derive(Clone, Debug)]
pub struct ListedSeries {
    /// Its row in the record.
    pub series_id: i64,
    /// The last walk that listed it.
    pub walk_id: i64,
    /// As the service lists it.
    pub series: Series,
    /// As the mirror knows it, when it was ever asked for.
    pub local: Option<Local>,
}

impl Db {
    /// Records patients that a walk has listed.
    pub async fn store_patients(&self, walk_id: i64, patients: Vec<Patient>) -> Result<(), Error> {
        self.call(move |connection| {
            for collection in patients.iter().map(|patient| &patient.collection) {
                store_collection(connection, walk_id, collection)?;
            }
            store(connection, "patient", columns::PATIENT, "collection, patient_id", walk_id, &patients)
        })
        .await
    }

    /// Records studies that a walk has listed.
    pub async fn store_studies(&self, walk_id: i64, studies: Vec<Study>) -> Result<(), Error> {
        let key = "collection, patient_id, study_instance_uid";
        self.call(move |connection| store(connection, "study", columns::STUDY, key, walk_id, &studies)).await
    }

    /// Records series that a walk has listed.
    pub async fn store_series(&self, walk_id: i64, series: Vec<Series>) -> Result<(), Error> {
        self.call(move |connection| {
            store(connection, "series", columns::SERIES, "series_instance_uid", walk_id, &series)
        })
        .await
    }

    /// Records what the service lists of one series now, between two walks.
    pub async fn relist_series(&self, series: Series) -> Result<(), Error> {
        self.call(move |connection| {
            let sql = "SELECT walk_id FROM series WHERE series_instance_uid = ?1";
            let walk_id =
                connection.query_row(sql, [series.series_instance_uid.as_str()], |row| row.get(0))?;
            store(connection, "series", columns::SERIES, "series_instance_uid", walk_id, &[series])
        })
        .await
    }

    /// The next series that a walk has listed, in the order of the record; none is the end.
    ///
    /// Of a whole `collection` that includes what a narrower walk has listed again meanwhile. `after` is the last one's
    /// walk and row.
    pub async fn listed_series(
        &self,
        walk_id: i64,
        collection: Option<CollectionName>,
        after: (i64, i64),
        most: u32,
    ) -> Result<Vec<ListedSeries>, Error> {
        self.call(move |connection| {
            let (last_walk, last) = after;
            let listed_by_it = if last_walk == walk_id {
                read_all(connection, &listed_sql(BY_THIS_WALK), params![walk_id, last, most], listed)?
            } else {
                Vec::new()
            };
            let Some(collection) = collection.filter(|_| listed_by_it.is_empty()) else {
                return Ok(listed_by_it);
            };
            let parameters = params![collection.as_str(), walk_id, last_walk, last, most];
            read_all(connection, &listed_sql(AGAIN), parameters, listed)
        })
        .await
    }

    /// Series of a collection that lie in the mirror and that its last walk did not list.
    pub async fn unlisted_series(
        &self,
        collection: &CollectionName,
        walk_id: i64,
    ) -> Result<Vec<ListedSeries>, Error> {
        let collection = collection.to_string();
        self.call(move |connection| {
            let series = columns::as_json("series", columns::SERIES);
            let sql = format!(
                "SELECT series.series_id, series.walk_id, {series}, {LOCAL_COLUMNS} FROM series
                 JOIN series_job USING (series_id) JOIN placement USING (series_id)
                 WHERE series.collection = ?1 AND series.walk_id < ?2 ORDER BY series.series_id"
            );
            read_all(connection, &sql, params![collection, walk_id], listed)
        })
        .await
    }

    /// A series as it was listed last.
    pub async fn series(&self, series: &SeriesInstanceUid) -> Result<Option<ListedSeries>, Error> {
        let series = series.to_string();
        self.call(move |connection| {
            let json = columns::as_json("series", columns::SERIES);
            let sql = format!(
                "SELECT series.series_id, series.walk_id, {json}, {LOCAL_COLUMNS} FROM series
                 LEFT JOIN series_job USING (series_id) LEFT JOIN placement USING (series_id)
                 WHERE series.series_instance_uid = ?1"
            );
            Ok(read_all(connection, &sql, params![series], listed)?.into_iter().next())
        })
        .await
    }
}

fn store_collection(connection: &Connection, walk_id: i64, collection: &CollectionName) -> Result<(), Error> {
    let sql = "INSERT INTO collection (collection, walk_id) VALUES (?1, ?2)
               ON CONFLICT (collection) DO UPDATE SET walk_id = excluded.walk_id";
    connection.prepare_cached(sql)?.execute(params![collection.as_str(), walk_id])?;
    Ok(())
}

fn store<T: Serialize>(
    connection: &Connection,
    table: &str,
    columns: Columns,
    key: &str,
    walk_id: i64,
    rows: &[T],
) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(&columns::upsert(table, columns, key))?;
    for row in rows {
        statement.execute(params![write_json(row)?, walk_id])?;
    }
    Ok(())
}

fn write_json<T: Serialize>(row: &T) -> Result<String, Error> {
    let faulty = |error: serde_json::Error| Error::Content { expected: "a row", found: error.to_string() };
    serde_json::to_string(row).map_err(faulty)
}

/// A struct out of the JSON that [`columns::as_json`] makes.
pub(super) fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::Content { expected: "a row", found: format!("{error}: {text}") })
}

/// What a walk has listed, and nobody after it.
const BY_THIS_WALK: &str = "series INDEXED BY series_by_walk WHERE walk_id = ?1 AND series_id > ?2
    ORDER BY series_id LIMIT ?3";

/// What later walks have listed of a collection: found by a look at that collection, since to look at all that they have
/// listed for each page would take as many looks as there are pages.
const AGAIN: &str = "series INDEXED BY series_by_place WHERE collection = ?1 AND walk_id > ?2
    AND (walk_id, series_id) > (?3, ?4) ORDER BY walk_id, series_id LIMIT ?5";

/// The series of the rows of `next`, which has their order.
fn listed_sql(next: &str) -> String {
    let series = columns::as_json("series", columns::SERIES);
    format!(
        "WITH next AS (SELECT walk_id, series_id FROM {next})
         SELECT series.series_id, series.walk_id, {series}, {LOCAL_COLUMNS} FROM next JOIN series USING (series_id)
         LEFT JOIN series_job USING (series_id) LEFT JOIN placement USING (series_id)
         ORDER BY next.walk_id, next.series_id"
    )
}

/// All rows of a query.
pub(super) fn read_all<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// A row of `series_id`, `walk_id`, the series as JSON, and [`LOCAL_COLUMNS`].
pub(super) fn listed(row: &Row<'_>) -> Result<ListedSeries, Error> {
    Ok(ListedSeries {
        series_id: row.get(0)?,
        walk_id: row.get(1)?,
        series: read_json(&row.get::<_, String>(2)?)?,
        local: Local::read(row, 3)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::JobState;
    use super::super::fixture::{
        BASE_URL, in_memory, instance, instances_of, list, number, place, series, uid,
    };
    use rusqlite::params_from_iter;

    use super::*;

    fn row<T: DeserializeOwned>(row: Value) -> T {
        serde_json::from_value(row).unwrap()
    }

    /// The next two series of a walk.
    async fn page(db: &Db, walk_id: i64, after: i64) -> Vec<ListedSeries> {
        db.listed_series(walk_id, None, (walk_id, after), 2).await.unwrap()
    }

    fn ids(listed: &[ListedSeries]) -> Vec<i64> {
        listed.iter().map(|listed| listed.series_id).collect()
    }

    #[tokio::test]
    async fn a_page_of_a_walk_is_found_along_an_index_wherever_it_stands() {
        let db = in_memory();
        for (next, along) in [
            (BY_THIS_WALK, "SEARCH series USING COVERING INDEX series_by_walk (walk_id=? AND series_id>?)"),
            (AGAIN, "SEARCH series USING INDEX series_by_place (collection=?)"),
        ] {
            let sql = format!("EXPLAIN QUERY PLAN {}", listed_sql(next));
            let steps = db.call(move |connection| {
                let mut statement = connection.prepare(&sql)?;
                let parameters = vec![1; statement.parameter_count()];
                let steps = statement.query_map(params_from_iter(parameters), |row| row.get(3))?;
                Ok(steps.collect::<Result<Vec<String>, _>>()?)
            });

            let steps = steps.await.unwrap();

            assert!(steps.iter().any(|step| step == along), "{steps:?}");
            assert!(steps.iter().all(|step| !step.starts_with("SCAN series")), "{steps:?}");
        }
    }

    #[tokio::test]
    async fn null_and_empty_stay_apart() {
        let db = in_memory();
        let patient: Patient = row(json!({"Collection": "A", "PatientID": "", "PatientSex": ""}));

        db.store_patients(1, vec![patient]).await.unwrap();

        let sql = "SELECT count(*) FROM patient
                   WHERE patient_id = '' AND patient_sex = '' AND patient_name IS NULL AND ethnic_group IS NULL";
        assert_eq!(number(&db, sql).await, 1);
    }

    #[tokio::test]
    async fn what_no_column_is_made_for_is_kept_under_its_own_name() {
        let db = in_memory();
        let other = json!({"Site": "UCSF", "NewColumn": null});
        let patient: Patient = row(json!({"Collection": "A", "PatientID": "P", "Other": other}));
        let study: Study = row(
            json!({"Collection": "A", "PatientID": "P", "StudyInstanceUID": "1.2", "SeriesCount": 2, "Other": other}),
        );

        db.store_patients(1, vec![patient]).await.unwrap();
        db.store_studies(1, vec![study]).await.unwrap();

        let sql = "SELECT count(*) FROM study JOIN patient USING (collection, patient_id)
                   WHERE patient.other ->> '$.Site' = 'UCSF' AND json_type(study.other, '$.NewColumn') = 'null'
                       AND series_count = 2";
        assert_eq!(number(&db, sql).await, 1);
    }

    #[tokio::test]
    async fn a_row_that_is_listed_again_is_the_same_row_as_it_came_last() {
        let db = in_memory();
        let patient =
            |sex: Value| row::<Patient>(json!({"Collection": "A", "PatientID": "P", "PatientSex": sex}));
        let study = |date: Value| {
            row::<Study>(
                json!({"Collection": "A", "PatientID": "P", "StudyInstanceUID": "1.2", "StudyDate": date}),
            )
        };

        db.store_patients(1, vec![patient(json!("M")), patient(json!("F"))]).await.unwrap();
        db.store_patients(2, vec![patient(Value::Null)]).await.unwrap();
        db.store_studies(1, vec![study(Value::Null), study(json!("2015-05-27"))]).await.unwrap();

        assert_eq!(number(&db, "SELECT count(*) FROM patient").await, 1);
        assert_eq!(
            number(&db, "SELECT count(*) FROM patient WHERE patient_sex IS NULL AND walk_id = 2").await,
            1
        );
        assert_eq!(number(&db, "SELECT count(*) FROM collection WHERE walk_id = 2").await, 1);
        assert_eq!(number(&db, "SELECT count(*) FROM study").await, 1);
        assert_eq!(number(&db, "SELECT count(*) FROM study WHERE study_date = '2015-05-27'").await, 1);
    }

    #[tokio::test]
    async fn the_same_name_elsewhere_is_another_patient_and_another_study() {
        let db = in_memory();
        let patient = |collection: &str| row::<Patient>(json!({"Collection": collection, "PatientID": "P"}));
        let study = |patient: &str| {
            row::<Study>(json!({"Collection": "A", "PatientID": patient, "StudyInstanceUID": "1.2"}))
        };

        db.store_patients(1, vec![patient("A"), patient("a")]).await.unwrap();
        db.store_studies(1, vec![study("P"), study("p")]).await.unwrap();

        assert_eq!(number(&db, "SELECT count(*) FROM patient").await, 2);
        assert_eq!(number(&db, "SELECT count(*) FROM collection").await, 2);
        assert_eq!(number(&db, "SELECT count(*) FROM study").await, 2);
    }

    #[tokio::test]
    async fn a_series_that_is_listed_again_keeps_its_job_and_its_place() {
        let db = in_memory();
        let run_id = db.begin_run("mirror", BASE_URL, 0).await.unwrap();
        let first = list(&db, 1, &[series("A", "1.2.3")]).await;
        db.enqueue(run_id, first.clone(), 0).await.unwrap();
        place(&db, first[0], "A/P/1.2/1.2.3", vec![instance("1.2.3.1", 19)]).await;
        let before = db.series(&uid("1.2.3")).await.unwrap().unwrap();
        let moved = Series { image_count: Some(2), ..series("B", "1.2.3") };

        let second = list(&db, 2, std::slice::from_ref(&moved)).await;

        let after = db.series(&uid("1.2.3")).await.unwrap().unwrap();
        assert_eq!(second, first);
        assert_eq!(after.series, moved);
        assert_eq!(after.local, before.local);
        assert_eq!(after.local.unwrap().state, JobState::Done);
        assert_eq!(instances_of(&db, first[0]).await, [instance("1.2.3.1", 19)]);
    }

    #[tokio::test]
    async fn a_walk_gives_its_series_page_by_page() {
        let db = in_memory();
        let rows = list(&db, 1, &["1.1", "1.2", "1.3", "1.4"].map(|uid| series("A", uid))).await;
        list(&db, 2, &[series("A", "1.2")]).await;

        let first = page(&db, 1, 0).await;
        let second = page(&db, 1, rows[2]).await;
        let end = page(&db, 1, rows[3]).await;

        assert_eq!((ids(&first), ids(&second)), (vec![rows[0], rows[2]], vec![rows[3]]));
        assert!(end.is_empty() && first[0].local.is_none());
    }

    #[tokio::test]
    async fn a_walk_of_a_collection_gives_what_a_later_walk_has_listed_again() {
        let db = in_memory();
        let rows = list(&db, 5, &["1.1", "1.2", "1.3"].map(|uid| series("A", uid))).await;
        list(&db, 4, &[series("A", "1.4")]).await;
        list(&db, 6, &[series("A", "1.1"), series("B", "1.5")]).await;
        let collection = Some(CollectionName::new("A"));

        let first = db.listed_series(5, collection.clone(), (5, 0), 2).await.unwrap();
        let last = &first[1];
        let second = db.listed_series(5, collection, (last.walk_id, last.series_id), 2).await.unwrap();

        assert_eq!((ids(&first), ids(&second)), (vec![rows[1], rows[2]], vec![rows[0]]));
        assert_eq!(second[0].walk_id, 6);
    }

    #[tokio::test]
    async fn unlisted_series_are_placed_ones_of_the_collection_that_the_walk_did_not_list() {
        let db = in_memory();
        let run_id = db.begin_run("mirror", BASE_URL, 0).await.unwrap();
        let rows = list(&db, 1, &["1.1", "1.2", "1.3"].map(|uid| series("A", uid))).await;
        let elsewhere = list(&db, 1, &[series("B", "1.4")]).await;
        db.enqueue(run_id, [rows.clone(), elsewhere.clone()].concat(), 0).await.unwrap();
        for row in [rows[0], rows[1], elsewhere[0]] {
            place(&db, row, &format!("A/P/1/{row}"), Vec::new()).await;
        }
        list(&db, 3, &[series("A", "1.1")]).await;

        let unlisted = db.unlisted_series(&CollectionName::new("A"), 2).await.unwrap();

        assert_eq!(ids(&unlisted), [rows[1]]);
    }

    #[tokio::test]
    async fn a_series_that_is_asked_for_between_two_walks_stays_in_its_walk() {
        let db = in_memory();
        list(&db, 7, &[series("A", "1.2.3")]).await;

        db.relist_series(Series { image_count: Some(5), ..series("A", "1.2.3") }).await.unwrap();

        let listed = page(&db, 7, 0).await;
        assert_eq!(listed[0].series.image_count, Some(5));
        assert!(db.relist_series(series("A", "9.9")).await.is_err());
        assert!(db.series(&uid("9.9")).await.unwrap().is_none());
    }
}
