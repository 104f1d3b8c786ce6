//! Any identifiers as path components: inside their parent, reversible, different where the identifiers are, also
//! where case does not count; and any text as a UID or a recorded path.

#![no_main]

use std::path::{Component as PathComponent, Path};

use libfuzzer_sys::fuzz_target;
use tcia_mirror::dicom::Uid;
use tcia_mirror::mirror::SeriesPath;
use tcia_mirror::mirror::layout::Component;

fuzz_target!(|text: &str| {
    let (one, other) = text.split_once('\n').unwrap_or((text, ""));
    for identifier in [one, other] {
        check_component(identifier, &Component::new(identifier));
        check_component(identifier, &Component::with_letters_encoded(identifier));
    }
    if one != other {
        let forms = [one, other].map(|name| (Component::new(name), Component::with_letters_encoded(name)));
        let [(ordinary, encoded), (other_ordinary, other_encoded)] = &forms;
        assert_ne!(ordinary, other_ordinary);
        // of two that meet where case does not count, the later one is encoded
        if ordinary.folded() == other_ordinary.folded() {
            assert_ne!(ordinary.folded(), other_encoded.folded());
            assert_ne!(encoded.folded(), other_ordinary.folded());
        }
    }
    check_uid(one);
    check_path(text);
});

fn check_component(identifier: &str, component: &Component) {
    let name = component.as_str();
    let inside: Vec<_> = Path::new(name).components().collect();
    assert!(matches!(inside[..], [PathComponent::Normal(only)] if only == name), "{name:?} is no name");
    assert!(name.len() <= 255 && !name.chars().any(char::is_control), "{name:?} is no safe name");
    assert!(!name.contains(['\\', ':', '<', '>', '"', '|', '?', '*']) && !name.ends_with(['.', ' ']), "{name:?}");
    if !name.contains("%~") {
        assert_eq!(decoded(name).as_deref(), Some(identifier), "{name:?} does not lead back");
    }
}

/// Percent-encoding, undone; a lone `%` stands for nothing.
fn decoded(name: &str) -> Option<String> {
    if name == "%" {
        return Some(String::new());
    }
    let (mut bytes, mut rest) = (Vec::new(), name.as_bytes());
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first == b'%' {
            let digits = std::str::from_utf8(behind.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

fn check_uid(text: &str) {
    if let Ok(uid) = Uid::parse(text) {
        assert_eq!(Uid::parse(&uid.to_string()), Ok(uid.clone()), "{uid} is read as something else");
        assert_eq!(Component::new(uid.as_str()).as_str(), uid.as_str(), "a UID is a name as it is");
    }
}

fn check_path(text: &str) {
    if let Some(path) = SeriesPath::recorded(text) {
        assert_eq!(path.to_string(), text);
        let are_inside = Path::new(text).components().all(|part| matches!(part, PathComponent::Normal(_)));
        assert!(are_inside, "{text:?} leads out");
    }
}
