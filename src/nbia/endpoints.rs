//! One function per endpoint; what a generation does not offer is [`Error::NotOffered`].

use std::sync::atomic::Ordering;

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::warn;

use super::body::Body;
use super::client::Client;
use super::dialect::{Endpoint, Parameter};
use super::error::Error;
use super::rows::Rows;
use super::scope::{Narrowing, Scope};
use crate::dicom::{
    CollectionName, Patient, PatientId, Series, SeriesInstanceUid, SopInstanceUid, Study, StudyInstanceUid,
};

/// Series whose metadata is asked for at once; the archive's front end takes forms of 10 MB.
const METADATA_AT_ONCE: usize = 10_000;
/// Longest answer that is taken for one short text.
const LONGEST_TEXT: usize = 64 << 10;

/// What getSeriesSize says of one series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SeriesSize {
    /// Sum of its DICOM files.
    pub total_size_in_bytes: Option<u64>,
    /// How many they are.
    pub object_count: Option<u32>,
}

/// A ZIP that begins to arrive.
pub struct Image {
    /// Its bytes.
    pub body: Body,
    /// Whether the service was asked to close it with a list of MD5s, and did not refuse.
    pub md5_list_asked: bool,
}

/// What getSeriesMetadata says of one series.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "DICOM keywords and the service's columns, see crate::dicom")]
pub struct SeriesMetadata {
    /// What getSeries says of it as well.
    #[serde(flatten)]
    pub series: Series,
    pub patient_name: Option<String>,
    pub ethnic_group: Option<String>,
    pub phantom: Option<String>,
    pub species_code: Option<String>,
    pub species_description: Option<String>,
    #[serde(rename = "StudyID")]
    pub study_id: Option<String>,
    pub longitudinal_temporal_event_type: Option<String>,
    pub longitudinal_temporal_offset_from_event: Option<String>,
    /// Between rows, in millimetres.
    pub pixel_spacing: Option<String>,
    /// In millimetres.
    pub slice_thickness: Option<String>,
    #[serde(rename = "SOPClassUID")]
    pub sop_class_uid: Option<String>,
    pub annotation_size: Option<String>,
}

/// What getCollectionDescriptions says of one collection.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CollectionDescription {
    /// Which one.
    #[serde(rename = "Collection")]
    pub collection: CollectionName,
    /// What it is, as HTML.
    #[serde(rename = "Description")]
    pub description: Option<String>,
    /// Its DOI.
    #[serde(rename = "DataDescriptionURI")]
    pub data_description_uri: Option<String>,
}

/// A value of an attribute, and how many patients have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueCount {
    /// The value; `None` for patients without one.
    pub value: Option<String>,
    /// Patients.
    pub count: u64,
}

/// Over what one MD5 is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Md5Scope {
    /// The images of a series: the MD5 of their MD5s in hexadecimal, sorted and concatenated.
    Series(SeriesInstanceUid),
    /// The MD5s of the series of a study, in the same way.
    Study(StudyInstanceUid),
    /// Those of the studies of a patient in a collection.
    Patient(CollectionName, PatientId),
    /// Those of the patients of a collection; the service remembers it for hours.
    Collection(CollectionName),
}

/// The forms of getImage, the most telling first; older builds of a service refuse what they do not know.
const IMAGE_FORMS: [&[(Parameter, &str)]; 3] = [
    &[(Parameter::NewFileNames, "Yes"), (Parameter::IncludeMd5, "yes")],
    &[(Parameter::NewFileNames, "Yes")],
    &[],
];

impl Client {
    /// Every collection (getCollectionValues).
    pub async fn collections(&self) -> Result<Vec<CollectionName>, Error> {
        let names = self.values(Endpoint::CollectionValues, &[]).await?;
        Ok(names.into_iter().map(CollectionName::new).collect())
    }

    /// Modalities of the series that a filter takes (getModalityValues).
    pub async fn modalities(&self, scope: &Scope, narrowing: &Narrowing) -> Result<Vec<String>, Error> {
        self.values(Endpoint::ModalityValues, &narrowed(scope, narrowing)).await
    }

    /// Body parts of the series that a filter takes (getBodyPartValues).
    pub async fn body_parts(&self, scope: &Scope, narrowing: &Narrowing) -> Result<Vec<String>, Error> {
        self.values(Endpoint::BodyPartValues, &narrowed(scope, narrowing)).await
    }

    /// Manufacturers of the series that a filter takes (getManufacturerValues).
    pub async fn manufacturers(&self, scope: &Scope, narrowing: &Narrowing) -> Result<Vec<String>, Error> {
        self.values(Endpoint::ManufacturerValues, &narrowed(scope, narrowing)).await
    }

