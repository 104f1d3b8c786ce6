//! `[service]` and `[[service]]`: addresses, keys, limits of each.

use std::path::{Path, PathBuf};

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::file::File;
use super::secret::secret;
use super::unit::{PerSecond, RequestRate};
use super::{ConfigError, text_variable};
use crate::nbia;

const API_KEY: &str = "API_KEY";
const TOKEN: &str = "TOKEN";
const PASSWORD: &str = "PASSWORD";
const CLIENT_SECRET: &str = "CLIENT_SECRET";
/// The dialect that the path tells.
const AUTO: &str = "auto";

/// `[service]`, or several `[[service]]`.
#[derive(Debug)]
pub(super) struct Services(pub(super) Vec<Service>);

impl<'de> Deserialize<'de> for Services {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TableOrList;

        impl<'de> Visitor<'de> for TableOrList {
            type Value = Services;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a table [service] or several tables [[service]]")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Services, A::Error> {
                Service::deserialize(MapAccessDeserializer::new(map)).map(|service| Services(vec![service]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Services, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Services)
            }
        }

        deserializer.deserialize_any(TableOrList)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Service {
    pub(super) base_url: String,
    dialect: Dialect,
    api_key_file: PathBuf,
    token_file: PathBuf,
    username: String,
    password_file: PathBuf,
    token_url: String,
    client_id: String,
    client_secret_file: PathBuf,
    ca_file: PathBuf,
    contact: String,
    query_rate: Option<RequestRate>,
    image_rate: Option<RequestRate>,
    bandwidth: Option<PerSecond>,
}

/// A dialect; none is the one that the path tells.
#[derive(Clone, Copy, Debug)]
struct Dialect(Option<nbia::Dialect>);

impl<'de> Deserialize<'de> for Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            AUTO => Ok(Self(None)),
            name => name.parse().map(|dialect| Self(Some(dialect))).map_err(D::Error::custom),
        }
    }
}

impl Default for Service {
    fn default() -> Self {
        Self {
            base_url: nbia::PUBLIC_SERVICE.to_owned(),
            dialect: Dialect(None),
            api_key_file: PathBuf::new(),
            token_file: PathBuf::new(),
            username: String::new(),
            password_file: PathBuf::new(),
            token_url: String::new(),
            client_id: "nbia".to_owned(),
            client_secret_file: PathBuf::new(),
            ca_file: PathBuf::new(),
            contact: String::new(),
            query_rate: None,
            image_rate: None,
            bandwidth: None,
        }
    }
}

impl Service {
    /// This service at another host, to which no secret of it may go.
    fn without_secrets(&self, base_url: String) -> Self {
        Self {
            base_url,
            dialect: Dialect(None),
            ca_file: self.ca_file.clone(),
            contact: self.contact.clone(),
            ..Self::default()
        }
    }

    /// The secrets that it may have: name in the environment, key, and the file that is configured for it.
    pub(super) fn secrets(&self) -> [(&'static str, &'static str, &Path); 4] {
        [
            (API_KEY, "api_key", &self.api_key_file),
            (TOKEN, "token", &self.token_file),
            (PASSWORD, "password", &self.password_file),
            (CLIENT_SECRET, "client_secret", &self.client_secret_file),
        ]
    }

    fn address(&self) -> Result<Url, ConfigError> {
        address(&self.base_url)
    }

    fn is_at(&self, base_url: &str) -> bool {
        self.base_url.trim_end_matches('/') == base_url.trim_end_matches('/')
    }

    fn is_public(&self) -> bool {
        self.is_at(nbia::PUBLIC_SERVICE)
    }
}

/// Keys of the first service that hold for one at another place too.
pub(super) const KEPT: [&str; 2] = ["ca_file", "contact"];

/// A service that is asked.
pub(super) struct Chosen {
    pub(super) service: Service,
    /// The table that speaks of it.
    pub(super) table: Option<usize>,
    /// Whether secrets of the environment are its own.
    pub(super) takes_environment: bool,
}

