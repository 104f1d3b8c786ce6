//! What can go wrong between us and the service, and what each failure means for a retry.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::StatusCode;

use super::dialect::Dialect;
use super::wire::WireError;

/// A request that did not give what was asked for.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the message of each variant says what it is; `endpoint` is the service's name for it"
)]
pub enum Error {
    #[error("`{url}` is not the address of a service this program knows; known paths: {}", known_paths())]
    UnknownService { url: String },
    #[error(
        "the address of the service holds a password or a query: keys travel in TCIA_MIRROR_API_KEY, never in an address"
    )]
    SecretInAddress,
    #[error("`{url}` is no address of HTTP: it must begin with http:// or https://")]
    NotHttp { url: String },
    #[error("cannot set up HTTP")]
    Setup { source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the dialect {dialect} does not offer {endpoint}")]
    NotOffered { dialect: Dialect, endpoint: &'static str },
    #[error("{endpoint} got no answer from {host}")]
    NoAnswer { endpoint: &'static str, host: String, source: reqwest::Error },
    #[error("{endpoint} of {host} is {detour}: not followed")]
    Redirected { endpoint: &'static str, host: String, detour: String },
    #[error("{host} gives no token: {status}, {reason}")]
    TokenRefused { host: String, status: StatusCode, reason: String },
    #[error("{endpoint} sent nothing for {}", humantime::format_duration(*.after))]
    NoFirstByte { endpoint: &'static str, after: Duration },
    #[error("{endpoint} answered {status}: {text}")]
    Status { endpoint: &'static str, status: StatusCode, text: String, retry_after: Option<Duration> },
    #[error("the answer of {endpoint} broke off after {received} bytes")]
    Cut { endpoint: &'static str, received: u64, source: reqwest::Error },
    #[error("{endpoint} sent fewer than {min_rate} bytes a second for {}", humantime::format_duration(*.after))]
    Silence { endpoint: &'static str, min_rate: u64, after: Duration },
    #[error("{endpoint} sent more than {limit} bytes")]
    TooLong { endpoint: &'static str, limit: u64 },
    #[error("{host} sent a web page: the address is one to look at, not that of the file itself")]
    Page { host: String },
    #[error("the answer of {endpoint} is no list this program can read")]
    Unreadable { endpoint: &'static str, source: WireError },
    #[error("a row of {endpoint} makes no sense: {reason}")]
    Rejected { endpoint: &'static str, reason: String },
    #[error("stopped on request")]
    Stopped,
}

impl Error {
    /// Whether the same request may well succeed later.
    ///
    /// A 400 counts: the service answers so for every failure of its own access check
    /// (`AuthorizationService.java` swallows all exceptions), and for series that exist.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoAnswer { .. }
            | Self::NoFirstByte { .. }
            | Self::Cut { .. }
            | Self::Silence { .. }
            | Self::Unreadable { .. }
            | Self::Rejected { .. }
            | Self::Stopped => true,
            Self::Status { status, .. } => {
                matches!(*status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND) || is_passing(*status)
            }
            Self::UnknownService { .. }
            | Self::SecretInAddress
            | Self::NotHttp { .. }
            | Self::Setup { .. }
            | Self::NotOffered { .. }
            | Self::Redirected { .. }
            | Self::TokenRefused { .. }
            | Self::Page { .. }
            | Self::TooLong { .. } => false,
        }
    }

    /// Whether other questions may well be answered.
    pub fn is_of_one_answer(&self) -> bool {
        !self.is_outage() && !self.refuses_everything() && !matches!(self, Self::Stopped)
    }

    /// Whether every other request would be refused in the same way.
    pub fn refuses_everything(&self) -> bool {
        match self {
            Self::Redirected { .. }
            | Self::TokenRefused { .. }
            | Self::NotOffered { .. }
            | Self::Setup { .. } => true,
            // a redirect that leads nowhere is not followed either
            Self::Status { status, .. } => {
                matches!(status.as_u16(), 401 | 403 | 407) || status.is_redirection()
            }
            _ => false,
        }
    }

    /// Whether no answer began that could be used, so that the request is sent again after a pause.
    pub fn is_worth_another_request(&self) -> bool {
        match self {
            Self::Status { status, .. } => is_passing(*status),
            Self::NoAnswer { .. } | Self::NoFirstByte { .. } => true,
            _ => false,
        }
    }

    /// Whether the service as a whole may be down or overloaded, rather than this one answer broken.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::NoFirstByte { .. } => true,
            Self::Status { status, .. } => asks_to_slow_down(*status) || matches!(status.as_u16(), 502 | 504),
            _ => false,
        }
    }

    /// Whether it shows that the service has more to do than it bears.
    pub(super) fn is_strain(&self) -> bool {
        self.slows_everything() || matches!(self, Self::NoFirstByte { .. } | Self::Silence { .. })
    }

    /// Whether a narrower question may be answered where this one was not.
    pub fn is_too_much_asked(&self) -> bool {
        match self {
            Self::NoFirstByte { .. }
            | Self::Cut { .. }
            | Self::Silence { .. }
            | Self::TooLong { .. }
            | Self::Unreadable { .. } => true,
            Self::Status { status, .. } => !asks_to_slow_down(*status),
            _ => false,
        }
    }

    /// How long the service asked to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether every other request should wait as well.
    pub(super) fn slows_everything(&self) -> bool {
        matches!(self, Self::Status { status, .. } if asks_to_slow_down(*status))
    }

    /// Whether the service refused a parameter that newer builds of it know.
    pub(super) fn is_unknown_parameter(&self) -> bool {
        matches!(self, Self::Status { status, text, .. }
            if *status == StatusCode::BAD_REQUEST && text.starts_with("Invalid query parameter"))
    }
}

/// An error and its causes on one line.
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn known_paths() -> String {
    Dialect::ALL.map(|dialect| format!("{} ({dialect})", dialect.description().path)).join(", ")
}

fn asks_to_slow_down(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}
