//! One table that describes each generation of the API: paths, endpoints, parameters, columns, dates, habits.
//!
//! The client and `serve` both read it, and nothing else in the program knows which generation it talks to.

mod bindaas;
mod column;
mod date;
mod endpoint;
mod nbia_v1;
mod nbia_v4;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

pub use column::{Column, Kind};
pub use date::DateFormat;
pub use endpoint::{Answer, EmptyList, Endpoint, EndpointDescription, JsonStyle, Method, Parameter};

/// One generation of the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Dialect {
    /// `/services/TCIA/TCIA/query/…`, the first public version.
    BindaasV1,
    /// `/services/v3/TCIA/query/…`, the archive's API until 2022 and that of its gateways.
    BindaasV3,
    /// `/nbia-api/services/v1/…`, for guests.
    NbiaV1,
    /// `/nbia-api/services/v2/…`, the same for who has a token.
    NbiaV2,
    /// `/nbia-api/services/v4/…`, what runs today.
    NbiaV4,
}

/// Which program speaks a dialect; each has its manners, whatever the version of its API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The middleware in front of the archive until 2022 (sharmalab/bindaas).
    Bindaas,
    /// The archive's own server (CBIIT/NBIA-TCIA).
    Nbia,
}

/// What a server wants to know of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A key in the header `api_key`, where the server has been told to ask for one.
    Key,
    /// Nothing.
    Guest,
    /// A token, always.
    Token,
    /// A token opens more.
    GuestOrToken,
}

/// Everything that sets one generation apart.
#[derive(Debug)]
pub struct Description {
    /// Name for `--dialect`.
    pub name: &'static str,
    /// The program behind it.
    pub family: Family,
    /// Path between host and endpoint.
    pub path: &'static str,
    /// Other ends of a path that mean this dialect, each with the path that they stand for.
    pub other_paths: Paths,
    /// The same, for versions that this dialect is only nearest to.
    pub nearest_paths: Paths,
    /// Who may ask.
    pub access: Access,
    /// Whether `…/<endpoint>/metadata` describes an endpoint.
    pub describes_endpoints: bool,
    /// What is said around the UID of a series that is not handed out.
    pub denial: [&'static str; 2],
    /// What it offers, in groups.
    pub endpoints: &'static [&'static [EndpointDescription]],
}

/// Ends of paths, each with the whole that it stands for.
type Paths = &'static [(&'static str, &'static str)];

/// What a path tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// The dialect.
    pub dialect: Dialect,
    /// The path up to where endpoints begin.
    pub path: String,
    /// Whether the path is of a version that the dialect is only nearest to.
    pub is_nearest: bool,
}

impl Dialect {
    /// All that are known.
    pub const ALL: [Self; 5] = [Self::BindaasV1, Self::BindaasV3, Self::NbiaV1, Self::NbiaV2, Self::NbiaV4];

    /// Its row of the table.
    pub fn description(self) -> &'static Description {
        match self {
            Self::BindaasV1 => &bindaas::V1,
            Self::BindaasV3 => &bindaas::V3,
            Self::NbiaV1 => &nbia_v1::V1,
            Self::NbiaV2 => &nbia_v1::V2,
            Self::NbiaV4 => &nbia_v4::V4,
        }
    }

    /// The dialect that is spoken below a path.
    ///
    /// `/proxy/services/v3` and `/proxy/services/v3/TCIA/query/` both mean `/proxy/services/v3/TCIA/query`.
    pub fn recognise(path: &str) -> Option<Recognised> {
        let path = path.trim_end_matches('/');
        Self::ALL.into_iter().find_map(|dialect| {
            let description = dialect.description();
            let exact = std::iter::once((description.path, description.path));
            let exact = exact.chain(description.other_paths.iter().copied()).map(|known| (known, false));
            let nearest = description.nearest_paths.iter().map(|known| (*known, true));
            exact.chain(nearest).find_map(|((end, whole), is_nearest)| {
                // below `/nbia-api` only that server's own versions, of which the third is user administration
                let prefix = path.strip_suffix(end).filter(|prefix| !prefix.ends_with("/nbia-api"))?;
                Some(Recognised { dialect, path: format!("{prefix}{whole}"), is_nearest })
            })
        })
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.description().name)
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|dialect| dialect.description().name == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|dialect| dialect.description().name).collect();
            format!("`{name}` is no dialect this program speaks; known: {}", known.join(", "))
        })
    }
}

