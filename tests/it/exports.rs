//! `export`: each kind against what the catalogue is known to hold, and against the programs that it is made for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tcia_mirror::demo::SampleMirror;
use tcia_mirror::dicom::SopInstanceUid;

use crate::support::catalogue::{COLLECTION, Catalogue, SampleSeries};
use crate::support::dicom_bytes;
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Ended, Lab, is_instance, tree, wait_until};
use crate::support::sound::assert_sound;
use crate::verify::{mirrored, record, series_directory};

/// As the archive's downloader writes it.
const RETRIEVER: &str = "Series UID,Collection,3rd Party Analysis,Data Description URI,Subject ID,Study UID,\
    Study Description,Study Date,Series Description,Manufacturer,Modality,SOP Class Name,SOP Class UID,\
    Number of Images,File Size,File Location,Download Timestamp";
/// As version 4 of the API lists series.
const V4: &str = "SeriesInstanceUID,StudyInstanceUID,Modality,ProtocolName,SeriesDate,SeriesDescription,BodyPartExamined,\
    SeriesNumber,AnnotationsFlag,Collection,Site,PatientID,PatientSex,PatientAge,AdmittingDiagnosisDescription,Manufacturer,\
    ManufacturerModelName,SoftwareVersions,ImageCount,MaxSubmissionTimestamp,LicenseName,LicenseURI,DataDescriptionURI,\
    FileSize,ReleasedStatus,DateReleased,StudyDesc,StudyDate,ThirdPartyAnalysis,Authorized";

/// A root with a catalogue in it that no service was asked for.
fn filled(catalogue: &Catalogue) -> Lab {
    let lab = Lab::new("http://127.0.0.1:9/nbia-api/services/v4");
    catalogue.build(&lab.root());
    lab
}

/// A root with series of these attributes, each of one instance.
fn described(rows: &[Value]) -> Lab {
    let lab = Lab::new("http://127.0.0.1:9/nbia-api/services/v4");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut mirror = SampleMirror::create(&lab.root()).await.unwrap();
        for row in rows {
            let text = |keyword: &str| row[keyword].as_str().unwrap().to_owned();
            let (study, series) = (text("StudyInstanceUID"), text("SeriesInstanceUID"));
            let patient = json!({ "Collection": row["Collection"], "PatientID": row["PatientID"] });
            mirror.add_patient(serde_json::from_value(patient).unwrap()).await.unwrap();
            let listed = json!({ "Collection": row["Collection"], "PatientID": row["PatientID"],
                "StudyInstanceUID": study, "StudyID": row["StudyID"] });
            mirror.add_study(serde_json::from_value(listed).unwrap()).await.unwrap();
            let instance = format!("{series}.1");
            let files = vec![(
                SopInstanceUid::parse(&instance).unwrap(),
                dicom_bytes::instance(&study, &series, &instance, b"pixels"),
            )];
            let mut row = row.clone();
            row.as_object_mut().unwrap().remove("StudyID");
            mirror.add_series(serde_json::from_value(row).unwrap(), None, files).await.unwrap();
        }
        mirror.close().await.unwrap();
    });
    lab
}

fn row(collection: &str, patient: &str, study: &str, series: &str, more: Value) -> Value {
    let mut row = json!({ "Collection": collection, "PatientID": patient, "StudyInstanceUID": study,
        "SeriesInstanceUID": series });
    let Value::Object(more) = more else { panic!("attributes are an object") };
    row.as_object_mut().unwrap().extend(more);
    row
}

fn export(lab: &Lab, arguments: &[&str], code: i32) -> Ended {
    lab.run(&[&["-q", "export"], arguments].concat()).assert_code(code)
}

/// A table as its header and its rows by their first field.
fn table(csv: &str) -> (String, BTreeMap<String, Vec<String>>) {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().iter().collect::<Vec<_>>().join(",");
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>());
    (header, rows.map(|row| (row[0].clone(), row)).collect())
}

/// Where a series lies, below the root.
fn place(series: &SampleSeries) -> String {
    let SampleSeries { collection, component, study, series, .. } = series;
    format!("{collection}/{component}/{study}/{series}")
}

