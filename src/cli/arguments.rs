//! What can be typed: declarations only.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::export;
use crate::config::{parse_bytes, parse_rate};
use crate::dicom::{SeriesInstanceUid, Shard, StudyInstanceUid};
use crate::fetch::How;
use crate::nbia::{Dialect, Rate};
use crate::sync::Share;

/// Exit codes of the commands that fetch.
pub(super) const FETCH_CODES: &str = "Exit codes: 0 all that was asked is done · 1 could not go on, or something named is not listed; jobs are kept
            2 usage or configuration · 3 finished, but some series are parked · 10 another process holds the root
            130, 143 stopped by SIGINT, SIGTERM after an orderly drain";
const READ_CODES: &str = "Exit codes: 0 done · 1 failed · 2 usage or configuration";
const DOCTOR_CODES: &str = "With --json an object per check: check, state (ok, warning or wrong), found, hint; last a summary.

Exit codes: 0 nothing is wrong · 1 something is · 2 usage or configuration · 130, 143 stopped by SIGINT, SIGTERM

Examples: sudo -u tcia-mirror tcia-mirror doctor
          tcia-mirror --json doctor | jq 'select(.state != \"ok\")'";
const STATUS_CODES: &str =
    "Exit codes: 0 done · 1 failed · 2 usage or configuration, or nothing was asked for under a name

Examples: tcia-mirror status
          watch tcia-mirror status
          tcia-mirror status --history 5
          tcia-mirror status --collection 'TCGA-*'
          tcia-mirror status --collection TCGA-GBM --patient TCGA-02-0003";
const CONFIG_CODES: &str = "What is printed is TOML, with the origin of each value behind it. With --json an object per key: table, key, value,
origin (default, file, environment, flag or secret file) and place.

Exit codes: 0 done · 1 failed · 2 the configuration is wrong: the message says where

Examples: tcia-mirror config
          tcia-mirror --config new.toml config && sudo install -m 644 new.toml /etc/tcia-mirror/tcia-mirror.toml";
const PLAN_CODES: &str = "Exit codes: 0 done · 1 could not list everything, or something named is not listed
            2 usage or configuration · 10 another process holds the root · 130, 143 stopped by SIGINT, SIGTERM";
const DAEMON_CODES: &str = "SIGHUP reads the configuration again. What is mirrored stands in its [[select]] tables, when in [daemon].

Exit codes: 0 (with --dry-run) done · 1 could not begin · 2 usage or configuration · 10 another process holds the root
            130, 143 stopped by SIGINT, SIGTERM after an orderly drain";
const ADOPT_CODES: &str = "Names and folders of DIR mean nothing: each file is what its DICOM header says, and is taken when the service says the same
of its series. ZIPs are looked into, links are not followed. What is missing of a series `tcia-mirror resume` fetches.

Exit codes: 0 all that was found is in the mirror · 1 could not go on, or could not list everything; run it again
            2 usage or configuration · 3 finished, but some of it is incomplete, doubtful or not listed by the service
            10 another process holds the root · 130, 143 stopped by SIGINT, SIGTERM; the same command goes on

Examples: tcia-mirror --root /srv/tcia adopt --dry-run /data/manifest-1700000000000
          tcia-mirror --root /srv/tcia adopt /data/tciaDownload --collection TCGA-GBM
          tcia-mirror --root /srv/tcia adopt --move /data/old; tcia-mirror --root /srv/tcia resume";
const QUERY_CODES: &str =
    "Exit codes: 0 done · 1 no answer, rows that make no sense, or nothing is listed under a name that was asked for
            2 usage or configuration · 130, 143 stopped by SIGINT, SIGTERM

Examples: tcia-mirror query getCollectionValues
          tcia-mirror query getSeries Collection=TCGA-GBM Modality=MR --format csv --output series.csv
          tcia-mirror query getImage SeriesInstanceUID=1.3.6.1.4.1.14519.5.2.1.7695.2311.4981 --output series.zip
          tcia-mirror --base-url https://nbia.example.org query --probe";
const MAN_CODES: &str = "Exit codes: 0 done · 1 failed · 2 usage or configuration

Examples: tcia-mirror man | man -l -
          tcia-mirror man sync | man -l -
          tcia-mirror man --output ~/.local/share/man/man1";
const VERIFY_CODES: &str =
    "Exit codes: 0 everything is as recorded, or was repaired · 1 failed, or the service did not answer (--remote)
            2 usage or configuration · 3 damage or a difference was found and remains
            10 another process holds the root (--repair) · 130, 143 stopped; the same command goes on";

