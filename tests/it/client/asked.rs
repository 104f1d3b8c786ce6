//! Every endpoint, asked through its own function: what is sent for it, or that nothing is.

use jiff::civil::{Date, date};
use tcia_mirror::dicom::{CollectionName, PatientId};
use tcia_mirror::nbia::{Client, Endpoint, Error, Md5Scope, Narrowing, Scope};

use super::{client, options, series_uid, sop_uid, study_uid};
use crate::support::raw_server::RawServer;

/// An endpoint, the filters it is asked with, the line that must be sent, and the form behind it.
pub(super) type Asked = (Endpoint, &'static str, &'static str, &'static str);

/// In place of the line: the dialect has no such endpoint, or it takes no such filter.
pub(super) const NOT_OFFERED: &str = "";

const SINCE: Date = date(2023, 8, 4);

/// Asks for each of these below a path and compares what arrives.
pub(super) async fn assert_asked(path: &str, all: &[Asked]) {
    let server = RawServer::in_order([]).await;
    let client = client(&options(&server, path));
    for (endpoint, filters, line, form) in all {
        let before = server.requests().len();

        let error = ask(&client, *endpoint, filters).await.expect_err("the server has no answer to anything");

        let case = format!("{endpoint:?} by {filters:?}");
        let sent = &server.requests()[before..];
        if *line == NOT_OFFERED {
            assert!(matches!(error, Error::NotOffered { .. }), "{case}: {error}");
            assert!(sent.is_empty(), "{case}: {sent:?}");
        } else {
            assert!(matches!(error, Error::Status { .. }), "{case}: {error}");
            let [sent] = sent else { panic!("{case}: {sent:?}") };
            assert!(sent.head.starts_with(&format!("{line} HTTP/1.1\r\n")), "{case}: {}", sent.head);
            assert_eq!(sent.body, *form, "{case}");
        }
    }
}

/// The filters that stand for `C P St Se M B Ma Mo`: collection, patient, study, series, modality and so on.
fn filters(named: &str) -> (Scope, Narrowing) {
    let (mut scope, mut narrowing) = (Scope::default(), Narrowing::default());
    for name in named.split_whitespace() {
        match name {
            "C" => scope.collection = Some(CollectionName::new("CT COLONOGRAPHY")),
            "P" => scope.patient_id = Some(PatientId::new("STS_010")),
            "St" => scope.study_instance_uid = Some(study_uid("1.2.3")),
            "Se" => scope.series_instance_uid = Some(series_uid("1.2.3.4")),
            "M" => narrowing.modality = Some("CT".to_owned()),
            "B" => narrowing.body_part_examined = Some("CHEST/ABD".to_owned()),
            "Ma" => narrowing.manufacturer = Some("CMS, Inc.".to_owned()),
            "Mo" => narrowing.manufacturer_model_name = Some("SIGNA+".to_owned()),
            _ => panic!("no filter {name}"),
        }
    }
    (scope, narrowing)
}

async fn ask(client: &Client, endpoint: Endpoint, named: &str) -> Result<(), Error> {
    let ((scope, narrowing), name) = (filters(named), CollectionName::new("CT COLONOGRAPHY"));
    let (series, instance) = (series_uid("1.2.3.4"), sop_uid("1.2.3.4.5"));
    match endpoint {
        Endpoint::CollectionValues => client.collections().await.map(drop),
        Endpoint::ModalityValues => client.modalities(&scope, &narrowing).await.map(drop),
        Endpoint::BodyPartValues => client.body_parts(&scope, &narrowing).await.map(drop),
        Endpoint::ManufacturerValues => client.manufacturers(&scope, &narrowing).await.map(drop),
        Endpoint::Patient => client.patients(&scope).await.map(drop),
        Endpoint::PatientsByModality => client.patients_by_modality(&name, "CT").await.map(drop),
        Endpoint::PatientStudy => client.studies(&scope).await.map(drop),
        Endpoint::Series => client.narrowed_series(&scope, &narrowing).await.map(drop),
        Endpoint::SeriesSize => client.series_size(&series).await.map(drop),
        Endpoint::SopInstanceUids => client.sop_instance_uids(&series).await.map(drop),
        Endpoint::Image => client.image(&series).await.map(drop),
        Endpoint::ImageWithMd5Hash => client.image_with_md5_hash(&series).await.map(drop),
        Endpoint::SingleImage => client.single_image(&series, &instance).await.map(drop),
        Endpoint::NewPatients => client.new_patients(&name, SINCE).await.map(drop),
        Endpoint::NewStudies => client.new_studies(&name, SINCE).await.map(drop),
        Endpoint::UpdatedSeries => client.updated_series(SINCE).await.map(drop),
        Endpoint::SeriesMetadata => client.series_metadata(&[series]).await.map(drop),
        Endpoint::SharedList => client.shared_list("nbia 5&7").await.map(drop),
        Endpoint::Md5Hierarchy => client.md5_hierarchy(&md5_scope(named, &scope)).await.map(drop),
        Endpoint::ImageMd5 => client.image_md5(&instance).await.map(drop),
        Endpoint::CollectionDescriptions => {
            client.collection_descriptions(scope.collection.as_ref()).await.map(drop)
        }
        Endpoint::CollectionCounts
        | Endpoint::ModalityCounts
        | Endpoint::BodyPartCounts
        | Endpoint::ManufacturerCounts
        | Endpoint::SpeciesCounts => client.value_counts(endpoint, &scope, &narrowing).await.map(drop),
    }
}

fn md5_scope(named: &str, scope: &Scope) -> Md5Scope {
    let name = || scope.collection.clone().expect("a collection is named");
    match named {
        "Se" => Md5Scope::Series(series_uid("1.2.3.4")),
        "St" => Md5Scope::Study(study_uid("1.2.3")),
        "C P" => Md5Scope::Patient(name(), PatientId::new("STS_010")),
        _ => Md5Scope::Collection(name()),
    }
}
