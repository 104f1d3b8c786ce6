//! One placed series as a ZIP, written while it is sent.
//!
//! The archive's server closes the ZIP when a file cannot be read, so that a part arrives as if it were the whole
//! (NBIA-TCIA 865725e, `V4_getImage.java`). Here every file is held against the record while it passes, and what is
//! not as recorded cuts the answer.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use axum::body::Bytes;
use jiff::civil;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::outlet::Outlet;
use super::served::Fault;
use super::stored::{self, Entry};
use crate::db::ServedSeries;
use crate::dicom::Instance;
use crate::mirror::{SeriesFiles, file_name};

/// Piece in which files are read.
const READ_PIECE: usize = 64 << 10;
/// Files from here on get sizes of 64 bits: less than 4 GiB by more than what deflate can add.
const LARGE: u64 = 0xFF00_0000;
/// The fastest level: whoever asks a mirror is near it, and then a core is the limit and not the line.
const LEVEL: i64 = 1;

/// How a series is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Files as they are: whoever asks a mirror is near it, and the length of the ZIP can be told.
    Stored,
    /// Deflated, as the archive's own server packs them.
    #[default]
    Deflated,
}

impl fmt::Display for Packing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Stored => "stored",
            Self::Deflated => "deflated",
        })
    }
}

impl FromStr for Packing {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = [Self::Stored, Self::Deflated].into_iter().find(|known| known.to_string() == name);
        known.ok_or_else(|| format!("`{name}` is neither stored nor deflated"))
    }
}

/// How the entries are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// `00000001.dcm`, as getImage by default.
    Numbered,
    /// `1-001.dcm`, as getImage with `NewFileNames`: acquisition and instance, padded to the same width. The record
    /// knows no acquisitions, so all are of the first; clients must not read anything from these names.
    InAcquisition,
    /// `./1-<file>`, behind an entry `./`, as Bindaas (`BlobDownloadPlugin.java`).
    Blob,
}

/// What is to be packed.
pub(super) struct Parcel {
    pub(super) series: ServedSeries,
    pub(super) files: SeriesFiles,
    pub(super) naming: Naming,
    /// What the entries are dated: when they are sent, as by the archive's server.
    pub(super) packed_at: civil::DateTime,
    /// The licence text, when it opens the ZIP.
    pub(super) license: Option<Vec<u8>>,
    /// Whether a list of MD5s closes the ZIP.
    pub(super) has_md5_list: bool,
}

/// What is in an entry.
enum Content<'a> {
    Directory,
    Text(Bytes),
    Instance(&'a Instance),
}

/// Where bytes go.
pub(super) type Give<'a> = dyn FnMut(Bytes) -> io::Result<()> + 'a;

type Zip<'a> = ZipWriter<StreamWriter<&'a Outlet>>;

impl Naming {
    fn name(self, number: usize, of: usize, instance: &Instance) -> String {
        match self {
            Self::Numbered => format!("{number:08}.dcm"),
            Self::InAcquisition => format!("1-{number:0width$}.dcm", width = of.to_string().len()),
            Self::Blob => format!("./{number}-{}", file_name(&instance.sop_instance_uid)),
        }
    }
}

impl Parcel {
    /// Writes the ZIP and ends the answer.
    pub(super) fn send(&self, packing: Packing, outlet: Outlet) -> Result<(), Fault> {
        let packed = match packing {
            Packing::Stored => self.store(&outlet),
            Packing::Deflated => self.deflate(&outlet),
        };
        packed?;
        Ok(outlet.finish()?)
    }

    /// Bytes of the ZIP, where they can be told beforehand.
    pub(super) fn length(&self, packing: Packing) -> Option<u64> {
        match packing {
            Packing::Stored => Some(stored::length(&self.contents().iter().map(entry).collect::<Vec<_>>())),
            Packing::Deflated => None,
        }
    }

    fn contents(&self) -> Vec<(String, Content<'_>)> {
        let directory = (self.naming == Naming::Blob).then(|| ("./".to_owned(), Content::Directory));
        let license = self
            .license
            .as_ref()
            .map(|text| ("LICENSE".to_owned(), Content::Text(Bytes::copy_from_slice(text))));
        let mut contents: Vec<_> = directory.into_iter().chain(license).collect();
        let instances = &self.series.instances;
        let mut md5_list = "Filename,MD5Hash\n".to_owned();
        for (number, instance) in (1..).zip(instances) {
            let name = self.naming.name(number, instances.len(), instance);
            let md5 = format!("{:032x}", u128::from_be_bytes(instance.md5));
            md5_list.extend([name.as_str(), ",", md5.as_str(), "\n"]);
            contents.push((name, Content::Instance(instance)));
        }
        if self.has_md5_list {
            contents.push(("md5hashes.csv".to_owned(), Content::Text(md5_list.into())));
        }
        contents
    }

