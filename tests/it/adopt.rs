//! Folders as other tools leave them, taken over: what is right comes into the mirror, and nothing of it is asked for.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::catalogue::{COLLECTION, Catalogue, SampleSeries};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Ended, Lab, is_instance, tree, wait_until};
use crate::support::sound::assert_sound;

/// Path below the folder, and bytes.
type Files = Vec<(PathBuf, Vec<u8>)>;

struct Stage {
    catalogue: Catalogue,
    fake: FakeTcia,
    lab: Lab,
    _source: TempDir,
}

impl Stage {
    fn new(catalogue: Catalogue) -> Self {
        Self::in_dialect(catalogue, "nbia-v4")
    }

    fn in_dialect(catalogue: Catalogue, dialect: &str) -> Self {
        let source = tempfile::tempdir().unwrap();
        catalogue.build(source.path());
        let fake = FakeTcia::start(source.path());
        let lab = Lab::new(&fake.base_url(dialect));
        Self { catalogue, fake, lab, _source: source }
    }

    fn small() -> Self {
        Self::new(Catalogue::small(3, 4, 3000))
    }

    fn folder(&self) -> PathBuf {
        self.lab.beside("old")
    }

    fn lay(&self, files: &[(PathBuf, Vec<u8>)]) {
        lay(&self.folder(), files);
    }

    /// Runs `adopt` over the folder.
    fn adopt(&self, more: &[&str]) -> Ended {
        let folder = self.folder();
        let arguments = [&["--json", "adopt", folder.to_str().unwrap()], more].concat();
        self.lab.run(&arguments)
    }

    /// The mirror holds the catalogue, and no image came over the wire.
    fn assert_adopted(&self) {
        assert_sound(&self.lab.root());
        assert!(instances(&self.lab.root()) == self.catalogue.expected_tree(false));
        self.lab.run(&["verify"]).assert_code(0);
        self.lab.run(&["mirror", "--collection", COLLECTION]).assert_code(0);
        assert_eq!(self.images_asked(), Vec::<String>::new());
    }

    fn images_asked(&self) -> Vec<String> {
        [self.fake.requests_of("getImage"), self.fake.requests_of("getSingleImage")].concat()
    }

    fn file(&self, series: usize, number: usize) -> &[u8] {
        self.catalogue.series[series].files.values().nth(number).unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "a test writes the folder of another tool")]
fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn lay(folder: &Path, files: &[(PathBuf, Vec<u8>)]) {
    for (path, bytes) in files {
        write(&folder.join(path), bytes);
    }
}

fn instances(root: &Path) -> BTreeMap<String, Vec<u8>> {
    tree(root).into_iter().filter(|(path, _)| is_instance(path)).collect()
}

/// Length, time of the last change, and bytes.
type FileState = (u64, i64, i64, Option<Vec<u8>>);

/// Everything that can be seen of a folder.
fn state_of(folder: &Path) -> BTreeMap<PathBuf, FileState> {
    let mut state = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let found = fs::symlink_metadata(&path).unwrap();
            let bytes = found.is_file().then(|| fs::read(&path).unwrap());
            state.insert(path.clone(), (found.len(), found.mtime(), found.mtime_nsec(), bytes));
            if found.is_dir() {
                open.push(path);
            }
        }
    }
    state
}

fn numbered<'a>(
    series: &'a SampleSeries,
    name: impl Fn(usize, &str) -> String + 'a,
) -> impl Iterator<Item = (PathBuf, Vec<u8>)> + 'a {
    let files = series.files.iter().enumerate();
    files.map(move |(at, (uid, bytes))| (PathBuf::from(name(at + 1, uid)), bytes.clone()))
}

/// NBIA Data Retriever, classic: `collection/patient/study/series/1-01.dcm`, with its licence and its list.
fn classic(catalogue: &Catalogue) -> Files {
    let mut files: Files = vec![("manifest-17/metadata.csv".into(), b"Series UID,Collection\n".to_vec())];
    for series in &catalogue.series {
        let place =
            format!("manifest-17/{}/{}/{}/{}", COLLECTION, series.component, series.study, series.series);
        files.push((format!("{place}/LICENSE").into(), b"CC BY\n".to_vec()));
        files.extend(numbered(series, move |at, _| format!("{place}/1-{at:02}.dcm")));
    }
    files
}

