//! A daemon under the eyes of a supervisor: what it says over `NOTIFY_SOCKET`, in the protocol of `sd_notify(3)`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::program::Lab;

/// Only ends a test that would hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon that runs, and the socket where it is heard.
pub(super) struct Supervised {
    child: Option<Child>,
    said: Receiver<String>,
    log: Receiver<String>,
    /// What it has said so far.
    pub(super) heard: Vec<String>,
}

impl Supervised {
    /// Starts the daemon of a lab, which must be heard of so often.
    pub(super) fn start(lab: &Lab, watchdog: Option<Duration>) -> Self {
        let path = lab.beside("notify");
        drop(std::fs::remove_file(&path));
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut command = lab.command(&["daemon"]);
        command.env("NOTIFY_SOCKET", &path).env_remove("WATCHDOG_USEC").env_remove("WATCHDOG_PID");
        if let Some(watchdog) = watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child: Some(child), said: listen(socket), log, heard: Vec::new() }
    }

    /// Waits until it says a line that begins so; gives the line.
    pub(super) fn says(&mut self, beginning: &str) -> String {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let Ok(line) = self.said.recv_timeout(PATIENCE) else { break };
            self.heard.push(line.clone());
            if line.starts_with(beginning) {
                return line;
            }
        }
        panic!("{beginning:?} was not said; heard: {:?}; log: {:?}", self.heard, self.logged())
    }

    /// Waits until it has nothing to do.
    pub(super) fn waits(&mut self) {
        self.says("STATUS=next cycle at");
    }

    /// Waits until it logs a line with this in it; gives the line.
    pub(super) fn logs(&self, part: &str) -> String {
        let (began, mut seen) = (Instant::now(), Vec::new());
        while began.elapsed() < PATIENCE {
            let Ok(line) = self.log.recv_timeout(PATIENCE) else { break };
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
        panic!("{part:?} was not logged; but: {:#?}", &seen[seen.len().saturating_sub(20)..])
    }

    fn logged(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// Asks it to stop; gives its exit code.
    pub(super) fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.take().unwrap().wait().unwrap().code()
    }

    /// What its server answers at a path, head and body; it listens where its log says.
    pub(super) fn ask(authority: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(authority).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Where its server listens.
    pub(super) fn authority(&self) -> String {
        self.logs("serving the mirror at http://").split("http://").nth(1).unwrap().trim().to_owned()
    }
}

/// Hears all that is said, as a supervisor does: who is not heard waits.
fn listen(socket: UnixDatagram) -> Receiver<String> {
    let (sender, said) = channel();
    std::thread::spawn(move || {
        let mut datagram = [0; 4096];
        while let Ok(length) = socket.recv(&mut datagram) {
            let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
            if text.lines().try_for_each(|line| sender.send(line.to_owned())).is_err() {
                break;
            }
        }
    });
    said
}

impl Drop for Supervised {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
