//! The sample archive as a table: what the API's first guide says its test server held.
//!
//! **The document's** (*TCIA Programmatic Interface (REST API) Usage Guide v1*, "The test server is loaded with
//! this data"): the 15 collection names, the 16 studies and the 42 series, with every UID, date, description,
//! `StudyID`, age, modality, protocol and body part below, in its spelling (`COR  LOC` has two blanks, `Kidney`
//! stands beside `KIDNEY`); and which series belongs to which study. Its `NULL` is `None`, which is not an empty text.
//! In the one row where it prints three values for four columns (the `LIDC-IDRI` study), the last is taken as
//! empty. The non-breaking space before four of its values is taken as layout.
//!
//! **Invented**: which study belongs to which collection (guessed from the descriptions; the guide does not say),
//! `PatientID`, `PatientSex`, the scanners, the series numbers, how many images a series has and their size.
//! The patients are named in the pattern of each collection, with made-up numbers.
//! Image counts are true to the kind of series and cut short, so that the whole stays near 54 MB.
//!
//! This module is only the table: `generate` makes the images, `catalogue` the rows of the record.

/// One study of the sample, with its series.
#[derive(Debug, Clone, Copy)]
pub(super) struct SampleStudy {
    /// `StudyInstanceUID`, the document's.
    pub(super) study_instance_uid: &'static str,
    /// One of the document's 15; which one is invented.
    pub(super) collection: &'static str,
    /// `PatientID`, invented; two studies share one.
    pub(super) patient_id: &'static str,
    /// `StudyDate` as `YYYY-MM-DD`, the document's.
    pub(super) study_date: &'static str,
    /// `StudyDescription`, the document's.
    pub(super) study_description: Option<&'static str>,
    /// `AdmittingDiagnosesDescription`, the document's, which has `NULL` in every study.
    pub(super) admitting_diagnoses_description: Option<&'static str>,
    /// `StudyID`, the document's.
    pub(super) study_id: Option<&'static str>,
    /// `PatientAge` as DICOM writes it (`029Y`), the document's; it also has `000Y`, `000D` and an empty one.
    pub(super) patient_age: Option<&'static str>,
    /// `PatientSex`, invented: `M`, `F`, or `O` for a phantom.
    pub(super) patient_sex: &'static str,
    /// The study's series, in the document's order.
    pub(super) series: &'static [SampleSeries],
}

/// One series of the sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct SampleSeries {
    /// `SeriesInstanceUID`, the document's.
    pub(super) series_instance_uid: &'static str,
    /// `Modality`, the document's: `CR`, `CT`, `DX`, `MG`, `MR` or `PT`.
    pub(super) modality: &'static str,
    /// `ProtocolName`, the document's.
    pub(super) protocol_name: Option<&'static str>,
    /// `SeriesDate` as `YYYY-MM-DD`, the document's.
    pub(super) series_date: Option<&'static str>,
    /// `SeriesDescription`, the document's.
    pub(super) series_description: Option<&'static str>,
    /// `BodyPartExamined` in the document's spelling, in which `Kidney` is no valid DICOM code string.
    pub(super) body_part_examined: Option<&'static str>,
    /// `Manufacturer`, invented.
    pub(super) manufacturer: &'static str,
    /// `ManufacturerModelName`, invented.
    pub(super) manufacturer_model_name: &'static str,
    /// `SoftwareVersions`, invented.
    pub(super) software_versions: &'static str,
    /// `SeriesNumber`, invented.
    pub(super) series_number: u32,
    /// Images in the series, at least one, invented.
    pub(super) image_count: u32,
    /// `Rows` of each image in pixels, invented.
    pub(super) rows: u16,
    /// `Columns` of each image in pixels, invented.
    pub(super) columns: u16,
}

