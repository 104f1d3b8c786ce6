//! The formats of lists, byte by byte.

use reqwest::StatusCode;

use super::*;

#[tokio::test]
async fn version_4_fails_over_a_format_that_it_does_not_know() {
    let served = Served::new().await;

    for request in ["getSeries?format=xls", "getSeries?format=", "getCollectionValues?format=csvquoted"] {
        let answer = served.get(&format!("{V4}/{request}")).await;
        let expected = (StatusCode::INTERNAL_SERVER_ERROR, "Server was not able to process your request");
        assert_eq!((answer.status, answer.text()), expected, "{request}");
    }
}

#[tokio::test]
async fn version_4_quotes_csv_of_many_columns_and_no_csv_of_one() {
    let served = Served::new().await;
    let csv = Some("text/csv");
    let name = Some("attachment; filename=\"SeriesMetaData.csv\"");
    let size = "\"TotalSizeInBytes\",\"ObjectCount\"\n\"15\",\"2\"\n";
    let collections = "Collection\nBreast-MRI-NACT-Pilot\nCT COLONOGRAPHY\n";
    let of = |format: &str| format!("getSeriesSize?SeriesInstanceUID={MR}&format={format}");
    let cases = [
        (of("csv"), csv, None, size),
        (of("CSVQUOTED"), csv, None, size),
        (of("csv-download"), csv, name, size),
        ("getCollectionValues?format=CSV".to_owned(), csv, None, collections),
        (
            "getCollectionValues?format=CSV-DOWNLOAD".to_owned(),
            Some("application/force-download"),
            name,
            collections,
        ),
    ];

    for (request, label, disposition, text) in cases {
        let answer = served.get(&format!("{V4}/{request}")).await;
        assert_eq!(answer.text(), text, "{request}");
        assert_eq!(
            (answer.label.as_deref(), answer.disposition.as_deref()),
            (label, disposition),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_null_is_an_empty_field_and_a_quote_is_doubled() {
    let served = Served::new().await;

    let answer = served.get(&format!("{V4}/getSeries?SeriesInstanceUID={CT}&format=csv")).await;

    let line = answer.text().lines().nth(1).unwrap();
    let expected = concat!(
        r#""1.3.6.1.4.1.9328.50.4.2","1.3.6.1.4.1.9328.50.4.1","CT","","","","","","","CT COLONOGRAPHY","","#,
        r#""1.3.6.1.4.1.9328.50.4.0001","","","","""GE Healthcare"", O'Neil/é","","","1","","","","","4","","#,
        r#""05-10-2012","","","","1""#
    );
    assert_eq!(line, expected);
}

#[tokio::test]
async fn a_number_that_is_none_goes_out_as_text() {
    let served = Served::new().await;
    for (uid, number) in [("1.1", "-7"), ("1.2", "2.5"), ("1.3", "007"), ("1.4", "1e9"), ("1.5", "")] {
        let series = Series { series_number: Some(number.to_owned()), ..other_series(uid) };
        sample::place(&served.db, &series, Vec::new(), None, sample::PLACED_AT).await;
    }
    let mut numbers = Vec::new();

    for uid in ["1.1", "1.2", "1.3", "1.4", "1.5"] {
        let answer = served.get(&format!("{V4}/getSeries?SeriesInstanceUID={uid}")).await;
        let text = answer.text().split_once("\"SeriesNumber\":").unwrap().1.to_owned();
        numbers.push(text.split_once(',').unwrap().0.to_owned());
    }

    assert_eq!(numbers, ["-7", "2.5", "\"007\"", "\"1e9\"", "\"\""]);
}

#[tokio::test]
async fn bindaas_escapes_csv_as_a_script_does() {
    let served = Served::new().await;

    let answer = served.get(&format!("{V3}/getSeries?SeriesInstanceUID={CT}&format=csv")).await;
    let nothing = served.get(&format!("{V3}/getSOPInstanceUIDs?SeriesInstanceUID=1.2&format=csv")).await;

    assert_eq!(answer.label.as_deref(), Some("application/csv"));
    assert_eq!(
        answer.text(),
        concat!(
            "SeriesInstanceUID,StudyInstanceUID,Modality,ProtocolName,SeriesDate,SeriesDescription,",
            "BodyPartExamined,SeriesNumber,AnnotationsFlag,Collection,PatientID,Manufacturer,ManufacturerModelName,",
            "SoftwareVersions,ImageCount\n",
            r#""1.3.6.1.4.1.9328.50.4.2","1.3.6.1.4.1.9328.50.4.1","CT",,,,,,,"CT COLONOGRAPHY","#,
            r#""1.3.6.1.4.1.9328.50.4.0001","\"GE Healthcare\", O\'Neil\/\u00E9",,,"1""#
        )
    );
    assert_eq!(nothing.text(), "SOPInstanceUID");
}

/// A study of which nothing is known but its names, and the collection of another one.
const STUDY: &str = "getPatientStudy?StudyInstanceUID=1.3.6.1.4.1.14519.2";

#[tokio::test]
async fn the_archive_s_server_names_elements_after_columns_and_encodes_texts() {
    let served = Served::new().await;
    let beginning = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><Results><Row>";
    let uid = "<StudyInstanceUID type='java.lang.String'>1.3.6.1.4.1.14519.2</StudyInstanceUID>";
    let rest = concat!(
        "<PatientID type='java.lang.String'>UCSF-BR-45</PatientID>",
        "<Collection type='java.lang.String'>Breast-MRI-NACT-Pilot</Collection>",
        "<SeriesCount type='java.lang.Long'>1</SeriesCount>"
    );
    let authorized = "<Authorized type='java.lang.Integer'>1</Authorized>";
    let end = "</Row></Results>";
    let manufacturer = "<Row></Row><Row><Manufacturer type='java.lang.String'>&quot;GE Healthcare&quot;, O&#x27;Neil&#x2f;&#xe9;</Manufacturer></Row>";
    served.lay(&Series { manufacturer: None, ..other_series("1.6") }, "1.6.1", b"x").await;
    let cases = [
        (format!("{V4}/{STUDY}&format=xml"), format!("{beginning}{uid}{rest}{authorized}{end}")),
        (format!("{V1}/{STUDY}&format=XML"), format!("{beginning}{uid}{rest}{end}")),
        (
            format!("{V1}/getManufacturerValues?format=XML&Modality=CT"),
            format!("{}{manufacturer}</Results>", beginning.trim_end_matches("<Row>")),
        ),
    ];

    for (request, expected) in cases {
        let answer = served.get(&request).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, expected.as_str()), "{request}");
        assert_eq!(answer.label.as_deref(), Some("application/xml"), "{request}");
    }
}

#[tokio::test]
async fn the_archive_s_server_leaves_numbers_flags_and_times_as_they_are() {
    let served = Served::new().await;
    let marked = Series { annotations_flag: Some("1".to_owned()), ..mr_series() };
    sample::list(&served.db, &marked).await;

    let v1 = served.get(&format!("{V1}/getSeries?format=xml&SeriesInstanceUID={MR}")).await;
    let v4 = served.get(&format!("{V4}/getSeries?format=xml&SeriesInstanceUID={MR}")).await;

    for element in [
        "<SeriesDate type='java.sql.Timestamp'>1990-06-19 00:00:00.0</SeriesDate>",
        "<SeriesNumber type='java.lang.Integer'>5</SeriesNumber>",
        "<AnnotationsFlag type='java.lang.Boolean'>true</AnnotationsFlag>",
        "<FileSize type='java.lang.Long'>15</FileSize>",
        "<LicenseURI type='java.lang.String'>http&#x3a;&#x2f;&#x2f;creativecommons.org&#x2f;licenses&#x2f;by&#x2f;3.0&#x2f;</LicenseURI>",
    ] {
        assert!(v1.text().contains(element), "{element}");
    }
    assert!(v4.text().contains("<SeriesDate type='java.lang.String'>06-19-1990</SeriesDate>"));
    assert!(v4.text().contains("<AnnotationsFlag type='java.lang.String'>1</AnnotationsFlag>"));
}

#[tokio::test]
async fn the_archive_s_server_makes_a_table_with_a_space_for_null() {
    let served = Served::new().await;
    served.lay(&Series { manufacturer: None, ..other_series("1.6") }, "1.6.1", b"x").await;
    let cases = [
        (
            format!("{V4}/getPatient?PatientId=UCSF-BR-45&format=html"),
            concat!(
                "<P ALIGN='center'><TABLE BORDER=1><TR><TH>PatientId</TH><TH>PatientName</TH><TH>PatientSex</TH>",
                "<TH>EthnicGroup</TH><TH>Collection</TH><TH>Phantom</TH><TH>SpeciesCode</TH>",
                "<TH>SpeciesDescription</TH><TH>Authorized</TH></TR>",
                "<TR><TD>UCSF-BR-45</TD><TD>&nbsp;</TD><TD>&nbsp;</TD><TD>&nbsp;</TD><TD>Breast-MRI-NACT-Pilot</TD>",
                "<TD>NO</TD><TD>337915000</TD><TD>Homo sapiens</TD><TD>1</TD></TR></TABLE></P>"
            ),
        ),
        (
            format!("{V4}/getManufacturerValues?Modality=CT&format=HTML"),
            concat!(
                "<P ALIGN='center'><TABLE BORDER=1><TR><TH>Manufacturer</TH></TR><TR><TD>&nbsp;</TD></TR>",
                "<TR><TD>&quot;GE HEALTHCARE&quot;, O&#x27;NEIL&#x2f;&#xe9;</TD></TR></TABLE></P>"
            ),
        ),
    ];

    for (request, expected) in cases {
        let answer = served.get(&request).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, expected), "{request}");
        assert_eq!(answer.label.as_deref(), Some("text/html"), "{request}");
    }
}

