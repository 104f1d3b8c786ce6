//! `export links`: the series under names for people, as the archive's downloader gives them (its "descriptive" folders).

use std::collections::HashMap;
use std::fs;

use anyhow::Context;
use serde_json::json;

use super::super::exit::{Exit, UsageError};
use super::super::print;
use super::arguments::Links;
use super::outside::{real, refuse_inside};
use super::{Mirror, Source};
use crate::db::PlacedSeries;
use crate::dicom::Series;
use crate::mirror::layout::Component;
use crate::mirror::{LinkCounts, LinkTree, LinksOfPatient, SeriesPath};
use crate::nbia::dialect::DateFormat;
use crate::serve::six_decimals;

/// How much of a description is in a name (NBIA Data Retriever, `LocalSeriesDownloader.java`).
const LONGEST_DESCRIPTION: usize = 53;
/// How much of a UID is.
const LAST_DIGITS: usize = 5;
/// What stands for nothing in the attributes of the archive.
const NOTHING: [&str; 3] = ["", "null", "-"];

pub(super) async fn run(mut source: Source, command: &Links, json: bool) -> anyhow::Result<Exit> {
    let mut tree = open(&source, command)?;
    let mut patient = Patient::default();
    let each = |mirror: &Mirror, placed: PlacedSeries| {
        let Some(path) = SeriesPath::recorded(&placed.path) else { return Ok(()) };
        if !patient.is_of(&path) {
            std::mem::take(&mut patient).show(&mut tree)?;
        }
        patient.add(mirror, path, &placed.series)
    };
    source.each_by_path(each).await?;
    patient.show(&mut tree)?;
    let exit = source.wanted.close()?;
    let counts = tree.finish()?;
    say(&counts, json)?;
    Ok(if counts.in_the_way > 0 { Exit::Failed } else { exit })
}

/// The directory, which must be apart from the mirror.
fn open(source: &Source, command: &Links) -> anyhow::Result<LinkTree> {
    let (root, output) = (&source.mirror.root, &command.output);
    refuse_inside(root, output)?;
    let root = real(root.path())?;
    if root.starts_with(real(output)?) {
        let text = format!("the mirror lies inside {}: name a directory beside it", output.display());
        return Err(UsageError(text).into());
    }
    let open = || {
        fs::create_dir_all(output)?;
        LinkTree::open(&output.canonicalize()?, &root)
    };
    open().with_context(|| format!("cannot use {}", output.display()))
}

fn say(counts: &LinkCounts, json: bool) -> anyhow::Result<()> {
    let LinkCounts { made, replaced, removed, kept, in_the_way, named } = counts;
    if json {
        print::json(&json!({ "summary": {
            "made": made, "replaced": replaced, "removed": removed, "kept": kept, "in_the_way": in_the_way,
        }}))?;
    } else {
        print::data(&format!(
            "links: {made} made, {replaced} replaced, {removed} removed, {kept} as they were"
        ))?;
    }
    for name in named {
        print::talk(&format!("error: something else is in the way at {}", print::plain(name)));
    }
    if *in_the_way > named.len() as u64 {
        print::talk(&format!("error: and at {} more places", in_the_way - named.len() as u64));
    }
    Ok(())
}

/// The series of one patient, which come one behind the other.
#[derive(Default)]
struct Patient {
    studies: Vec<Named>,
    /// Each with its path.
    series: Vec<(SeriesPath, Named)>,
}

/// A study or a series, and what its name begins with.
struct Named {
    uid: String,
    stem: String,
}

impl Patient {
    fn is_of(&self, path: &SeriesPath) -> bool {
        self.series.first().is_none_or(|(first, _)| first.parents()[..2] == path.parents()[..2])
    }

    fn add(&mut self, mirror: &Mirror, path: SeriesPath, series: &Series) -> anyhow::Result<()> {
        let study = &path.parents()[2];
        // of a study all series say the same, or the first one has its way
        if self.studies.last().is_none_or(|known| known.uid != *study) {
            let study_id = mirror.reader.study_id(series)?;
            self.studies.push(Named { uid: study.clone(), stem: study_stem(series, study_id.as_deref()) });
        }
        let named = Named { uid: path.name().to_owned(), stem: series_stem(series) };
        self.series.push((path, named));
        Ok(())
    }

    fn show(self, tree: &mut LinkTree) -> anyhow::Result<()> {
        let Some((first, _)) = self.series.first() else { return Ok(()) };
        let (collection, patient) = (first.parents()[0].clone(), first.parents()[1].clone());
        let studies = names(&self.studies.iter().collect::<Vec<_>>());
        let mut links = LinksOfPatient::new();
        let of_studies = self.series.chunk_by(|(one, _), (other, _)| one.parents() == other.parents());
        for (study, of_study) in studies.iter().zip(of_studies) {
            let named: Vec<_> = of_study.iter().map(|(_, named)| named).collect();
            for (name, (path, _)) in names(&named).into_iter().zip(of_study) {
                links.insert((study.clone(), name), path.clone());
            }
        }
        let shown = tree.show([&collection, &patient], &links);
        shown.with_context(|| format!("cannot link the series of {collection}/{patient}"))
    }
}

