//! ZIPs and single files, whole and damaged.

use std::io::{Cursor, Read};

use jiff::civil::DateTime;
use reqwest::StatusCode;
use sha2::{Digest, Sha256};

use super::*;

#[tokio::test]
async fn version_4_packs_the_licence_and_numbered_files() {
    let served = Served::new().await;

    let answer = served.get(&format!("{V4}/getImage?SeriesInstanceUID={MR}")).await;

    assert_eq!(answer.label.as_deref(), Some("application/octet-stream"));
    assert_eq!(answer.disposition.as_deref(), Some("attachment; filename=\"1.3.6.1.4.1.14519.1.zip\""));
    assert_eq!(answer.length, None);
    let expected = [("LICENSE", "By us.\n"), ("00000001.dcm", "first one"), ("00000002.dcm", "second")];
    assert_eq!(entries(&answer.body), pairs(&expected));
    // deflated, sizes behind the data: signature, version 20, bit 3, method 8, neither CRC nor sizes
    assert_eq!(answer.body[..10], *b"PK\x03\x04\x14\0\x08\0\x08\0");
    assert_eq!(answer.body[14..26], [0; 12]);
}

#[tokio::test]
async fn entries_are_of_now_and_have_their_sizes_behind_their_data() {
    let served = Served::new().await;

    let answer = served.send(&format!("{V4}/getImage?SeriesInstanceUID={MR}")).await;

    let sent = answer.headers()["date"].to_str().unwrap().to_owned();
    let sent = DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", sent).unwrap();
    let body = answer.bytes().await.unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(&body)).unwrap();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).unwrap();
        let packed: DateTime = entry.last_modified().unwrap().to_string().replace(' ', "T").parse().unwrap();
        assert!(packed.duration_until(sent).as_secs().abs() < 60, "{packed} {sent}");
        let (size, packed_size) = (entry.size(), entry.compressed_size());
        let behind = usize::try_from(entry.data_start().unwrap() + packed_size).unwrap();
        let sizes = [entry.crc32().to_le_bytes(), short(packed_size), short(size)].concat();
        assert_eq!(body[behind..behind + 4], *b"PK\x07\x08");
        assert_eq!(body[behind + 4..behind + 16], sizes);
    }
}

fn short(size: u64) -> [u8; 4] {
    u32::try_from(size).unwrap().to_le_bytes()
}

#[tokio::test]
async fn version_4_packs_new_names_and_a_list_of_md5s_when_asked() {
    let served = Served::new().await;

    let request = format!("{V4}/getImage?SeriesInstanceUID={MR}&NewFileNames=Yes&IncludeMD5=YES");
    let answer = served.get(&request).await;
    let without_license = served.get(&format!("{V4}/getImage?SeriesInstanceUID={CT}&NewFileNames=no")).await;

    // the digests are those of md5sum
    let md5_list = concat!(
        "Filename,MD5Hash\n",
        "1-1.dcm,0ae76f5ad21601023b80bf3df383cd18\n",
        "1-2.dcm,a9f0e61a137d86aa9db53465e0801612\n"
    );
    let expected = [
        ("LICENSE", "By us.\n"),
        ("1-1.dcm", "first one"),
        ("1-2.dcm", "second"),
        ("md5hashes.csv", md5_list),
    ];
    assert_eq!(entries(&answer.body), pairs(&expected));
    assert_eq!(entries(&without_license.body), pairs(&[("00000001.dcm", "only")]));
}

#[tokio::test]
async fn bindaas_packs_blobs_and_nothing_of_a_series_that_it_does_not_know() {
    let served = Served::new().await;

    let answer = served.get(&format!("{V3}/getImage?SeriesInstanceUID={MR}")).await;
    let unknown = served.get(&format!("{V3}/getImage?SeriesInstanceUID=1.2")).await;

    let expected = [("./", ""), ("./1-1.9.1.dcm", "first one"), ("./2-1.9.2.dcm", "second")];
    assert_eq!(entries(&answer.body), pairs(&expected));
    assert_eq!(entries(&unknown.body), pairs(&[("./", "")]));
    for answer in [answer, unknown] {
        assert_eq!((answer.status, answer.label.as_deref()), (StatusCode::OK, Some("application/zip")));
        let name = Some("attachment;filename=\"bindaas-blob-download.zip\"");
        assert_eq!(answer.disposition.as_deref(), name);
    }
}