/// Keeps a verified, durable copy of collections of The Cancer Imaging Archive.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110, arg_required_else_help = true, after_help = READ_CODES_ALL)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

const READ_CODES_ALL: &str =
    "Exit codes: 0 all that was asked is done · 1 failed, jobs are kept · 2 usage or configuration
            3 finished, but series are parked or damage was found · 10 another process holds the root
            130, 143 stopped by SIGINT, SIGTERM after an orderly drain

Example: tcia-mirror --root /srv/tcia mirror --collection TCGA-GBM";

/// Flags of every command; each is also an environment variable.
#[derive(Clone, Debug, Args)]
pub(super) struct Global {
    /// TOML file [default: ./tcia-mirror.toml, else that of the user, else /etc/tcia-mirror/tcia-mirror.toml]
    #[arg(short, long, global = true, env = "TCIA_MIRROR_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The mirror [default: ./tcia]
    #[arg(long, global = true, env = "TCIA_MIRROR_ROOT", value_name = "DIR")]
    pub(super) root: Option<PathBuf>,
    /// The service; its dialect is recognised from the path [default: the public service]
    #[arg(long, global = true, env = "TCIA_MIRROR_BASE_URL", value_name = "URL")]
    pub(super) base_url: Option<String>,
    /// The dialect, when the path does not tell: bindaas-v1, bindaas-v3, nbia-v1, nbia-v2 or nbia-v4
    #[arg(long, global = true, env = "TCIA_MIRROR_DIALECT", value_name = "D")]
    pub(super) dialect: Option<Dialect>,
    /// Only a share of the mirror, like 1/4: so many processes, on any machines, make one mirror on a shared file system
    #[arg(long, global = true, env = "TCIA_MIRROR_SHARD", value_name = "I/N")]
    pub(super) shard: Option<Shard>,
    /// One JSON object per line on standard output
    #[arg(long, global = true, env = "TCIA_MIRROR_JSON", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(super) json: bool,
    /// Only errors on standard error, and no summary of what went well: for cron
    #[arg(short, long, global = true, env = "TCIA_MIRROR_QUIET", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(super) quiet: bool,
    /// More on standard error: every request; twice: everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// How logs are written
    #[arg(
        long,
        global = true,
        env = "TCIA_MIRROR_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(super) log_format: LogFormat,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One object per line.
    Json,
    /// To systemd's journal.
    Journald,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Walk, record the work, download until nothing is left; run again to go on
    #[command(after_help = FETCH_CODES)]
    Mirror(Fetching),
    /// Finish whatever the job table still holds, without asking the planner first
    #[command(after_help = FETCH_CODES)]
    Resume(Resume),
    /// Walk and show what would be fetched and why; downloads nothing
    #[command(after_help = PLAN_CODES)]
    Plan(Planning),
    /// One incremental cycle: what is new since the watermark, then download it
    #[command(after_help = FETCH_CODES)]
    Sync(Sync),
    /// Take over what other tools have downloaded, after verifying it
    #[command(after_help = ADOPT_CODES)]
    Adopt(Adopt),
    /// `sync` on a schedule, with the server of `serve` where the configuration says so
    #[command(after_help = DAEMON_CODES)]
    Daemon(Daemon),
    /// What the job table holds: states, bytes, rate, ETA, what is parked and why
    #[command(after_help = STATUS_CODES)]
    Status(Status),
    /// Re-hash what lies on disk against the record
    #[command(after_help = VERIFY_CODES)]
    Verify(Verify),
    /// Put parked series back in the queue and fetch them
    #[command(after_help = FETCH_CODES)]
    Retry(Fetching),
    /// Ask any endpoint of the service, as table, JSON, CSV, XML or HTML
    #[command(after_help = QUERY_CODES)]
    Query(Query),
    /// What the mirror holds as table, manifest, checksums, catalogue, citations, or links with names for people
    #[command(after_help = export::CODES)]
    Export(export::Export),
    /// Re-serve the mirror through the same REST API
    #[command(after_help = READ_CODES)]
    Serve(Serve),
    /// The whole story without a network: a sample archive on loopback, mirrored and verified
    #[command(after_help = READ_CODES)]
    Demo,
    /// Remove withdrawn and replaced data, only when asked
    #[command(after_help = READ_CODES)]
    Prune(Prune),
    /// Check root, disk, clock, configuration, key and service, and say what to do
    #[command(after_help = DOCTOR_CODES)]
    Doctor,
    /// The effective configuration, and where each value comes from; secrets are masked
    #[command(after_help = CONFIG_CODES)]
    Config,
    /// Print a completion script for a shell
    #[command(after_help = READ_CODES)]
    Completions(Completions),
    /// Print a page of the manual, or write all of them to a directory
    #[command(after_help = MAN_CODES)]
    Man(Man),
}

