//! `export citations`: whose data lies in the tree, under which licences, and what is to be cited for it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::super::exit::Exit;
use super::super::paper::Paper;
use super::super::print;
use super::arguments::{CitationFormat, Citations, Format};
use super::table::{Cell, Column, Kind, Lines, Table};
use super::{Source, contradiction};
use crate::dicom::Series;

const COLUMNS: [Column; 7] = [
    ("Collection", Kind::Text),
    ("Data Description URI", Kind::Text),
    ("License Name", Kind::Text),
    ("License URI", Kind::Text),
    ("Non-Commercial", Kind::Text),
    ("Series", Kind::Count),
    ("Bytes", Kind::Count),
];
/// Where DOIs are looked up.
const DOI: &str = "https://doi.org/";

/// What is said of some series of a collection alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Terms {
    collection: String,
    description_uri: Option<String>,
    license_name: Option<String>,
    license_uri: Option<String>,
}

/// How much of it there is.
#[derive(Clone, Copy, Default)]
struct Amount {
    series: u64,
    bytes: u64,
}

/// All terms, in the order of collections.
type Cited = BTreeMap<Terms, Amount>;

pub(super) async fn run(mut source: Source, command: &Citations, json: bool) -> anyhow::Result<Exit> {
    let format = match command.format {
        Some(other) if json && other != CitationFormat::Json => return Err(contradiction().into()),
        None if json => CitationFormat::Json,
        format => format.unwrap_or(CitationFormat::Csv),
    };
    let paper = source.paper(&command.common)?;
    let mut cited = Cited::new();
    source
        .each_placed(|_, recorded| {
            let amount = cited.entry(Terms::of(&recorded.series)).or_default();
            amount.series += 1;
            amount.bytes += recorded.placed.map_or(0, |placed| placed.bytes);
            Ok(())
        })
        .await?;
    let paper = match format {
        CitationFormat::Csv => csv(&cited, paper),
        CitationFormat::Json => json_lines(&cited, paper),
        CitationFormat::Text => text(&cited, paper),
    }?;
    warn_of_non_commercial(&cited);
    source.close(paper)
}

impl Terms {
    fn of(series: &Series) -> Self {
        Self {
            collection: series.collection.to_string(),
            description_uri: series.data_description_uri.clone(),
            license_name: series.license_name.clone(),
            license_uri: series.license_uri.clone(),
        }
    }

    /// Whether money may not be made with it, as far as name and address of the licence tell.
    fn is_non_commercial(&self) -> bool {
        let texts = [&self.license_name, &self.license_uri].into_iter().flatten();
        texts
            .map(|text| text.to_lowercase().replace(['-', ' '], ""))
            .any(|text| text.contains("noncommercial") || text.contains("bync"))
    }

    /// Where the data is described, as an address to click on.
    fn link(&self) -> Option<String> {
        let uri = self.description_uri.as_deref()?.trim();
        let bare = uri.strip_prefix("doi:").unwrap_or(uri).trim_start();
        Some(if bare.starts_with("10.") { format!("{DOI}{bare}") } else { uri.to_owned() })
    }
}

fn csv(cited: &Cited, paper: Paper) -> anyhow::Result<Paper> {
    let mut table = Table::begin(Format::Csv, &COLUMNS, paper)?;
    for (terms, amount) in cited {
        table.row(vec![
            Cell::text(&terms.collection),
            Cell::from(terms.description_uri.as_deref()),
            Cell::from(terms.license_name.as_deref()),
            Cell::from(terms.license_uri.as_deref()),
            Cell::text(if terms.is_non_commercial() { "yes" } else { "no" }),
            Cell::Count(amount.series),
            Cell::Count(amount.bytes),
        ])?;
    }
    table.end()
}

fn json_lines(cited: &Cited, paper: Paper) -> anyhow::Result<Paper> {
    let mut lines = Lines::new(paper);
    for (terms, amount) in cited {
        lines.json(&json!({
            "collection": terms.collection, "data_description_uri": terms.description_uri, "link": terms.link(),
            "license_name": terms.license_name, "license_uri": terms.license_uri,
            "non_commercial": terms.is_non_commercial(), "series": amount.series, "bytes": amount.bytes,
        }))?;
    }
    lines.end()
}

fn text(cited: &Cited, paper: Paper) -> anyhow::Result<Paper> {
    let mut lines = Lines::new(paper);
    let mut last = None;
    for (terms, amount) in cited {
        let place = (&terms.collection, &terms.description_uri);
        if last != Some(place) {
            let link = terms.link().unwrap_or_else(|| "nothing says where it is described".to_owned());
            lines.put(&format!("{}: {}\n", print::plain(&terms.collection), print::plain(&link)))?;
            last = Some(place);
        }
        let name = terms.license_name.as_deref().unwrap_or("no licence is named");
        let uri = terms.license_uri.as_deref().map(|uri| format!(", {uri}")).unwrap_or_default();
        let limit = if terms.is_non_commercial() { " - NOT FOR COMMERCIAL USE" } else { "" };
        let amount = format!("{} series, {}", amount.series, print::bytes(amount.bytes));
        lines.put(&format!("    {amount}: {}{limit}\n", print::plain(&format!("{name}{uri}"))))?;
    }
    lines.end()
}

/// Nobody reads a table to its end.
fn warn_of_non_commercial(cited: &Cited) {
    let collections =
        cited.keys().filter(|terms| terms.is_non_commercial()).map(|terms| terms.collection.as_str());
    let collections: BTreeSet<_> = collections.map(|name| format!("`{}`", print::plain(name))).collect();
    if !collections.is_empty() {
        let collections = collections.into_iter().collect::<Vec<_>>().join(", ");
        print::talk(&format!("warning: not for commercial use: {collections}"));
    }
}
