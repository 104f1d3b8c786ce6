//! What kinds of objects are called.

use dicom_core::dictionary::{UidDictionary, UidDictionaryEntry};
use dicom_dictionary_std::StandardSopClassDictionary;

use super::Uid;

/// The name that the standard gives a SOP class (PS3.6, table A-1), `None` for one that is not of the standard.
pub fn sop_class_name(uid: &Uid) -> Option<&'static str> {
    StandardSopClassDictionary.by_uid(uid.as_str()).map(UidDictionaryEntry::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_the_name_of_the_standard() {
        let name = |uid| sop_class_name(&Uid::parse(uid).unwrap());

        // as the archive's downloader has written it
        assert_eq!(name("1.2.840.10008.5.1.4.1.1.481.5"), Some("RT Plan Storage"));
        assert_eq!(name("1.2.840.10008.5.1.4.1.1.2"), Some("CT Image Storage"));
        assert_eq!(name("1.2.3"), None);
    }
}
