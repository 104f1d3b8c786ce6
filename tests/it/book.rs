//! Every block of commands in the book, run as it stands; every block of configuration, read; every message, looked for.
//!
//! The commands of a chapter share a directory, in whose places `/srv`, `/data` and `/backup` lie, and a service on
//! loopback. What needs root, systemd or a checkout is marked `sh system` and only read here.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::catalogue::{Catalogue, SampleSeries};
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::Lab;

/// Where `serve` listens in the book.
const LISTEN: &str = "127.0.0.1:8042";
/// Places of the book, which lie in a directory of the test.
const PLACES: [&str; 3] = ["/srv/", "/data/", "/backup/"];
const RETRIEVED: &str = "data/manifest-1700000000000/TCGA-GBM/TCGA-02-0002/1.2.826.2/1.2.826.2.1";

/// A piece of a chapter between fences.
struct Block {
    kind: String,
    line: usize,
    text: String,
}

fn book() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// The chapters that the summary names.
fn chapters() -> Vec<String> {
    let summary = fs::read_to_string(book().join("SUMMARY.md")).unwrap();
    let link = |line: &str| Some(line.split_once("](")?.1.split_once(')')?.0.to_owned());
    summary.lines().filter_map(link).collect()
}

fn blocks(chapter: &str) -> Vec<Block> {
    let text = fs::read_to_string(book().join(chapter)).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, text) in (1..).zip(text.lines()) {
        match (text.strip_prefix("```"), open.take()) {
            (Some(kind), None) => open = Some(Block { kind: kind.to_owned(), line, text: String::new() }),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(block)) => open = Some(Block { text: block.text + text + "\n", ..block }),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{chapter}: a block that does not end");
    blocks
}

fn of_kind(chapter: &str, kind: &str) -> Vec<Block> {
    blocks(chapter).into_iter().filter(|block| block.kind == kind).collect()
}

/// Two collections of a service, as the book names them.
fn catalogue() -> Catalogue {
    let of = |(number, collection, patient): (u32, &str, &str)| {
        let study = format!("1.2.826.{number}");
        let uid = format!("{study}.1");
        let series = SampleSeries::new((patient, patient), &study, &uid, 2, 800);
        SampleSeries {
            collection: collection.to_owned(),
            license_name: Some("Creative Commons Attribution 4.0 International License"),
            ..series
        }
    };
    let series = [
        (1, "LIDC-IDRI", "LIDC-IDRI-0001"),
        (2, "TCGA-GBM", "TCGA-02-0002"),
        (3, "TCGA-GBM", "TCGA-02-0003"),
    ];
    Catalogue { series: series.into_iter().map(of).collect() }
}

