//! `query --probe`: what answers at an address, one question in each dialect.

use std::time::Instant;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::super::arguments::Global;
use super::super::exit::Exit;
use super::super::print;
use super::super::session::clock;
use crate::nbia::{Client, Dialect, Error, Options, RetryOptions};
use crate::sync::chain;

/// What one dialect brought.
struct Finding {
    dialect: Dialect,
    url: Url,
    answer: Result<usize, Error>,
    elapsed_s: f64,
}

impl Finding {
    /// An empty list hides failures, so only one with a collection in it proves a dialect.
    fn is_spoken(&self) -> bool {
        matches!(self.answer, Ok(collections) if collections > 0)
    }

    fn words(&self) -> String {
        match &self.answer {
            Ok(0) => "an empty list: either nothing is public, or it hides a failure".to_owned(),
            Ok(collections) => format!("{collections} collections in {:.1} s", self.elapsed_s),
            Err(error) => chain(error),
        }
    }
}

pub(super) async fn run(global: &Global, service: &Options, stop: CancellationToken) -> anyhow::Result<Exit> {
    let mut findings = Vec::new();
    for dialect in Dialect::ALL {
        let url = address(&service.base_url, dialect);
        if service.dialect.is_none_or(|wanted| wanted == dialect) {
            findings.push(ask(service, dialect, url, stop.clone()).await?);
        }
    }
    show(global, &findings)?;
    Ok(if findings.iter().any(Finding::is_spoken) { Exit::Done } else { Exit::Failed })
}

/// Where a dialect would be spoken at the host of an address: beside the dialect that its path names, if it names one.
fn address(base_url: &Url, dialect: Dialect) -> Url {
    let path = base_url.path().trim_end_matches('/');
    let named = Dialect::recognise(path);
    let prefix = match &named {
        Some(known) => known.path.strip_suffix(known.dialect.description().path).unwrap_or_default(),
        None => path,
    };
    let mut url = base_url.clone();
    url.set_path(&format!("{prefix}{}", dialect.description().path));
    url
}

async fn ask(
    service: &Options,
    dialect: Dialect,
    url: Url,
    stop: CancellationToken,
) -> anyhow::Result<Finding> {
    let retry = RetryOptions { attempts: 1, ..service.retry.clone() };
    let options = Options { base_url: url.clone(), dialect: Some(dialect), retry, ..service.clone() };
    let client = Client::new(&options, stop, clock, fastrand::Rng::new())?;
    let began = Instant::now();
    let answer = client.collections().await.map(|collections| collections.len());
    Ok(Finding { dialect, url, answer, elapsed_s: began.elapsed().as_secs_f64() })
}

fn show(global: &Global, findings: &[Finding]) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["dialect", "address", "answer"]);
    for finding in findings {
        let (dialect, url) = (finding.dialect.to_string(), finding.url.to_string());
        if global.json {
            let spoken = finding.is_spoken();
            let object =
                json!({"dialect": dialect, "base_url": url, "is_spoken": spoken, "answer": finding.words()});
            print::json(&object)?;
        }
        table.add_row([dialect, url, print::plain(&finding.words())]);
    }
    if global.json { Ok(()) } else { print::data(&table.to_string()) }
}