/// The SHA-256 of bytes, as `sha256sum` prints it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// As the archive's downloader writes sizes.
fn size(bytes: u64) -> String {
    let thousands = bytes * 100 / 1000 + u64::from(bytes * 100 % 1000 >= 500);
    format!("{}.{:02} KB", thousands / 100, thousands % 100)
}

#[test]
fn metadata_has_the_columns_of_the_downloader_and_what_lies_in_the_tree() {
    let catalogue = Catalogue::large();
    let lab = filled(&catalogue);

    let (header, rows) = table(&export(&lab, &["metadata"], 0).stdout);

    assert_eq!(header, RETRIEVER);
    assert_eq!(rows.len(), catalogue.series.len());
    for series in &catalogue.series {
        let row = &rows[&series.series];
        let expected = [
            &*series.series,
            COLLECTION,
            "",
            "",
            &series.patient_id,
            &series.study,
            "",
            "",
            series.description,
            "",
            series.modality,
            "CT Image Storage",
            "1.2.840.10008.5.1.4.1.1.2",
            &series.files.len().to_string(),
            &size(series.bytes()),
            &format!("./{}", place(series)),
        ];
        assert_eq!(row[..16], expected);
        assert!(row[16].ends_with('Z') && row[16].contains('T'), "{}", row[16]);
        let files = fs::read_dir(lab.root().join(&row[15])).unwrap().count();
        assert_eq!(files, series.files.len() + 1, "the images and their licence");
    }
}

#[test]
fn metadata_of_a_service_keeps_what_the_downloader_loses() {
    let doi = "https://doi.org/10.7937/k9/tcia.2020.a8sh-7363";
    let told = json!({ "SeriesDescription": "PETCT HEAD & NECK, \"CA\"\nsecond line", "StudyDate": "1998-12-05",
        "StudyDescription": "RT SIMULATION", "DataDescriptionURI": doi, "ThirdPartyAnalysis": "NO", "Manufacturer": "=ADAC" });
    let lab = described(&[row("HNSCC", "HNSCC-01-0001", "1.2", "1.2.3", told)]);

    let csv = export(&lab, &["metadata"], 0).stdout;
    let json = export(&lab, &["metadata", "--format", "json"], 0).json().remove(0);

    let row = &table(&csv).1["1.2.3"];
    assert_eq!(row[3], doi);
    assert_eq!(row[6..9], ["RT SIMULATION", "12-05-1998", "PETCT HEAD & NECK, \"CA\"\nsecond line"]);
    assert_eq!(row[9], "'=ADAC", "a spreadsheet would run it");
    assert!(csv.contains("\"PETCT HEAD & NECK, \"\"CA\"\"\nsecond line\""), "{csv}");
    assert_eq!(json["Manufacturer"], "=ADAC");
    assert_eq!((&json["Modality"], &json["Number of Images"]), (&Value::Null, &1.into()));
}

#[test]
fn metadata_has_the_columns_of_the_api_in_every_form() {
    let catalogue = Catalogue::large();
    let lab = filled(&catalogue);
    let file = lab.beside("series.parquet");
    let asked = ["metadata", "--columns", "v4"];

    let (header, rows) = table(&export(&lab, &asked, 0).stdout);
    let lines = lab.run(&[&["--json", "export"], &asked[..]].concat()).assert_code(0).json();
    export(&lab, &[&asked[..], &["--format", "parquet", "--output", file.to_str().unwrap()]].concat(), 0);

    assert_eq!(header, V4);
    let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
    let parquet = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap().into_columns();
        assert_eq!(row.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(","), V4);
        row.into_iter().collect::<BTreeMap<_, _>>()
    });
    let parquet: BTreeMap<_, _> = parquet.map(|row| (row["SeriesInstanceUID"].to_string(), row)).collect();
    assert_eq!((rows.len(), lines.len(), parquet.len()), (68, 68, 68));
    for series in &catalogue.series {
        let (count, bytes) = (series.files.len() as u64, series.bytes());
        let row = &rows[&series.series];
        assert_eq!(row[0..3], [&*series.series, &series.study, series.modality]);
        assert_eq!(
            (&*row[5], &*row[11], &*row[18]),
            (series.description, &*series.patient_id, &*count.to_string())
        );
        assert_eq!((&*row[19], &*row[23], &*row[25]), ("01-01-2020", &*bytes.to_string(), "01-02-2020"));
        let line = lines.iter().find(|line| line["SeriesInstanceUID"] == *series.series).unwrap();
        assert_eq!((&line["ImageCount"], &line["FileSize"]), (&count.into(), &bytes.into()));
        assert_eq!((&line["PatientID"], &line["Site"]), (&(*series.patient_id).into(), &Value::Null));
        let row = &parquet[&format!("{:?}", series.series)];
        assert_eq!(row["PatientID"], Field::Str(series.patient_id.clone()));
        assert_eq!(row["SeriesDescription"], Field::Str(series.description.to_owned()));
        assert_eq!(row["ImageCount"], Field::Long(i64::try_from(count).unwrap()));
        assert_eq!(row["FileSize"], Field::Long(i64::try_from(bytes).unwrap()));
        assert_eq!(row["Site"], Field::Null);
    }
}

