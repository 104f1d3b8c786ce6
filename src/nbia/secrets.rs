//! What nobody may read: the key, the token, the password. A server that repeats them must not bring them into a log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

/// Shorter secrets, and shorter beginnings of one, are found in texts that have nothing to do with them.
const SHORTEST: usize = 4;
const MASK: &str = "[secret]";
/// Tokens that are remembered: those in use, and those that an answer on its way may still repeat.
const MOST_LEARNT: usize = 8;
/// Longest spelling of one letter, so that what stands at the end of a text may be the beginning of one.
const LONGEST_SPELLING: usize = 12;

/// The secrets of one service; a clone knows what the others learn.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    configured: Arc<[SecretString]>,
    learnt: Arc<Mutex<VecDeque<SecretString>>>,
}

impl Secrets {
    pub(super) fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        Self { configured: secrets.into_iter().filter(is_long).collect(), ..Self::default() }
    }

    /// Takes in a secret that the service has handed out.
    pub(super) fn learn(&self, secret: &SecretString) {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.extend(Some(secret).filter(|secret| is_long(secret)).cloned());
        while learnt.len() > MOST_LEARNT {
            learnt.pop_front();
        }
    }

    /// Whether one of them stands in foreign bytes, letter by letter.
    pub(super) fn stand_in(&self, bytes: &[u8]) -> bool {
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        if self.configured.is_empty() && learnt.is_empty() {
            return false;
        }
        let text = String::from_utf8_lossy(bytes);
        self.configured.iter().chain(learnt.iter()).any(|secret| text.contains(secret.expose_secret().trim()))
    }

    /// A foreign text without them, also where they are encoded as in an address, in JSON or in HTML.
    pub(super) fn redact(&self, text: &str) -> String {
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = || self.configured.iter().chain(learnt.iter());
        let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(letter) = rest.chars().next() {
            let spelled = secrets().filter_map(|secret| spelled(rest, secret.expose_secret().trim())).max();
            match spelled {
                Some(_) => shown.push_str(MASK),
                None => shown.push(letter),
            }
            rest = &rest[spelled.unwrap_or(letter.len_utf8())..];
        }
        shown
    }
}

fn is_long(secret: &SecretString) -> bool {
    secret.expose_secret().trim().chars().count() >= SHORTEST
}

/// How many bytes at the beginning of a text spell a secret; all of them where the text breaks off inside it.
fn spelled(text: &str, secret: &str) -> Option<usize> {
    if text.starts_with(secret) {
        return Some(secret.len());
    }
    let mut rest = text;
    for (letters, letter) in secret.chars().enumerate() {
        let Some(behind) = behind(rest, letter) else {
            return (letters >= SHORTEST && breaks_off(rest)).then_some(text.len());
        };
        rest = behind;
    }
    Some(text.len() - rest.len())
}

/// What stands behind a letter, with or without a backslash that escapes it.
fn behind(text: &str, letter: char) -> Option<&str> {
    behind_spelling(text, letter).or_else(|| behind_spelling(text.strip_prefix('\\')?, letter))
}

fn behind_spelling(text: &str, letter: char) -> Option<&str> {
    if !text.starts_with([letter, '%', '\\', '&', '+']) {
        return None;
    }
    let stands_first = |form: &String| text.get(..form.len()).is_some_and(|it| it.eq_ignore_ascii_case(form));
    match encoded(letter).into_iter().filter(|form| !form.is_empty()).find(stands_first) {
        Some(form) => text.get(form.len()..),
        None => text.strip_prefix(letter),
    }
}

/// A letter in an address, in JSON, in HTML, and by the name that it has there or in a form.
fn encoded(letter: char) -> [String; 5] {
    let (code, utf8) = (u32::from(letter), letter.to_string());
    let percent = utf8.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
    let name = match letter {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        ' ' => "+",
        _ => "",
    };
    [percent, format!("\\u{code:04x}"), format!("&#x{code:x};"), format!("&#{code};"), name.to_owned()]
}

fn breaks_off(rest: &str) -> bool {
    rest.is_empty() || rest.len() < LONGEST_SPELLING && rest.starts_with(['%', '\\', '&', '\u{FFFD}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_repeats_a_secret_does_not_show_it() {
        let secrets = Secrets::new(["k-123456".into(), "x".into(), " padded ".into()]);

        assert_eq!(secrets.redact("key k-123456 of padded x"), "key [secret] of [secret] x");
    }

    #[test]
    fn a_secret_is_found_in_every_way_to_write_it() {
        let secrets = Secrets::new([r#"p@ss wörd/"&%2"#.into()]);

        for written in [
            r#"p@ss wörd/"&%2"#,
            "p%40ss+w%C3%B6rd%2F%22%26%252",
            "p@ss%20w%c3%b6rd/%22&%252",
            r#"p@ss wörd\/\"&%2"#,
            r"p@ss%20wörd\/\%22&%2",
            r#"p@ss w\u00F6rd\u002f\"\u0026%2"#,
            "p&#64;ss w&#xF6;rd&#x2f;&quot;&amp;%2",
        ] {
            assert_eq!(secrets.redact(&format!("<{written}>")), "<[secret]>", "{written}");
        }
    }

    #[test]
    fn a_text_that_breaks_off_inside_a_secret_does_not_show_its_beginning() {
        let secrets = Secrets::new(["k-12/3456".into()]);

        for (text, shown) in [
            ("key=k-12/345", "key=[secret]"),
            ("key=k-12%2", "key=[secret]"),
            ("key=k-12\\", "key=[secret]"),
            ("key=k-1", "key=k-1"),
            ("k-12 is another", "k-12 is another"),
        ] {
            assert_eq!(secrets.redact(text), shown, "{text}");
        }
    }

    #[test]
    fn what_is_learnt_is_hidden_by_every_clone_until_it_is_long_past() {
        let secrets = Secrets::default();
        let clone = secrets.clone();

        for number in 0..=MOST_LEARNT {
            clone.learn(&format!("token-{number}.").into());
        }

        assert_eq!(secrets.redact("token-0. token-1. token-8."), "token-0. [secret] [secret]");
    }
}