// The invented scanners, each with the matrix of its images: manufacturer, model, software, rows, columns.
const FCR: SampleSeries = scanner("FUJIFILM Corporation", "FCR 5000", "V8.2", 800, 640);
const SENOGRAPHE: SampleSeries = scanner("GE MEDICAL SYSTEMS", "Senographe DS", "ADS_43.10.1", 800, 640);
const INTERA: SampleSeries = scanner("Philips Medical Systems", "Intera", "12.1.5", 256, 256);
const EXCELART: SampleSeries = scanner("TOSHIBA_MEC", "EXCELART", "V4.50", 192, 256);
const SYMPHONY: SampleSeries = scanner("SIEMENS", "Symphony", "syngo MR 2002B", 256, 256);
const LIGHTSPEED: SampleSeries = scanner("GE MEDICAL SYSTEMS", "LightSpeed Ultra", "07MW18.4", 512, 512);
const REVOLUTION: SampleSeries = scanner("GE MEDICAL SYSTEMS", "Revolution XQi", "ADS_28.2", 880, 744);
const SIGNA: SampleSeries = scanner("GE MEDICAL SYSTEMS", "GENESIS_SIGNA", "9.1", 256, 256);
const DISCOVERY_CT: SampleSeries = scanner("GE MEDICAL SYSTEMS", "Discovery ST", "07MW11.10", 512, 512);
const DISCOVERY_PT: SampleSeries = scanner("GE MEDICAL SYSTEMS", "Discovery ST", "dm03_30.27", 128, 128);
const SENSATION: SampleSeries = scanner("SIEMENS", "Sensation 16", "VB10B", 512, 512);
const BIOGRAPH: SampleSeries = scanner("SIEMENS", "Biograph 16", "VB20B", 512, 512);
const AVANTO: SampleSeries = scanner("SIEMENS", "Avanto", "syngo MR B15", 128, 128);
const AVANTO_ABDOMEN: SampleSeries = scanner("SIEMENS", "Avanto", "syngo MR B13", 192, 256);

/// A series with nothing but its scanner: the row of the table fills in the rest.
const fn scanner(
    manufacturer: &'static str,
    manufacturer_model_name: &'static str,
    software_versions: &'static str,
    rows: u16,
    columns: u16,
) -> SampleSeries {
    SampleSeries {
        series_instance_uid: "",
        modality: "",
        protocol_name: None,
        series_date: None,
        series_description: None,
        body_part_examined: None,
        manufacturer,
        manufacturer_model_name,
        software_versions,
        series_number: 0,
        image_count: 0,
        rows,
        columns,
    }
}