/// NBIA Data Retriever, descriptive: dates, descriptions and the ends of UIDs.
fn descriptive(catalogue: &Catalogue) -> Files {
    let of = |series: &SampleSeries| {
        let tail: String = series.series.chars().rev().take(5).collect();
        let place = format!(
            "manifest-18/{COLLECTION}/{}/01-01-2000-NA-CT SCREENING-{tail}/4.000000-Recon 3-{tail}",
            series.component
        );
        numbered(series, move |at, _| format!("{place}/1-{at:03}.dcm")).collect::<Vec<_>>()
    };
    catalogue.series.iter().flat_map(of).collect()
}

fn tcia_utils(catalogue: &Catalogue) -> Files {
    let of = |series: &SampleSeries| {
        let uid = series.series.clone();
        numbered(series, move |at, _| format!("{uid}/1-{at:01}.dcm")).collect::<Vec<_>>()
    };
    catalogue.series.iter().flat_map(of).collect()
}

fn data_retriever_in_go(catalogue: &Catalogue) -> Files {
    let of = |series: &SampleSeries| {
        let place = format!("out/{}/{}/{}", series.component, series.study, series.series);
        numbered(series, move |at, _| format!("{place}/0000000{at}.dcm")).collect::<Vec<_>>()
    };
    catalogue.series.iter().flat_map(of).collect()
}

fn imaging_data_commons(catalogue: &Catalogue) -> Files {
    let of = |series: &SampleSeries| {
        let place = format!("ct_colonography/{}/{}/CT_{}", series.component, series.study, series.series);
        numbered(series, move |_, uid| format!("{place}/{}.dcm", md5_of(uid))).collect::<Vec<_>>()
    };
    catalogue.series.iter().flat_map(of).collect()
}

fn heap(catalogue: &Catalogue) -> Files {
    let of = |series: &SampleSeries| numbered(series, |_, uid| md5_of(uid)).collect::<Vec<_>>();
    catalogue.series.iter().flat_map(of).collect()
}

/// As getImage sends them, one ZIP for each series.
fn zips(catalogue: &Catalogue) -> Files {
    let of = |series: &SampleSeries| {
        let mut entries = vec![("LICENSE".to_owned(), b"CC BY\n".to_vec())];
        let images = numbered(series, |at, _| format!("0000000{at}.dcm"));
        entries.extend(images.map(|(path, bytes)| (path.to_str().unwrap().to_owned(), bytes)));
        entries.push(("md5hashes.csv".to_owned(), b"Filename,MD5Hash\n".to_vec()));
        (PathBuf::from(format!("{}.zip", series.series)), zip_of(&entries))
    };
    catalogue.series.iter().map(of).collect()
}

