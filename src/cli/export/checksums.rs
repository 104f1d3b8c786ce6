//! `export checksums`: what `sha256sum -c` takes in the root, for everything that lies in the tree.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::super::exit::Exit;
use super::super::paper::Paper;
use super::arguments::Checksums;
use super::outside::refuse_inside;
use super::table::Lines;
use super::{Mirror, Source};
use crate::db::PlacedSeries;
use crate::mirror::{LICENSE, file_name, layout};

/// How the names of files end that are made in a directory, one for each collection.
const ENDING: &str = ".SHA256SUMS";

pub(super) async fn run(source: Source, command: &Checksums) -> anyhow::Result<Exit> {
    match &command.output {
        Some(output) if is_directory(output) => in_directory(source, output).await,
        output => in_one(source, output.as_deref()).await,
    }
}

fn is_directory(output: &Path) -> bool {
    output.as_os_str().as_bytes().ends_with(b"/") || output.is_dir()
}

async fn in_one(mut source: Source, output: Option<&Path>) -> anyhow::Result<Exit> {
    let mut lines = Lines::new(source.paper_at(output)?);
    source.each_by_path(|mirror, placed| lines.put(&of_series(mirror, &placed)?)).await?;
    source.close(lines.end()?)
}

/// One file for each collection, each of which appears whole; one that nothing is left of keeps its last file.
async fn in_directory(mut source: Source, directory: &Path) -> anyhow::Result<Exit> {
    refuse_inside(&source.mirror.root, directory)?;
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let mut open: Option<(String, Lines)> = None;
    let each = |mirror: &Mirror, placed: PlacedSeries| {
        let collection = placed.path.split('/').next().unwrap_or_default();
        if open.as_ref().is_none_or(|(name, _)| name != collection) {
            keep(open.take())?;
            open =
                Some((collection.to_owned(), Lines::new(Paper::new(Some(&file_of(directory, collection)))?)));
        }
        let text = of_series(mirror, &placed)?;
        open.as_mut().map_or(Ok(()), |(_, lines)| lines.put(&text))
    };
    source.each_by_path(each).await?;
    keep(open)?;
    source.wanted.close()
}

fn keep(open: Option<(String, Lines)>) -> anyhow::Result<()> {
    open.map_or(Ok(()), |(_, lines)| lines.end()?.keep())
}

fn file_of(directory: &Path, collection: &str) -> PathBuf {
    directory.join(OsStr::new(&layout::with_ending(collection, ENDING)))
}

/// The files of a series, all of one moment. No name holds what `sha256sum` would escape: no component of a path does.
fn of_series(mirror: &Mirror, placed: &PlacedSeries) -> anyhow::Result<String> {
    let mut text = String::new();
    // gone since it was listed, where `prune` is at work
    let Some(series) = mirror.reader.one_served_series(placed.series.series_instance_uid.as_str())? else {
        return Ok(text);
    };
    let path = &series.path;
    for instance in &series.instances {
        writeln!(text, "{}  {path}/{}", hex(&instance.sha256), file_name(&instance.sop_instance_uid))?;
    }
    if let Some(license) = &series.license_sha256 {
        writeln!(text, "{}  {path}/{LICENSE}", hex(license))?;
    }
    Ok(text)
}

/// Digits of a digest, as every tool writes them.
pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
