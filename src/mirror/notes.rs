//! Small notes beside the record: how far a reader has come. One that is lost loses time and no truth.

use std::io::{self, Read, Write};

use super::root::Root;

/// Longest note that is read.
const LONGEST: u64 = 64 << 20;

impl Root {
    /// What was noted under a name, `None` when nothing was.
    pub fn note(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match self.state.read(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => {
                let mut text = Vec::new();
                opened?.take(LONGEST).read_to_end(&mut text)?;
                Ok(Some(text))
            }
        }
    }

    /// Notes something in place of what was noted under that name; whoever is cut off leaves the one or the other.
    pub fn keep_note(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let arriving = format!("{name}.new");
        self.state.remove(&arriving)?;
        self.state.create(&arriving)?.write_all(text)?;
        self.state.replace(&arriving, name)
    }

    /// Forgets what was noted under a name, if anything was.
    pub fn drop_note(&self, name: &str) -> io::Result<()> {
        self.state.remove(name)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::fixture::Scratch;

    #[test]
    fn a_note_is_replaced_and_forgotten() {
        let scratch = Scratch::new();
        let root = &scratch.root;

        assert_eq!(root.note("place").unwrap(), None);
        root.keep_note("place", b"a long first one").unwrap();
        root.keep_note("place", b"second").unwrap();
        assert_eq!(root.note("place").unwrap().unwrap(), b"second");
        assert_eq!(scratch.names(".tcia-mirror"), ["lock", "place", "replaced", "staging"]);
        root.drop_note("place").unwrap();
        root.drop_note("place").unwrap();
        assert_eq!(root.note("place").unwrap(), None);
    }

    #[test]
    fn a_link_under_the_name_of_a_note_is_neither_read_nor_written_through() {
        let scratch = Scratch::new();
        scratch.write("victim", b"kept");
        symlink(scratch.path("victim"), scratch.path(".tcia-mirror/place")).unwrap();

        assert!(scratch.root.note("place").is_err());
        scratch.root.keep_note("place", b"new").unwrap();

        assert_eq!(scratch.read("victim"), b"kept");
        assert_eq!(scratch.root.note("place").unwrap().unwrap(), b"new");
    }
}
