//! getMD5Hierarchy: one MD5 over all files below a series, a study, a patient or a collection.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use md5::{Digest, Md5};

use super::refusal::Refusal;
use super::request::Request;
use super::served::{Fault, ServedMirror};
use crate::db::{Md5s, Reader, ServedFilter};
use crate::nbia::dialect::Parameter;

/// Above what the MD5 is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Series,
    Study,
    Patient,
    Collection,
}

/// The MD5s of one level, below each of which lie those of the level below, as far as they have been read.
///
/// Series of one study, and studies of one patient, come one behind the other, so that nothing else need be kept.
#[derive(Debug, Default)]
struct Tower {
    series: Vec<[u8; 16]>,
    studies: Vec<[u8; 16]>,
    patients: Vec<[u8; 16]>,
    /// The patient and the study of the last series.
    place: Option<(String, String)>,
}

/// Answers getMD5Hierarchy; what the mirror has nothing of is an empty text.
pub(super) async fn hierarchy(mirror: Arc<ServedMirror>, request: Request) -> Response {
    let Some((level, filter)) = asked(&request) else { return text(None) };
    match mirror.read(move |mirror, reader| build(mirror, reader, level, &filter)).await {
        Ok(md5) => text(md5),
        Err(fault) => {
            fault.report(request.endpoint.name);
            Refusal::Fault.answer(&request)
        }
    }
}

/// Answers getMD5HashForImage; an image that is not here has an empty text.
pub(super) async fn of_image(mirror: Arc<ServedMirror>, request: Request) -> Response {
    let instance = request.required(Parameter::SopInstanceUid).to_owned();
    match mirror.read(move |_mirror, reader| Ok(reader.served_md5(&instance)?)).await {
        Ok(md5) => text(md5.map(hex)),
        Err(fault) => {
            fault.report(request.endpoint.name);
            Refusal::Fault.answer(&request)
        }
    }
}

/// Of several levels the server answers for the one that it looks at last (`GetMD5Hierarchy.java`).
fn asked(request: &Request) -> Option<(Level, ServedFilter)> {
    let is = |parameter| request.filled(parameter).map(str::to_owned);
    let [series_instance_uid, study_instance_uid, patient_id, collection] = [
        is(Parameter::SeriesInstanceUid),
        is(Parameter::StudyInstanceUid),
        is(Parameter::PatientId),
        is(Parameter::Collection),
    ];
    let all = ServedFilter::default();
    Some(if patient_id.is_some() {
        (Level::Patient, ServedFilter { collection, patient_id, ..all })
    } else if collection.is_some() {
        (Level::Collection, ServedFilter { collection, ..all })
    } else if study_instance_uid.is_some() {
        (Level::Study, ServedFilter { study_instance_uid, ..all })
    } else {
        (Level::Series, ServedFilter { series_instance_uid: Some(series_instance_uid?), ..all })
    })
}

fn build(
    mirror: &ServedMirror,
    reader: &Reader,
    level: Level,
    filter: &ServedFilter,
) -> Result<Option<String>, Fault> {
    let mut tower = Tower::default();
    reader.served_md5s(filter, &mut |series| {
        tower.add(level, series);
        if mirror.is_stopping() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    // what was broken off is the MD5 of something else
    if mirror.is_stopping() { Err(Fault::BrokenOff) } else { Ok(tower.top(level).map(hex)) }
}

impl Tower {
    fn add(&mut self, level: Level, series: Md5s) {
        let place = (series.patient_id, series.study_instance_uid);
        if let Some((patient, study)) = self.place.take() {
            let is_other_patient = patient != place.0;
            if level >= Level::Patient && (is_other_patient || study != place.1) {
                self.studies.extend(md5_of(&mut self.series));
            }
            if level == Level::Collection && is_other_patient {
                self.patients.extend(md5_of(&mut self.studies));
            }
        }
        self.place = Some(place);
        self.series.extend(md5_of(&mut { series.md5s }));
    }

    fn top(mut self, level: Level) -> Option<[u8; 16]> {
        match level {
            Level::Series => self.series.pop(),
            Level::Study => md5_of(&mut self.series),
            Level::Patient => {
                self.studies.extend(md5_of(&mut self.series));
                md5_of(&mut self.studies)
            }
            Level::Collection => {
                self.studies.extend(md5_of(&mut self.series));
                self.patients.extend(md5_of(&mut self.studies));
                md5_of(&mut self.patients)
            }
        }
    }
}

/// The MD5 of MD5s in hexadecimal, ascending, one behind the other; of none there is none.
///
/// (NBIA-TCIA 865725e, `GeneralSeriesDAOImpl.java`, lines 2154 to 2309.)
fn md5_of(md5s: &mut Vec<[u8; 16]>) -> Option<[u8; 16]> {
    let mut md5s = std::mem::take(md5s);
    md5s.sort_unstable();
    let mut digest = Md5::new();
    for md5 in &md5s {
        digest.update(hex(*md5));
    }
    (!md5s.is_empty()).then(|| digest.finalize().into())
}

fn hex(md5: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(md5))
}

fn text(md5: Option<String>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))], md5.unwrap_or_default()).into_response()
}
