//! Flags + environment + one TOML file → one checked [`Config`].
//!
//! Each module declares its own options; this one fills them. Nothing else reads the environment.

mod effective;
mod file;
mod secret;
mod select;
mod service;
mod share;
mod unit;
mod written;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::{daemon, fetch, nbia, serve, sync};
use file::{Daemon, File, Hooks, Limits, parse};
use secret::secret;
use select::selections;

pub use effective::{Effective, Origin, Section, Setting};
pub use select::Select;
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
    #[error("[limits] parallel is {most}, and parallel_least is {least}: it cannot be more")]
    LessThanLeast { most: usize, least: usize },
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
    /// How the web is reached for what is no service.
    pub reach: nbia::Reach,
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
        let path = file_of(&overrides);
        let file = match &path {
            Some(path) => parse(path, &fs::read_to_string(path).map_err(|source| unreadable(path, source))?)?,
            None => File::default(),
        };
        let root = overrides.root.unwrap_or_else(|| file.root.clone());
        let services = services(&file, overrides.base_url, overrides.dialect)?;
        Ok(Self {
            root,
            services,
            reach: service::reach(&file),
            sync: sync_options(&file)?,
            retain: file.disk.retain.0,
            daemon: daemon_options(&file),
            park_after: file.jobs.park_after.0,
            hooks: hooks(&file.hooks)?,
            serve: serve_options(&file),
            serve_token_file: file.serve.token_file.clone(),
            daemon_serves: file.serve.listen.is_some(),
            select: selections(&file),
        })
    }
}

/// The file that is read, if there is one.
pub fn file_of(overrides: &Overrides) -> Option<PathBuf> {
    overrides.config.clone().or_else(usual_file)
}

/// Whether nobody asks for texts without colours, by `NO_COLOR` with anything in it (no-color.org).
pub fn wants_colours() -> bool {
    variable("NO_COLOR").is_none()
}

/// A variable of the environment that leads requests over a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyVariable {
    /// What it is called.
    pub name: &'static str,
    /// Host and port that it names, without what may be a password.
    pub place: String,
}

/// Those that are set and heard: by the name of what is asked, or of everything.
pub fn proxy_variables() -> Vec<ProxyVariable> {
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let place = |value: String| {
        Url::parse(&value)
            .ok()
            .and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)))
    };
    let found = names.into_iter().filter_map(|name| Some((name, variable(name)?)));
    found
        .map(|(name, value)| ProxyVariable {
            name,
            place: place(value).unwrap_or_else(|| "what is no address".to_owned()),
        })
        .collect()
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

fn sync_options(file: &File) -> Result<sync::Options, ConfigError> {
    Ok(sync::Options {
        shard: None,
        parallel: parallel(&file.limits)?,
        order: file.jobs.order.0,
        max_bytes: None,
        jobs: sync::JobOptions {
            attempts: file.jobs.attempts,
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
            listings: file.daemon.confirm_withdrawn.listings,
            seconds_apart: i64::from(file.daemon.confirm_withdrawn.hours) * 3600,
        },
        fetch: fetch::Options {
            how: file.jobs.fetch.0,
            max_instance: file.limits.max_instance.0,
            max_series: file.limits.max_series.0,
            ..fetch::Options::default()
        },
    })
}

fn parallel(limits: &Limits) -> Result<sync::Parallel, ConfigError> {
    let (least, most) = (limits.parallel_least, limits.parallel);
    if most < least {
        Err(ConfigError::LessThanLeast { most, least })
    } else {
        Ok(sync::Parallel { least, most })
    }
}

fn daemon_options(file: &File) -> daemon::Options {
    let Daemon { interval, at, time_zone, jitter, full_every, quiet_hours, bandwidth, .. } = &file.daemon;
    let when = if at.is_empty() {
        daemon::When::Every(interval.0)
    } else {
        daemon::When::At(at.iter().map(|at| at.0).collect())
    };
    daemon::Options {
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
    }
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

fn serve_options(file: &File) -> serve::Options {
    let usual = serve::Options::default();
    serve::Options {
        listen: file.serve.listen.unwrap_or(usual.listen),
        allow_remote: file.serve.allow_remote,
        packing: file.serve.packing.0,
        connections: file.serve.connections,
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
fn text_variable(name: &str) -> Result<Option<String>, ConfigError> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    value.into_string().map(Some).map_err(|_bytes| ConfigError::NotText { name: name.to_owned() })
}

fn variable(name: &str) -> Option<String> {
    text_variable(name).ok().flatten()
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
        let options = daemon_options(&read(text).unwrap());
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
    }

    #[test]
    fn nothing_at_a_time_and_less_than_the_least_are_refused() {
        for none in [
            "[limits]\nparallel = 0",
            "[limits]\nparallel_least = 0",
            "[jobs]\nattempts = 0",
            "[serve]\nconnections = 0",
            "[daemon]\ninterval = \"0s\"",
            "[jobs]\norder = \"newest\"",
            "[jobs]\nfetch = \"zip\"",
            "[serve]\npacking = \"rar\"",
            "[service]\ndialect = \"nbia-v5\"",
        ] {
            let refused = read(none).unwrap_err().to_string();
            assert!(refused.contains("test.toml") && refused.contains("line 2"), "{refused}");
        }
        let file = read("[limits]\nparallel = 2\nparallel_least = 3\n").unwrap();
        assert!(matches!(sync_options(&file), Err(ConfigError::LessThanLeast { .. })));
    }
}
