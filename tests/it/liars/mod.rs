//! What a lying or broken server does, what the user sees of it, what is in the tree then, and what becomes of the job.
//!
//! One table in four parts, each row one thing that a server does. Rows about one series share a run, a series each, so
//! that they also show that none of them spoils another. Every row is told once, healed within the run, and told for as
//! long as the run lasts; afterwards the server is honest, and the tree must become whole.

mod answers;
mod bits;
mod bombs;
mod certificates;
mod framing;
mod kind;
mod lies;
mod listed;
mod listed_series;
mod lists;
mod names;
mod outages;
mod refused;
mod run;
mod server;
mod singles;
mod walks;
mod zips;

pub(crate) use self::kind::{Kind, kinds};
use self::server::Lie;

/// Most memory that the program may take, whatever the server does.
const MOST_MEMORY: u64 = 200 << 20;

/// How a series ends while the lie about it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In the tree, right.
    Placed,
    /// Not in the tree, parked, with these words in the reason.
    Parked(&'static str),
}

/// To which answers about a series a lie is told.
#[derive(Clone)]
enum Told {
    /// To those of an endpoint.
    In(&'static str, Lie),
    /// To those of getSeries, about the row of the series.
    AsListed(fn(&mut lies::Row)),
}

/// One thing that a server does to the answers about one series.
pub(crate) struct Row {
    /// The line of the README that it is a case of.
    pub(crate) kind: Kind,
    /// What the server does.
    pub(crate) does: &'static str,
    told: Told,
    /// How it ends where the series can only come as a ZIP.
    pub(crate) zip_only: End,
    /// How it ends where there are single images.
    pub(crate) with_singles: End,
}

/// The table of what is done to the answers about one series.
pub(crate) fn rows() -> Vec<Row> {
    let parts = [zips::rows(), bits::rows(), answers::rows(), framing::rows(), bombs::rows(), listed::rows()];
    parts.into_iter().flatten().collect()
}

/// A row about getImage that leaves the series to single images where there are any.
fn image(kind: Kind, does: &'static str, lie: Lie, reason: &'static str) -> Row {
    Row {
        kind,
        does,
        told: Told::In("getImage", lie),
        zip_only: End::Parked(reason),
        with_singles: End::Placed,
    }
}

/// A row about getImage that does no harm.
fn harmless(kind: Kind, does: &'static str, lie: Lie) -> Row {
    Row { kind, does, told: Told::In("getImage", lie), zip_only: End::Placed, with_singles: End::Placed }
}
