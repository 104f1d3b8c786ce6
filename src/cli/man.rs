//! `man`: the help as pages of the manual.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::roff::{Roff, roman};

use super::arguments::{Arguments, Man};
use super::exit::{Exit, UsageError};
use super::print;

pub(super) fn run(command: &Man) -> anyhow::Result<Exit> {
    let program = program();
    if let Some(directory) = &command.output {
        write_all(&program, directory)?;
        return Ok(Exit::Done);
    }
    let of = match &command.of {
        Some(name) => program.find_subcommand(name).ok_or_else(|| {
            UsageError(format!("there is no command {name:?}; `tcia-mirror --help` lists them"))
        })?,
        None => &program,
    };
    print::data(page(of)?.trim_end())?;
    Ok(Exit::Done)
}

/// The declarations with everything that follows from them, as each page shows it.
fn program() -> clap::Command {
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    program
}

fn write_all(program: &clap::Command, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for command in program.get_subcommands().chain([program]) {
        let path = directory.join(clap_mangen::Man::new(command.clone()).get_filename());
        let page = page(command)?;
        let written = File::create(&path).and_then(|mut file| file.write_all(page.as_bytes()));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// One page: what clap knows of a command, then what stands behind its help.
fn page(command: &clap::Command) -> anyhow::Result<String> {
    let page = clap_mangen::Man::new(command.clone());
    let mut text = Vec::new();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    // the date stays empty, so that the same source makes the same page
    writeln!(text, ".TH {name} 1 \"\" \"tcia-mirror {}\"", env!("CARGO_PKG_VERSION"))?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)?;
    }
    let after_help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    behind_help(&after_help).to_writer(&mut text)?;
    Ok(ascii(&String::from_utf8(text)?))
}

/// What every formatter reads, whatever the locale.
fn ascii(page: &str) -> String {
    let name = |character: char| match character {
        ' '..='~' | '\n' => character.to_string(),
        _ => format!("\\[u{:04X}]", u32::from(character)),
    };
    page.chars().map(name).collect()
}

/// A section for each paragraph that says what it is.
fn behind_help(text: &str) -> Roff {
    let mut roff = Roff::new();
    for paragraph in text.split("\n\n") {
        let (heading, rest) = match paragraph.split_once(':') {
            Some(("Exit codes", codes)) => ("EXIT STATUS", codes),
            Some(("Example" | "Examples", examples)) => ("EXAMPLES", examples),
            _ => ("NOTES", paragraph),
        };
        roff.control("SH", [heading]);
        roff.control("nf", []);
        for line in rest.lines() {
            roff.text([roman(line.trim())]);
        }
        roff.control("fi", []);
    }
    roff
}
