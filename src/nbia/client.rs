//! A service of the archive: each request paced, retried before its body begins, and counted.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use url::{Url, form_urlencoded};

use super::body::Body;
use super::dialect::{Dialect, Endpoint, EndpointDescription, Method, Parameter};
use super::error::Error;
use super::http::{FORM, builder, detour, setup};
use super::options::{HttpOptions, Options};
use super::pace::{Lane, Pace};
use super::retry::{self, RetryOptions};
use super::secrets::Secrets;
use super::token::TokenSource;
use super::traffic::Traffic;

/// How much of an error answer is kept.
const ERROR_TEXT: usize = 300;
/// How much of it is looked at, before its blanks are joined.
const ERROR_BYTES: usize = 4 * ERROR_TEXT;

/// What bodies share with their client.
pub(super) struct Shared {
    pub(super) http: HttpOptions,
    pub(super) pace: Pace,
    pub(super) traffic: Traffic,
    pub(super) stop: CancellationToken,
    pub(super) secrets: Secrets,
}

/// A service of the archive.
pub struct Client {
    base_url: Url,
    dialect: Dialect,
    lists: reqwest::Client,
    images: reqwest::Client,
    tokens: Option<TokenSource>,
    retry: RetryOptions,
    bandwidth: u64,
    random: Mutex<fastrand::Rng>,
    clock: fn() -> Timestamp,
    pub(super) image_form: AtomicUsize,
    pub(super) withholds_md5s: AtomicBool,
    shared: Arc<Shared>,
}

/// One request as it will be sent, with names and values as the dialect spells them.
pub(super) struct Request {
    pub(super) endpoint: &'static EndpointDescription,
    pub(super) lane: Lane,
    pub(super) url: Url,
    pub(super) form: Option<String>,
}

impl Client {
    /// Sets the client up; nothing is sent.
    ///
    /// `stop` ends every wait at once; `clock` and `random` serve dates in `Retry-After` and the jitter of pauses.
    pub fn new(
        options: &Options,
        stop: CancellationToken,
        clock: fn() -> Timestamp,
        random: fastrand::Rng,
    ) -> Result<Self, Error> {
        let (dialect, base_url) = resolve(options)?;
        let images = builder(options)?.no_gzip().http1_only().build();
        let login = options.login.clone().filter(|_| options.token.is_none());
        let passwords = options
            .login
            .iter()
            .flat_map(|login| std::iter::once(login.password.clone()).chain(login.client_secret.clone()));
        let secrets = Secrets::new(options.api_key.iter().chain(&options.token).cloned().chain(passwords));
        let tokens = login.map(|login| TokenSource::new(login, options, secrets.clone(), clock));
        Ok(Self {
            base_url,
            dialect,
            lists: builder(options)?.build().map_err(setup)?,
            images: images.map_err(setup)?,
            tokens: tokens.transpose()?,
            retry: options.retry.clone(),
            bandwidth: options.bandwidth,
            random: Mutex::new(random),
            clock,
            image_form: AtomicUsize::new(0),
            withholds_md5s: AtomicBool::new(false),
            shared: Arc::new(Shared {
                http: options.http.clone(),
                pace: Pace::new(options.query_rate, options.image_rate, options.bandwidth),
                traffic: Traffic::default(),
                stop,
                secrets,
            }),
        })
    }

    /// The generation that is spoken.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The address that endpoints are appended to.
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// Whether this generation has an endpoint.
    pub fn offers(&self, endpoint: Endpoint) -> bool {
        self.dialect.description().endpoint(endpoint).is_some()
    }

    /// Whether an endpoint of this generation can be told something.
    pub fn takes(&self, endpoint: Endpoint, parameter: Parameter) -> bool {
        let described = self.dialect.description().endpoint(endpoint);
        described.is_some_and(|described| described.parameter(parameter).is_some())
    }

    /// What was sent and received so far.
    pub fn traffic(&self) -> &Traffic {
        &self.shared.traffic
    }

    /// How requests are tried again.
    pub fn retry_options(&self) -> &RetryOptions {
        &self.retry
    }

    /// Changes the bytes a second over all bodies; `None` for what was configured, zero for no cap.
    pub fn limit_bandwidth(&self, bandwidth: Option<u64>) {
        self.shared.pace.limit_bytes(bandwidth.unwrap_or(self.bandwidth));
    }

    /// Waits as long as the schedule of pauses says after so many failures in a row.
    pub async fn back_off(&self, failures: u32) -> Result<(), Error> {
        let pause = self.draw_pause(failures);
        self.stoppable(tokio::time::sleep(pause)).await
    }