fn zip_of(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in entries {
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn md5_of(text: &str) -> String {
    format!("{:032x}", u128::from_be_bytes(Md5::digest(text).into()))
}

fn events(ended: &Ended, kind: &str) -> Vec<Value> {
    ended.json().into_iter().filter(|line| line["event"] == kind).collect()
}

#[test]
fn a_folder_of_each_tool_is_taken_over_and_nothing_is_downloaded() {
    for (tool, layout) in [
        ("classic", classic as fn(&Catalogue) -> Files),
        ("descriptive", descriptive),
        ("tcia_utils", tcia_utils),
        ("the retriever in Go", data_retriever_in_go),
        ("IDC", imaging_data_commons),
        ("a heap", heap),
        ("ZIPs", zips),
    ] {
        let stage = Stage::new(Catalogue::small(6, 3, 2000));
        stage.lay(&layout(&stage.catalogue));
        let before = state_of(&stage.folder());

        let ended = stage.adopt(&[]);

        let summary = ended.assert_code(0).summary();
        assert_eq!(summary["adopted"], 6, "{tool}: {summary}");
        stage.assert_adopted();
        assert!(state_of(&stage.folder()) == before, "{tool}: the folder is as it was");
    }
}

#[test]
fn a_collection_of_many_series_is_listed_whole_and_moves_no_watermark() {
    let stage = Stage::new(Catalogue::large());
    stage.lay(&heap(&stage.catalogue));

    stage.adopt(&[]).assert_code(0);

    assert_eq!(stage.fake.requests_of("getSeries"), ["getSeries?Collection=CT+COLONOGRAPHY"]);
    assert_eq!(stage.fake.requests_of("getSeriesMetadata").len(), 1);
    let record = rusqlite::Connection::open(stage.lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let watermarks: i64 = record.query_row("SELECT count(*) FROM watermark", [], |row| row.get(0)).unwrap();
    assert_eq!(watermarks, 0);
    assert!(!stage.lab.root().join(".tcia-mirror/adopt.sqlite").exists());
    stage.assert_adopted();
}

#[test]
fn of_a_partial_folder_only_the_missing_instances_are_fetched() {
    let stage = Stage::small();
    let mut files = classic(&stage.catalogue);
    // the second series lacks one of its four instances
    files.retain(|(path, _)| !(path.to_str().unwrap().contains("1.2.826.1.1.2/1-03")));
    stage.lay(&files);

    let ended = stage.adopt(&[]).assert_code(3);

    let incomplete = events(&ended, "incomplete");
    assert_eq!(incomplete.len(), 1, "{ended:?}");
    assert_eq!(incomplete[0]["series_instance_uid"], "1.2.826.1.1.2");
    assert_eq!((&incomplete[0]["missing"], &incomplete[0]["instances"]), (&json!(1), &json!(3)));
    assert_sound(&stage.lab.root());
    assert!(stage.images_asked().is_empty());
    stage.lab.run(&["resume"]).assert_code(0);
    assert!(instances(&stage.lab.root()) == stage.catalogue.expected_tree(false));
    assert_sound(&stage.lab.root());
    let asked = stage.images_asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(
        asked[0].contains("getSingleImage") && asked[0].contains("SOPInstanceUID=1.2.826.1.1.2.3"),
        "{asked:?}"
    );
}

#[test]
fn a_flipped_byte_is_found_by_the_md5_of_the_service_and_the_others_are_kept() {
    let stage = Stage::small();
    let mut files = heap(&stage.catalogue);
    let wrong = files[5].0.clone();
    *files[5].1.last_mut().unwrap() ^= 1;
    stage.lay(&files);

    let ended = stage.adopt(&[]).assert_code(3);

    let doubtful = events(&ended, "doubtful");
    assert_eq!(doubtful.len(), 1, "{ended:?}");
    assert_eq!(doubtful[0]["path"], stage.folder().join(wrong).to_str().unwrap());
    assert!(doubtful[0]["reason"].as_str().unwrap().contains("MD5"));
    assert_eq!(ended.summary()["incomplete"], 1);
    stage.lab.run(&["resume"]).assert_code(0);
    assert!(instances(&stage.lab.root()) == stage.catalogue.expected_tree(false));
    assert_eq!(stage.images_asked().len(), 1, "{:?}", stage.images_asked());
    assert_sound(&stage.lab.root());
}

#[test]
fn the_ugly_files_of_a_real_disk_are_each_named_or_passed_over() {
    let stage = Stage::small();
    let folder = stage.folder();
    stage.lay(&classic(&stage.catalogue));
    let at = |name: &str| folder.join(name);
    // beside a whole series: an image of another one, the same once more, others that are no images
    write(&at("manifest-17/again.dcm"), stage.file(0, 0));
    write(&at("manifest-17/.DS_Store"), b"\0\0\0\x01Bud1");
    write(&at("manifest-17/empty.dcm"), b"");
    write(&at("manifest-17/cut.dcm"), &stage.file(1, 1)[..200]);
    write(&folder.join(OsStr::from_bytes(b"new\nline\xff.dcm")), stage.file(2, 0));
    write(&at("bare.dcm"), &stage.file(2, 1)[132..]);
    symlink(&folder, at("loop")).unwrap();
    symlink("/etc/passwd", at("link.dcm")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();

    let ended = stage.adopt(&[]).assert_code(3);

    let summary = ended.summary();
    assert_eq!(summary["adopted"], 3, "{ended:?}");
    assert_eq!(summary["skipped"], 3);
    assert_eq!(summary["not_dicom"], 6, "a table, three licences, .DS_Store and an empty file");
    assert_eq!(summary["duplicates"], 2, "the same bytes under another name");
    let named: Vec<_> = events(&ended, "doubtful").iter().map(|line| line["path"].clone()).collect();
    // the same image without its preamble is not what the service has
    let named: Vec<_> = named.iter().map(|path| path.as_str().unwrap().rsplit('/').next().unwrap()).collect();
    assert_eq!(named, ["cut.dcm", "bare.dcm"], "{ended:?}");
    stage.assert_adopted();
}

#[test]
fn of_two_files_that_differ_the_one_that_the_service_has_is_taken() {
    let stage = Stage::small();
    stage.lay(&heap(&stage.catalogue));
    let mut other = stage.file(1, 2).to_vec();
    *other.last_mut().unwrap() ^= 1;
    write(&stage.folder().join("0-other"), &other);

    let ended = stage.adopt(&[]).assert_code(3);

    let doubtful = events(&ended, "doubtful");
    assert_eq!(doubtful.len(), 1, "{ended:?}");
    assert!(doubtful[0]["path"].as_str().unwrap().ends_with("0-other"));
    assert_eq!(ended.summary()["adopted"], 3);
    stage.assert_adopted();
}

#[test]
fn a_service_without_md5s_proves_by_count_bytes_and_names_and_says_so() {
    let stage = Stage::in_dialect(Catalogue::small(2, 3, 2000), "nbia-v1");
    stage.lay(&tcia_utils(&stage.catalogue));

    stage.adopt(&[]).assert_code(0);

    assert_sound(&stage.lab.root());
    assert!(instances(&stage.lab.root()) == stage.catalogue.expected_tree(false));
    let record = rusqlite::Connection::open(stage.lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let proof: String =
        record.query_row("SELECT DISTINCT proof FROM placement", [], |row| row.get(0)).unwrap();
    assert_eq!(proof, "count+bytes+instances");
}

#[test]
fn what_the_service_does_not_list_is_named_and_left_alone() {
    let stage = Stage::small();
    stage.lay(&tcia_utils(&stage.catalogue));
    let mine = SampleSeries::new(("MINE", "MINE"), "1.2.999.1", "1.2.999.1.1", 2, 500);
    stage.lay(&tcia_utils(&Catalogue { series: vec![mine] }));

    let ended = stage.adopt(&[]).assert_code(3);

    let doubtful = events(&ended, "doubtful");
    assert_eq!(doubtful.len(), 1, "{ended:?}");
    assert_eq!(doubtful[0]["series_instance_uid"], "1.2.999.1.1");
    assert_eq!(ended.summary()["adopted"], 3);
    stage.assert_adopted();
}

#[test]
fn only_what_is_selected_is_adopted_and_what_is_there_is_kept() {
    let stage = Stage::small();
    stage.lay(&tcia_utils(&stage.catalogue));

    let some = stage.adopt(&["--series", "1.2.826.1.1.2"]).assert_code(0).summary();
    let all = stage.adopt(&[]).assert_code(0).summary();
    let none = stage.adopt(&["--modality", "PT"]).assert_code(0).summary();

    assert_eq!((&some["adopted"], &some["kept"]), (&json!(1), &json!(0)));
    assert_eq!((&all["adopted"], &all["kept"]), (&json!(2), &json!(1)));
    assert_eq!((&none["adopted"], &none["kept"]), (&json!(0), &json!(0)));
    stage.assert_adopted();
}

#[test]
fn a_dry_run_says_what_would_be_and_changes_nothing() {
    let stage = Stage::small();
    let mut files = tcia_utils(&stage.catalogue);
    files.remove(0);
    stage.lay(&files);
    let before = state_of(&stage.folder());

    let ended = stage.adopt(&["--dry-run"]).assert_code(3);

    let summary = ended.summary();
    assert_eq!(
        (&summary["adopted"], &summary["incomplete"], &summary["missing"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert!(tree(&stage.lab.root()).is_empty());
    let record = rusqlite::Connection::open(stage.lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let jobs: i64 = record.query_row("SELECT count(*) FROM series_job", [], |row| row.get(0)).unwrap();
    assert_eq!(jobs, 0);
    assert!(state_of(&stage.folder()) == before);
}

#[test]
fn a_folder_that_cannot_be_adopted_is_a_mistake_that_is_explained() {
    let stage = Stage::small();
    let root = stage.lab.root();
    fs::create_dir_all(root.join("inside")).unwrap();
    write(&stage.lab.beside("file"), b"x");
    for (folder, says) in [
        (root.join("inside"), "lie in one another"),
        (root.parent().unwrap().to_owned(), "lie in one another"),
        (root.clone(), "lie in one another"),
        (stage.lab.beside("nothing"), "No such file"),
        (stage.lab.beside("file"), "no directory"),
    ] {
        let ended = stage.lab.run(&["adopt", folder.to_str().unwrap()]).assert_code(2);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    stage.lab.run(&["adopt", "--move", "--link", "/tmp"]).assert_code(2);
}

#[test]
fn an_empty_folder_is_adopted_at_once() {
    let stage = Stage::small();
    fs::create_dir_all(stage.folder()).unwrap();

    let summary = stage.adopt(&[]).assert_code(0).summary();

    assert_eq!((&summary["files"], &summary["adopted"]), (&json!(0), &json!(0)));
    assert!(stage.images_asked().is_empty());
}

#[test]
fn files_are_linked_copied_or_moved_as_is_asked() {
    for (flag, links, stays) in [("--link", 2, true), ("--copy", 1, true), ("--move", 1, false)] {
        let stage = Stage::small();
        stage.lay(&classic(&stage.catalogue));
        let before = state_of(&stage.folder());

        stage.adopt(&[flag]).assert_code(0);

        stage.assert_adopted();
        for path in instances(&stage.lab.root()).keys() {
            let found = fs::symlink_metadata(stage.lab.root().join(path)).unwrap();
            assert_eq!(found.nlink(), links, "{flag}: {path}");
        }
        let left: Vec<_> = tree(&stage.folder()).into_keys().filter(|path| is_instance(path)).collect();
        assert_eq!(left.len(), if stays { 12 } else { 0 }, "{flag}: {left:?}");
        if stays {
            assert!(state_of(&stage.folder()) == before, "{flag}");
        }
        assert!(tree(&stage.folder()).contains_key("manifest-17/metadata.csv"), "{flag}");
    }
}

#[test]
fn nothing_moves_of_a_series_that_is_not_whole() {
    let stage = Stage::small();
    let mut files = tcia_utils(&stage.catalogue);
    files.remove(0);
    stage.lay(&files);

    stage.adopt(&["--move"]).assert_code(3);

    let left: Vec<_> = tree(&stage.folder()).into_keys().collect();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.iter().all(|path| path.contains("1.2.826.1.1.1/")), "{left:?}");
    stage.lab.run(&["resume"]).assert_code(0);
    assert!(instances(&stage.lab.root()) == stage.catalogue.expected_tree(false));
}

#[test]
fn a_zip_that_was_cut_gives_what_is_whole_in_it() {
    let stage = Stage::small();
    let mut files = zips(&stage.catalogue);
    let length = files[0].1.len();
    files[0].1.truncate(length * 3 / 5);
    stage.lay(&files);

    let ended = stage.adopt(&[]).assert_code(3);

    assert_eq!(ended.summary()["adopted"], 2, "{ended:?}");
    assert_eq!(events(&ended, "incomplete")[0]["instances"], 2);
    assert_eq!(events(&ended, "doubtful").len(), 1);
    stage.lab.run(&["resume"]).assert_code(0);
    assert!(instances(&stage.lab.root()) == stage.catalogue.expected_tree(false));
    assert_sound(&stage.lab.root());
}

#[test]
fn an_adoption_that_is_killed_goes_on_and_loses_nothing() {
    let stage = Stage::new(Catalogue::small(40, 5, 30_000));
    stage.lay(&classic(&stage.catalogue));
    let folder = stage.folder();
    let mut random = fastrand::Rng::with_seed(7);
    let all = stage.catalogue.expected_tree(false);
    for _ in 0..8 {
        let mut child = stage.lab.start(&["--json", "adopt", "--move", folder.to_str().unwrap()]);
        let more = instances_placed(&stage.lab) + random.usize(1..40);
        let mut ended = false;
        wait_until("some more instances", || {
            ended = child.try_wait().unwrap().is_some();
            ended || instances_placed(&stage.lab) >= more
        });
        child.kill().unwrap();
        child.wait().unwrap();
        // each instance is in the tree, or where it was
        let mut found: Vec<Vec<u8>> = instances(&stage.lab.root()).into_values().collect();
        found.extend(tree(&folder).into_values());
        let staged = stage.lab.root().join(".tcia-mirror/staging");
        if staged.exists() {
            found.extend(tree(&staged).into_values());
        }
        assert!(all.values().all(|bytes| found.contains(bytes)), "an instance is gone");
        if ended {
            break;
        }
    }

    stage.adopt(&["--move"]).assert_code(0);

    stage.assert_adopted();
    let left: Vec<_> = tree(&folder).into_keys().filter(|path| is_instance(path)).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn instances_placed(lab: &Lab) -> usize {
    if lab.root().exists() { instances(&lab.root()).len() } else { 0 }
}

#[test]
fn what_is_wrong_and_cannot_be_told_apart_is_not_taken_at_all() {
    let stage = Stage::small();
    let mut files = heap(&stage.catalogue);
    *files[5].1.last_mut().unwrap() ^= 1;
    stage.lay(&files);
    stage.fake.script(
        "getMD5HashForImage",
        "",
        None,
        Fault::Answer(404, Vec::new(), b"no such thing".to_vec()),
    );

    let ended = stage.adopt(&[]).assert_code(3);

    let doubtful = events(&ended, "doubtful");
    assert_eq!(doubtful.len(), 1, "{ended:?}");
    assert_eq!(doubtful[0]["series_instance_uid"], "1.2.826.1.1.2");
    assert!(doubtful[0]["reason"].as_str().unwrap().contains("MD5 over"), "{doubtful:?}");
    assert_eq!(ended.summary()["adopted"], 2);
    stage.lab.run(&["resume"]).assert_code(0);
    assert!(instances(&stage.lab.root()) == stage.catalogue.expected_tree(false));
    assert_eq!(stage.fake.requests_of("getImage").len(), 1);
    assert_sound(&stage.lab.root());
}

#[test]
fn an_instance_that_the_service_does_not_list_of_its_series_is_left_out() {
    let stage = Stage::small();
    stage.lay(&tcia_utils(&stage.catalogue));
    let stranger = SampleSeries::new(("TEST-0001", "TEST-0001"), "1.2.826.1.1", "1.2.826.1.1.3", 9, 700);
    write(&stage.folder().join("stranger"), &stranger.files["1.2.826.1.1.3.9"]);

    let ended = stage.adopt(&[]).assert_code(3);

    let doubtful = events(&ended, "doubtful");
    assert_eq!(doubtful.len(), 1, "{ended:?}");
    assert!(doubtful[0]["path"].as_str().unwrap().ends_with("stranger"), "{doubtful:?}");
    stage.assert_adopted();
}

#[test]
fn a_series_about_which_the_service_says_nothing_keeps_no_other_from_being_adopted() {
    let stage = Stage::in_dialect(Catalogue::small(3, 3, 2000), "nbia-v1");
    stage.lay(&tcia_utils(&stage.catalogue));
    let refused = Fault::Answer(500, Vec::new(), b"trouble".to_vec());
    stage.fake.script("getSOPInstanceUIDs", "1.2.826.1.1.2", None, refused);

    let ended = stage.adopt(&[]).assert_code(3);

    assert_eq!(events(&ended, "doubtful")[0]["series_instance_uid"], "1.2.826.1.1.2", "{ended:?}");
    assert_eq!(ended.summary()["adopted"], 2);
    assert_sound(&stage.lab.root());
    stage.fake.heal();
    stage.adopt(&[]).assert_code(0);
    assert!(instances(&stage.lab.root()) == stage.catalogue.expected_tree(false));
}

#[test]
fn a_service_that_is_down_ends_it_and_nothing_is_believed() {
    let stage = Stage::small();
    stage.lay(&tcia_utils(&stage.catalogue));
    stage.fake.script("getMD5Hierarchy", "", None, Fault::Answer(503, Vec::new(), Vec::new()));
    stage.fake.script("getCollectionValues", "", None, Fault::Answer(503, Vec::new(), Vec::new()));

    stage.adopt(&["--move"]).assert_code(1);

    assert!(tree(&stage.lab.root()).is_empty());
    assert_eq!(tree(&stage.folder()).len(), 12);
    assert_sound(&stage.lab.root());
    stage.fake.heal();
    stage.adopt(&["--move"]).assert_code(0);
    stage.assert_adopted();
}

#[test]
fn too_little_free_space_ends_it_before_anything_is_written() {
    let stage = Stage::small();
    stage.lay(&tcia_utils(&stage.catalogue));
    stage.lab.configure("[disk]\nmin_free = \"900PB\"");

    let ended = stage.adopt(&[]).assert_code(1);

    assert!(ended.stderr.contains("must stay free"), "{}", ended.stderr);
    assert!(tree(&stage.lab.root()).is_empty());
    stage.lab.configure("");
    stage.adopt(&[]).assert_code(0);
    stage.assert_adopted();
}

#[test]
fn what_may_not_be_read_is_named_and_the_rest_is_adopted() {
    let stage = Stage::small();
    stage.lay(&tcia_utils(&stage.catalogue));
    let set = |path: PathBuf, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    write(&stage.folder().join("closed/inside.dcm"), stage.file(0, 0));
    set(stage.folder().join("1.2.826.1.1.1/1-1.dcm"), 0);
    set(stage.folder().join("closed"), 0);

    let ended =
        stage.lab.run_as_nobody(&["--json", "adopt", stage.folder().to_str().unwrap()]).assert_code(3);

    set(stage.folder().join("closed"), 0o755);
    let doubtful = events(&ended, "doubtful");
    let named: Vec<_> =
        doubtful.iter().map(|line| line["path"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
    assert_eq!(named, ["closed", "1-1.dcm"], "{ended:?}");
    assert!(doubtful.iter().all(|line| line["reason"].as_str().unwrap().contains("ermission denied")));
    assert_eq!((&ended.summary()["adopted"], &ended.summary()["incomplete"]), (&json!(2), &json!(1)));
}

#[test]
fn files_that_an_interrupted_move_has_left_are_removed_once_the_mirror_is_found_to_hold_them() {
    let stage = Stage::small();
    stage.lay(&tcia_utils(&stage.catalogue));
    stage.adopt(&[]).assert_code(0);
    // one that is another than in the mirror, and a series that is damaged there
    let other = stage.folder().join("1.2.826.1.1.1/1-1.dcm");
    let mut bytes = fs::read(&other).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    write(&other, &bytes);
    let placed = instances(&stage.lab.root());
    let damaged = placed.keys().find(|path| path.contains("1.2.826.1.1.2/")).unwrap();
    write(&stage.lab.root().join(damaged), b"rotten");

    let ended = stage.adopt(&["--move"]).assert_code(3);

    assert_eq!(ended.summary()["removed"], 7, "{ended:?}");
    let doubtful = events(&ended, "doubtful");
    assert!(doubtful.iter().any(|line| line["path"] == other.to_str().unwrap()), "{ended:?}");
    assert!(doubtful.iter().any(|line| line["series_instance_uid"] == "1.2.826.1.1.2"), "{ended:?}");
    let left: Vec<_> = tree(&stage.folder()).into_keys().collect();
    assert_eq!(left.len(), 5, "{left:?}");
    assert!(left.contains(&"1.2.826.1.1.1/1-1.dcm".to_owned()), "{left:?}");
}
