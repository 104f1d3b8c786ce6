//! The identifying header: which instance, study and series a DICOM file says it is.
//!
//! Owns the search for the three UIDs in the first bytes of a file. Reads nothing behind (0020,000E), decodes no other
//! value and holds nothing but the bytes it was given.
//!
//! Every element header is decoded by `dicom-encoding`. The readers above it in dicom-rs 0.10.1 do not stand hostile
//! or merely old files: `InMemDicomObject` allocates a declared length of 4 GB before it reads, `LazyDataSetReader`
//! panics at an item outside a sequence, and both read the inside of an `UN` of undefined length in the wrong encoding.

use std::str::FromStr;

use dicom_core::dictionary::stub::StubDataDictionary;
use dicom_core::header::DataElementHeader;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::decode::Decode;
use dicom_encoding::decode::explicit_be::ExplicitVRBigEndianDecoder;
use dicom_encoding::decode::explicit_le::ExplicitVRLittleEndianDecoder;
use dicom_encoding::decode::implicit_le::ImplicitVRLittleEndianDecoder;
use flate2::{Decompress, DecompressError, FlushDecompress, Status};

use super::{SeriesInstanceUid, SopInstanceUid, StudyInstanceUid, Uid, UidError};

/// Most bytes looked at, in the file and again in what a deflated data set inflates to.
///
/// In SEG and PR the references stand before (0020,000E) and grow with each slice: at 120 bytes each, this is half a
/// million of them.
pub const HEADER_LIMIT: usize = 64 << 20;

/// Length of the preamble and the `DICM` behind it: below this a file cannot show yet that it has them (PS3.10 §7.1).
const PREFIX_LENGTH: usize = 132;

/// Most bytes that the value of the first element may have in a file without preamble.
///
/// It is a group length, a character set, an image type, a date or a UID; 64 kB is far above all of them and shuts
/// out nearly everything that is not DICOM.
const LONGEST_FIRST_VALUE: u32 = 0xFFFF;

/// Inflated at first from a deflated data set, then as much again each time: as [`identify`] asks of its caller.
const FIRST_INFLATED: usize = 64 << 10;

/// Bytes that an error shows of a file that is not DICOM: a line of text.
const SHOWN: usize = 48;

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// The three UIDs by which a file is placed, and its kind, all of the data set: the file meta group's (0002,0003) differs from
/// (0008,0018) in real files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentifyingHeader {
    /// (0008,0018).
    pub sop_instance_uid: SopInstanceUid,
    /// (0020,000D).
    pub study_instance_uid: StudyInstanceUid,
    /// (0020,000E).
    pub series_instance_uid: SeriesInstanceUid,
    /// (0008,0016), where it is a UID: what kind of object the file holds.
    pub sop_class_uid: Option<Uid>,
}

/// Why a file cannot be identified; more bytes of it would not help.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// Neither preamble and `DICM` nor an element that begins a meta group or a data set.
    #[error("this is not a DICOM file: it begins with `{found}`")]
    NotDicom {
        /// Its first bytes, escaped: an error page shows itself.
        found: String,
    },
    /// The data set has gone past the place of this element.
    #[error("the data set holds no {tag}")]
    Missing {
        /// The first of the three that is not there.
        tag: Tag,
    },
    /// The element is there and is not a UID.
    #[error("{tag} cannot identify the file")]
    Malformed {
        /// The element.
        tag: Tag,
        /// What is wrong with its value.
        source: UidError,
    },
    /// A sequence before (0020,000E) is not made of items, so nobody knows where it ends.
    #[error("a sequence is broken: found {found} where an item or an element of one was expected")]
    BrokenSequence {
        /// The tag in the wrong place.
        found: Tag,
    },
    /// The data set is said to be deflated and cannot be inflated.
    #[error("cannot inflate the deflated data set")]
    Inflate {
        /// What the inflater says.
        source: DecompressError,
    },
    /// The whole file was given and ends first.
    #[error("the file ends before its SeriesInstanceUID (0020,000E)")]
    EndsEarly,
    /// (0020,000E) is not within the first [`HEADER_LIMIT`] bytes.
    #[error("the SeriesInstanceUID (0020,000E) is not within the first {} MiB", HEADER_LIMIT >> 20)]
    NotReached,
}

