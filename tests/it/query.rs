//! `query` as a user types it: what is checked before it is sent, what is printed, what is left behind.

use std::fs::Permissions;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::Lab;

const SERIES: &str = "1.2.826.1.1.1";

struct Archive {
    fake: FakeTcia,
    lab: Lab,
    _source: tempfile::TempDir,
}

fn archive(dialect: &str) -> Archive {
    let source = tempfile::tempdir().unwrap();
    Catalogue::small(2, 3, 500).build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url(dialect));
    Archive { fake, lab, _source: source }
}

impl Archive {
    fn query(&self, arguments: &[&str], code: i32) -> String {
        let ended = self.lab.run(&[&["-q", "query"], arguments].concat()).assert_code(code);
        if code == 0 { ended.stdout } else { ended.stderr }
    }
}

#[test]
fn rows_are_printed_in_every_form() {
    let archive = archive("nbia-v4");
    let asked = ["getSeries", "Collection=TEST", &format!("SeriesInstanceUID={SERIES}")]
        .map(|word| word.replace("TEST", COLLECTION));
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let print = |format: &str| archive.query(&[&asked[..], &["--format", format]].concat(), 0);

    let json: Value = serde_json::from_str(&print("json")).unwrap();
    assert_eq!((&json[0]["SeriesInstanceUID"], &json[0]["ImageCount"]), (&SERIES.into(), &3.into()));
    let csv = print("csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let field = |name: &str| &row[headers.iter().position(|header| header == name).unwrap()];
    assert_eq!((field("SeriesInstanceUID"), field("ImageCount")), (SERIES, "3"));
    assert!(print("xml").contains(&format!("<Value column=\"SeriesInstanceUID\">{SERIES}</Value>")));
    assert!(print("html").contains(&format!("<td>{SERIES}</td>")));
    let table = print("table");
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.lines().next().unwrap().contains("SeriesInstanceUID") && table.contains(SERIES));
    let lines = archive.lab.run(&[&["--json", "query"], &asked[..]].concat()).assert_code(0).json();
    assert_eq!((lines.len(), &lines[0]), (1, &json[0]));
}

#[test]
fn what_cannot_be_asked_is_refused_without_a_request() {
    let archive = archive("nbia-v4");

    let misspelt = archive.query(&["getSeries", "Colection=x"], 2);
    assert!(misspelt.contains("did you mean `Collection`?"), "{misspelt}");
    let unknown = archive.query(&["getSerie"], 2);
    assert!(unknown.contains("did you mean `getSeries`?"), "{unknown}");
    assert!(archive.query(&["getSeries", "Collection"], 2).contains("write KEY=VALUE"));
    assert!(archive.query(&["getImage"], 2).contains("needs SeriesInstanceUID"));
    assert!(archive.query(&["ContentsByName", "name=x"], 2).contains("does not offer ContentsByName"));
    let wrong_day = archive.query(&["NewPatientsInCollection", "Collection=C", "Date=01-02-2020"], 2);
    assert!(wrong_day.contains("YYYY-MM-DD"), "{wrong_day}");

    assert_eq!(archive.fake.requests().len(), 0);
}

#[test]
fn days_and_names_are_sent_as_the_dialect_spells_them() {
    for (dialect, sent) in [
        ("nbia-v4", "NewStudiesInPatientCollection?fromDate=08-04-2999&Collection=TEST"),
        ("bindaas-v3", "NewStudiesInPatientCollection?Date=2999-08-04&Collection=TEST&format=json"),
    ] {
        let archive = archive(dialect);

        let collection = format!("Collection={COLLECTION}");
        archive.query(&["NewStudiesInPatientsCollection", "Date=2999-08-04", &collection], 0);

        let requests = archive.fake.requests_of("NewStudiesInPatientCollection");
        assert_eq!(requests, [sent.replace("TEST", &COLLECTION.replace(' ', "+"))]);
    }
}

#[test]
fn a_name_that_is_not_listed_is_said_and_no_success() {
    let archive = archive("nbia-v4");

    let said = archive.query(&["getSeries", "Collection=No such"], 1);
    assert!(said.contains("lists nothing for `No such`"), "{said}");
    archive.query(&["getUpdatedSeries", "fromDate=2999-01-01"], 0);
}