impl Command {
    /// Whether it draws bars on a terminal.
    pub(super) fn shows_progress(&self) -> bool {
        !matches!(
            self,
            Self::Daemon(_)
                | Self::Status(_)
                | Self::Query(_)
                | Self::Export(_)
                | Self::Serve(_)
                | Self::Doctor
                | Self::Config
                | Self::Completions(_)
                | Self::Man(_)
        )
    }
}

#[derive(Debug, Args)]
pub(super) struct Fetching {
    #[command(flatten)]
    pub(super) selection: SelectionFlags,
    #[command(flatten)]
    pub(super) download: DownloadFlags,
}

#[derive(Debug, Args)]
pub(super) struct Sync {
    /// Compare complete listings with the record: new, revised, moved and withdrawn series
    #[arg(long)]
    pub(super) full: bool,
    /// The same, when `[daemon] full_every` has passed since the last time: for timers
    #[arg(long, conflicts_with = "full")]
    pub(super) full_when_due: bool,
    #[command(flatten)]
    pub(super) fetching: Fetching,
}

#[derive(Debug, Args)]
pub(super) struct Adopt {
    /// Where they lie, in whatever layout
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    #[command(flatten)]
    pub(super) intake: IntakeFlags,
    /// Only say what would be adopted, what is missing and what is doubtful, by headers and lengths
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Series, and files, at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(super) parallel: Option<u32>,
    #[command(flatten)]
    pub(super) selection: SelectionFlags,
}

/// How the bytes come into the mirror: without any, shared by both files where the file system can, else copied.
#[derive(Debug, Args)]
pub(super) struct IntakeFlags {
    /// Copy every byte, also where the file system could share them between both files until one is changed
    #[arg(long, group = "intake")]
    pub(super) copy: bool,
    /// Give the files a second name in the mirror: no space and no time, but whoever changes one of them in DIR later
    /// changes the mirror (`verify` finds it); on one file system only
    #[arg(long, group = "intake")]
    pub(super) link: bool,
    /// Remove each file from DIR when its series lies in the mirror, on stable storage; ZIPs, folders and what is not
    /// taken stay
    #[arg(long = "move", group = "intake")]
    pub(super) moves: bool,
}

#[derive(Debug, Args)]
pub(super) struct Daemon {
    #[command(flatten)]
    pub(super) download: DownloadFlags,
}

