//! The figures that a service tells of a series, and the one MD5 over it.

use crate::dicom::Series;
use crate::nbia::{self, Client, Endpoint, Md5Scope};

/// Number of instances and bytes of a series: as listed, completed by getSeriesSize where the listing says too little.
pub async fn figures(client: &Client, series: &Series) -> Result<(Option<u32>, Option<u64>), nbia::Error> {
    let (mut image_count, mut size_bytes) = (series.image_count, series.file_size);
    let incomplete = image_count.is_none() || size_bytes.is_none();
    if incomplete && client.offers(Endpoint::SeriesSize) {
        let size = client.series_size(&series.series_instance_uid).await?;
        size_bytes = size_bytes.or(size.and_then(|size| size.total_size_in_bytes));
        image_count = image_count.or(size.and_then(|size| size.object_count));
    }
    Ok((image_count, size_bytes))
}

/// The one MD5 over a series, where the service tells it. One that fails to leaves the other proofs.
pub async fn md5_hierarchy(client: &Client, series: &Series) -> Result<Option<[u8; 16]>, nbia::Error> {
    if !client.tells_md5s() {
        return Ok(None);
    }
    match client.md5_hierarchy(&Md5Scope::Series(series.series_instance_uid.clone())).await {
        Err(error) if error.is_of_one_answer() => Ok(None),
        told => told,
    }
}
