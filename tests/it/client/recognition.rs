//! Which dialect an address means, and which addresses mean none.

use tcia_mirror::nbia::{Dialect, Options};

use super::{options_of, try_client};

#[test]
fn an_address_tells_its_dialect_and_may_stop_anywhere_before_the_endpoint() {
    let cases = [
        ("https://nbia.cancerimagingarchive.net/nbia-api/services/v4", "nbia-v4", "/nbia-api/services/v4"),
        ("https://nbia.cancerimagingarchive.net/nbia-api/services/v4/", "nbia-v4", "/nbia-api/services/v4"),
        ("https://nlst.cancerimagingarchive.net/nbia-api/v4", "nbia-v4", "/nbia-api/services/v4"),
        ("https://services.example/nbia-api/services/v1/", "nbia-v1", "/nbia-api/services/v1"),
        ("https://services.example/nbia-api/services/v2", "nbia-v2", "/nbia-api/services/v2"),
        ("https://services.example/lab/nbia-api/v2//", "nbia-v2", "/lab/nbia-api/services/v2"),
        ("https://services.example/services/TCIA", "bindaas-v1", "/services/TCIA/TCIA/query"),
        ("https://services.example/services/TCIA/TCIA/", "bindaas-v1", "/services/TCIA/TCIA/query"),
        ("http://services.example:9099/services/TCIA/TCIA/query", "bindaas-v1", "/services/TCIA/TCIA/query"),
        ("https://services.example/services/v3", "bindaas-v3", "/services/v3/TCIA/query"),
        ("https://services.example/services/v3/TCIA/query/", "bindaas-v3", "/services/v3/TCIA/query"),
        ("https://services.example/services/v2/", "bindaas-v3", "/services/v2/TCIA/query"),
        ("https://services.example/services/v4/TCIA", "bindaas-v3", "/services/v4/TCIA/query"),
        ("https://services.example/services/v3#part", "bindaas-v3", "/services/v3/TCIA/query"),
    ];
    for (address, dialect, path) in cases {
        let client = try_client(&options_of(address)).expect(address);

        assert_eq!(
            (client.dialect().to_string().as_str(), client.base_url().path()),
            (dialect, path),
            "{address}"
        );
        assert_eq!((client.base_url().query(), client.base_url().fragment()), (None, None), "{address}");
    }
}

#[test]
fn an_address_that_means_no_service_is_answered_with_every_path_that_does() {
    for path in [
        "/",
        "/nbia-api/services/v3",
        "/nbia-api/services",
        "/services/v4",
        "/nbia-api/services/v4/getSeries",
    ] {
        let address = format!("https://services.example{path}");

        let refused = try_client(&options_of(&address)).err().unwrap();

        assert_eq!(
            refused.to_string(),
            format!(
                "`{address}` is not the address of a service this program knows; known paths: \
                 /services/TCIA/TCIA/query (bindaas-v1), /services/v3/TCIA/query (bindaas-v3), \
                 /nbia-api/services/v1 (nbia-v1), /nbia-api/services/v2 (nbia-v2), \
                 /nbia-api/services/v4 (nbia-v4)"
            )
        );
    }
}

#[test]
fn an_address_with_a_password_or_a_query_is_refused_without_showing_it() {
    for address in [
        "https://user:hidden@services.example/services/v3",
        "https://hidden@services.example/services/v3",
        "https://services.example/services/v3?api_key=hidden",
        "https://services.example/unknown?api_key=hidden",
        "https://services.example/services/v3?",
    ] {
        for dialect in [None, Some(Dialect::BindaasV3)] {
            let refused = try_client(&Options { dialect, ..options_of(address) }).err().unwrap();

            let said = format!("{refused} {refused:?}");
            assert!(said.starts_with("the address of the service holds a password or a query"), "{said}");
            assert!(!said.contains("hidden"), "{said}");
        }
    }
}

#[test]
fn what_follows_a_number_sign_is_not_shown_either() {
    let refused = try_client(&options_of("https://services.example/unknown#hidden")).err().unwrap();

    assert!(!refused.to_string().contains("hidden"), "{refused}");
}
