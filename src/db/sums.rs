//! The sums that triggers keep are what adding up anew gives, whatever happens to the record.

use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;

use super::fixture::{BASE_URL, block_on, in_memory, instance, intent, list, on_disk, queue, series};
use super::{Confirmation, Db, Failure, Order};
use crate::dicom::{CollectionName, Series};

/// Each sum as it is kept and as it is added up anew.
const SUMS: [(&str, &str); 3] = [
    (
        "SELECT collection, state, series, listed_bytes FROM job_sum WHERE series <> 0 OR listed_bytes <> 0",
        "SELECT collection, state, count(*), coalesce(sum(file_size), 0) FROM series_job JOIN series USING (series_id)
         GROUP BY collection, state",
    ),
    (
        "SELECT collection, day, series, instances, bytes FROM placement_sum
         WHERE series <> 0 OR instances <> 0 OR bytes <> 0",
        "SELECT collection, placed_at / 86400, count(*), sum(instance_count), sum(size_bytes)
         FROM placement JOIN series USING (series_id) GROUP BY collection, placed_at / 86400",
    ),
    (
        "SELECT run_id, change, series FROM change_sum",
        "SELECT run_id, change, count(*) FROM series_change GROUP BY run_id, change",
    ),
];

/// Something that happens to one of three series.
#[derive(Clone, Copy, Debug)]
enum Event {
    Listed { collection: usize, file_size: Option<u64> },
    Queued,
    Claimed,
    Placed { path: usize, day: i64, size_bytes: u64 },
    Parked,
    Withdrawn,
    Removed,
}

const COLLECTIONS: [&str; 2] = ["A", "B"];
const PATHS: [&str; 3] = ["A/1", "A/2", "B/1"];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..2_usize, proptest::option::of(1..100_u64))
            .prop_map(|(collection, file_size)| Event::Listed { collection, file_size }),
        Just(Event::Queued),
        Just(Event::Claimed),
        (0..3_usize, 0..3_i64, 1..100_u64).prop_map(|(path, day, size_bytes)| Event::Placed {
            path,
            day,
            size_bytes
        }),
        Just(Event::Parked),
        Just(Event::Withdrawn),
        Just(Event::Removed),
    ]
}

async fn happen(db: &Db, (run_id, row): (i64, i64), event: Event) {
    let uid = format!("1.2.{row}");
    match event {
        Event::Listed { collection, file_size } => {
            list(db, 2, &[Series { file_size, ..series(COLLECTIONS[collection], &uid) }]).await;
        }
        Event::Queued => db.enqueue(run_id, vec![row], 0).await.unwrap(),
        Event::Claimed => drop(db.claim(run_id, Order::Listed, i64::MAX).await.unwrap()),
        Event::Placed { path, day, size_bytes } => {
            let instances = vec![instance(&format!("{uid}.1"), size_bytes)];
            db.begin_commit(intent(row, &uid, PATHS[path]), instances).await.unwrap();
            db.complete(row, day * 86_400).await.unwrap();
        }
        Event::Parked => db.fail(row, Failure::Park, "reset".to_owned(), 1).await.unwrap(),
        Event::Withdrawn => {
            let enough = Confirmation { listings: 1, seconds_apart: 0 };
            db.count_absences(run_id, &CollectionName::new("A"), i64::MAX, 1, enough).await.unwrap();
        }
        Event::Removed => drop(db.begin_removal(row).await.unwrap()),
    }
}

fn rows(connection: &Connection, sql: &str) -> Vec<Vec<rusqlite::types::Value>> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let read = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect());
    read.unwrap().map(Result::unwrap).collect()
}

fn assert_sums(connection: &Connection) {
    for (kept, anew) in SUMS {
        assert_eq!(rows(connection, kept), rows(connection, anew), "{anew}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sums_are_right_after_whatever_happens(events in vec((0..3_usize, event()), 1..40)) {
        block_on(async {
            let db = in_memory();
            let (run_id, known) = queue(&db, 3).await;

            for (series, event) in events {
                happen(&db, (run_id, known[series]), event).await;

                db.call(|connection| { assert_sums(connection); Ok(()) }).await.unwrap();
            }
        });
    }
}

#[tokio::test]
async fn a_record_of_the_release_before_is_added_up_when_it_is_brought_up_to_date() {
    let (_directory, path) = on_disk();
    let db = Db::open(&path).unwrap();
    let (run_id, known) = queue(&db, 3).await;
    for (row, day) in known.iter().zip(0..2) {
        let event = Event::Placed { path: usize::try_from(day).unwrap(), day, size_bytes: 7 };
        happen(&db, (run_id, *row), event).await;
    }
    drop(db);
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "DROP TRIGGER job_asked_for; DROP TRIGGER job_changed; DROP TRIGGER series_listed_elsewhere;
             DROP TRIGGER placement_replaced; DROP TRIGGER placement_made; DROP TRIGGER placement_removed;
             DROP TRIGGER series_changed; DROP INDEX series_job_parked;
             DROP TABLE job_sum; DROP TABLE placement_sum; DROP TABLE change_sum;
             DROP INDEX series_job_smallest; DROP INDEX series_job_largest;
             ALTER TABLE series_job DROP COLUMN listed_bytes; ALTER TABLE heartbeat DROP COLUMN parallel;
             PRAGMA user_version = 3;",
        )
        .unwrap();

    let db = Db::open(&path).unwrap();
    db.begin_run("sync", BASE_URL, 0).await.unwrap();

    assert_sums(&connection);
    assert_eq!(rows(&connection, SUMS[1].0).len(), 2);
}