impl Description {
    /// An endpoint as this dialect offers it, or `None`.
    pub fn endpoint(&self, endpoint: Endpoint) -> Option<&'static EndpointDescription> {
        self.endpoints().find(|description| description.endpoint == endpoint)
    }

    /// Every path between host and endpoint below which a server answers in this dialect.
    ///
    /// The archive's own server answers with and without `/services` (NBIA-TCIA 865725e, `keycloak/web.xml`); what else
    /// ends of paths stand for is among the wholes.
    pub fn paths(&self) -> impl Iterator<Item = &'static str> + use<> {
        let others = if self.family == Family::Nbia { self.other_paths } else { &[] };
        let short = others.iter().map(|(end, _)| *end);
        let nearest = self.nearest_paths.iter().map(|(_, whole)| *whole);
        let all: BTreeSet<_> = short.chain(nearest).chain([self.path]).collect();
        all.into_iter()
    }

    /// All that it offers.
    pub fn endpoints(&self) -> impl Iterator<Item = &'static EndpointDescription> + use<> {
        self.endpoints.iter().copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_its_dialect_and_where_endpoints_begin() {
        let cases = [
            ("/nbia-api/services/v4", Dialect::NbiaV4, "/nbia-api/services/v4"),
            ("/nbia-api/services/v4/", Dialect::NbiaV4, "/nbia-api/services/v4"),
            ("/lab/nbia-api/v4", Dialect::NbiaV4, "/lab/nbia-api/services/v4"),
            ("/nbia-api/services/v2", Dialect::NbiaV2, "/nbia-api/services/v2"),
            ("/nbia-api/services/v1", Dialect::NbiaV1, "/nbia-api/services/v1"),
            ("/services/v3", Dialect::BindaasV3, "/services/v3/TCIA/query"),
            ("/x/services/v3/TCIA/query/", Dialect::BindaasV3, "/x/services/v3/TCIA/query"),
            ("/services/TCIA/TCIA/query", Dialect::BindaasV1, "/services/TCIA/TCIA/query"),
            ("/services/TCIA/TCIA", Dialect::BindaasV1, "/services/TCIA/TCIA/query"),
        ];
        for (path, dialect, base) in cases {
            let recognised = Recognised { dialect, path: base.to_owned(), is_nearest: false };
            assert_eq!(Dialect::recognise(path), Some(recognised), "{path}");
        }
    }

    #[test]
    fn a_version_that_is_not_described_is_taken_for_the_nearest_and_keeps_its_path() {
        for (path, base) in [
            ("/services/v2/", "/services/v2/TCIA/query"),
            ("/services/v4/TCIA", "/services/v4/TCIA/query"),
            ("/services/v4/TCIA/query", "/services/v4/TCIA/query"),
        ] {
            let nearest = Recognised { dialect: Dialect::BindaasV3, path: base.to_owned(), is_nearest: true };
            assert_eq!(Dialect::recognise(path), Some(nearest), "{path}");
        }
    }

    #[test]
    fn other_paths_tell_nothing() {
        for path in ["/nbia-api/services/v3", "/nbia-api/services", "/services/v4", "/", "", "/v1"] {
            assert_eq!(Dialect::recognise(path), None, "{path}");
        }
    }

    #[test]
    fn every_required_parameter_has_a_name() {
        for dialect in Dialect::ALL {
            for endpoint in dialect.description().endpoints() {
                for required in endpoint.required {
                    assert!(endpoint.parameter(*required).is_some(), "{dialect} {}", endpoint.name);
                }
            }
        }
    }

    #[test]
    fn no_endpoint_and_no_name_stands_twice_in_a_dialect() {
        for dialect in Dialect::ALL {
            let all: Vec<_> = dialect.description().endpoints().collect();
            for (place, endpoint) in all.iter().enumerate() {
                let twin = all[..place].iter().find(|other| {
                    other.endpoint == endpoint.endpoint || other.name.eq_ignore_ascii_case(endpoint.name)
                });
                assert!(twin.is_none(), "{dialect} {}", endpoint.name);
            }
        }
    }
}
