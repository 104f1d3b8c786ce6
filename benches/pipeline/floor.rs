//! The floor: what each part of the work costs by itself, on the program's own data, with nothing between the parts.
//!
//! Each part is done by what does it in the program. MD5 is taken of as many instances at once as the program takes, from
//! memory: that the program reads them back from the page cache is not in the floor.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use flate2::{Decompress, FlushDecompress, Status};
use md5::Md5;
use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};
use tcia_mirror::mirror::{LANES, md5_of_each};

use crate::prepared::Prepared;
use crate::service::PATH;

/// Bytes that go through a socket or through inflate at once.
const STEP_BYTES: usize = 64 << 10;
/// A local header without its name, and a data descriptor, as `JavaZip` writes them.
const LOCAL_HEADER_BYTES: usize = 30;
const DESCRIPTOR_BYTES: usize = 16;

/// Larger instances are digested by themselves, as the program does it.
const MOST_GROUPED_BYTES: usize = 8 << 20;

/// One part of the work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Receive,
    Inflate,
    Crc32,
    Sha256,
    Md5,
    Files,
}

impl Part {
    pub(crate) const ALL: [Self; 6] =
        [Self::Receive, Self::Inflate, Self::Crc32, Self::Sha256, Self::Md5, Self::Files];

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Receive => "HTTP: receive, plain TcpStream",
            Self::Inflate => "inflate, zlib-rs",
            Self::Crc32 => "CRC-32",
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5, in lanes up to 8 MiB",
            Self::Files => "files: create, write, fdatasync of all",
        }
    }
}

/// Processor time of each part, in the order of [`Part::ALL`].
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Costs([Duration; Part::ALL.len()]);

impl Costs {
    pub(crate) fn of(&self, part: Part) -> Duration {
        self.0[part as usize]
    }

