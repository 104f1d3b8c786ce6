//! What nobody may read: the key, the token, the password. A server that repeats them must not bring them into a log.

use secrecy::{ExposeSecret, SecretString};

/// Shorter secrets are found in texts that have nothing to do with them.
const SHORTEST: usize = 4;
const MASK: &str = "[secret]";

/// The secrets of one service.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets(Vec<SecretString>);

impl Secrets {
    pub(super) fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let long = |secret: &SecretString| secret.expose_secret().trim().len() >= SHORTEST;
        Self(secrets.into_iter().filter(long).collect())
    }

    /// A foreign text without them.
    pub(super) fn redact(&self, text: &str) -> String {
        let mask = |text: String, secret: &SecretString| text.replace(secret.expose_secret().trim(), MASK);
        self.0.iter().fold(text.to_owned(), mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_repeats_a_secret_does_not_show_it() {
        let secrets = Secrets::new(["k-123456".into(), "x".into(), " padded ".into()]);

        assert_eq!(secrets.redact("key k-123456 of padded x"), "key [secret] of [secret] x");
    }
}
