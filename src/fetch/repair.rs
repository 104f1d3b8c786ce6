//! Whether what is missing of a series is fetched image by image, or the ZIP again.

/// What one more request costs, in bytes that could have come instead: about the least that an instance has.
///
/// A judgement, not a measurement. The limit on requests a second (`image_rate`) asks no more of them: several are under
/// way at a time.
const REQUEST_BYTES: u64 = 16 << 10;
/// A request costs at most this part of an instance, so that a ZIP never brings much again for the sake of requests.
const REQUEST_PART: u64 = 8;

/// How what is missing is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repair {
    Instances,
    WholeAgain,
}

/// What is there of a series, and what is not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shortfall {
    /// Instances that are staged.
    pub(super) staged: u64,
    /// Their bytes.
    pub(super) staged_bytes: u64,
    /// Instances that the series has.
    pub(super) wanted: u64,
    /// Their bytes, where the service tells them.
    pub(super) wanted_bytes: Option<u64>,
    /// Failed attempts, in each of which a ZIP may have broken off.
    pub(super) earlier_attempts: u32,
}

impl Shortfall {
    /// What costs less: the bytes that are missing and a request for each instance, or all bytes and one request.
    ///
    /// The ZIP is asked for again only while less than a ninth is staged, and of instances of CT size less than a
    /// thirtieth; more it never brings twice, so that a series that is interrupted each time does not begin anew each
    /// time. After an attempt that failed the answer is always instances: a ZIP that broke off may break off there again.
    /// Bytes are those of DICOM on both sides, since not every image shrinks in a ZIP.
    pub(super) fn repair(self) -> Repair {
        let missing = self.wanted.saturating_sub(self.staged);
        if self.earlier_attempts > 0 || missing == 0 {
            return Repair::Instances;
        }
        let request = REQUEST_BYTES.min(self.instance_bytes() / REQUEST_PART);
        let all_again = self.staged_bytes.saturating_add(request);
        if missing.saturating_mul(request) < all_again { Repair::Instances } else { Repair::WholeAgain }
    }

    /// An instance of the series, by what is listed, else by what is there.
    fn instance_bytes(self) -> u64 {
        let listed = self.wanted_bytes.and_then(|bytes| bytes.checked_div(self.wanted));
        listed.or(self.staged_bytes.checked_div(self.staged)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `staged` of `wanted` instances of a size, which is listed or not.
    fn shortfall(staged: u64, wanted: u64, bytes: u64, is_listed: bool) -> Shortfall {
        let wanted_bytes = is_listed.then_some(wanted * bytes);
        Shortfall { staged, staged_bytes: staged * bytes, wanted, wanted_bytes, earlier_attempts: 0 }
    }

    #[test]
    fn every_row_of_the_table_holds() {
        const CT: u64 = 526_000;
        const MAMMOGRAM: u64 = 30_000_000;
        let cases = [
            ("one of many is missing", 199, 200, CT, Repair::Instances),
            ("half is missing", 100, 200, CT, Repair::Instances),
            ("a tenth is there", 20, 200, CT, Repair::Instances),
            ("a beginning is there", 2, 200, CT, Repair::WholeAgain),
            ("nothing is there", 0, 200, CT, Repair::WholeAgain),
            (
                "large images: one is worth more than the requests for the rest",
                1,
                200,
                MAMMOGRAM,
                Repair::Instances,
            ),
            ("small images: half is missing", 500, 1000, 3_000, Repair::Instances),
            ("small images: a tenth is there", 100, 1000, 3_000, Repair::WholeAgain),
            ("one of two", 1, 2, 500, Repair::Instances),
            ("the only one: the ZIP brings its licence as well", 0, 1, CT, Repair::WholeAgain),
            ("more than is listed", 3, 2, CT, Repair::Instances),
            ("nothing is listed", 0, 0, CT, Repair::Instances),
        ];
        for (case, staged, wanted, bytes, expected) in cases {
            for is_listed in [true, false] {
                assert_eq!(
                    shortfall(staged, wanted, bytes, is_listed).repair(),
                    expected,
                    "{case}, listed: {is_listed}"
                );
            }
        }
    }

    #[test]
    fn after_a_failed_attempt_a_zip_is_not_asked_for_again_in_its_place() {
        for staged in [0, 1, 199] {
            let again = Shortfall { earlier_attempts: 1, ..shortfall(staged, 200, 526_000, true) };
            assert_eq!(again.repair(), Repair::Instances, "{staged}");
        }
    }

    proptest! {
        #[test]
        fn the_more_is_there_the_rather_instances_are_fetched(wanted in 1..2_000_u64, bytes in 1..1_u64 << 30) {
            let instances = |staged| shortfall(staged, wanted, bytes, true).repair() == Repair::Instances;

            let first = (0..=wanted).find(|staged| instances(*staged)).unwrap();

            prop_assert!((first..=wanted).all(instances));
            // what a ZIP brings twice is less than a ninth of the series, and one instance more at the most
            prop_assert!(first <= wanted / 9 + 1, "{first} of {wanted}");
        }
    }

    #[test]
    fn a_listing_that_is_too_small_or_too_large_to_be_true_decides_without_an_overflow() {
        for wanted_bytes in [Some(0), Some(u64::MAX), None] {
            for staged in [0, 1, u64::MAX] {
                let odd = Shortfall {
                    staged,
                    staged_bytes: staged,
                    wanted: u64::MAX,
                    wanted_bytes,
                    earlier_attempts: 0,
                };
                odd.repair();
            }
        }
    }
}