    fn store(&self, outlet: &Outlet) -> Result<(), Fault> {
        let contents = self.contents();
        let entries: Vec<_> = contents.iter().map(entry).collect();
        for (entry, (_, content)) in entries.iter().zip(&contents) {
            outlet.give(entry.header(self.packed_at).into())?;
            self.write(content, &mut |bytes| outlet.give(bytes))?;
        }
        Ok(outlet.give(stored::directory(&entries, self.packed_at).into())?)
    }

    fn deflate(&self, outlet: &Outlet) -> Result<(), Fault> {
        let mut zip = ZipWriter::new_stream(outlet);
        let packed = self.deflate_all(&mut zip);
        if packed.is_err() {
            // the writer closes its ZIP when it goes away, whatever is missing in it
            outlet.cut();
        }
        packed?;
        zip.finish().map_err(io::Error::from)?;
        Ok(())
    }

    fn deflate_all(&self, zip: &mut Zip<'_>) -> Result<(), Fault> {
        for (name, content) in self.contents() {
            let begun = match content {
                Content::Directory => zip.add_directory(name, options(self.packed_at)),
                Content::Text(_) => zip.start_file(name, options(self.packed_at)),
                Content::Instance(instance) => {
                    zip.start_file(name, options(self.packed_at).large_file(instance.size_bytes >= LARGE))
                }
            };
            begun.map_err(io::Error::from)?;
            self.write(&content, &mut |bytes| zip.write_all(&bytes))?;
        }
        Ok(())
    }

    fn write(&self, content: &Content<'_>, give: &mut Give<'_>) -> Result<(), Fault> {
        match content {
            Content::Directory => Ok(()),
            Content::Text(text) => Ok(give(text.clone())?),
            Content::Instance(instance) => copy_instance(&self.files, &self.series.path, instance, give),
        }
    }
}

fn entry((name, content): &(String, Content<'_>)) -> Entry {
    let (size_bytes, crc32) = match content {
        Content::Directory => (0, 0),
        Content::Text(text) => (text.len() as u64, crc32fast::hash(text)),
        Content::Instance(instance) => (instance.size_bytes, instance.crc32),
    };
    Entry { name: name.clone(), size_bytes, crc32 }
}

/// The ZIP of a series of which there is no file, as Bindaas sends it.
pub(super) fn without_files(packed_at: civil::DateTime) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    zip.add_directory("./", options(packed_at))?;
    Ok(zip.finish()?.into_inner())
}

fn options(packed_at: civil::DateTime) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(entry_time(packed_at).unwrap_or_default())
}

/// A time as a ZIP has it, which knows the years from 1980 to 2107.
fn entry_time(time: civil::DateTime) -> Option<DateTime> {
    let part = |number: i8| u8::try_from(number).ok();
    let [month, day] = [part(time.month())?, part(time.day())?];
    let [hour, minute, second] = [part(time.hour())?, part(time.minute())?, part(time.second())?];
    let year = u16::try_from(time.year()).ok()?;
    DateTime::from_date_and_time(year, month, day, hour, minute, second).ok()
}

/// Hands out the bytes of an instance; its last piece only when size and CRC-32 of all of it are as recorded.
pub(super) fn copy_instance(
    files: &SeriesFiles,
    series_path: &str,
    instance: &Instance,
    give: &mut Give<'_>,
) -> Result<(), Fault> {
    let path = || format!("{series_path}/{}", file_name(&instance.sop_instance_uid));
    let unreadable = |source| Fault::Tree { path: path(), source };
    let file = files.instance(&instance.sop_instance_uid).map_err(unreadable)?;
    let mut last = Vec::new();
    let (mut size_bytes, mut crc32) = (0, crc32fast::Hasher::new());
    loop {
        let mut next = Vec::with_capacity(READ_PIECE);
        let amount = (&file).take(READ_PIECE as u64).read_to_end(&mut next).map_err(unreadable)?;
        if amount == 0 {
            break;
        }
        size_bytes += amount as u64;
        crc32.update(&next);
        give(std::mem::replace(&mut last, next).into())?;
    }
    if (size_bytes, crc32.finalize()) != (instance.size_bytes, instance.crc32) {
        return Err(Fault::Damaged { path: path() });
    }
    Ok(give(last.into())?)
}