#[test]
fn a_series_that_was_revised_but_not_fetched_is_told_as_it_lies_there() {
    let catalogue = Catalogue::small(1, 2, 500);
    let lab = filled(&catalogue);
    record(&lab).execute("UPDATE series SET image_count = 9, file_size = 9000", []).unwrap();

    let (_, rows) = table(&export(&lab, &["metadata", "--columns", "v4"], 0).stdout);

    let bytes = catalogue.series[0].bytes().to_string();
    assert_eq!((&*rows["1.2.826.1.1.1"][18], &rows["1.2.826.1.1.1"][23]), ("2", &bytes));
}

/// Whether `sha256sum -c` in a root finds everything as a list says, and no more files than it names.
fn sums_are_right(root: &Path, list: &str) -> bool {
    let mut child = Command::new("sha256sum")
        .args(["--quiet", "--strict", "-c", "-"])
        .current_dir(root)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    child.wait().unwrap().success()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test damages a file")]
fn sha256sum_takes_the_checksums_and_finds_damage() {
    let catalogue = Catalogue::large();
    let lab = filled(&catalogue);

    let list = export(&lab, &["checksums"], 0).stdout;

    let named: BTreeSet<_> = list.lines().map(|line| line.split_once("  ").unwrap().1.to_owned()).collect();
    assert_eq!(named, catalogue.expected_tree(true).into_keys().collect(), "every file, licences too");
    assert!(sums_are_right(&lab.root(), &list));
    let licence = lab.root().join(place(&catalogue.series[3])).join("LICENSE");
    let text = fs::read(&licence).unwrap();
    fs::write(&licence, "do as you like").unwrap();
    assert!(!sums_are_right(&lab.root(), &list));
    fs::write(&licence, text).unwrap();
    let image = tree(&lab.root()).into_keys().find(|name| is_instance(name)).unwrap();
    fs::remove_file(lab.root().join(image)).unwrap();
    assert!(!sums_are_right(&lab.root(), &list));
}

#[test]
fn checksums_go_to_one_file_for_each_collection() {
    let rows = [("A B", "1.2.1"), ("a/../b", "1.2.2"), ("A B", "1.2.3")]
        .map(|(collection, series)| row(collection, "P", "1.2", series, json!({})));
    let lab = described(&rows);
    let directory = lab.beside("sums");

    for output in [format!("{}/", directory.display()), directory.display().to_string()] {
        export(&lab, &["checksums", "--output", &output], 0);
    }

    let lists = tree(&directory);
    assert_eq!(lists.keys().collect::<Vec<_>>(), ["A B.SHA256SUMS", "a%2F..%2Fb.SHA256SUMS"]);
    for (name, lines) in [("A B", 2), ("a%2F..%2Fb", 1)] {
        let list = String::from_utf8(lists[&format!("{name}.SHA256SUMS")].clone()).unwrap();
        assert_eq!(list.lines().count(), lines);
        assert!(sums_are_right(&lab.root(), &list));
    }
}

#[test]
fn nothing_is_written_into_the_mirror() {
    let lab = filled(&Catalogue::small(1, 1, 500));
    symlink(lab.root(), lab.beside("link")).unwrap();
    let inside = [
        lab.root().join("x"),
        lab.root().join("new/deep/"),
        lab.beside("link/x"),
        lab.beside("sub/../mirror/x"),
    ];
    fs::create_dir(lab.beside("sub")).unwrap();

    for output in inside {
        for kind in ["metadata", "manifest", "checksums", "catalogue", "citations", "links"] {
            let said = export(&lab, &[kind, "--output", output.to_str().unwrap()], 2).stderr;
            assert!(said.contains("name a place outside of"), "{kind}: {said}");
        }
    }

    assert_sound(&lab.root());
}

#[test]
fn a_manifest_brings_the_same_series_to_another_mirror() {
    let catalogue = Catalogue::large();
    let (_source, fake, lab) = mirrored(&catalogue);
    let file = lab.beside("mine.tcia");

    export(&lab, &["manifest", "--output", file.to_str().unwrap()], 0);
    let csv = export(&lab, &["manifest", "--format", "csv"], 0).stdout;

    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let servlet =
        format!("downloadServerUrl=http://{}/nbia-download/servlet/DownloadServlet", fake.address());
    assert_eq!(lines[..3], [&*servlet, "includeAnnotation=true", "noOfrRetry=4"]);
    let number = lines[3].strip_prefix("databasketId=manifest-").unwrap().strip_suffix(".tcia").unwrap();
    assert!(number.bytes().all(|digit| digit.is_ascii_digit()), "{number}");
    assert_eq!(lines[4..6], ["manifestVersion=3.0", "ListOfSeriesToDownload="]);
    assert!(text.ends_with('\n') && !text.contains('\r'));
    let all: BTreeSet<_> = catalogue.series.iter().map(|series| &*series.series).collect();
    assert_eq!(lines[6..].iter().copied().collect::<BTreeSet<_>>(), all);
    assert_eq!(lines.len(), 6 + all.len());
    let (header, rows) = table(&csv);
    assert_eq!(header, "SeriesInstanceUID,Collection,PatientID,StudyInstanceUID");
    assert_eq!(rows.keys().map(String::as_str).collect::<BTreeSet<_>>(), all);

    let other = Lab::new(&fake.base_url("nbia-v4"));
    other.run(&["mirror", "--manifest", file.to_str().unwrap()]).assert_code(0);
    assert!(tree(&other.root()) == catalogue.expected_tree(true));
    assert_sound(&other.root());
}

#[test]
fn a_manifest_and_a_catalogue_name_what_is_not_in_the_tree() {
    let source = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::small(3, 2, 500);
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    fake.script("getImage", "1.2.826.1.1.2", None, Fault::Answer(400, Vec::new(), b"no".to_vec()));
    fake.script("getSingleImage", "1.2.826.1.1.2", None, Fault::Answer(400, Vec::new(), b"no".to_vec()));
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.run(&["mirror", "--collection", COLLECTION]).assert_code(3);

    let uids = |arguments: &[&str]| {
        let text = export(&lab, arguments, 0).stdout;
        text.lines().skip(6).map(str::to_owned).collect::<Vec<_>>()
    };
    let catalogued = export(&lab, &["catalogue", "--instances"], 0).json();
    let missing = export(&lab, &["metadata", "--series", "1.2.826.1.1.2", "--series", "1.2.826.1.1.3"], 1);

    assert_eq!(uids(&["manifest"]).len(), 3);
    assert_eq!(uids(&["manifest", "--state", "parked"]), ["1.2.826.1.1.2"]);
    assert_eq!(uids(&["manifest", "--state", "done", "--series", "1.2.826.1.1.3"]), ["1.2.826.1.1.3"]);
    let in_another_state = ["manifest", "--state", "parked", "--series", "1.2.826.1.1.3"];
    assert!(uids(&in_another_state).is_empty(), "it is there");
    let of = |uid: &str| {
        catalogued.iter().find(|line| line["series_instance_uid"] == *uid && line["state"].is_string())
    };
    let (parked, done) = (of("1.2.826.1.1.2").unwrap(), of("1.2.826.1.1.1").unwrap());
    assert_eq!(
        (&parked["state"], &parked["path"], &parked["bytes"]),
        (&"parked".into(), &Value::Null, &Value::Null)
    );
    assert!(parked["reason"].as_str().unwrap().contains("400"), "{parked}");
    let expected = &catalogue.series[0];
    assert_eq!((&done["path"], &done["instances"]), (&place(expected).into(), &2.into()));
    assert_eq!(done["bytes"], expected.bytes());
    assert_eq!(done["listed_by"], fake.base_url("nbia-v4"));
    assert_eq!(done["attributes"]["SeriesDescription"], expected.description);
    assert_eq!(done["proof"], "count+bytes+md5");
    let digests: BTreeMap<_, _> =
        catalogued.iter().filter_map(|line| Some((line["sop_instance_uid"].as_str()?, line))).collect();
    assert_eq!(digests.len(), 4, "two files of two series");
    for (uid, bytes) in &expected.files {
        let sha256 = hex(bytes);
        assert_eq!(digests[&**uid]["sha256"], sha256);
        assert_eq!(digests[&**uid]["path"], format!("{}/{uid}.dcm", place(expected)));
    }
    assert!(missing.stderr.contains("error: the mirror has no series `1.2.826.1.1.2`"), "{}", missing.stderr);
    assert!(missing.stdout.contains("1.2.826.1.1.3"));
}

#[test]
fn citations_name_every_licence_of_a_collection_and_what_may_not_be_sold() {
    let free = json!({ "LicenseName": "Creative Commons Attribution 4.0 International License",
        "LicenseURI": "https://creativecommons.org/licenses/by/4.0/", "DataDescriptionURI": "https://doi.org/10.7937/free" });
    let old = json!({ "LicenseName": "Creative Commons Attribution 3.0 Unported License",
        "LicenseURI": "http://creativecommons.org/licenses/by/3.0/", "DataDescriptionURI": "https://doi.org/10.7937/free" });
    let bound =
        json!({ "LicenseName": "CC BY-NC 4.0", "LicenseURI": null, "DataDescriptionURI": "10.7937/bound" });
    let lab = described(&[
        row("FREE", "P", "1.2", "1.2.1", free.clone()),
        row("FREE", "P", "1.2", "1.2.2", free),
        row("FREE", "P", "1.2", "1.2.3", old),
        row("BOUND", "P", "1.3", "1.3.1", bound),
    ]);

    let csv = export(&lab, &["citations"], 0);
    let lines = lab.run(&["-q", "--json", "export", "citations"]).assert_code(0).json();
    let text = export(&lab, &["citations", "--format", "text", "--collection", "bound"], 0).stdout;

    let rows: Vec<_> = csv.stdout.lines().map(|line| line.rsplit_once(',').unwrap().0).collect();
    assert_eq!(
        rows,
        [
            "Collection,Data Description URI,License Name,License URI,Non-Commercial,Series",
            "BOUND,10.7937/bound,CC BY-NC 4.0,,yes,1",
            "FREE,https://doi.org/10.7937/free,Creative Commons Attribution 3.0 Unported License,\
         http://creativecommons.org/licenses/by/3.0/,no,1",
            "FREE,https://doi.org/10.7937/free,Creative Commons Attribution 4.0 International License,\
         https://creativecommons.org/licenses/by/4.0/,no,2",
        ]
    );
    assert!(csv.stderr.contains("not for commercial use: `BOUND`"), "{}", csv.stderr);
    assert_eq!((&lines[0]["non_commercial"], &lines[1]["non_commercial"]), (&true.into(), &false.into()));
    assert_eq!(lines[0]["link"], "https://doi.org/10.7937/bound");
    assert!(
        text.contains("BOUND: https://doi.org/10.7937/bound\n") && text.contains("CC BY-NC 4.0"),
        "{text}"
    );
    assert!(!text.contains("FREE"), "{text}");
}

/// Every link below a directory: its path, and the series directory that it leads to, below the root.
fn links(directory: &Path, root: &Path) -> BTreeMap<String, String> {
    let root = root.canonicalize().unwrap();
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(inside) = open.pop() {
        for path in fs::read_dir(inside).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_symlink() {
                let target = path.canonicalize().unwrap();
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                found.insert(name, target.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            } else if path.is_dir() {
                open.push(path);
            }
        }
    }
    found
}

fn of_names(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, target)| ((*name).to_owned(), (*target).to_owned())).collect()
}