/// The services of a file, or the one that a flag names.
///
/// The public service has a twin for one collection (NBIA Advanced REST API Guide: NLST lies alone), which is asked
/// last, and only for what the first does not list. Secrets of the environment are those of the first service: with a
/// flag they go where it points only when no file says that the first service is elsewhere.
pub(super) fn chosen(configured: &[Service], base_url: Option<String>) -> Result<Vec<Chosen>, ConfigError> {
    let takes_environment =
        base_url.as_deref().map_or(Ok(true), |base_url| is_first(configured, base_url))?;
    let mut services = match base_url {
        Some(base_url) => vec![named(configured, base_url)?],
        None if configured.is_empty() => vec![(Service::default(), None)],
        None => configured.iter().cloned().zip((0..).map(Some)).collect(),
    };
    if let [(only, _)] = services.as_slice()
        && only.is_public()
    {
        services.push((only.without_secrets(nbia::NLST_SERVICE.to_owned()), None));
    }
    let of = |(place, (service, table))| Chosen {
        service,
        table,
        takes_environment: place == 0 && takes_environment,
    };
    Ok((0..).zip(services).map(of).collect())
}

/// What is needed to ask each of them.
pub(super) fn options(
    file: &File,
    base_url: Option<String>,
    dialect: Option<nbia::Dialect>,
) -> Result<Vec<nbia::Options>, ConfigError> {
    let chosen = chosen(&file.service.0, base_url)?;
    (0..).zip(chosen).map(|(place, chosen)| of(file, chosen, dialect.filter(|_| place == 0))).collect()
}

/// Whether a flag may mean the first service: it leads there, or no table leads anywhere else.
fn is_first(configured: &[Service], base_url: &str) -> Result<bool, ConfigError> {
    let Some(first) = configured.first().filter(|_| configured.iter().any(|known| !known.is_public())) else {
        return Ok(true);
    };
    Ok(best_match(configured, base_url)?.is_some_and(|known| std::ptr::eq(known, first)))
}

/// The table of the service at an address: the one with that very address, else one at the same place.
fn best_match<'a>(configured: &'a [Service], base_url: &str) -> Result<Option<&'a Service>, ConfigError> {
    let origin = address(base_url)?.origin();
    let exact = configured.iter().find(|known| known.is_at(base_url));
    let near = || configured.iter().find(|known| known.address().is_ok_and(|known| known.origin() == origin));
    Ok(exact.or_else(near))
}

/// The service at an address; without a table of its own, one to which no configured secret goes.
fn named(configured: &[Service], base_url: String) -> Result<(Service, Option<usize>), ConfigError> {
    let Some(known) = best_match(configured, &base_url)? else {
        let first = configured.first().cloned().unwrap_or_default();
        return Ok((first.without_secrets(base_url), None));
    };
    let table = configured.iter().position(|one| std::ptr::eq(one, known));
    if known.is_at(&base_url) {
        return Ok((known.clone(), table));
    }
    // another path may well be another dialect
    Ok((Service { base_url, dialect: Dialect(None), ..known.clone() }, table))
}

fn of(file: &File, chosen: Chosen, dialect: Option<nbia::Dialect>) -> Result<nbia::Options, ConfigError> {
    let Chosen { service, takes_environment, .. } = chosen;
    let base_url = service.address()?;
    let read = |name, file| secret(name, file, takes_environment);
    Ok(nbia::Options {
        dialect: dialect.or(service.dialect.0),
        api_key: read(API_KEY, &service.api_key_file)?,
        token: read(TOKEN, &service.token_file)?,
        login: login(&service, &base_url, takes_environment)?,
        base_url,
        ca_file: Some(service.ca_file).filter(|path| !path.as_os_str().is_empty()),
        contact: service.contact,
        http: http(file),
        query_rate: service.query_rate.map_or(file.limits.query_rate.0, |rate| rate.0),
        image_rate: service.image_rate.map_or(file.limits.image_rate.0, |rate| rate.0),
        bandwidth: service.bandwidth.map_or(file.limits.bandwidth.0, |rate| rate.0),
        retry: nbia::RetryOptions {
            attempts: file.retry.attempts,
            base: file.retry.base.0,
            cap: file.retry.cap.0,
            give_up: file.retry.give_up.0,
        },
    })
}

