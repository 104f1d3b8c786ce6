//! What stands in the ZIP.

use super::lies::{added, rezip, zip};
use super::{End, Kind, Lie, Row, harmless, image};
use crate::support::dicom_bytes;
use crate::support::fake_tcia::Entries;
use crate::support::java_zip::{JavaZip, Oddity};
use crate::support::program::is_instance;

const UNREADABLE: &str = "the ZIP cannot be read to its end";
const NO_LIST: &str = "the list of MD5s that should close it is missing";

pub(super) fn rows() -> Vec<Row> {
    [short(), wrong(), strangers(), names(), lists_of_md5s(), licences(), sizes()]
        .into_iter()
        .flatten()
        .collect()
}

fn short() -> Vec<Row> {
    let row = |does, change: fn(Entries) -> Entries, reason| image(Kind::Short, does, rezip(change), reason);
    vec![
        row("an empty ZIP of 22 bytes", |_| Vec::new(), NO_LIST),
        row("only the licence", |entries| keep(entries, |name| name == "LICENSE"), NO_LIST),
        row("only the list of MD5s", |entries| keep(entries, |name| name == LIST), "has no instance"),
        row(
            "entries missing, as where a file cannot be opened",
            |mut entries| {
                entries.truncate(3);
                entries
            },
            NO_LIST,
        ),
        row(
            "an instance missing, the list of MD5s of all there",
            |mut entries| {
                entries.remove(first(&entries));
                entries
            },
            "holds 3 instances, the service lists 4",
        ),
        row(
            "the last instance cut in half around a right CRC, as where a file cannot be read on",
            |entries| {
                let mut entries = keep(entries, |name| name != LIST);
                let last = entries.last_mut().unwrap();
                last.1.truncate(last.1.len() / 2);
                entries
            },
            NO_LIST,
        ),
        row(
            "the last instance empty",
            |mut entries| {
                let last = entries.len() - 2;
                entries[last].1.clear();
                entries
            },
            "is no DICOM file",
        ),
    ]
}

fn wrong() -> Vec<Row> {
    let row = |does, change: fn(Entries) -> Entries, reason| image(Kind::Wrong, does, rezip(change), reason);
    vec![
        row(
            "an instance with one other byte",
            |mut entries| {
                spoil(&mut entries);
                entries
            },
            "MD5",
        ),
        row(
            "an instance twice, with other bytes",
            |mut entries| {
                let mut twin = entries[first(&entries)].clone();
                *twin.1.last_mut().unwrap() ^= 1;
                entries.insert(1, twin);
                entries
            },
            "and differ",
        ),
        harmless(
            Kind::Wrong,
            "an instance twice, with the same bytes",
            rezip(|mut entries| {
                let twin = entries[first(&entries)].clone();
                entries.insert(1, ("twin.dcm".to_owned(), twin.1));
                entries
            }),
        ),
    ]
}

fn strangers() -> Vec<Row> {
    let with = |name: &'static str, data: &[u8]| {
        let data = data.to_vec();
        rezip(move |mut entries| {
            entries.insert(1, (name.to_owned(), data.clone()));
            entries
        })
    };
    let of_another =
        dicom_bytes::instance("1.2.826.1.1", "1.2.826.1.1.999", "1.2.826.1.1.999.1", b"stranger");
    vec![
        left_out("an instance of another series beside the right ones", with("stranger.dcm", &of_another)),
        left_out("a web page beside the instances", with("oops.dcm", b"<html>error</html>")),
        image(
            Kind::Stranger,
            "nothing but instances of another series",
            rezip(|mut entries| {
                for (name, data) in entries.iter_mut().filter(|(name, _)| is_instance(name)) {
                    let uid = format!("1.2.826.1.1.999.{}", name.len());
                    *data = dicom_bytes::instance("1.2.826.1.1", "1.2.826.1.1.999", &uid, b"stranger");
                }
                entries
            }),
            "belongs to series 1.2.826.1.1.999",
        ),
        image(
            Kind::Stranger,
            "a page in place of an instance",
            rezip(|mut entries| {
                let place = first(&entries);
                entries[place].1 = b"<html>error</html>".to_vec();
                entries
            }),
            "is no DICOM file",
        ),
    ]
}

/// What does not belong to the series is left out and told.
fn left_out(does: &'static str, lie: Lie) -> Row {
    harmless(Kind::Stranger, does, lie)
}

