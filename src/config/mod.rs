//! Flags + environment + one TOML file → one checked [`Config`].
//!
//! Each module declares its own options; this one fills them. Nothing else reads the environment.

mod secret;
mod service;
mod share;
mod unit;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::dicom::{CollectionName, PatientId, SeriesInstanceUid, StudyInstanceUid};
use crate::plan::Selection;
use crate::{daemon, fetch, nbia, serve, sync};
use secret::secret;
use service::{Service, Services};
use unit::{BandwidthThen, ByteSize, PartOfDay, PerSecond, Period, RequestRate, TimeOfDay, Zone};

pub use unit::{parse_bytes, parse_rate};

/// A cycle that could not go on is tried again at least so often, whatever the pauses of series may grow to.
const LONGEST_RETRY: Duration = Duration::from_hours(1);

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ConfigError {
    #[error("cannot read {}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {message}", .path.display())]
    Parse { path: PathBuf, message: String },
    #[error("`{value}` is no address")]
    Address { value: String, source: url::ParseError },
    #[error("{what} cannot be {found}: it must be at least {least}")]
    TooSmall { what: &'static str, found: u64, least: u64 },
    #[error("the secret in {place} is empty")]
    EmptySecret { place: String },
    #[error("the variable {name} is no text")]
    NotText { name: String },
    #[error("no place to get a token from can be told from {base_url}: name it with [service] token_url")]
    NoTokenAddress { base_url: Url },
    #[error(
        "the password of `{username}` is missing: TCIA_MIRROR_PASSWORD, TCIA_MIRROR_PASSWORD_FILE or [service] password_file"
    )]
    NoPassword { username: String },
}

/// Everything that a command needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The mirror.
    pub root: PathBuf,
    /// The services, at least one; a collection is mirrored from the first that lists it. None for what asks no service.
    pub services: Vec<nbia::Options>,
    /// The cycle.
    pub sync: sync::Options,
    /// How old replaced and withdrawn data must be before it may be removed.
    pub retain: Duration,
    /// The schedule.
    pub daemon: daemon::Options,
    /// How long a series must have failed before the daemon parks it.
    pub park_after: Duration,
    /// Who is told how a run ended.
    pub hooks: sync::Hooks,
    /// The server.
    pub serve: serve::Options,
    /// The file that holds what its clients must bring.
    pub serve_token_file: PathBuf,
    /// Whether the file says where it listens, so that the daemon serves as well.
    pub daemon_serves: bool,
    /// What is mirrored when no flag says so.
    pub select: Vec<Select>,
}

/// A `[[select]]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// What it says itself.
    pub selection: Selection,
    /// Files that name more series.
    pub manifests: Vec<PathBuf>,
}

impl Config {
    /// What clients of the server must bring, if anything: read only where it serves, for nobody else may be able to.
    pub fn serve_token(&self) -> Result<Option<SecretString>, ConfigError> {
        secret("SERVE_TOKEN", &self.serve_token_file, true)
    }

    /// The service that is asked when nothing else tells which.
    pub fn first_service(&self) -> &nbia::Options {
        &self.services[0]
    }
}

/// What flags and the environment say over the file.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each is the flag it is named after")]
pub struct Overrides {
    pub config: Option<PathBuf>,
    pub root: Option<PathBuf>,
    pub base_url: Option<String>,
    pub dialect: Option<nbia::Dialect>,
}

