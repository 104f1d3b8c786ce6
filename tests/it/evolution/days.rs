//! Three days of a service, with every kind of change that was seen between its real releases, scaled down.
//!
//! Each series has a name that says what becomes of it, and a patient of its own unless the change concerns others.

use crate::support::catalogue::{Catalogue, SampleSeries};

/// The day on which what is new on each of the days was made public.
pub(super) const RELEASED: [&str; 3] = ["2020-01-02", "2024-02-10", "2024-05-10"];
/// The days as the newest submission of an image.
const SUBMITTED: [&str; 3] = ["2020-01-01", "2024-02-09", "2024-05-09"];

const OLD_LICENSE: &str = "CC BY-NC 3.0";
const NEW_LICENSE: &str = "CC BY 3.0";

/// What lies there on day 0: collection, patient, series, whose studies are named after the patient.
const DAY_0: [(&str, &str, &str); 47] = [
    ("NLST", "100001", "first of a known patient"),
    ("NLST", "100002", "first of a known study"),
    ("EA1141", "EA-01", "grown"),
    ("EA1141", "EA-02", "shrunk"),
    ("EA1141", "EA-03", "resized"),
    ("EA1141", "EA-04", "retouched"),
    ("EA1141", "EA-05", "retouched within a day"),
    ("EA1141", "EA-06", "retouched, then grown"),
    ("EA1141", "EA-07", "revised twice"),
    ("EA1141", "EA-08", "revised, then gone"),
    ("EA1141", "EA-09", "grown and released again"),
    ("EA1141", "EA-10", "retouched and released again"),
    ("EA1141", "EA-11", "unchanged"),
    ("CPTAC-LSCC", "C3L-01", "gone with its patient 1"),
    ("CPTAC-LSCC", "C3L-01", "gone with its patient 2"),
    ("CPTAC-LSCC", "C3L-02", "stays where one goes"),
    ("CPTAC-LSCC", "C3L-02", "gone"),
    ("CPTAC-LSCC", "C3L-03", "stays where one is away"),
    ("CPTAC-LSCC", "C3L-03", "away for a day"),
    ("CPTAC-LSCC", "C3L-04", "away and grown"),
    ("CPTAC-LSCC", "C3L-05", "away and retouched"),
    ("CPTAC-LSCC", "C3L-06", "away and resized"),
    ("CPTAC-LSCC", "C3L-07", "away and moved"),
    ("AMBL", "AMBL-001", "under an old UID 1"),
    ("AMBL", "AMBL-001", "stays beside a new UID"),
    ("AMBL", "AMBL-002", "under an old UID 2"),
    ("CMB-CRC", "CMB-CRC-MSB-00352", "of an old name 1"),
    ("CMB-CRC", "CMB-CRC-MSB-00352", "of an old name 2"),
    ("CMB-CRC", "CMB-CRC-MSB-00999", "of a name that stays"),
    ("Phantom FDA", "FDA-1", "licensed otherwise for a day"),
    ("Phantom FDA", "FDA-2", "licensed otherwise"),
    ("Phantom FDA", "FDA-3", "licensed otherwise and grown"),
    ("CBIS-DDSM", "P_00001", "of another day"),
    ("CBIS-DDSM", "P_00002", "described otherwise"),
    ("CBIS-DDSM", "P_00038", "to another patient"),
    ("CBIS-DDSM", "P_00038", "stays where one moves away"),
    ("CBIS-DDSM", "P_00039", "to another collection"),
    ("CBIS-DDSM", "P_00040", "there and back"),
    ("CBIS-DDSM", "P_00041", "moved and grown"),
    ("CBIS-DDSM", "P_00042", "moved and retouched"),
    ("CBIS-DDSM", "P_00043", "moved and resized"),
    ("CBIS-DDSM", "P_00044", "moved and cut anew"),
    ("Lung-Old", "L-1", "in a collection with another name 1"),
    ("Lung-Old", "L-2", "in a collection with another name 2"),
    ("Vanishing", "V-1", "vanished 1"),
    ("Vanishing", "V-2", "vanished 2"),
    ("Brain", "B-1", "unchanged elsewhere"),
];

