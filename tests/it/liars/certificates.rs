//! TLS that does not verify: nothing is asked, nothing is sent, and `ca_file` is how a lab's own authority is trusted.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::server::{Liar, RUNTIME};
use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, path_of};
use crate::support::program::{Lab, tree};

/// An authority that nobody knows but who is told.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a name, good until a year.
    fn certify(&self, name: &str, until: i32) -> (Certificate, KeyPair) {
        let (mut params, key) =
            (CertificateParams::new([name.to_owned()]).unwrap(), KeyPair::generate().unwrap());
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(until, 1, 1));
        (params.signed_by(&key, &self.0).unwrap(), key)
    }
}

/// A server of TLS before another one.
struct Tls {
    address: SocketAddr,
    _listening: JoinSet<()>,
}

impl Tls {
    fn before(plain: SocketAddr, (certificate, key): (Certificate, KeyPair)) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let mut listening = JoinSet::new();
        listening.spawn_on(listen(listener, acceptor, plain), RUNTIME.handle());
        Self { address, _listening: listening }
    }

    /// Its address in the newest dialect, by a name.
    fn base_url(&self, name: &str) -> String {
        format!("https://{name}:{}{}", self.address.port(), path_of("nbia-v4"))
    }
}

async fn listen(listener: std::net::TcpListener, acceptor: TlsAcceptor, plain: SocketAddr) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            // a client that does not trust us hangs up
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut onward = TcpStream::connect(plain).await.unwrap();
            drop(copy_bidirectional(&mut stream, &mut onward).await);
        });
    }
}

#[test]
fn a_certificate_that_does_not_verify_ends_the_run_before_anything_is_asked() {
    let (catalogue, source) = (Catalogue::small(1, 2, 600), tempfile::tempdir().unwrap());
    catalogue.build(source.path());
    let honest = FakeTcia::start(source.path());
    let (known, unknown) = (Authority::new("a lab"), Authority::new("anybody"));
    let cases = [
        ("of an authority that nobody knows", &unknown, "localhost", 2100, Some("UnknownIssuer")),
        ("of another name", &known, "archive.example.org", 2100, Some("not valid for name")),
        ("that has expired", &known, "localhost", 2002, Some("expired")),
        ("of an authority that the configuration names", &known, "localhost", 2100, None),
    ];
    for (what, authority, name, until, refusal) in cases {
        let liar = Liar::before(honest.address());
        let tls = Tls::before(liar.address(), authority.certify(name, until));
        let lab = Lab::new(&tls.base_url("localhost"));
        let ca_file = lab.beside("authority.pem");
        #[expect(clippy::disallowed_methods, reason = "a test writes its own configuration")]
        std::fs::write(&ca_file, known.0.pem()).unwrap();
        lab.configure(&format!("[service]\nca_file = {ca_file:?}"));

        let ended = lab.run(&["mirror", "--collection", COLLECTION]);

        let context = format!("a certificate {what}: {}", ended.stderr);
        match refusal {
            None => {
                assert_eq!(ended.code, Some(0), "{context}");
                assert!(tree(&lab.root()) == catalogue.expected_tree(true), "{context}");
            }
            Some(words) => {
                assert_eq!(ended.code, Some(1), "{context}");
                assert!(ended.stderr.contains(words), "{context}");
                assert!(tree(&lab.root()).is_empty() && liar.asked() == 0, "{context}");
            }
        }
    }
}