/// How the web is reached for what is no service: as the first one is, without a key.
pub(super) fn reach(file: &File) -> nbia::Reach {
    let first = file.service.0.first().cloned().unwrap_or_default();
    let ca_file = Some(first.ca_file).filter(|path| !path.as_os_str().is_empty());
    nbia::Reach { ca_file, contact: first.contact, http: http(file) }
}

fn http(file: &File) -> nbia::HttpOptions {
    nbia::HttpOptions {
        connect_timeout: file.http.connect_timeout.0,
        first_byte_timeout: file.http.first_byte_timeout.0,
        idle_timeout: file.http.idle_timeout.0,
        min_rate: file.http.min_rate.0,
    }
}

fn login(
    service: &Service,
    base_url: &Url,
    takes_environment: bool,
) -> Result<Option<nbia::Login>, ConfigError> {
    let username = Some(service.username.clone()).filter(|name| !name.is_empty());
    let from_environment = if takes_environment { text_variable("TCIA_MIRROR_USERNAME")? } else { None };
    let Some(username) = username.or(from_environment) else { return Ok(None) };
    let password = secret(PASSWORD, &service.password_file, takes_environment)?;
    let password = password.ok_or_else(|| ConfigError::NoPassword { username: username.clone() })?;
    let token_url = match service.token_url.as_str() {
        "" => usual_token_url(base_url)?,
        configured => address(configured)?,
    };
    let client_secret = secret(CLIENT_SECRET, &service.client_secret_file, takes_environment)?;
    let client_id = service.client_id.clone();
    Ok(Some(nbia::Login { token_url, username, password, client_id, client_secret }))
}

/// Where the archive's own server hands out tokens: `/nbia-api/oauth/token`.
fn usual_token_url(base_url: &Url) -> Result<Url, ConfigError> {
    let (prefix, _) = base_url
        .path()
        .split_once("/nbia-api")
        .ok_or_else(|| ConfigError::NoTokenAddress { base_url: base_url.clone() })?;
    let mut url = base_url.clone();
    url.set_path(&format!("{prefix}/nbia-api/oauth/token"));
    Ok(url)
}

