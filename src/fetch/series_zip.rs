//! A series as a ZIP: instances, the licence text, the list of MD5s, in whatever order they come.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::arrival::Arrival;
use super::error::Error;
use super::unpack::{Entry, Limits, UnpackError, ZipStream};
use super::{Fetch, LISTED_SIZE_MARGIN};
use crate::dicom::{Instance, SopInstanceUid};
use crate::mirror::{Expected, Grouped, Md5List, Staging, StagingError};
use crate::nbia::{BodyReader, Image};

/// Longest licence text.
const LONGEST_LICENSE: u64 = 1 << 20;
/// Longest list of MD5s: half a million lines.
const LONGEST_MD5_LIST: u64 = 32 << 20;
/// Entries besides instances: a licence, a list, a directory.
const OTHER_ENTRIES: u64 = 16;
/// Entries of a series whose number is not listed.
const MOST_ENTRIES: u64 = 4_000_000;

/// What a ZIP has brought.
pub(super) struct Unpacked {
    pub(super) staging: Staging,
    pub(super) md5_list: Option<Md5List>,
    /// The instance that came last: where the service stops in mid-file it closes the ZIP around what it has sent.
    pub(super) last: Option<SopInstanceUid>,
    /// Whether the ZIP came to its end, with nothing in it that does not belong there.
    pub(super) ended: Result<(), Error>,
}

/// What an entry is, by the names that the service gives.
enum EntryKind {
    Directory,
    License,
    Md5List,
    Instance,
}

struct Unpacking {
    grouped: Grouped,
    staged: mpsc::Sender<Instance>,
    progress: Arc<AtomicU64>,
    md5_list: Option<Md5List>,
    last: Option<SopInstanceUid>,
    problem: Option<Error>,
}

impl Fetch {
    /// Unpacks a ZIP, on a thread that may block, while it arrives.
    pub(super) async fn unpack(
        &self,
        image: Image,
        staging: Staging,
        expected: &Expected,
    ) -> Result<Unpacked, Error> {
        let limits = self.limits(expected);
        let reader = image.body.into_reader(&Handle::current());
        let mut unpacking = Unpacking {
            grouped: Grouped::new(staging),
            staged: self.staged.clone(),
            progress: Arc::clone(&self.progress),
            md5_list: None,
            last: None,
            problem: None,
        };
        let thread = tokio::task::spawn_blocking(move || {
            let ended = unpacking.read(ZipStream::new(reader, limits));
            unpacking.end(ended)
        });
        let mut unpacked = thread.await.map_err(|source| Error::Thread { source })??;
        let missing_list = image.md5_list_asked && unpacked.md5_list.is_none();
        let ended = unpacked.ended.map_err(|error| self.by_the_listing(error, expected));
        unpacked.ended = ended.and(if missing_list { Err(Error::NoMd5List) } else { Ok(()) });
        Ok(unpacked)
    }

    /// A ZIP that holds more than the listing allows, and not more than the configuration does, contradicts the listing.
    fn by_the_listing(&self, error: Error, expected: &Expected) -> Error {
        let Error::Unpack(UnpackError::OverLimit { what, allowed, .. }) = error else { return error };
        let by_bytes = expected.size_bytes.filter(|_| Some(allowed) == most_by_listing(expected));
        let by_entries = expected.image_count.filter(|count| allowed == most_entries(*count));
        let configured = [self.options.max_instance, self.options.max_series].contains(&allowed);
        match by_bytes.or(by_entries.map(u64::from)) {
            Some(listed) if !configured => Error::MoreThanListed { what, listed },
            _ => error,
        }
    }

    /// What the files of a series may have in all.
    pub(super) fn most_bytes(&self, expected: &Expected) -> u64 {
        most_by_listing(expected).unwrap_or(u64::MAX).min(self.options.max_series)
    }

    fn limits(&self, expected: &Expected) -> Limits {
        let max_total_bytes = self.most_bytes(expected);
        let entries = expected.image_count.map(most_entries);
        Limits {
            max_entry_bytes: self.options.max_instance.min(max_total_bytes),
            max_total_bytes,
            max_entries: entries.unwrap_or(MOST_ENTRIES),
        }
    }
}

/// Entries that a ZIP of so many instances may have.
fn most_entries(image_count: u32) -> u64 {
    u64::from(image_count) * 2 + OTHER_ENTRIES
}

/// What the files of a series may have in all by what is listed: a tenth and a MiB more.
pub(super) fn most_by_listing(expected: &Expected) -> Option<u64> {
    expected.size_bytes.map(|size| size.saturating_add(size / 10 + LISTED_SIZE_MARGIN))
}

