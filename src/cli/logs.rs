//! Logs on standard error, beside the bars of a terminal.

use std::fmt::Debug;
use std::io;

use indicatif::MultiProgress;
use tracing::field::Field;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use super::arguments::{Global, LogFormat};
use super::print;
use crate::config::wants_colours;

/// Starts the logs; gives the bars that they are written around, when someone watches.
pub(super) fn start(global: &Global, shows_progress: bool) -> anyhow::Result<Option<MultiProgress>> {
    let watched =
        shows_progress && print::is_watched() && !global.quiet && global.log_format == LogFormat::Text;
    let bars = watched.then(MultiProgress::new);
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) if watched => LevelFilter::WARN, // the bars say the rest
        (false, 0) => LevelFilter::INFO,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let filter = EnvFilter::new(format!("warn,tcia_mirror={level}"));
    let registry = tracing_subscriber::registry().with(filter);
    match global.log_format {
        LogFormat::Text => {
            let layer = fmt::layer().with_writer(AroundBars(bars.clone())).with_target(false);
            let layer = layer
                .with_ansi(print::is_watched() && wants_colours())
                .fmt_fields(debug_fn(only_the_message));
            registry.with(layer).try_init()?;
        }
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(|| JsonWriter)).try_init()?,
        LogFormat::Journald => registry.with(tracing_journald::layer()?).try_init()?,
    }
    Ok(bars)
}

/// The message reads alone; fields are for those who filter, in the other formats.
fn only_the_message(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    if field.name() == "message" { writer.write_str(&print::plain(&format!("{value:?}"))) } else { Ok(()) }
}

/// Escapes what a terminal would obey.
struct JsonWriter;

impl io::Write for JsonWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr()
            .write_all(print::escaped(&String::from_utf8_lossy(line).replace('\n', "")).as_bytes())?;
        io::stderr().write_all(b"\n")?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Lifts the bars for the length of a line.
struct AroundBars(Option<MultiProgress>);

impl<'a> MakeWriter<'a> for AroundBars {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter(self.0.as_ref())
    }
}

struct LineWriter<'a>(Option<&'a MultiProgress>);

impl io::Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.0 {
            Some(bars) => bars.suspend(|| io::stderr().write_all(line))?,
            None => io::stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
