//! Series that the service no longer lists, and when that is believed.

use rusqlite::params;

use super::catalogue::{listed, read_all};
use super::placement::LOCAL_COLUMNS;
use super::{Db, Error, ListedSeries, columns};
use crate::dicom::CollectionName;

/// How often a series must be missing before it counts as withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// Whole listings of its collection that do not show it.
    pub listings: u32,
    /// Seconds from one of them to the next that counts.
    pub seconds_apart: i64,
}

impl Db {
    /// Counts a whole listing of a collection against the series that it did not show; gives those that are withdrawn
    /// with it.
    ///
    /// A series that is listed again in between is counted from the beginning. One that is queued or parked counts like
    /// one that is done: nobody can fetch it any more, and what is staged of it is forgotten.
    pub async fn count_absences(
        &self,
        run_id: i64,
        collection: &CollectionName,
        walk_id: i64,
        listed_at: i64,
        enough: Confirmation,
    ) -> Result<Vec<ListedSeries>, Error> {
        let collection = collection.to_string();
        self.call(move |connection| {
            let sql = "INSERT INTO absence (series_id, listings, first_at, counted_at)
                       SELECT series_id, 1, ?3, ?3 FROM series JOIN series_job USING (series_id)
                       WHERE collection = ?1 AND walk_id < ?2 AND state <> 'withdrawn'
                       ON CONFLICT (series_id) DO UPDATE SET listings = listings + 1, counted_at = excluded.counted_at
                       WHERE excluded.counted_at >= counted_at + ?4";
            connection.execute(sql, params![collection, walk_id, listed_at, enough.seconds_apart])?;
            let series = columns::as_json("series", columns::SERIES);
            let sql = format!(
                "SELECT series.series_id, series.walk_id, {series}, {LOCAL_COLUMNS} FROM absence
                 JOIN series USING (series_id) JOIN series_job USING (series_id) LEFT JOIN placement USING (series_id)
                 WHERE collection = ?1 AND listings >= ?2 AND state <> 'withdrawn' ORDER BY series_id"
            );
            let withdrawn = read_all(connection, &sql, params![collection, enough.listings], listed)?;
            let sql = "UPDATE series_job SET state = 'withdrawn', changed_at = ?2 WHERE series_id = ?1";
            let note = "INSERT OR IGNORE INTO series_change (run_id, change, series_id) VALUES (?1, 'withdrawn', ?2)";
            for series in &withdrawn {
                connection.prepare_cached(sql)?.execute(params![series.series_id, listed_at])?;
                connection.prepare_cached(note)?.execute([run_id, series.series_id])?;
                connection.execute("DELETE FROM staged_instance WHERE series_id = ?1", [series.series_id])?;
            }
            Ok(withdrawn)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{BASE_URL, in_memory, instance, list, number, place, series, uid};
    use super::super::{Failure, JobState};
    use super::*;

    const DAY: i64 = 86_400;
    const ENOUGH: Confirmation = Confirmation { listings: 3, seconds_apart: DAY };

    /// A record with two placed series of one collection, listed by walk 1.
    async fn two_placed() -> (Db, Vec<i64>) {
        let db = in_memory();
        let run_id = db.begin_run("mirror", BASE_URL, 0).await.unwrap();
        let rows = list(&db, 1, &["1.1", "1.2"].map(|uid| series("A", uid))).await;
        db.enqueue(run_id, rows.clone(), 0).await.unwrap();
        for row in &rows {
            place(&db, *row, &format!("A/P/1/{row}"), Vec::new()).await;
        }
        (db, rows)
    }

    /// Counts a listing that showed only the first of the two; gives the rows that are withdrawn with it.
    async fn count(db: &Db, walk_id: i64, listed_at: i64) -> Vec<i64> {
        list(db, walk_id, &[series("A", "1.1")]).await;
        let withdrawn =
            db.count_absences(1, &CollectionName::new("A"), walk_id, listed_at, ENOUGH).await.unwrap();
        withdrawn.iter().map(|series| series.series_id).collect()
    }

    #[tokio::test]
    async fn a_series_is_withdrawn_with_the_listing_that_makes_enough_of_them() {
        let (db, rows) = two_placed().await;

        let withdrawn = [count(&db, 2, 0).await, count(&db, 3, DAY).await, count(&db, 4, 2 * DAY).await];

        assert_eq!(withdrawn, [vec![], vec![], vec![rows[1]]]);
        let local = db.series(&uid("1.2")).await.unwrap().unwrap().local.unwrap();
        assert_eq!(local.state, JobState::Withdrawn);
        assert!(local.placed.is_some(), "its files stay");
        assert_eq!(count(&db, 5, 9 * DAY).await, [0; 0], "once is enough");
    }

    #[tokio::test]
    async fn a_series_that_never_came_is_withdrawn_as_well_and_what_is_staged_of_it_is_forgotten() {
        let (db, rows) = two_placed().await;
        let others = list(&db, 1, &["1.3", "1.4"].map(|uid| series("A", uid))).await;
        let run_id = db.begin_run("mirror", BASE_URL, 0).await.unwrap();
        db.enqueue(run_id, others.clone(), 0).await.unwrap();
        db.fail(others[0], Failure::Park, "refused".to_owned(), 0).await.unwrap();
        db.store_staged(others[1], vec![instance("1.4.1", 1)]).await.unwrap();

        let withdrawn = [count(&db, 2, 0).await, count(&db, 3, DAY).await, count(&db, 4, 2 * DAY).await];

        assert_eq!(withdrawn, [vec![], vec![], vec![rows[1], others[0], others[1]]]);
        for uid in [uid("1.3"), uid("1.4")] {
            let local = db.series(&uid).await.unwrap().unwrap().local.unwrap();
            assert_eq!((local.state, local.placed), (JobState::Withdrawn, None));
        }
        assert!(db.series_with_staged().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn listings_that_come_too_soon_count_as_one() {
        let (db, _) = two_placed().await;

        for (walk_id, listed_at) in (2..).zip([0, 1, DAY - 1, DAY, DAY + 1, 2 * DAY - 1]) {
            assert!(count(&db, walk_id, listed_at).await.is_empty(), "{listed_at}");
        }

        assert_eq!(number(&db, "SELECT listings FROM absence").await, 2);
    }

    #[tokio::test]
    async fn a_series_that_is_listed_in_between_is_counted_anew() {
        let (db, _) = two_placed().await;
        count(&db, 2, 0).await;
        count(&db, 3, DAY).await;

        list(&db, 4, &[series("A", "1.2")]).await;

        assert_eq!(number(&db, "SELECT count(*) FROM absence").await, 0);
        assert!(count(&db, 5, 3 * DAY).await.is_empty());
    }
}
