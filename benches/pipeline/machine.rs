//! What was measured on: a figure without its machine says nothing.

use std::fmt;
use std::fs;
use std::thread;

/// The machine, and how busy it was.
pub(crate) struct Machine {
    processor: String,
    pub(crate) cores: usize,
    memory: String,
    kernel: String,
    load_before: String,
}

impl Machine {
    /// Looks at the machine, before anything is measured.
    pub(crate) fn look() -> anyhow::Result<Self> {
        Ok(Self {
            processor: field("/proc/cpuinfo", "model name")?,
            cores: thread::available_parallelism()?.get(),
            memory: field("/proc/meminfo", "MemTotal")?,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            load_before: load()?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, memory, kernel, load_before } = self;
        let load_after = load().map_err(|_unreadable| fmt::Error)?;
        write!(
            formatter,
            "{processor}, {cores} cores, {memory} of memory, Linux {kernel}; \
             load (1, 5, 15 min) before {load_before}, after {load_after}"
        )
    }
}

fn load() -> std::io::Result<String> {
    let averages = fs::read_to_string("/proc/loadavg")?;
    Ok(averages.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// The first line `name : value` of a file of `/proc`.
fn field(path: &str, name: &str) -> std::io::Result<String> {
    let text = fs::read_to_string(path)?;
    let value = text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name);
    Ok(value.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned()))
}
