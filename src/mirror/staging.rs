//! Unfinished series: each instance is written, digested and named here, on the same file system as the tree.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::directory::Directory;
use super::lanes::{feed, md5_of};
use super::root::Root;
use super::series_files::SeriesFiles;
use crate::dicom::{Instance, SeriesInstanceUid, SopInstanceUid};

/// Name of the licence text beside the instances.
pub const LICENSE: &str = "LICENSE";
const INCOMING_LICENSE: &str = "incoming-license";
/// Piece in which files are read back.
pub(super) const READ_PIECE: usize = 256 << 10;
/// Largest file whose MD5 waits for those of other files; the MD5 of a larger one is taken as its bytes pass.
///
/// With the number of lanes it bounds what a kill loses.
const LARGEST_WAITING: u64 = 8 << 20;

/// Why an instance cannot be kept.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum StagingError {
    #[error("two files of the series are named {instance} and differ")]
    Conflict { instance: SopInstanceUid },
    #[error("cannot write to the staging directory of {series}")]
    Write { series: SeriesInstanceUid, source: io::Error },
}

/// The name on disk of an instance.
pub fn file_name(instance: &SopInstanceUid) -> String {
    format!("{instance}.dcm")
}

/// The staging directory of one series.
pub struct Staging {
    series_instance_uid: SeriesInstanceUid,
    directory: Directory,
    instances: BTreeMap<SopInstanceUid, Instance>,
    license: Option<[u8; 32]>,
    incoming: u64,
}

/// An instance that arrives.
pub struct Incoming {
    file: File,
    name: String,
    digests: Digests,
}

/// A file that came whole, and all of its digests but the MD5.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) sop_instance_uid: SopInstanceUid,
    size_bytes: u64,
    crc32: u32,
    sha256: [u8; 32],
}

impl Arrived {
    pub(super) fn with_md5(self, md5: [u8; 16]) -> Instance {
        let Self { sop_instance_uid, size_bytes, crc32, sha256 } = self;
        Instance { sop_instance_uid, size_bytes, crc32, md5, sha256 }
    }
}

impl From<&Instance> for Arrived {
    fn from(instance: &Instance) -> Self {
        let &Instance { size_bytes, crc32, sha256, .. } = instance;
        Self { sop_instance_uid: instance.sop_instance_uid.clone(), size_bytes, crc32, sha256 }
    }
}

/// The digests of one file, fed as it passes.
#[derive(Default)]
struct Digests {
    size_bytes: u64,
    crc32: crc32fast::Hasher,
    /// Missing while it is left for later.
    md5: Option<Md5>,
    sha256: Sha256,
}

impl Digests {
    fn with_md5() -> Self {
        Self { md5: Some(Md5::new()), ..Self::default() }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.size_bytes += bytes.len() as u64;
        self.crc32.update(bytes);
        self.md5.iter_mut().for_each(|md5| md5.update(bytes));
        self.sha256.update(bytes);
    }

    fn finish(self, sop_instance_uid: SopInstanceUid) -> (Arrived, Option<[u8; 16]>) {
        let arrived = Arrived {
            sop_instance_uid,
            size_bytes: self.size_bytes,
            crc32: self.crc32.finalize(),
            sha256: self.sha256.finalize().into(),
        };
        (arrived, self.md5.map(|md5| md5.finalize().into()))
    }