/// Looks for the three UIDs in the first bytes of a file.
///
/// `Ok(None)`: not reached yet, come again with twice as many bytes; never once the file is whole or [`HEADER_LIMIT`]
/// bytes are given. Any other answer is final: more bytes do not change it. Works on the bytes as they stand and
/// allocates only for a deflated data set, about
/// [`HEADER_LIMIT`] at most.
///
/// The data set's encoding is the one seen in its first element: files declare another, or none (pydicom looks, too).
pub fn identify(beginning: &[u8], is_whole_file: bool) -> Result<Option<IdentifyingHeader>, HeaderError> {
    if beginning.len() < PREFIX_LENGTH && !is_whole_file {
        return Ok(None);
    }
    match search_file(&beginning[..beginning.len().min(HEADER_LIMIT)]) {
        Ok(header) => Ok(Some(header)),
        Err(Stop::Final(error)) => Err(error),
        Err(Stop::EndOfBytes) if beginning.len() >= HEADER_LIMIT => Err(HeaderError::NotReached),
        Err(Stop::EndOfBytes) if is_whole_file => Err(HeaderError::EndsEarly),
        Err(Stop::EndOfBytes) => Ok(None),
    }
}

/// Why the search went no further.
enum Stop {
    /// The bytes ended: more of them may have the answer.
    EndOfBytes,
    /// No more bytes can have it.
    Final(HeaderError),
}

impl From<HeaderError> for Stop {
    fn from(error: HeaderError) -> Self {
        Self::Final(error)
    }
}

fn search_file(beginning: &[u8]) -> Result<IdentifyingHeader, Stop> {
    let mut elements = Elements { rest: behind_preamble(beginning)? };
    let transfer_syntax = elements.pass_meta_group()?;
    if transfer_syntax.is_some_and(is_deflated) {
        search_deflated(elements.rest)
    } else {
        search_data_set(elements.rest)
    }
}

fn behind_preamble(beginning: &[u8]) -> Result<&[u8], HeaderError> {
    match beginning.get(PREFIX_LENGTH - 4..PREFIX_LENGTH) {
        Some(b"DICM") => Ok(&beginning[PREFIX_LENGTH..]),
        _ if begins_with_first_element(beginning) => Ok(beginning),
        _ => Err(HeaderError::NotDicom {
            found: beginning[..beginning.len().min(SHOWN)].escape_ascii().to_string(),
        }),
    }
}

/// Whether these bytes begin with an element that can be the first of a meta group or of an image's data set.
///
/// Elements are in ascending order and (0008,0018) must come, so nothing behind it can be the first.
fn begins_with_first_element(bytes: &[u8]) -> bool {
    let first = Encoding::seen(bytes).and_then(|encoding| Elements { rest: bytes }.header(encoding));
    first.is_ok_and(|DataElementHeader { tag, len, .. }| {
        matches!(tag, Tag(0x0002 | 0x0008, ..=0x0018))
            && len.get().is_none_or(|len| len <= LONGEST_FIRST_VALUE)
    })
}

fn is_deflated(transfer_syntax: &[u8]) -> bool {
    Uid::parse(&String::from_utf8_lossy(transfer_syntax)).is_ok_and(|uid| {
        matches!(
            uid.as_str(),
            uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
                | uids::JPIP_REFERENCED_DEFLATE
                | uids::JPIPHTJ2K_REFERENCED_DEFLATE
        )
    })
}

/// Inflates no more than it takes: 64 kB of hostile bytes would make 64 MB.
///
/// What stands before an inflate error counts, so damage behind the header does not hide it.
fn search_deflated(deflated: &[u8]) -> Result<IdentifyingHeader, Stop> {
    let mut inflater = Decompress::new(false);
    let (mut rest, mut inflated) = (deflated, Vec::new());
    while inflated.len() < HEADER_LIMIT {
        inflated.reserve_exact(inflated.len().max(FIRST_INFLATED));
        let read_before = inflater.total_in();
        let status = inflater.decompress_vec(rest, &mut inflated, FlushDecompress::None);
        let is_full = inflated.len() == inflated.capacity();
        match (search_data_set(&inflated), status) {
            (Err(Stop::EndOfBytes), Err(source)) => return Err(HeaderError::Inflate { source }.into()),
            (Err(Stop::EndOfBytes), Ok(Status::Ok)) if is_full => {}
            (answer, _) => return answer,
        }
        let read = usize::try_from(inflater.total_in() - read_before).expect("no more is read than is there");
        rest = &rest[read..];
    }
    Err(HeaderError::NotReached.into())
}