/// What comes on the days after: collection, patient, series.
const DAY_1: [(&str, &str, &str); 7] = [
    ("NLST", "100003", "of a new patient"),
    ("NLST", "100001", "in a new study"),
    ("NLST", "100002", "in an old study"),
    ("NLST", "100004", "here for a day"),
    ("NLST", "100002", "here for a day in an old study"),
    ("AMBL", "AMBL-001", "under a new UID 1"),
    ("Breast", "BR-1", "of a new collection"),
];
const DAY_2: [(&str, &str, &str); 7] = [
    ("NLST", "100005", "of a newer patient"),
    ("NLST", "100003", "in a newer study"),
    ("NLST", "100003", "in a study of a day"),
    ("AMBL", "AMBL-002", "under a new UID 2"),
    ("CMB-CRC", "MSB-00352", "of a new name 1"),
    ("CMB-CRC", "MSB-00352", "of a new name 2"),
    ("Prostate", "PR-1", "of a newer collection"),
];
/// Series that are not there on day 1.
const AWAY: [&str; 5] =
    ["away for a day", "away and grown", "away and retouched", "away and resized", "away and moved"];
/// Series whose study is not the first of their patient.
const IN_SECOND_STUDIES: [&str; 2] = ["in a new study", "in a newer study"];

/// The UID of a series that is known by a name here.
pub(super) fn uid(name: &str) -> String {
    format!("1.2.826.7.{}", crc32fast::hash(name.as_bytes()))
}

/// The name of a series by its UID.
pub(super) fn name(series_instance_uid: &str) -> &'static str {
    let mut names = DAY_0.iter().chain(&DAY_1).chain(&DAY_2).map(|(_, _, name)| *name);
    names.find(|name| uid(name) == series_instance_uid).unwrap()
}

/// The catalogues of the days.
pub(super) fn days() -> [Catalogue; 3] {
    let mut day = Day { number: 0, catalogue: Catalogue::default() };
    day.add(&DAY_0);
    for name in DAY_0.map(|(_, _, name)| name).iter().filter(|name| name.starts_with("licensed")) {
        day.change(name, |series| series.license_name = Some(OLD_LICENSE));
    }
    day.change("retouched within a day", |series| series.submitted = "2024-05-09 09:00:00");
    let day_0 = day.catalogue.clone();
    let day = day_1(Day { number: 1, ..day });
    let day_1 = day.catalogue.clone();
    [day_0, day_1, day_2(Day { number: 2, ..day }).catalogue]
}

fn day_1(mut day: Day) -> Day {
    day.add(&DAY_1);
    for gone in ["gone with its patient 1", "gone with its patient 2", "under an old UID 1"] {
        day.remove(gone);
    }
    for gone in AWAY.iter().chain(&["vanished 1", "vanished 2"]) {
        day.remove(gone);
    }
    for grown in [
        "grown",
        "revised twice",
        "revised, then gone",
        "grown and released again",
        "licensed otherwise and grown",
    ] {
        day.change(grown, |series| *series = resized(series, 3, 700));
    }
    for retouched in ["retouched", "retouched, then grown", "retouched and released again"] {
        day.change(retouched, retouch);
        day.change(retouched, |series| series.submitted = SUBMITTED[1]);
    }
    day.change("resized", |series| *series = resized(series, 2, 900));
    for released in ["grown and released again", "retouched and released again", "moved and grown"] {
        day.change(released, |series| series.released = RELEASED[1]);
    }
    for licensed in ["licensed otherwise for a day", "licensed otherwise and grown"] {
        day.change(licensed, |series| series.license_name = Some(NEW_LICENSE));
    }
    day.change("of another day", |series| series.study_date = "2016-07-20");
    day.change("to another patient", |series| put(series, "CBIS-DDSM", "P_00038_LEFT_CC_1.dcm"));
    day.change("there and back", |series| put(series, "EA1141", "P_00040"));
    day.change("moved and grown", |series| *series = resized(series, 3, 700));
    day.change("moved and grown", |series| put(series, "CBIS-DDSM", "P_00041_LEFT"));
    day
}

