//! The figures that a service tells of a series.

use crate::dicom::Series;
use crate::nbia::{self, Client, Endpoint};

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