fn names() -> Vec<Row> {
    let row = |does, names: [&'static str; 4]| harmless(Kind::Name, does, renamed(names.map(str::to_owned)));
    let long = "n".repeat(60_000);
    vec![
        row(
            "names that lead out of the tree",
            ["../../../escaped.dcm", "/tmp/escaped.dcm", "..\\..\\escaped.dcm", "C:\\escaped.dcm"],
        ),
        row(
            "names with a NUL, an escape sequence, a line end, nothing at all",
            ["a\0b.dcm", "\u{1b}[2J.dcm", "a\r\nb.dcm", "\u{202e}mcd.dcm"],
        ),
        row("one name for all", ["1.dcm"; 4]),
        row(
            "names of what stands beside the instances",
            ["a/LICENSE.dcm", "incoming-1", "1.2.826.1.1.1.1.dcm", ".tcia-mirror"],
        ),
        image(
            Kind::Short,
            "an instance without a name",
            renamed(["", "2.dcm", "3.dcm", "4.dcm"].map(str::to_owned)),
            "holds 3 instances",
        ),
        image(
            Kind::Short,
            "an instance named as a directory",
            renamed(["a/", "2.dcm", "3.dcm", "4.dcm"].map(str::to_owned)),
            "holds 3 instances",
        ),
        harmless(
            Kind::Name,
            "names of 60,000 characters",
            renamed([0, 1, 2, 3].map(|number| format!("{long}{number}"))),
        ),
    ]
}

fn lists_of_md5s() -> Vec<Row> {
    let row = |does, text: &'static [u8], reason| image(Kind::Wrong, does, listed_as(text), reason);
    // what a list of MD5s denies, no single image makes true
    let denied =
        |does, text| Row { kind: Kind::Denied, with_singles: End::Parked("MD5"), ..row(does, text, "MD5") };
    vec![
        denied("a list of MD5s of other files", b"Filename,MD5Hash\na,d41d8cd98f00b204e9800998ecf8427e\nb,d41d8cd98f00b204e9800998ecf8427f\nc,d41d8cd98f00b204e9800998ecf84270\nd,d41d8cd98f00b204e9800998ecf84271\n"),
        denied("a list of MD5s without a line", b"Filename,MD5Hash\n"),
        row("a list of MD5s of nothing but zeros and line ends", &[0, b'\n', 0, b'\n', 0xff], "MD5"),
        harmless(Kind::Wrong, "a list of MD5s without their MD5s, as where the database has none", listed_as(b"Filename,MD5Hash\na,\nb,\nc,\nd,\n")),
    ]
}

fn licences() -> Vec<Row> {
    let licence = |name: &'static str, bytes: usize| {
        rezip(move |mut entries| {
            entries[0] = (name.to_owned(), vec![b'l'; bytes]);
            entries
        })
    };
    vec![image(Kind::Bomb, "a licence of two megabytes", licence("LICENSE", 2 << 20), "sends more bytes")]
}

fn sizes() -> Vec<Row> {
    let odd = |oddity| {
        zip(move |entries| {
            let place = first(&entries);
            let before = added(JavaZip::new(), &entries[..place]);
            let (name, data) = &entries[place];
            added(before.odd_entry(name, data, oddity), &entries[place + 1..]).finish()
        })
    };
    let row = |does, oddity| image(Kind::Damaged, does, odd(oddity), UNREADABLE);
    vec![
        row("a CRC-32 in which descriptor and directory agree, and not with the data", Oddity::WrongCrc),
        row("a size in which descriptor and directory agree, and not with the data", Oddity::WrongSize),
        row("a descriptor that is wrong in all it says", Oddity::WrongDescriptor),
        row("an entry marked as encrypted", Oddity::Encrypted),
        harmless(
            Kind::Damaged,
            "an entry marked as encrypted in the directory",
            odd(Oddity::EncryptedInDirectory),
        ),
        row("an entry stored without its length", Oddity::Stored),
        row("an entry packed by a method that nobody knows", Oddity::UnknownMethod),
        harmless(
            Kind::Damaged,
            "a descriptor of 24 bytes, as Java writes it for more than 4 GiB",
            odd(Oddity::WideDescriptor),
        ),
        harmless(Kind::Damaged, "a descriptor without signature", odd(Oddity::UnsignedDescriptor)),
        harmless(Kind::Damaged, "a descriptor of 20 bytes", odd(Oddity::UnsignedWideDescriptor)),
        harmless(
            Kind::Damaged,
            "ZIP64 end records where none are needed",
            zip(|entries| added(JavaZip::new(), &entries).with_zip64_end().finish()),
        ),
        whole_before_its_end("an entry that the directory hides", |entries| {
            added(JavaZip::new(), &entries).hide(2).finish()
        }),
        whole_before_its_end("an entry with another name in the directory", |entries| {
            added(JavaZip::new(), &entries).rename(2, "other.dcm").finish()
        }),
        whole_before_its_end("something behind the end of the ZIP", |entries| {
            added(JavaZip::new(), &entries).finish_followed_by(b"more")
        }),
        whole_before_its_end("another ZIP behind the end of the ZIP", |entries| {
            let zip = added(JavaZip::new(), &entries).finish();
            [&zip[..], &zip].concat()
        }),
    ]
}

/// All instances have come before anything is wrong: the next try finds them staged, and proves them without the ZIP.
fn whole_before_its_end(does: &'static str, make: fn(Entries) -> Vec<u8>) -> Row {
    harmless(Kind::Damaged, does, zip(make))
}

const LIST: &str = "md5hashes.csv";

/// Where the first instance is.
pub(super) fn first(entries: &Entries) -> usize {
    entries.iter().position(|(name, _)| is_instance(name)).unwrap()
}

fn keep(entries: Entries, is_kept: fn(&str) -> bool) -> Entries {
    entries.into_iter().filter(|(name, _)| is_kept(name)).collect()
}

/// Another last byte for the first instance.
fn spoil(entries: &mut Entries) {
    let place = first(entries);
    *entries[place].1.last_mut().unwrap() ^= 1;
}

fn renamed(names: [String; 4]) -> Lie {
    rezip(move |mut entries| {
        let instances = entries.iter_mut().filter(|(name, _)| is_instance(name));
        instances.zip(&names).for_each(|((name, _), other)| other.clone_into(name));
        entries
    })
}

fn listed_as(text: &'static [u8]) -> Lie {
    rezip(move |mut entries| {
        let list = entries.iter_mut().find(|(name, _)| name == LIST).unwrap();
        list.1 = text.to_vec();
        entries
    })
}
