//! What the service has: series with their ZIPs, and each of their instances by itself.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::prepared::{Listed, Prepared};
use crate::sample::Shape;

/// The collection that is mirrored, and the patient.
pub(crate) const COLLECTION: &str = "BENCH";
/// Tag and representation of the SOPInstanceUID in the data set.
const SOP_INSTANCE: &[u8] = b"\x08\x00\x18\x00UI";

/// One series.
pub(crate) struct Series {
    pub(crate) listed: Listed,
    pub(crate) zip: Vec<u8>,
    /// Files by SOPInstanceUID.
    pub(crate) instances: BTreeMap<String, Vec<u8>>,
}

/// All series, by SeriesInstanceUID.
pub(crate) struct Stock(pub(crate) BTreeMap<String, Series>);

impl Stock {
    /// So many series of so many images of a shape.
    pub(crate) fn new(shape: Shape, series: usize, instances: usize) -> anyhow::Result<Self> {
        let mut files: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
        for (series, number) in (0..series).flat_map(|one| (0..instances).map(move |number| (one, number))) {
            let instance = shape.instance(series, number);
            let file = instance.file();
            let uid = sop_instance_uid(&file).context("a sample without SOPInstanceUID")?;
            files.entry(instance.series_instance_uid).or_default().insert(uid, file);
        }
        let prepared = Prepared::many(COLLECTION, shape, series, instances)?;
        let stocked = prepared.into_iter().map(|one| {
            let zip = one.zip.into_iter().flat_map(|piece| piece.bytes).collect();
            let instances =
                files.remove(&one.listed.series_instance_uid).context("a series without files")?;
            Ok((one.listed.series_instance_uid.clone(), Series { listed: one.listed, zip, instances }))
        });
        Ok(Self(stocked.collect::<anyhow::Result<_>>()?))
    }

    /// Bytes of all instances.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.values().map(|series| series.listed.file_size).sum()
    }

    /// How many instances there are.
    pub(crate) fn instances(&self) -> usize {
        self.0.values().map(|series| series.instances.len()).sum()
    }
}

impl Series {
    /// Bytes of an instance, on average.
    pub(crate) fn instance_bytes(&self) -> u64 {
        self.listed.file_size / self.instances.len() as u64
    }

    /// Where a mirror has it, below its root.
    pub(crate) fn place(&self) -> String {
        format!(
            "{COLLECTION}/{COLLECTION}/{}/{}",
            self.listed.study_instance_uid, self.listed.series_instance_uid
        )
    }
}

fn sop_instance_uid(file: &[u8]) -> Option<String> {
    let at = file.windows(SOP_INSTANCE.len()).position(|window| window == SOP_INSTANCE)? + SOP_INSTANCE.len();
    let length = usize::from(u16::from_le_bytes([*file.get(at)?, *file.get(at + 1)?]));
    let value = file.get(at + 2..at + 2 + length)?;
    Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned())
}