fn address(value: &str) -> Result<Url, ConfigError> {
    Url::parse(value).map_err(|source| ConfigError::Address { value: value.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::file::parse;
    use super::*;

    fn services(text: &str, base_url: Option<&str>) -> Result<Vec<nbia::Options>, ConfigError> {
        options(&parse(Path::new("test.toml"), text)?, base_url.map(str::to_owned), None)
    }

    fn addresses(services: &[nbia::Options]) -> Vec<&str> {
        services.iter().map(|service| service.base_url.as_str()).collect()
    }

    /// A file with a secret, and the line of a configuration that names it.
    fn secret_file(key: &str, secret: &str) -> (tempfile::TempPath, String) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, secret.as_bytes()).unwrap();
        let path = file.into_temp_path();
        let line = format!("{key} = {:?}\n", path.to_str().unwrap());
        (path, line)
    }

    #[test]
    fn a_service_may_be_a_table_or_several() {
        let lab = "base_url = \"https://lab.example.org/nbia-api/services/v2\"\ncontact = \"a@b\"\n";
        for text in [format!("[service]\n{lab}"), format!("[[service]]\n{lab}")] {
            let services = services(&text, None).unwrap();
            assert_eq!(addresses(&services), ["https://lab.example.org/nbia-api/services/v2"]);
            assert_eq!(services[0].contact, "a@b");
        }
        let two = format!("[[service]]\n{lab}query_rate = \"1/s\"\n[[service]]\n");
        let two = services(&two, None).unwrap();
        assert_eq!(addresses(&two), ["https://lab.example.org/nbia-api/services/v2", nbia::PUBLIC_SERVICE]);
        assert_eq!((two[0].query_rate.amount, two[1].query_rate.amount), (1, 10));
    }

    #[test]
    fn the_public_service_comes_with_its_twin_and_keeps_its_key() {
        let (_file, line) = secret_file("api_key_file", "key-of-the-first");
        let services = services(&format!("[service]\n{line}"), None).unwrap();

        assert_eq!(addresses(&services), [nbia::PUBLIC_SERVICE, nbia::NLST_SERVICE]);
        assert_eq!(services[0].api_key.as_ref().unwrap().expose_secret(), "key-of-the-first");
        assert!(services[1].api_key.is_none());
    }

    #[test]
    fn a_configured_key_does_not_follow_a_flag_to_another_host() {
        let (_file, line) = secret_file("api_key_file", "key-of-the-lab");
        let text = format!("[service]\nbase_url = \"https://lab.example.org/nbia-api/services/v4\"\n{line}");

        let same = services(&text, Some("https://lab.example.org/nbia-api/services/v1")).unwrap();
        assert!(same[0].api_key.is_some());
        for other in
            ["http://lab.example.org/nbia-api/services/v1", "https://lab.example.org:444/services/v3"]
        {
            assert!(services(&text, Some(other)).unwrap()[0].api_key.is_none(), "{other}");
        }
    }

    #[test]
    fn of_two_services_at_one_place_the_one_that_is_named_is_meant_and_its_path_tells_the_dialect() {
        let (_first, first) = secret_file("api_key_file", "key-of-v1");
        let (_second, second) = secret_file("api_key_file", "key-of-v3");
        let table = |path: &str, rest: &str| {
            format!("[[service]]\nbase_url = \"https://lab.example.org{path}\"\n{rest}")
        };
        let text = table("/nbia-api/services/v1", &format!("dialect = \"nbia-v1\"\n{first}"))
            + &table("/services/v3", &second);
        let at = |path: &str| {
            let mut found = services(&text, Some(&format!("https://lab.example.org{path}"))).unwrap();
            let service = found.remove(0);
            (service.api_key.unwrap().expose_secret().to_owned(), service.dialect)
        };

        assert_eq!(at("/services/v3/"), ("key-of-v3".to_owned(), None));
        assert_eq!(at("/nbia-api/services/v1"), ("key-of-v1".to_owned(), Some(nbia::Dialect::NbiaV1)));
        assert_eq!(at("/nbia-api/services/v4"), ("key-of-v1".to_owned(), None));
    }

    #[test]
    fn the_environment_speaks_of_the_first_service_only() {
        let two = parse(
            Path::new("test.toml"),
            "[[service]]\nbase_url = \"https://one.example.org/services/v3\"\n\
             [[service]]\nbase_url = \"https://two.example.org/services/v3\"\n",
        )
        .unwrap();
        let is_first = |base_url| is_first(&two.service.0, base_url).unwrap();
        assert!(is_first("https://one.example.org/services/v3"));
        assert!(!is_first("https://two.example.org/services/v3"));
        assert!(!is_first("https://three.example.org/services/v3"));
        let contact_only = parse(Path::new("test.toml"), "[service]\ncontact = \"a@b\"\n").unwrap();
        assert!(super::is_first(&contact_only.service.0, "https://three.example.org/services/v3").unwrap());
    }

    #[test]
    fn a_secret_that_is_empty_is_refused_with_its_place() {
        let (file, line) = secret_file("api_key_file", " \n");
        let refused = services(&format!("[service]\n{line}"), None).unwrap_err().to_string();
        assert!(refused.contains(file.to_str().unwrap()), "{refused}");
    }

    #[test]
    fn a_user_gets_tokens_where_the_archives_server_hands_them_out() {
        let (_file, line) = secret_file("password_file", "secret\n");
        let lab =
            "[service]\nbase_url = \"https://lab.example.org/x/nbia-api/services/v2\"\nusername = \"u\"\n";

        let services = services(&format!("{lab}{line}"), None).unwrap();
        let login = services[0].login.as_ref().unwrap();
        assert_eq!(login.token_url.as_str(), "https://lab.example.org/x/nbia-api/oauth/token");
        assert_eq!((login.client_id.as_str(), login.password.expose_secret()), ("nbia", "secret"));
    }

    #[test]
    fn a_user_without_a_password_or_a_place_to_get_tokens_is_refused() {
        let user = "[service]\nusername = \"u\"\n";
        assert!(matches!(services(user, None), Err(ConfigError::NoPassword { .. })));
        let (_file, line) = secret_file("password_file", "secret");
        let bindaas = format!("{user}base_url = \"https://lab.example.org/services/v3\"\n{line}");
        assert!(matches!(services(&bindaas, None), Err(ConfigError::NoTokenAddress { .. })));
    }
}