/// The file, as it may be written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    root: PathBuf,
    service: Services,
    http: Http,
    limits: Limits,
    retry: Retry,
    jobs: Jobs,
    disk: Disk,
    daemon: Daemon,
    hooks: Hooks,
    serve: Serve,
    select: Vec<SelectTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Http {
    connect_timeout: Period,
    first_byte_timeout: Period,
    idle_timeout: Period,
    min_rate: PerSecond,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    parallel: usize,
    parallel_least: usize,
    query_rate: RequestRate,
    image_rate: RequestRate,
    bandwidth: PerSecond,
    max_instance: ByteSize,
    max_series: ByteSize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Retry {
    attempts: u32,
    base: Period,
    cap: Period,
    give_up: Period,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Jobs {
    attempts: u32,
    base: Period,
    cap: Period,
    grace: Period,
    park_after: Period,
    order: String,
    fetch: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Disk {
    retain: Period,
    min_free: ByteSize,
    min_free_inodes: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Daemon {
    interval: Period,
    at: Vec<TimeOfDay>,
    time_zone: Zone,
    jitter: Period,
    full_every: Period,
    confirm_withdrawn: ConfirmWithdrawn,
    quiet_hours: Vec<PartOfDay>,
    bandwidth: Vec<BandwidthThen>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Hooks {
    command: Vec<String>,
    webhook: String,
    timeout: Period,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfirmWithdrawn {
    listings: u32,
    hours: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Serve {
    /// `None`: it is not written, and the usual one counts.
    listen: Option<SocketAddr>,
    allow_remote: bool,
    token_file: PathBuf,
    connections: usize,
    packing: String,
}

/// The flags of a selection, with underscores.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SelectTable {
    all_collections: bool,
    collection: Vec<CollectionName>,
    patient: Vec<PatientId>,
    study: Vec<StudyInstanceUid>,
    series: Vec<SeriesInstanceUid>,
    manifest: Vec<PathBuf>,
    shared_list: Vec<String>,
    modality: Vec<String>,
    body_part: Vec<String>,
    manufacturer: Vec<String>,
    model: Vec<String>,
}

/// What makes the services of a file and the flags about them.
type ReadServices =
    fn(&File, Option<String>, Option<nbia::Dialect>) -> Result<Vec<nbia::Options>, ConfigError>;

impl Config {
    /// Reads the file that flags name, or the first of the usual ones, and lays the overrides over it.
    pub fn load(overrides: Overrides) -> Result<Self, ConfigError> {
        Self::read(overrides, service::options)
    }

    /// The same for what asks no service, and so needs neither an address nor a key.
    pub fn load_without_services(overrides: Overrides) -> Result<Self, ConfigError> {
        Self::read(overrides, |_, _, _| Ok(Vec::new()))
    }

    fn read(overrides: Overrides, services: ReadServices) -> Result<Self, ConfigError> {
        let path = overrides.config.or_else(usual_file);
        let file = match &path {
            Some(path) => parse(path, &fs::read_to_string(path).map_err(|source| unreadable(path, source))?)?,
            None => File::default(),
        };
        let root = overrides.root.unwrap_or_else(|| file.root.clone());
        let services = services(&file, overrides.base_url, overrides.dialect)?;
        Ok(Self {
            root,
            services,
            sync: sync_options(&file)?,
            retain: file.disk.retain.0,
            daemon: daemon_options(&file)?,
            park_after: file.jobs.park_after.0,
            hooks: hooks(&file.hooks)?,
            serve: serve_options(&file)?,
            serve_token_file: file.serve.token_file.clone(),
            daemon_serves: file.serve.listen.is_some(),
            select: selections(&file),
        })
    }
}

fn usual_file() -> Option<PathBuf> {
    let user = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let user = user.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".config")));
    let candidates = [
        Some(PathBuf::from("tcia-mirror.toml")),
        user.map(|directory| directory.join("tcia-mirror/config.toml")),
        Some(PathBuf::from("/etc/tcia-mirror/tcia-mirror.toml")),
    ];
    candidates.into_iter().flatten().find(|path| path.is_file())
}

fn unreadable(path: &Path, source: std::io::Error) -> ConfigError {
    ConfigError::Read { path: path.to_owned(), source }
}

fn parse(path: &Path, text: &str) -> Result<File, ConfigError> {
    let faulty =
        |error: toml::de::Error| ConfigError::Parse { path: path.to_owned(), message: error.to_string() };
    toml::from_str(text).map_err(faulty)
}

fn sync_options(file: &File) -> Result<sync::Options, ConfigError> {
    let faulty = |key: &'static str| move |message| ConfigError::Parse { path: key.into(), message };
    Ok(sync::Options {
        shard: None,
        parallel: parallel(&file.limits)?,
        order: file.jobs.order.parse().map_err(faulty("[jobs] order"))?,
        max_bytes: None,
        jobs: sync::JobOptions {
            attempts: at_least_one("[jobs] attempts", file.jobs.attempts)?,
            base: file.jobs.base.0,
            cap: file.jobs.cap.0,
            grace: file.jobs.grace.0,
            steady: None,
        },
        disk: sync::DiskOptions {
            min_free: file.disk.min_free.0,
            min_free_inodes: file.disk.min_free_inodes,
        },
        withdrawal: sync::Confirmation {
            listings: at_least_one(
                "[daemon] confirm_withdrawn listings",
                file.daemon.confirm_withdrawn.listings,
            )?,
            seconds_apart: i64::from(file.daemon.confirm_withdrawn.hours) * 3600,
        },
        fetch: fetch::Options {
            how: file.jobs.fetch.parse().map_err(faulty("[jobs] fetch"))?,
            max_instance: file.limits.max_instance.0,
            max_series: file.limits.max_series.0,
            ..fetch::Options::default()
        },
    })
}

fn parallel(limits: &Limits) -> Result<sync::Parallel, ConfigError> {
    let least = at_least_one("[limits] parallel_least", limits.parallel_least)?;
    let (what, found) = ("[limits] parallel", limits.parallel);
    if found < least {
        return Err(ConfigError::TooSmall { what, found: found as u64, least: least as u64 });
    }
    Ok(sync::Parallel { least, most: found })
}

fn daemon_options(file: &File) -> Result<daemon::Options, ConfigError> {
    let Daemon { interval, at, time_zone, jitter, full_every, quiet_hours, bandwidth, .. } = &file.daemon;
    if interval.0.is_zero() {
        return Err(ConfigError::TooSmall { what: "[daemon] interval", found: 0, least: 1 });
    }
    let when = if at.is_empty() {
        daemon::When::Every(interval.0)
    } else {
        daemon::When::At(at.iter().map(|at| at.0).collect())
    };
    Ok(daemon::Options {
        schedule: daemon::Schedule {
            when,
            time_zone: time_zone.0.clone(),
            jitter: jitter.0,
            full_every: full_every.0,
            quiet_hours: quiet_hours.iter().map(|part| part.0).collect(),
        },
        bandwidth: bandwidth.iter().map(|then| (then.0, then.1)).collect(),
        retry_base: file.jobs.base.0,
        retry_cap: file.jobs.cap.0.min(LONGEST_RETRY),
    })
}

fn hooks(hooks: &Hooks) -> Result<sync::Hooks, ConfigError> {
    let Hooks { command, webhook, timeout } = hooks;
    let webhook = Some(webhook).filter(|address| !address.is_empty());
    let read =
        |address: &String| Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    // the address may be a secret, and is not repeated
    let wrong = || ConfigError::Parse {
        path: "[hooks] webhook".into(),
        message: "it must be an address that begins with http:// or https://".to_owned(),
    };
    Ok(sync::Hooks {
        command: command.clone(),
        webhook: webhook.map(|address| read(address).ok_or_else(wrong)).transpose()?,
        timeout: timeout.0,
    })
}

fn serve_options(file: &File) -> Result<serve::Options, ConfigError> {
    let usual = serve::Options::default();
    let faulty = |message| ConfigError::Parse { path: "[serve] packing".into(), message };
    Ok(serve::Options {
        listen: file.serve.listen.unwrap_or(usual.listen),
        allow_remote: file.serve.allow_remote,
        packing: file.serve.packing.parse().map_err(faulty)?,
        connections: at_least_one("[serve] connections", file.serve.connections)?,
    })
}

fn selections(file: &File) -> Vec<Select> {
    let of = |table: &SelectTable| Select {
        selection: Selection {
            all_collections: table.all_collections,
            collections: table.collection.clone(),
            patients: table.patient.clone(),
            studies: table.study.clone(),
            series: table.series.iter().cloned().collect(),
            shared_lists: table.shared_list.clone(),
            lie_in: None,
            modalities: table.modality.clone(),
            body_parts: table.body_part.clone(),
            manufacturers: table.manufacturer.clone(),
            models: table.model.clone(),
        },
        manifests: table.manifest.clone(),
    };
    file.select.iter().map(of).collect()
}

fn at_least_one<N: Default + PartialEq>(what: &'static str, found: N) -> Result<N, ConfigError> {
    if found == N::default() { Err(ConfigError::TooSmall { what, found: 0, least: 1 }) } else { Ok(found) }
}

#[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
fn text_variable(name: &str) -> Result<Option<String>, ConfigError> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    value.into_string().map(Some).map_err(|_bytes| ConfigError::NotText { name: name.to_owned() })
}

fn variable(name: &str) -> Option<String> {
    text_variable(name).ok().flatten()
}

impl Default for File {
    fn default() -> Self {
        Self {
            root: PathBuf::from("./tcia"),
            service: Services(vec![Service::default()]),
            http: Http::default(),
            limits: Limits::default(),
            retry: Retry::default(),
            jobs: Jobs::default(),
            disk: Disk::default(),
            daemon: Daemon::default(),
            hooks: Hooks::default(),
            serve: Serve::default(),
            select: Vec::new(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        let http = nbia::HttpOptions::default();
        Self {
            connect_timeout: Period(http.connect_timeout),
            first_byte_timeout: Period(http.first_byte_timeout),
            idle_timeout: Period(http.idle_timeout),
            min_rate: PerSecond(http.min_rate),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let (fetch, sync) = (fetch::Options::default(), sync::Options::default());
        Self {
            parallel: sync.parallel.most,
            parallel_least: sync.parallel.least,
            query_rate: RequestRate(nbia::Rate::per_second(10)),
            image_rate: RequestRate(nbia::Rate::per_second(10)),
            bandwidth: PerSecond(0),
            max_instance: ByteSize(fetch.max_instance),
            max_series: ByteSize(fetch.max_series),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        let retry = nbia::RetryOptions::default();
        Self {
            attempts: retry.attempts,
            base: Period(retry.base),
            cap: Period(retry.cap),
            give_up: Period(retry.give_up),
        }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        let jobs = sync::JobOptions::default();
        Self {
            attempts: jobs.attempts,
            base: Period(jobs.base),
            cap: Period(jobs.cap),
            grace: Period(jobs.grace),
            park_after: Period::days(3),
            order: sync::Order::default().to_string(),
            fetch: fetch::How::default().to_string(),
        }
    }
}

impl Default for Disk {
    fn default() -> Self {
        let disk = sync::DiskOptions::default();
        Self {
            retain: Period::days(30),
            min_free: ByteSize(disk.min_free),
            min_free_inodes: disk.min_free_inodes,
        }
    }
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            interval: Period::days(1),
            at: Vec::new(),
            time_zone: Zone(TimeZone::system()),
            jitter: Period(Duration::ZERO),
            full_every: Period::days(7),
            confirm_withdrawn: ConfirmWithdrawn { listings: 3, hours: 24 },
            quiet_hours: Vec::new(),
            bandwidth: Vec::new(),
        }
    }
}

impl Default for Hooks {
    fn default() -> Self {
        Self { command: Vec::new(), webhook: String::new(), timeout: Period(Duration::from_secs(30)) }
    }
}

impl Default for Serve {
    fn default() -> Self {
        let serve = serve::Options::default();
        Self {
            listen: None,
            allow_remote: serve.allow_remote,
            token_file: PathBuf::new(),
            connections: serve.connections,
            packing: serve.packing.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<File, ConfigError> {
        parse(Path::new("test.toml"), text)
    }

    #[test]
    fn the_example_file_holds_every_key_with_its_default() {
        let example = read(include_str!("../../config/tcia-mirror.toml")).unwrap();
        let (mut example, defaults) = (format!("{example:#?}"), format!("{:#?}", File::default()));
        // the example shows a root of its own, as every installation has
        example = example.replace("\"/srv/tcia\"", "\"./tcia\"");
        // and says that the daemon serves, which it does where it is told
        let listen = serve::Options::default().listen;
        example =
            example.replace(&format!("listen: Some(\n            {listen},\n        )"), "listen: None");
        assert_eq!(example, defaults);
    }

    #[test]
    fn an_unknown_key_and_a_wrong_unit_are_named_with_their_line() {
        let unknown = read("[limits]\nparalel = 4\n").unwrap_err().to_string();
        assert!(
            unknown.contains("line 2") && unknown.contains("paralel") && unknown.contains("parallel"),
            "{unknown}"
        );
        let unit = read("[http]\nidle_timeout = \"60 parsecs\"\n").unwrap_err().to_string();
        assert!(unit.contains("line 2"), "{unit}");
        assert!(read("[disk]\nmin_free = \"-1\"\n").is_err());
        assert!(read("[limits]\nquery_rate = \"ten/s\"\n").is_err());
    }

    #[test]
    fn units_are_read_as_people_write_them() {
        let file =
            read("[limits]\nbandwidth = \"50MB/s\"\nimage_rate = \"30/m\"\nmax_instance = \"64MiB\"\n")
                .unwrap();
        assert_eq!(file.limits.bandwidth.0, 50_000_000);
        assert_eq!(file.limits.max_instance.0, 64 << 20);
        assert_eq!(file.limits.image_rate.0, nbia::Rate { amount: 30, per: Duration::from_mins(1) });
    }

    #[test]
    fn a_schedule_is_read_as_people_write_it() {
        let text = "[daemon]\nat = [\"02:30\"]\ntime_zone = \"Europe/Berlin\"\nquiet_hours = [\"Mon-Fri 08:00-18:00\"]\n\
                    bandwidth = [\"22:00-06:00 5MB/s\"]\n";
        let options = daemon_options(&read(text).unwrap()).unwrap();
        assert_eq!(options.schedule.when, daemon::When::At(vec![jiff::civil::time(2, 30, 0, 0)]));
        assert_eq!(options.bandwidth, [("22:00-06:00".parse().unwrap(), 5_000_000)]);
        for wrong in [
            "at = [\"2h\"]",
            "time_zone = \"Berlin\"",
            "quiet_hours = [\"Mo-Fr\"]",
            "bandwidth = [\"5MB/s\"]",
        ] {
            let refused = read(&format!("[daemon]\n{wrong}\n")).unwrap_err().to_string();
            assert!(refused.contains("line 2"), "{refused}");
        }
        let never = read("[daemon]\ninterval = \"0s\"\n").unwrap();
        assert!(matches!(daemon_options(&never), Err(ConfigError::TooSmall { .. })));
    }

    #[test]
    fn nothing_parallel_is_refused() {
        for too_few in ["parallel = 0", "parallel_least = 0", "parallel = 2\nparallel_least = 3"] {
            let file = read(&format!("[limits]\n{too_few}\n")).unwrap();
            assert!(matches!(sync_options(&file), Err(ConfigError::TooSmall { .. })), "{too_few}");
        }
    }
}
