//! What those see who watch the mirror over HTTP.

use std::io::Write;
use std::process::Command;

use super::Supervised;
use super::cycles::{configure, lab_of};
use crate::support::catalogue::Catalogue;
use crate::support::fake_tcia::Fault;

const SERVED: &str = "[serve]\nlisten = \"127.0.0.1:0\"\n";

#[test]
fn the_mirror_is_served_beside_its_cycles_and_is_ready_while_all_is_well() {
    let (_source, fake, lab) = lab_of(&Catalogue::small(2, 2, 500), SERVED);
    fake.script("getCollectionValues", "", None, Fault::Answer(500, Vec::new(), b"down".to_vec()));
    let daemon = Supervised::start(&lab, None);
    let authority = daemon.authority();
    let ask = |path: &str| Supervised::ask(&authority, path);

    daemon.logs("the cycle could not go on");
    let failing = (ask("/healthz"), ask("/readyz"));
    fake.heal();
    daemon.logs("the cycle has ended: done");
    let well = (ask("/healthz"), ask("/readyz"));
    let list = ask("/nbia-api/services/v4/getSeries?Collection=CT%20COLONOGRAPHY");

    assert!(failing.0.starts_with("HTTP/1.1 200") && well.0.starts_with("HTTP/1.1 200"));
    assert!(
        failing.1.starts_with("HTTP/1.1 503") && failing.1.contains("getCollectionValues answered 500"),
        "{}",
        failing.1
    );
    assert!(well.1.starts_with("HTTP/1.1 200"), "{}", well.1);
    assert!(list.contains("1.2.826.1.1.2"), "{list}");
    assert_eq!(daemon.stop(), Some(143));
}

#[test]
fn a_disk_with_too_little_room_is_not_ready() {
    let (_source, _fake, lab) = lab_of(&Catalogue::small(1, 1, 500), "");
    lab.run(&["sync"]).assert_code(0);
    configure(&lab, &format!("{SERVED}[disk]\nmin_free = \"1000TB\"\n"));
    let mut daemon = Supervised::start(&lab, None);
    let authority = daemon.authority();
    daemon.waits();

    let (ready, metrics) = (Supervised::ask(&authority, "/readyz"), Supervised::ask(&authority, "/metrics"));

    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("bytes are free at the root"), "{ready}");
    assert!(metrics.contains("tcia_mirror_ready 0\n"), "{metrics}");
    assert_eq!(daemon.stop(), Some(143));
}

#[test]
fn the_metrics_say_what_the_record_says() {
    let catalogue = Catalogue::small(3, 2, 500);
    let (_source, _fake, lab) = lab_of(&catalogue, SERVED);
    let mut daemon = Supervised::start(&lab, None);
    let authority = daemon.authority();
    daemon.waits();

    let page = Supervised::ask(&authority, "/metrics");
    let status = Supervised::ask(&authority, "/api/status");

    let bytes: u64 = catalogue.series.iter().map(crate::support::catalogue::SampleSeries::bytes).sum();
    for line in [
        "tcia_mirror_ready 1".to_owned(),
        "tcia_mirror_series{state=\"done\"} 3".to_owned(),
        "tcia_mirror_series{state=\"parked\"} 0".to_owned(),
        "tcia_mirror_instances 6".to_owned(),
        format!("tcia_mirror_size_bytes {bytes}"),
        "tcia_mirror_collection_series_done{collection=\"CT COLONOGRAPHY\"} 3".to_owned(),
        "tcia_mirror_runs_total{command=\"sync --full\",outcome=\"done\"} 1".to_owned(),
        "tcia_mirror_placed_series_total 3".to_owned(),
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    let mut described = page.lines().filter(|line| line.starts_with("# TYPE ")).count();
    described -= page.lines().filter(|line| line.starts_with("# TYPE tcia_mirror_disk_free_inodes")).count();
    assert_eq!(described, tcia_mirror::metrics::ALL.len() - 1, "{page}");
    assert!(status.contains("\"done\":3") && status.contains("\"instances\":6"), "{status}");
    assert_eq!(daemon.stop(), Some(143));
}

#[test]
fn a_record_that_was_mended_is_read_again() {
    let (_source, _fake, lab) = lab_of(&Catalogue::small(1, 1, 500), SERVED);
    let mut daemon = Supervised::start(&lab, None);
    let authority = daemon.authority();
    daemon.waits();
    let record = lab.root().join(".tcia-mirror/state.sqlite");
    let copy = lab.beside("backup.sqlite");
    let ask = || Supervised::ask(&authority, "/api/status");

    std::fs::copy(&record, &copy).unwrap();
    let before = ask();
    std::fs::File::create(lab.beside("damaged")).unwrap().write_all(&[7; 4096]).unwrap();
    Command::new("mv").arg(lab.beside("damaged")).arg(&record).status().unwrap();
    let damaged = ask();
    Command::new("mv").arg(&copy).arg(&record).status().unwrap();
    let mended = ask();

    assert!(before.starts_with("HTTP/1.1 200") && mended.starts_with("HTTP/1.1 200"), "{mended}");
    assert!(damaged.starts_with("HTTP/1.1 500"), "{damaged}");
    assert_eq!(daemon.stop(), Some(143));
}