fn search_data_set(data_set: &[u8]) -> Result<IdentifyingHeader, Stop> {
    let encoding = Encoding::seen(data_set)?;
    let mut elements = Elements { rest: data_set };
    let mut values = Values::default();
    while values.series.is_none() {
        let header = elements.header(encoding)?;
        // A stray delimiter is passed over, as dicom-rs does.
        if header.tag > tags::SERIES_INSTANCE_UID && header.tag.group() != ITEM.group() {
            break;
        }
        let value = elements.value(&header, encoding)?;
        values.keep(header.tag, value);
    }
    Ok(values.read()?)
}

/// The values of the elements, as they stand in the file.
#[derive(Default)]
struct Values<'a> {
    sop_class: Option<&'a [u8]>,
    sop_instance: Option<&'a [u8]>,
    study: Option<&'a [u8]>,
    series: Option<&'a [u8]>,
}

impl<'a> Values<'a> {
    fn keep(&mut self, tag: Tag, value: &'a [u8]) {
        match tag {
            tags::SOP_CLASS_UID => self.sop_class = Some(value),
            tags::SOP_INSTANCE_UID => self.sop_instance = Some(value),
            tags::STUDY_INSTANCE_UID => self.study = Some(value),
            tags::SERIES_INSTANCE_UID => self.series = Some(value),
            _ => {}
        }
    }

    fn read(&self) -> Result<IdentifyingHeader, HeaderError> {
        Ok(IdentifyingHeader {
            sop_instance_uid: read_uid(tags::SOP_INSTANCE_UID, self.sop_instance)?,
            study_instance_uid: read_uid(tags::STUDY_INSTANCE_UID, self.study)?,
            series_instance_uid: read_uid(tags::SERIES_INSTANCE_UID, self.series)?,
            sop_class_uid: self.sop_class.and_then(|value| String::from_utf8_lossy(value).parse().ok()),
        })
    }
}

fn read_uid<T: FromStr<Err = UidError>>(tag: Tag, value: Option<&[u8]>) -> Result<T, HeaderError> {
    let value = value.ok_or(HeaderError::Missing { tag })?;
    String::from_utf8_lossy(value).parse().map_err(|source| HeaderError::Malformed { tag, source })
}

/// How a data set's element headers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Encoding {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

impl Encoding {
    /// The encoding in which these bytes begin with an element.
    ///
    /// The first group of a data set is a small number, so read in the wrong byte order it is the larger one.
    /// Two capital letters are a VR: as a length they would be over 16 kB, and no first element is that long.
    fn seen(bytes: &[u8]) -> Result<Self, Stop> {
        let &[low, high, _, _, vr @ .., _, _] = bytes.first_chunk::<8>().ok_or(Stop::EndOfBytes)?;
        if u16::from_be_bytes([low, high]) < u16::from_le_bytes([low, high]) {
            Ok(Self::ExplicitBig)
        } else if is_vr(vr) {
            Ok(Self::ExplicitLittle)
        } else {
            Ok(Self::ImplicitLittle)
        }
    }
}

fn is_vr(bytes: [u8; 2]) -> bool {
    bytes.iter().all(u8::is_ascii_uppercase)
}