    /// Patients of a collection (getPatient).
    pub async fn patients(&self, scope: &Scope) -> Result<Rows<Patient>, Error> {
        self.list(Endpoint::Patient, &scope.parameters()).await
    }

    /// Patients of a collection that have a series of a modality (`PatientsByModality`).
    pub async fn patients_by_modality(
        &self,
        collection: &CollectionName,
        modality: &str,
    ) -> Result<Vec<PatientId>, Error> {
        #[derive(Deserialize)]
        struct Row {
            #[serde(rename = "PatientID")]
            patient_id: PatientId,
        }
        let asked =
            [(Parameter::Collection, collection.to_string()), (Parameter::Modality, modality.to_owned())];
        let rows: Vec<Row> = self.list(Endpoint::PatientsByModality, &asked).await?.read_all().await?;
        Ok(rows.into_iter().map(|row| row.patient_id).collect())
    }

    /// Studies of a collection, a patient, or one of them (getPatientStudy).
    pub async fn studies(&self, scope: &Scope) -> Result<Rows<Study>, Error> {
        self.list(Endpoint::PatientStudy, &scope.parameters()).await
    }

    /// Series of whatever the scope names (getSeries).
    pub async fn series(&self, scope: &Scope) -> Result<Rows<Series>, Error> {
        self.narrowed_series(scope, &Narrowing::default()).await
    }

    /// Series of whatever the scope names and the narrowing takes (getSeries with all of its filters).
    pub async fn narrowed_series(&self, scope: &Scope, narrowing: &Narrowing) -> Result<Rows<Series>, Error> {
        self.list(Endpoint::Series, &narrowed(scope, narrowing)).await
    }

    /// What getSeries lists of one series, asked for as exactly as the dialect can.
    pub async fn one_series(
        &self,
        study: &StudyInstanceUid,
        series: &SeriesInstanceUid,
    ) -> Result<Vec<Series>, Error> {
        let by_uid = self.takes(Endpoint::Series, Parameter::SeriesInstanceUid);
        let scope = Scope {
            study_instance_uid: Some(study.clone()).filter(|_| !by_uid),
            series_instance_uid: Some(series.clone()).filter(|_| by_uid),
            ..Scope::default()
        };
        let mut listed = self.series(&scope).await?.read_all().await?;
        listed.retain(|row| row.series_instance_uid == *series);
        Ok(listed)
    }

    /// Patients added to a collection since a day (NewPatientsInCollection).
    pub async fn new_patients(
        &self,
        collection: &CollectionName,
        since: Date,
    ) -> Result<Rows<Patient>, Error> {
        let since = self.since(Endpoint::NewPatients, since)?;
        self.list(Endpoint::NewPatients, &[since, (Parameter::Collection, collection.to_string())]).await
    }

    /// Studies added to a collection since a day (NewStudiesInPatientCollection).
    pub async fn new_studies(&self, collection: &CollectionName, since: Date) -> Result<Rows<Study>, Error> {
        let since = self.since(Endpoint::NewStudies, since)?;
        self.list(Endpoint::NewStudies, &[since, (Parameter::Collection, collection.to_string())]).await
    }

    /// Series of all collections that were released after a day, that day excluded (getUpdatedSeries).
    pub async fn updated_series(&self, after: Date) -> Result<Rows<Series>, Error> {
        self.list(Endpoint::UpdatedSeries, &[self.since(Endpoint::UpdatedSeries, after)?]).await
    }

    /// The series of a list that somebody has shared under a name (SharedList/ContentsByName).
    pub async fn shared_list(&self, name: &str) -> Result<Rows<Series>, Error> {
        self.list(Endpoint::SharedList, &[(Parameter::Name, name.to_owned())]).await
    }

    /// Everything that is known of some series (getSeriesMetadata); those that the service does not know are left out.
    pub async fn series_metadata(&self, series: &[SeriesInstanceUid]) -> Result<Vec<SeriesMetadata>, Error> {
        let (parameter, at_once) = match self.endpoint(Endpoint::SeriesMetadata)? {
            takes_list if takes_list.parameter(Parameter::SeriesList).is_some() => {
                (Parameter::SeriesList, METADATA_AT_ONCE)
            }
            _ => (Parameter::SeriesInstanceUid, 1),
        };
        let mut found = Vec::new();
        for part in series.chunks(at_once) {
            let uids = part.iter().map(SeriesInstanceUid::as_str).collect::<Vec<_>>().join(",");
            found.extend(self.list(Endpoint::SeriesMetadata, &[(parameter, uids)]).await?.read_all().await?);
        }
        Ok(found)
    }