fn day_2(mut day: Day) -> Day {
    day.add(&DAY_2);
    for gone in ["gone", "revised, then gone", "here for a day", "here for a day in an old study"] {
        day.remove(gone);
    }
    for gone in ["under an old UID 2", "of an old name 1", "of an old name 2"] {
        day.remove(gone);
    }
    for back in AWAY {
        day.add(&DAY_0.into_iter().filter(|(_, _, name)| *name == back).collect::<Vec<_>>());
        day.change(back, |series| (series.released, series.submitted) = (RELEASED[0], SUBMITTED[0]));
    }
    day.change("away and grown", |series| *series = resized(series, 3, 700));
    day.change("away and grown", |series| series.released = RELEASED[2]);
    day.change("away and resized", |series| *series = resized(series, 2, 900));
    for retouched in ["away and retouched", "moved and retouched", "retouched within a day"] {
        day.change(retouched, retouch);
        day.change(retouched, |series| series.submitted = SUBMITTED[2]);
    }
    day.change("retouched within a day", |series| series.submitted = "2024-05-09 17:00:00");
    day.change("shrunk", |series| *series = resized(series, 1, 600));
    day.change("retouched, then grown", |series| *series = resized(series, 3, 700));
    day.change("revised twice", |series| *series = resized(series, 2, 800));
    day.change("revised twice", |series| series.released = RELEASED[2]);
    day.change("licensed otherwise for a day", |series| series.license_name = Some(OLD_LICENSE));
    day.change("licensed otherwise", |series| series.license_name = Some(NEW_LICENSE));
    day.change("described otherwise", |series| series.description = "ROI mask images");
    day.change("away and moved", |series| put(series, "NLST", "C3L-08"));
    day.change("to another collection", |series| put(series, "NLST", "P_00039"));
    day.change("there and back", |series| put(series, "CBIS-DDSM", "P_00040"));
    day.change("moved and resized", |series| *series = resized(series, 2, 900));
    day.change("moved and cut anew", cut_anew);
    for moved in ["moved and retouched", "moved and resized", "moved and cut anew"] {
        day.change(moved, |series| put(series, "CBIS-DDSM", "P_00045"));
    }
    for renamed in ["in a collection with another name 1", "in a collection with another name 2"] {
        day.change(renamed, |series| "Lung-New".clone_into(&mut series.collection));
    }
    day
}

/// A catalogue on its way from one day to the next.
struct Day {
    number: usize,
    catalogue: Catalogue,
}

impl Day {
    /// Lists new series of two instances.
    fn add(&mut self, new: &[(&str, &str, &str)]) {
        for (collection, patient, name) in new {
            assert!(self.catalogue.series.iter().all(|series| series.series != uid(name)), "{name} twice");
            let study = format!("{patient}/{}", IN_SECOND_STUDIES.contains(name));
            let series = SampleSeries::new((patient, patient), &uid(&study), &uid(name), 2, 600);
            self.catalogue.series.push(SampleSeries {
                collection: (*collection).to_owned(),
                released: RELEASED[self.number],
                submitted: SUBMITTED[self.number],
                ..series
            });
        }
    }

    fn remove(&mut self, name: &str) {
        let listed = self.catalogue.series.len();
        self.catalogue.series.retain(|series| series.series != uid(name));
        assert_eq!(self.catalogue.series.len(), listed - 1, "{name}");
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut SampleSeries)) {
        change(self.catalogue.series.iter_mut().find(|series| series.series == uid(name)).unwrap());
    }
}

/// The series with other files; nothing else that is listed of it tells.
fn resized(series: &SampleSeries, instances: u64, bytes: usize) -> SampleSeries {
    let patient = (&*series.patient_id, &*series.component);
    let SampleSeries { files, .. } =
        SampleSeries::new(patient, &series.study, &series.series, instances, bytes);
    SampleSeries { files, ..series.clone() }
}

/// Another content of as many bytes.
fn retouch(series: &mut SampleSeries) {
    for file in series.files.values_mut() {
        *file.last_mut().unwrap() ^= 0x55;
    }
}

/// One of two instances is retouched, and another one has come for the other.
fn cut_anew(series: &mut SampleSeries) {
    retouch(series);
    let SampleSeries { files, .. } = resized(series, 3, 900);
    let (first, third) = (format!("{}.1", series.series), format!("{}.3", series.series));
    let kept = series.files[&first].clone();
    series.files = [(first, kept), (third.clone(), files[&third].clone())].into();
}

fn put(series: &mut SampleSeries, collection: &str, patient: &str) {
    collection.clone_into(&mut series.collection);
    (series.patient_id, series.component) = (patient.to_owned(), patient.to_owned());
}
