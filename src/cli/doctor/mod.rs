//! `doctor`: root, disk, clock, configuration, key and service, and what to do where something is wrong.

mod ground;
mod service;

use serde_json::json;

use super::arguments::{DownloadFlags, Global};
use super::exit::Exit;
use super::print;
use super::session::{configure, overrides};
use super::signals::Signals;
use crate::config::{Config, ProxyVariable, file_of, proxy_variables};

/// How something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// As it should be.
    Well,
    /// A mirror works with it, under a condition that is told.
    Doubtful,
    /// No mirror works with it.
    Wrong,
}

/// What was found of one thing.
#[derive(Debug)]
struct Finding {
    what: &'static str,
    state: State,
    found: String,
    /// What to do, or what follows.
    hint: Option<String>,
}

impl Finding {
    fn well(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, state: State::Well, found: found.into(), hint: None }
    }

    fn doubtful(what: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what, state: State::Doubtful, found: found.into(), hint: Some(hint.into()) }
    }

    fn wrong(what: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what, state: State::Wrong, found: found.into(), hint: Some(hint.into()) }
    }
}

/// Says each finding as soon as it is there.
struct Report {
    json: bool,
    findings: Vec<State>,
}

pub(super) async fn run(global: &Global) -> anyhow::Result<Exit> {
    // before anything else: without a configuration there is nothing to look at
    let config = configure(global, &DownloadFlags::default())?;
    let signals = Signals::listen(config.sync.jobs.grace)?;
    let mut report = Report { json: global.json, findings: Vec::new() };
    report.add(&of_configuration(global, &config))?;
    ground::examine(&config).iter().try_for_each(|finding| report.add(finding))?;
    for variable in proxy_variables() {
        report.add(&of_proxy(&variable))?;
    }
    for service in &config.services {
        let asked = service::examine(service, signals.drain.clone()).await;
        asked.iter().try_for_each(|finding| report.add(finding))?;
    }
    report.conclude()?;
    Ok(signals.received().unwrap_or_else(|| report.exit()))
}

fn of_configuration(global: &Global, config: &Config) -> Finding {
    let file = file_of(&overrides(global));
    let file = file.map_or_else(|| "no file, so the defaults".to_owned(), |path| path.display().to_string());
    match config.select.len() {
        0 => Finding::doubtful(
            "configuration",
            format!("{file}; no [[select]] table"),
            "name what is to be mirrored with --collection and the like each time, or write a [[select]] table: `sync` \
             and `daemon` of systemd need one",
        ),
        tables => Finding::well("configuration", format!("{file}; [[select]] tables: {tables}")),
    }
}

fn of_proxy(variable: &ProxyVariable) -> Finding {
    let ProxyVariable { name, place } = variable;
    Finding::doubtful(
        "proxy",
        format!("{name} leads over {place}"),
        "what comes over a proxy is only as whole and as fast as that: name hosts that are reached without in NO_PROXY",
    )
}

impl Report {
    fn add(&mut self, finding: &Finding) -> anyhow::Result<()> {
        self.findings.push(finding.state);
        let Finding { what, state, found, hint } = finding;
        let state = match state {
            State::Well => "ok",
            State::Doubtful => "warning",
            State::Wrong => "wrong",
        };
        if self.json {
            return print::json(&json!({ "check": what, "state": state, "found": found, "hint": hint }));
        }
        print::data(&print::plain(&format!("{state:8}{what}: {found}")))?;
        hint.iter().try_for_each(|hint| print::data(&print::plain(&format!("{:8}hint: {hint}", ""))))
    }

    fn count(&self, state: State) -> usize {
        self.findings.iter().filter(|found| **found == state).count()
    }

    fn conclude(&self) -> anyhow::Result<()> {
        let (well, doubtful, wrong) =
            (self.count(State::Well), self.count(State::Doubtful), self.count(State::Wrong));
        if self.json {
            return print::json(&json!({ "summary": { "ok": well, "warnings": doubtful, "wrong": wrong } }));
        }
        print::data(&format!("{well} ok, {doubtful} warnings, {wrong} wrong"))
    }

    fn exit(&self) -> Exit {
        if self.count(State::Wrong) == 0 { Exit::Done } else { Exit::Failed }
    }
}