/// Series of two studies, two of which end in the same digits and are described alike.
fn named() -> Lab {
    let told = |number: &str, description: &str| {
        json!({ "StudyID": "NA", "StudyDate": "1998-12-01", "StudyDescription": "PET/CT HEAD & NECK",
                "SeriesNumber": number, "SeriesDescription": description })
    };
    described(&[
        row("HNSCC", "P/1", "1.2.59359", "1.2.7.52932", told("5", "PET NO AC")),
        row("HNSCC", "P/1", "1.2.59359", "1.2.8.52932", told("5", "PET NO AC")),
        row("HNSCC", "P/1", "1.2.59359", "1.2.9.28768", told("6", "-")),
        row("HNSCC", "P2", "1.3.4", "1.3.4.1", json!({})),
    ])
}

#[test]
fn links_have_the_names_of_the_downloader_and_lead_to_the_series() {
    let lab = named();
    let directory = lab.beside("names");

    let said = export(&lab, &["links", "--output", directory.to_str().unwrap()], 0).stdout;

    let study = "HNSCC/P%2F1/12-01-1998-NA-PET-CT HEAD & NECK-59359";
    let expected = of_names(&[
        (&format!("{study}/5.000000-PET NO AC-1.2.7.52932"), "HNSCC/P%2F1/1.2.59359/1.2.7.52932"),
        (&format!("{study}/5.000000-PET NO AC-1.2.8.52932"), "HNSCC/P%2F1/1.2.59359/1.2.8.52932"),
        (&format!("{study}/6.000000-28768"), "HNSCC/P%2F1/1.2.59359/1.2.9.28768"),
        ("HNSCC/P2/1.3.4/3.4.1", "HNSCC/P2/1.3.4/1.3.4.1"),
    ]);
    assert_eq!(links(&directory, &lab.root()), expected);
    assert_eq!(said, "links: 4 made, 0 replaced, 0 removed, 0 as they were\n");
    assert_sound(&lab.root());
    // both of them somewhere else
    let moved = lab.beside("moved");
    fs::create_dir(&moved).unwrap();
    for name in ["mirror", "names"] {
        assert!(Command::new("mv").arg(lab.beside(name)).arg(&moved).status().unwrap().success());
    }
    assert_eq!(links(&moved.join("names"), &moved.join("mirror")), expected);
}

