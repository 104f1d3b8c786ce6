//! The typed client against `serve`, each of its functions in each generation that has the endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use tcia_mirror::dicom::{
    CollectionName, PatientId, Series, SeriesInstanceUid, SopInstanceUid, StudyInstanceUid,
};
use tcia_mirror::nbia::{
    Body, Client, Endpoint, Error, HttpOptions, Md5Scope, Narrowing, Options, Rate, RetryOptions, Scope,
};
use tokio_util::sync::CancellationToken;

use super::facts::{md5_of_series, md5_over};
use super::generations::generations;
use super::{Served, block_on};
use crate::support::catalogue::{COLLECTION, SampleSeries};

const NAMES: [&str; 5] = ["bindaas-v1", "bindaas-v3", "nbia-v1", "nbia-v2", "nbia-v4"];

fn client(served: &Served, generation: &str) -> Client {
    let pause = Duration::from_millis(1);
    let options = Options {
        base_url: served.fake.base_url(generation).parse().unwrap(),
        dialect: None,
        api_key: None,
        token: (generation == "nbia-v2").then(|| "whoever".into()),
        login: None,
        ca_file: None,
        contact: "tests@example.org".to_owned(),
        http: HttpOptions::default(),
        query_rate: Rate::per_second(0),
        image_rate: Rate::per_second(0),
        bandwidth: 0,
        retry: RetryOptions { attempts: 1, base: pause, cap: pause, give_up: pause },
    };
    let client = Client::new(
        &options,
        CancellationToken::new(),
        || Timestamp::UNIX_EPOCH,
        fastrand::Rng::with_seed(7),
    );
    let client = client.unwrap();
    assert_eq!(client.dialect().to_string(), generation);
    client
}

