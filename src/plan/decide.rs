//! What is done with one series: a pure function of what the service lists and what the mirror has.

use std::fmt;

use crate::dicom::SeriesVersion;

/// What the mirror knows of a series that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalState {
    /// Queued, or a worker has it.
    Unfinished,
    /// In the tree, in this version.
    Placed(SeriesVersion),
    /// Given up, for this reason.
    Parked(String),
    /// In the tree, and the service did not list it of late.
    Withdrawn,
}

/// What is done with a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is fetched.
    Fetch(Reason),
    /// It stays as it is.
    Keep(Reason),
    /// It lies in the tree, and the service has not listed it several times.
    Withdrawn,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was never asked for.
    New,
    /// It was asked for and has not arrived.
    Unfinished,
    /// The service lists another version than the one in the tree.
    Changed(String),
    /// It was withdrawn and is listed again.
    ListedAgain,
    /// It lies in the tree in the version that is listed.
    Placed,
    /// It was given up until someone asks again.
    Parked(String),
    /// It lies in the tree, and the last listing did not show it; a later one may.
    NotListed,
}

/// | the service lists it | the mirror has        | decision                  |
/// |----------------------|-----------------------|---------------------------|
/// | yes                  | nothing               | fetch: new                |
/// | yes                  | an unfinished job     | fetch: unfinished         |
/// | yes                  | the same version      | keep: placed              |
/// | yes                  | another version       | fetch: changed            |
/// | yes                  | it at another place   | fetch: changed            |
/// | yes                  | a parked job          | keep: parked              |
/// | yes                  | a withdrawn series    | fetch: listed again       |
/// | no                   | a placed series       | keep: not listed          |
/// | no                   | a withdrawn series    | withdrawn                 |
/// | no                   | anything else         | keep: what it is          |
pub fn decide(listed: Option<&SeriesVersion>, local: Option<&LocalState>) -> Decision {
    match (listed, local) {
        (_, None) => Decision::Fetch(Reason::New),
        (_, Some(LocalState::Unfinished)) => Decision::Fetch(Reason::Unfinished),
        (_, Some(LocalState::Parked(why))) => Decision::Keep(Reason::Parked(why.clone())),
        (Some(_), Some(LocalState::Withdrawn)) => Decision::Fetch(Reason::ListedAgain),
        (None, Some(LocalState::Placed(_))) => Decision::Keep(Reason::NotListed),
        (None, Some(LocalState::Withdrawn)) => Decision::Withdrawn,
        (Some(listed), Some(LocalState::Placed(placed))) => match placed.difference(listed) {
            Some(difference) => Decision::Fetch(Reason::Changed(difference)),
            None => Decision::Keep(Reason::Placed),
        },
    }
}

impl Decision {
    /// Its name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fetch(_) => "fetch",
            Self::Keep(_) => "keep",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Why, for people.
    pub fn reason(&self) -> String {
        match self {
            Self::Fetch(reason) | Self::Keep(reason) => reason.to_string(),
            Self::Withdrawn => "no longer listed by the service".to_owned(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => formatter.write_str("new"),
            Self::Unfinished => formatter.write_str("asked for before, not finished"),
            Self::Changed(difference) => write!(formatter, "changed: {difference}"),
            Self::ListedAgain => formatter.write_str("listed again"),
            Self::Placed => formatter.write_str("placed"),
            Self::Parked(why) => write!(formatter, "parked: {why}"),
            Self::NotListed => formatter.write_str("placed; the service did not list it this time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::{CollectionName, PatientId, SeriesFingerprint, SeriesPlace};

    fn version(image_count: u32) -> SeriesVersion {
        let fingerprint =
            SeriesFingerprint { image_count: Some(image_count), ..SeriesFingerprint::default() };
        SeriesVersion { place: None, fingerprint }
    }

    fn version_in(collection: &str) -> SeriesVersion {
        let place = SeriesPlace {
            collection: CollectionName::new(collection),
            patient_id: PatientId::new("P"),
            study_instance_uid: "1.2".parse().unwrap(),
        };
        SeriesVersion { place: Some(place), ..version(1) }
    }

    #[test]
    fn every_row_of_the_truth_table_holds() {
        let (one, two) = (version(1), version(2));
        let placed = LocalState::Placed(one.clone());
        let parked = LocalState::Parked("why".to_owned());
        let changed = Reason::Changed("1 instances, now 2".to_owned());
        let (here, there) = (version_in("A"), version_in("B"));
        let placed_here = LocalState::Placed(here.clone());
        let moved =
            "was study 1.2 of patient `P` of collection `A`, now study 1.2 of patient `P` of collection `B`";
        let moved = Decision::Fetch(Reason::Changed(moved.to_owned()));
        let cases = [
            (Some(&one), None, Decision::Fetch(Reason::New)),
            (Some(&one), Some(&LocalState::Unfinished), Decision::Fetch(Reason::Unfinished)),
            (Some(&one), Some(&placed), Decision::Keep(Reason::Placed)),
            (Some(&two), Some(&placed), Decision::Fetch(changed)),
            (Some(&there), Some(&placed_here), moved),
            (Some(&here), Some(&placed_here), Decision::Keep(Reason::Placed)),
            (Some(&here), Some(&placed), Decision::Keep(Reason::Placed)),
            (Some(&two), Some(&parked), Decision::Keep(Reason::Parked("why".to_owned()))),
            (Some(&one), Some(&LocalState::Withdrawn), Decision::Fetch(Reason::ListedAgain)),
            (None, Some(&placed), Decision::Keep(Reason::NotListed)),
            (None, Some(&LocalState::Withdrawn), Decision::Withdrawn),
            (None, Some(&LocalState::Unfinished), Decision::Fetch(Reason::Unfinished)),
        ];
        for (listed, local, expected) in cases {
            assert_eq!(decide(listed, local), expected, "{listed:?} {local:?}");
        }
    }
}