#[tokio::test]
async fn bindaas_writes_xml_with_the_types_of_its_database_and_an_element_for_null() {
    let served = Served::new().await;
    let series = Series { series_description: Some(" <b>&'\"  ".to_owned()), ..other_series("1.6") };
    served.lay(&series, "1.6.1", b"x").await;

    let answer = served.get(&format!("{FIRST}/{STUDY}&format=XML")).await;
    let odd = served.get(&format!("{V3}/getSeries?SeriesInstanceUID=1.6&format=xml")).await;
    let nothing = served.get(&format!("{V3}/getSeries?SeriesInstanceUID=1.2&format=xml")).await;

    assert_eq!(answer.label.as_deref(), Some("application/xml"));
    assert_eq!(
        answer.text(),
        concat!(
            "<Results>\n<Row>\n<StudyInstanceUID type='VARCHAR' >1.3.6.1.4.1.14519.2</StudyInstanceUID>\n",
            "<StudyDate type='DATE' ></StudyDate>\n<StudyDescription type='VARCHAR' ></StudyDescription>\n",
            "<AdmittingDiagnosesDescription type='VARCHAR' ></AdmittingDiagnosesDescription>\n",
            "<StudyID type='VARCHAR' ></StudyID>\n<PatientAge type='VARCHAR' ></PatientAge>\n",
            "<PatientID type='VARCHAR' >UCSF-BR-45</PatientID>\n<PatientName type='VARCHAR' ></PatientName>\n",
            "<PatientBirthDate type='DATE' ></PatientBirthDate>\n<PatientSex type='VARCHAR' ></PatientSex>\n",
            "<EthnicGroup type='VARCHAR' ></EthnicGroup>\n",
            "<Collection type='VARCHAR' >Breast-MRI-NACT-Pilot</Collection>\n",
            "<SeriesCount type='BIGINT' >1</SeriesCount>\n</Row>\n</Results>"
        )
    );
    // unlike Bindaas, which sends markup as it is
    let expected = "<SeriesDescription type='VARCHAR' >&lt;b&gt;&amp;'\"</SeriesDescription>\n";
    assert!(odd.text().contains(expected), "{}", odd.text());
    assert_eq!(nothing.text(), "<Results>\n</Results>");
}