/// The studies of the test server, in the document's order.
pub(super) const STUDIES: [SampleStudy; 16] = [
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.3344.4004.448358130266483790390581018240",
        collection: "TCGA-KIRC",
        patient_id: "TCGA-ZZ-A001",
        study_date: "1995-02-26",
        study_description: Some("CT Urogram with 3D"),
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: None,
        patient_sex: "M",
        series: &[
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.3344.4004.135628675449902768248230773668",
                modality: "CR",
                protocol_name: None,
                series_date: Some("1995-02-26"),
                series_description: Some("projection urogram"),
                body_part_examined: Some("Kidney"),
                series_number: 1,
                image_count: 1,
                ..FCR
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.3344.4004.245916539070518626342817523833",
                modality: "CR",
                protocol_name: None,
                series_date: Some("1995-02-26"),
                series_description: Some("projection urogram"),
                body_part_examined: Some("Kidney"),
                series_number: 2,
                image_count: 1,
                ..FCR
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.3344.4004.695362687239295078523379159102",
                modality: "CR",
                protocol_name: None,
                series_date: Some("1995-02-26"),
                series_description: Some("projection urogram"),
                body_part_examined: Some("Kidney"),
                series_number: 3,
                image_count: 1,
                ..FCR
            },
        ],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4792.2001.627577518886153755226383782162",
        collection: "BREAST-DIAGNOSIS",
        patient_id: "BreastDx-01-9001",
        study_date: "2008-10-18",
        study_description: Some("Digital Right Mammogram Diagnostic"),
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: Some("029Y"),
        patient_sex: "F",
        series: &[
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4792.2001.116629832395416985379282582747",
                modality: "MG",
                protocol_name: Some("R CC"),
                series_date: Some("2008-10-18"),
                series_description: Some("R CC"),
                body_part_examined: Some("BREAST"),
                series_number: 1,
                image_count: 1,
                ..SENOGRAPHE
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4792.2001.315277146479798799263416043844",
                modality: "MG",
                protocol_name: Some("R ML"),
                series_date: Some("2008-10-18"),
                series_description: Some("R ML"),
                body_part_examined: Some("BREAST"),
                series_number: 2,
                image_count: 1,
                ..SENOGRAPHE
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4792.2001.325671494514971413459666872353",
                modality: "MG",
                protocol_name: Some("R LM"),
                series_date: Some("2008-10-18"),
                series_description: Some("R LM"),
                body_part_examined: Some("BREAST"),
                series_number: 3,
                image_count: 1,
                ..SENOGRAPHE
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4792.2001.455119634607209467900040265161",
                modality: "MG",
                protocol_name: Some("R CC"),
                series_date: Some("2008-10-18"),
                series_description: Some("R CC"),
                body_part_examined: Some("BREAST"),
                series_number: 4,
                image_count: 1,
                ..SENOGRAPHE
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4792.2001.965121749895519080181571460714",
                modality: "MG",
                protocol_name: Some("R MLO"),
                series_date: Some("2008-10-18"),
                series_description: Some("R MLO"),
                body_part_examined: Some("BREAST"),
                series_number: 5,
                image_count: 1,
                ..SENOGRAPHE
            },
        ],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.9203.4004.261688224366503947085525116820",
        collection: "TCGA-KIRP",
        patient_id: "TCGA-ZZ-A002",
        study_date: "1991-12-07",
        study_description: Some("FORFILE CD MR ABDOMEN"),
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: Some("072Y"),
        patient_sex: "M",
        series: &[
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.9203.4004.137177099658421704145863895493",
                modality: "MR",
                protocol_name: Some("T2_FASE AX-KID"),
                series_date: Some("1991-12-07"),
                series_description: Some("T2 FASE AX-KID"),
                body_part_examined: Some("KIDNEY"),
                series_number: 4,
                image_count: 6,
                ..EXCELART
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.9203.4004.143287988644147518880117782980",
                modality: "MR",
                protocol_name: Some("T2_FASE COR-KID"),
                series_date: Some("1991-12-07"),
                series_description: Some("T2 FASE COR-KID"),
                body_part_examined: Some("KIDNEY"),
                series_number: 3,
                image_count: 5,
                ..EXCELART
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.9203.4004.197057952797597751215816105842",
                modality: "MR",
                protocol_name: Some("AX T2 FSAT-KID"),
                series_date: Some("1991-12-07"),
                series_description: Some("AX T2 FSAT-KID"),
                body_part_examined: Some("KIDNEY"),
                series_number: 6,
                image_count: 6,
                ..EXCELART
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.9203.4004.197900822168366244860588196227",
                modality: "MR",
                protocol_name: Some("COR T2 FSAT-KID"),
                series_date: Some("1991-12-07"),
                series_description: Some("COR T2 FSAT-KID"),
                body_part_examined: Some("KIDNEY"),
                series_number: 5,
                image_count: 5,
                ..EXCELART
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.9203.4004.307101751442496057217506331577",
                modality: "MR",
                protocol_name: Some("COR  LOC"),
                series_date: Some("1991-12-07"),
                series_description: Some("COR LOC"),
                body_part_examined: Some("KIDNEY"),
                series_number: 2,
                image_count: 3,
                ..EXCELART
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.9203.4004.310929325760238460396080803881",
                modality: "MR",
                protocol_name: Some("AX FE IN/OUT PH-KID"),
                series_date: Some("1991-12-07"),
                series_description: Some("AX FE IN/OUT PH-KID"),
                body_part_examined: Some("KIDNEY"),
                series_number: 8,
                image_count: 8,
                ..EXCELART
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.9203.4004.337541698760018003161721441910",
                modality: "MR",
                protocol_name: Some("2 PLANE LOC"),
                series_date: Some("1991-12-07"),
                series_description: Some("2 PLANE LOC"),
                body_part_examined: Some("KIDNEY"),
                series_number: 1,
                image_count: 3,
                ..EXCELART
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.9203.4004.867432292739732487344202298452",
                modality: "MR",
                protocol_name: Some("AX T2 FSE-ABDOMEN"),
                series_date: Some("1991-12-07"),
                series_description: Some("AX T2 FSE-ABDOMEN"),
                body_part_examined: Some("KIDNEY"),
                series_number: 7,
                image_count: 6,
                ..EXCELART
            },
        ],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.5826.4003.897160909780395368971006445736",
        collection: "TCGA-LGG",
        patient_id: "TCGA-ZZ-A003",
        study_date: "2002-12-19",
        study_description: Some("NR MRI BRAIN W/WO"),
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: Some("042Y"),
        patient_sex: "F",
        series: &[
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.5826.4003.234440324836586139233458033827",
                modality: "MR",
                protocol_name: Some("localizer"),
                series_date: Some("2002-12-19"),
                series_description: Some("localizer"),
                body_part_examined: Some("BRAIN"),
                series_number: 1,
                image_count: 3,
                ..SYMPHONY
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.5826.4003.280875379440519752922611246013",
                modality: "MR",
                protocol_name: Some("T2 AX"),
                series_date: Some("2002-12-19"),
                series_description: Some("T2 AX"),
                body_part_examined: Some("BRAIN"),
                series_number: 4,
                image_count: 18,
                ..SYMPHONY
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.5826.4003.282485091576025278124985568977",
                modality: "MR",
                protocol_name: Some("T2 COR"),
                series_date: Some("2002-12-19"),
                series_description: Some("T2 COR"),
                body_part_examined: Some("BRAIN"),
                series_number: 5,
                image_count: 8,
                ..SYMPHONY
            },
        ],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.9328.50.4.10415",
        collection: "CT COLONOGRAPHY",
        patient_id: "1.3.6.1.4.1.9328.50.4.9001",
        study_date: "2000-01-01",
        study_description: Some("CT SCREENING VIRT COLONOSCOPY"),
        admitting_diagnoses_description: None,
        study_id: Some("1"),
        patient_age: Some("056Y"),
        patient_sex: "M",
        series: &[SampleSeries {
            series_instance_uid: "1.3.6.1.4.1.9328.50.4.10416",
            modality: "CT",
            protocol_name: Some("VIRTUAL COLON/Abdomen/Hx"),
            series_date: None,
            series_description: Some("SUPINE"),
            body_part_examined: Some("COLON"),
            series_number: 2,
            image_count: 16,
            ..LIGHTSPEED
        }],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.6279.6001.627275201192675326215742498371",
        collection: "LIDC-IDRI",
        patient_id: "LIDC-IDRI-9001",
        study_date: "2000-01-01",
        study_description: None,
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: Some(""),
        patient_sex: "F",
        series: &[SampleSeries {
            series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.6279.6001.252988052061080251748760161842",
            modality: "DX",
            protocol_name: None,
            series_date: Some("2000-01-01"),
            series_description: None,
            body_part_examined: Some("CHEST"),
            series_number: 3_000_923,
            image_count: 1,
            ..REVOLUTION
        }],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.7695.4001.218361089000532962354851713589",
        collection: "TCGA-GBM",
        patient_id: "TCGA-ZZ-A004",
        study_date: "2001-06-06",
        study_description: Some("MSTEALTH"),
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: Some("030Y"),
        patient_sex: "M",
        series: &[SampleSeries {
            series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.7695.4001.172073903217368334328101456736",
            modality: "MR",
            protocol_name: None,
            series_date: Some("2001-06-06"),
            series_description: Some("Summary Series"),
            body_part_examined: Some("BRAIN"),
            series_number: 900,
            image_count: 1,
            ..SIGNA
        }],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.9328.50.17.171169503015012484365775373347971703543",
        collection: "RIDER Lung PET-CT",
        patient_id: "RIDER-9000000001",
        study_date: "2006-05-07",
        study_description: None,
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: Some("000Y"),
        patient_sex: "M",
        series: &[
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.9328.50.17.109790496340142304700741635171089234345",
                modality: "CT",
                protocol_name: None,
                series_date: Some("2006-05-07"),
                series_description: Some("CT 2.5mm cb02"),
                body_part_examined: Some("CHEST"),
                series_number: 2,
                image_count: 2,
                ..DISCOVERY_CT
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.9328.50.17.209366194844802036292714836428653144268",
                modality: "PT",
                protocol_name: None,
                series_date: Some("2006-05-07"),
                series_description: Some("3D FBP H10 5min cb02"),
                body_part_examined: Some("CHEST"),
                series_number: 3,
                image_count: 47,
                ..DISCOVERY_PT
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.9328.50.17.23371440247832824408105272699654489729",
                modality: "PT",
                protocol_name: None,
                series_date: Some("2006-05-07"),
                series_description: Some("5min 3D OSEM 8it28sub 7MM CB02"),
                body_part_examined: Some("CHEST"),
                series_number: 4,
                image_count: 47,
                ..DISCOVERY_PT
            },
        ],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.7777.4007.207099377675611913572950287222",
        collection: "TCGA-OV",
        patient_id: "TCGA-ZZ-A005",
        study_date: "1992-09-01",
        study_description: Some("CT Chest with"),
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: Some("060Y"),
        patient_sex: "F",
        series: &[
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.7777.4007.248574192248637448743886883231",
                modality: "CT",
                protocol_name: Some("02_CAP_ONERUN"),
                series_date: Some("1992-09-01"),
                series_description: Some("CAP  5.0  B60f"),
                body_part_examined: Some("OVARY"),
                series_number: 3,
                image_count: 2,
                ..SENSATION
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.7777.4007.287978541705211357222193962912",
                modality: "CT",
                protocol_name: Some("02_CAP_ONERUN"),
                series_date: Some("1992-09-01"),
                series_description: Some("CAP  5.0  B20f"),
                body_part_examined: Some("OVARY"),
                series_number: 2,
                image_count: 2,
                ..SENSATION
            },
        ],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.5099.8010.199920086920823171706454903251",
        collection: "Head-Neck Cetuximab",
        patient_id: "0522c9001",
        study_date: "1999-08-23",
        study_description: Some("Neck^HeadNeckPETCT"),
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: Some("000D"),
        patient_sex: "M",
        series: &[SampleSeries {
            series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.5099.8010.427264300850965737262860055580",
            modality: "CT",
            protocol_name: Some("HeadNeckPETCT"),
            series_date: Some("1999-08-23"),
            series_description: Some("CT 5.0 H30s"),
            body_part_examined: Some("HEADNECK"),
            series_number: 2,
            image_count: 2,
            ..BIOGRAPH
        }],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4334.1501.111558925637778258818195924798",
        collection: "NSCLC Radiogenomics",
        patient_id: "R01-901",
        study_date: "1991-07-17",
        study_description: Some("CT CHEST W CONTRAST"),
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: Some("062Y"),
        patient_sex: "F",
        series: &[
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4334.1501.110141171927780819729628223769",
                modality: "CT",
                protocol_name: Some("5.1 ROUTINE CHEST W/CON"),
                series_date: Some("1991-07-17"),
                series_description: Some("2.5MM AXIAL CHEST STD ALG."),
                body_part_examined: Some("LUNG"),
                series_number: 2,
                image_count: 20,
                ..LIGHTSPEED
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4334.1501.146380574988448017464290196017",
                modality: "CT",
                protocol_name: Some("5.1 ROUTINE CHEST W/CON"),
                series_date: Some("1991-07-17"),
                series_description: Some("SCOUT CHEST"),
                body_part_examined: Some("LUNG"),
                series_number: 1,
                image_count: 1,
                ..LIGHTSPEED
            },
        ],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.9203.4002.259172237572097188128951116391",
        collection: "TCGA-BRCA",
        patient_id: "TCGA-ZZ-A006",
        study_date: "2002-08-10",
        study_description: None,
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: Some("041Y"),
        patient_sex: "F",
        series: &[SampleSeries {
            series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.9203.4002.224379354792331717697796654541",
            modality: "MR",
            protocol_name: Some("BILATERAL BREAST/1"),
            series_date: Some("2002-08-10"),
            series_description: Some("Localization"),
            body_part_examined: Some("BREAST"),
            series_number: 1,
            image_count: 3,
            ..SIGNA
        }],
    },
    SampleStudy {
        study_instance_uid: "1.3.12.2.1107.5.2.31.30165.30000008083115454467100000007",
        collection: "RIDER PHANTOM MRI",
        patient_id: "ZZ RIDER MR9 1",
        study_date: "2008-08-31",
        study_description: Some("Physics^EFJ NCI"),
        admitting_diagnoses_description: None,
        study_id: Some("1"),
        patient_age: Some("018Y"),
        patient_sex: "O",
        series: &[
            SampleSeries {
                series_instance_uid: "1.3.12.2.1107.5.2.31.30165.2008083111550627984708535.0.0.0",
                modality: "MR",
                protocol_name: Some("T1 Flip = 2"),
                series_date: Some("2008-08-31"),
                series_description: Some("T1 Flip = 2"),
                body_part_examined: Some("PHANTOM"),
                series_number: 2,
                image_count: 10,
                ..AVANTO
            },
            SampleSeries {
                series_instance_uid: "1.3.12.2.1107.5.2.31.30165.200808311155464169208602.0.0.0",
                modality: "MR",
                protocol_name: Some("T1 Flip = 5"),
                series_date: Some("2008-08-31"),
                series_description: Some("T1 Flip = 5"),
                body_part_examined: Some("PHANTOM"),
                series_number: 3,
                image_count: 10,
                ..AVANTO
            },
            SampleSeries {
                series_instance_uid: "1.3.12.2.1107.5.2.31.30165.2008083111562588769508673.0.0.0",
                modality: "MR",
                protocol_name: Some("T1 Flip = 10"),
                series_date: Some("2008-08-31"),
                series_description: Some("T1 Flip = 10"),
                body_part_examined: Some("PHANTOM"),
                series_number: 4,
                image_count: 10,
                ..AVANTO
            },
            SampleSeries {
                series_instance_uid: "1.3.12.2.1107.5.2.31.30165.2008083111570538055908740.0.0.0",
                modality: "MR",
                protocol_name: Some("T1 Flip = 15"),
                series_date: Some("2008-08-31"),
                series_description: Some("T1 Flip = 15"),
                body_part_examined: Some("PHANTOM"),
                series_number: 5,
                image_count: 10,
                ..AVANTO
            },
            SampleSeries {
                series_instance_uid: "1.3.12.2.1107.5.2.31.30165.2008083111574514678808807.0.0.0",
                modality: "MR",
                protocol_name: Some("T1 Flip = 20"),
                series_date: Some("2008-08-31"),
                series_description: Some("T1 Flip = 20"),
                body_part_examined: Some("PHANTOM"),
                series_number: 6,
                image_count: 10,
                ..AVANTO
            },
            SampleSeries {
                series_instance_uid: "1.3.12.2.1107.5.2.31.30165.2008083111582438586708870.0.0.0",
                modality: "MR",
                protocol_name: Some("T1 Flip = 25"),
                series_date: Some("2008-08-31"),
                series_description: Some("T1 Flip = 25"),
                body_part_examined: Some("PHANTOM"),
                series_number: 7,
                image_count: 10,
                ..AVANTO
            },
            SampleSeries {
                series_instance_uid: "1.3.12.2.1107.5.2.31.30165.2008083111590425145308940.0.0.0",
                modality: "MR",
                protocol_name: Some("T1 Flip = 30"),
                series_date: Some("2008-08-31"),
                series_description: Some("T1 Flip = 30"),
                body_part_examined: Some("PHANTOM"),
                series_number: 8,
                image_count: 10,
                ..AVANTO
            },
        ],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.8421.4010.194703946276983777721182839151",
        collection: "TCGA-PRAD",
        patient_id: "TCGA-ZZ-A007",
        study_date: "2001-12-12",
        study_description: Some("MRI ABD W+WO CONT"),
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: Some("052Y"),
        patient_sex: "M",
        series: &[SampleSeries {
            series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.8421.4010.291491240485724911561689071181",
            modality: "MR",
            protocol_name: Some("t1_vibe_tra_p2_bh_dixon"),
            series_date: Some("2001-12-12"),
            series_description: Some("t1_vibe_tra_p2_bh_dixon_in_FIL"),
            body_part_examined: None,
            series_number: 12,
            image_count: 16,
            ..AVANTO_ABDOMEN
        }],
    },
    SampleStudy {
        study_instance_uid: "1.2.840.113619.2.55.3.1602280607.497.1169961245.459",
        collection: "RIDER PHANTOM PET-CT",
        patient_id: "RIDER PHANTOM PET 9001",
        study_date: "2007-01-27",
        study_description: None,
        admitting_diagnoses_description: None,
        study_id: Some("2324"),
        patient_age: Some("000Y"),
        patient_sex: "O",
        series: &[SampleSeries {
            series_instance_uid: "1.2.840.113619.2.131.1602280607.1169973530.4676",
            modality: "PT",
            protocol_name: Some("SNMphantom3D"),
            series_date: Some("2007-01-27"),
            series_description: Some("3D FBP H10 5MIN CB04"),
            body_part_examined: Some("PHANTOM"),
            series_number: 5,
            image_count: 47,
            ..DISCOVERY_PT
        }],
    },
    SampleStudy {
        study_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4792.2001.206552396038536458812411815856",
        collection: "BREAST-DIAGNOSIS",
        patient_id: "BreastDx-01-9001",
        study_date: "2008-09-09",
        study_description: Some("MRI Right Breast with and without Contrast"),
        admitting_diagnoses_description: None,
        study_id: None,
        patient_age: None,
        patient_sex: "F",
        series: &[
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4792.2001.261292236871631755539819127331",
                modality: "MR",
                protocol_name: Some("T2W_TSE SENSE"),
                series_date: Some("2008-09-09"),
                series_description: Some("T2W_TSE SENSE"),
                body_part_examined: Some("BREAST"),
                series_number: 301,
                image_count: 15,
                ..INTERA
            },
            SampleSeries {
                series_instance_uid: "1.3.6.1.4.1.14519.5.2.1.4792.2001.619796475178405006273504314352",
                modality: "MR",
                protocol_name: Some("STIR SENSE"),
                series_date: Some("2008-09-09"),
                series_description: Some("STIR SENSE"),
                body_part_examined: Some("BREAST"),
                series_number: 401,
                image_count: 8,
                ..INTERA
            },
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;

    use super::STUDIES;

    /// The collections of the test server, in the document's order.
    const COLLECTIONS: [&str; 15] = [
        "TCGA-KIRC",
        "BREAST-DIAGNOSIS",
        "TCGA-LGG",
        "CT COLONOGRAPHY",
        "LIDC-IDRI",
        "TCGA-GBM",
        "RIDER Lung PET-CT",
        "TCGA-OV",
        "Head-Neck Cetuximab",
        "TCGA-PRAD",
        "NSCLC Radiogenomics",
        "TCGA-BRCA",
        "RIDER PHANTOM MRI",
        "TCGA-KIRP",
        "RIDER PHANTOM PET-CT",
    ];

    /// The UIDs of the document, drawn from its text by a script that knows nothing of the table above.
    const DOCUMENT_UIDS: &str = "\
study 1.3.6.1.4.1.14519.5.2.1.3344.4004.448358130266483790390581018240
series 1.3.6.1.4.1.14519.5.2.1.3344.4004.135628675449902768248230773668
series 1.3.6.1.4.1.14519.5.2.1.3344.4004.245916539070518626342817523833
series 1.3.6.1.4.1.14519.5.2.1.3344.4004.695362687239295078523379159102
study 1.3.6.1.4.1.14519.5.2.1.4792.2001.627577518886153755226383782162
series 1.3.6.1.4.1.14519.5.2.1.4792.2001.116629832395416985379282582747
series 1.3.6.1.4.1.14519.5.2.1.4792.2001.315277146479798799263416043844
series 1.3.6.1.4.1.14519.5.2.1.4792.2001.325671494514971413459666872353
series 1.3.6.1.4.1.14519.5.2.1.4792.2001.455119634607209467900040265161
series 1.3.6.1.4.1.14519.5.2.1.4792.2001.965121749895519080181571460714
study 1.3.6.1.4.1.14519.5.2.1.9203.4004.261688224366503947085525116820
series 1.3.6.1.4.1.14519.5.2.1.9203.4004.137177099658421704145863895493
series 1.3.6.1.4.1.14519.5.2.1.9203.4004.143287988644147518880117782980
series 1.3.6.1.4.1.14519.5.2.1.9203.4004.197057952797597751215816105842
series 1.3.6.1.4.1.14519.5.2.1.9203.4004.197900822168366244860588196227
series 1.3.6.1.4.1.14519.5.2.1.9203.4004.307101751442496057217506331577
series 1.3.6.1.4.1.14519.5.2.1.9203.4004.310929325760238460396080803881
series 1.3.6.1.4.1.14519.5.2.1.9203.4004.337541698760018003161721441910
series 1.3.6.1.4.1.14519.5.2.1.9203.4004.867432292739732487344202298452
study 1.3.6.1.4.1.14519.5.2.1.5826.4003.897160909780395368971006445736
series 1.3.6.1.4.1.14519.5.2.1.5826.4003.234440324836586139233458033827
series 1.3.6.1.4.1.14519.5.2.1.5826.4003.280875379440519752922611246013
series 1.3.6.1.4.1.14519.5.2.1.5826.4003.282485091576025278124985568977
study 1.3.6.1.4.1.9328.50.4.10415
series 1.3.6.1.4.1.9328.50.4.10416
study 1.3.6.1.4.1.14519.5.2.1.6279.6001.627275201192675326215742498371
series 1.3.6.1.4.1.14519.5.2.1.6279.6001.252988052061080251748760161842
study 1.3.6.1.4.1.14519.5.2.1.7695.4001.218361089000532962354851713589
series 1.3.6.1.4.1.14519.5.2.1.7695.4001.172073903217368334328101456736
study 1.3.6.1.4.1.9328.50.17.171169503015012484365775373347971703543
series 1.3.6.1.4.1.9328.50.17.109790496340142304700741635171089234345
series 1.3.6.1.4.1.9328.50.17.209366194844802036292714836428653144268
series 1.3.6.1.4.1.9328.50.17.23371440247832824408105272699654489729
study 1.3.6.1.4.1.14519.5.2.1.7777.4007.207099377675611913572950287222
series 1.3.6.1.4.1.14519.5.2.1.7777.4007.248574192248637448743886883231
series 1.3.6.1.4.1.14519.5.2.1.7777.4007.287978541705211357222193962912
study 1.3.6.1.4.1.14519.5.2.1.5099.8010.199920086920823171706454903251
series 1.3.6.1.4.1.14519.5.2.1.5099.8010.427264300850965737262860055580
study 1.3.6.1.4.1.14519.5.2.1.4334.1501.111558925637778258818195924798
series 1.3.6.1.4.1.14519.5.2.1.4334.1501.110141171927780819729628223769
series 1.3.6.1.4.1.14519.5.2.1.4334.1501.146380574988448017464290196017
study 1.3.6.1.4.1.14519.5.2.1.9203.4002.259172237572097188128951116391
series 1.3.6.1.4.1.14519.5.2.1.9203.4002.224379354792331717697796654541
study 1.3.12.2.1107.5.2.31.30165.30000008083115454467100000007
series 1.3.12.2.1107.5.2.31.30165.2008083111550627984708535.0.0.0
series 1.3.12.2.1107.5.2.31.30165.200808311155464169208602.0.0.0
series 1.3.12.2.1107.5.2.31.30165.2008083111562588769508673.0.0.0
series 1.3.12.2.1107.5.2.31.30165.2008083111570538055908740.0.0.0
series 1.3.12.2.1107.5.2.31.30165.2008083111574514678808807.0.0.0
series 1.3.12.2.1107.5.2.31.30165.2008083111582438586708870.0.0.0
series 1.3.12.2.1107.5.2.31.30165.2008083111590425145308940.0.0.0
study 1.3.6.1.4.1.14519.5.2.1.8421.4010.194703946276983777721182839151
series 1.3.6.1.4.1.14519.5.2.1.8421.4010.291491240485724911561689071181
study 1.2.840.113619.2.55.3.1602280607.497.1169961245.459
series 1.2.840.113619.2.131.1602280607.1169973530.4676
study 1.3.6.1.4.1.14519.5.2.1.4792.2001.206552396038536458812411815856
series 1.3.6.1.4.1.14519.5.2.1.4792.2001.261292236871631755539819127331
series 1.3.6.1.4.1.14519.5.2.1.4792.2001.619796475178405006273504314352
";

    fn uids() -> Vec<&'static str> {
        let of_series =
            STUDIES.iter().flat_map(|study| study.series).map(|series| series.series_instance_uid);
        STUDIES.iter().map(|study| study.study_instance_uid).chain(of_series).collect()
    }

    #[test]
    fn the_sample_has_the_documents_collections_studies_and_series() {
        let distinct_uids: BTreeSet<_> = uids().into_iter().collect();

        assert_eq!(COLLECTIONS.len(), 15);
        assert_eq!(STUDIES.len(), 16);
        assert_eq!(STUDIES.iter().map(|study| study.series.len()).sum::<usize>(), 42);
        assert_eq!(distinct_uids.len(), 16 + 42);
    }

    #[test]
    fn every_uid_and_its_study_stand_in_the_document() {
        let mut table = String::new();

        for study in &STUDIES {
            writeln!(table, "study {}", study.study_instance_uid).unwrap();
            for series in study.series {
                writeln!(table, "series {}", series.series_instance_uid).unwrap();
            }
        }

        assert_eq!(table, DOCUMENT_UIDS);
    }

    #[test]
    fn every_uid_is_valid() {
        for uid in uids() {
            assert!(uid.len() <= 64, "{uid}");
            for component in uid.split('.') {
                assert!(
                    !component.is_empty() && component.bytes().all(|byte| byte.is_ascii_digit()),
                    "{uid}"
                );
                assert!(component == "0" || !component.starts_with('0'), "{uid}");
            }
        }
    }

    #[test]
    fn one_collection_has_two_studies_and_every_other_has_one() {
        let mut counts: Vec<_> = COLLECTIONS
            .iter()
            .map(|&collection| STUDIES.iter().filter(|study| study.collection == collection).count())
            .collect();
        counts.sort_unstable();

        assert_eq!(counts, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
    }

    #[test]
    fn a_patient_belongs_to_one_collection() {
        let patients: BTreeSet<_> = STUDIES.iter().map(|study| study.patient_id).collect();
        let pairs: BTreeSet<_> = STUDIES.iter().map(|study| (study.collection, study.patient_id)).collect();

        assert_eq!(patients.len(), pairs.len());
    }
}
