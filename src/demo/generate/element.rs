//! Writing data elements: texts, numbers, sequences and codes.

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

/// A DICOM text attribute: of whatever kind, its value is written as text.
pub(super) type Text<'a> = (Tag, VR, &'a str);

pub(super) fn put_texts(data_set: &mut InMemDicomObject, texts: &[Text<'_>]) {
    for &(tag, vr, text) in texts {
        data_set.put_str(tag, vr, text);
    }
}

/// Leaves an attribute out that the document has no value for.
pub(super) fn put_known(data_set: &mut InMemDicomObject, tag: Tag, vr: VR, text: Option<&str>) {
    if let Some(text) = text {
        data_set.put_str(tag, vr, text);
    }
}

pub(super) fn put_number(data_set: &mut InMemDicomObject, tag: Tag, number: u16) {
    data_set.put(DataElement::new(tag, VR::US, PrimitiveValue::from(number)));
}

pub(super) fn put_sequence(data_set: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    data_set.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

/// A code of SNOMED CT, as an item of a code sequence.
pub(super) fn snomed(code: &str, meaning: &str) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    let scheme = (tags::CODING_SCHEME_DESIGNATOR, VR::SH, "SCT");
    put_texts(&mut item, &[(tags::CODE_VALUE, VR::SH, code), scheme, (tags::CODE_MEANING, VR::LO, meaning)]);
    item
}

/// `YYYY-MM-DD` as DICOM writes a date.
pub(super) fn dicom_date(date: &str) -> String {
    date.replace('-', "")
}
