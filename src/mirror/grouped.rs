//! A series whose files get their MD5s in groups: as many at a time as there are lanes.

use std::io::{self, BufReader};

use super::lanes::{LANES, md5_of_each};
use super::staging::{Arrived, Incoming, Staging, StagingError, file_name};
use crate::dicom::{Instance, SopInstanceUid};

/// Of each file of a group so much is read back at once: it fits, with the others, in the cache of a core.
const LANE_PIECE: usize = 32 << 10;

/// A staging directory with the files that wait for their MD5.
///
/// They lie there under their names and count as instances once it is taken: with the last file of a group, or at the
/// end. A process that is killed loses those that wait: fewer than there are lanes, no more than are staged already, of
/// 8 MiB each at most.
pub struct Grouped {
    staging: Staging,
    waiting: Vec<Arrived>,
}

impl Grouped {
    /// Goes on with what is staged.
    pub fn new(staging: Staging) -> Self {
        Self { staging, waiting: Vec::with_capacity(LANES) }
    }

    /// What is staged, without the files that wait.
    pub fn staging(&mut self) -> &mut Staging {
        &mut self.staging
    }

    /// Begins a file whose name is not known yet.
    pub fn begin(&mut self) -> Result<Incoming, StagingError> {
        self.staging.begin_without_md5()
    }

    /// Gives a file that arrived whole its name; gives the instances that have all their digests now.
    ///
    /// The same instance twice with the same bytes is one instance; with other bytes it is an error.
    pub fn keep(
        &mut self,
        incoming: Incoming,
        sop_instance_uid: SopInstanceUid,
    ) -> Result<Vec<Instance>, StagingError> {
        let (name, arrived, md5) = incoming.finish(sop_instance_uid);
        let is_new = self.staging.rename(&name, &arrived, self.find(&arrived.sop_instance_uid).as_ref())?;
        if let Some(md5) = md5.filter(|_| is_new) {
            return Ok(vec![self.staging.insert(arrived.with_md5(md5))]);
        }
        self.waiting.extend(is_new.then_some(arrived));
        if self.waiting.len() < self.most_waiting() { Ok(Vec::new()) } else { self.digest() }
    }

    /// No more than are staged already: a series that is killed each time soon after its beginning gets on all the same.
    fn most_waiting(&self) -> usize {
        self.staging.instances().len().clamp(1, LANES)
    }

    /// Takes an instance back that turned out wrong.
    pub fn remove(&mut self, instance: &SopInstanceUid) -> Result<(), StagingError> {
        self.waiting.retain(|arrived| arrived.sop_instance_uid != *instance);
        self.staging.remove(instance)
    }

    /// Ends the last group; gives the instances that it completes as well.
    pub fn end(mut self) -> Result<(Staging, Vec<Instance>), StagingError> {
        let completed = self.digest()?;
        Ok((self.staging, completed))
    }

    fn find(&self, instance: &SopInstanceUid) -> Option<Arrived> {
        let waiting = self.waiting.iter().find(|arrived| arrived.sop_instance_uid == *instance).cloned();
        waiting.or_else(|| self.staging.instances().get(instance).map(Arrived::from))
    }