#[test]
fn the_services_own_writing_is_handed_on_as_it_came() {
    let archive = archive("nbia-v4");

    let csv = archive.query(&["getCollectionValues", "--format", "csv", "--as-sent"], 0);
    let raw = archive.query(&["getCollectionValues", "--format", "raw"], 0);

    assert_eq!(csv, format!("Collection\n{COLLECTION}\n"));
    assert_eq!(raw, format!("[{{\"Collection\":\"{COLLECTION}\"}}]"));
}

#[test]
fn an_image_becomes_a_file_only_when_it_is_whole() {
    let archive = archive("nbia-v4");
    let file = archive.lab.beside("series.zip");
    let asked = ["getImage", &format!("SeriesInstanceUID={SERIES}"), "--output", file.to_str().unwrap()];

    archive.fake.script("getImage", SERIES, None, Fault::CutAfter(300));
    archive.query(&asked, 1);
    assert!(!file.exists());
    assert_eq!(std::fs::read_dir(archive.lab.beside("")).unwrap().count(), 1, "only the configuration");

    archive.fake.heal();
    archive.query(&asked, 0);
    archive.query(&asked, 0); // a file that is there is replaced
    let zip = zip::ZipArchive::new(std::fs::File::open(&file).unwrap()).unwrap();
    assert_eq!(zip.file_names().filter(|name| name.as_ref().unwrap().ends_with(".dcm")).count(), 3);
}

#[test]
fn rows_that_make_no_sense_and_broken_answers_are_failures() {
    let archive = archive("nbia-v4");
    for (body, said) in [
        ("<html>down</html>", "no list this program can read"),
        ("[{\"Collection\":\"A\"},{\"Collection\"", "ends in the middle"),
        ("[{\"Collection\":}]", "make no sense"),
    ] {
        archive.fake.script("getCollectionValues", "", None, Fault::Answer(200, vec![], body.into()));
        let stderr = archive.query(&["getCollectionValues"], 1);
        assert!(stderr.contains(said), "{body}: {stderr}");
        archive.fake.heal();
    }
}

#[test]
fn without_an_endpoint_it_says_what_there_is() {
    let archive = archive("bindaas-v3");

    let offer = archive.query(&[], 0);

    assert!(offer.contains("speaks bindaas-v3"), "{offer}");
    assert!(offer.contains("PatientsByModality") && offer.contains("Collection*, Modality*"), "{offer}");
    assert_eq!(archive.fake.requests().len(), 0);
}

#[test]
fn a_probe_says_which_dialects_an_address_speaks() {
    let archive = archive("nbia-v4");
    archive.fake.script("getCollectionValues", "format=json", None, Fault::Answer(404, vec![], vec![]));

    let found = archive.lab.run(&["--json", "query", "--probe"]).assert_code(0).json();

    let spoken = |dialect: &str| {
        let line = found.iter().find(|line| line["dialect"] == dialect).unwrap();
        line["is_spoken"].as_bool().unwrap()
    };
    assert!(spoken("nbia-v4") && !spoken("bindaas-v3") && !spoken("bindaas-v1"), "{found:?}");
    let v4 = found.iter().find(|line| line["dialect"] == "nbia-v4").unwrap();
    assert!(v4["answer"].as_str().unwrap().starts_with("1 collections in"), "{v4}");
}

/// An answer of the service, typed by hand.
fn answer(body: impl AsRef<[u8]>) -> Fault {
    Fault::Answer(200, vec![], body.as_ref().to_vec())
}

/// Every file beside the configuration.
fn files_beside(archive: &Archive) -> Vec<String> {
    let names = std::fs::read_dir(archive.lab.beside("")).unwrap();
    let mut names: Vec<_> = names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "config.toml");
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_and_keeps_its_mode_and_its_links() {
    let archive = archive("nbia-v4");
    let [target, link, new] = ["kept.csv", "link.csv", "new.csv"].map(|name| archive.lab.beside(name));
    std::fs::File::create(&target).unwrap().write_all(b"old").unwrap();
    std::fs::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
    symlink("kept.csv", &link).unwrap();
    let to = |path: &Path| {
        let path = path.to_str().unwrap();
        archive.query(&["getCollectionValues", "--format", "csv", "--output", path], 0);
    };

    to(&link);
    to(&new);

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(std::fs::read_to_string(&target).unwrap(), format!("Collection\n{COLLECTION}\n"));
    assert!(link.is_symlink());
    let plain = archive.lab.beside("plain");
    drop(std::fs::File::create(&plain).unwrap());
    assert_eq!((mode(&target), mode(&new)), (0o640, mode(&plain)));
}