    /// Bytes and objects of a series (getSeriesSize); `None` when the service knows nothing of it.
    pub async fn series_size(&self, series: &SeriesInstanceUid) -> Result<Option<SeriesSize>, Error> {
        let rows: Vec<SeriesSize> =
            self.list(Endpoint::SeriesSize, &of_series(series)).await?.read_all().await?;
        let says_something =
            |size: &SeriesSize| size.total_size_in_bytes.is_some() || size.object_count.is_some();
        Ok(rows.into_iter().find(says_something))
    }

    /// The instances of a series (getSOPInstanceUIDs), in no order.
    pub async fn sop_instance_uids(&self, series: &SeriesInstanceUid) -> Result<Vec<SopInstanceUid>, Error> {
        #[derive(Deserialize)]
        struct Row {
            #[serde(rename = "SOPInstanceUID")]
            sop_instance_uid: SopInstanceUid,
        }
        let rows: Vec<Row> =
            self.list(Endpoint::SopInstanceUids, &of_series(series)).await?.read_all().await?;
        Ok(rows.into_iter().map(|row| row.sop_instance_uid).collect())
    }

    /// Whether getMD5Hierarchy is offered and has not been refused so far.
    pub fn tells_md5s(&self) -> bool {
        self.offers(Endpoint::Md5Hierarchy) && !self.withholds_md5s.load(Ordering::Relaxed)
    }

    /// One MD5 over all images below something (getMD5Hierarchy); `None` when the service knows nothing of it.
    pub async fn md5_hierarchy(&self, of: &Md5Scope) -> Result<Option<[u8; 16]>, Error> {
        let request = self.request(Endpoint::Md5Hierarchy, &of.parameters())?;
        let endpoint = request.endpoint.name;
        let answered = self.body(&request).await;
        let body = answered.inspect_err(|error| {
            let is_lasting = !error.is_outage() && !matches!(error, Error::Stopped);
            if is_lasting && !self.withholds_md5s.swap(true, Ordering::Relaxed) {
                warn!("{error}; series are proven without it from now on");
            }
        })?;
        read_md5(endpoint, body).await
    }

    /// The MD5 of one image (getMD5HashForImage); `None` when the service knows none.
    pub async fn image_md5(&self, instance: &SopInstanceUid) -> Result<Option<[u8; 16]>, Error> {
        let asked = [(Parameter::SopInstanceUid, instance.to_string())];
        let request = self.request(Endpoint::ImageMd5, &asked)?;
        read_md5(request.endpoint.name, self.body(&request).await?).await
    }

    /// What each collection is, or one of them (getCollectionDescriptions).
    pub async fn collection_descriptions(
        &self,
        collection: Option<&CollectionName>,
    ) -> Result<Vec<CollectionDescription>, Error> {
        let asked: Vec<_> = collection.iter().map(|name| (Parameter::Collection, name.to_string())).collect();
        self.list(Endpoint::CollectionDescriptions, &asked).await?.read_all().await
    }

