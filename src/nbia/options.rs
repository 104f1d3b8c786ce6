//! Which service is asked, and how it is treated.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::dialect::Dialect;
use super::pace::Rate;
use super::retry::RetryOptions;
use super::token::Login;

/// The public service.
pub const PUBLIC_SERVICE: &str = "https://nbia.cancerimagingarchive.net/nbia-api/services/v4";

/// Its twin, where one collection lies alone: NLST (NBIA Advanced REST API Guide).
pub const NLST_SERVICE: &str = "https://nlst.cancerimagingarchive.net/nbia-api/services/v4";

/// Which service, and how to treat it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address up to where endpoints begin.
    pub base_url: Url,
    /// The dialect, when the path does not tell.
    pub dialect: Option<Dialect>,
    /// Sent in the header `api_key`.
    pub api_key: Option<SecretString>,
    /// Sent as `Authorization: Bearer`.
    pub token: Option<SecretString>,
    /// How to get such a token; ignored when there is one already.
    pub login: Option<Login>,
    /// PEM file of certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Who runs this mirror; goes into the User-Agent.
    pub contact: String,
    /// Time-outs.
    pub http: HttpOptions,
    /// Lists a second.
    pub query_rate: Rate,
    /// ZIPs and single images a second.
    pub image_rate: Rate,
    /// Bytes a second over all bodies, zero for no cap.
    pub bandwidth: u64,
    /// Retry of one request.
    pub retry: RetryOptions,
}

/// Time-outs of one request; a body has no limit in all.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpOptions {
    /// Until the connection stands.
    pub connect_timeout: Duration,
    /// Until the status line arrives: the service builds whole lists in memory first.
    pub first_byte_timeout: Duration,
    /// Longest silence inside a body.
    pub idle_timeout: Duration,
    /// Bytes a second below which a body counts as silent.
    pub min_rate: u64,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_mins(5),
            idle_timeout: Duration::from_mins(1),
            min_rate: 1024,
        }
    }
}
