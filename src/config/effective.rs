//! The effective configuration: every key with its value, and where that comes from.

use std::fs;
use std::path::{Path, PathBuf};

use toml::Value;
use url::Url;

use super::file::{File, parse};
use super::secret::{Source, source};
use super::service::{self, Chosen};
use super::written::{TOP, Written};
use super::{ConfigError, Overrides, file_of, unreadable};
use crate::nbia::nearest;

/// Every key with its default, as it is handed out.
const EXAMPLE: &str = include_str!("../../config/tcia-mirror.toml");
/// The root, the one key at the top, where none is written.
const USUAL_ROOT: &str = "./tcia";
const SERVICE: &str = "service";
const SELECT: &str = "select";
/// What stands in place of a secret.
const MASK: &str = "***";

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is not given.
    Default,
    /// A line of the file.
    Line(usize),
    /// A variable of the environment.
    Variable(String),
    /// A flag.
    Flag(String),
    /// Another file, which holds a secret.
    SecretFile(PathBuf),
}

/// A key with its value; secrets are masked.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// As it is written in the file.
    pub key: String,
    /// What counts; of a secret only that there is one.
    pub value: Option<Value>,
    /// What says so.
    pub origin: Origin,
}

/// Keys that stand together.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Its name; empty at the top.
    pub name: String,
    /// Whether there may be several of the name.
    pub is_one_of_several: bool,
    /// In the order of the example.
    pub settings: Vec<Setting>,
}

/// All that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// In the order of the example.
    pub sections: Vec<Section>,
}

impl Effective {
    /// Reads what [`Config::load`](super::Config::load) reads; `origin_of` tells of an override, by the name of its key,
    /// whether it is a flag or a variable. Secrets are looked for and not read.
    pub fn read(
        overrides: &Overrides,
        origin_of: impl Fn(&'static str) -> Origin,
    ) -> Result<Self, ConfigError> {
        let file = file_of(overrides);
        let (checked, written) = match &file {
            None => (File::default(), Written::default()),
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|source| unreadable(path, source))?;
                (parse(path, &text)?, Written::read(&text))
            }
        };
        let reader =
            Reader { checked, written, example: Written::read(EXAMPLE), overrides, origin_of: &origin_of };
        Ok(Self { file, sections: reader.sections()? })
    }
}

/// Lays the file over the example, and the overrides over both.
struct Reader<'a, O> {
    checked: File,
    written: Written,
    example: Written,
    overrides: &'a Overrides,
    origin_of: &'a O,
}