#[test]
fn links_follow_what_changes_and_touch_nothing_of_anybody_else() {
    let lab = named();
    let directory = lab.beside("names");
    let output = directory.to_str().unwrap();
    export(&lab, &["links", "--output", output], 0);
    let study = directory.join("HNSCC/P%2F1/12-01-1998-NA-PET-CT HEAD & NECK-59359");
    let own: [(PathBuf, &str); 3] = [
        (study.join("notes.txt"), "mine"),
        (directory.join("HNSCC/P2/1.3.4/report"), "mine too"),
        (directory.join("HNSCC/else.txt"), "and mine"),
    ];
    for (path, text) in &own {
        File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }
    symlink("/usr", study.join("elsewhere")).unwrap();
    fs::remove_file(study.join("6.000000-28768")).unwrap();
    symlink("../../../../mirror/HNSCC/P2/1.3.4/1.3.4.1", study.join("6.000000-28768")).unwrap();
    record(&lab)
        .execute("UPDATE series SET series_number = '7' WHERE series_instance_uid = '1.2.8.52932'", [])
        .unwrap();

    let said =
        lab.run(&["-q", "--json", "export", "links", "--output", output, "--patient", "P/1"]).assert_code(0);

    assert_eq!(said.summary(), json!({ "made": 2, "replaced": 1, "removed": 3, "kept": 0, "in_the_way": 0 }));
    let elsewhere = study.join("elsewhere");
    assert_eq!(fs::read_link(&elsewhere).unwrap(), Path::new("/usr"));
    fs::remove_file(elsewhere).unwrap();
    let names: Vec<_> = links(&study, &lab.root()).into_keys().collect();
    assert_eq!(names, ["5.000000-PET NO AC-52932", "6.000000-28768", "7.000000-PET NO AC-52932"]);
    for (path, text) in &own {
        assert_eq!(fs::read_to_string(path).unwrap(), *text);
    }
}

