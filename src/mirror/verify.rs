//! The proof that a staged series is whole, before it may be placed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use md5::{Digest, Md5};

use super::staging::Staging;
use crate::dicom::{Instance, SeriesInstanceUid, SopInstanceUid};

/// What the service says a series holds; what it does not say is `None`.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// How many instances.
    pub image_count: Option<u32>,
    /// Sum of the sizes of their files.
    pub size_bytes: Option<u64>,
    /// MD5s of the files, names aside: the service's names are no identities.
    pub md5_list: Option<Md5List>,
    /// Which instances.
    pub sop_instance_uids: Option<BTreeSet<SopInstanceUid>>,
    /// One MD5 over those of all files.
    pub md5_hierarchy: Option<[u8; 16]>,
}

/// The list of MD5s that closes a ZIP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Md5List {
    /// The digests given.
    pub digests: Vec<[u8; 16]>,
    /// Files for which the service has no digest.
    pub without_digest: u32,
}

/// What a series does not agree with.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum VerifyError {
    #[error("the series holds {found} instances, the service lists {expected}")]
    InstanceCount { expected: u32, found: u32 },
    #[error("the files of the series have {found} bytes, the service lists {expected}")]
    Size { expected: u64, found: u64 },
    #[error(
        "{instances} instances are not in the service's list of MD5s, {digests} of its MD5s belong to no instance"
    )]
    Md5 { instances: usize, digests: usize },
    #[error("{missing} instances of the service's list are missing, {unexpected} are not in it")]
    Instances { missing: usize, unexpected: usize },
    #[error("the MD5 over those of all instances is {}, the service has {}", hex(*.found), hex(*.expected))]
    Md5Hierarchy { expected: [u8; 16], found: [u8; 16] },
    #[error("the service says neither how many instances the series has nor which")]
    NothingToCompare,
    #[error("the series has no instance")]
    Empty,
}

/// Which statements of the service a series was found to agree with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether one statement was compared; they are no states"
)]
pub struct Proof {
    /// The number of instances.
    pub image_count: bool,
    /// The sum of their sizes.
    pub size_bytes: bool,
    /// The MD5 of each of them.
    pub md5_list: bool,
    /// Their SOPInstanceUIDs.
    pub sop_instance_uids: bool,
    /// The one MD5 over all of them.
    pub md5_hierarchy: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.image_count, "count"),
            (self.size_bytes, "bytes"),
            (self.md5_list, "md5"),
            (self.sop_instance_uids, "instances"),
            (self.md5_hierarchy, "hierarchy"),
        ];
        let held: Vec<_> = parts.into_iter().filter(|(held, _)| *held).map(|(_, name)| name).collect();
        formatter.write_str(&held.join("+"))
    }
}

/// A staged series to which nothing more will be added.
pub struct Staged(pub(super) Staging);

/// A staged series that agrees with everything the service says of it; the only thing that can be placed.
pub struct Verified {
    pub(super) staging: Staging,
    proof: Proof,
}

impl Staging {
    /// Ends the staging.
    pub fn finish(self) -> Staged {
        Staged(self)
    }

    /// Compares what is staged so far with what the service says.
    pub fn check(&self, expected: &Expected) -> Result<Proof, VerifyError> {
        compare(self.instances(), expected)
    }

    /// Staged instances whose MD5 the service's list does not have, when that list is whole.
    pub fn not_in(&self, list: &Md5List) -> Vec<SopInstanceUid> {
        if list.without_digest > 0 {
            return Vec::new();
        }
        let known: BTreeSet<_> = list.digests.iter().collect();
        let strangers = self.instances().values().filter(|instance| !known.contains(&instance.md5));
        strangers.map(|instance| instance.sop_instance_uid.clone()).collect()
    }
}

/// Instances of one series, by name.
type Instances = BTreeMap<SopInstanceUid, Instance>;