#[test]
fn a_link_to_nothing_makes_the_file_that_it_names() {
    let archive = archive("nbia-v4");
    let link = archive.lab.beside("link.csv");
    symlink("new.csv", &link).unwrap();

    archive.query(&["getCollectionValues", "--output", link.to_str().unwrap()], 0);

    assert!(link.is_symlink());
    assert_eq!(files_beside(&archive), ["link.csv", "new.csv"]);
}

#[test]
fn devices_pipes_and_a_dash_are_written_through() {
    let archive = archive("nbia-v4");
    let asked = ["getCollectionValues", "--format", "csv", "--output"];
    let expected = format!("Collection\n{COLLECTION}\n");
    let pipe = archive.lab.beside("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let null = archive.lab.beside("null");
    symlink("/dev/null", &null).unwrap();

    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    archive.query(&[&asked[..], &[pipe.to_str().unwrap()]].concat(), 0);
    // a reader of a pipe that was replaced would wait for ever
    assert!(pipe.metadata().unwrap().file_type().is_fifo());
    assert_eq!(reader.join().unwrap(), expected);
    archive.query(&[&asked[..], &[null.to_str().unwrap()]].concat(), 0);
    assert!(null.is_symlink());
    assert_eq!(archive.query(&[&asked[..], &["-"]].concat(), 0), expected);
    assert_eq!(archive.query(&[&asked[..], &["/dev/stdout"]].concat(), 0), expected);
}

#[test]
fn a_place_that_takes_no_file_is_refused_before_anything_is_asked() {
    let archive = archive("nbia-v4");
    let directory = archive.lab.beside("");

    for place in [directory.clone(), directory.join("no/such.csv"), directory.join("config.toml/x")] {
        let said = archive.query(&["getCollectionValues", "--output", place.to_str().unwrap()], 1);
        assert!(said.contains("cannot write"), "{said}");
    }

    assert_eq!(archive.fake.requests().len(), 0);
}

#[test]
fn a_query_that_fails_leaves_the_old_file() {
    let archive = archive("nbia-v4");
    let file = archive.lab.beside("old.csv");
    std::fs::File::create(&file).unwrap().write_all(b"old").unwrap();
    for (asked, body) in [
        (vec!["getSeries", "Collection=No such"], None),
        (vec!["getSeries", "Collection=No such", "--as-sent"], None),
        (vec!["getCollectionValues"], Some("[{\"Collection\":\"A\"},{\"Collection\":}]")),
        (vec!["getCollectionValues"], Some("[{\"Collection\":\"A\"}")),
        (vec!["getImage", "SeriesInstanceUID=1.2"], Some("")),
    ] {
        archive.fake.heal();
        if let Some(body) = body {
            archive.fake.script(asked[0].to_owned().leak(), "", None, answer(body));
        }
        archive.query(&[&asked[..], &["--output", file.to_str().unwrap()]].concat(), 1);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old", "{asked:?}");
        assert_eq!(files_beside(&archive), ["old.csv"], "{asked:?}");
    }
}

#[test]
fn a_series_that_the_first_servers_do_not_have_is_named() {
    for dialect in ["bindaas-v1", "bindaas-v3"] {
        let archive = archive(dialect);
        let file = archive.lab.beside("series.zip");
        let file = file.to_str().unwrap();

        let said = archive.query(&["getImage", "SeriesInstanceUID=1.2.3", "--output", file], 1);
        assert!(said.contains("`1.2.3`"), "{said}");
        assert_eq!(files_beside(&archive), [""; 0]);
        for form in [&[][..], &["--as-sent"], &["--format", "csv", "--as-sent"]] {
            let asked = [&["getSeriesSize", "SeriesInstanceUID=1.2.3"], form].concat();
            let said = archive.query(&asked, 1);
            assert!(said.contains("`1.2.3`"), "{form:?}: {said}");
        }
    }
}

#[test]
fn a_list_as_sent_that_is_empty_is_no_success_when_something_was_named() {
    let archive = archive("nbia-v4");
    for (format, body) in [
        ("raw", ""),
        ("raw", " \n"),
        ("raw", " [\n] "),
        ("json", "[]"),
        ("csv", "\"SeriesInstanceUID\",\"Modality\"\n"),
        ("xml", "<?xml version=\"1.0\"?>\n<Results></Results>"),
        ("html", "<HTML><TABLE><thead><TR><TH>Modality</TH></TR></thead><tbody></tbody></TABLE></HTML>"),
    ] {
        archive.fake.heal();
        archive.fake.script("getSeries", "", None, answer(body));
        let said = archive.query(&["getSeries", "Collection=NOPE", "--as-sent", "--format", format], 1);
        assert!(said.contains("`NOPE`"), "{format} {body}: {said}");
        archive.query(&["getSeries", "Modality=CT", "--as-sent", "--format", format], 0);
    }
}

#[test]
fn each_uid_and_collection_that_no_row_has_is_named() {
    let archive = archive("nbia-v4");

    let asked = ["getSeriesMetadata", &format!("list={SERIES},1.2.3,1.2.4")];
    let said = archive.query(&asked, 1);
    assert!(said.contains("`1.2.3`, `1.2.4`") && !said.contains(SERIES), "{said}");
    for format in ["json", "csv"] {
        let said = archive.query(&[&asked[..], &["--as-sent", "--format", format]].concat(), 1);
        assert!(said.contains("`1.2.3`, `1.2.4`") && !said.contains(SERIES), "{said}");
        let known = ["getSeriesMetadata", &format!("list={SERIES},"), "--as-sent", "--format", format];
        archive.query(&known, 0);
    }
    archive.query(&["getSeriesMetadata", &format!("list={SERIES}")], 0);
    let said = archive.query(&["getCollectionDescriptions", "collectionName=NOPE"], 1);
    assert!(said.contains("`NOPE`"), "{said}");
    let row = "[{\"collectionName\":\"OTHER\",\"id\":1}]";
    archive.fake.script("getCollectionDescriptions", "", None, answer(row));
    let said = archive.query(&["getCollectionDescriptions", "collectionName=NOPE"], 1);
    assert!(said.contains("`NOPE`"), "{said}");
}

#[test]
fn nothing_new_in_a_collection_that_is_not_there_is_no_success() {
    let archive = archive("nbia-v4");
    for form in [&[][..], &["--as-sent"]] {
        for endpoint in ["NewPatientsInCollection", "NewStudiesInPatientCollection"] {
            let ask = |collection: &str, code| {
                let collection = format!("Collection={collection}");
                archive.query(&[&[endpoint, "Date=2999-01-01", &collection], form].concat(), code)
            };

            ask(COLLECTION, 0);
            let said = ask("NOPE", 1);

            assert!(said.contains("`NOPE`"), "{said}");
        }
    }
    assert_eq!(archive.fake.requests_of("getCollectionValues").len(), 8);
}

#[test]
fn what_is_no_image_is_refused() {
    let archive = archive("nbia-v4");
    let file = archive.lab.beside("image");
    let series = format!("SeriesInstanceUID={SERIES}");
    let zip = ["getImage", &series, "--output", file.to_str().unwrap()];
    let single = ["getSingleImage", &series, "SOPInstanceUID=1.2", "--output", file.to_str().unwrap()];
    let long = [b"PK\x03\x04".to_vec(), vec![b'x'; 100_000]].concat();
    for (asked, body, found) in [
        (&zip[..], b"<html>down</html>".to_vec(), "<html>down"),
        (&zip, b"P".to_vec(), "P"),
        (&zip, b"PK\x03\x04 and no end".to_vec(), "end"),
        (&zip, long, "end"),
        (&single, b"\n<!DOCTYPE html>".to_vec(), "<!DOCTYPE html>"),
    ] {
        archive.fake.heal();
        archive.fake.script(asked[0].to_owned().leak(), "", None, answer(body));
        let said = archive.query(asked, 1);
        assert!(said.contains(found), "{said}");
        assert_eq!(files_beside(&archive), [""; 0]);
    }
}

#[test]
fn a_format_of_an_image_and_a_filter_told_twice_are_refused() {
    let archive = archive("nbia-v4");

    let said = archive.query(&["getImage", "SeriesInstanceUID=1.2", "--format", "csv"], 2);
    assert!(said.contains("--format"), "{said}");
    let said = archive.query(&["getSeries", "Modality=CT", "modality=MR"], 2);
    assert!(said.contains("`Modality`"), "{said}");

    assert_eq!(archive.fake.requests().len(), 0);
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_query_at_once() {
    let archive = archive("nbia-v4");
    let row = format!("{{\"Collection\":\"{}\"}},", "x".repeat(1000));
    // both break off in the middle, which nobody learns who does not read that far
    archive.fake.script("getCollectionValues", "", None, answer(format!("[{}", row.repeat(3000))));
    archive.fake.script("getImage", "", None, answer([b"PK".to_vec(), vec![0; 3_000_000]].concat()));
    for asked in [
        &["getCollectionValues", "--format", "csv"][..],
        &["getCollectionValues", "--format", "json"],
        &["getImage", "SeriesInstanceUID=1.2"],
    ] {
        let mut child = archive.lab.start(&[&["-q", "query"], asked].concat());
        let mut first = [0; 10];
        child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*stderr), (Some(0), ""), "{asked:?}");
    }
}