/// The bytes of a meta group or data set that are still to be read.
struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// Passes over the file meta group, if there is one, and gives the value of its transfer syntax, if it has one.
    ///
    /// Its declared length is not used: real files lack it.
    fn pass_meta_group(&mut self) -> Result<Option<&'a [u8]>, Stop> {
        let mut transfer_syntax = None;
        while self.rest.starts_with(&[0x02, 0x00]) {
            let encoding = Encoding::seen(self.rest)?;
            let header = self.header(encoding)?;
            let value = self.value(&header, encoding)?;
            if header.tag == tags::TRANSFER_SYNTAX_UID {
                transfer_syntax = Some(value);
            }
        }
        Ok(transfer_syntax)
    }

    fn header(&mut self, encoding: Encoding) -> Result<DataElementHeader, Stop> {
        let decoded = match encoding {
            // Of the VR only `UN` in explicit encodings matters, so no dictionary is asked.
            Encoding::ImplicitLittle => {
                ImplicitVRLittleEndianDecoder::with_dict(StubDataDictionary).decode_header(&mut self.rest)
            }
            Encoding::ExplicitLittle => {
                ExplicitVRLittleEndianDecoder::default().decode_header(&mut self.rest)
            }
            Encoding::ExplicitBig => ExplicitVRBigEndianDecoder::default().decode_header(&mut self.rest),
        };
        match decoded {
            Ok((header, _)) => Ok(header),
            // Reading from memory fails at its end only.
            Err(_) => Err(Stop::EndOfBytes),
        }
    }

    /// The value behind this header; nothing for a sequence of undefined length, which is passed over.
    fn value(&mut self, header: &DataElementHeader, encoding: Encoding) -> Result<&'a [u8], Stop> {
        match header.len.get() {
            Some(length) => self.take(length),
            None => self.pass_sequence(header, encoding).map(|()| Default::default()),
        }
    }

    fn take(&mut self, length: u32) -> Result<&'a [u8], Stop> {
        let (taken, rest) = self.rest.split_at_checked(length as usize).ok_or(Stop::EndOfBytes)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Passes over a sequence of undefined length, with all such sequences in it.
    ///
    /// No recursion: a file can nest millions of them.
    fn pass_sequence(&mut self, header: &DataElementHeader, encoding: Encoding) -> Result<(), Stop> {
        let mut open = vec![self.encoding_inside(header, encoding)?];
        let mut in_item = false;
        while let Some(&encoding) = open.last() {
            let header = self.header(encoding)?;
            let is_element = in_item && header.tag.group() != ITEM.group();
            match (header.tag, header.len.get()) {
                (ITEM_END, _) => in_item = false,
                (SEQUENCE_END, _) if !in_item => {
                    open.pop();
                    in_item = true;
                }
                (ITEM, None) if !in_item => in_item = true,
                (_, None) if is_element => {
                    open.push(self.encoding_inside(&header, encoding)?);
                    in_item = false;
                }
                (tag, Some(length)) if is_element || (tag == ITEM && !in_item) => {
                    self.take(length)?;
                }
                (found, _) => return Err(HeaderError::BrokenSequence { found }.into()),
            }
        }
        Ok(())
    }

    /// The encoding inside the sequence of undefined length that begins here.
    ///
    /// The same as outside, but implicit little endian in an `UN` (PS3.5 §6.2.2), unless the first element in it has
    /// a VR all the same.
    fn encoding_inside(&self, header: &DataElementHeader, outside: Encoding) -> Result<Encoding, Stop> {
        if header.vr != VR::UN || outside == Encoding::ImplicitLittle {
            return Ok(outside);
        }
        match self.rest.first_chunk::<14>().ok_or(Stop::EndOfBytes)? {
            [.., first, second] if is_vr([*first, *second]) => Ok(outside),
            _ => Ok(Encoding::ImplicitLittle),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Write};

    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use proptest::prelude::*;

    use super::*;

    macro_rules! real {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/data/dicom/", $name)).as_slice()
        };
    }

    const CT: &[u8] = real!("ct_explicit_le.dcm");
    const DEFLATED: &[u8] = real!("ot_deflated.dcm");
    const SEG: &[u8] = real!("seg.dcm");

    /// Real files and their (0008,0018), (0020,000D), (0020,000E) as pydicom 3.0.2 reads them.
    #[rustfmt::skip]
    const REAL: [(&str, &[u8], [&str; 3]); 10] = [
        ("explicit little endian", CT,
            ["1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322", "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322", "1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"]),
        ("implicit little endian", real!("mr_implicit_le.dcm"), MR),
        ("explicit big endian", real!("mr_explicit_be.dcm"), MR),
        ("encapsulated", real!("mr_jpeg2000_lossless.dcm"), MR),
        ("deflated", DEFLATED,
            ["1.3.6.1.4.1.5962.1.1.0.0.0.977067309.6001.0", "1.3.6.1.4.1.5962.1.2.0.977067310.6001.0", "1.3.6.1.4.1.5962.1.3.0.0.977067310.6001.0"]),
        // Its meta group says 1.2.999.999.99.9.9999.9999.20030818153516.
        ("meta group with another UID", real!("rtdose.dcm"),
            ["1.9.999.999.99.9.9999.9999.20030818153516", "1.2.999.999.99.9.9999.8888", "1.2.777.777.77.7.7777.7777"]),
        ("references before the series", SEG,
            ["1.2.276.0.7230010.3.1.4.0.42154.1458337731.665796", "1.2.392.200103.20080913.113635.0.2009.6.22.21.43.10.22941.1", "1.2.276.0.7230010.3.1.3.0.42154.1458337731.665795"]),
        ("enhanced multi-frame", real!("mr_enhanced_multiframe.dcm"),
            ["1.2.826.0.1.3680043.2.1143.6455556726214900995651753669640998622", "1.2.826.0.1.3680043.2.1143.3365540476747857567072393009509418480", "1.2.826.0.1.3680043.2.1143.3712364435022872412969836992152438492"]),
        ("bare, implicit little endian", real!("rtstruct_no_meta.dcm"),
            ["1.2.826.0.1.3680043.8.498.2010020400001", "1.2.826.0.1.3680043.8.498.2010020400001.1", "1.2.826.0.1.3680043.8.498.2010020400001.1.1"]),
        ("bare, explicit big endian", real!("rtplan_be_no_meta.dcm"),
            ["1.2.333.4444.5.6.7.8", "1.2.333.4444.5.6.7.8.9", "1.2.333.4444.5.6.7.8.99"]),
    ];
    #[rustfmt::skip]
    const MR: [&str; 3] =
        ["1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.5457", "1.3.6.1.4.1.5962.1.2.4.20040826185059.5457", "1.3.6.1.4.1.5962.1.3.4.1.20040826185059.5457"];
    const MADE: [&str; 3] = ["1.2.1", "1.2.2", "1.2.3"];

    /// Their (0008,0016), likewise.
    #[test]
    fn the_class_of_a_real_file_is_the_one_of_its_data_set() {
        let classes = ["2", "4", "4", "4", "7", "481.2", "66.4", "4.1", "481.3", "481.8"];
        for ((name, file, _), class) in REAL.iter().zip(classes) {
            let header = identify(file, true).unwrap().unwrap();
            let class = format!("1.2.840.10008.5.1.4.1.1.{class}");
            assert_eq!(header.sop_class_uid.unwrap().as_str(), class, "{name}");
        }
    }

    const SOP: (u16, u16) = (0x0008, 0x0018);
    const STUDY: (u16, u16) = (0x0020, 0x000D);
    const SERIES: (u16, u16) = (0x0020, 0x000E);
    const UNDEFINED: u32 = u32::MAX;

    /// Writes explicit little endian as the tests need it, right or wrong.
    #[derive(Clone, Default)]
    struct Bytes(Vec<u8>);

    impl Bytes {
        fn behind_preamble() -> Self {
            Self([vec![0; 128], b"DICM".to_vec()].concat())
        }

        fn short(mut self, (group, element): (u16, u16), vr: &str, value: &str) -> Self {
            self.0.extend([group.to_le_bytes(), element.to_le_bytes()].concat());
            self.0.extend(vr.bytes());
            self.0.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            self.0.extend(value.bytes());
            self
        }

        fn long(mut self, (group, element): (u16, u16), vr: &str, length: u32) -> Self {
            self.0.extend([group.to_le_bytes(), element.to_le_bytes()].concat());
            self.0.extend(vr.bytes());
            self.0.extend([0, 0]);
            self.0.extend(length.to_le_bytes());
            self
        }

        /// An element without VR: an item, a delimiter, or implicit little endian.
        fn bare(mut self, (group, element): (u16, u16), length: u32, value: &str) -> Self {
            self.0.extend([group.to_le_bytes(), element.to_le_bytes()].concat());
            self.0.extend(length.to_le_bytes());
            self.0.extend(value.bytes());
            self
        }

        fn uids(self) -> Self {
            self.short(SOP, "UI", "1.2.1").study_and_series()
        }

        fn study_and_series(self) -> Self {
            self.short(STUDY, "UI", "1.2.2\0").short(SERIES, "UI", "1.2.3 ")
        }
    }

    const ITEM_TAG: (u16, u16) = (0xFFFE, 0xE000);
    const ITEM_END_TAG: (u16, u16) = (0xFFFE, 0xE00D);
    const SEQUENCE_END_TAG: (u16, u16) = (0xFFFE, 0xE0DD);

    fn uids_of(header: &IdentifyingHeader) -> [&str; 3] {
        [
            header.sop_instance_uid.as_str(),
            header.study_instance_uid.as_str(),
            header.series_instance_uid.as_str(),
        ]
    }

    #[track_caller]
    fn assert_identified(name: &str, bytes: &[u8], expected: [&str; 3]) {
        let whole = identify(bytes, true).unwrap().unwrap();
        assert_eq!(uids_of(&whole), expected, "{name}");
        for length in (0..bytes.len().min(12_000)).step_by(7) {
            let prefix = identify(&bytes[..length], false);
            let prefix = prefix.unwrap_or_else(|error| panic!("{name}, {length} bytes: {error}"));
            assert!(prefix.is_none_or(|header| header == whole), "{name}, {length} bytes");
        }
    }

    #[test]
    fn real_files_are_identified_and_no_prefix_of_them_misleads() {
        for (name, file, expected) in REAL {
            assert_identified(name, file, expected);

            let first = &file[..file.len().min(64 << 10)];
            assert_eq!(uids_of(&identify(first, false).unwrap().unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn files_that_cannot_be_identified_say_why() {
        // A blank stands before the data set; pydicom finds nothing in it either.
        let blank_first = identify(real!("ct_no_preamble_no_meta.dcm"), true);
        assert!(matches!(blank_first, Err(HeaderError::NotDicom { .. })), "{blank_first:?}");

        let directory = identify(real!("dicomdir"), true);
        assert!(matches!(directory, Err(HeaderError::EndsEarly)), "{directory:?}");

        let nothing_in_it = identify(real!("meta_without_transfer_syntax.dcm"), true);
        let Err(HeaderError::Missing { tag }) = nothing_in_it else { panic!("{nothing_in_it:?}") };
        assert_eq!(tag, tags::SOP_INSTANCE_UID);
    }

    #[test]
    fn what_is_no_dicom_at_all_is_refused_with_its_first_bytes() {
        let page = b"<!DOCTYPE html><title>503 Service Unavailable</title>".repeat(10);
        let archive = [b"PK\x03\x04".as_slice(), &[20; 600]].concat();
        for bytes in [
            page.as_slice(),
            &archive,
            &[0; 600],
            &[0xFF; 600],
            b"Error 500: no such series".repeat(9).as_slice(),
        ] {
            for is_whole_file in [false, true] {
                let answer = identify(bytes, is_whole_file);
                assert!(matches!(answer, Err(HeaderError::NotDicom { .. })), "{answer:?}");
            }
        }
        assert!(matches!(identify(b"", true), Err(HeaderError::NotDicom { .. })));
        assert!(identify(b"", false).unwrap().is_none());
        let error = identify(&page, false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this is not a DICOM file: it begins with `<!DOCTYPE html><title>503 Service Unavailable</t`"
        );
    }

    #[test]
    fn preamble_meta_group_and_transfer_syntax_may_be_missing() {
        let data_set = || Bytes::default().short((0x0008, 0x0005), "CS", "ISO_IR 100").uids().0;
        let (meta, without_meta) = (&CT[132..336], &CT[336..]);
        let expected = REAL[0].2;

        assert_identified("bare, explicit little endian", without_meta, expected);
        assert_identified("meta group at once", &[meta, without_meta].concat(), expected);
        assert_identified("no meta group", &[&CT[..132], without_meta].concat(), expected);
        assert_identified("no group length", &[&CT[..132], &meta[12..], without_meta].concat(), expected);
        let meta = Bytes::behind_preamble().short((0x0002, 0x0003), "UI", "9.9.9").0;
        assert_identified("no transfer syntax", &[meta, data_set()].concat(), MADE);
        for transfer_syntax in ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.113619.5.2", "nonsense"]
        {
            let meta = Bytes::behind_preamble().short((0x0002, 0x0010), "UI", transfer_syntax).0;
            assert_identified(transfer_syntax, &[meta, data_set()].concat(), MADE);
        }
    }

    #[test]
    fn an_unknown_vr_does_not_hide_a_uid() {
        let mut bytes = Bytes::behind_preamble();
        for (tag, value) in [(SOP, "1.2.1\0"), (STUDY, "1.2.2\0"), (SERIES, "1.2.3\0")] {
            bytes = bytes.long(tag, "UN", 6);
            bytes.0.extend(value.bytes());
        }

        assert_identified("UN", &bytes.0, MADE);
    }

    #[test]
    fn uids_inside_sequences_are_not_the_instance_s() {
        let inner = |bytes: Bytes| bytes.short(SOP, "UI", "6.6.6").short(SERIES, "UI", "6.6.7");
        let nested = |bytes: Bytes| {
            inner(bytes.long((0x0008, 0x1115), "SQ", UNDEFINED).bare(ITEM_TAG, UNDEFINED, ""))
                .bare(ITEM_END_TAG, 0, "")
                .bare(SEQUENCE_END_TAG, 0, "")
        };
        let item = inner(Bytes::default()).0;
        let item_length = u32::try_from(item.len()).unwrap();
        let of_known_length = |mut bytes: Bytes| {
            bytes = bytes.bare(ITEM_TAG, item_length, "");
            bytes.0.extend(&item);
            bytes
        };

        let undefined = nested(nested(
            nested(
                Bytes::behind_preamble()
                    .long((0x0008, 0x1110), "SQ", UNDEFINED)
                    .bare(ITEM_TAG, UNDEFINED, ""),
            )
            .short((0x0008, 0x1150), "UI", "1.2"),
        ))
        .bare(ITEM_END_TAG, 0, "");
        let undefined = of_known_length(undefined).bare(SEQUENCE_END_TAG, 0, "").study_and_series();
        let known = of_known_length(Bytes::behind_preamble().long((0x0008, 0x1110), "SQ", item_length + 8));
        let known = known.bare(SEQUENCE_END_TAG, 0, "").study_and_series();

        for bytes in [undefined, known] {
            let answer = identify(&bytes.0, false);
            let Err(HeaderError::Missing { tag }) = answer else { panic!("{answer:?}") };
            assert_eq!(tag, tags::SOP_INSTANCE_UID);
        }
        assert_identified("private sequence first", &nested(Bytes::behind_preamble()).uids().0, MADE);
    }

    #[test]
    fn an_unknown_element_of_undefined_length_is_an_implicit_sequence() {
        let begin = || {
            let bytes = Bytes::behind_preamble().short(SOP, "UI", "1.2.1");
            bytes.long((0x0009, 0x1001), "UN", UNDEFINED).bare(ITEM_TAG, UNDEFINED, "")
        };
        let end =
            |bytes: Bytes| bytes.bare(ITEM_END_TAG, 0, "").bare(SEQUENCE_END_TAG, 0, "").study_and_series();

        let implicit = begin().bare((0x0009, 0x1002), UNDEFINED, "").bare(ITEM_TAG, UNDEFINED, "");
        let implicit = implicit.bare((0x0008, 0x1155), 6, "1.2.3\0").bare(ITEM_END_TAG, 0, "");
        let implicit = implicit.bare(SEQUENCE_END_TAG, 0, "").bare((0x0009, 0x1003), 0, "");
        assert_identified("implicit inside", &end(implicit).0, MADE);
        assert_identified("explicit inside", &end(begin().short((0x0008, 0x1155), "UI", "1.2")).0, MADE);
        assert_identified("nothing inside", &end(begin()).0, MADE);
    }

    #[test]
    fn a_broken_sequence_is_an_error_and_a_stray_delimiter_is_none() {
        let sequence = || Bytes::behind_preamble().long((0x0008, 0x1110), "SQ", UNDEFINED);
        let outside_an_item = sequence().short(SOP, "UI", "1.2.1");
        let item_in_item = sequence().bare(ITEM_TAG, UNDEFINED, "").bare(ITEM_TAG, 0, "");
        let no_item_end = sequence().bare(ITEM_TAG, UNDEFINED, "").bare(SEQUENCE_END_TAG, 0, "");

        for bytes in [outside_an_item, item_in_item, no_item_end] {
            let answer = identify(&bytes.0, false);
            assert!(matches!(answer, Err(HeaderError::BrokenSequence { .. })), "{answer:?}");
        }
        let stray = Bytes::behind_preamble().bare(ITEM_END_TAG, 0, "").bare(ITEM_TAG, 0, "").bare(
            SEQUENCE_END_TAG,
            0,
            "",
        );
        // The first element must show the encoding, so the stray ones come second.
        let stray = Bytes::behind_preamble()
            .short((0x0008, 0x0005), "CS", "")
            .0
            .into_iter()
            .chain(stray.0[132..].iter().copied());
        assert_identified("stray delimiters", &Bytes(stray.collect()).uids().0, MADE);
    }

    #[test]
    fn a_missing_or_malformed_uid_is_named() {
        let without_series = Bytes::behind_preamble().short(SOP, "UI", "1.2.1").short(STUDY, "UI", "1.2.2");
        let goes_past = without_series.clone().short((0x0020, 0x0010), "SH", "1");
        let malformed = |value| without_series.clone().short(SERIES, "UI", value).0;

        let answer = identify(&goes_past.0, false);
        assert!(matches!(answer, Err(HeaderError::Missing { tag: tags::SERIES_INSTANCE_UID })), "{answer:?}");
        assert!(matches!(identify(&without_series.0, true), Err(HeaderError::EndsEarly)));
        assert!(identify(&without_series.0, false).unwrap().is_none());
        for value in ["", "1..2", "1.2\\1.3", "../x", &"1".repeat(65), "\u{e4}"] {
            let answer = identify(&malformed(value), false);
            assert!(
                matches!(answer, Err(HeaderError::Malformed { tag: tags::SERIES_INSTANCE_UID, .. })),
                "{answer:?}"
            );
        }
    }

    #[test]
    fn a_declared_length_is_never_believed() {
        for vr in ["UC", "UN", "SQ", "OB"] {
            let bytes = Bytes::behind_preamble().long((0x0008, 0x0005), vr, u32::MAX - 1).uids();

            assert!(identify(&bytes.0, false).unwrap().is_none(), "{vr}");
            assert!(matches!(identify(&bytes.0, true), Err(HeaderError::EndsEarly)), "{vr}");
        }
    }

    #[test]
    fn the_search_ends_at_the_limit() {
        let mut bytes =
            Bytes::behind_preamble().short(SOP, "UI", "1.2.1").long((0x0009, 0x1001), "OB", 64 << 20);
        bytes.0.resize(bytes.0.len() + (64 << 20), 0);
        bytes = bytes.study_and_series();

        for is_whole_file in [false, true] {
            assert!(matches!(identify(&bytes.0, is_whole_file), Err(HeaderError::NotReached)));
        }
        assert!(identify(&bytes.0[..HEADER_LIMIT - 1], false).unwrap().is_none());
    }

    #[test]
    fn sequences_in_sequences_without_end_cost_no_stack() {
        let mut bytes = Bytes::behind_preamble();
        for _ in 0..200_000 {
            bytes = bytes.long((0x0009, 0x1001), "UN", UNDEFINED).bare(ITEM_TAG, UNDEFINED, "");
        }

        assert!(identify(&bytes.0, false).unwrap().is_none());
    }

    fn deflated(data_set: impl Read) -> Vec<u8> {
        let meta = Bytes::behind_preamble().short((0x0002, 0x0010), "UI", "1.2.840.10008.1.2.1.99");
        let mut encoder = DeflateEncoder::new(meta.0, Compression::fast());
        io::copy(&mut { data_set }, &mut encoder).unwrap();
        encoder.flush().unwrap();
        encoder.get_ref().clone()
    }

    #[test]
    fn a_deflated_data_set_may_be_broken_behind_its_header_and_not_before() {
        let broken = [deflated(io::empty()), vec![0xFF; 64]].concat();
        let broken_behind = [deflated(Bytes::default().uids().0.as_slice()), vec![0xFF; 64]].concat();

        assert!(matches!(identify(&broken, false), Err(HeaderError::Inflate { .. })));
        assert_identified("broken behind", &broken_behind, MADE);
        assert!(matches!(identify(&DEFLATED[..600], true), Err(HeaderError::EndsEarly)));
    }

    #[test]
    fn a_deflated_data_set_is_inflated_as_far_as_it_takes_and_no_further_than_the_limit() {
        let large = |length: u32| {
            let begin = Bytes::default().short(SOP, "UI", "1.2.1").long((0x0009, 0x1001), "OB", length);
            io::Cursor::new(begin.0).chain(io::repeat(0).take(u64::from(length)))
        };
        let far = deflated(large(300_000).chain(Bytes::default().study_and_series().0.as_slice()));
        let bomb = deflated(large(65 << 20));

        assert_eq!(uids_of(&identify(&far, false).unwrap().unwrap()), MADE);
        assert!(matches!(identify(&bomb, false), Err(HeaderError::NotReached)));
    }

    fn real_file_with_changes() -> impl Strategy<Value = Vec<u8>> {
        let file = prop::sample::select(vec![SEG, DEFLATED, REAL[1].1, REAL[2].1, REAL[8].1]);
        let changes = prop::collection::vec((0_usize..3000, any::<u8>()), 1..8);
        (file, changes).prop_map(|(file, changes)| {
            let mut bytes = file[..file.len().min(12_000)].to_vec();
            for (place, value) in changes {
                let place = place % bytes.len();
                bytes[place] = value;
            }
            bytes
        })
    }

    fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            prop::sample::select(vec![
                vec![0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF],
                vec![0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0],
                vec![0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0],
                Bytes::default().long((0x0009, 0x1001), "UN", UNDEFINED).0,
                Bytes::default().long((0x0008, 0x1110), "SQ", UNDEFINED).0,
                Bytes::default().short(SOP, "UI", "1.2").0,
                Bytes::default().bare(SERIES, 4, "1.23").0,
            ]),
        ];
        (any::<bool>(), prop::collection::vec(piece, 0..60)).prop_map(|(has_preamble, pieces)| {
            let start = if has_preamble { Bytes::behind_preamble() } else { Bytes::default() };
            [start.0, pieces.concat()].concat()
        })
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer_that_more_bytes_do_not_change(
            bytes in prop_oneof![real_file_with_changes(), hostile_bytes()],
            cut in any::<prop::sample::Index>(),
        ) {
            let whole = identify(&bytes, true);

            match identify(&bytes[..cut.index(bytes.len() + 1)], false) {
                Ok(None) => {}
                Ok(Some(header)) => prop_assert_eq!(header, whole.unwrap().unwrap()),
                Err(_) => prop_assert!(whole.is_err()),
            }
        }
    }
}
