//! What the documents say, held against the program.

use std::path::Path;

use tcia_mirror::nbia::dialect::{Dialect, Endpoint, Parameter};

use crate::liars::kinds;

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn the_readme_has_both_commands_and_every_exit_code() {
    let readme = read("README.md");
    for command in ["cargo run --release -- demo", "cargo test"] {
        assert!(readme.lines().any(|line| line == command), "{command}");
    }
    for code in ["| 0 |", "| 1 |", "| 2 |", "| 3 |", "| 10 |", "| 130 / 143 |"] {
        assert!(readme.contains(code), "{code}");
    }
}

#[test]
fn the_list_of_migrations_is_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    files.sort();

    let compiled: Vec<_> = tcia_mirror::db::MIGRATIONS.iter().map(|(name, _)| *name).collect();

    assert_eq!(files, compiled);
    for (name, sql) in tcia_mirror::db::MIGRATIONS {
        assert_eq!(sql, read(&format!("migrations/{name}")), "{name}");
    }
}

#[test]
fn the_table_for_users_says_of_each_dialect_what_it_is() {
    let page = read("docs/DIALECTS.md");
    let row = |begins: &str| {
        let line = page.lines().find(|line| line.starts_with(&format!("| {begins}"))).unwrap();
        line.split('|')
            .skip(2)
            .map(|cell| cell.trim().to_owned())
            .filter(|cell| !cell.is_empty())
            .collect::<Vec<_>>()
    };
    let [hierarchy, singles, by_uid, news, lists, names] = [
        "one MD5 over a series",
        "names of the instances, single images",
        "one series asked for by its UID",
        "what is new since a day",
        "`--shared-list`",
        "| `bindaas-v1`",
    ]
    .map(row);
    for (place, dialect) in Dialect::ALL.into_iter().enumerate() {
        let described = dialect.description();
        let says_yes = |cells: &[String]| !cells[place].starts_with("no");
        let series = described.endpoint(Endpoint::Series).unwrap();
        assert!(page.contains(&format!("`{}`", described.path)), "{dialect}");
        assert_eq!(names[place], format!("`{dialect}`"));
        assert_eq!(says_yes(&hierarchy), described.endpoint(Endpoint::Md5Hierarchy).is_some(), "{dialect}");
        assert_eq!(says_yes(&singles), described.endpoint(Endpoint::SingleImage).is_some(), "{dialect}");
        assert_eq!(says_yes(&by_uid), series.parameter(Parameter::SeriesInstanceUid).is_some(), "{dialect}");
        assert_eq!(says_yes(&news), described.endpoint(Endpoint::NewStudies).is_some(), "{dialect}");
        assert_eq!(says_yes(&lists), described.endpoint(Endpoint::SharedList).is_some(), "{dialect}");
    }
}

#[test]
fn the_readme_says_of_each_kind_of_lie_what_the_table_of_lies_says() {
    let readme = read("README.md");
    let (_, section) = readme.split_once("## What happens when").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let lines: Vec<Vec<&str>> =
        lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect();

    assert_eq!(lines.len(), kinds().len());
    for (kind, outcome) in kinds() {
        let line = lines.iter().find(|cells| cells[0] == kind.words());
        let [.., job, exit] = line.unwrap_or_else(|| panic!("no line for {kind:?}"))[..] else { panic!() };
        let codes: Vec<_> = outcome.codes.iter().map(ToString::to_string).collect();
        assert_eq!(exit, codes.join(" or "), "{kind:?}");
        assert!(outcome.job().is_none_or(|expected| job == expected), "{kind:?}: {job}");
    }
}

#[test]
fn every_metric_is_documented_as_it_is_and_no_other() {
    let page = read("docs/METRICS.md");
    let documented: Vec<_> = page.lines().filter(|line| line.starts_with("| `tcia_mirror_")).collect();

    let row = |metric: &tcia_mirror::metrics::Metric| {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} |", metric.name, labels.join(", "), metric.help)
    };

    assert_eq!(documented, tcia_mirror::metrics::ALL.iter().map(row).collect::<Vec<_>>());
}