/// Compares the instances of a series with what the service says of it.
pub fn compare(instances: &Instances, expected: &Expected) -> Result<Proof, VerifyError> {
    let found = instances.len();
    let size: u64 = instances.values().map(|instance| instance.size_bytes).sum();
    if expected.image_count.is_none()
        && expected.sop_instance_uids.is_none()
        && expected.md5_hierarchy.is_none()
    {
        return Err(VerifyError::NothingToCompare);
    }
    if found == 0 {
        return Err(VerifyError::Empty);
    }
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    if let Some(expected) = expected.image_count.filter(|expected| *expected != found) {
        return Err(VerifyError::InstanceCount { expected, found });
    }
    expected.sop_instance_uids.as_ref().map_or(Ok(()), |listed| compare_names(instances, listed))?;
    expected.md5_list.as_ref().map_or(Ok(()), |list| compare_md5s(instances, list))?;
    if let Some(expected) = expected.size_bytes.filter(|expected| *expected != size) {
        return Err(VerifyError::Size { expected, found: size });
    }
    let found = expected.md5_hierarchy.map(|expected| (expected, md5_hierarchy(instances)));
    if let Some((expected, found)) = found.filter(|(expected, found)| expected != found) {
        return Err(VerifyError::Md5Hierarchy { expected, found });
    }
    Ok(Proof {
        image_count: expected.image_count.is_some(),
        size_bytes: expected.size_bytes.is_some(),
        md5_list: expected.md5_list.as_ref().is_some_and(|list| list.without_digest == 0),
        sop_instance_uids: expected.sop_instance_uids.is_some(),
        md5_hierarchy: expected.md5_hierarchy.is_some(),
    })
}

/// The MD5 of the MD5s of all files in hexadecimal, sorted and written one behind the other, as the service has it
/// (NBIA-TCIA 865725e, `GeneralSeriesDAOImpl.java`).
fn md5_hierarchy(instances: &Instances) -> [u8; 16] {
    let mut digests: Vec<_> = instances.values().map(|instance| hex(instance.md5)).collect();
    digests.sort_unstable();
    Md5::digest(digests.concat()).into()
}

fn compare_names(instances: &Instances, listed: &BTreeSet<SopInstanceUid>) -> Result<(), VerifyError> {
    let missing = listed.iter().filter(|uid| !instances.contains_key(uid)).count();
    let unexpected = instances.keys().filter(|uid| !listed.contains(uid)).count();
    if missing + unexpected > 0 {
        return Err(VerifyError::Instances { missing, unexpected });
    }
    Ok(())
}

/// Both ways: each instance has its digest in the list and each digest its instance.
fn compare_md5s(instances: &Instances, list: &Md5List) -> Result<(), VerifyError> {
    let mut listed = list.digests.clone();
    listed.sort_unstable();
    let mut found: Vec<_> = instances.values().map(|instance| instance.md5).collect();
    found.sort_unstable();
    let common = count_common(&found, &listed);
    let (instances, digests) = (found.len() - common, listed.len() - common);
    if digests > 0 || instances > list.without_digest as usize {
        return Err(VerifyError::Md5 { instances, digests });
    }
    Ok(())
}

fn hex(md5: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(md5))
}

/// How many elements two sorted lists share, each counted once for each time it stands in both.
fn count_common<T: Ord>(left: &[T], right: &[T]) -> usize {
    let (mut at_left, mut at_right, mut common) = (0, 0, 0);
    while let (Some(one), Some(other)) = (left.get(at_left), right.get(at_right)) {
        match one.cmp(other) {
            std::cmp::Ordering::Less => at_left += 1,
            std::cmp::Ordering::Greater => at_right += 1,
            std::cmp::Ordering::Equal => {
                (at_left, at_right, common) = (at_left + 1, at_right + 1, common + 1);
            }
        }
    }
    common
}

impl Staged {
    /// The series, when it agrees with everything that the service says of it.
    pub fn verify(self, expected: &Expected) -> Result<Verified, VerifyError> {
        let proof = self.0.check(expected)?;
        Ok(Verified { staging: self.0, proof })
    }
}

impl Verified {
    /// The series.
    pub fn series_instance_uid(&self) -> &SeriesInstanceUid {
        self.staging.series_instance_uid()
    }

    /// What it was found to agree with.
    pub fn proof(&self) -> Proof {
        self.proof
    }