#[test]
fn a_table_ends_where_nobody_reads_on() {
    let archive = archive("nbia-v4");
    let rows: Vec<_> = (0..10_050).map(|number| format!("{{\"Collection\":\"C{number}\"}}")).collect();
    // behind what a table shows the answer breaks off: nothing of it is read any more
    let list = format!("[{},{{\"Collection\":\"{}", rows.join(","), "x".repeat(900_000));
    archive.fake.script("getCollectionValues", "", None, answer(list));

    let ended = archive.lab.run(&["-q", "query", "getCollectionValues"]).assert_code(0);

    assert_eq!(ended.stdout.lines().count(), 1 + 10_000);
    assert!(ended.stderr.contains("--format csv"), "{}", ended.stderr);
}

#[test]
fn numbers_keep_their_digits_and_headers_are_plain() {
    let archive = archive("nbia-v4");
    let row = "[{\"Collection\":\"C\",\"N\":12345678901234567890123,\"D\":0.10,\"L\":{\"a\":\n[1.50]},\"B\\u001b[31m\":true}]";
    archive.fake.script("getCollectionValues", "", None, answer(row));

    for format in ["table", "json", "csv", "xml", "html"] {
        let printed = archive.query(&["getCollectionValues", "--format", format], 0);
        assert!(printed.contains("12345678901234567890123") && printed.contains("0.10"), "{printed}");
        assert!(format != "table" || !printed.contains('\u{1b}'), "{printed}");
    }
    let lines = archive.lab.run(&["--json", "query", "getCollectionValues"]).assert_code(0);
    assert_eq!(lines.stdout.lines().count(), 1, "{}", lines.stdout);
    assert!(lines.stdout.contains("12345678901234567890123"), "{}", lines.stdout);
}

#[test]
fn a_field_that_a_spreadsheet_would_run_is_a_text() {
    let archive = archive("nbia-v4");
    let row = r#"[{"Collection":"=HYPERLINK(\"http://x\")","SeriesInstanceUID":"@SUM(1)","SeriesNumber":"-5","Modality":"-5+1","=x":"+1e3"}]"#;
    archive.fake.script("getSeries", "", None, answer(row));

    let csv = archive.query(&["getSeries", "--format", "csv"], 0);
    let json = archive.query(&["getSeries", "--format", "json"], 0);

    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let field = |name: &str| &row[headers.iter().position(|header| header == name).unwrap()];
    assert_eq!(field("Collection"), "'=HYPERLINK(\"http://x\")");
    assert_eq!((field("SeriesInstanceUID"), field("SeriesNumber")), ("'@SUM(1)", "-5"));
    assert_eq!((field("Modality"), field("'=x")), ("'-5+1", "+1e3"));
    assert!(json.contains(r#""Modality":"-5+1""#), "{json}");
}
