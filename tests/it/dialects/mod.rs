//! `serve` over a catalogue with known values: every endpoint of every generation in every format, read by readers of
//! its own and by the typed client.

mod client;
mod facts;
mod generations;
mod images;
mod reading;

use facts::Fact;
use generations::{Generation, Question, Server, generations, month_first};
use reading::Table;
use reqwest::StatusCode;

use crate::support::catalogue::SampleSeries;
use crate::support::fake_tcia::FakeTcia;

/// Columns that JSON writes as numbers.
const NUMBERS: [&str; 7] =
    ["ImageCount", "FileSize", "SeriesCount", "TotalSizeInBytes", "ObjectCount", "Count", "Authorized"];
/// Columns that are written as each generation writes a day.
const DAYS: [&str; 3] = ["StudyDate", "SubmissionTimestamp", "DateReleased"];

/// A catalogue that is served, and a way to ask it that knows nothing of dialects.
struct Served {
    series: Vec<SampleSeries>,
    fake: FakeTcia,
    http: reqwest::Client,
    _source: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    label: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Served {
    fn new() -> Self {
        let (source, catalogue) = (tempfile::tempdir().unwrap(), facts::catalogue());
        catalogue.build(source.path());
        let fake = FakeTcia::start(source.path());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { series: catalogue.series, fake, http, _source: source }
    }

    /// Asks as anyone may; a token is sent along, which only one generation asks for.
    async fn ask(&self, generation: &Generation, endpoint: &str, asked: &str) -> Answer {
        let base = self.fake.base_url(generation.name);
        assert!(base.ends_with(generation.path));
        let request = match endpoint.strip_prefix("POST ") {
            Some(endpoint) => {
                let form = self.http.post(format!("{base}/{endpoint}")).body(asked.to_owned());
                form.header("content-type", "application/x-www-form-urlencoded")
            }
            None => self.http.get(format!("{base}/{endpoint}?{asked}")),
        };
        let answer = request.bearer_auth("whoever").send().await.unwrap();
        let label = answer.headers().get("content-type").map(|label| label.to_str().unwrap().to_owned());
        Answer { status: answer.status(), label, body: answer.bytes().await.unwrap().to_vec() }
    }

    fn about(&self, question: &Question) -> Vec<&SampleSeries> {
        self.series.iter().filter(|series| (question.about)(series)).collect()
    }
}

/// Name on the wire, and keyword.
fn columns(question: &Question) -> Vec<(&'static str, &'static str)> {
    question.columns.split(", ").map(|column| column.split_once('=').unwrap_or((column, column))).collect()
}

/// What a column of a row must say.
fn expected(generation: &Generation, question: &Question, fact: &Fact, keyword: &str) -> Option<String> {
    let is_for_people = question.endpoint == "getSeriesMetaData";
    match keyword {
        "PlainDescription" => Some("ab quoted".to_owned()),
        "JavaDate" => fact.get("DateReleased").map(|_| "Thu Jan 02 00:00:00 UTC 2020".to_owned()),
        "JavaTimestamp" => fact.get("SubmissionTimestamp").map(|day| format!("{day} 00:00:00.0")),
        _ if DAYS.contains(&keyword) && is_for_people => fact.get(keyword).map(|day| month_first(day)),
        _ if DAYS.contains(&keyword) => fact.get(keyword).map(|day| (generation.day)(day)),
        _ => fact.get(keyword).cloned(),
    }
}

fn sorted(mut table: Table) -> Table {
    table.rows.sort();
    table
}

/// Format, and the label that comes with it, for a list of so many columns.
fn formats(server: Server, columns: usize) -> Vec<(&'static str, &'static str)> {
    let json = [("", "application/json"), ("JSON", "application/json"), ("json", "application/json")];
    let markup = [("XML", "application/xml"), ("html", "text/html")];
    let csv: &[(&str, &str)] = match (server, columns) {
        (Server::Bindaas, _) => &[("CSV", "application/csv")],
        (Server::Archive, 1) => &[("csv", "text/csv"), ("CSV-DOWNLOAD", "application/force-download")],
        (Server::Archive, _) => {
            &[("csv", "text/csv"), ("CSVQUOTED", "text/csv"), ("CSV-DOWNLOAD", "text/csv")]
        }
    };
    json.iter().chain(&markup).chain(csv).copied().collect()
}

fn read(server: Server, question: &Question, format: &str, text: &str) -> Table {
    let columns = columns(question);
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    match format.to_ascii_uppercase().as_str() {
        "XML" => reading::xml(text, &names),
        "HTML" => reading::html(text, server),
        csv if csv.starts_with("CSV") => reading::csv(text, server, names.len()),
        _ => reading::json(text, &names, |name| {
            NUMBERS.contains(&name) && question.endpoint != "getSeriesMetaData"
        }),
    }
}

async fn check(served: &Served, generation: &Generation, question: &Question, format: &str, label: &str) {
    let what = format!("{} {}?{} {format}", generation.name, question.endpoint, question.asked);
    let asked = if format.is_empty() {
        question.asked.to_owned()
    } else {
        format!("{}&format={format}", question.asked).trim_start_matches('&').to_owned()
    };
    let columns = columns(question);
    let facts = (question.rows)(&served.about(question));
    let row = |fact: &Fact| {
        columns.iter().map(|(_, keyword)| expected(generation, question, fact, keyword)).collect()
    };
    let rows = facts.iter().map(row).collect();

    let answer = served.ask(generation, question.endpoint, &asked).await;

    assert_eq!(answer.status, StatusCode::OK, "{what}: {}", answer.text());
    if facts.is_empty() && generation.server == Server::Archive {
        assert_eq!((answer.text(), answer.label.as_deref()), ("", None), "{what}");
        return;
    }
    assert_eq!(answer.label.as_deref(), Some(label), "{what}");
    let found = sorted(read(generation.server, question, format, answer.text()));
    if let Some(names) = &found.names {
        assert_eq!(names, &columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "{what}");
    }
    assert_eq!(found.rows, sorted(Table { names: None, rows }).rows, "{what}");
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn every_list_of_every_generation_has_its_values_in_every_format() {
    let served = Served::new();
    let mut asked = 0;

    block_on(async {
        for generation in generations() {
            for question in &generation.questions {
                let is_form = question.endpoint.starts_with("POST");
                for (format, label) in formats(generation.server, columns(question).len()) {
                    // a form without a format brings a file of CSV, and that of CSV as well
                    let is_default = format.is_empty() && (is_form || !question.has_formats);
                    if (question.has_formats && !is_default) || (!question.has_formats && is_default) {
                        check(&served, &generation, question, format, label).await;
                        asked += 1;
                    }
                }
            }
        }
    });

    assert!(asked > 300, "{asked}");
}

#[test]
fn a_form_without_a_format_brings_csv() {
    let served = Served::new();
    let [.., v4] = generations();
    let question =
        v4.questions.iter().find(|question| question.endpoint == "POST getSeriesMetadata").unwrap();

    let answer = block_on(served.ask(&v4, question.endpoint, question.asked));

    let as_csv = block_on(served.ask(&v4, question.endpoint, &format!("{}&format=csv", question.asked)));
    assert_eq!(answer.text(), as_csv.text());
    assert_eq!(read(Server::Archive, question, "csv", answer.text()).rows.len(), 1);
}

#[test]
fn a_list_without_rows_is_the_empty_list_of_its_generation() {
    let served = Served::new();

    block_on(async {
        for generation in generations() {
            for format in ["JSON", "CSV", "XML", "HTML"] {
                let asked = format!("Collection=none&format={format}");
                let answer = served.ask(&generation, "getSeries", &asked).await;
                assert_eq!(answer.status, StatusCode::OK, "{} {format}", generation.name);
                if generation.server == Server::Archive {
                    assert_eq!(
                        (answer.text(), answer.label.as_deref()),
                        ("", None),
                        "{} {format}",
                        generation.name
                    );
                    continue;
                }
                let question = generation.questions.iter().find(|question| question.endpoint == "getSeries");
                let found = read(generation.server, question.unwrap(), format, answer.text());
                assert!(found.rows.is_empty(), "{} {format}", generation.name);
            }
        }
    });
}

#[test]
fn bindaas_describes_every_endpoint_that_it_has() {
    let served = Served::new();
    let [v1, v3, ..] = generations();

    block_on(async {
        for (generation, count) in [(v1, 9), (v3, 15)] {
            let images = ["getImage", "getSingleImage"].map(str::to_owned);
            let lists = generation.questions.iter().map(|question| question.endpoint.to_owned());
            let mut known = std::collections::BTreeSet::new();
            for endpoint in lists.chain(images.into_iter().take(if count == 9 { 1 } else { 2 })) {
                let answer = served.ask(&generation, &format!("{endpoint}/metadata"), "").await;
                let described: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
                let name = endpoint.rsplit('/').next().unwrap();
                assert_eq!(described["name"], name);
                assert!(
                    described["parameters"].is_array() && described["returnTypes"].is_array(),
                    "{described}"
                );
                known.insert(endpoint);
            }
            assert_eq!(known.len(), count, "{}", generation.name);
        }
    });
}
