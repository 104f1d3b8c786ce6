//! What can be typed behind `export`: declarations only.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::super::arguments::SelectionFlags;
use crate::db::JobState;

/// Exit codes and examples of `export`.
pub(in super::super) const CODES: &str =
    "Exit codes: 0 done · 1 failed, or the mirror has nothing of what was named · 2 usage or configuration
            130, 143 stopped by SIGINT, SIGTERM; a file that was to be written is as it was

Examples: tcia-mirror export metadata --collection TCGA-GBM --output metadata.csv
          tcia-mirror export manifest --modality MR --state parked > parked.tcia
          tcia-mirror export checksums > /backup/SHA256SUMS && cd /srv/tcia && sha256sum --quiet -c /backup/SHA256SUMS
          tcia-mirror export links --output /srv/by-name";

#[derive(Debug, Args)]
pub(in super::super) struct Export {
    #[command(subcommand)]
    pub(super) kind: Kind,
}

/// What is made.
#[derive(Debug, Subcommand)]
pub(super) enum Kind {
    /// A table of the series that lie in the tree, with the columns of the archive's own downloader or of its API
    #[command(after_help = CODES)]
    Metadata(Metadata),
    /// A manifest of all series that were asked for, for this program and for others
    #[command(after_help = CODES)]
    Manifest(Manifest),
    /// The recorded SHA-256 of every file in the tree, as `sha256sum -c` takes them when it is run in the root
    #[command(after_help = CODES)]
    Checksums(Checksums),
    /// All that is recorded of each series that was asked for, one JSON object a line
    #[command(after_help = CODES)]
    Catalogue(Catalogue),
    /// Whose data lies in the tree and under which licences: what is to be cited
    #[command(after_help = CODES)]
    Citations(Citations),
    /// A tree of symbolic links with names for people, outside of the root, that lead to the series
    #[command(after_help = CODES)]
    Links(Links),
}

#[derive(Debug, Args)]
pub(super) struct Metadata {
    /// Which columns
    #[arg(long, value_name = "COLUMNS", default_value = "retriever")]
    pub(super) columns: Columns,
    /// How rows are written [default: csv]
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Manifest {
    /// How it is written
    #[arg(long, value_name = "FORMAT", default_value = "tcia")]
    pub(super) format: ManifestFormat,
    /// Only series in a state: queued, running, done, parked or withdrawn (repeatable)
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(super) state: Vec<JobState>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Checksums {
    #[command(flatten)]
    pub(super) selection: SelectionFlags,
    /// A file, or a directory (one that exists, or a name that ends in `/`) for one file of each collection
    #[arg(long, value_name = "FILE|DIR")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Catalogue {
    /// Behind each series a line for each of its files, with digests
    #[arg(long)]
    pub(super) instances: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Citations {
    /// How they are written [default: csv]
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<CitationFormat>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Links {
    /// The directory; afterwards it shows what is selected, and no other links that lead into this mirror
    #[arg(long, value_name = "DIR")]
    pub(super) output: PathBuf,
    #[command(flatten)]
    pub(super) selection: SelectionFlags,
}

/// Which series, and where to.
#[derive(Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    pub(super) selection: SelectionFlags,
    /// A file, new or replaced only by all of it; devices and pipes are written through, `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// Columns of a table of series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Columns {
    /// Those of the NBIA Data Retriever's metadata.csv; the class of each series is read from one of its files.
    Retriever,
    /// Those of getSeries of version 4 of the archive's API; from the record alone.
    V4,
}

/// How the rows of a table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated, with a header.
    Csv,
    /// One object on a line.
    Json,
    /// Apache Parquet.
    Parquet,
}

/// How a manifest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ManifestFormat {
    /// As the archive itself does.
    Tcia,
    /// Comma-separated, with a header.
    Csv,
}

/// How citations are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CitationFormat {
    /// Comma-separated, with a header.
    Csv,
    /// One object on a line.
    Json,
    /// For people.
    Text,
}

fn state(name: &str) -> Result<JobState, String> {
    name.parse()
        .map_err(|_unknown| format!("`{name}` is none of queued, running, done, parked and withdrawn"))
}
