//! Several services: who is asked for what; and lists that a service keeps under a name.

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, Fault};
use crate::support::program::{Lab, tree};

const SERIES: &str = "1.2.826.1.1.2";

/// A service that lists another collection, and one that has what the tests mirror.
struct Two {
    other: FakeTcia,
    holder: FakeTcia,
    lab: Lab,
    catalogue: Catalogue,
    _source: tempfile::TempDir,
}

fn two() -> Two {
    let source = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::small(3, 2, 500);
    catalogue.build(source.path());
    let (other, holder) = (FakeTcia::start(source.path()), FakeTcia::start(source.path()));
    let answer = |json: &str| Fault::Answer(200, vec![("content-type", "application/json")], json.into());
    other.script("getCollectionValues", "", None, answer(r#"[{"Collection":"Other"}]"#));
    for endpoint in ["getSeries", "getPatient", "getPatientStudy"] {
        other.script(endpoint, "", None, answer(""));
    }
    let lab = Lab::new(&other.base_url("nbia-v4"));
    let [first, second] = [&other, &holder].map(|fake| fake.base_url("nbia-v4"));
    lab.configure(&format!("[[service]]\nbase_url = {first:?}\n[[service]]\nbase_url = {second:?}\n"));
    Two { other, holder, lab, catalogue, _source: source }
}

#[test]
fn a_collection_comes_from_the_first_service_that_lists_it() {
    let two = two();

    two.lab.run_as_configured(&["mirror", "--collection", COLLECTION]).assert_code(0);

    assert!(tree(&two.lab.root()) == two.catalogue.expected_tree(true));
    let asked = two.other.requests();
    assert!(asked.iter().all(|request| request.starts_with("getCollectionValues")), "{asked:?}");
}

#[test]
fn a_service_that_has_everything_is_the_only_one_asked() {
    let two = two();
    two.other.heal();

    two.lab.run_as_configured(&["mirror", "--collection", COLLECTION]).assert_code(0);

    assert_eq!(two.holder.requests(), [""; 0]);
}

#[test]
fn all_collections_are_those_of_all_services() {
    let two = two();

    let plan = two.lab.run_as_configured(&["--json", "plan", "--all-collections"]).assert_code(1);

    assert_eq!(plan.summary()["series"], 3, "{plan:?}");
    assert!(plan.stderr.contains("collection `Other`"), "its lists are empty: {plan:?}");
}

#[test]
fn a_series_that_names_no_collection_is_looked_for_in_one_service_after_the_other() {
    let two = two();

    two.lab.run_as_configured(&["mirror", "--series", SERIES]).assert_code(0);

    assert!(two.other.requests_of("getImage").is_empty());
    assert_eq!(two.holder.requests_of("getImage").len(), 1);
}

#[test]
fn a_series_is_tried_again_at_the_service_that_listed_it() {
    let two = two();
    two.holder.script("getImage", "", None, Fault::Answer(400, vec![], b"not granted".into()));
    two.lab.run_as_configured(&["mirror", "--collection", COLLECTION, "--fetch", "series"]).assert_code(3);
    two.holder.heal();

    two.lab.run_as_configured(&["retry"]).assert_code(0);

    assert!(tree(&two.lab.root()) == two.catalogue.expected_tree(true));
    assert!(two.other.requests_of("getImage").is_empty());
}

#[test]
fn another_service_that_does_not_answer_is_said_and_holds_nothing_up() {
    let two = two();
    two.other.heal();
    let nobody = two.holder.base_url("nbia-v4");
    drop(two.holder);

    let ended = two.lab.run_as_configured(&["mirror", "--all-collections"]).assert_code(1);
    let series = two.lab.run_as_configured(&["mirror", "--series", "1.2.3.4"]).assert_code(1);

    assert!(tree(&two.lab.root()) == two.catalogue.expected_tree(true));
    assert!(ended.stderr.contains(&format!("cannot list what {nobody} may have")), "{ended:?}");
    assert!(series.stderr.contains("cannot list series 1.2.3.4"), "{series:?}");
}

#[test]
fn a_list_that_lacks_a_collection_does_not_change_where_it_comes_from() {
    let two = two();
    two.other.heal();
    two.lab.run_as_configured(&["mirror", "--collection", COLLECTION]).assert_code(0);
    let answer = Fault::Answer(200, vec![], br#"[{"Collection":"Other"}]"#.to_vec());
    two.other.script("getCollectionValues", "", None, answer);

    let refused = two.lab.run_as_configured(&["--json", "mirror", "--collection", COLLECTION]).assert_code(1);

    assert!(refused.stderr.contains("has been mirrored from"), "{refused:?}");
    let asked = two.holder.requests();
    assert!(asked.iter().all(|request| request.starts_with("getCollectionValues")), "{asked:?}");
    assert_eq!((&refused.summary()["placed"], &refused.summary()["withdrawn"]), (&0.into(), &0.into()));
}

#[test]
fn flags_that_narrow_say_nothing_false_of_what_they_name() {
    let two = two();
    two.other.heal();
    let other = r#"[{"Collection":"Other"},{"Collection":"CT COLONOGRAPHY"}]"#;
    two.other.script("getCollectionValues", "", None, Fault::Answer(200, vec![], other.into()));

    let elsewhere =
        two.lab.run_as_configured(&["mirror", "--series", SERIES, "--collection", "Other"]).assert_code(1);
    two.lab.run_as_configured(&["mirror", "--series", SERIES, "--collection", COLLECTION]).assert_code(0);

    assert!(elsewhere.stderr.contains("in all of what is named at once"), "{elsewhere:?}");
    assert!(!elsewhere.stderr.contains("does not list collection"), "{elsewhere:?}");
}

#[test]
fn the_series_of_a_shared_list_are_mirrored_and_no_others() {
    let source = tempfile::tempdir().unwrap();
    Catalogue::small(3, 2, 500).build(source.path());
    let fake = FakeTcia::start(source.path());
    let row = format!(
        r#"[{{"SeriesInstanceUID":"{SERIES}","StudyInstanceUID":"1.2.826.1.1","Collection":"{COLLECTION}","PatientID":"TEST-0001","Date Released":"2020-01-02"}}]"#
    );
    fake.script("ContentsByName", "name=mine", None, Fault::Answer(200, vec![], row.into()));
    fake.script("ContentsByName", "name=nobody", None, Fault::Answer(200, vec![], b"[]".into()));
    let lab = Lab::new(&fake.base_url("bindaas-v3"));

    let empty = lab.run(&["mirror", "--shared-list", "nobody"]).assert_code(1);
    assert!(empty.stderr.contains("`nobody`"), "{empty:?}");
    assert!(fake.requests_of("getImage").is_empty(), "an empty list selects nothing, not everything");
    lab.run(&["mirror", "--shared-list", "mine"]).assert_code(0);

    let fetched = fake.requests_of("getImage");
    assert!(fetched.len() == 1 && fetched[0].contains(SERIES), "{fetched:?}");

    let narrowed = ["mirror", "--shared-list", "mine", "--collection", COLLECTION];
    lab.run(&narrowed).assert_code(0);
}

#[test]
fn a_dialect_without_shared_lists_says_so() {
    let source = tempfile::tempdir().unwrap();
    Catalogue::small(1, 1, 500).build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));

    let refused = lab.run(&["mirror", "--shared-list", "mine"]).assert_code(1);
    let offline = lab.run(&["verify", "--shared-list", "mine"]).assert_code(2);

    assert!(refused.stderr.contains("nbia-v4 does not offer ContentsByName"), "{refused:?}");
    assert!(offline.stderr.contains("--manifest"), "{offline:?}");
}
