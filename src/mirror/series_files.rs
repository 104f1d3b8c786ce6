//! Reading a placed series, for those who hand its files out.

use std::fs::File;
use std::io;

use super::directory::Directory;
use super::layout::SeriesPath;
use super::root::Root;
use super::staging::{LICENSE, file_name};
use crate::dicom::SopInstanceUid;

/// The directory of a placed series, held open: the files of a revision that takes its place meanwhile do not mix in.
#[derive(Debug)]
pub struct SeriesFiles(Directory);

impl Root {
    /// Opens the directory of a placed series.
    pub fn open_series(&self, path: &SeriesPath) -> io::Result<SeriesFiles> {
        self.parent_of(path)?.sub(path.name()).map(SeriesFiles)
    }
}

impl SeriesFiles {
    /// The file of an instance; a link or anything else that is no regular file is an error.
    pub fn instance(&self, instance: &SopInstanceUid) -> io::Result<File> {
        self.0.read(&file_name(instance))
    }

    /// The licence text, under the same rule.
    pub fn license(&self) -> io::Result<File> {
        self.0.read(LICENSE)
    }
}
