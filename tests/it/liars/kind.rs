//! The kinds of lies, as the README names them, and what the table says of each.

use std::collections::{BTreeMap, BTreeSet};

use super::lists::Ending;
use super::{End, lists, refused, rows, singles};

/// A line of the README's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Failing,
    Refused,
    Page,
    Short,
    Cut,
    Silence,
    Bomb,
    Damaged,
    Wrong,
    Denied,
    Stranger,
    Name,
    OddHttp,
    BadHttp,
    Figures,
    Single,
    NoList,
    ShortList,
    Repeated,
    BadRow,
    Down,
    Key,
    Redirect,
    Certificate,
}

impl Kind {
    /// What the server does, in the words of the README.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Failing => "answers 429, 500, 502, 503 or 504 for a series",
            Self::Refused => "answers 400 or 404 for a series that it lists",
            Self::Page => "sends a web page, nothing, or a packed body as an image, with 200",
            Self::Short => "closes the ZIP early, or around half an instance, its CRC right",
            Self::Cut => "cuts or resets the connection, wherever",
            Self::Silence => "says nothing, stops in the middle, or drips 1 kB a second",
            Self::Bomb => "never ends: a bomb, empty blocks, entry after entry",
            Self::Damaged => "flips a bit of the ZIP, or lies about a size in it",
            Self::Wrong => "sends other bytes than its own MD5 says, or two files of one instance",
            Self::Denied => "closes the ZIP with MD5s of other files",
            Self::Stranger => "puts a page or an instance of another series into the ZIP",
            Self::Name => "names entries `../../x`, or all of them alike",
            Self::OddHttp => "frames its answer oddly: no length, extensions of chunks, a wrong Content-Type",
            Self::BadHttp => "frames its answer wrongly: two lengths, bad chunks, 10,000 headers",
            Self::Figures => "lists another ImageCount or FileSize than the series has",
            Self::Single => "lies about single images, where nothing else is asked for",
            Self::NoList => "answers a list with an error, a page, half a list, 50 MB of brackets",
            Self::ShortList => "leaves rows out of a list, or answers with an empty one",
            Self::Repeated => "lists a row twice, or one of another collection",
            Self::BadRow => "lists a UID that is none, such as `../../x`",
            Self::Down => "is down",
            Self::Key => "answers 401 or 403",
            Self::Redirect => "redirects to another host, port or scheme, or in a circle",
            Self::Certificate => "shows a certificate that is expired, of another name, or of nobody known",
        }
    }
}

/// What the table says of a kind, while the lie lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The exit codes.
    pub(crate) codes: BTreeSet<i32>,
    /// Whether a series is parked where there are only ZIPs, and where there are single images, in any row.
    parks: Option<(bool, bool)>,
}

impl Outcome {
    /// What becomes of the jobs, where the table says that of each series.
    pub(crate) fn job(&self) -> Option<&'static str> {
        self.parks.map(|parks| match parks {
            (_, true) => "parked",
            (true, false) => "done by single images; parked where there are none",
            (false, false) => "done",
        })
    }
}

/// Every kind, and what the rows of it say.
pub(crate) fn kinds() -> BTreeMap<Kind, Outcome> {
    let mut kinds = BTreeMap::<Kind, Outcome>::new();
    for row in rows().into_iter().chain(singles::rows()) {
        let outcome = kinds.entry(row.kind).or_default();
        let [zips, with_singles] = [row.zip_only, row.with_singles].map(|end| end != End::Placed);
        outcome.codes.extend([zips, with_singles].map(|is_parked| if is_parked { 3 } else { 0 }));
        let parks = outcome.parks.get_or_insert((false, false));
        *parks = (parks.0 || zips, parks.1 || with_singles);
    }
    for row in lists::rows() {
        kinds.entry(row.kind).or_default().codes.insert(match row.ending {
            Ending::Done => 0,
            Ending::Failed(_) => 1,
            Ending::Told(_) | Ending::Parked(_) => 3,
        });
    }
    for kind in refused::KINDS.into_iter().chain([Kind::Certificate]) {
        kinds.entry(kind).or_default().codes.insert(1);
    }
    kinds
}