    /// The digests of a whole file.
    fn of(mut file: impl Read) -> io::Result<Self> {
        let mut digests = Self::with_md5();
        let mut piece = vec![0; READ_PIECE];
        loop {
            match file.read(&mut piece) {
                Ok(0) => return Ok(digests),
                Ok(amount) => digests.update(&piece[..amount]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Incoming {
    /// Appends to the file and its digests.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digests.update(bytes);
        self.file.write_all(bytes)?;
        if self.digests.md5.is_none() && self.size_bytes() > LARGEST_WAITING {
            self.catch_up()?;
        }
        Ok(())
    }

    /// Prepares for a file that lies there with all that it has: the MD5 of a large one waits for no other.
    pub(super) fn expect_its_length(&mut self) -> io::Result<()> {
        let is_large = self.file.metadata()?.len() > LARGEST_WAITING;
        self.digests.md5 = is_large.then(Md5::new);
        Ok(())
    }

    /// Digests the next bytes of a file that lies there with all that it has.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        self.digests.update(bytes);
    }

    /// The file, as far as it has come; whoever reads in it says where.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Takes the MD5 of what has come of a file that turns out to be too large to wait; it leaves the file at its end.
    fn catch_up(&mut self) -> io::Result<()> {
        self.file.rewind()?;
        let mut md5 = Md5::new();
        feed(&mut md5, BufReader::with_capacity(READ_PIECE, &self.file))?;
        self.digests.md5 = Some(md5);
        Ok(())
    }

    /// Closes the file; gives the name that it has, and its digests, without the MD5 if it is left for later.
    pub(super) fn finish(self, sop_instance_uid: SopInstanceUid) -> (String, Arrived, Option<[u8; 16]>) {
        let Self { name, digests, .. } = self;
        let (arrived, md5) = digests.finish(sop_instance_uid);
        (name, arrived, md5)
    }

    /// Bytes so far.
    pub fn size_bytes(&self) -> u64 {
        self.digests.size_bytes
    }
}

impl Staging {
    /// Opens the staging directory of a series.
    ///
    /// Of what an earlier attempt left there, the instances that are `recorded` and still have their digests are
    /// kept; everything else is removed.
    pub fn open(
        root: &Root,
        series: &SeriesInstanceUid,
        recorded: Vec<Instance>,
    ) -> Result<Self, StagingError> {
        let fault = |source| StagingError::Write { series: series.clone(), source };
        let directory = root.staging().and_then(|staging| staging.make(series.as_str())).map_err(fault)?;
        let mut recorded: BTreeMap<_, _> =
            recorded.into_iter().map(|i| (file_name(&i.sop_instance_uid), i)).collect();
        let (mut instances, mut license) = (BTreeMap::new(), None);
        for name in directory.names().map_err(fault)? {
            if name == LICENSE {
                license = Some(read_license(&directory).map_err(fault)?);
                continue;
            }
            match recorded.remove(&name).filter(|instance| is_as_recorded(&directory, instance)) {
                Some(instance) => drop(instances.insert(instance.sop_instance_uid.clone(), instance)),
                None => directory.remove_tree(&name).map_err(fault)?,
            }
        }
        Ok(Self { series_instance_uid: series.clone(), directory, instances, license, incoming: 0 })
    }

    /// The series that is staged.
    pub fn series_instance_uid(&self) -> &SeriesInstanceUid {
        &self.series_instance_uid
    }

    /// What is staged so far.
    pub fn instances(&self) -> &BTreeMap<SopInstanceUid, Instance> {
        &self.instances
    }

    /// Bytes of what is staged so far.
    pub fn size_bytes(&self) -> u64 {
        self.instances.values().map(|instance| instance.size_bytes).sum()
    }

    /// SHA-256 of the licence text, when one came.
    pub fn license(&self) -> Option<[u8; 32]> {
        self.license
    }

    /// Begins a file whose name is not known yet.
    pub fn begin(&mut self) -> Result<Incoming, StagingError> {
        self.begin_with(Digests::with_md5())
    }

    /// Begins such a file, the MD5 of which is taken later unless it turns out to be large.
    pub(super) fn begin_without_md5(&mut self) -> Result<Incoming, StagingError> {
        self.begin_with(Digests::default())
    }

    fn begin_with(&mut self, digests: Digests) -> Result<Incoming, StagingError> {
        self.incoming += 1;
        let name = format!("incoming-{}", self.incoming);
        let file = self.directory.create(&name).map_err(|source| self.fault(source))?;
        Ok(Incoming { file, name, digests })
    }

    /// Begins with a file that lies at a path of the same file system, under a second name.
    pub(super) fn begin_linked(&mut self, path: &Path) -> io::Result<Incoming> {
        self.incoming += 1;
        let name = format!("incoming-{}", self.incoming);
        self.directory.link_from(path, &name)?;
        let file = self.directory.read(&name)?;
        Ok(Incoming { file, name, digests: Digests::default() })
    }

    /// Gives a file that arrived whole its name.
    ///
    /// The same instance twice with the same bytes is one instance; with other bytes it is an error.
    pub fn keep(
        &mut self,
        incoming: Incoming,
        sop_instance_uid: SopInstanceUid,
    ) -> Result<Instance, StagingError> {
        let (name, arrived, md5) = incoming.finish(sop_instance_uid);
        let already = self.instances.get(&arrived.sop_instance_uid).map(Arrived::from);
        self.rename(&name, &arrived, already.as_ref())?;
        let md5 = md5.map_or_else(|| self.read_md5(&arrived), Ok)?;
        Ok(self.insert(arrived.with_md5(md5)))
    }

    /// Gives a file its name, unless the same bytes have it `already`; whether they had not.
    pub(super) fn rename(
        &self,
        name: &str,
        arrived: &Arrived,
        already: Option<&Arrived>,
    ) -> Result<bool, StagingError> {
        let Some(already) = already else {
            let target = file_name(&arrived.sop_instance_uid);
            let renamed = self.directory.rename(name, &self.directory, &target);
            return renamed.map(|()| true).map_err(|source| self.fault(source));
        };
        self.directory.remove(name).map_err(|source| self.fault(source))?;
        // SHA-256 tells the same bytes from others; a file that waits has no MD5 yet
        if already == arrived {
            return Ok(false);
        }
        Err(StagingError::Conflict { instance: arrived.sop_instance_uid.clone() })
    }

    /// The MD5 of a file that lies under its name.
    fn read_md5(&self, arrived: &Arrived) -> Result<[u8; 16], StagingError> {
        let file = self.directory.read(&file_name(&arrived.sop_instance_uid));
        file.and_then(|file| md5_of(BufReader::new(file))).map_err(|source| self.fault(source))
    }

    pub(super) fn insert(&mut self, instance: Instance) -> Instance {
        self.instances.insert(instance.sop_instance_uid.clone(), instance.clone());
        instance
    }

    /// Drops a file that did not arrive whole or is not what it should be.
    pub fn discard(&self, incoming: Incoming) -> Result<(), StagingError> {
        let Incoming { name, .. } = incoming;
        self.directory.remove(&name).map_err(|source| self.fault(source))
    }

    /// Takes an instance back that turned out wrong.
    pub fn remove(&mut self, instance: &SopInstanceUid) -> Result<(), StagingError> {
        self.instances.remove(instance);
        self.directory.remove(&file_name(instance)).map_err(|source| self.fault(source))
    }

    /// Keeps the licence text beside the instances; the last one that came counts.
    ///
    /// Under its final name it is whole, also after a power cut: a later attempt that fetches single instances finds it.
    pub fn keep_license(&mut self, text: &[u8]) -> Result<(), StagingError> {
        let write = || -> io::Result<()> {
            self.directory.remove(INCOMING_LICENSE)?;
            let mut file = self.directory.create(INCOMING_LICENSE)?;
            file.write_all(text)?;
            file.sync_data()?;
            self.directory.remove(LICENSE)?;
            self.directory.rename(INCOMING_LICENSE, &self.directory, LICENSE)?;
            self.directory.sync()
        };
        write().map_err(|source| self.fault(source))?;
        self.license = Some(Sha256::digest(text).into());
        Ok(())
    }

    /// Keeps the licence text of a version that was placed, unless it is not the one that is `recorded` of it.
    pub fn keep_license_of(
        &mut self,
        placed: &SeriesFiles,
        recorded: [u8; 32],
    ) -> Result<bool, StagingError> {
        let Some(text) = placed.recorded_license(recorded) else { return Ok(false) };
        self.keep_license(&text).map(|()| true)
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(super) fn fault(&self, source: io::Error) -> StagingError {
        StagingError::Write { series: self.series_instance_uid.clone(), source }
    }
}

fn read_license(directory: &Directory) -> io::Result<[u8; 32]> {
    let mut text = Vec::new();
    directory.read(LICENSE)?.read_to_end(&mut text)?;
    Ok(Sha256::digest(&text).into())
}

/// Whether a file still has the digests of the record; one that cannot be read has not.
fn is_as_recorded(directory: &Directory, instance: &Instance) -> bool {
    let name = file_name(&instance.sop_instance_uid);
    // one of another length is not read: it may be longer than anybody waits
    let is_as_long = directory.file_size(&name).is_ok_and(|length| length == Some(instance.size_bytes));
    is_as_long && directory.read(&name).and_then(|file| has_digests_of(file, instance)).unwrap_or(false)
}

/// Whether a file has the digests of an instance.
pub(super) fn has_digests_of(file: impl Read, instance: &Instance) -> io::Result<bool> {
    let (arrived, md5) = Digests::of(file)?.finish(instance.sop_instance_uid.clone());
    Ok(arrived == instance.into() && md5 == Some(instance.md5))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{
        FIRST, LICENCE_SHA256, LICENCE_TEXT, SECOND, STAGED, Scratch, arrive, hex, place, series,
    };
    use super::*;

    fn open(scratch: &Scratch) -> Staging {
        Staging::open(&scratch.root, &series(), Vec::new()).unwrap()
    }

    #[test]
    fn an_instance_gets_its_own_name_and_its_digests() {
        let scratch = Scratch::new();
        let mut staging = open(&scratch);
        let incoming = arrive(&mut staging, FIRST.content);
        let size_bytes = incoming.size_bytes();

        let kept = staging.keep(incoming, FIRST.uid()).unwrap();

        assert_eq!(size_bytes, 19);
        assert_eq!(kept, FIRST.instance());
        assert_eq!(staging.instances().values().collect::<Vec<_>>(), [&FIRST.instance()]);
        assert_eq!(scratch.names(STAGED), ["1.2.826.0.7.1.dcm"]);
        assert_eq!(scratch.read(&format!("{STAGED}/1.2.826.0.7.1.dcm")), FIRST.content);
    }

    #[test]
    fn files_that_arrive_at_the_same_time_do_not_mix() {
        let scratch = Scratch::new();
        let mut staging = open(&scratch);
        let (mut first, mut second) = (staging.begin().unwrap(), staging.begin().unwrap());
        for (one, other) in FIRST.content.chunks(4).zip(SECOND.content.chunks(4)) {
            first.write(one).unwrap();
            second.write(other).unwrap();
        }

        let second = staging.keep(second, SECOND.uid()).unwrap();
        let first = staging.keep(first, FIRST.uid()).unwrap();

        assert_eq!([first, second], [FIRST.instance(), SECOND.instance()]);
    }

    #[test]
    fn the_same_instance_with_the_same_bytes_is_one() {
        let scratch = Scratch::new();
        let mut staging = scratch.stage(&[FIRST]);

        let again = arrive(&mut staging, FIRST.content);
        let kept = staging.keep(again, FIRST.uid()).unwrap();

        assert_eq!(kept, FIRST.instance());
        assert_eq!(staging.instances().len(), 1);
        assert_eq!(scratch.names(STAGED), ["1.2.826.0.7.1.dcm"]);
    }

    #[test]
    fn the_same_instance_with_other_bytes_is_a_conflict() {
        let scratch = Scratch::new();
        let mut staging = scratch.stage(&[FIRST]);

        let other = arrive(&mut staging, SECOND.content);
        let refused = staging.keep(other, FIRST.uid()).unwrap_err();

        assert!(matches!(refused, StagingError::Conflict { instance } if instance == FIRST.uid()));
        assert_eq!(staging.instances().values().collect::<Vec<_>>(), [&FIRST.instance()]);
        assert_eq!(scratch.names(STAGED), ["1.2.826.0.7.1.dcm"]);
        assert_eq!(scratch.read(&format!("{STAGED}/1.2.826.0.7.1.dcm")), FIRST.content);
    }

    #[test]
    fn what_is_discarded_or_taken_back_leaves_nothing() {
        let scratch = Scratch::new();
        let mut staging = scratch.stage(&[FIRST, SECOND]);
        let half = arrive(&mut staging, b"half of");

        staging.discard(half).unwrap();
        staging.remove(&FIRST.uid()).unwrap();
        staging.remove(&FIRST.uid()).unwrap();

        assert_eq!(staging.instances().values().collect::<Vec<_>>(), [&SECOND.instance()]);
        assert_eq!(scratch.names(STAGED), ["1.2.826.0.7.2.dcm"]);
    }

    #[test]
    fn an_instance_that_was_taken_back_may_come_again_with_other_bytes() {
        let scratch = Scratch::new();
        let wrong = SECOND.named_as(&FIRST);
        let mut staging = scratch.stage(&[wrong]);
        staging.remove(&FIRST.uid()).unwrap();

        let incoming = arrive(&mut staging, FIRST.content);
        let kept = staging.keep(incoming, FIRST.uid()).unwrap();

        assert_eq!(kept, FIRST.instance());
        assert_eq!(scratch.read(&format!("{STAGED}/1.2.826.0.7.1.dcm")), FIRST.content);
    }

    #[test]
    fn the_last_licence_counts() {
        let scratch = Scratch::new();
        let mut staging = open(&scratch);

        staging.keep_license(b"a longer licence that is not the last one\n").unwrap();
        staging.keep_license(LICENCE_TEXT).unwrap();

        assert_eq!(staging.license(), Some(hex(LICENCE_SHA256)));
        assert_eq!(scratch.read(&format!("{STAGED}/LICENSE")), LICENCE_TEXT);
    }

    #[test]
    fn the_licence_of_a_placed_version_is_kept_only_as_it_is_recorded() {
        let scratch = Scratch::new();
        let mut first = open(&scratch);
        let incoming = arrive(&mut first, FIRST.content);
        first.keep(incoming, FIRST.uid()).unwrap();
        first.keep_license(LICENCE_TEXT).unwrap();
        scratch.commit(first, "1");
        let placed = scratch.root.open_series(&place()).unwrap();
        let mut staging = open(&scratch);

        let other = staging.keep_license_of(&placed, [0; 32]).unwrap();
        let names_without = scratch.names(STAGED);
        let same = staging.keep_license_of(&placed, hex(LICENCE_SHA256)).unwrap();

        assert_eq!((other, names_without.len(), same), (false, 0, true));
        assert_eq!(staging.license(), Some(hex(LICENCE_SHA256)));
        assert_eq!(scratch.read(&format!("{STAGED}/LICENSE")), LICENCE_TEXT);
    }

    #[test]
    fn a_disk_that_does_not_take_a_file_is_named_with_its_series() {
        let scratch = Scratch::new();
        let mut staging = open(&scratch);
        scratch.root.discard_staged(series().as_str()).unwrap();

        let refused = staging.begin().err().unwrap();

        assert_eq!(refused.to_string(), "cannot write to the staging directory of 1.2.826.0.7");
    }
}
