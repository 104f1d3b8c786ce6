//! The servers that are asked: the program, and nginx with the same bytes as a file.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

/// `serve` on a mirror; it ends with this.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Program {
    pub(crate) fn serve(root: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcia-mirror"));
        command.arg("--root").arg(root).args(["serve", "--listen", "127.0.0.1:0"]);
        let mut process = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let said = BufReader::new(process.stderr.take().context("the program has no standard error")?);
        let first = said.lines().next().context("the program said nothing")??;
        let address = first.split("http://").nth(1).context("the program said no address")?;
        Ok(Self { address: address.trim_end_matches('/').parse()?, process })
    }

    /// Most memory that it has had since the last question, in bytes.
    pub(crate) fn peak_bytes(&self) -> anyhow::Result<u64> {
        let place = format!("/proc/{}", self.process.id());
        let status = fs::read_to_string(format!("{place}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        File::options().write(true).open(format!("{place}/clear_refs"))?.write_all(b"5")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // what ends badly here has been measured already
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// nginx on a directory; it ends with this.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    configuration: PathBuf,
}

impl Nginx {
    /// `None` where it is not installed.
    pub(crate) fn serve(directory: &Path) -> anyhow::Result<Option<Self>> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let place = directory.display();
        let text = format!(
            "worker_processes auto; pid {place}/pid; error_log {place}/errors; user root;
             events {{ }}
             http {{ sendfile on; tcp_nopush on; access_log off; server {{ listen {address}; root {place}; }} }}"
        );
        let nginx = Self { address, configuration: directory.join("nginx.conf") };
        File::create(&nginx.configuration)?.write_all(text.as_bytes())?;
        // it goes into the background once it listens
        match nginx.command().status() {
            Ok(status) if status.success() => Ok(Some(nginx)),
            Ok(status) => anyhow::bail!("nginx ended with {status}"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&self.configuration);
        command
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.command().args(["-s", "stop"]).status());
    }
}
