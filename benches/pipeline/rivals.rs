//! What people take instead: curl with unzip and sha256sum, the Python package `tcia_utils`, aria2c for the transfer.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::prepared::Prepared;
use crate::process::{Spent, run_to};
use crate::service::{PATH, Service};

/// ZIPs, then files, then digests, on all cores, as such scripts go; nothing is compared, nothing put on stable storage.
const CURL: &str = r#"
set -euo pipefail
curl --parallel --parallel-max "$1" --no-progress-meter --fail --config addresses
find . -name '*.zip' -print0 | xargs -0 -P "$(nproc)" -I{} sh -c 'unzip -q -d "${1%.zip}" "$1" && rm "$1"' _ {}
find . -name '*.dcm' -print0 | xargs -0 -P "$(nproc)" -n 64 sha256sum > SHA256SUMS
"#;
/// Only the base address is changed.
const TCIA_UTILS: &str = r#"
import logging, sys
logging.disable(logging.INFO)
from tcia_utils import nbia
nbia.setApiUrl = lambda endpoint, api_url="nbia": sys.argv[1] + "/"
series = open("series").read().split()
nbia.downloadSeries(series, input_type="list", path=".")
"#;

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rival {
    Curl,
    TciaUtils,
    Aria2c,
}

impl Rival {
    pub(crate) const ALL: [Self; 3] = [Self::Curl, Self::TciaUtils, Self::Aria2c];

    /// How one gets it.
    pub(crate) fn how_to_install(self) -> &'static str {
        match self {
            Self::Curl => "apt install curl unzip",
            Self::TciaUtils => {
                "python3 -m venv V; V/bin/pip install tcia_utils==3.3.5; --python V/bin/python"
            }
            Self::Aria2c => "apt install aria2",
        }
    }

    /// Whether a run must leave the instances behind, and not only their ZIPs.
    fn unpacks(self) -> bool {
        self != Self::Aria2c
    }
}

impl fmt::Display for Rival {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Curl => "curl --parallel, unzip, sha256sum",
            Self::TciaUtils => "tcia_utils",
            Self::Aria2c => "aria2c, the transfer alone",
        })
    }
}

/// The rivals that are there.
pub(crate) struct Rivals {
    python: PathBuf,
    parallel: usize,
    pub(crate) there: Vec<Rival>,
}

impl Rivals {
    /// Looks which are there; Python is the interpreter that has `tcia_utils`.
    pub(crate) fn find(python: PathBuf, parallel: usize) -> Self {
        let runs = |program: &Path, arguments: &[&str]| {
            Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
        };
        let is_there = |rival: &Rival| match rival {
            Rival::Curl => runs(Path::new("curl"), &["--version"]) && runs(Path::new("unzip"), &["-v"]),
            Rival::TciaUtils => runs(&python, &["-c", "import tcia_utils.nbia"]),
            Rival::Aria2c => runs(Path::new("aria2c"), &["--version"]),
        };
        let there = Rival::ALL.into_iter().filter(is_there).collect();
        Self { python, parallel, there }
    }

    /// Fetches the series with one of them into a new directory; an error when it does not leave behind what it should.
    pub(crate) fn fetch(
        &self,
        rival: Rival,
        service: &Service,
        series: &[Prepared],
        directory: &Path,
    ) -> anyhow::Result<Spent> {
        let base_url = format!("http://{}{PATH}", service.address);
        let mut command = self.command(rival, &base_url, series, directory)?;
        let (spent, _) = run_to(command.current_dir(directory), 0)?;
        check(rival, series, directory)?;
        Ok(spent)
    }

    fn command(
        &self,
        rival: Rival,
        base_url: &str,
        series: &[Prepared],
        directory: &Path,
    ) -> anyhow::Result<Command> {
        let uids = series.iter().map(|one| &one.listed.series_instance_uid);
        let image = |uid| format!("{base_url}/getImage?SeriesInstanceUID={uid}");
        let write = |name: &str, lines: Vec<String>| {
            fs::File::create(directory.join(name))?.write_all((lines.join("\n") + "\n").as_bytes())
        };
        let parallel = self.parallel.to_string();
        Ok(match rival {
            Rival::Curl => {
                let lines = uids.map(|uid| format!("url = \"{}\"\noutput = \"{uid}.zip\"", image(uid)));
                write("addresses", lines.collect())?;
                let mut command = Command::new("bash");
                command.args(["-c", CURL, "curl", &parallel]);
                command
            }
            Rival::TciaUtils => {
                write("series", uids.cloned().collect())?;
                let mut command = Command::new(&self.python);
                command.args(["-c", TCIA_UTILS, base_url]);
                command
            }
            Rival::Aria2c => {
                write("addresses", uids.map(|uid| format!("{}\n  out={uid}.zip", image(uid))).collect())?;
                let mut command = Command::new("aria2c");
                command.args(["--quiet", "--file-allocation=none", "--input-file=addresses"]);
                command.arg(format!("--max-concurrent-downloads={parallel}"));
                command
            }
        })
    }
}

/// Looks at what lies there: its number of files and their bytes, whatever the rival says of itself.
fn check(rival: Rival, series: &[Prepared], directory: &Path) -> anyhow::Result<()> {
    let (suffix, expected) = if rival.unpacks() {
        let instances = series.iter().map(|one| one.listed.image_count).sum::<usize>();
        ("dcm", (instances, series.iter().map(|one| one.listed.file_size).sum::<u64>()))
    } else {
        ("zip", (series.len(), series.iter().map(Prepared::zip_bytes).sum()))
    };
    let found = count(directory, suffix)?;
    anyhow::ensure!(found == expected, "{rival} left {found:?} files and bytes instead of {expected:?}");
    Ok(())
}

/// Files with a suffix below a directory, and their bytes.
pub(crate) fn count(directory: &Path, suffix: &str) -> anyhow::Result<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if path.is_dir() {
            let (more_files, more_bytes) = count(&path, suffix)?;
            (files, bytes) = (files + more_files, bytes + more_bytes);
        } else if path.extension().is_some_and(|found| found == suffix) {
            (files, bytes) = (files + 1, bytes + entry.metadata()?.len());
        }
    }
    Ok((files, bytes))
}
