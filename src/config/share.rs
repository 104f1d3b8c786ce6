//! What each of several processes may do that make one mirror together: its part of what the configuration allows all.

use std::time::Duration;

use tracing::warn;

use super::Config;
use crate::dicom::Shard;
use crate::nbia::Rate;
use crate::sync::Parallel;

impl Config {
    /// Divides what is asked of a service, and at a time, by the number of shards.
    ///
    /// All together ask no more than one process would, with one exception: each has one series at a time at the least.
    #[must_use]
    pub fn divided(mut self) -> Self {
        let Some(shard) = self.sync.shard else { return self };
        let (Parallel { least, most }, of) = (self.sync.parallel, shard.of());
        if usize::from(of) > most {
            warn!("{of} shards have {of} series at a time together, where {most} are configured");
        }
        self.sync.parallel = Parallel { least: part(least, shard).max(1), most: part(most, shard).max(1) };
        for service in &mut self.services {
            service.query_rate = slowed(service.query_rate, of);
            service.image_rate = slowed(service.image_rate, of);
            service.bandwidth = part_of_bytes(service.bandwidth, of);
        }
        for (_, bandwidth) in &mut self.daemon.bandwidth {
            *bandwidth = part_of_bytes(*bandwidth, of);
        }
        self
    }
}

/// The part of a shard, those of all of which make up the whole.
fn part(whole: usize, shard: Shard) -> usize {
    (whole + usize::from(shard.of() - shard.number())) / usize::from(shard.of())
}

/// As many in a longer time; no limit stays none.
fn slowed(rate: Rate, of: u8) -> Rate {
    let per: Duration = rate.per.saturating_mul(u32::from(of));
    Rate { per, ..rate }
}

/// At least one, since zero is no limit.
fn part_of_bytes(bandwidth: u64, of: u8) -> u64 {
    if bandwidth == 0 { 0 } else { (bandwidth / u64::from(of)).max(1) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::Overrides;
    use super::*;

    fn divided(toml: &str, shard: &str) -> Config {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(toml.as_bytes()).unwrap();
        let config = Some(file.path().to_owned());
        let mut config = Config::load(Overrides { config, ..Overrides::default() }).unwrap();
        config.sync.shard = Some(shard.parse().unwrap());
        config.divided()
    }

    #[test]
    fn all_shards_together_have_what_one_process_has() {
        for (parallel, of) in [(4, 1), (4, 3), (4, 4), (7, 4), (16, 10), (256, 10)] {
            let toml = format!("[limits]\nparallel = {parallel}");
            let parts = (1..=of).map(|number| divided(&toml, &format!("{number}/{of}")).sync.parallel.most);

            assert_eq!(parts.sum::<usize>(), parallel, "{parallel} over {of}");
        }
    }

    #[test]
    fn more_shards_than_series_at_a_time_have_one_each() {
        let parts = [1, 2, 3, 4, 5]
            .map(|number| divided("[limits]\nparallel = 2", &format!("{number}/5")).sync.parallel.most);

        assert_eq!(parts, [1; 5]);
    }

    #[test]
    fn rates_and_bandwidth_of_every_service_are_divided() {
        let toml = r#"
            [limits]
            query_rate = "10/s"
            image_rate = "30/m"
            bandwidth = "100MB/s"
            [daemon]
            bandwidth = ["22:00-06:00 7MB/s"]
            [[service]]
            base_url = "http://127.0.0.1/nbia-api/services/v4"
            [[service]]
            base_url = "http://127.0.0.2/nbia-api/services/v4"
            query_rate = "0"
            bandwidth = "2"
            "#;

        let config = divided(toml, "2/4");

        let [first, second] = &config.services[..] else { panic!("two services") };
        assert_eq!((first.query_rate.amount, first.query_rate.per), (10, Duration::from_secs(4)));
        assert_eq!((first.image_rate.amount, first.image_rate.per), (30, Duration::from_mins(4)));
        assert_eq!(first.bandwidth, 25_000_000);
        assert_eq!(second.query_rate.amount, 0, "no limit stays none");
        assert_eq!(second.bandwidth, 1, "zero would be no limit");
        assert_eq!(config.daemon.bandwidth[0].1, 1_750_000);
    }
}
