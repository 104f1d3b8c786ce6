//! What stands in rows: names with every character in the question, values in every form in the answer.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tcia_mirror::dicom::{PatientId, Series};
use tcia_mirror::nbia::{Rejected, Scope};

use super::{bindaas_v3, collection, nbia_list, nbia_v4, patient, read_until_end, text, zero_bytes};
use crate::support::raw_server::{Answer, RawServer};

/// As little as a series can be listed with, and more columns.
fn series_with(columns: &str) -> String {
    format!(
        r#"[{{"SeriesInstanceUID":"1.2.3","StudyInstanceUID":"1.2","Collection":"4D-Lung","PatientID":"100_HM10395",{columns}}}]"#
    )
}

/// The only series of one list.
async fn read_series(list: Answer) -> Series {
    read_each_series([list]).await.remove(0)
}

/// The only series of each of these lists.
async fn read_each_series<const LISTS: usize>(lists: [Answer; LISTS]) -> Vec<Series> {
    let server = RawServer::in_order(lists).await;
    let client = nbia_v4(&server);
    let mut series = Vec::new();
    for _ in 0..LISTS {
        let rows = client.series(&Scope::default()).await.expect("the answer is a success");
        series.extend(rows.read_all().await.expect("the list is whole"));
    }
    assert_eq!(series.len(), LISTS);
    series
}

