//! A root that is made where nothing was: it must not vanish with what is placed in it.

use super::strace;
use crate::support::program::program;

#[test]
fn every_directory_of_a_new_root_is_on_stable_storage_before_anything_is_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let (root, log) = (directory.path().join("not/there/yet"), directory.path().join("strace.log"));
    let mut command = program();
    command.arg("--root").arg(&root).args(["--base-url", "http://127.0.0.1:9/nbia-api/services/v4"]);
    command.arg("resume");
    let calls = ["mkdir", "mkdirat", "fsync", "fdatasync", "pwrite64"];

    strace::run(&command, &calls, &[], &log);

    let calls = strace::read(&log);
    let place = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let first_record = calls.iter().position(|call| call.name == "pwrite64").unwrap();
    for made in [&root, root.parent().unwrap(), root.parent().unwrap().parent().unwrap()] {
        let is_its_parent_synced =
            |call: &strace::Call| call.name == "fsync" && call.is_about(&place(made.parent().unwrap()));
        let was_made = calls.iter().position(|call| {
            call.name.starts_with("mkdir") && call.is_about(&place(made)) && !call.has_failed()
        });
        let synced = calls[was_made.unwrap()..first_record].iter().any(is_its_parent_synced);
        assert!(synced, "{} may be lost", made.display());
    }
}