#[test]
fn what_is_in_the_way_of_a_link_stays_and_is_named() {
    let lab = named();
    let directory = lab.beside("names");
    fs::create_dir_all(directory.join("HNSCC/P%2F1")).unwrap();
    // a directory of the tree that leads into the mirror must not be written through
    symlink(lab.root().join("HNSCC/P2"), directory.join("HNSCC/P2")).unwrap();
    File::create(directory.join("HNSCC/P%2F1/12-01-1998-NA-PET-CT HEAD & NECK-59359")).unwrap();

    let said = export(&lab, &["links", "--output", directory.to_str().unwrap()], 1).stderr;

    for name in ["HNSCC/P2", "HNSCC/P%2F1/12-01-1998-NA-PET-CT HEAD & NECK-59359"] {
        assert!(said.contains(&format!("something else is in the way at {name}\n")), "{said}");
    }
    assert_sound(&lab.root());
    let above = export(&lab, &["links", "--output", lab.beside("").to_str().unwrap()], 2).stderr;
    assert!(above.contains("the mirror lies inside"), "{above}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test writes an old export")]
fn an_export_that_is_not_whole_leaves_the_old_file() {
    let lab = filled(&Catalogue::small(2, 1, 500));
    let file = lab.beside("old.csv");
    fs::write(&file, "old").unwrap();
    let output = ["--output", file.to_str().unwrap()];

    for asked in [["--series", "1.2.3"], ["--collection", "NOT THERE"], ["--modality", "XX"]] {
        let said = export(&lab, &[&["metadata"], &asked[..], &output].concat(), 1).stderr;
        assert!(said.contains("nothing in the mirror matches"), "{said}");
    }
    let half = ["metadata", "--series", "1.2.826.1.1.1", "--series", "1.2.3"];
    export(&lab, &[&half[..], &output].concat(), 1);
    let shared = export(&lab, &["metadata", "--shared-list", "x"], 2).stderr;
    let nowhere = Lab::new("http://127.0.0.1:9/nbia-api/services/v4")
        .run(&["export", "metadata"])
        .assert_code(1)
        .stderr;

    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    assert_eq!(
        fs::read_dir(lab.beside("")).unwrap().count(),
        3,
        "the mirror, its configuration, the old file"
    );
    assert!(shared.contains("name the series with --manifest"), "{shared}");
    assert!(nowhere.contains("there is no mirror at"), "{nowhere}");
    for kind in ["manifest", "checksums"] {
        lab.run(&["--json", "export", kind]).assert_code(2);
    }
    lab.run(&["--json", "export", "metadata", "--format", "csv"]).assert_code(2);
}

