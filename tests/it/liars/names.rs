//! Names that mean harm: to a terminal, to a file system, to the record.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde_json::json;

use super::lies::{answer, literal};
use super::server::Liar;
use crate::support::catalogue::{COLLECTION, Catalogue, SampleSeries};
use crate::support::dicom_bytes;
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Ended, Lab, is_instance, tree};
use crate::support::sound::assert_sound;

/// A title for the window, a colour, a bell, a line end, an escape of one byte, and letters that run backwards.
const OBEYED: &str = "x\u{1b}]0;owned\u{7}\u{1b}[31m\r\n\u{9b}2J\u{7f}\u{202e}\u{2066}\u{200f}y";

/// A series that comes, one that does not, and a row that makes no sense, all with everything obeyed in them.
fn lie(liar: &Liar) {
    let list = |rows: &[serde_json::Value]| {
        answer("200 OK", "Content-Type: application/json\r\n", serde_json::to_vec(rows).unwrap())
    };
    let (collection, patient) = (format!("C{OBEYED}"), format!("P{OBEYED}"));
    let series = |uid: &str| {
        json!({ "SeriesInstanceUID": uid, "StudyInstanceUID": "1.2.826.1.1", "Collection": collection,
            "PatientID": patient, "Modality": OBEYED, "SeriesDescription": OBEYED, "ImageCount": 2, OBEYED: OBEYED })
    };
    let study = json!({ "StudyInstanceUID": "1.2.826.1.1", "Collection": collection, "PatientID": patient,
        "StudyDescription": OBEYED, "SeriesCount": 9 });
    liar.tell("getCollectionValues", "", None, &list(&[json!({ "Collection": collection })]));
    liar.tell("getPatient", "", None, &list(&[json!({ "PatientId": patient, "Collection": collection })]));
    liar.tell("getPatientStudy", "", None, &list(&[study]));
    let all = ["1.2.826.1.1.1", "1.2.826.1.1.2", OBEYED].map(series);
    liar.tell("getSeries", "", None, &list(&all));
    let page = format!("<title>{OBEYED}</title>");
    let refusal = answer("500 Internal Server Error", "Content-Type: text/html\r\n", &page);
    liar.tell("getImage", "SeriesInstanceUID=1.2.826.1.1.1", Some(1), &refusal);
    liar.tell("getImage", "SeriesInstanceUID=1.2.826.1.1.2", None, &refusal);
}