    /// Takes the MD5s of all that wait, from what the file system gives back of them.
    fn digest(&mut self) -> Result<Vec<Instance>, StagingError> {
        let open = |arrived: &Arrived| {
            let file = self.staging.directory().read(&file_name(&arrived.sop_instance_uid));
            file.map(|file| BufReader::with_capacity(LANE_PIECE, file))
        };
        let files = self.waiting.iter().map(open).collect::<io::Result<_>>();
        let md5s = files.and_then(md5_of_each).map_err(|source| self.staging.fault(source))?;
        let completed = self.waiting.drain(..).zip(md5s);
        Ok(completed.map(|(arrived, md5)| self.staging.insert(arrived.with_md5(md5))).collect())
    }
}

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};

    use super::super::fixture::{FIRST, SECOND, STAGED, Sample, Scratch, THIRD, arrive};
    use super::*;

    /// So many are staged that the next group is a whole one.
    fn open(scratch: &Scratch) -> Grouped {
        let mut staging = scratch.stage(&[]);
        for number in 101..101 + LANES {
            let incoming = arrive(&mut staging, b"one of the staged");
            staging.keep(incoming, file(number).0).unwrap();
        }
        Grouped::new(staging)
    }

    fn keep(
        grouped: &mut Grouped,
        uid: SopInstanceUid,
        content: &[u8],
    ) -> Result<Vec<Instance>, StagingError> {
        let mut incoming = grouped.begin().unwrap();
        content.chunks(1 << 20).try_for_each(|piece| incoming.write(piece)).unwrap();
        grouped.keep(incoming, uid)
    }

    fn keep_sample(grouped: &mut Grouped, sample: &Sample) -> Result<Vec<Instance>, StagingError> {
        keep(grouped, sample.uid(), sample.content)
    }

    /// A file of its own length, with its name.
    fn file(number: usize) -> (SopInstanceUid, Vec<u8>) {
        let uid = SopInstanceUid::parse(&format!("1.2.826.0.7.{number}")).unwrap();
        (uid, number.to_string().repeat(1000 + number).into_bytes())
    }

    fn md5_of(content: &[u8]) -> [u8; 16] {
        Md5::digest(content).into()
    }

    #[test]
    fn the_last_file_of_a_group_completes_it_and_groups_grow_with_what_is_staged() {
        let scratch = Scratch::new();
        let mut grouped = Grouped::new(scratch.stage(&[]));
        let files: Vec<_> = (1..=25).map(file).collect();

        let kept = files.iter().map(|(uid, content)| keep(&mut grouped, uid.clone(), content).unwrap());
        let mut completed: Vec<_> = kept.collect();
        let (staging, last) = grouped.end().unwrap();
        completed.push(last);

        let lengths: Vec<_> = completed.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 1, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 8, 0, 1]);
        let found: Vec<_> =
            completed.concat().into_iter().map(|one| (one.sop_instance_uid, one.md5)).collect();
        let expected = files.iter().map(|(uid, content)| (uid.clone(), md5_of(content)));
        assert_eq!(found, expected.collect::<Vec<_>>());
        assert_eq!(staging.instances().len(), 25);
    }

    #[test]
    fn files_that_wait_get_all_their_digests_at_the_end() {
        let scratch = Scratch::new();
        let mut grouped = open(&scratch);
        for sample in [&FIRST, &SECOND, &THIRD] {
            assert_eq!(keep_sample(&mut grouped, sample).unwrap(), []);
        }
        let before = grouped.staging().instances().len();

        let (staging, completed) = grouped.end().unwrap();

        assert_eq!((before, staging.instances().len()), (LANES, LANES + 3));
        assert_eq!(completed, [FIRST, SECOND, THIRD].map(|sample| sample.instance()));
        assert!(completed.iter().all(|one| staging.instances()[&one.sop_instance_uid] == *one));
    }

    #[test]
    fn a_large_file_waits_for_no_other() {
        let scratch = Scratch::new();
        let mut grouped = open(&scratch);
        keep_sample(&mut grouped, &SECOND).unwrap();
        let content: Vec<u8> = (0..(8_u32 << 20) + 70_001).map(|at| (at / 7).to_le_bytes()[0]).collect();

        let completed = keep(&mut grouped, FIRST.uid(), &content).unwrap();

        let [instance] = completed.as_slice() else { panic!("{} instances", completed.len()) };
        assert_eq!((&instance.sop_instance_uid, instance.md5), (&FIRST.uid(), md5_of(&content)));
        assert_eq!(instance.size_bytes, content.len() as u64);
        assert!(scratch.read(&format!("{STAGED}/1.2.826.0.7.1.dcm")) == content);
        assert_eq!(grouped.end().unwrap().1, [SECOND.instance()]);
    }

    #[test]
    fn the_same_file_again_is_one_whether_the_first_still_waits_or_not() {
        let scratch = Scratch::new();
        let mut grouped = open(&scratch);
        keep_sample(&mut grouped, &FIRST).unwrap();
        keep_sample(&mut grouped, &FIRST).unwrap();
        let (staging, completed) = grouped.end().unwrap();
        let mut grouped = Grouped::new(staging);

        keep_sample(&mut grouped, &FIRST).unwrap();
        let (staging, again) = grouped.end().unwrap();

        assert_eq!((completed, again), (vec![FIRST.instance()], Vec::new()));
        assert_eq!(staging.instances()[&FIRST.uid()], FIRST.instance());
        assert_eq!(staging.instances().len(), LANES + 1);
        assert_eq!(scratch.names(STAGED).len(), LANES + 1);
    }

    #[test]
    fn other_bytes_under_the_name_of_a_file_that_waits_are_a_conflict() {
        let scratch = Scratch::new();
        let mut grouped = open(&scratch);
        keep_sample(&mut grouped, &FIRST).unwrap();

        let refused = keep_sample(&mut grouped, &SECOND.named_as(&FIRST)).unwrap_err();

        assert!(matches!(refused, StagingError::Conflict { instance } if instance == FIRST.uid()));
        assert_eq!(scratch.read(&format!("{STAGED}/1.2.826.0.7.1.dcm")), FIRST.content);
        assert_eq!(grouped.end().unwrap().1, [FIRST.instance()]);
    }

    #[test]
    fn a_file_that_is_taken_back_while_it_waits_leaves_nothing() {
        let scratch = Scratch::new();
        let mut grouped = open(&scratch);
        keep_sample(&mut grouped, &FIRST).unwrap();
        keep_sample(&mut grouped, &SECOND).unwrap();

        grouped.remove(&FIRST.uid()).unwrap();
        let (staging, completed) = grouped.end().unwrap();

        assert_eq!(completed, [SECOND.instance()]);
        assert_eq!(staging.instances().len(), LANES + 1);
        assert!(!scratch.path(&format!("{STAGED}/1.2.826.0.7.1.dcm")).exists());
    }

    #[test]
    fn a_file_that_is_gone_before_its_md5_is_taken_is_named_with_its_series() {
        let scratch = Scratch::new();
        let mut grouped = open(&scratch);
        keep_sample(&mut grouped, &FIRST).unwrap();
        std::fs::remove_file(scratch.path(&format!("{STAGED}/1.2.826.0.7.1.dcm"))).unwrap();

        let refused = grouped.end().err().unwrap();

        assert_eq!(refused.to_string(), "cannot write to the staging directory of 1.2.826.0.7");
    }
}