#[tokio::test]
async fn bindaas_makes_a_page_and_writes_null_out() {
    let served = Served::new().await;

    let answer = served.get(&format!("{V3}/getPatient?Collection=Breast-MRI-NACT-Pilot&format=html")).await;

    assert_eq!(answer.label.as_deref(), Some("text/html"));
    assert_eq!(
        answer.text(),
        concat!(
            "<HTML><BODY><P ALIGN='center'><TABLE id='data' BORDER=1>\n<thead><TR>\n",
            "<TH>PatientID</TH><TH>PatientName</TH><TH>PatientBirthDate</TH><TH>PatientSex</TH><TH>EthnicGroup</TH>",
            "<TH>Collection</TH></TR>\n</thead><tbody><TR>\n",
            "<TD>UCSF-BR-45</TD><TD>null</TD><TD>null</TD><TD>null</TD><TD>null</TD><TD>Breast-MRI-NACT-Pilot</TD></TR>\n",
            "</tbody></TABLE></P></BODY></HTML>"
        )
    );
}

#[tokio::test]
async fn a_null_at_the_beginning_of_a_line_breaks_the_csv_of_the_archive_s_server() {
    let served = Served::new().await;
    served.lay(&Series { manufacturer: None, ..other_series("1.6") }, "1.6.1", b"x").await;

    let one = served.get(&format!("{V1}/getManufacturerValues?Modality=CT&format=csv")).await;
    let two = served.get(&format!("{V1}/getSeriesSize?SeriesInstanceUID=1.2&format=csv")).await;

    assert_eq!(one.text(), "Manufacturer\n\n\n\"GE Healthcare\", O'Neil/é\n");
    assert_eq!(two.text(), "\"TotalSizeInBytes\",\"ObjectCount\"\n\",\"\",\"\"\n");
}