/// Asks in every generation; where it must lack the endpoint, the client must say so.
fn in_each(lacking: &[&str], ask: &impl AsyncFn(&Served, Client, &str) -> Result<(), Error>) {
    let served = Served::new();
    assert_eq!(generations().map(|generation| generation.name), NAMES);
    for name in NAMES {
        let asked = block_on(ask(&served, client(&served, name), name));
        if lacking.contains(&name) {
            assert!(matches!(asked, Err(Error::NotOffered { .. })), "{name} has it after all");
        } else {
            asked.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

fn collection() -> CollectionName {
    CollectionName::new(COLLECTION)
}

fn in_collection() -> Scope {
    Scope { collection: Some(collection()), ..Scope::default() }
}

fn modality(modality: &str) -> Narrowing {
    Narrowing { modality: Some(modality.to_owned()), ..Narrowing::default() }
}

fn uid(series: &SampleSeries) -> SeriesInstanceUid {
    SeriesInstanceUid::parse(&series.series).unwrap()
}

/// UID, patient, study, modality, images and day of release of each series, as far as the generation lists them.
type Told = BTreeSet<(String, String, String, Option<String>, Option<u32>, Option<String>)>;

fn told(series: &[Series]) -> Told {
    let tell = |series: &Series| {
        (
            series.series_instance_uid.to_string(),
            series.patient_id.to_string(),
            series.study_instance_uid.to_string(),
            series.modality.clone(),
            series.image_count,
            series.date_released.clone(),
        )
    };
    series.iter().map(tell).collect()
}

fn known<'a>(series: impl IntoIterator<Item = &'a SampleSeries>, name: &str) -> Told {
    let tell = |series: &SampleSeries| {
        (
            series.series.clone(),
            series.patient_id.clone(),
            series.study.clone(),
            Some(series.modality.to_owned()),
            Some(u32::try_from(series.files.len()).unwrap()),
            (!name.starts_with("bindaas")).then(|| series.released.to_owned()),
        )
    };
    series.into_iter().map(tell).collect()
}

async fn bytes(mut body: Body) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    while let Some(bytes) = body.chunk().await? {
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

/// The files in a ZIP, in the order of their bytes.
fn files(zip: Vec<u8>) -> BTreeSet<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    let mut files = BTreeSet::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        if entry.name().unwrap().ends_with(".dcm") {
            let mut bytes = Vec::new();
            std::io::copy(&mut entry, &mut bytes).unwrap();
            files.insert(bytes);
        }
    }
    files
}

#[test]
fn values_are_those_of_the_catalogue() {
    in_each(&[], &async |_, client, _| {
        assert_eq!(client.collections().await?, [collection()]);
        let (all, narrow) = (Narrowing::default(), in_collection());
        assert_eq!(client.modalities(&narrow, &all).await?, ["CT", "MR"]);
        assert_eq!(client.body_parts(&narrow, &modality("MR")).await?, [""; 0]);
        assert_eq!(client.manufacturers(&narrow, &all).await?, [""; 0]);
        Ok(())
    });
}

#[test]
fn patients_studies_and_series_are_those_of_the_catalogue() {
    in_each(&[], &async |served, client, name| {
        let patients = client.patients(&in_collection()).await?.read_all().await?;
        let patients: BTreeSet<_> = patients.iter().map(|row| row.patient_id.as_str()).collect();
        assert_eq!(patients, served.series.iter().map(|series| series.patient_id.as_str()).collect());
        let studies = client.studies(&in_collection()).await?.read_all().await?;
        let studies: BTreeMap<_, _> =
            studies.iter().map(|row| (row.study_instance_uid.as_str(), row.series_count)).collect();
        assert_eq!(studies, BTreeMap::from([("1.2.826.1.1", Some(2)), ("1.2.826.9.1", Some(1))]));
        let series = client.series(&in_collection()).await?.read_all().await?;
        assert_eq!(told(&series), known(&served.series, name), "{name}");
        let mr = client.narrowed_series(&in_collection(), &modality("MR")).await?.read_all().await?;
        let of_mr = served.series.iter().filter(|series| series.modality == "MR");
        assert_eq!(told(&mr), known(of_mr, name), "{name}");
        let study = StudyInstanceUid::parse(&served.series[1].study).unwrap();
        let one = client.one_series(&study, &uid(&served.series[1])).await?;
        assert_eq!(told(&one), known(&served.series[1..2], name), "{name}");
        Ok(())
    });
}

#[test]
fn sizes_are_those_of_the_catalogue_and_nothing_is_known_of_others() {
    in_each(&[], &async |served, client, _| {
        for series in &served.series {
            let size = client.series_size(&uid(series)).await?.unwrap();
            assert_eq!(size.total_size_in_bytes, Some(series.bytes()));
            assert_eq!(size.object_count, u32::try_from(series.files.len()).ok());
        }
        let unknown = SeriesInstanceUid::parse("1.2").unwrap();
        assert_eq!(client.series_size(&unknown).await?, None);
        Ok(())
    });
}

#[test]
fn patients_with_a_modality_are_those_of_the_catalogue() {
    in_each(&["bindaas-v1"], &async |_, client, _| {
        let patients = client.patients_by_modality(&collection(), "MR").await?;
        assert_eq!(patients, [PatientId::new("<a> & 'b/c'")]);
        Ok(())
    });
}

#[test]
fn instances_are_those_of_the_catalogue() {
    in_each(&["bindaas-v1"], &async |served, client, _| {
        let series = &served.series[1];
        let uids = client.sop_instance_uids(&uid(series)).await?;
        let uids: BTreeSet<_> = uids.iter().map(SopInstanceUid::as_str).collect();
        assert_eq!(uids, series.files.keys().map(String::as_str).collect());
        for (sop_instance_uid, file) in &series.files {
            let instance = SopInstanceUid::parse(sop_instance_uid).unwrap();
            let body = client.single_image(&uid(series), &instance).await?;
            assert!(bytes(body).await? == *file, "{sop_instance_uid}");
        }
        Ok(())
    });
}

#[test]
fn patients_and_studies_are_new_behind_the_day_before_their_release() {
    in_each(&["bindaas-v1"], &async |_, client, name| {
        let day_before = date(2021, 3, 3);
        let patients = client.new_patients(&collection(), day_before).await?.read_all().await?;
        assert_eq!(patients.len(), 1, "{name}");
        assert_eq!(patients[0].patient_id.as_str(), "<a> & 'b/c'", "{name}");
        let studies = client.new_studies(&collection(), day_before).await?.read_all().await?;
        assert_eq!(studies.len(), 1, "{name}");
        assert_eq!(studies[0].study_instance_uid.as_str(), "1.2.826.9.1", "{name}");
        let none = client.new_studies(&collection(), date(2021, 3, 5)).await?.read_all().await?;
        assert!(none.is_empty(), "{name}");
        Ok(())
    });
}

#[test]
fn series_are_updated_behind_the_day_before_their_release() {
    in_each(&["bindaas-v1", "bindaas-v3"], &async |served, client, name| {
        let updated = client.updated_series(date(2021, 3, 3)).await?.read_all().await?;
        assert_eq!(told(&updated), known(&served.series[2..], name), "{name}");
        assert!(client.updated_series(date(2021, 3, 4)).await?.read_all().await?.is_empty(), "{name}");
        Ok(())
    });
}

#[test]
fn metadata_are_those_of_the_catalogue() {
    in_each(&["bindaas-v1", "bindaas-v3"], &async |served, client, name| {
        let uids: Vec<_> = served.series.iter().map(uid).collect();
        let unknown = SeriesInstanceUid::parse("1.2").unwrap();
        let found = client.series_metadata(&[uids, vec![unknown]].concat()).await?;
        let series: Vec<_> = found.iter().map(|row| row.series.clone()).collect();
        let told: BTreeSet<_> = told(&series).into_iter().map(|row| (row.0, row.1, row.4)).collect();
        let known: BTreeSet<_> =
            known(&served.series, name).into_iter().map(|row| (row.0, row.1, row.4)).collect();
        assert_eq!(told, known, "{name}");
        let study_dates: BTreeSet<_> = series.iter().map(|row| row.study_date.as_deref()).collect();
        assert_eq!(study_dates, BTreeSet::from([Some("2001-02-03")]), "{name}");
        Ok(())
    });
}

#[test]
fn shared_lists_are_empty_and_not_an_error() {
    in_each(&["bindaas-v1", "nbia-v4"], &async |_, client, _| {
        assert!(client.shared_list("nobody's").await?.read_all().await?.is_empty());
        Ok(())
    });
}

#[test]
fn images_are_those_of_the_catalogue() {
    in_each(&[], &async |served, client, name| {
        for series in &served.series {
            let image = client.image(&uid(series)).await?;
            assert_eq!(image.md5_list_asked, name == "nbia-v4");
            assert!(files(bytes(image.body).await?) == series.files.values().cloned().collect(), "{name}");
        }
        Ok(())
    });
    in_each(&["bindaas-v1", "bindaas-v3"], &async |served, client, name| {
        let series = &served.series[0];
        let image = client.image_with_md5_hash(&uid(series)).await?;
        assert!(files(bytes(image.body).await?) == series.files.values().cloned().collect(), "{name}");
        Ok(())
    });
}

#[test]
fn md5s_and_descriptions_stand_above_the_versions_as_well() {
    in_each(&["bindaas-v1", "bindaas-v3", "nbia-v1"], &async |served, client, _| {
        let [first, second, third] = served.series.as_slice() else { panic!("three series") };
        let study = md5_over(vec![md5_of_series(first), md5_of_series(second)]);
        let patients = [study.clone(), md5_over(vec![md5_of_series(third)])].map(|md5| md5_over(vec![md5]));
        let cases = [
            (Md5Scope::Series(uid(first)), md5_of_series(first)),
            (Md5Scope::Study(StudyInstanceUid::parse(&first.study).unwrap()), study),
            (Md5Scope::Patient(collection(), PatientId::new(&third.patient_id)), patients[1].clone()),
            (Md5Scope::Collection(collection()), md5_over(patients.to_vec())),
        ];
        for (scope, expected) in cases {
            let found = client.md5_hierarchy(&scope).await?.unwrap();
            assert_eq!(format!("{:032x}", u128::from_be_bytes(found)), expected, "{scope:?}");
        }
        let unknown = Md5Scope::Series(SeriesInstanceUid::parse("1.2").unwrap());
        assert_eq!(client.md5_hierarchy(&unknown).await?, None);
        let described = client.collection_descriptions(Some(&collection())).await?;
        assert_eq!((described.len(), &described[0].collection), (1, &collection()));
        assert_eq!((&described[0].description, &described[0].data_description_uri), (&None, &None));
        Ok(())
    });
}

#[test]
fn counts_are_those_of_the_catalogue() {
    in_each(&["bindaas-v1", "bindaas-v3", "nbia-v1", "nbia-v2"], &async |_, client, _| {
        let counted = async |endpoint| {
            let counts = client.value_counts(endpoint, &Scope::default(), &Narrowing::default()).await?;
            Ok::<_, Error>(counts.into_iter().map(|count| (count.value, count.count)).collect::<Vec<_>>())
        };
        let is = |value: &str| Some(value.to_owned());
        assert_eq!(counted(Endpoint::CollectionCounts).await?, [(is(COLLECTION), 2)]);
        assert_eq!(counted(Endpoint::ModalityCounts).await?, [(is("CT"), 1), (is("MR"), 1)]);
        for endpoint in [Endpoint::BodyPartCounts, Endpoint::ManufacturerCounts, Endpoint::SpeciesCounts] {
            assert_eq!(counted(endpoint).await?, [(None, 2)]);
        }
        Ok(())
    });
}

#[test]
fn endpoints_describe_themselves_in_bindaas() {
    in_each(&["nbia-v1", "nbia-v2", "nbia-v4"], &async |_, client, _| {
        let described = client.endpoint_description(Endpoint::Series).await?;
        assert_eq!(described["name"], "getSeries");
        Ok(())
    });
}
