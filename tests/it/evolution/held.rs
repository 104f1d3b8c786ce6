//! What a mirror must hold after each listing, out of the catalogues alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::days::{name, uid};
use crate::support::catalogue::{Catalogue, SampleSeries};
use crate::support::program::{is_instance, tree};

/// Instances of versions that left the tree, as often as they did: series and file, bytes.
pub(super) type Replaced = Vec<(String, Vec<u8>)>;

/// A mirror as it must be.
#[derive(Clone)]
pub(super) struct Held {
    dialect: &'static str,
    /// By UID the version in the tree, at the place where the service lists it.
    series: BTreeMap<String, SampleSeries>,
    /// What is asked about by itself when it is listed next, as the last listing did not show it.
    looked_at: BTreeSet<String>,
    pub(super) replaced: Replaced,
}

impl Held {
    pub(super) fn nothing(dialect: &'static str) -> Self {
        Self { dialect, series: BTreeMap::new(), looked_at: BTreeSet::new(), replaced: Vec::new() }
    }

    /// Takes what a service lists; gives the names of the series whose images are asked for.
    pub(super) fn take(&mut self, today: &Catalogue) -> BTreeSet<&'static str> {
        let fetched = today.series.iter().filter(|series| self.take_one(series));
        let fetched = fetched.map(|series| name(&series.series)).collect();
        let listed: BTreeSet<_> = today.series.iter().map(|series| &series.series).collect();
        self.looked_at = self.series.keys().filter(|uid| !listed.contains(uid)).cloned().collect();
        fetched
    }

    fn take_one(&mut self, listed: &SampleSeries) -> bool {
        let Some(old) = self.series.get(&listed.series).cloned() else {
            self.series.insert(listed.series.clone(), listed.clone());
            return true;
        };
        let is_elsewhere = place(&old) != place(listed);
        let is_told = self.tells_another_version(&old, listed, is_elsewhere);
        if is_elsewhere || is_told {
            self.replaced.extend(instances(&old));
        }
        let version = if is_told {
            listed.clone()
        } else {
            // what brings no image brings no licence text either
            SampleSeries { files: old.files, license_name: old.license_name, ..listed.clone() }
        };
        self.series.insert(listed.series.clone(), version);
        is_told
    }

    /// Whether the service tells that a series is not what it was.
    ///
    /// `bindaas-v3` lists neither bytes nor times: bytes are asked for (getSeriesSize) when there is a reason to look at
    /// the series at all. Version 4 lists days, version 1 times.
    fn tells_another_version(&self, old: &SampleSeries, new: &SampleSeries, is_elsewhere: bool) -> bool {
        let is_looked_at = is_elsewhere || self.looked_at.contains(&new.series);
        let has_other_bytes = old.bytes() != new.bytes();
        let by_time = match self.dialect {
            "nbia-v1" => old.submitted != new.submitted,
            "nbia-v4" => old.submitted[..10] != new.submitted[..10],
            _ => false,
        };
        old.files.len() != new.files.len()
            || has_other_bytes && (self.dialect != "bindaas-v3" || is_looked_at)
            || by_time
    }

    /// There is a reason to ask about a series by itself when it is listed next.
    pub(super) fn look_at(&mut self, name: &str) {
        self.looked_at.insert(uid(name));
    }

    /// Takes one series as the service has it now, whatever it tells.
    pub(super) fn repair(&mut self, name: &str, today: &Catalogue) {
        let uid = uid(name);
        let now = today.series.iter().find(|series| series.series == uid).unwrap();
        let old = self.series.insert(uid, now.clone()).unwrap();
        self.replaced.extend(instances(&old));
    }

    /// Forgets what is old: these series, and every version that was replaced.
    pub(super) fn prune(&mut self, withdrawn: &[&str]) {
        self.series.retain(|uid, _| !withdrawn.contains(&name(uid)));
        self.replaced.clear();
    }

    /// Every file of its tree.
    pub(super) fn tree(&self) -> BTreeMap<String, Vec<u8>> {
        let is_licensed = self.dialect != "bindaas-v3";
        self.series.values().flat_map(|series| series.expected_tree(is_licensed)).collect()
    }

    /// In what it is not the service of today: what is kept, what has older images, what has an older licence text.
    pub(super) fn unlike(&self, today: &Catalogue) -> [BTreeSet<&'static str>; 3] {
        let now = |old: &&SampleSeries| today.series.iter().find(|new| new.series == old.series).cloned();
        let of = |is_unlike: &dyn Fn(&SampleSeries, Option<SampleSeries>) -> bool| {
            let unlike = self.series.values().filter(|old| is_unlike(old, now(old)));
            unlike.map(|series| name(&series.series)).collect()
        };
        [
            of(&|_, new| new.is_none()),
            of(&|old, new| new.is_some_and(|new| new.files != old.files)),
            of(&|old, new| new.is_some_and(|new| new.license() != old.license())),
        ]
    }
}

fn place(series: &SampleSeries) -> [&str; 3] {
    [&series.collection, &series.patient_id, &series.study]
}

fn instances(series: &SampleSeries) -> Replaced {
    let of = |(uid, bytes): (&String, &Vec<u8>)| (format!("{}/{uid}.dcm", series.series), bytes.clone());
    series.files.iter().map(of).collect()
}

/// What lies in `replaced/`, when each version left aside.
pub(super) fn replaced(root: &Path) -> Replaced {
    let files = tree(&root.join(".tcia-mirror/replaced")).into_iter().filter(|(path, _)| is_instance(path));
    let without_stamp = |path: String| {
        let (version, file) = path.split_once('/').unwrap();
        format!("{}/{file}", version.split('~').next().unwrap())
    };
    let mut replaced: Vec<_> = files.map(|(path, bytes)| (without_stamp(path), bytes)).collect();
    replaced.sort();
    replaced
}