    /// Values with the number of their patients: `endpoint` is one of those that count.
    pub async fn value_counts(
        &self,
        endpoint: Endpoint,
        scope: &Scope,
        narrowing: &Narrowing,
    ) -> Result<Vec<ValueCount>, Error> {
        #[derive(Deserialize)]
        struct Row {
            #[serde(
                alias = "Collection",
                alias = "Modality",
                alias = "BodyPartExamined",
                alias = "Manufacturer",
                alias = "SpeciesDescription"
            )]
            value: Option<String>,
            #[serde(rename = "Count")]
            count: u64,
        }
        let rows: Vec<Row> = self.list(endpoint, &narrowed(scope, narrowing)).await?.read_all().await?;
        Ok(rows.into_iter().map(|row| ValueCount { value: row.value, count: row.count }).collect())
    }

    /// What the service tells of an endpoint itself (`…/metadata`), in whatever form its administrator gave it.
    pub async fn endpoint_description(&self, endpoint: Endpoint) -> Result<Value, Error> {
        let described = self.endpoint(endpoint)?;
        if !self.dialect().description().describes_endpoints {
            return Err(Error::NotOffered { dialect: self.dialect(), endpoint: "metadata" });
        }
        let request = self.spelled(described, &format!("{}/metadata", described.name), &[])?;
        let text = self.body(&request).await?.text(LONGEST_TEXT).await?;
        serde_json::from_str(&text)
            .map_err(|error| Error::Rejected { endpoint: "metadata", reason: error.to_string() })
    }

    /// A whole series as a ZIP (getImage), in the most telling form that the service takes.
    pub async fn image(&self, series: &SeriesInstanceUid) -> Result<Image, Error> {
        let endpoint = self.endpoint(Endpoint::Image)?;
        loop {
            let form = self.image_form.load(Ordering::Relaxed).min(IMAGE_FORMS.len() - 1);
            let asked: Vec<_> = IMAGE_FORMS[form]
                .iter()
                .filter(|(parameter, _)| endpoint.parameter(*parameter).is_some())
                .collect();
            let mut parameters = of_series(series);
            parameters.extend(asked.iter().map(|(parameter, value)| (*parameter, (*value).to_owned())));
            match self.body(&self.request(Endpoint::Image, &parameters)?).await {
                Err(error) if error.is_unknown_parameter() && form + 1 < IMAGE_FORMS.len() => {
                    warn!("{error}; asking without it from now on");
                    self.image_form.store(form + 1, Ordering::Relaxed);
                }
                other => {
                    let md5_list_asked =
                        asked.iter().any(|(parameter, _)| *parameter == Parameter::IncludeMd5);
                    return other.map(|body| Image { body, md5_list_asked });
                }
            }
        }
    }

    /// A whole series as a ZIP without a licence, closed by a list of MD5s (getImageWithMD5Hash).
    ///
    /// One missing MD5 in the service's database makes it an empty ZIP (NBIA-TCIA 865725e, `ImageDAO2Impl.java`).
    pub async fn image_with_md5_hash(&self, series: &SeriesInstanceUid) -> Result<Image, Error> {
        let body = self.body(&self.request(Endpoint::ImageWithMd5Hash, &of_series(series))?).await?;
        Ok(Image { body, md5_list_asked: true })
    }

    /// One instance as a DICOM file (getSingleImage).
    pub async fn single_image(
        &self,
        series: &SeriesInstanceUid,
        instance: &SopInstanceUid,
    ) -> Result<Body, Error> {
        let mut parameters = of_series(series);
        parameters.push((Parameter::SopInstanceUid, instance.to_string()));
        self.body(&self.request(Endpoint::SingleImage, &parameters)?).await
    }

    async fn list<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        parameters: &[(Parameter, String)],
    ) -> Result<Rows<T>, Error> {
        let request = self.request(endpoint, parameters)?;
        Ok(Rows::new(self.body(&request).await?, request.endpoint))
    }

    /// A list of one column; rows without a value are left out.
    async fn values(
        &self,
        endpoint: Endpoint,
        parameters: &[(Parameter, String)],
    ) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Row {
            #[serde(
                alias = "Collection",
                alias = "Modality",
                alias = "BodyPartExamined",
                alias = "Manufacturer"
            )]
            value: Option<String>,
        }
        let rows: Vec<Row> = self.list(endpoint, parameters).await?.read_all().await?;
        Ok(rows.into_iter().filter_map(|row| row.value).collect())
    }

    fn since(&self, endpoint: Endpoint, day: Date) -> Result<(Parameter, String), Error> {
        Ok((Parameter::Since, self.endpoint(endpoint)?.asked_dates.write(day)))
    }
}

impl Md5Scope {
    fn parameters(&self) -> Vec<(Parameter, String)> {
        match self {
            Self::Series(series) => of_series(series),
            Self::Study(study) => vec![(Parameter::StudyInstanceUid, study.to_string())],
            Self::Patient(collection, patient) => vec![
                (Parameter::PatientId, patient.to_string()),
                (Parameter::Collection, collection.to_string()),
            ],
            Self::Collection(collection) => vec![(Parameter::Collection, collection.to_string())],
        }
    }
}

fn narrowed(scope: &Scope, narrowing: &Narrowing) -> Vec<(Parameter, String)> {
    [scope.parameters(), narrowing.parameters()].concat()
}

fn of_series(series: &SeriesInstanceUid) -> Vec<(Parameter, String)> {
    vec![(Parameter::SeriesInstanceUid, series.to_string())]
}

/// A text that is an MD5 in hexadecimal, or empty.
async fn read_md5(endpoint: &'static str, body: Body) -> Result<Option<[u8; 16]>, Error> {
    match body.text(LONGEST_TEXT).await?.trim() {
        "" => Ok(None),
        hex => md5_of(hex)
            .map(Some)
            .ok_or_else(|| Error::Rejected { endpoint, reason: "it is no MD5".to_owned() }),
    }
}

fn md5_of(hex: &str) -> Option<[u8; 16]> {
    let is_hex = hex.len() == 32 && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(hex, 16).ok()).flatten().map(u128::to_be_bytes)
}
