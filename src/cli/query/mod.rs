//! `query`: any endpoint of the service, checked before it is sent and printed as the user likes it.

mod image;
mod probe;
mod roll;
mod sheet;

use bytes::Bytes;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::image::{Ending, Tail};
use self::roll::Roll;
use self::sheet::Sheet;
use super::arguments::{DownloadFlags, Global, Query, QueryFormat};
use super::exit::{Exit, UsageError};
use super::paper::{Closed, Paper};
use super::print;
use super::session::{clock, configure};
use super::signals::Signals;
use crate::nbia::dialect::Parameter;
use crate::nbia::{self, Body, Client, Question, QuestionError};

/// How much of an answer is looked at before any of it is handed on: more than any list without rows has.
const BEGINNING: usize = 4096;
/// How much of what is no image is quoted.
const QUOTED: usize = 60;

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
    refuse_format(command, &question)?;
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
    let mut roll = Roll::of(question);
    while !sheet.is_cut()
        && let Some(batch) = rows.next().await?
    {
        for row in &batch {
            roll.strike(row);
            sheet.add(row)?;
        }
    }
    let is_cut = sheet.is_cut();
    let paper = sheet.end()?;
    let (rejected, examples) = rows.rejected();
    if let Some(first) = examples.first() {
        let reason = print::plain(&first.reason);
        print::talk(&format!("error: {rejected} rows of the service make no sense, the first: {reason}"));
        return Ok(Exit::Failed);
    }
    let exit = if is_cut { Exit::Done } else { roll.close(client).await? };
    keep_if_done(paper, exit)
}

/// An old file stays as it was where the answer to a query is no success.
fn keep_if_done(paper: Paper, exit: Exit) -> anyhow::Result<Exit> {
    if exit == Exit::Done {
        paper.keep()?;
    }
    Ok(exit)
}

fn is_image(question: &Question) -> bool {
    question.endpoint.answer.is_image() && !question.is_about_endpoint
}

fn refuse_format(command: &Query, question: &Question) -> Result<(), UsageError> {
    if question.asks_for_list() || command.format.is_none_or(|format| format == QueryFormat::Raw) {
        return Ok(());
    }
    let name = question.endpoint.name;
    Err(UsageError(format!("{name} answers in one form only: leave --format out")))
}

/// Hands on what the service sends, byte by byte.
async fn hand_on(
    command: &Query,
    client: &Client,
    question: &Question,
    mut paper: Paper,
) -> anyhow::Result<Exit> {
    if is_image(question) && paper.is_screen() {
        let text = format!("{} answers with a file: name it with --output FILE", question.endpoint.name);
        return Err(UsageError(text).into());
    }
    let format = command.format.and_then(QueryFormat::as_sent);
    let mut body = client.answer_to(question, format).await?;
    let beginning = begin(&mut body).await?;
    refuse_what_is_no_image(question, &body, &beginning)?;
    if says_nothing(question, &beginning) {
        paper.put(&beginning)?;
        return keep_if_done(paper, Roll::of(question).close(client).await?);
    }
    let (mut tail, mut roll) = (Tail::default(), Roll::of_uids(question));
    let mut arrived = Some(Bytes::from(beginning));
    while let Some(bytes) = arrived {
        tail.push(&bytes);
        roll.strike_uids(&bytes);
        paper.put(&bytes)?;
        arrived = body.chunk().await?;
    }
    if paper.is_screen() {
        paper.put(b"\n")?;
    }
    let exit = if is_image(question) { judge(question, tail) } else { roll.close(client).await? };
    keep_if_done(paper, exit)
}

/// The first bytes of an answer: all of it when it is short.
async fn begin(body: &mut Body) -> Result<Vec<u8>, nbia::Error> {
    let mut beginning = Vec::new();
    while beginning.len() < BEGINNING
        && let Some(piece) = body.chunk().await?
    {
        beginning.extend_from_slice(&piece);
    }
    Ok(beginning)
}

fn says_nothing(question: &Question, beginning: &[u8]) -> bool {
    let is_whole_list = question.asks_for_list() && beginning.len() < BEGINNING;
    beginning.is_empty() || is_whole_list && !roll::has_rows(question, &String::from_utf8_lossy(beginning))
}

fn refuse_what_is_no_image(question: &Question, body: &Body, beginning: &[u8]) -> anyhow::Result<()> {
    if !is_image(question) || beginning.is_empty() || image::begins_well(question.endpoint.answer, beginning)
    {
        return Ok(());
    }
    let found = body.redact(&String::from_utf8_lossy(beginning));
    let found = print::plain(&found.trim_start().chars().take(QUOTED).collect::<String>());
    anyhow::bail!("{} sent no image; it begins with `{found}`", question.endpoint.name);
}

/// Says what is wrong with an image that has arrived.
fn judge(question: &Question, tail: Tail) -> Exit {
    let name = question.endpoint.name;
    let fault = match tail.judge(question.endpoint.answer) {
        Ending::Whole => return Exit::Done,
        Ending::Cut => format!("{name} sent a ZIP without the record that ends it"),
        Ending::WithoutFiles => format!("the service has no file of {}", roll::all_names(question)),
    };
    print::talk(&format!("error: {fault}"));
    Exit::Failed
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
