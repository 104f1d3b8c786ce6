//! One MD5 over many files; what is expected was computed with another program (`hashlib` of Python).

use reqwest::StatusCode;

use super::*;

/// Two patients of one collection: the first has a study of two series and one of one.
async fn hospital() -> Served {
    let served = Served::new().await;
    served.lay(&other_series("1.7"), "1.7.1", b"x").await;
    let study_instance_uid = crate::dicom::StudyInstanceUid::parse("1.6").unwrap();
    served.lay(&Series { study_instance_uid, ..other_series("1.6.1") }, "1.6.1.1", b"y").await;
    let patient_id = crate::dicom::PatientId::new("P-2");
    let study_instance_uid = crate::dicom::StudyInstanceUid::parse("1.5").unwrap();
    let series = Series { patient_id, study_instance_uid, ..other_series("1.5.1") };
    served.lay(&series, "1.5.1.1", b"z").await;
    served
}

#[tokio::test]
async fn a_level_is_the_md5_of_the_sorted_md5s_below_it() {
    let served = hospital().await;
    let cases = [
        ("SeriesInstanceUID=1.3.6.1.4.1.14519.1", "178ac3f4e5a6855f708a3df1665ae70e"),
        ("StudyInstanceUID=1.3.6.1.4.1.14519.2", "efe0017448e109aad4cd232e98a12eca"),
        ("SeriesInstanceUID=1.7", "64eb18f6a8f793689ad1eb1136f43ccf"),
        ("StudyInstanceUID=1.3.6.1.4.1.9328.50.4.1", "d1dbfb22106963223731f26343629418"),
        (
            "PatientID=1.3.6.1.4.1.9328.50.4.0001&Collection=CT+COLONOGRAPHY",
            "f5e0c80b74d21602f6c6bf83f65e2840",
        ),
        ("PatientID=P-2&Collection=CT+COLONOGRAPHY", "3406cf40003f1d45182a7d04fafd621b"),
        ("PatientID=P-2", "3406cf40003f1d45182a7d04fafd621b"),
        ("Collection=CT+COLONOGRAPHY", "e96c5fa4d9e211a25d9a57354de840bf"),
        // of several levels the last one that the server looks at
        ("Collection=CT+COLONOGRAPHY&SeriesInstanceUID=1.7", "e96c5fa4d9e211a25d9a57354de840bf"),
        (
            "StudyInstanceUID=1.3.6.1.4.1.14519.2&SeriesInstanceUID=1.7&PatientID=",
            "efe0017448e109aad4cd232e98a12eca",
        ),
        ("Collection=Breast-MRI-NACT-Pilot", "2516bdcc43d62d45a08de1964d8d1a69"),
        ("SeriesInstanceUID=1.2", ""),
        ("StudyInstanceUID=1.2", ""),
        ("PatientID=UCSF-BR-45&Collection=CT+COLONOGRAPHY", ""),
        ("Collection=x", ""),
        ("", ""),
    ];

    for (form, expected) in cases {
        for base in [V4, "/nbia-api/services"] {
            let answer = served.post(&format!("{base}/getMD5Hierarchy"), form).await;
            assert_eq!((answer.status, answer.text()), (StatusCode::OK, expected), "{form}");
            assert_eq!(answer.label.as_deref(), Some("text/plain"), "{form}");
        }
    }
}

#[tokio::test]
async fn only_version_4_refuses_what_it_does_not_know_in_a_form() {
    let served = Served::new().await;

    let v4 = served.post(&format!("{V4}/getMD5Hierarchy"), "format=json").await;
    let v2 = served.post("/nbia-api/services/getMD5Hierarchy", "format=json").await;

    let sentence = "Invalid form parameter: 'format'. Allowed parameters are: [SeriesInstanceUID, StudyInstanceUID, PatientID, Collection]";
    assert_eq!((v4.status, v4.text()), (StatusCode::BAD_REQUEST, sentence));
    assert_eq!((v2.status, v2.text()), (StatusCode::OK, ""));
}
