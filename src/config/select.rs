//! `[[select]]`: what is mirrored when no flag says so.

use std::path::PathBuf;

use serde::Deserialize;

use super::file::File;
use crate::dicom::{CollectionName, PatientId, SeriesInstanceUid, StudyInstanceUid};
use crate::plan::{Attribute, Exclusion, Selection};

/// A `[[select]]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// What it says itself.
    pub selection: Selection,
    /// Files and addresses that name more series.
    pub manifests: Vec<PathBuf>,
}

/// The flags of a selection, with underscores.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SelectTable {
    pub(super) all_collections: bool,
    pub(super) collection: Vec<CollectionName>,
    pub(super) patient: Vec<PatientId>,
    pub(super) study: Vec<StudyInstanceUid>,
    pub(super) series: Vec<SeriesInstanceUid>,
    pub(super) manifest: Vec<PathBuf>,
    pub(super) shared_list: Vec<String>,
    pub(super) modality: Vec<String>,
    pub(super) body_part: Vec<String>,
    pub(super) manufacturer: Vec<String>,
    pub(super) model: Vec<String>,
    pub(super) license: Vec<String>,
    pub(super) exclude: ExcludeTable,
}

/// What a `[[select]]` table leaves out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExcludeTable {
    pub(super) collection: Vec<String>,
    pub(super) patient: Vec<String>,
    pub(super) study: Vec<StudyInstanceUid>,
    pub(super) series: Vec<SeriesInstanceUid>,
    pub(super) modality: Vec<String>,
    pub(super) body_part: Vec<String>,
    pub(super) manufacturer: Vec<String>,
    pub(super) model: Vec<String>,
    pub(super) license: Vec<String>,
}

pub(super) fn selections(file: &File) -> Vec<Select> {
    let of = |table: &SelectTable| Select {
        selection: Selection {
            all_collections: table.all_collections,
            collections: table.collection.clone(),
            patients: table.patient.clone(),
            studies: table.study.clone(),
            series: table.series.iter().cloned().collect(),
            shared_lists: table.shared_list.clone(),
            lie_in: None,
            modalities: table.modality.clone(),
            body_parts: table.body_part.clone(),
            manufacturers: table.manufacturer.clone(),
            models: table.model.clone(),
            licenses: table.license.clone(),
            exclude: exclusions(&table.exclude),
        },
        manifests: table.manifest.clone(),
    };
    file.select.iter().map(of).collect()
}

fn exclusions(table: &ExcludeTable) -> Vec<Exclusion> {
    let text = |uid: &dyn ToString| uid.to_string();
    let kinds = [
        (Attribute::Collection, table.collection.clone()),
        (Attribute::Patient, table.patient.clone()),
        (Attribute::Study, table.study.iter().map(|uid| text(uid)).collect()),
        (Attribute::Series, table.series.iter().map(|uid| text(uid)).collect()),
        (Attribute::Modality, table.modality.clone()),
        (Attribute::BodyPart, table.body_part.clone()),
        (Attribute::Manufacturer, table.manufacturer.clone()),
        (Attribute::Model, table.model.clone()),
        (Attribute::License, table.license.clone()),
    ];
    let of = |(attribute, patterns): (Attribute, Vec<String>)| {
        patterns.into_iter().map(move |pattern| Exclusion { attribute, pattern })
    };
    kinds.into_iter().flat_map(of).collect()
}
