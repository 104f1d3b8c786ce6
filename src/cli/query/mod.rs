//! `query`: any endpoint of the service, checked before it is sent and printed as the user likes it.

mod paper;
mod probe;
mod sheet;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::paper::{Closed, Paper};
use self::sheet::Sheet;
use super::arguments::{DownloadFlags, Global, Query, QueryFormat};
use super::exit::{Exit, UsageError};
use super::print;
use super::session::{clock, configure};
use super::signals::Signals;
use crate::nbia::dialect::Parameter;
use crate::nbia::{self, Client, Question, QuestionError};

/// What a list may be asked about that must exist; a list of what is new may well be empty.
const NAMED: [Parameter; 5] = [
    Parameter::Collection,
    Parameter::PatientId,
    Parameter::StudyInstanceUid,
    Parameter::SeriesInstanceUid,
    Parameter::Name,
];

pub(super) async fn run(global: &Global, command: Query) -> anyhow::Result<Exit> {
    let config = configure(global, &DownloadFlags::default())?;
    let signals = Signals::listen(config.sync.jobs.grace)?;
    let work = ask(global, &command, config.first_service(), signals.drain.clone());
    let outcome = work.await.or_else(unless_closed);
    match signals.received() {
        Some(exit) => Ok(exit),
        None => outcome,
    }
}

/// A reader that has seen enough has all that was asked.
fn unless_closed(error: anyhow::Error) -> anyhow::Result<Exit> {
    if error.is::<Closed>() { Ok(Exit::Done) } else { Err(error) }
}

async fn ask(
    global: &Global,
    command: &Query,
    service: &nbia::Options,
    stop: CancellationToken,
) -> anyhow::Result<Exit> {
    if command.probe {
        return probe::run(global, service, stop).await;
    }
    let client = Client::new(service, stop, clock, fastrand::Rng::new())?;
    let Some(endpoint) = &command.endpoint else { return offer(global, &client) };
    let question = Question::read(client.dialect(), endpoint, &pairs(&command.filters)?)
        .map_err(|error| usage(&error))?;
    let paper = Paper::new(command.output.as_deref())?;
    if question.asks_for_list() && !command.as_sent && command.format != Some(QueryFormat::Raw) {
        list(global, command, &client, &question, paper).await
    } else {
        hand_on(command, &client, &question, paper).await
    }
}

fn usage(error: &QuestionError) -> UsageError {
    UsageError(format!("{error}; `tcia-mirror query` without an endpoint lists what there is"))
}

fn pairs(filters: &[String]) -> Result<Vec<(String, String)>, UsageError> {
    let split = |filter: &String| {
        let (key, value) = filter.split_once('=')?;
        Some((key.trim().to_owned(), value.to_owned())).filter(|(key, _)| !key.is_empty())
    };
    let wrong = |filter: &String| UsageError(format!("`{filter}` is no filter: write KEY=VALUE"));
    filters.iter().map(|filter| split(filter).ok_or_else(|| wrong(filter))).collect()
}

/// Prints the rows of a list.
async fn list(
    global: &Global,
    command: &Query,
    client: &Client,
    question: &Question,
    paper: Paper,
) -> anyhow::Result<Exit> {
    let mut rows = client.rows_of(question).await?;
    let format = command.format.unwrap_or(QueryFormat::Table);
    let mut sheet = Sheet::begin(format, global.json, question.endpoint, paper);
    while !sheet.is_cut()
        && let Some(batch) = rows.next().await?
    {
        for row in &batch {
            sheet.add(row)?;
        }
    }
    let printed = sheet.rows();
    let paper = sheet.end()?;
    let (rejected, examples) = rows.rejected();
    if let Some(first) = examples.first() {
        let reason = print::plain(&first.reason);
        print::talk(&format!("error: {rejected} rows of the service make no sense, the first: {reason}"));
        return Ok(Exit::Failed);
    }
    let exit = if printed == 0 { say_that_nothing_is_listed(question) } else { Exit::Done };
    keep_if_done(paper, exit)
}

/// An old file stays as it was where the answer to a query is no success.
fn keep_if_done(paper: Paper, exit: Exit) -> anyhow::Result<Exit> {
    if exit == Exit::Done {
        paper.keep()?;
    }
    Ok(exit)
}

fn say_that_nothing_is_listed(question: &Question) -> Exit {
    let named = NAMED.iter().filter_map(|parameter| question.value(*parameter));
    let named: Vec<_> = named.map(|value| format!("`{}`", print::plain(value))).collect();
    if named.is_empty() || question.value(Parameter::Since).is_some() {
        print::talk("no rows");
        return Exit::Done;
    }
    print::talk(&format!("error: {} lists nothing for {}", question.endpoint.name, named.join(", ")));
    Exit::Failed
}

/// Hands on what the service sends, byte by byte.
async fn hand_on(
    command: &Query,
    client: &Client,
    question: &Question,
    mut paper: Paper,
) -> anyhow::Result<Exit> {
    let is_image = question.endpoint.answer.is_image() && !question.is_about_endpoint;
    if !is_image
        && command.format.is_some_and(|format| format != QueryFormat::Raw)
        && !question.asks_for_list()
    {
        let text = format!("{} answers in one form only: leave --format out", question.endpoint.name);
        return Err(UsageError(text).into());
    }
    if is_image && paper.is_screen() {
        let text = format!("{} answers with a file: name it with --output FILE", question.endpoint.name);
        return Err(UsageError(text).into());
    }
    let format = command.format.and_then(QueryFormat::as_sent);
    let mut body = client.answer_to(question, format).await?;
    let mut bytes = 0;
    while let Some(piece) = body.chunk().await? {
        bytes += piece.len();
        paper.put(&piece)?;
    }
    if paper.is_screen() {
        paper.put(b"\n")?;
    }
    let exit = if bytes == 0 { say_that_nothing_is_listed(question) } else { Exit::Done };
    keep_if_done(paper, exit)
}

/// What the dialect offers, when nothing is asked.
fn offer(global: &Global, client: &Client) -> anyhow::Result<Exit> {
    let dialect = client.dialect();
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["endpoint", "parameters (needed ones with *)"]);
    for endpoint in dialect.description().endpoints() {
        let known = endpoint.parameters.iter().filter(|(parameter, _)| *parameter != Parameter::Format);
        let star = |parameter| if endpoint.required.contains(parameter) { "*" } else { "" };
        let names: Vec<_> = known.map(|(parameter, name)| format!("{name}{}", star(parameter))).collect();
        if global.json {
            print::json(
                &json!({"dialect": dialect.to_string(), "endpoint": endpoint.name, "parameters": names}),
            )?;
        }
        table.add_row([endpoint.name.to_owned(), names.join(", ")]);
    }
    if !global.json {
        print::data(&format!("{} speaks {dialect}, which offers:", client.base_url()))?;
        print::data(&table.to_string())?;
    }
    Ok(Exit::Done)
}
