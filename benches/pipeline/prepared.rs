//! Series ready to be sent: their row of the listing, and their ZIP as Java writes it.

use std::borrow::Cow;
use std::sync::Mutex;
use std::thread;

use anyhow::Context;
use flate2::{Compress, Compression, FlushCompress};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::java_zip::JavaZip;
use crate::sample::Shape;

const LICENSE: &str = "License Information. Generated for a measurement.\n";
const MD5_LIST: &str = "md5hashes.csv";
/// An empty last block of deflate.
const LAST_BLOCK: &[u8] = &[3, 0];

/// A row of the listing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) collection: String,
    pub(crate) study_instance_uid: String,
    pub(crate) series_instance_uid: String,
    pub(crate) image_count: usize,
    pub(crate) file_size: u64,
}

/// Bytes that stand so many times in a ZIP.
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    pub(crate) times: usize,
}

/// A series that can be sent.
pub(crate) struct Prepared {
    pub(crate) listed: Listed,
    pub(crate) zip: Vec<Piece>,
}

impl Prepared {
    /// Bytes of the ZIP.
    pub(crate) fn zip_bytes(&self) -> u64 {
        self.zip.iter().map(|piece| (piece.bytes.len() * piece.times) as u64).sum()
    }

    /// The ZIP in one piece, copied only where it is not.
    pub(crate) fn whole_zip(&self) -> Cow<'_, [u8]> {
        match self.zip.as_slice() {
            [only] if only.times == 1 => Cow::Borrowed(&only.bytes),
            pieces => {
                let repeated = pieces.iter().map(|piece| piece.bytes.repeat(piece.times));
                repeated.collect::<Vec<_>>().concat().into()
            }
        }
    }

    /// Series of a shape; packed by as many threads as there are cores.
    pub(crate) fn many(
        collection: &str,
        shape: Shape,
        series: usize,
        instances: usize,
    ) -> anyhow::Result<Vec<Self>> {
        let (waiting, prepared) = (Mutex::new(0..series), Mutex::new(Vec::new()));
        let next = || waiting.lock().expect("no thread panics while it holds the lock").next();
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism()?.get() {
                scope.spawn(|| {
                    while let Some(number) = next() {
                        let one = Self::of_shape(collection, shape, number, instances);
                        prepared.lock().expect("no thread panics while it holds the lock").push(one);
                    }
                });
            }
            anyhow::Ok(())
        })?;
        Ok(prepared.into_inner()?)
    }

    fn of_shape(collection: &str, shape: Shape, series: usize, instances: usize) -> Self {
        let mut zip = JavaZip::new().entry("LICENSE", LICENSE.as_bytes());
        let mut md5_list = Md5List::default();
        let first = shape.instance(series, 0);
        let mut file_size = 0;
        for number in 0..instances {
            let file = shape.instance(series, number).file();
            let name = format!("1-{:03}.dcm", number + 1);
            md5_list.add(&name, Md5::digest(&file).into());
            zip = zip.entry(&name, &file);
            file_size += file.len() as u64;
        }
        let zip = zip.entry(MD5_LIST, md5_list.0.as_bytes()).finish();
        let listed = Listed {
            collection: collection.to_owned(),
            study_instance_uid: first.study_instance_uid,
            series_instance_uid: first.series_instance_uid,
            image_count: instances,
            file_size,
        };
        Self { listed, zip: vec![Piece { bytes: zip, times: 1 }] }
    }

    /// One series of one instance: a CT header, then the voxels of one slice so many times.
    ///
    /// Packed slice by slice, each without a look at the one before it, so that one packed slice stands for all.
    pub(crate) fn one_large(collection: &str, series: usize, slices: usize) -> anyhow::Result<Self> {
        let mut instance = Shape::Ct.instance(series, 0);
        let voxels_bytes =
            u32::try_from(instance.voxels.len() * slices).context("more voxels than DICOM can count")?;
        instance.announce_voxels(voxels_bytes);
        let (mut md5, mut crc32) = (Md5::new_with_prefix(&instance.header), crc32fast::Hasher::new());
        crc32.update(&instance.header);
        for _ in 0..slices {
            md5.update(&instance.voxels);
            crc32.update(&instance.voxels);
        }
        let (head, slice) = (packed(&instance.header)?, packed(&instance.voxels)?);
        let packed_bytes = (head.len() + slice.len() * slices + LAST_BLOCK.len()) as u64;
        let file_size = instance.header.len() as u64 + u64::from(voxels_bytes);
        let mut md5_list = Md5List::default();
        md5_list.add("1-001.dcm", md5.finalize().into());
        let zip = JavaZip::new().entry("LICENSE", LICENSE.as_bytes());
        let (before, rest) = zip.huge_entry("1-001.dcm", crc32.finalize(), packed_bytes, file_size);
        let rest = rest.entry(MD5_LIST, md5_list.0.as_bytes()).finish();
        let listed = Listed {
            collection: collection.to_owned(),
            study_instance_uid: instance.study_instance_uid,
            series_instance_uid: instance.series_instance_uid,
            image_count: 1,
            file_size,
        };
        let once = |bytes| Piece { bytes, times: 1 };
        let zip = vec![
            once([before, head].concat()),
            Piece { bytes: slice, times: slices },
            once([LAST_BLOCK, &rest].concat()),
        ];
        Ok(Self { listed, zip })
    }
}

/// The list of MD5s that closes a ZIP.
struct Md5List(String);

impl Default for Md5List {
    fn default() -> Self {
        Self("Filename,MD5Hash\n".to_owned())
    }
}

impl Md5List {
    fn add(&mut self, name: &str, md5: [u8; 16]) {
        let hex = format!("{:032x}", u128::from_be_bytes(md5));
        self.0.extend([name, ",", &hex, "\n"]);
    }
}

/// Deflate of some bytes that ends at a byte and begins without memory of what was before.
fn packed(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut packed = Vec::with_capacity(bytes.len() + 1024);
    Compress::new(Compression::default(), false).compress_vec(bytes, &mut packed, FlushCompress::Full)?;
    Ok(packed)
}