    /// SHA-256 of the licence text, when one came.
    pub fn license(&self) -> Option<[u8; 32]> {
        self.staging.license()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::fixture::{FIRST, SECOND, Sample, Scratch, THIRD, series};
    use super::*;

    /// Bytes of the first and the second instance together.
    const BOTH: u64 = 19 + 20;

    fn verify(samples: &[Sample], expected: &Expected) -> Result<Proof, VerifyError> {
        let scratch = Scratch::new();
        scratch.stage(samples).finish().verify(expected).map(|verified| verified.proof())
    }

    fn expected(
        image_count: Option<u32>,
        size_bytes: Option<u64>,
        md5_list: Option<Md5List>,
        sop_instance_uids: Option<BTreeSet<SopInstanceUid>>,
    ) -> Expected {
        Expected { image_count, size_bytes, md5_list, sop_instance_uids, md5_hierarchy: None }
    }

    fn list(samples: &[Sample], without_digest: u32) -> Md5List {
        Md5List { digests: samples.iter().map(Sample::md5).collect(), without_digest }
    }

    fn whole_list(samples: &[Sample]) -> Md5List {
        list(samples, 0)
    }

    fn uids(samples: &[Sample]) -> BTreeSet<SopInstanceUid> {
        samples.iter().map(Sample::uid).collect()
    }

    #[test]
    fn a_series_that_agrees_is_proven_by_what_was_compared() {
        let (list, uids) = (Some(whole_list(&[SECOND, FIRST])), Some(uids(&[FIRST, SECOND])));
        let cases = [
            (expected(Some(2), None, None, None), "count"),
            (expected(Some(2), Some(BOTH), None, None), "count+bytes"),
            (expected(Some(2), None, list.clone(), None), "count+md5"),
            (expected(None, None, None, uids.clone()), "instances"),
            (expected(Some(2), Some(BOTH), list, uids), "count+bytes+md5+instances"),
        ];
        for (expected, proof) in cases {
            assert_eq!(verify(&[FIRST, SECOND], &expected).unwrap().to_string(), proof);
        }
    }

    #[test]
    fn every_disagreement_has_its_refusal() {
        let count = |expected| VerifyError::InstanceCount { expected, found: 2 };
        let size = |expected| VerifyError::Size { expected, found: 39 };
        let md5 = |instances, digests| VerifyError::Md5 { instances, digests };
        let instances = |missing, unexpected| VerifyError::Instances { missing, unexpected };
        let cases = [
            (expected(Some(3), None, None, None), count(3)),
            (expected(Some(1), None, None, None), count(1)),
            (expected(Some(2), Some(BOTH + 1), None, None), size(40)),
            (expected(Some(2), Some(0), None, None), size(0)),
            (expected(Some(2), None, Some(whole_list(&[FIRST])), None), md5(1, 0)),
            (expected(Some(2), None, Some(whole_list(&[FIRST, SECOND, THIRD])), None), md5(0, 1)),
            (expected(Some(2), None, Some(whole_list(&[FIRST, THIRD])), None), md5(1, 1)),
            (expected(Some(2), None, Some(whole_list(&[])), None), md5(2, 0)),
            (expected(Some(2), None, None, Some(uids(&[FIRST, THIRD]))), instances(1, 1)),
            (expected(Some(2), None, None, Some(uids(&[FIRST, SECOND, THIRD]))), instances(1, 0)),
            (expected(None, None, None, Some(uids(&[]))), instances(0, 2)),
            (
                expected(None, Some(BOTH), Some(whole_list(&[FIRST, SECOND])), None),
                VerifyError::NothingToCompare,
            ),
        ];
        for (expected, refusal) in cases {
            assert_eq!(verify(&[FIRST, SECOND], &expected), Err(refusal), "{expected:?}");
        }
    }

    #[test]
    fn one_md5_over_all_files_proves_them_in_whatever_order_they_came() {
        // printf of the two MD5s that `md5sum` gives, sorted, into `md5sum`
        let told = 0x7ccc_05be_3b52_23c5_8a1a_658f_5274_774b_u128.to_be_bytes();
        let with = |md5_hierarchy| Expected { image_count: Some(2), md5_hierarchy, ..Expected::default() };

        for samples in [[FIRST, SECOND], [SECOND, FIRST]] {
            assert_eq!(verify(&samples, &with(Some(told))).unwrap().to_string(), "count+hierarchy");
        }
        let refusal = verify(&[FIRST, THIRD], &with(Some(told))).unwrap_err().to_string();
        assert!(refusal.ends_with("the service has 7ccc05be3b5223c58a1a658f5274774b"), "{refusal}");
    }

    #[test]
    fn a_series_without_instances_is_never_whole() {
        let listed_empty = expected(Some(0), None, None, None);
        let nothing_listed = expected(None, None, None, Some(uids(&[])));

        assert_eq!(verify(&[], &listed_empty), Err(VerifyError::Empty));
        assert_eq!(verify(&[], &nothing_listed), Err(VerifyError::Empty));
        assert_eq!(verify(&[], &Expected::default()), Err(VerifyError::NothingToCompare));
    }

    #[test]
    fn a_list_that_lacks_digests_excuses_so_many_instances_and_proves_nothing() {
        let with = |digests: &[Sample], lacking| expected(Some(3), None, Some(list(digests, lacking)), None);
        let (all, foreign) = ([FIRST, SECOND, THIRD], THIRD.named_as(&SECOND));

        assert_eq!(verify(&all, &with(&[FIRST, SECOND], 1)).unwrap().to_string(), "count");
        assert_eq!(verify(&all, &with(&[FIRST], 1)), Err(VerifyError::Md5 { instances: 2, digests: 0 }));
        assert_eq!(
            verify(&[FIRST, foreign, THIRD], &with(&[FIRST, SECOND], 1)),
            Err(VerifyError::Md5 { instances: 2, digests: 1 })
        );
    }

    #[test]
    fn equal_digests_count_as_often_as_they_stand_in_the_list() {
        let twin = FIRST.named_as(&SECOND);
        let with = |digests: &[Sample]| expected(Some(2), None, Some(whole_list(digests)), None);

        assert!(verify(&[FIRST, twin], &with(&[FIRST, FIRST])).is_ok());
        assert_eq!(
            verify(&[FIRST, twin], &with(&[FIRST])),
            Err(VerifyError::Md5 { instances: 1, digests: 0 })
        );
        assert_eq!(
            verify(&[FIRST, SECOND], &with(&[FIRST, FIRST])),
            Err(VerifyError::Md5 { instances: 1, digests: 1 })
        );
    }

    #[test]
    fn instances_that_a_list_does_not_have_are_named_only_when_it_is_whole() {
        let scratch = Scratch::new();
        let staging = scratch.stage(&[FIRST, SECOND, THIRD]);

        assert_eq!(staging.not_in(&list(&[SECOND], 0)), [FIRST.uid(), THIRD.uid()]);
        assert!(staging.not_in(&list(&[FIRST, SECOND, THIRD], 0)).is_empty());
        assert!(staging.not_in(&list(&[SECOND], 1)).is_empty());
    }

    #[test]
    fn a_verified_series_keeps_its_name_and_its_licence() {
        let scratch = Scratch::new();
        let mut staging = scratch.stage(&[FIRST]);
        staging.keep_license(b"").unwrap();

        let verified = staging.finish().verify(&expected(Some(1), None, None, None)).unwrap();

        assert_eq!(verified.series_instance_uid(), &series());
        assert!(verified.license().is_some());
        assert!(verified.proof().image_count);
    }

    proptest! {
        #[test]
        fn what_two_lists_share_is_counted_as_by_crossing_out(
            mut left in vec(0_u8..6, 0..12), mut right in vec(0_u8..6, 0..12),
        ) {
            let mut rest = right.clone();
            let crossed_out = left.iter().filter(|element| {
                rest.iter().position(|other| other == *element).map(|at| rest.swap_remove(at)).is_some()
            });
            let expected = crossed_out.count();
            left.sort_unstable();
            right.sort_unstable();

            prop_assert_eq!(count_common(&left, &right), expected);
        }
    }
}
