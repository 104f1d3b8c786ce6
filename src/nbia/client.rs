//! The typed client: one function per endpoint, each request paced, retried before its body begins, and counted.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use url::Url;

use super::body::Body;
use super::dialect::{Dialect, Endpoint, EndpointDescription, Parameter};
use super::error::Error;
use super::pace::{Lane, Pace, Rate};
use super::retry::{self, RetryOptions};
use super::rows::Rows;
use crate::dicom::StudyInstanceUid;
use crate::dicom::{CollectionName, Patient, PatientId, Series, SeriesInstanceUid, SopInstanceUid, Study};

/// The public service.
pub const PUBLIC_SERVICE: &str = "https://nbia.cancerimagingarchive.net/nbia-api/services/v4";
/// How much of an error answer is kept.
const ERROR_TEXT: usize = 300;
/// Redirects that are followed on the same host.
const MOST_REDIRECTS: usize = 5;

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

/// What the client has done so far.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: AtomicU64,
    retries: AtomicU64,
    downloaded_bytes: AtomicU64,
}

impl Traffic {
    /// Requests sent, repeated ones included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests that were sent again.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Bytes of bodies that came over the wire.
    pub fn downloaded_bytes(&self) -> u64 {
        self.downloaded_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn count_bytes(&self, bytes: u64) {
        self.downloaded_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What bodies share with their client.
pub(super) struct Shared {
    pub(super) http: HttpOptions,
    pub(super) pace: Pace,
    pub(super) traffic: Traffic,
    pub(super) stop: CancellationToken,
}

/// What a list is asked about; what is `None` is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// One collection.
    pub collection: Option<CollectionName>,
    /// One patient.
    pub patient_id: Option<PatientId>,
    /// One study.
    pub study_instance_uid: Option<StudyInstanceUid>,
    /// One series.
    pub series_instance_uid: Option<SeriesInstanceUid>,
}

/// What getSeriesSize says of one series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SeriesSize {
    /// Sum of its DICOM files.
    pub total_size_in_bytes: Option<u64>,
    /// How many they are.
    pub object_count: Option<u32>,
}

/// A ZIP that begins to arrive.
pub struct Image {
    /// Its bytes.
    pub body: Body,
    /// Whether the service was asked to close it with a list of MD5s, and did not refuse.
    pub md5_list_asked: bool,
}

/// The forms of getImage, the most telling first; older builds of a service refuse what they do not know.
const IMAGE_FORMS: [&[(Parameter, &str)]; 3] = [
    &[(Parameter::NewFileNames, "Yes"), (Parameter::IncludeMd5, "yes")],
    &[(Parameter::NewFileNames, "Yes")],
    &[],
];

/// A service of the archive.
pub struct Client {
    base_url: Url,
    dialect: Dialect,
    lists: reqwest::Client,
    images: reqwest::Client,
    retry: RetryOptions,
    random: Mutex<fastrand::Rng>,
    clock: fn() -> Timestamp,
    image_form: AtomicUsize,
    shared: Arc<Shared>,
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
        Ok(Self {
            base_url,
            dialect,
            lists: builder(options)?.build().map_err(setup)?,
            images: images.map_err(setup)?,
            retry: options.retry.clone(),
            random: Mutex::new(random),
            clock,
            image_form: AtomicUsize::new(0),
            shared: Arc::new(Shared {
                http: options.http.clone(),
                pace: Pace::new(options.query_rate, options.image_rate, options.bandwidth),
                traffic: Traffic::default(),
                stop,
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

    /// What was sent and received so far.
    pub fn traffic(&self) -> &Traffic {
        &self.shared.traffic
    }

    /// How requests are tried again.
    pub fn retry_options(&self) -> &RetryOptions {
        &self.retry
    }

    /// Waits as long as the schedule of pauses says after so many failures in a row.
    pub async fn back_off(&self, failures: u32) -> Result<(), Error> {
        let pause = self.draw_pause(failures);
        self.stoppable(tokio::time::sleep(pause)).await
    }

    /// Asks once, without any retry, whether the service answers at all.
    pub async fn probe(&self) -> Result<(), Error> {
        let endpoint = self.endpoint(Endpoint::CollectionValues)?;
        self.stoppable(self.shared.pace.ready(Lane::Query)).await?;
        let sent = self.send(&self.lists, endpoint.name, &self.url(endpoint, &[])?).await;
        sent.map(drop).inspect_err(|error| self.slow_down(error, Duration::ZERO))
    }

    /// Every collection (getCollectionValues).
    pub async fn collections(&self) -> Result<Vec<CollectionName>, Error> {
        #[derive(Deserialize)]
        struct Row {
            #[serde(rename = "Collection")]
            collection: CollectionName,
        }
        let rows: Vec<Row> = self.list(Endpoint::CollectionValues, &[]).await?.read_readable().await?;
        Ok(rows.into_iter().map(|row| row.collection).collect())
    }

    /// Patients of a collection (getPatient).
    pub async fn patients(&self, scope: &Scope) -> Result<Rows<Patient>, Error> {
        self.list(Endpoint::Patient, &scope.parameters()).await
    }

    /// Studies of a collection, a patient, or one of them (getPatientStudy).
    pub async fn studies(&self, scope: &Scope) -> Result<Rows<Study>, Error> {
        self.list(Endpoint::PatientStudy, &scope.parameters()).await
    }

    /// Series of whatever the scope names (getSeries).
    pub async fn series(&self, scope: &Scope) -> Result<Rows<Series>, Error> {
        self.list(Endpoint::Series, &scope.parameters()).await
    }

    /// Patients added to a collection since a day (NewPatientsInCollection).
    pub async fn new_patients(
        &self,
        collection: &CollectionName,
        since: Date,
    ) -> Result<Rows<Patient>, Error> {
        self.list(Endpoint::NewPatients, &self.since(collection, since)).await
    }

    /// Studies added to a collection since a day (NewStudiesInPatientCollection).
    pub async fn new_studies(&self, collection: &CollectionName, since: Date) -> Result<Rows<Study>, Error> {
        self.list(Endpoint::NewStudies, &self.since(collection, since)).await
    }

    /// Bytes and objects of a series (getSeriesSize); `None` when the service knows nothing of it.
    pub async fn series_size(&self, series: &SeriesInstanceUid) -> Result<Option<SeriesSize>, Error> {
        let rows: Vec<SeriesSize> =
            self.list(Endpoint::SeriesSize, &of_series(series)).await?.read_all().await?;
        let says_something =
            |size: &SeriesSize| size.total_size_in_bytes.is_some() || size.object_count.is_some();
        Ok(rows.into_iter().find(says_something))
    }

    /// The instances of a series (getSOPInstanceUIDs), in no order.
    pub async fn sop_instance_uids(&self, series: &SeriesInstanceUid) -> Result<Vec<SopInstanceUid>, Error> {
        #[derive(Deserialize)]
        struct Row {
            #[serde(rename = "SOPInstanceUID")]
            sop_instance_uid: SopInstanceUid,
        }
        let rows: Vec<Row> =
            self.list(Endpoint::SopInstanceUids, &of_series(series)).await?.read_all().await?;
        Ok(rows.into_iter().map(|row| row.sop_instance_uid).collect())
    }

    /// A whole series as a ZIP (getImage), in the most telling form that the service takes.
    pub async fn image(&self, series: &SeriesInstanceUid) -> Result<Image, Error> {
        let endpoint = self.endpoint(Endpoint::Image)?;
        loop {
            let form = self.image_form.load(Ordering::Relaxed).min(IMAGE_FORMS.len() - 1);
            let asked: Vec<_> = IMAGE_FORMS[form]
                .iter()
                .filter(|(parameter, _)| endpoint.parameter(*parameter).is_some())
                .collect();
            let mut parameters = of_series(series);
            parameters.extend(asked.iter().map(|(parameter, value)| (*parameter, (*value).to_owned())));
            match self.body(&self.images, Lane::Image, endpoint, &parameters).await {
                Err(error) if error.is_unknown_parameter() && form + 1 < IMAGE_FORMS.len() => {
                    warn!("{error}; asking without it from now on");
                    self.image_form.store(form + 1, Ordering::Relaxed);
                }
                other => {
                    let md5_list_asked =
                        asked.iter().any(|(parameter, _)| *parameter == Parameter::IncludeMd5);
                    return other.map(|body| Image { body, md5_list_asked });
                }
            }
        }
    }

    /// One instance as a DICOM file (getSingleImage).
    pub async fn single_image(
        &self,
        series: &SeriesInstanceUid,
        instance: &SopInstanceUid,
    ) -> Result<Body, Error> {
        let mut parameters = of_series(series);
        parameters.push((Parameter::SopInstanceUid, instance.to_string()));
        self.body(&self.images, Lane::Image, self.endpoint(Endpoint::SingleImage)?, &parameters).await
    }

    fn endpoint(&self, endpoint: Endpoint) -> Result<&'static EndpointDescription, Error> {
        let dialect = self.dialect;
        let offered = dialect.description().endpoint(endpoint);
        offered.ok_or(Error::NotOffered { dialect, endpoint: endpoint.name() })
    }

    fn since(&self, collection: &CollectionName, since: Date) -> [(Parameter, String); 2] {
        let since = self.dialect.description().dates.write(since);
        [(Parameter::Since, since), (Parameter::Collection, collection.to_string())]
    }

    async fn list<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        parameters: &[(Parameter, String)],
    ) -> Result<Rows<T>, Error> {
        let description = self.endpoint(endpoint)?;
        let mut parameters = parameters.to_vec();
        if self.dialect.description().asks_for_format {
            parameters.push((Parameter::Format, "json".to_owned()));
        }
        let body = self.body(&self.lists, Lane::Query, description, &parameters).await?;
        Ok(Rows::new(body, description, self.dialect.description().dates))
    }

    /// Sends a request until it is answered with success or not worth sending again.
    async fn body(
        &self,
        http: &reqwest::Client,
        lane: Lane,
        endpoint: &'static EndpointDescription,
        parameters: &[(Parameter, String)],
    ) -> Result<Body, Error> {
        let url = self.url(endpoint, parameters)?;
        for failures in 1.. {
            self.stoppable(self.shared.pace.ready(lane)).await?;
            let error = match self.send(http, endpoint.name, &url).await {
                Ok(response) => return Ok(Body::new(response, endpoint.name, Arc::clone(&self.shared))),
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

    async fn send(
        &self,
        http: &reqwest::Client,
        endpoint: &'static str,
        url: &Url,
    ) -> Result<reqwest::Response, Error> {
        self.shared.traffic.requests.fetch_add(1, Ordering::Relaxed);
        let after = self.shared.http.first_byte_timeout;
        let sent = self.stoppable(tokio::time::timeout(after, http.get(url.clone()).send())).await?;
        let response = match sent {
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
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.refusal(endpoint, response).await)
        }
    }

    fn no_answer(&self, endpoint: &'static str, source: reqwest::Error) -> Error {
        let host = self.base_url.authority().to_owned();
        match redirect_target(&source) {
            Some(target) => Error::Redirected { endpoint, host, target },
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
        text.truncate(ERROR_TEXT);
        let text = String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ");
        Error::Status { endpoint, status, text: text.replace(char::is_control, "\u{FFFD}"), retry_after }
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
        self.shared.traffic.retries.fetch_add(1, Ordering::Relaxed);
        let pause = error.retry_after().unwrap_or_else(|| self.draw_pause(failures));
        warn!(duration_ms = pause.as_millis(), "{error}; asking again in {:.1} s", pause.as_secs_f64());
        self.slow_down(error, pause);
        self.stoppable(tokio::time::sleep(pause)).await
    }

    /// Holds every request back where the service has asked for that.
    fn slow_down(&self, error: &Error, at_least: Duration) {
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

    fn url(&self, endpoint: &EndpointDescription, parameters: &[(Parameter, String)]) -> Result<Url, Error> {
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}/{}", self.base_url.path().trim_end_matches('/'), endpoint.name));
        for (parameter, value) in parameters {
            let dialect = self.dialect;
            let name = endpoint.parameter(*parameter);
            let name = name.ok_or(Error::NotOffered { dialect, endpoint: endpoint.name })?;
            url.query_pairs_mut().append_pair(name, value);
        }
        Ok(url)
    }
}

impl Scope {
    fn parameters(&self) -> Vec<(Parameter, String)> {
        let named = [
            (Parameter::Collection, self.collection.as_ref().map(ToString::to_string)),
            (Parameter::PatientId, self.patient_id.as_ref().map(ToString::to_string)),
            (Parameter::StudyInstanceUid, self.study_instance_uid.as_ref().map(ToString::to_string)),
            (Parameter::SeriesInstanceUid, self.series_instance_uid.as_ref().map(ToString::to_string)),
        ];
        named.into_iter().filter_map(|(parameter, value)| Some((parameter, value?))).collect()
    }
}

fn of_series(series: &SeriesInstanceUid) -> Vec<(Parameter, String)> {
    vec![(Parameter::SeriesInstanceUid, series.to_string())]
}

/// The dialect of the address and the address in its usual form.
fn resolve(options: &Options) -> Result<(Dialect, Url), Error> {
    let mut base_url = options.base_url.clone();
    if base_url.query().is_some() || base_url.password().is_some() || !base_url.username().is_empty() {
        return Err(Error::SecretInAddress);
    }
    base_url.set_fragment(None);
    if let Some(dialect) = options.dialect {
        let path = base_url.path().trim_end_matches('/').to_owned();
        base_url.set_path(&path);
        return Ok((dialect, base_url));
    }
    let (dialect, path) = Dialect::recognise(base_url.path()).ok_or_else(|| Error::UnknownService {
        url: options.base_url.to_string(),
        known: Dialect::ALL.map(|dialect| dialect.description().path).join(", "),
    })?;
    base_url.set_path(&path);
    Ok((dialect, base_url))
}

fn setup(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Setup { source: Box::new(source) }
}

fn builder(options: &Options) -> Result<reqwest::ClientBuilder, Error> {
    let contact = if options.contact.is_empty() { String::new() } else { format!(" ({})", options.contact) };
    let agent = format!("tcia-mirror/{}{contact}", env!("CARGO_PKG_VERSION"));
    let mut headers = HeaderMap::new();
    for (name, secret, prefix) in
        [("api_key", &options.api_key, ""), ("authorization", &options.token, "Bearer ")]
    {
        if let Some(secret) = secret {
            let text = format!("{prefix}{}", secret.expose_secret().trim());
            let mut value = HeaderValue::from_str(&text).map_err(setup)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    let builder = reqwest::Client::builder()
        .user_agent(HeaderValue::from_str(&agent).map_err(setup)?)
        .default_headers(headers)
        .connect_timeout(options.http.connect_timeout)
        .redirect(redirect::Policy::custom(stay_on_host));
    // a proxy of the lab knows another loopback than we mean
    let builder = if is_loopback(&options.base_url) { builder.no_proxy() } else { builder };
    let Some(ca_file) = &options.ca_file else { return Ok(builder) };
    let pem = std::fs::read(ca_file).map_err(setup)?;
    Ok(builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem).map_err(setup)?))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The address of a redirect that would have carried our key to another place.
#[derive(Debug, thiserror::Error)]
#[error("redirected to {0}")]
struct OtherHost(String);

fn stay_on_host(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let place =
        |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    let here = attempt.previous().first().map(place);
    if here.as_ref() != Some(&place(attempt.url())) || attempt.previous().len() > MOST_REDIRECTS {
        let target = attempt.url().to_string();
        return attempt.error(OtherHost(target));
    }
    attempt.follow()
}

fn redirect_target(error: &reqwest::Error) -> Option<String> {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        if let Some(OtherHost(target)) = cause.downcast_ref() {
            return Some(target.clone());
        }
        source = cause.source();
    }
    None
}