/// The program by its name, with `serve` in the background at a port of its own, until the shell ends.
fn install(lab: &Lab, port: u16) {
    let program = env!("CARGO_BIN_EXE_tcia-mirror");
    let script = format!(
        "#!/bin/bash\nif [ \"$1\" != serve ]; then exec {program} \"$@\"; fi\n\
         {program} serve --listen 127.0.0.1:{port} < /dev/null > \"$PLACE/serve.log\" 2>&1 &\n\
         echo $! > \"$PLACE/serve.pid\"\n\
         until curl --silent --fail http://127.0.0.1:{port}/healthz > /dev/null; do kill -0 $! || exit 1; done\n"
    );
    write(&lab.beside("bin/tcia-mirror"), &script);
    fs::set_permissions(lab.beside("bin/tcia-mirror"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test makes files of its own")]
fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A folder that another tool has downloaded.
fn retrieved(lab: &Lab) {
    for (number, bytes) in (1..).zip(catalogue().series[1].files.values()) {
        write(&lab.beside(RETRIEVED).join(format!("1-{number}.dcm")), bytes);
    }
    write(&lab.beside("data/manifest-1700000000000/metadata.csv"), "Series UID\n");
}

/// The commands with the places of the test in place of those of the book.
fn placed(lab: &Lab, text: &str, port: u16) -> String {
    let there = |text: String, place: &&str| {
        text.replace(place, &format!("{}{place}", lab.beside("").to_str().unwrap().trim_end_matches('/')))
    };
    let text = PLACES.iter().fold(text.to_owned(), there);
    text.replace(LISTEN, &format!("127.0.0.1:{port}"))
}

fn run(chapter: &str) {
    let source = tempfile::tempdir().unwrap();
    catalogue().build(source.path());
    let fake = FakeTcia::start(source.path());
    let lab = Lab::new(&fake.base_url("nbia-v4"));
    lab.configure("");
    retrieved(&lab);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    install(&lab, port);
    for place in ["srv", "backup"] {
        fs::create_dir_all(lab.beside(place)).unwrap();
    }
    // chapters behind the first take for granted what that has done
    let mut script = String::from("set -euo pipefail\nPATH=\"$PLACE/bin:$PATH\"\n");
    if chapter != "start.md" && chapter != "adopt.md" {
        script += "tcia-mirror --quiet mirror --collection TCGA-GBM\n";
    }
    for block in of_kind(chapter, "sh") {
        script.extend([&format!("echo '{chapter}:{}' >&2\n", block.line), &*block.text]);
    }
    let mut shell = Command::new("bash");
    shell.args(["-c", &placed(&lab, &script, port)]).current_dir(lab.beside("")).stdin(Stdio::null());
    shell.env("PLACE", lab.beside("")).env("TCIA_MIRROR_CONFIG", lab.beside("config.toml"));
    shell
        .env("TCIA_MIRROR_BASE_URL", fake.base_url("nbia-v4"))
        .env("TCIA_MIRROR_ROOT", lab.beside("srv/tcia"));
    let ended = shell.output().unwrap();
    if let Ok(server) = fs::read_to_string(lab.beside("serve.pid")) {
        assert!(Command::new("kill").arg(server.trim()).status().unwrap().success());
    }
    let (stdout, stderr) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{chapter} ends in {}:\n{stdout}\n{stderr}", ended.status);
}

#[test]
fn every_command_of_the_book_does_what_it_is_shown_for() {
    for tool in ["curl", "sqlite3"] {
        let found = Command::new(tool).arg("--version").stdout(Stdio::null()).status();
        assert!(
            found.is_ok_and(|found| found.success()),
            "this test needs {tool}: install Debian's package {tool}"
        );
    }
    let with_commands = chapters().into_iter().filter(|chapter| !of_kind(chapter, "sh").is_empty());
    let all: Vec<_> = with_commands.collect();
    assert!(all.len() >= 7, "{all:?}");
    for chapter in all {
        run(&chapter);
    }
}

#[test]
fn every_block_is_of_a_kind_that_is_looked_at() {
    let known = ["sh", "sh system", "toml", "text"];
    for chapter in chapters() {
        for block in blocks(&chapter) {
            let is_of_a_user =
                !["SEMANTICS.md", "DIALECTS.md", "METRICS.md", "ARCHITECTURE.md"].contains(&&*chapter);
            assert!(
                !is_of_a_user || known.contains(&&*block.kind),
                "{chapter}:{}: `{}`",
                block.line,
                block.kind
            );
            if block.kind.starts_with("sh") {
                let read = Command::new("bash").args(["-n", "-c", &block.text]).status().unwrap();
                assert!(read.success(), "{chapter}:{}", block.line);
            }
        }
    }
}

#[test]
fn every_configuration_of_the_book_is_one() {
    let lab = Lab::new("http://127.0.0.1:1/nbia-api/services/v4");
    for chapter in chapters() {
        for block in of_kind(&chapter, "toml") {
            let text = block.text.replace("/etc/tcia-mirror/", lab.beside("etc/").to_str().unwrap());
            // the secrets that it names are there
            let secrets =
                text.split('"').filter(|word| word.starts_with(lab.beside("etc/").to_str().unwrap()));
            secrets.for_each(|file| write(Path::new(file), "secret"));
            write(&lab.beside("shown.toml"), &text);
            let mut command = crate::support::program::program();
            let ended = command.args(["config", "--config"]).arg(lab.beside("shown.toml")).output().unwrap();
            assert!(
                ended.status.success(),
                "{chapter}:{}: {}",
                block.line,
                String::from_utf8_lossy(&ended.stderr)
            );
        }
    }
}

#[test]
fn every_message_of_the_book_is_one_that_the_program_says() {
    let sources = Command::new("grep")
        .args(["-rhoE", "\"[^\"]+\"?"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .output()
        .unwrap();
    let said = String::from_utf8(sources.stdout).unwrap();
    let text = fs::read_to_string(book().join("troubleshooting.md")).unwrap();
    let messages: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(message, _)| message)
        .collect();
    assert!(messages.len() > 12);
    for message in messages {
        assert!(said.contains(message), "nothing says `{message}`");
    }
}

#[test]
fn every_link_of_the_book_leads_to_something() {
    for chapter in chapters() {
        let text = fs::read_to_string(book().join(&chapter)).unwrap();
        for target in
            text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
        {
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            if file.contains("://") {
                continue;
            }
            let path = if file.is_empty() { book().join(&chapter) } else { book().join(file) };
            assert!(path.exists(), "{chapter}: {target}");
            let of_heading =
                |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            let is_there = || {
                fs::read_to_string(&path)
                    .unwrap()
                    .lines()
                    .any(|line| line.starts_with('#') && of_heading(line) == section)
            };
            assert!(section.is_empty() || is_there(), "{chapter}: {target}");
        }
    }
}