impl Unpacking {
    /// Reads the ZIP to its end. What is wrong with one instance is kept for the end; the others may still be right.
    fn read(&mut self, mut zip: ZipStream<BodyReader>) -> Result<(), Error> {
        while let Some(mut entry) = zip.next_entry()? {
            match entry_kind(entry.name().as_bytes()) {
                EntryKind::Directory => {}
                EntryKind::License => {
                    let text = read_text(&mut entry, "LICENSE", LONGEST_LICENSE)?;
                    self.grouped.staging().keep_license(&text)?;
                }
                EntryKind::Md5List => {
                    let text = read_text(&mut entry, "md5hashes.csv", LONGEST_MD5_LIST)?;
                    self.md5_list = Some(read_md5_list(&text).map_err(|source| Error::Md5List { source })?);
                }
                EntryKind::Instance => self.take(&mut entry)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: &mut Entry<'_, BodyReader>) -> Result<(), Error> {
        match self.stage(entry) {
            Ok(instance) => self.last = Some(instance),
            Err(Error::Staging(StagingError::Conflict { instance })) => {
                // neither of the two can be believed
                self.grouped.remove(&instance)?;
                self.problem.get_or_insert(StagingError::Conflict { instance }.into());
            }
            Err(error)
                if error.is_of_the_answer() && !matches!(error, Error::Unpack(_) | Error::Remote(_)) =>
            {
                self.problem.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn stage(&mut self, entry: &mut Entry<'_, BodyReader>) -> Result<SopInstanceUid, Error> {
        let series = self.grouped.staging().series_instance_uid().clone();
        let incoming = self.grouped.begin()?;
        let mut arrival = Arrival::new(entry.name().to_string(), &series, incoming, &self.progress);
        loop {
            match entry.next_chunk() {
                Ok(Some(bytes)) => arrival.write(bytes)?,
                Ok(None) => break,
                Err(error) => {
                    arrival.discard(self.grouped.staging())?;
                    return Err(error.into());
                }
            }
        }
        let (incoming, sop_instance_uid) = arrival.finish(self.grouped.staging())?;
        let completed = self.grouped.keep(incoming, sop_instance_uid.clone())?;
        report(&self.staged, completed);
        Ok(sop_instance_uid)
    }

    /// Completes the last instances, also where the ZIP broke off.
    fn end(self, ended: Result<(), Error>) -> Result<Unpacked, Error> {
        let Self { grouped, staged, md5_list, last, problem, .. } = self;
        let (staging, completed) = grouped.end()?;
        report(&staged, completed);
        Ok(Unpacked { staging, md5_list, last, ended: ended.and(problem.map_or(Ok(()), Err)) })
    }
}

fn report(staged: &mpsc::Sender<Instance>, completed: Vec<Instance>) {
    for instance in completed {
        // nobody listens only when the run is over, and then the record is not needed
        drop(staged.blocking_send(instance));
    }
}

fn entry_kind(name: &[u8]) -> EntryKind {
    match name.rsplit(|byte| *byte == b'/').next() {
        Some(b"") => EntryKind::Directory,
        Some(b"LICENSE") => EntryKind::License,
        Some(b"md5hashes.csv") => EntryKind::Md5List,
        _ => EntryKind::Instance,
    }
}

fn read_text(entry: &mut Entry<'_, BodyReader>, name: &'static str, limit: u64) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    while let Some(bytes) = entry.next_chunk()? {
        if text.len() as u64 + bytes.len() as u64 > limit {
            return Err(Error::TooLong { entry: name, limit });
        }
        text.extend_from_slice(bytes);
    }
    Ok(text)
}

/// Reads `Filename,MD5Hash` lines; an empty or unreadable hash is a file without a digest.
fn read_md5_list(text: &[u8]) -> Result<Md5List, csv::Error> {
    let mut list = Md5List::default();
    for line in csv::ReaderBuilder::new().flexible(true).from_reader(text).records() {
        match line?.get(1).and_then(read_md5) {
            Some(digest) => list.digests.push(digest),
            None => list.without_digest += 1,
        }
    }
    Ok(list)
}

fn read_md5(hex: &str) -> Option<[u8; 16]> {
    let hex = Some(hex.trim())
        .filter(|hex| hex.len() == 32 && hex.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u128::from_str_radix(hex, 16).ok().map(u128::to_be_bytes)
}

/// Takes back what a ZIP that is not enough may have brought wrong.
///
/// With a list of MD5s that is every instance not in it. Without one it is the last instance, around whose beginning
/// the service may have closed the ZIP.
pub(super) fn remove_doubtful(
    staging: &mut Staging,
    list: Option<&Md5List>,
    last: Option<SopInstanceUid>,
) -> Result<(), Error> {
    let doubtful = list.map_or_else(|| last.into_iter().collect(), |list| staging.not_in(list));
    for instance in doubtful {
        staging.remove(&instance)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_md5s_is_read_by_its_second_column() {
        let text = b"Filename,MD5Hash\n1-1.dcm,D41D8CD98F00B204E9800998ECF8427E\n1-2.dcm,\nodd\n";
        let list = read_md5_list(text).unwrap();
        assert_eq!(list.digests, [0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e_u128.to_be_bytes()]);
        assert_eq!(list.without_digest, 2);
        assert_eq!(read_md5("+41d8cd98f00b204e9800998ecf8427e"), None);
    }

    #[test]
    fn only_the_services_own_names_are_no_instances() {
        for (name, is_instance) in [
            ("LICENSE", false),
            ("./1-LICENSE", true),
            ("md5hashes.csv", false),
            ("./", false),
            ("00000001.dcm", true),
            ("../../etc/passwd", true),
        ] {
            assert_eq!(matches!(entry_kind(name.as_bytes()), EntryKind::Instance), is_instance, "{name}");
        }
    }
}
