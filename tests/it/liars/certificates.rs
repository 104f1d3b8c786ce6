//! TLS that does not verify: nothing is asked, nothing is sent, and `ca_file` is the way to trust a lab's own authority.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::{FakeTcia, path_of};
use crate::support::program::{Lab, tree};

/// A server before another one that speaks TLS; it ends with its runtime.
struct Tls {
    address: SocketAddr,
    accepted: Arc<std::sync::atomic::AtomicU32>,
    _listening: JoinSet<()>,
}
