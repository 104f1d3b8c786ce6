//! What a file says as it is written, with its lines.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// The name of the section of keys that stand in none.
pub(super) const TOP: &str = "";

/// A place in a file: a section, which one of several of its name, a key.
pub(super) type Place = (String, usize, String);

/// What a file says, with its lines.
#[derive(Default)]
pub(super) struct Written {
    pub(super) values: BTreeMap<Place, Value>,
    lines: BTreeMap<Place, usize>,
}

impl Written {
    /// Of a text that was read before; one that is no TOML says nothing.
    pub(super) fn read(text: &str) -> Self {
        let table: Table = text.parse().unwrap_or_default();
        let values = table.into_iter().flat_map(|(name, value)| values_of(&name, value)).collect();
        let lines = DeTable::parse(text).map(|table| lines_of(table.get_ref(), text)).unwrap_or_default();
        Self { values, lines }
    }

    /// The places of a section in the order of the file.
    pub(super) fn keys_of<'a>(&'a self, section: &'a str, number: usize) -> impl Iterator<Item = &'a str> {
        let mut places: Vec<_> =
            self.lines.iter().filter(|((name, of, _), _)| name == section && *of == number).collect();
        places.sort_by_key(|(_, line)| **line);
        places.into_iter().map(|((_, _, key), _)| key.as_str())
    }

    /// The sections in the order of the file, each once.
    pub(super) fn sections(&self) -> Vec<&str> {
        let mut sections: Vec<_> =
            self.lines.iter().map(|((name, ..), line)| (*line, name.as_str())).collect();
        sections.sort_unstable();
        let mut names: Vec<&str> = Vec::new();
        for (_, name) in sections {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// How many sections have that name.
    pub(super) fn number_of(&self, section: &str) -> usize {
        self.values
            .keys()
            .filter(|(name, ..)| name == section)
            .map(|(_, number, _)| number + 1)
            .max()
            .unwrap_or(0)
    }

    /// The value at a place, and its line.
    pub(super) fn find(&self, section: &str, number: usize, key: &str) -> Option<(Value, usize)> {
        let place = (section.to_owned(), number, key.to_owned());
        Some((self.values.get(&place)?.clone(), self.lines.get(&place).copied().unwrap_or(0)))
    }
}

fn values_of(name: &str, value: Value) -> Vec<(Place, Value)> {
    let of_table = |number: usize, table: Table| {
        table.into_iter().map(move |(key, value)| ((name.to_owned(), number, key), value))
    };
    match value {
        Value::Table(table) => of_table(0, table).collect(),
        Value::Array(tables) if tables.iter().all(Value::is_table) => {
            let tables = tables.into_iter().filter_map(|table| table.try_into().ok());
            (0..).zip(tables).flat_map(|(number, table)| of_table(number, table)).collect()
        }
        value => vec![((TOP.to_owned(), 0, name.to_owned()), value)],
    }
}

fn lines_of(table: &DeTable<'_>, text: &str) -> BTreeMap<Place, usize> {
    let mut lines = BTreeMap::new();
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    for (name, value) in table {
        let tables: Vec<_> = match value.get_ref() {
            DeValue::Table(table) => vec![table],
            DeValue::Array(list) if list.iter().all(|one| one.get_ref().is_table()) => {
                list.iter().filter_map(|one| one.get_ref().as_table()).collect()
            }
            _ => {
                lines.insert((TOP.to_owned(), 0, name.get_ref().to_string()), line(name.span().start));
                continue;
            }
        };
        for (number, table) in (0..).zip(tables) {
            let keys = table.keys().map(|key| {
                ((name.get_ref().to_string(), number, key.get_ref().to_string()), line(key.span().start))
            });
            lines.extend(keys);
        }
    }
    lines
}