/// Whether a terminal would do anything but show it.
fn is_obeyed(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test puts a strange file into the tree")]
fn nothing_that_a_terminal_would_obey_is_printed() {
    let (catalogue, source) = (Catalogue::small(2, 2, 600), tempfile::tempdir().unwrap());
    catalogue.build(source.path());
    let honest = FakeTcia::start(source.path());
    let liar = Liar::before(honest.address());
    lie(&liar);
    let lab = Lab::new(&liar.base_url("nbia-v4"));
    lab.configure("[jobs]\nfetch = \"series\"");
    let commands: [(&[&str], i32); 17] = [
        (&["plan", "--all-collections"], 0),
        (&["--json", "plan", "--all-collections"], 0),
        (&["-vv", "mirror", "--all-collections"], 3),
        (&["--json", "--log-format", "json", "mirror", "--all-collections"], 3),
        (&["status"], 0),
        (&["--json", "status"], 0),
        (&["retry", "--dry-run"], 0),
        (&["--json", "retry", "--dry-run"], 0),
        (&["--log-format", "json", "retry"], 3),
        (&["verify"], 3),
        (&["--json", "verify"], 3),
        (&["query", "getCollectionValues"], 0),
        (&["query", "getSeries"], 0),
        (&["query", "getSeries", &format!("Collection=C{OBEYED}z")], 1),
        (&["query", "getImage", "SeriesInstanceUID=1.2.826.1.1.2", "--output", "/dev/null"], 1),
        (&["mirror", "--collection", &format!("No{OBEYED}")], 1),
        (&["--json", "plan", "--patient", OBEYED], 1),
    ];
    for (arguments, code) in commands {
        if arguments.contains(&"verify") {
            std::fs::write(lab.root().join(format!("stranger{}", OBEYED.replace('\0', ""))), "").unwrap();
        }
        let ended = lab.run(arguments);

        let said = format!("{}{}", ended.stdout, ended.stderr);
        let obeyed: BTreeSet<_> = said.chars().filter(|character| is_obeyed(*character)).collect();
        assert!(obeyed.is_empty() && !said.is_empty(), "{arguments:?} prints {obeyed:?}: {said:?}");
        assert_eq!(ended.code, Some(code), "{arguments:?}: {said}");
    }
    let record = Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let kept =
        "SELECT collection = ?1 AND modality = ?2 FROM series WHERE series_instance_uid = '1.2.826.1.1.1'";
    let kept: bool = record.query_row(kept, [&format!("C{OBEYED}"), OBEYED], |row| row.get(0)).unwrap();
    assert!(kept, "the record has what the service said");
}

/// What a file system, a shell or a record might take for something else.
const UGLY: [&str; 22] = [
    "../../../../escaped",
    "/etc/passwd",
    "..",
    ".",
    "a\0b",
    "-rf",
    "~root",
    "$(reboot)",
    "'); DROP TABLE series; --",
    "M\u{fc}ller",
    "M\u{dc}LLER",
    "m\u{fc}ller",
    "\u{1d4}",
    "stra\u{df}e",
    "STRASSE",
    "con",
    "CON",
    "LICENSE",
    ".tcia-mirror",
    "%2E%2E",
    "\u{1f600}\u{202e}",
    "a\u{301}",
];

#[test]
fn identifiers_of_every_ugly_kind_stay_inside_the_root_apart_from_one_another_and_known() {
    let long = [format!("{}1", "n".repeat(300)), format!("{}2", "n".repeat(300))];
    let patients: Vec<&str> = UGLY.into_iter().chain(long.iter().map(String::as_str)).collect();
    let of = |(number, patient): (usize, &&str)| {
        let study = format!("1.2.826.{number}");
        SampleSeries::new((patient, ""), &study, &format!("{study}.1"), 1, 100)
    };
    let catalogue = Catalogue { series: patients.iter().enumerate().map(of).collect() };
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);

    let files: BTreeMap<_, _> = tree(&lab.root()).into_iter().filter(|(path, _)| is_instance(path)).collect();
    let directories: BTreeSet<_> =
        files.keys().map(|path| path.split('/').nth(1).unwrap().to_lowercase()).collect();
    assert_eq!((files.len(), directories.len()), (patients.len(), patients.len()), "{directories:?}");
    let record = Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let sql = "SELECT patient_id FROM placement JOIN series USING (series_id) WHERE path = ?1";
    for series in &catalogue.series {
        let (instance, bytes) = series.files.first_key_value().unwrap();
        let file = files.iter().find(|(path, _)| path.ends_with(&format!("/{instance}.dcm"))).unwrap();
        let known: String =
            record.query_row(sql, [file.0.rsplit_once('/').unwrap().0], |row| row.get(0)).unwrap();
        assert_eq!((file.1, &known), (bytes, &series.patient_id));
    }
    assert_eq!(std::fs::read_dir(lab.beside("")).unwrap().count(), 2, "nothing beside the root");
    assert_sound(&lab.root());
    lab.run(&["verify"]).assert_code(0);
}

#[test]
fn one_instance_uid_in_two_series_is_a_file_in_each() {
    let mut catalogue = Catalogue::small(2, 1, 600);
    for series in &mut catalogue.series {
        let bytes =
            dicom_bytes::instance(&series.study, &series.series, "1.2.826.7.7", series.series.as_bytes());
        series.files = BTreeMap::from([("1.2.826.7.7".to_owned(), bytes)]);
    }
    let source = tempfile::tempdir().unwrap();
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());

    for flags in [&["--fetch", "series"], &["--fetch", "instances"]] {
        let lab = Lab::new(&fake.base_url("nbia-v4"));
        lab.run(&[&["mirror", "--collection", COLLECTION], &flags[..]].concat()).assert_code(0);

        assert!(tree(&lab.root()) == catalogue.expected_tree(flags[1] == "series"), "{flags:?}");
        assert_sound(&lab.root());
    }
}

#[test]
fn a_header_that_a_terminal_would_obey_is_not_shown_either() {
    let source = tempfile::tempdir().unwrap();
    Catalogue::small(1, 1, 600).build(source.path());
    let honest = FakeTcia::start(source.path());
    let liar = Liar::before(honest.address());
    liar.tell(
        "getCollectionValues",
        "",
        None,
        &literal("HTTP/1.1 404 \u{9b}2J\r\nLocation: \u{1b}[2J\r\nConnection: close\r\n\r\n\u{1b}[2J"),
    );
    let lab = Lab::new(&liar.base_url("nbia-v4"));

    let ended: Ended = lab.run(&["-vv", "mirror", "--collection", COLLECTION]).assert_code(1);

    assert!(!ended.stderr.chars().any(is_obeyed), "{:?}", ended.stderr);
}
