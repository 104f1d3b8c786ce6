//! The program itself, run as a user would run it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Pauses of milliseconds, no guard of the disk, short silence.
const QUICK: &str = r#"
[http]
first_byte_timeout = "2s"
idle_timeout = "1s"
[limits]
query_rate = "0"
image_rate = "0"
[retry]
attempts = 3
base = "1ms"
cap = "5ms"
give_up = "1s"
[jobs]
attempts = 3
base = "1ms"
cap = "5ms"
grace = "1s"
[disk]
min_free = "0"
min_free_inodes = 0
"#;

/// How often the memory of a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// A user who owns nothing.
const NOBODY: u32 = 65534;

/// A root and a configuration of its own for one test.
pub(crate) struct Lab {
    directory: TempDir,
    base_url: String,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Lab {
    pub(crate) fn new(base_url: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lab = Self { directory, base_url: base_url.to_owned() };
        lab.configure("");
        lab
    }

    /// Where the mirror lies.
    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("mirror")
    }

    /// A place beside the mirror.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the quick configuration with lines that replace or extend it.
    #[expect(clippy::disallowed_methods, reason = "a test writes its own configuration")]
    pub(crate) fn configure(&self, more: &str) {
        let mut table: toml::Table = QUICK.parse().unwrap();
        for (section, values) in more.parse::<toml::Table>().unwrap() {
            match (table.get_mut(&section), values) {
                (Some(toml::Value::Table(known)), toml::Value::Table(values)) => known.extend(values),
                (_, values) => drop(table.insert(section, values)),
            }
        }
        std::fs::write(self.beside("config.toml"), table.to_string()).unwrap();
    }

    /// The program with this lab's flags, ready to run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.with_flags(program(), arguments)
    }

    fn with_flags(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.arg("--config").arg(self.beside("config.toml")).arg("--root").arg(self.root());
        command.args(["--base-url", &self.base_url]).args(arguments);
        command
    }

    /// Runs the program with the services of its configuration.
    pub(crate) fn run_as_configured(&self, arguments: &[&str]) -> Ended {
        let mut command = program();
        command.arg("--config").arg(self.beside("config.toml")).arg("--root").arg(self.root());
        command.args(arguments).output().unwrap().into()
    }

    /// Runs the program to its end as one who may write the mirror and read what others leave open, whoever runs the
    /// tests.
    pub(crate) fn run_as_nobody(&self, arguments: &[&str]) -> Ended {
        std::fs::create_dir_all(self.root()).unwrap();
        for directory in [self.directory.path().to_owned(), self.root()] {
            std::fs::set_permissions(directory, Permissions::from_mode(0o777)).unwrap();
        }
        self.of_nobody(arguments).output().unwrap().into()
    }

    /// The program, to be run by a user who owns nothing.
    fn of_nobody(&self, arguments: &[&str]) -> Command {
        // a place that everyone can reach: the one where it was built may be closed to others; by a process of its own:
        // while this one writes it, another thread may start a child that holds it open
        let copy = self.beside("tcia-mirror");
        assert!(
            Command::new("cp").arg(env!("CARGO_BIN_EXE_tcia-mirror")).arg(&copy).status().unwrap().success()
        );
        let mut command = self.with_flags(without_environment(&copy), arguments);
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Runs the program to its end as one who may write nowhere in the mirror, whoever runs the tests.
    pub(crate) fn run_as_reader(&self, arguments: &[&str]) -> Ended {
        let directories = [self.directory.path().to_owned(), self.root(), self.root().join(".tcia-mirror")];
        let set = |mode| {
            for directory in &directories {
                std::fs::set_permissions(directory, Permissions::from_mode(mode)).unwrap();
            }
        };
        let mut command = self.of_nobody(arguments);
        set(0o555);
        let ended = command.output();
        set(0o755);
        ended.unwrap().into()
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs the program to its end and watches its memory; gives the peak in bytes, as far as looking now and then shows.
    pub(crate) fn run_watched(&self, arguments: &[&str]) -> (Ended, u64) {
        let child = self.start(arguments);
        let status = format!("/proc/{}/status", child.id());
        let (tell, told) = channel();
        let waiting = std::thread::spawn(move || tell.send(child.wait_with_output().unwrap()));
        let mut peak_bytes = 0;
        let output = loop {
            peak_bytes = std::fs::read_to_string(&status).ok().and_then(peak_of).unwrap_or(peak_bytes);
            match told.recv_timeout(LOOK_EVERY) {
                Ok(output) => break output,
                Err(error) => assert_eq!(error, RecvTimeoutError::Timeout),
            }
        };
        waiting.join().unwrap().unwrap();
        (output.into(), peak_bytes)
    }

    /// Starts the program.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// The program without any of the environment that would configure it.
pub(crate) fn program() -> Command {
    without_environment(Path::new(env!("CARGO_BIN_EXE_tcia-mirror")))
}

fn without_environment(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TCIA_MIRROR_"))
    {
        command.env_remove(name);
    }
    command.env("HOME", "/nonexistent").env_remove("XDG_CONFIG_HOME");
    command
}

/// `VmHWM` of a `/proc/…/status`, in bytes; a process that has ended has none.
#[expect(clippy::needless_pass_by_value, reason = "it ends a chain")]
fn peak_of(status: String) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Every line of standard output as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(read).collect()
    }

    /// The summary in its last line.
    pub(crate) fn summary(&self) -> Value {
        self.json().last().unwrap_or_else(|| panic!("nothing was printed: {self:?}"))["summary"].clone()
    }

    /// Fails unless it ended with this code.
    pub(crate) fn assert_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Waits for something that another process does; the limit only ends a test that would hang.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// Whether a file, or an entry of a ZIP, is named as an instance is.
pub(crate) fn is_instance(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "dcm")
}

/// Every file below a directory, its own state aside: path and bytes.
pub(crate) fn tree(root: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut tree = std::collections::BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if name == ".tcia-mirror" {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else {
                tree.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    tree
}
