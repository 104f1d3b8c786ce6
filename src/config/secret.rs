//! Where a secret comes from.

use std::fs;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::{ConfigError, text_variable, unreadable};

/// Where a secret stands.
pub(super) enum Source {
    /// In a variable of this name, which holds it.
    Variable(String, SecretString),
    /// In a file.
    File(PathBuf),
}

/// Where a secret stands: in the environment, in a file that the environment or the configuration names, or with systemd:
/// `TCIA_MIRROR_<NAME>`, `TCIA_MIRROR_<NAME>_FILE`, and in small letters the credential.
pub(super) fn source(
    name: &str,
    configured: &Path,
    takes_environment: bool,
) -> Result<Option<Source>, ConfigError> {
    let variable = |name: &str| if takes_environment { text_variable(name) } else { Ok(None) };
    let direct = format!("TCIA_MIRROR_{name}");
    if let Some(value) = variable(&direct)? {
        return Ok(Some(Source::Variable(direct, value.into())));
    }
    let named = variable(&format!("{direct}_FILE"))?.map(PathBuf::from);
    let configured = Some(configured).filter(|path| !path.as_os_str().is_empty()).map(Path::to_owned);
    let credentials = variable("CREDENTIALS_DIRECTORY")?;
    let credential = credentials.map(|directory| Path::new(&directory).join(name.to_lowercase()));
    Ok(named.or(configured).or_else(|| credential.filter(|path| path.is_file())).map(Source::File))
}

/// A secret, from where it stands.
pub(super) fn secret(
    name: &str,
    configured: &Path,
    takes_environment: bool,
) -> Result<Option<SecretString>, ConfigError> {
    match source(name, configured, takes_environment)? {
        None => Ok(None),
        Some(Source::Variable(name, value)) => told(&name, value.expose_secret()).map(Some),
        Some(Source::File(file)) => {
            let value = fs::read_to_string(&file).map_err(|source| unreadable(&file, source))?;
            told(&file.display().to_string(), &value).map(Some)
        }
    }
}

/// A secret without the line end that editors add; one that is empty is a mistake that would only show as a refusal.
fn told(place: &str, value: &str) -> Result<SecretString, ConfigError> {
    match value.trim() {
        "" => Err(ConfigError::EmptySecret { place: place.to_owned() }),
        value => Ok(value.to_owned().into()),
    }
}