#[derive(Debug, Args)]
pub(super) struct Status {
    /// Instead what the last runs have done and changed, the newest first
    #[arg(long, value_name = "RUNS", num_args = 0..=1, default_missing_value = "20")]
    pub(super) history: Option<u32>,
    /// Instead the patients of a collection, with what is there of each; `*` and `?` stand for other characters
    #[arg(long, value_name = "NAME", conflicts_with = "history")]
    pub(super) collection: Option<String>,
    /// With --collection: the series of a patient, and where they lie
    #[arg(long, value_name = "ID", requires = "collection")]
    pub(super) patient: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Prune {
    /// How long data must be withdrawn or replaced, like 30d or 12h; without it `[disk] retain`
    #[arg(long, value_name = "AGE")]
    pub(super) older_than: Option<humantime::Duration>,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct Resume {
    #[command(flatten)]
    pub(super) download: DownloadFlags,
}

#[derive(Debug, Args)]
pub(super) struct Planning {
    #[command(flatten)]
    pub(super) selection: SelectionFlags,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    pub(super) selection: SelectionFlags,
    /// Fetch again what is missing or damaged: single images where the service has them
    #[arg(long)]
    pub(super) repair: bool,
    /// Only so many of the series, like 5%: each sample goes on behind the last one, so that in the end all were read
    #[arg(long, value_name = "PERCENT")]
    pub(super) sample: Option<Share>,
    /// Ask the service about each series too, and state for each collection what was compared
    #[arg(long)]
    pub(super) remote: bool,
    /// Begin anew, also where the last verification of the same series was cut off
    #[arg(long)]
    pub(super) restart: bool,
    #[command(flatten)]
    pub(super) download: DownloadFlags,
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port [default: 127.0.0.1:8042]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell
    pub(super) shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// The command whose page it is; none is the page of the program
    #[arg(value_name = "COMMAND")]
    pub(super) of: Option<String>,
    /// Instead every page, as tcia-mirror.1, tcia-mirror-mirror.1 and so on
    #[arg(long, value_name = "DIR", conflicts_with = "of")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Query {
    /// Its documented name, like getSeries; behind it `/metadata` asks about the endpoint itself. None lists them all
    #[arg(value_name = "ENDPOINT")]
    pub(super) endpoint: Option<String>,
    /// Filters, like Collection=TCGA-GBM; days are written YYYY-MM-DD, whatever the service wants
    #[arg(value_name = "KEY=VALUE")]
    pub(super) filters: Vec<String>,
    /// How rows are printed; a table ends after 10000 of them and says so [default: table]
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<QueryFormat>,
    /// Hand on the service's own writing of that format
    #[arg(long)]
    pub(super) as_sent: bool,
    /// A file, new or replaced only by a whole answer; devices and pipes are written through, `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Say what answers at the address of the service, in each dialect
    #[arg(long, conflicts_with_all = ["endpoint", "format", "as_sent", "output"])]
    pub(super) probe: bool,
}

/// How the rows of a query are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum QueryFormat {
    /// Aligned columns.
    Table,
    /// One array.
    Json,
    /// Comma-separated, with a header.
    Csv,
    /// `<Results><Row><Value column="…">`.
    Xml,
    /// A table.
    Html,
    /// The bytes that the service sends when it is not told how.
    Raw,
}

impl QueryFormat {
    /// The service's name for it.
    pub(super) fn as_sent(self) -> Option<&'static str> {
        match self {
            Self::Table | Self::Raw => None,
            Self::Json => Some("json"),
            Self::Csv => Some("csv"),
            Self::Xml => Some("xml"),
            Self::Html => Some("html"),
        }
    }
}

/// Which series; equal flags widen, different flags narrow.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Selection (repeatable; equal flags widen, different flags narrow)")]
pub(super) struct SelectionFlags {
    #[arg(long, value_name = "NAME")]
    pub(super) collection: Vec<String>,
    #[arg(long, conflicts_with = "collection")]
    pub(super) all_collections: bool,
    #[arg(long, value_name = "ID")]
    pub(super) patient: Vec<String>,
    #[arg(long, value_name = "UID")]
    pub(super) study: Vec<StudyInstanceUid>,
    #[arg(long, value_name = "UID")]
    pub(super) series: Vec<SeriesInstanceUid>,
    #[arg(long)]
    pub(super) modality: Vec<String>,
    #[arg(long)]
    pub(super) body_part: Vec<String>,
    #[arg(long)]
    pub(super) manufacturer: Vec<String>,
    #[arg(long)]
    pub(super) model: Vec<String>,
    /// The name of a licence or its address, like '*/by/4.0/*'; here and above `*` and `?` stand for other characters
    #[arg(long)]
    pub(super) license: Vec<String>,
    /// A .tcia manifest, a CSV, TSV or XLSX with a SeriesInstanceUID or `Series UID` column, or bare UIDs one a line;
    /// `-` is standard input
    #[arg(long, value_name = "FILE|URL|-")]
    pub(super) manifest: Vec<PathBuf>,
    /// A list of series that the service keeps under a name
    #[arg(long, value_name = "NAME")]
    pub(super) shared_list: Vec<String>,
}

/// How it is downloaded.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Download")]
pub(super) struct DownloadFlags {
    /// Series at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(super) parallel: Option<u32>,
    /// Requests, as 10/s or 30/m
    #[arg(long, value_name = "N/s", value_parser = parse_rate)]
    pub(super) rate: Option<Rate>,
    /// Bytes a second over everything, as 50MB/s
    #[arg(long, value_name = "BYTES/s", value_parser = parse_bytes)]
    pub(super) bandwidth: Option<u64>,
    /// Begin no new series once so much came over the wire
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(super) max_bytes: Option<u64>,
    /// auto: ZIPs, repaired by instance; series: ZIPs only; instances: one by one
    #[arg(long, value_name = "HOW")]
    pub(super) fetch: Option<How>,
    /// Only show what would be fetched
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declarations_are_consistent() {
        Arguments::command().debug_assert();
    }
}
