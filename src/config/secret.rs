//! Where a secret comes from.

use std::fs;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::{ConfigError, text_variable, unreadable};

/// A secret: from the environment, from a file that the environment or the configuration names, or from systemd:
/// `TCIA_MIRROR_<NAME>`, `TCIA_MIRROR_<NAME>_FILE`, and in small letters the credential.
pub(super) fn secret(
    name: &str,
    configured: &Path,
    takes_environment: bool,
) -> Result<Option<SecretString>, ConfigError> {
    let variable = |name: &str| if takes_environment { text_variable(name) } else { Ok(None) };
    let direct = format!("TCIA_MIRROR_{name}");
    if let Some(value) = variable(&direct)? {
        return told(&direct, &value).map(Some);
    }
    let named = variable(&format!("{direct}_FILE"))?.map(PathBuf::from);
    let configured = Some(configured).filter(|path| !path.as_os_str().is_empty()).map(Path::to_owned);
    let credentials = variable("CREDENTIALS_DIRECTORY")?;
    let credential = credentials.map(|directory| Path::new(&directory).join(name.to_lowercase()));
    let file = named.or(configured).or_else(|| credential.filter(|path| path.is_file()));
    let Some(file) = file else { return Ok(None) };
    let value = fs::read_to_string(&file).map_err(|source| unreadable(&file, source))?;
    told(&file.display().to_string(), &value).map(Some)
}

/// A secret without the line end that editors add; one that is empty is a mistake that would only show as a refusal.
fn told(place: &str, value: &str) -> Result<SecretString, ConfigError> {
    match value.trim() {
        "" => Err(ConfigError::EmptySecret { place: place.to_owned() }),
        value => Ok(value.to_owned().into()),
    }
}