#[tokio::test]
async fn names_in_a_question_are_encoded_so_that_a_plus_stays_a_plus() {
    let server = RawServer::in_order([zero_bytes(), zero_bytes()]).await;
    let client = nbia_v4(&server);

    client.series(&collection("A+B & C/D=100%?#\"Ä")).await.unwrap().read_all().await.unwrap();
    client.series(&patient(" (THORAX) ")).await.unwrap().read_all().await.unwrap();

    assert_eq!(
        server.request_lines(),
        [
            "GET /nbia-api/services/v4/getSeries?Collection=A%2BB+%26+C%2FD%3D100%25%3F%23%22%C3%84 HTTP/1.1",
            "GET /nbia-api/services/v4/getSeries?PatientID=+%28THORAX%29+ HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn no_byte_and_empty_brackets_are_lists_without_rows_in_both_dialects() {
    let answers = || [zero_bytes(), nbia_list("[]"), Answer::literal("HTTP/1.1 204 No Content\r\n\r\n")];
    let (v4, v3) = (RawServer::in_order(answers()).await, RawServer::in_order(answers()).await);

    for client in [nbia_v4(&v4), bindaas_v3(&v3)] {
        for _ in 0..3 {
            let rows = client.series(&Scope::default()).await.unwrap();

            assert_eq!(read_until_end(rows).await.1.unwrap(), 0);
        }
    }
}

#[tokio::test]
async fn a_gzip_encoded_list_is_read_like_any_other() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(series_with(r#""ImageCount":48"#).as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    );

    let series = read_series(Answer::literal([head.as_bytes(), &packed].concat())).await;

    assert_eq!(series.image_count, Some(48));
}

#[tokio::test]
async fn a_list_in_chunks_of_one_byte_is_read_like_any_other() {
    let list = series_with(r#""ImageCount":48"#);
    let chunks = list.chars().map(|letter| format!("1\r\n{letter}\r\n")).collect::<Vec<_>>().concat();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

    let series = read_series(Answer::literal(format!("{head}{chunks}0\r\n\r\n")).byte_by_byte()).await;

    assert_eq!(series.image_count, Some(48));
}

#[tokio::test]
async fn a_list_without_a_length_ends_with_its_connection() {
    let list = series_with(r#""ImageCount":48"#);

    let series = read_series(Answer::literal(format!("HTTP/1.0 200 OK\r\n\r\n{list}")).then_close()).await;

    assert_eq!(series.image_count, Some(48));
}

#[tokio::test]
async fn a_list_labelled_as_anything_is_read_by_its_bytes() {
    let list = series_with(r#""ImageCount":48"#);

    let series = read_series(text("200 OK", "application/octet-stream", &list)).await;

    assert_eq!(series.image_count, Some(48));
}

#[tokio::test]
async fn absent_keys_and_nulls_are_none_and_an_empty_text_is_a_text() {
    let columns = r#""ProtocolName":null,"SeriesDescription":"","ImageCount":null,"FileSize":null"#;

    let series = read_series(nbia_list(&series_with(columns))).await;

    assert_eq!((&series.protocol_name, &series.modality), (&None, &None));
    assert_eq!((series.image_count, series.file_size), (None, None));
    assert_eq!(series.series_description.as_deref(), Some(""));
    assert!(series.other.is_empty());
}

#[tokio::test]
async fn numbers_are_the_same_as_numbers_and_as_texts() {
    let forms = [
        r#""SeriesNumber":500,"ImageCount":98,"FileSize":26405888"#,
        r#""SeriesNumber":"500.000000","ImageCount":"98.000000","FileSize":"26405888""#,
        r#""SeriesNumber":500.0,"ImageCount":98.0,"FileSize":26405888.0"#,
    ];

    let each = read_each_series(forms.map(|columns| nbia_list(&series_with(columns)))).await;

    for series in each {
        assert_eq!(series.series_number.as_deref(), Some("500"));
        assert_eq!((series.image_count, series.file_size), (Some(98), Some(26_405_888)));
    }
}

#[tokio::test]
async fn texts_come_without_the_escapes_of_the_wire_and_keep_every_blank() {
    let columns = r#""BodyPartExamined":"BRAIN W\/WO_AH32","ProtocolName":"(2672\/11\/1..52)-(2672\/9\/1..52)","SeriesDescription":"ABDOMEN_PELVIS ","Manufacturer":"\"GE Healthcare\"","SoftwareVersions":"caf\u00e9 \ud83e\uddec""#;

    let series = read_series(nbia_list(&series_with(columns))).await;

    assert_eq!(series.body_part_examined.as_deref(), Some("BRAIN W/WO_AH32"));
    assert_eq!(series.protocol_name.as_deref(), Some("(2672/11/1..52)-(2672/9/1..52)"));
    assert_eq!(series.series_description.as_deref(), Some("ABDOMEN_PELVIS "));
    assert_eq!(series.manufacturer.as_deref(), Some("\"GE Healthcare\""));
    assert_eq!(series.software_versions.as_deref(), Some("café 🧬"));
}

#[tokio::test]
async fn a_date_that_v4_does_not_write_is_kept_as_it_came() {
    let columns = r#""SeriesDate":"2015-05-27 17:12:21.0","StudyDate":"02-30-2011","DateReleased":"""#;

    let series = read_series(nbia_list(&series_with(columns))).await;

    assert_eq!(series.series_date.as_deref(), Some("2015-05-27 17:12:21.0"));
    assert_eq!(series.study_date.as_deref(), Some("02-30-2011"));
    assert_eq!(series.date_released.as_deref(), Some(""));
}

#[tokio::test]
async fn columns_without_a_field_are_kept_under_the_name_that_the_service_gives_them() {
    let columns = r#""TimeStamp":"2015-05-27 17:12:21.0","Date Released":"2015-05-28","Nested":{"a":[1]}"#;

    let series = read_series(nbia_list(&series_with(columns))).await;

    let expected = [
        ("Date Released", Value::from("2015-05-28")),
        ("Nested", serde_json::json!({"a": [1]})),
        ("TimeStamp", Value::from("2015-05-27 17:12:21.0")),
    ];
    assert_eq!(
        series.other.iter().map(|(name, value)| (name.as_str(), value.clone())).collect::<Vec<_>>(),
        expected
    );
}

#[tokio::test]
async fn a_row_that_names_nothing_is_counted_and_quoted_and_the_others_arrive() {
    let list = r#"[{},{"PatientId":"1215936303","Collection":"VICTRE"},{"PatientId":"P"}]"#;
    let server = RawServer::in_order([nbia_list(list)]).await;
    let mut rows = nbia_v4(&server).patients(&Scope::default()).await.unwrap();

    let mut patients = Vec::new();
    while let Some(batch) = rows.next().await.unwrap() {
        patients.extend(batch);
    }

    assert_eq!(patients.len(), 1);
    assert_eq!(patients[0].patient_id, PatientId::new("1215936303"));
    let (count, kept) = rows.rejected();
    let quoted: Vec<_> = kept.iter().map(|Rejected { row, .. }| row.as_str()).collect();
    assert_eq!((count, quoted), (2, vec!["{}", r#"{"PatientId":"P"}"#]));
    assert!(kept.iter().all(|Rejected { reason, .. }| !reason.is_empty()));
}

#[tokio::test]
async fn of_a_row_that_makes_no_sense_and_of_its_reason_the_beginning_is_kept() {
    let (long, huge) = ("x".repeat(900), "9".repeat(900_000));
    let list = format!(r#"[{{"PatientId":"{long}"}},{{"ImageCount":"{huge}","PatientId":{{}}}}]"#);
    let server = RawServer::in_order([nbia_list(&list), nbia_list(&list)]).await;
    let client = nbia_v4(&server);

    let (mut series, mut patients) =
        (client.series(&Scope::default()).await.unwrap(), client.patients(&Scope::default()).await.unwrap());
    while series.next().await.unwrap().is_some() {}
    while patients.next().await.unwrap().is_some() {}

    for (count, kept) in [series.rejected(), patients.rejected()] {
        assert_eq!(count, 2);
        assert!(kept.iter().all(|Rejected { reason, row }| reason.len() <= 200 && row.len() <= 200));
        assert!(kept[0].row.starts_with(r#"{"PatientId":"xxx"#));
    }
}

#[tokio::test]
async fn a_series_whose_uid_could_leave_a_directory_is_no_row() {
    let list =
        r#"[{"SeriesInstanceUID":"..\/..\/etc","StudyInstanceUID":"1.2","Collection":"C","PatientID":"P"}]"#;
    let server = RawServer::in_order([nbia_list(list)]).await;

    let rows = nbia_v4(&server).series(&Scope::default()).await.unwrap();

    let (series, rejected) = read_until_end(rows).await;
    assert_eq!((series.len(), rejected.unwrap()), (0, 1));
}
