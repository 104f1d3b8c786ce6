//! `config`: the effective configuration, and where each value comes from.

use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::{Value, json};

use super::arguments::Global;
use super::exit::Exit;
use super::print;
use super::session::overrides;
use crate::config::{Config, Effective, Origin, Section, Setting};

/// Where the origins stand, when the values leave room.
const ORIGINS: usize = 40;

pub(super) fn run(global: &Global, matches: &ArgMatches) -> anyhow::Result<Exit> {
    let effective = Effective::read(&overrides(global), |name| origin_of(matches, name))?;
    if global.json {
        effective.sections.iter().try_for_each(|section| show_json(&effective, section))?;
    } else {
        print::data(&print::plain(&headline(&effective)))?;
        effective.sections.iter().try_for_each(show)?;
    }
    // what stands in no single line: secrets that cannot be read, values that do not fit together
    Config::load(overrides(global))?;
    Ok(Exit::Done)
}

/// Whether an override was typed or stands in the environment.
fn origin_of(matches: &ArgMatches, name: &str) -> Origin {
    match matches.value_source(name) {
        Some(ValueSource::EnvVariable) => Origin::Variable(format!("TCIA_MIRROR_{}", name.to_uppercase())),
        _ => Origin::Flag(format!("--{}", name.replace('_', "-"))),
    }
}

fn headline(effective: &Effective) -> String {
    match &effective.file {
        Some(path) => format!("# lines are those of {}", path.display()),
        None => "# there is no file".to_owned(),
    }
}

fn show(section: &Section) -> anyhow::Result<()> {
    if !section.name.is_empty() {
        let name = if section.is_one_of_several {
            format!("[[{}]]", section.name)
        } else {
            format!("[{}]", section.name)
        };
        print::data(&format!("\n{name}"))?;
    }
    section.settings.iter().try_for_each(|setting| print::data(&print::plain(&line(setting))))
}

/// A secret stands in a comment: it is no key of the file.
fn line(setting: &Setting) -> String {
    let key = &setting.key;
    let assignment = match &setting.value {
        // where it is written the daemon serves: as a key it would say more than is so
        Some(value) if key == "listen" && setting.origin == Origin::Default => format!("# {key} = {value}"),
        Some(value) => format!("{key} = {value}"),
        None => format!("# {key} = ***"),
    };
    let origin = match &setting.origin {
        Origin::Default => "default".to_owned(),
        Origin::Line(line) => format!("line {line}"),
        Origin::Variable(name) | Origin::Flag(name) => name.clone(),
        Origin::SecretFile(path) => path.display().to_string(),
    };
    format!("{assignment:ORIGINS$} # {origin}")
}

fn show_json(effective: &Effective, section: &Section) -> anyhow::Result<()> {
    section.settings.iter().try_for_each(|setting| {
        let (origin, place): (_, Value) = match &setting.origin {
            Origin::Default => ("default", Value::Null),
            Origin::Line(line) => {
                let file = effective.file.as_ref().map(|path| path.display().to_string());
                ("file", format!("{}:{line}", file.unwrap_or_default()).into())
            }
            Origin::Variable(name) => ("environment", name.as_str().into()),
            Origin::Flag(name) => ("flag", name.as_str().into()),
            Origin::SecretFile(path) => ("secret file", path.display().to_string().into()),
        };
        let value = setting.value.as_ref().map_or_else(|| json!("***"), |value| json!(value));
        let (table, key) = (&section.name, &setting.key);
        print::json(&json!({ "table": table, "key": key, "value": value, "origin": origin, "place": place }))
    })
}
