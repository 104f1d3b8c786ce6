//! stub until taken over
use std::net::{Ipv4Addr, SocketAddr};
/// Where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// a
    pub listen: SocketAddr,
    /// b
    pub allow_remote: bool,
}
impl Default for Options {
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 8042).into(), allow_remote: false }
    }
}
