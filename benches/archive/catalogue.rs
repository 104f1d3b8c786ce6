//! A catalogue as large as the archive's, or a part of it: counts and sizes as they are spread there, nothing of it kept
//! in memory, every row made from its number.

use serde_json::{Value, json};

/// Collections of the archive, series of all of them, and the mean of instances and bytes of a series.
pub(crate) const COLLECTIONS: u64 = 141;
const SERIES: f64 = 528_998.0;
const INSTANCES: u64 = 109;
const INSTANCE_BYTES: u64 = 504_000;
/// Series of the collections of some ranks, the largest first; between them the logarithms lie on lines.
const RANKS: [(f64, f64); 5] =
    [(0.0, 205_115.0), (1.0, 32_411.0), (14.0, 6_690.0), (70.0, 523.0), (140.0, 28.0)];
/// Series of a patient, as the mean is; they lie in two studies, or in three of every fifth patient.
const SERIES_OF_A_PATIENT: u64 = 8;

/// A part of the archive.
#[derive(Clone)]
pub(crate) struct Catalogue {
    /// Series of each collection.
    sizes: Vec<u64>,
}

/// Where a series belongs.
struct Place {
    collection: u64,
    patient: u64,
    study: u64,
    series: u64,
}

impl Catalogue {
    /// So much of the archive: every collection has this share of its series.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "small positive numbers that are rounded"
    )]
    pub(crate) fn part(share: f64) -> Self {
        let raw: Vec<f64> = (0..COLLECTIONS).map(|rank| interpolated(rank as f64)).collect();
        let factor = share * SERIES / raw.iter().sum::<f64>();
        Self { sizes: raw.iter().map(|size| (size * factor).ceil() as u64).collect() }
    }

    pub(crate) fn series(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// The rows of a list, of one collection or of all, as version 4 of the service gives them.
    pub(crate) fn rows<'a>(
        &'a self,
        endpoint: &str,
        collection: Option<&str>,
    ) -> Box<dyn Iterator<Item = Value> + 'a> {
        let wanted = collection.map(ToOwned::to_owned);
        let is_wanted = move |number: &u64| wanted.as_ref().is_none_or(|wanted| *wanted == name(*number));
        let collections = (0..COLLECTIONS).filter(is_wanted);
        match endpoint {
            "getCollectionValues" => {
                Box::new(collections.map(|number| json!({ "Collection": name(number) })))
            }
            "getPatient" => Box::new(collections.flat_map(|number| self.patients(number))),
            "getPatientStudy" => Box::new(collections.flat_map(|number| self.studies(number))),
            "getSeries" => Box::new(collections.flat_map(|number| self.series_of(number))),
            // nothing is new, nothing was updated
            _ => Box::new(std::iter::empty()),
        }
    }

    fn size_of(&self, collection: u64) -> u64 {
        usize::try_from(collection).ok().and_then(|index| self.sizes.get(index)).copied().unwrap_or(0)
    }

    fn patients(&self, collection: u64) -> impl Iterator<Item = Value> + use<> {
        (0..self.size_of(collection).div_ceil(SERIES_OF_A_PATIENT)).map(move |patient| {
            let place = Place::of(collection, patient * SERIES_OF_A_PATIENT);
            json!({ "PatientId": place.patient_id(), "Collection": name(collection), "Phantom": "NO",
                    "SpeciesCode": "337915000", "SpeciesDescription": "Homo sapiens" })
        })
    }

    fn studies(&self, collection: u64) -> impl Iterator<Item = Value> + use<> {
        let size = self.size_of(collection);
        let begins_a_study = move |series: &u64| {
            *series == 0
                || Place::of(collection, *series).study_key()
                    != Place::of(collection, *series - 1).study_key()
        };
        (0..size).filter(begins_a_study).map(move |series| {
            let place = Place::of(collection, series);
            let count = (series..size)
                .take_while(|other| Place::of(collection, *other).study_key() == place.study_key());
            json!({ "Collection": name(collection), "PatientID": place.patient_id(),
                    "StudyInstanceUID": place.study_uid(), "StudyDate": "2001-01-01",
                    "StudyDescription": "CT CHEST WITHOUT CONTRAST", "SeriesCount": count.count() })
        })
    }

    fn series_of(&self, collection: u64) -> impl Iterator<Item = Value> + use<> {
        (0..self.size_of(collection)).map(move |series| {
            let place = Place::of(collection, series);
            let images = 1 + mixed(place.key()) % (2 * INSTANCES - 1);
            json!({ "Collection": name(collection), "PatientID": place.patient_id(),
                    "StudyInstanceUID": place.study_uid(), "SeriesInstanceUID": place.series_uid(), "Modality": "CT",
                    "ProtocolName": "1.1 CT CHEST", "SeriesDate": "2001-01-01", "SeriesDescription": "AXIAL 1.25 mm STANDARD",
                    "BodyPartExamined": "CHEST", "SeriesNumber": "2", "AnnotationsFlag": "false",
                    "Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "LightSpeed VCT",
                    "SoftwareVersions": "gmp_vct.42", "ImageCount": images, "FileSize": images * INSTANCE_BYTES,
                    "TimeStamp": "2024-05-01 12:00:00.0", "DateReleased": "2024-05-02 00:00:00.0",
                    "LicenseName": "Creative Commons Attribution 4.0 International License",
                    "LicenseURI": "https://creativecommons.org/licenses/by/4.0/", "CollectionURI": "https://doi.org/10.0/bench" })
        })
    }
}

impl Place {
    fn of(collection: u64, series: u64) -> Self {
        let (patient, place) = (series / SERIES_OF_A_PATIENT, series % SERIES_OF_A_PATIENT);
        let studies = if patient.is_multiple_of(5) { 3 } else { 2 };
        Self { collection, patient, study: place * studies / SERIES_OF_A_PATIENT, series }
    }

    fn key(&self) -> u64 {
        self.collection << 32 | self.series
    }

    fn study_key(&self) -> (u64, u64) {
        (self.patient, self.study)
    }

    fn patient_id(&self) -> String {
        format!("{}-{:06}", name(self.collection), self.patient)
    }

    fn study_uid(&self) -> String {
        uid(1 << 56 | self.collection << 40 | self.patient << 4 | self.study)
    }

    fn series_uid(&self) -> String {
        uid(2 << 56 | self.key())
    }
}

fn name(collection: u64) -> String {
    format!("COLLECTION-{collection:03}")
}

/// A UID of 64 characters, as half of the archive's are; numbers that differ give others.
fn uid(number: u64) -> String {
    format!("1.3.6.1.4.1.14519.5.2.1.{:020}{number:020}", mixed(number))
}

/// A number that looks drawn (the last steps of splitmix64, public domain).
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// Series of the collection of a rank.
fn interpolated(rank: f64) -> f64 {
    let ends = RANKS
        .windows(2)
        .find(|ends| rank <= ends[1].0)
        .expect("the last rank is that of the last collection");
    let (before, after) = (ends[0], ends[1]);
    let along = (rank - before.0) / (after.0 - before.0);
    (before.1.ln() + along * (after.1.ln() - before.1.ln())).exp()
}
