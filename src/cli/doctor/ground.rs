//! What `doctor` finds on this machine: the root, its disk, its lock, its record, the clock.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::super::print;
use super::super::session::clock;
use super::Finding;
use crate::config::Config;
use crate::db::{self, Reader};
use crate::mirror::{Ground, Root, RootError, STATE_DIRECTORY, what_follows};
use crate::sync::{chain, disk_guard};

/// No machine on which this program was built has an earlier one.
const EARLIEST: i64 = 1_767_225_600; // 2026-01-01
/// A disk that takes longer for one file and its directories holds every series up.
const SLOW_MS: u128 = 500;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![of_root(config)];
    findings.extend(of_disk(config));
    let root = Root::open_share(&config.root, config.sync.shard);
    if let Ok(root) = &root {
        findings.push(of_lock(root));
        findings.push(of_record(root));
    }
    let last_run = root.ok().and_then(|root| last_run(&root));
    findings.push(of_clock(last_run));
    findings
}

fn of_root(config: &Config) -> Finding {
    let (root, shard) = (&config.root, config.sync.shard);
    let shown = root.display();
    match Root::open_share(root, shard) {
        Ok(_) => Finding::well("root", format!("{shown} holds a mirror")),
        Err(RootError::NoMirror { .. }) if root.is_dir() => {
            Finding::well("root", format!("{shown} is there; a mirror can begin in it"))
        }
        Err(RootError::NoMirror { .. }) if !root.exists() => Finding::doubtful(
            "root",
            format!("{shown} is not there"),
            "the first command that mirrors makes it; if it should be there, mount its disk or name the right one with --root",
        ),
        Err(error) => Finding::wrong(
            "root",
            chain(&error),
            "name the directory of the mirror with --root or `root`, or its share with --shard",
        ),
    }
}

/// What the disk does, tried where a mirror would do it.
fn of_disk(config: &Config) -> Vec<Finding> {
    let place = place_to_try(&config.root);
    let began = Instant::now();
    let ground = match Ground::examine(&place) {
        Ok(ground) => ground,
        Err(error) => {
            let found = format!("{}: {}", place.display(), chain(&error));
            let hint = "run this as the user who mirrors, as in `sudo -u tcia-mirror tcia-mirror doctor`; that user must be \
                        able to write there";
            return vec![Finding::wrong("disk", found, hint)];
        }
    };
    let took = began.elapsed().as_millis();
    let mut findings = vec![of_steps(&place, took), of_space(config, &ground)];
    if let Some(name) = ground.shared_file_system.filter(|_| config.sync.shard.is_none()) {
        findings.push(Finding::doubtful("file system", name, what_follows(name)));
    }
    if !ground.exchanges {
        let hint = "a series that is revised is for an instant not there, between two renames; nothing is lost by it";
        findings.push(Finding::doubtful(
            "file system",
            "two directories cannot change places in one step",
            hint,
        ));
    }
    if ground.folds_capitals {
        let hint = "of two identifiers that differ in capitals the later one gets its letters encoded; such a mirror cannot \
                    be split with --shard";
        findings.push(Finding::doubtful("file system", "capitals and small letters are the same", hint));
    }
    findings
}

/// The state directory, whose strangers nobody minds; else what is nearest to where it will be.
fn place_to_try(root: &Path) -> PathBuf {
    let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    let state = root.join(STATE_DIRECTORY);
    state.ancestors().find(|place| place.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn of_steps(place: &Path, took_ms: u128) -> Finding {
    let place = place.display();
    let found = format!("{place}: files are written, synced and renamed, in {took_ms} ms for one");
    if took_ms < SLOW_MS {
        return Finding::well("disk", found);
    }
    Finding::doubtful(
        "disk",
        found,
        "every series takes at least so long: a disk that syncs faster helps more than bandwidth",
    )
}

fn of_space(config: &Config, ground: &Ground) -> Finding {
    let space = ground.space;
    let inodes =
        if space.free_inodes == u64::MAX { "uncounted".to_owned() } else { space.free_inodes.to_string() };
    let found = format!("{} and {inodes} inodes are free", print::bytes(space.free_bytes));
    match disk_guard(space, &config.sync.disk) {
        Ok(()) => Finding::well("space", found),
        Err(error) => Finding::wrong(
            "space",
            format!("{found}: {error}"),
            "free space, or lower [disk] min_free and min_free_inodes",
        ),
    }
}

fn of_lock(root: &Root) -> Finding {
    match root.is_held() {
        Ok(false) => Finding::well("lock", "free"),
        Ok(true) => Finding::doubtful(
            "lock",
            "another process holds this root",
            "`tcia-mirror status` shows what it does; commands that write wait for nobody and end in 10 until it has gone",
        ),
        Err(error) => Finding::wrong("lock", chain(&error), "run this as the user who mirrors"),
    }
}

fn of_record(root: &Root) -> Finding {
    let reader = match Reader::open_all(&root.records()) {
        Ok(reader) => reader,
        Err(error) => return without_record(&error),
    };
    match reader.status(clock().as_second()) {
        Ok(status) => {
            let series = &status.series;
            let all = series.done + series.queued + series.running + series.parked + series.withdrawn;
            let found = format!("{all} series, {} of them done, {} parked", series.done, series.parked);
            if series.parked == 0 {
                return Finding::well("record", found);
            }
            Finding::doubtful(
                "record",
                found,
                "`tcia-mirror status` says why series are parked, `retry` tries them again",
            )
        }
        Err(error) => without_record(&error),
    }
}

fn without_record(error: &db::Error) -> Finding {
    match error {
        db::Error::OtherRelease { found, known, .. } if found < known => Finding::doubtful(
            "record",
            chain(error),
            "the next command that writes copies it and brings it up to date",
        ),
        error => Finding::wrong(
            "record",
            chain(error),
            "restore state.sqlite from a backup; without one, name a new root and `tcia-mirror adopt` this one",
        ),
    }
}

/// When the last run of the record began, UTC seconds.
fn last_run(root: &Root) -> Option<i64> {
    let reader = Reader::open_all(&root.records()).ok()?;
    let began = reader.history(1).ok()?.first()?.started_at.parse::<jiff::Timestamp>().ok()?;
    Some(began.as_second())
}

fn of_clock(last_run: Option<i64>) -> Finding {
    let now = clock();
    let hint = "set the clock, and let NTP keep it: watermarks and pauses are times";
    if now.as_second() < EARLIEST {
        return Finding::wrong("clock", format!("it is {now:.0} here, which cannot be"), hint);
    }
    match last_run {
        Some(began) if began > now.as_second() => Finding::wrong(
            "clock",
            format!("it is {now:.0} here, and the last run of the record began later"),
            hint,
        ),
        _ => Finding::well("clock", format!("{now:.0}")),
    }
}