/// `12-05-1998-1-RT SIMULATION-`
fn study_stem(series: &Series, study_id: Option<&str>) -> String {
    let date = series.study_date.as_deref().map(|date| DateFormat::MonthDayYear.from_iso(date));
    stem([date.as_deref(), study_id, series.study_description.as_deref().map(shortened).as_deref()])
}

/// `1.000000-AXIAL-`
fn series_stem(series: &Series) -> String {
    let number = series.series_number.as_deref().map(six_decimals);
    stem([number.as_deref(), series.series_description.as_deref().map(shortened).as_deref()])
}

fn stem<const PARTS: usize>(parts: [Option<&str>; PARTS]) -> String {
    let parts = parts.into_iter().flatten().filter(|part| !NOTHING.contains(&part.trim()));
    parts.flat_map(|part| [part, "-"]).collect()
}

fn shortened(description: &str) -> String {
    description.replace('/', "-").chars().take(LONGEST_DESCRIPTION).collect()
}

/// How much of the UID is in a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Digits {
    Last,
    All,
    /// And nothing else.
    Alone,
}

impl Named {
    fn with(&self, digits: Digits) -> Component {
        let Self { uid, stem } = self;
        Component::new(&match digits {
            Digits::Last => format!("{stem}{}", &uid[uid.len().saturating_sub(LAST_DIGITS)..]),
            Digits::All => format!("{stem}{uid}"),
            Digits::Alone => uid.clone(),
        })
    }
}

/// Names that differ, on any file system, and are the same each time: where the last digits do not tell two apart, both
/// get all of them.
fn names(of: &[&Named]) -> Vec<Component> {
    let mut digits = vec![Digits::Last; of.len()];
    loop {
        let names: Vec<_> = of.iter().zip(&digits).map(|(named, digits)| named.with(*digits)).collect();
        let mut holders: HashMap<String, u32> = HashMap::new();
        for name in &names {
            *holders.entry(name.folded()).or_default() += 1;
        }
        let mut is_settled = true;
        for (name, digits) in names.iter().zip(&mut digits) {
            if holders[&name.folded()] > 1 && *digits != Digits::Alone {
                *digits = if *digits == Digits::Last { Digits::All } else { Digits::Alone };
                is_settled = false;
            }
        }
        if is_settled {
            return names;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(of: &[(&str, &str)]) -> Vec<String> {
        let named: Vec<_> =
            of.iter().map(|(uid, stem)| Named { uid: (*uid).to_owned(), stem: (*stem).to_owned() }).collect();
        names(&named.iter().collect::<Vec<_>>()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_end_in_as_many_digits_as_tell_them_apart() {
        assert_eq!(names_of(&[("1.2.12345", "CT-"), ("1.3.12346", "CT-")]), ["CT-12345", "CT-12346"]);
        let clash = [("1.2.12345", "CT-"), ("1.3.12345", "ct-"), ("1.4.12345", "MR-")];
        assert_eq!(names_of(&clash), ["CT-1.2.12345", "ct-1.3.12345", "MR-12345"]);
        // one that is called as another one would be with all its digits
        let hostile =
            [("1.2.12345", "A-"), ("1.3.12345", "A-"), ("1.9", "A-1.2.12345%"), ("345", "A-1.2.12")];
        let names = names_of(&hostile);
        let different: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
        assert_eq!(names[0], "1.2.12345");
    }

    #[test]
    fn a_name_is_made_as_the_downloader_makes_it() {
        let series = |attributes: serde_json::Value| -> Series {
            let mut row = serde_json::json!({
                "Collection": "C", "PatientID": "P", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3"
            });
            row.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
            serde_json::from_value(row).unwrap()
        };
        let full = series(serde_json::json!({
            "StudyDate": "1998-12-05", "StudyDescription": "RT/SIM & \u{e9}", "SeriesNumber": "5", "SeriesDescription": "x".repeat(60)
        }));
        let bare = series(
            serde_json::json!({ "StudyDescription": "null", "SeriesNumber": null, "SeriesDescription": "-" }),
        );

        assert_eq!(study_stem(&full, Some("7")), "12-05-1998-7-RT-SIM & \u{e9}-");
        assert_eq!(series_stem(&full), format!("5.000000-{}-", "x".repeat(53)));
        assert_eq!((study_stem(&bare, None), series_stem(&bare)), (String::new(), String::new()));
    }
}