#[tokio::test]
async fn a_single_image_comes_with_its_length() {
    let served = Served::new().await;
    let which = format!("getSingleImage?SeriesInstanceUID={MR}&SOPInstanceUID=1.9.1");

    let v4 = served.get(&format!("{V4}/{which}")).await;
    let v3 = served.get(&format!("{V3}/{which}")).await;

    assert_eq!((v4.text(), v4.length.as_deref()), ("first one", Some("9")));
    assert_eq!(v4.label.as_deref(), Some("application/dicom"));
    assert_eq!(v4.disposition.as_deref(), Some("attachment; filename=1.9.1.dcm"));
    assert_eq!((v3.text(), v3.length.as_deref()), ("first one", Some("9")));
    assert_eq!(v3.disposition.as_deref(), Some("attachment;filename=\"1.9.1.dcm\""));
}

#[tokio::test]
async fn a_zip_with_a_damaged_missing_or_linked_file_is_cut_before_its_end() {
    let served = Served::new().await;
    served.lay_large("1.7", b"second").await;
    let file = served.file(&other_series("1.7"), "1.7.2");
    let request = format!("{V4}/getImage?SeriesInstanceUID=1.7");
    let end_of_zip = |bytes: &[u8]| bytes.windows(4).any(|four| four == b"PK\x05\x06");

    overwrite(&file, b"sEcond");
    assert!(!end_of_zip(&served.cut(&request).await), "damaged");
    overwrite(&file, b"secon");
    assert!(!end_of_zip(&served.cut(&request).await), "too short");
    std::fs::remove_file(&file).unwrap();
    assert!(!end_of_zip(&served.cut(&request).await), "missing");
    std::os::unix::fs::symlink(served.file(&mr_series(), "1.9.2"), &file).unwrap();
    assert!(!end_of_zip(&served.cut(&request).await), "linked");
}

#[tokio::test]
async fn a_large_single_image_that_is_damaged_is_never_whole() {
    let served = Served::new().await;
    let mut bytes = served.lay_large("1.7", b"second").await;
    *bytes.last_mut().unwrap() ^= 1;
    overwrite(&served.file(&other_series("1.7"), "1.7.1"), &bytes);

    let request = format!("{V4}/getSingleImage?SeriesInstanceUID=1.7&SOPInstanceUID=1.7.1");
    let arrived = served.cut(&request).await;

    assert!(arrived.len() < bytes.len());
}