#[test]
fn an_export_is_made_beside_a_process_that_writes_and_of_what_it_has_placed() {
    let source = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::small(3, 2, 500);
    catalogue.build(source.path());
    let fake = FakeTcia::start(source.path());
    fake.script("getImage", "1.2.826.1.1.3", None, Fault::Stall);
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure("[http]\nfirst_byte_timeout = \"60s\"");
    let mut writer = lab.start(&["mirror", "--collection", COLLECTION]);
    wait_until("two series", || {
        let list = lab.run(&["export", "checksums"]).stdout;
        list.lines().filter(|line| is_instance(line)).count() == 4
    });

    let (_, rows) = table(&export(&lab, &["metadata"], 0).stdout);
    let manifest = export(&lab, &["manifest"], 0).stdout;

    writer.kill().unwrap();
    writer.wait().unwrap();
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["1.2.826.1.1.1", "1.2.826.1.1.2"]);
    assert_eq!(manifest.lines().count(), 6 + 3);
    assert!(sums_are_right(&lab.root(), &export(&lab, &["checksums"], 0).stdout));
}

#[test]
fn a_series_whose_files_are_gone_is_told_without_its_class() {
    let lab = filled(&Catalogue::small(2, 1, 500));
    fs::remove_file(series_directory(&lab, 1).join("1.2.826.1.1.1.1.dcm")).unwrap();

    let told = export(&lab, &["metadata"], 0);

    let (_, rows) = table(&told.stdout);
    assert_eq!(rows["1.2.826.1.1.1"][11..13], ["", ""]);
    assert_eq!(rows["1.2.826.1.1.2"][11], "CT Image Storage");
    assert!(told.stderr.contains("of 1 series no file tells its SOP class"), "{}", told.stderr);
}