impl<O: Fn(&'static str) -> Origin> Reader<'_, O> {
    fn sections(&self) -> Result<Vec<Section>, ConfigError> {
        let mut sections = Vec::new();
        for name in self.example.sections() {
            if name == SERVICE {
                sections.extend(self.services()?);
            } else {
                sections.push(self.section(name)?);
            }
        }
        let selections = (0..self.written.number_of(SELECT)).map(|number| Section {
            name: SELECT.to_owned(),
            is_one_of_several: true,
            settings: self.settings(SELECT, Some(number)),
        });
        sections.extend(selections);
        Ok(sections)
    }

    fn section(&self, name: &str) -> Result<Section, ConfigError> {
        let mut settings = self.settings(name, Some(0));
        if name == TOP {
            for setting in &mut settings {
                self.override_it(setting);
            }
        }
        if name == "serve" {
            settings.extend(secret_setting("SERVE_TOKEN", "token", &self.checked.serve.token_file, true)?);
        }
        Ok(Section { name: name.to_owned(), is_one_of_several: false, settings })
    }

    /// Lays a flag or a variable over a key that has one.
    fn override_it(&self, setting: &mut Setting) {
        let Overrides { root, base_url, dialect, .. } = self.overrides;
        let (name, value) = match setting.key.as_str() {
            "root" => ("root", root.as_ref().map(|path| path.display().to_string())),
            "base_url" => ("base_url", base_url.clone()),
            "dialect" => ("dialect", dialect.map(|dialect| dialect.to_string())),
            _ => return,
        };
        if let Some(value) = value {
            (setting.value, setting.origin) = (Some(masked(name, value.into())), (self.origin_of)(name));
        }
    }

    /// The keys of a section of the file over those of the example; without a number those of the example alone.
    fn settings(&self, section: &str, number: Option<usize>) -> Vec<Setting> {
        let mut keys: Vec<_> = self.example.keys_of(section, 0).collect();
        let written = number.into_iter().flat_map(|number| self.written.keys_of(section, number));
        keys.extend(written.filter(|key| self.example.find(section, 0, key).is_none()));
        let setting = |key: &str| {
            let written = number.and_then(|number| self.written.find(section, number, key));
            let (value, origin) = match written {
                Some((value, line)) => (value, Origin::Line(line)),
                // every installation has a root of its own, and so has the example
                None if section == TOP => (USUAL_ROOT.into(), Origin::Default),
                None => (self.example.find(section, 0, key)?.0, Origin::Default),
            };
            Some(Setting { key: key.to_owned(), value: Some(masked(key, value)), origin })
        };
        keys.into_iter().filter_map(setting).collect()
    }

    fn services(&self) -> Result<Vec<Section>, ConfigError> {
        let chosen = service::chosen(&self.checked.service.0, self.overrides.base_url.clone())?;
        let is_one_of_several = chosen.len() > 1;
        let mut sections = Vec::new();
        for (place, one) in chosen.iter().enumerate() {
            let settings = self.service(place, one)?;
            sections.push(Section { name: SERVICE.to_owned(), is_one_of_several, settings });
        }
        Ok(sections)
    }

    fn service(&self, place: usize, chosen: &Chosen) -> Result<Vec<Setting>, ConfigError> {
        let mut settings = self.settings(SERVICE, chosen.table);
        for setting in &mut settings {
            let is_kept = chosen.table.is_none() && service::KEPT.contains(&setting.key.as_str());
            if let Some((value, line)) = self.written.find(SERVICE, 0, &setting.key).filter(|_| is_kept) {
                (setting.value, setting.origin) = (Some(value), Origin::Line(line));
            }
            if setting.key == "base_url" {
                setting.value = Some(masked("base_url", chosen.service.base_url.as_str().into()));
            }
            if place == 0 {
                self.override_it(setting);
            }
        }
        for (name, key, file) in chosen.service.secrets() {
            settings.extend(secret_setting(name, key, file, chosen.takes_environment)?);
        }
        Ok(settings)
    }
}

/// That there is a secret, and where; nothing where there is none.
fn secret_setting(
    name: &str,
    key: &str,
    configured: &Path,
    takes_environment: bool,
) -> Result<Option<Setting>, ConfigError> {
    let origin = match source(name, configured, takes_environment)? {
        None => return Ok(None),
        Some(Source::Variable(name, _)) => Origin::Variable(name),
        Some(Source::File(path)) => Origin::SecretFile(path),
    };
    Ok(Some(Setting { key: key.to_owned(), value: None, origin }))
}

/// An address without what may be a secret in it.
fn masked(key: &str, value: Value) -> Value {
    let address = value.as_str().and_then(|text| Url::parse(text).ok());
    match (key, address) {
        ("webhook", Some(address)) => format!("{}/{MASK}", address.origin().ascii_serialization()).into(),
        (_, Some(mut address)) if address.password().is_some() => {
            // an address with a password has a host, and takes another one
            let is_masked = address.set_password(Some(MASK)).is_ok();
            if is_masked { address.as_str().into() } else { MASK.into() }
        }
        _ => value,
    }
}

/// What was meant by a key that there is none of, from what the parser says of it.
pub(super) fn meant(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    let example = Written::read(EXAMPLE);
    let of = |key: &str| {
        let place = example.values.keys().find(|(_, _, known)| known == key);
        place.map(|(section, ..)| {
            if section == TOP { "a key at the top".to_owned() } else { format!("a key of [{section}]") }
        })
    };
    let here = || nearest(wrong, quoted).map(|known| format!("hint: did you mean `{known}`?"));
    let there = || {
        let known = nearest(wrong, example.values.keys().map(|(.., key)| key.as_str()))?;
        Some(format!("hint: `{known}` is {}", of(&known)?))
    };
    of(wrong).map(|place| format!("hint: `{wrong}` is {place}")).or_else(here).or_else(there)
}
