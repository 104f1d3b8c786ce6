//! The service on each of the days, and what was asked of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::days::{RELEASED, days, name};
use super::held::Held;
use super::{AT_ONCE, MIRROR};
use crate::support::catalogue::Catalogue;
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Lab, tree};

/// The service on each of the days, on disk.
pub(super) struct Service {
    pub(super) days: [Catalogue; 3],
    places: [TempDir; 3],
}

impl Service {
    pub(super) fn build() -> Self {
        let days = days();
        let places = days.each_ref().map(|day| {
            let place = tempfile::tempdir().unwrap();
            day.build(place.path());
            place
        });
        Self { days, places }
    }

    /// The next day, of which a mirror knows nothing yet.
    pub(super) fn next_day(&self, fake: FakeTcia, lab: &Lab, day: usize) -> FakeTcia {
        set_watermarks(lab, &format!("{}T00:00:00Z", RELEASED[day]));
        fake.restart(self.places[day].path())
    }

    /// Day 2 after day 0, of which a mirror has synced nothing since.
    pub(super) fn wake_on_day_2(&self, fake: FakeTcia, lab: &Lab) -> FakeTcia {
        set_watermarks(lab, &format!("{}T00:00:00Z", RELEASED[1]));
        fake.restart(self.places[2].path())
    }

    /// A mirror of day 0, and what it must hold.
    pub(super) fn mirror_day_0(&self, dialect: &'static str) -> (FakeTcia, Lab, Held) {
        let fake = FakeTcia::start(self.places[0].path());
        let lab = Lab::new(&fake.base_url(dialect));
        lab.configure(AT_ONCE);
        let mut held = Held::nothing(dialect);

        lab.run(&MIRROR).assert_code(0);

        assert_eq!(asked_for(&fake), held.take(&self.days[0]));
        assert!(tree(&lab.root()) == self.days[0].expected_tree(dialect != "bindaas-v3"), "{dialect}");
        (fake, lab, held)
    }
}

/// As if the mirror had been synced then.
pub(super) fn set_watermarks(lab: &Lab, time: &str) {
    let record = Connection::open(lab.root().join(".tcia-mirror/state.sqlite")).unwrap();
    let time: Timestamp = time.parse().unwrap();
    record.execute("UPDATE watermark SET synced_to = ?1", [time.as_second()]).unwrap();
}

/// The names of the series whose images were asked for.
pub(super) fn asked_for(fake: &FakeTcia) -> BTreeSet<&'static str> {
    let requests =
        ["getImage", "getImageWithMD5Hash", "getSingleImage"].map(|endpoint| fake.requests_of(endpoint));
    let uid = |query: &String| {
        let (_, from) = query.split_once("SeriesInstanceUID=").unwrap();
        name(from.split('&').next().unwrap())
    };
    requests.iter().flatten().map(uid).collect()
}