    pub(crate) fn sum(&self) -> Duration {
        self.0.iter().sum()
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Does some work and adds the processor time of this thread to a part.
    fn time<T>(&mut self, part: Part, work: impl FnOnce() -> T) -> T {
        let began = thread_time();
        let done = black_box(work());
        self.0[part as usize] += thread_time().saturating_sub(began);
        done
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Measures all parts on all series, in so many threads: as many as the program will have at work.
pub(crate) fn measure(
    address: SocketAddr,
    series: &[Prepared],
    threads: usize,
    directory: &Path,
) -> anyhow::Result<Costs> {
    let waiting = Mutex::new(series.iter());
    let total = Mutex::new(Costs::default());
    let next = || waiting.lock().expect("no thread panics while it holds the lock").next();
    let work = || -> anyhow::Result<()> {
        while let Some(one) = next() {
            let costs = measure_series(address, one, directory)?;
            total.lock().expect("no thread panics while it holds the lock").add(&costs);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = running.into_iter().map(|thread| thread.join().expect("the floor panics nowhere"));
        ended.collect::<anyhow::Result<()>>()
    })?;
    Ok(total.into_inner()?)
}

fn measure_series(address: SocketAddr, series: &Prepared, directory: &Path) -> anyhow::Result<Costs> {
    let mut costs = Costs::default();
    let uid = &series.listed.series_instance_uid;
    let received = costs.time(Part::Receive, || receive(address, uid))?;
    ensure!(received > series.zip_bytes(), "series {uid} came short: {received} bytes");
    let staging = directory.join(uid);
    fs::create_dir_all(&staging)?;
    let zip = series.whole_zip();
    let mut entries = Entries::of(series, &zip)?;
    let (mut files, mut group) = (Vec::new(), Group::default());
    while let Some(content) = entries.next(&mut costs)? {
        costs.time(Part::Crc32, || crc32fast::hash(content));
        costs.time(Part::Sha256, || Sha256::digest(content));
        let path = staging.join(format!("{}.dcm", files.len()));
        files.push(costs.time(Part::Files, || write(&path, content))?);
        group.add(content, &mut costs)?;
    }
    group.digest(&mut costs)?;
    costs.time(Part::Files, || files.iter().try_for_each(File::sync_data))?;
    costs.time(Part::Files, || File::open(&staging)?.sync_all())?;
    Ok(costs)
}

/// Instances whose MD5s are taken together, in buffers that serve for all groups of a series: memory that comes and goes
/// would make the files dearer than they are.
#[derive(Default)]
struct Group {
    contents: [Vec<u8>; LANES],
    filled: usize,
}

impl Group {
    fn add(&mut self, content: &[u8], costs: &mut Costs) -> anyhow::Result<()> {
        if content.len() > MOST_GROUPED_BYTES {
            costs.time(Part::Md5, || Md5::digest(content));
            return Ok(());
        }
        let buffer = &mut self.contents[self.filled];
        buffer.clear();
        buffer.extend_from_slice(content);
        self.filled += 1;
        if self.filled < LANES { Ok(()) } else { self.digest(costs) }
    }

    fn digest(&mut self, costs: &mut Costs) -> anyhow::Result<()> {
        let contents = self.contents[..std::mem::take(&mut self.filled)].iter().map(Vec::as_slice);
        costs.time(Part::Md5, || md5_of_each(contents.collect()))?;
        Ok(())
    }
}

fn write(path: &Path, content: &[u8]) -> std::io::Result<File> {
    let mut file = File::create_new(path)?;
    file.write_all(content)?;
    Ok(file)
}

/// Takes the answer as it comes and looks at none of it; gives its length.
fn receive(address: SocketAddr, series_instance_uid: &str) -> anyhow::Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    let request = format!("GET {PATH}/getImage?SeriesInstanceUID={series_instance_uid} HTTP/1.1\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let (mut piece, mut received) = (vec![0; STEP_BYTES], 0);
    loop {
        match stream.read(&mut piece)? {
            0 => return Ok(received),
            length => received += length as u64,
        }
    }
}

/// The instances of a ZIP of `JavaZip`, which is trusted.
struct Entries<'a> {
    zip: &'a [u8],
    inflate: Decompress,
    content: Vec<u8>,
}

impl<'a> Entries<'a> {
    fn of(series: &Prepared, zip: &'a [u8]) -> anyhow::Result<Self> {
        let largest = series.listed.file_size.div_ceil(series.listed.image_count as u64);
        let content = vec![0; usize::try_from(largest)? + STEP_BYTES];
        Ok(Self { zip, inflate: Decompress::new(false), content })
    }

    /// The next instance; licence and list of MD5s are unpacked and left out.
    fn next(&mut self, costs: &mut Costs) -> anyhow::Result<Option<&[u8]>> {
        while self.zip.starts_with(b"PK\x03\x04") {
            let name_bytes = usize::from(u16::from_le_bytes([self.zip[26], self.zip[27]]));
            let (header, data) = self.zip.split_at(LOCAL_HEADER_BYTES + name_bytes);
            self.zip = data;
            let length = costs.time(Part::Inflate, || self.inflate())?;
            if header.ends_with(b".dcm") {
                return Ok(Some(&self.content[..length]));
            }
        }
        Ok(None)
    }

    fn inflate(&mut self) -> anyhow::Result<usize> {
        self.inflate.reset(false);
        loop {
            let (taken, given) = self.totals()?;
            let input = &self.zip[taken..self.zip.len().min(taken + STEP_BYTES)];
            let output =
                self.content.get_mut(given..given + STEP_BYTES).context("an instance is too large")?;
            if self.inflate.decompress(input, output, FlushDecompress::None)? == Status::StreamEnd {
                let (taken, given) = self.totals()?;
                self.zip = &self.zip[taken + DESCRIPTOR_BYTES..];
                return Ok(given);
            }
        }
    }

    fn totals(&self) -> anyhow::Result<(usize, usize)> {
        Ok((self.inflate.total_in().try_into()?, self.inflate.total_out().try_into()?))
    }
}
