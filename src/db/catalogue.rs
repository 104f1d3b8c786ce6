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
            let series = columns::as_json("series", columns::SERIES);
            let sql = format!(
                "SELECT series.series_id, series.walk_id, {series}, {LOCAL_COLUMNS} FROM series
                 LEFT JOIN series_job USING (series_id) LEFT JOIN placement USING (series_id)
                 WHERE (series.walk_id, series.series_id) > (?2, ?3) AND series.walk_id >= ?1
                     AND (series.walk_id = ?1 OR series.collection = ?4)
                 ORDER BY series.walk_id, series.series_id LIMIT ?5"
            );
            let collection = collection.as_ref().map(CollectionName::as_str);
            read_all(connection, &sql, params![walk_id, after.0, after.1, collection, most], listed)
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
