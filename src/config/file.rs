//! The file, as it may be written, and what it says where nothing is written.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::ConfigError;
use super::effective::meant;
use super::select::SelectTable;
use super::service::{Service, Services};
use super::unit::{
    self, BandwidthThen, ByteSize, Named, PartOfDay, PerSecond, Period, RequestRate, TimeOfDay, Zone,
};
use crate::{fetch, nbia, serve, sync};

/// The file, as it may be written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) root: PathBuf,
    pub(super) service: Services,
    pub(super) http: Http,
    pub(super) limits: Limits,
    pub(super) retry: Retry,
    pub(super) jobs: Jobs,
    pub(super) disk: Disk,
    pub(super) daemon: Daemon,
    pub(super) hooks: Hooks,
    pub(super) serve: Serve,
    pub(super) select: Vec<SelectTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Http {
    pub(super) connect_timeout: Period,
    pub(super) first_byte_timeout: Period,
    pub(super) idle_timeout: Period,
    pub(super) min_rate: PerSecond,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    #[serde(deserialize_with = "unit::at_least_one")]
    pub(super) parallel: usize,
    #[serde(deserialize_with = "unit::at_least_one")]
    pub(super) parallel_least: usize,
    pub(super) query_rate: RequestRate,
    pub(super) image_rate: RequestRate,
    pub(super) bandwidth: PerSecond,
    pub(super) max_instance: ByteSize,
    pub(super) max_series: ByteSize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Retry {
    #[serde(deserialize_with = "unit::at_least_one")]
    pub(super) attempts: u32,
    pub(super) base: Period,
    pub(super) cap: Period,
    pub(super) give_up: Period,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Jobs {
    #[serde(deserialize_with = "unit::at_least_one")]
    pub(super) attempts: u32,
    pub(super) base: Period,
    pub(super) cap: Period,
    pub(super) grace: Period,
    pub(super) park_after: Period,
    pub(super) order: Named<sync::Order>,
    pub(super) fetch: Named<fetch::How>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Disk {
    pub(super) retain: Period,
    pub(super) min_free: ByteSize,
    pub(super) min_free_inodes: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Daemon {
    #[serde(deserialize_with = "unit::some_time")]
    pub(super) interval: Period,
    pub(super) at: Vec<TimeOfDay>,
    pub(super) time_zone: Zone,
    pub(super) jitter: Period,
    pub(super) full_every: Period,
    pub(super) confirm_withdrawn: ConfirmWithdrawn,
    pub(super) quiet_hours: Vec<PartOfDay>,
    pub(super) bandwidth: Vec<BandwidthThen>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Hooks {
    pub(super) command: Vec<String>,
    pub(super) webhook: String,
    pub(super) timeout: Period,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmWithdrawn {
    #[serde(deserialize_with = "unit::at_least_one")]
    pub(super) listings: u32,
    pub(super) hours: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Serve {
    /// `None`: it is not written, and the usual one counts.
    pub(super) listen: Option<SocketAddr>,
    pub(super) allow_remote: bool,
    pub(super) token_file: PathBuf,
    #[serde(deserialize_with = "unit::at_least_one")]
    pub(super) connections: usize,
    pub(super) packing: Named<serve::Packing>,
}

pub(super) fn parse(path: &Path, text: &str) -> Result<File, ConfigError> {
    let faulty = |error: toml::de::Error| ConfigError::Parse {
        path: path.to_owned(),
        message: format!("{error}{}", meant(error.message()).unwrap_or_default()),
    };
    toml::from_str(text).map_err(faulty)
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
            order: Named(sync::Order::default()),
            fetch: Named(fetch::How::default()),
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
            packing: Named(serve.packing),
        }
    }
}
