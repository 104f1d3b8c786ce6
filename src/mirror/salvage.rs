//! What is right of a damaged series, staged again, so that only the rest of it has to be fetched.

use std::io;

use super::layout::SeriesPath;
use super::root::Root;
use super::staging::file_name;
use crate::dicom::{Instance, SeriesInstanceUid};

impl Root {
    /// Links files of a placed series into its staging directory; gives the instances whose files could be.
    ///
    /// Which of them are right is found out where they are staged: nothing is read here, and nothing in the tree changes.
    pub fn stage_placed(
        &self,
        series: &SeriesInstanceUid,
        path: &SeriesPath,
        instances: Vec<Instance>,
    ) -> io::Result<Vec<Instance>> {
        let placed = self.parent_of(path)?.sub(path.name())?;
        let staging = self.staging()?.make(series.as_str())?;
        let is_linked =
            |instance: &Instance| placed.link(&file_name(&instance.sop_instance_uid), &staging).is_ok();
        Ok(instances.into_iter().filter(is_linked).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Staging;
    use super::super::fixture::{FIRST, PLACE, SECOND, STAGED, Scratch, THIRD, place, series};

    #[test]
    fn what_is_right_is_staged_and_what_is_damaged_or_gone_is_not() {
        let scratch = Scratch::new();
        let staging = scratch.stage(&[FIRST, SECOND, THIRD]);
        scratch.commit(staging, "1");
        scratch.flip(&format!("{PLACE}/1.2.826.0.7.1.dcm"));
        std::fs::remove_file(scratch.path(&format!("{PLACE}/1.2.826.0.7.2.dcm"))).unwrap();
        let damaged = scratch.read(&format!("{PLACE}/1.2.826.0.7.1.dcm"));

        let instances = [FIRST, SECOND, THIRD].map(|sample| sample.instance()).to_vec();
        let linked = scratch.root.stage_placed(&series(), &place(), instances).unwrap();
        let staging = Staging::open(&scratch.root, &series(), linked.clone()).unwrap();

        assert_eq!(linked, [FIRST.instance(), THIRD.instance()]);
        assert_eq!(staging.instances().keys().collect::<Vec<_>>(), [&THIRD.uid()]);
        assert_eq!(scratch.names(STAGED), ["1.2.826.0.7.3.dcm"]);
        assert_eq!(scratch.read(&format!("{PLACE}/1.2.826.0.7.1.dcm")), damaged, "the tree is as it was");
    }
}