    /// Asks once, without any retry, whether the service answers at all; gives the time there, where it says so.
    pub async fn probe(&self) -> Result<Option<Timestamp>, Error> {
        let request = self.request(Endpoint::CollectionValues, &[])?;
        self.stoppable(self.shared.pace.ready(request.lane)).await?;
        let sent = self.send(&request).await;
        sent.map(|answer| retry::date(answer.headers()))
            .inspect_err(|error| self.slow_down(error, Duration::ZERO))
    }

    pub(super) fn endpoint(&self, endpoint: Endpoint) -> Result<&'static EndpointDescription, Error> {
        let dialect = self.dialect;
        let offered = dialect.description().endpoint(endpoint);
        offered.ok_or(Error::NotOffered { dialect, endpoint: endpoint.name() })
    }

    /// A request for an endpoint, its parameters in the dialect's spelling.
    pub(super) fn request(
        &self,
        endpoint: Endpoint,
        parameters: &[(Parameter, String)],
    ) -> Result<Request, Error> {
        let endpoint = self.endpoint(endpoint)?;
        let named: Result<Vec<_>, _> = parameters
            .iter()
            .map(|(parameter, value)| Ok((self.name(endpoint, *parameter)?, value.as_str())))
            .collect();
        let mut named = named?;
        if endpoint.asks_for_format && endpoint.parameter(Parameter::Format).is_some() {
            named.push((self.name(endpoint, Parameter::Format)?, "json"));
        }
        self.spelled(endpoint, endpoint.name, &named)
    }

    /// A request as it stands: `name` is the last component of its path.
    pub(super) fn spelled(
        &self,
        endpoint: &'static EndpointDescription,
        name: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Request, Error> {
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}/", self.base_url.path().trim_end_matches('/')));
        let mut url = url.join(&format!("{}{name}", endpoint.place)).map_err(setup)?;
        let is_form = endpoint.method == Method::Form;
        if !is_form && !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        let form = || form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let is_image = endpoint.answer.is_image();
        Ok(Request {
            endpoint,
            lane: if is_image { Lane::Image } else { Lane::Query },
            url,
            form: is_form.then(form),
        })
    }

    fn name(
        &self,
        endpoint: &'static EndpointDescription,
        parameter: Parameter,
    ) -> Result<&'static str, Error> {
        let dialect = self.dialect;
        endpoint.parameter(parameter).ok_or(Error::NotOffered { dialect, endpoint: endpoint.name })
    }

    /// Sends a request until it is answered with success or not worth sending again.
    pub(super) async fn body(&self, request: &Request) -> Result<Body, Error> {
        for failures in 1.. {
            self.stoppable(self.shared.pace.ready(request.lane)).await?;
            let error = match self.send(request).await {
                Ok(response) => {
                    return Ok(Body::new(response, request.endpoint.name, Arc::clone(&self.shared)));
                }
                Err(error) => error,
            };
            if failures >= self.attempts(&error) {
                self.slow_down(&error, Duration::ZERO);
                return Err(error);
            }
            self.pause(failures, &error).await?;
        }
        Err(Error::Stopped) // not reached: the loop has no end of its own
    }

    /// Sends a request once; once more with a new token when the server has dropped the one we had.
    async fn send(&self, request: &Request) -> Result<reqwest::Response, Error> {
        let Some(tokens) = &self.tokens else { return self.send_as(request, None).await };
        let header = self.stoppable(tokens.header()).await??;
        match self.send_as(request, Some(header.clone())).await {
            Err(Error::Status { status: StatusCode::UNAUTHORIZED, .. }) => {
                tokens.forget(&header).await;
                let renewed = self.stoppable(tokens.header()).await??;
                self.send_as(request, Some(renewed)).await
            }
            sent => sent,
        }
    }

    async fn send_as(
        &self,
        request: &Request,
        token: Option<HeaderValue>,
    ) -> Result<reqwest::Response, Error> {
        self.shared.traffic.count_request();
        let endpoint = request.endpoint.name;
        let after = self.shared.http.first_byte_timeout;
        let began = Instant::now();
        let sent = tokio::time::timeout(after, self.http_request(request, token).send());
        let response = match self.stoppable(sent).await? {
            Err(_) => return Err(Error::NoFirstByte { endpoint, after }),
            Ok(Err(source)) => return Err(self.no_answer(endpoint, source)),
            Ok(Ok(response)) => response,
        };
        debug!(
            http.endpoint = endpoint,
            http.status = response.status().as_u16(),
            "{endpoint} answered {}",
            response.status()
        );
        if !response.status().is_success() {
            return Err(self.refusal(endpoint, response).await);
        }
        if request.lane == Lane::Image {
            self.shared.traffic.count_first_byte(began.elapsed());
        }
        Ok(response)
    }

    fn http_request(&self, request: &Request, token: Option<HeaderValue>) -> reqwest::RequestBuilder {
        let http = if request.lane == Lane::Image { &self.images } else { &self.lists };
        let sent = match &request.form {
            None => http.get(request.url.clone()),
            Some(form) => http.post(request.url.clone()).header(CONTENT_TYPE, FORM).body(form.clone()),
        };
        match token {
            Some(token) => sent.header(AUTHORIZATION, token),
            None => sent,
        }
    }

    fn no_answer(&self, endpoint: &'static str, source: reqwest::Error) -> Error {
        let host = self.base_url.authority().to_owned();
        match detour(&source) {
            Some(detour) => {
                let detour = self.shared.secrets.redact(&detour.to_string());
                Error::Redirected { endpoint, host, detour }
            }
            None => Error::NoAnswer { endpoint, host, source: source.without_url() },
        }
    }

    async fn refusal(&self, endpoint: &'static str, response: reqwest::Response) -> Error {
        let status = response.status();
        let retry_after = retry::retry_after(response.headers(), (self.clock)());
        let mut body = Body::new(response, endpoint, Arc::clone(&self.shared));
        let mut text = Vec::new();
        while text.len() < ERROR_TEXT {
            let Ok(Some(bytes)) = body.chunk().await else { break };
            text.extend_from_slice(&bytes);
        }
        text.truncate(ERROR_BYTES);
        let text = self.shared.secrets.redact(&String::from_utf8_lossy(&text));
        let text =
            text.split_whitespace().collect::<Vec<_>>().join(" ").replace(char::is_control, "\u{FFFD}");
        let text = text.chars().take(ERROR_TEXT).collect();
        Error::Status { endpoint, status, text, retry_after }
    }

    fn attempts(&self, error: &Error) -> u32 {
        match error {
            // the next question is narrower, and each of these has cost minutes already
            Error::NoFirstByte { .. } => self.retry.attempts.min(2),
            error if error.is_worth_another_request() => self.retry.attempts,
            _ => 1,
        }
    }

    async fn pause(&self, failures: u32, error: &Error) -> Result<(), Error> {
        self.shared.traffic.count_retry();
        let pause = error.retry_after().unwrap_or_else(|| self.draw_pause(failures));
        warn!(duration_ms = pause.as_millis(), "{error}; asking again in {:.1} s", pause.as_secs_f64());
        self.slow_down(error, pause);
        self.stoppable(tokio::time::sleep(pause)).await
    }

    /// Holds every request back where the service has asked for that, and notes what it does not bear.
    fn slow_down(&self, error: &Error, at_least: Duration) {
        self.shared.traffic.count_error(error);
        if error.slows_everything() {
            self.shared.pace.slow_down(error.retry_after().unwrap_or(at_least));
        }
    }

    fn draw_pause(&self, failures: u32) -> Duration {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        retry::pause(self.retry.base, self.retry.cap, failures, &mut random)
    }

    async fn stoppable<T>(&self, wait: impl Future<Output = T>) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => Err(Error::Stopped),
            done = wait => Ok(done),
        }
    }
}

/// The dialect of the address and the address in its usual form.
fn resolve(options: &Options) -> Result<(Dialect, Url), Error> {
    let mut base_url = options.base_url.clone();
    if base_url.query().is_some() || base_url.password().is_some() || !base_url.username().is_empty() {
        return Err(Error::SecretInAddress);
    }
    base_url.set_fragment(None);
    if !matches!(base_url.scheme(), "http" | "https") {
        return Err(Error::NotHttp { url: base_url.to_string() });
    }
    if let Some(dialect) = options.dialect {
        let path = base_url.path().trim_end_matches('/').to_owned();
        base_url.set_path(&path);
        return Ok((dialect, base_url));
    }
    let recognised = Dialect::recognise(base_url.path());
    let recognised = recognised.ok_or_else(|| Error::UnknownService { url: base_url.to_string() })?;
    base_url.set_path(&recognised.path);
    if recognised.is_nearest {
        let dialect = recognised.dialect;
        warn!("{base_url} is of a version that is not known; it is spoken to as {dialect}, the nearest one");
    }
    Ok((recognised.dialect, base_url))
}
