//! One text for every statement that reads, whether the record is one file or one for each shard.
//!
//! Where it is several they are attached, and temporary views stand before the tables of each: the rows of all. SQLite
//! pushes what is asked of such a view into each of its arms, so that an index is used there as in one record; but it
//! does so for one of them in a statement. What is joined in the statements that matter is therefore joined here, in each
//! arm, where the rows of one series always lie in one record; other views are looked up in a subquery each.

use rusqlite::Connection;

use super::Error;
use super::catalogue::read_all;

/// What is joined in one record: everything in the tree, every commit that has begun, everything that was asked for. Beside
/// them there is `runs`, which knows the order in which they began.
const JOINED: [(&str, &str); 3] = [
    ("placed", "SELECT * FROM {in}.placement JOIN {in}.series USING (series_id)"),
    ("begun", "SELECT * FROM {in}.commit_intent JOIN {in}.series USING (series_id)"),
    (
        "asked",
        "SELECT * FROM {in}.series_job JOIN {in}.series USING (series_id) LEFT JOIN {in}.placement USING (series_id)",
    ),
];

/// Of other tables each row is in one record alone, or the first that is found will do: they are shown as they are.
const TABLES: &str = "SELECT name FROM {in}.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
    AND name NOT IN ('watermark', 'walk_remark', 'series_job_failure')";

const AS_IT_IS: &str = "SELECT * FROM {in}.{table}";

/// Makes the views of a record.
pub(super) fn of_one(connection: &Connection) -> Result<(), Error> {
    joined(connection, &["main".to_owned()])
}

/// Makes the views over the records that are attached under these names; there may come to be so `many`.
pub(super) fn of_several(connection: &Connection, attached: &[String], many: usize) -> Result<(), Error> {
    joined(connection, attached)?;
    for table in tables(connection, &attached[0])? {
        view(connection, &table, &all(attached, &AS_IT_IS.replace("{table}", &table)))?;
    }
    view(connection, "series_job_failure", &all(attached, "SELECT rowid, * FROM {in}.series_job_failure"))?;
    // every shard asks for everything, and so each has all of these
    let watermarks = all(attached, "SELECT * FROM {in}.watermark");
    let of_all = format!(
        "SELECT base_url, collection, narrowed_by, min(synced_to) AS synced_to FROM ({watermarks})
         GROUP BY base_url, collection, narrowed_by HAVING count(*) = {many}"
    );
    view(connection, "watermark", &of_all)?;
    let remarks = all(attached, "SELECT * FROM {in}.walk_remark");
    let each_once = format!(
        "SELECT min(remark_id) AS remark_id, kind, subject, remark FROM ({remarks}) GROUP BY kind, subject, remark"
    );
    view(connection, "walk_remark", &each_once)
}

fn joined(connection: &Connection, attached: &[String]) -> Result<(), Error> {
    for (name, select) in JOINED {
        view(connection, name, &all(attached, select))?;
    }
    // in one record the order is known, whatever the clock has shown
    let runs = if attached.len() == 1 {
        "SELECT *, run_id AS began FROM {in}.run"
    } else {
        "SELECT *, started_at AS began FROM {in}.run"
    };
    view(connection, "runs", &all(attached, runs))
}

fn tables(connection: &Connection, schema: &str) -> Result<Vec<String>, Error> {
    read_all(connection, &TABLES.replace("{in}", schema), [], |row| Ok(row.get(0)?))
}

fn all(attached: &[String], select: &str) -> String {
    let arms: Vec<_> = attached.iter().map(|schema| select.replace("{in}", schema)).collect();
    arms.join(" UNION ALL ")
}

fn view(connection: &Connection, name: &str, select: &str) -> Result<(), Error> {
    Ok(connection.execute_batch(&format!("CREATE TEMP VIEW {name} AS {select}"))?)
}