#[tokio::test]
async fn damage_that_shows_before_anything_is_sent_is_told() {
    let served = Served::new().await;
    let requests = [
        format!("getImage?SeriesInstanceUID={MR}"),
        format!("getSingleImage?SeriesInstanceUID={MR}&SOPInstanceUID=1.9.2"),
    ];

    for bytes in [b"sEcond".as_slice(), b"secon"] {
        overwrite(&served.file(&mr_series(), "1.9.2"), bytes);
        for request in &requests {
            let v4 = served.get(&format!("{V4}/{request}")).await;
            let v3 = served.get(&format!("{V3}/{request}")).await;
            assert_eq!(
                (v4.status, v3.status.as_u16()),
                (StatusCode::INTERNAL_SERVER_ERROR, 500),
                "{request}"
            );
            let sentence = "Server was not able to process your request\nthe mirror cannot be read";
            assert_eq!(v4.text(), sentence, "{request}");
            assert_eq!(v3.text(), r#"{"errorMessage":"the mirror cannot be read"}"#, "{request}");
        }
    }
}

#[tokio::test]
async fn a_series_whose_directory_is_gone_is_a_fault_and_not_unknown() {
    let served = Served::new().await;
    std::fs::remove_dir_all(served.file(&mr_series(), "1.9.1").parent().unwrap()).unwrap();

    let v4 = served.get(&format!("{V4}/getImage?SeriesInstanceUID={MR}")).await;
    let v3 = served.get(&format!("{V3}/getImage?SeriesInstanceUID={MR}")).await;

    assert_eq!(v4.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(v3.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(v3.text(), r#"{"errorMessage":"the mirror cannot be read"}"#);
}

#[tokio::test]
async fn an_image_of_many_pieces_arrives_byte_for_byte() {
    let served = Served::new().await;
    let bytes = served.lay_large("1.7", b"second").await;

    let zip = served.get(&format!("{V4}/getImage?SeriesInstanceUID=1.7")).await;
    let single = format!("{V4}/getSingleImage?SeriesInstanceUID=1.7&SOPInstanceUID=1.7.1");
    let single = served.get(&single).await;

    let mut archive = zip::ZipArchive::new(Cursor::new(zip.body)).unwrap();
    let mut unpacked = Vec::new();
    archive.by_index(0).unwrap().read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == bytes && single.body == bytes);
}

#[tokio::test]
async fn an_image_with_md5_hashes_has_no_licence_and_numbered_files() {
    let served = Served::new().await;

    for base in [V1, V2, V4] {
        let request = format!("{base}/getImageWithMD5Hash?SeriesInstanceUID={MR}");
        let answer = served.get_with_token(&request).await;

        let md5_list = concat!(
            "Filename,MD5Hash\n",
            "00000001.dcm,0ae76f5ad21601023b80bf3df383cd18\n",
            "00000002.dcm,a9f0e61a137d86aa9db53465e0801612\n"
        );
        let expected =
            [("00000001.dcm", "first one"), ("00000002.dcm", "second"), ("md5hashes.csv", md5_list)];
        assert_eq!(entries(&answer.body), pairs(&expected), "{base}");
        assert_eq!(answer.disposition.as_deref(), Some("attachment; filename=\"1.3.6.1.4.1.14519.1.zip\""));
    }
}

#[tokio::test]
async fn a_stored_zip_promises_its_length_and_has_the_same_in_it() {
    let (deflated, stored) = (Served::new().await, Served::packed(Packing::Stored).await);
    let bytes = stored.lay_large("1.7", b"second").await;
    assert!(deflated.lay_large("1.7", b"second").await == bytes);

    for request in [
        format!("{V4}/getImage?SeriesInstanceUID={MR}&NewFileNames=Yes&IncludeMD5=Yes"),
        format!("{V3}/getImage?SeriesInstanceUID={MR}"),
        format!("{V1}/getImageWithMD5Hash?SeriesInstanceUID={MR}"),
        format!("{V4}/getImage?SeriesInstanceUID=1.7"),
    ] {
        let (one, other) = (deflated.get(&request).await, stored.get(&request).await);
        assert_eq!((one.length, other.length), (None, Some(other.body.len().to_string())), "{request}");
        assert!(contents(&one.body) == contents(&other.body), "{request}");
    }
}

/// Names and bytes of the entries.
fn contents(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut read = |index| {
        let mut entry = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.name().unwrap().into_owned(), bytes)
    };
    (0..zip::ZipArchive::new(Cursor::new(zip)).unwrap().len()).map(&mut read).collect()
}

#[tokio::test]
async fn a_stored_zip_with_a_damaged_file_is_cut_before_its_promised_end() {
    let served = Served::packed(Packing::Stored).await;
    served.lay_large("1.7", b"second").await;
    overwrite(&served.file(&other_series("1.7"), "1.7.2"), b"sEcond");

    let arrived = served.cut(&format!("{V4}/getImage?SeriesInstanceUID=1.7")).await;

    assert!(!arrived.windows(6).any(|six| six == b"sEcond"));
}

#[tokio::test]
async fn a_single_image_comes_in_parts_and_not_again_to_who_has_it() {
    let served = Served::new().await;
    let bytes = served.lay_large("1.7", b"second").await;
    let url = format!("{}{V4}/getSingleImage?SeriesInstanceUID=1.7&SOPInstanceUID=1.7.1", served.base);
    let whole = served.http.get(&url).send().await.unwrap();
    let tag = whole.headers()["etag"].to_str().unwrap().to_owned();
    let ask = async |name: &str, value: &str| {
        let answer = served.http.get(&url).header(name, value).send().await.unwrap();
        let range = answer.headers().get("content-range").map(|range| range.to_str().unwrap().to_owned());
        let length = answer.headers().get("content-length").map(|length| length.to_str().unwrap().to_owned());
        (answer.status().as_u16(), range, length, answer.bytes().await.unwrap())
    };

    let (middle, end) = (ask("range", "bytes=65535-65600").await, ask("range", "bytes=-5").await);
    let (beyond, known) = (ask("range", "bytes=10000000-").await, ask("if-none-match", &tag).await);

    assert_eq!(tag, format!("\"{}\"", hex(&Sha256::digest(&bytes))));
    assert_eq!((middle.0, middle.1.as_deref()), (206, Some("bytes 65535-65600/10000000")));
    assert!(middle.3 == bytes[65_535..=65_600] && middle.2.as_deref() == Some("66"));
    assert_eq!((end.0, end.1.as_deref()), (206, Some("bytes 9999995-9999999/10000000")));
    assert!(end.3 == bytes[9_999_995..]);
    assert_eq!((beyond.0, beyond.1.as_deref(), beyond.3.len()), (416, Some("bytes */10000000"), 0));
    assert_eq!((known.0, known.3.len()), (304, 0));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn a_part_of_a_damaged_image_is_never_whole() {
    let served = Served::new().await;
    let mut bytes = served.lay_large("1.7", b"second").await;
    bytes[9_000_000] ^= 1;
    overwrite(&served.file(&other_series("1.7"), "1.7.1"), &bytes);
    let url = format!("{}{V4}/getSingleImage?SeriesInstanceUID=1.7&SOPInstanceUID=1.7.1", served.base);

    let answer = served.http.get(&url).header("range", "bytes=0-99").send().await;

    assert!(
        answer.is_err()
            || !answer.as_ref().unwrap().status().is_success()
            || answer.unwrap().bytes().await.is_err()
    );
}
