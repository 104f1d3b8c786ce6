//! The kinds of lies, as the README names them.

/// A line of the README's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An error in place of the image.
    Refusal,
    /// Something else in place of the image, with status 200.
    Page,
    /// A ZIP that is well-formed and too short.
    Short,
    /// A body that breaks off.
    Cut,
    /// Bytes that are not those of the instance.
    Wrong,
    /// Files that do not belong to the series.
    Stranger,
    /// Names of entries.
    Name,
    /// A bit that fell over, a number that is not so.
    Damaged,
    /// More than there should be.
    Bomb,
    /// HTTP that is odd and still clear.
    OddHttp,
    /// HTTP that cannot be read.
    BadHttp,
    /// No bytes, or hardly any.
    Silence,
    /// Figures in the list that are not those of the series.
    Figures,
    /// A list that is none.
    NoList,
    /// A list that lacks rows.
    ShortList,
    /// Rows that stand there twice, or belong elsewhere.
    Repeated,
    /// A row that makes no sense.
    BadRow,
    /// Nobody is there.
    Down,
    /// The key is refused.
    Key,
    /// It sends us elsewhere.
    Redirect,
    /// Its certificate does not verify.
    Certificate,
}

impl Kind {
    /// What the server does, in the words of the README.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Refusal => "answers 400, 404, 429, 5xx for an image",
            Self::Page => "sends a web page, nothing, or a packed body as an image with 200",
            Self::Short => "closes the ZIP early, or around half an instance, its CRC right",
            Self::Cut => "cuts or resets the connection",
            Self::Wrong => "sends other bytes than its own MD5 says, or two files of one instance",
            Self::Stranger => "puts a page or an instance of another series into the ZIP",
            Self::Name => "names entries `../../x`, or all of them alike",
            Self::Damaged => "flips a bit of the ZIP, or lies about a size in it",
            Self::Bomb => "never ends: a bomb, empty blocks, entry after entry",
            Self::OddHttp => "frames its answer oddly: no length, chunk extensions, a wrong Content-Type",
            Self::BadHttp => "frames its answer wrongly: two lengths, bad chunks, 10,000 headers",
            Self::Silence => "says nothing, stops in the middle, or drips",
            Self::NoList => "answers a list with an error, a page, half a list, 50 MB of brackets",
            Self::ShortList => "leaves rows out of a list, or answers with an empty one",
            Self::Repeated => "lists a row twice, or one of another collection",
            Self::BadRow => "lists a UID that is none, such as `../../x`",
            Self::Down => "is down",
            Self::Key => "answers 401 or 403",
            Self::Redirect => "redirects to another host, port or scheme, or in a circle",
            Self::Certificate => "shows a certificate that is expired, of another name, or of nobody known",
            Self::Figures => "lists another ImageCount or FileSize than the series has",
        }
    }
}
