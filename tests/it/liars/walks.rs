//! The table of lists, carried out: a mirror of its own for each row, some of them at once.

use std::sync::Mutex;

use super::MOST_MEMORY;
use super::lists::{Ending, ListRow, rows};
use super::server::Liar;
use crate::support::catalogue::{COLLECTION, Catalogue};
use crate::support::fake_tcia::FakeTcia;
use crate::support::program::{Lab, tree};
use crate::support::sound::assert_sound;

/// Rows that are carried out at once.
const AT_ONCE: usize = 4;
/// An honest archive of two series, and what a mirror of it holds.
struct Archive {
    catalogue: Catalogue,
    honest: FakeTcia,
    _source: tempfile::TempDir,
}

impl Archive {
    fn new() -> Self {
        let (catalogue, source) = (Catalogue::small(2, 2, 600), tempfile::tempdir().unwrap());
        catalogue.build(source.path());
        let honest = FakeTcia::start(source.path());
        Self { catalogue, honest, _source: source }
    }

    /// Carries a row out twice; gives what is not as it should be.
    fn carry_out(&self, row: &ListRow) -> Vec<String> {
        [self.while_it_lasts(row), self.once(row)]
            .concat()
            .iter()
            .map(|complaint| format!("{} ({}): {complaint}", row.does, row.endpoint))
            .collect()
    }

    fn while_it_lasts(&self, row: &ListRow) -> Vec<String> {
        let (liar, lab) = self.lab(row, None);
        // without logs: what is said at the end must say it all
        let (ended, peak_bytes) = lab.run_watched(&["--quiet", "mirror", "--collection", COLLECTION]);
        let (code, said) = match row.ending {
            Ending::Done => (0, ""),
            Ending::Failed(said) => (1, said),
            Ending::Told(said) | Ending::Parked(said) => (3, said),
        };
        let mut complaints = Vec::new();
        let is_said = match row.ending {
            Ending::Parked(_) => lab.run(&["status"]).stdout.contains(said),
            _ => ended.stderr.contains(said),
        };
        if ended.code != Some(code) || !is_said || peak_bytes > MOST_MEMORY {
            complaints.push(format!(
                "{:?} and {peak_bytes} bytes of memory: {}{}",
                ended.code, ended.stdout, ended.stderr
            ));
        }
        let placed = Catalogue { series: self.catalogue.series[..row.placed].to_vec() };
        complaints.extend(Self::tree_is(&lab, &placed, row));
        liar.repent();
        let again = if matches!(row.ending, Ending::Parked(_)) { "retry" } else { "mirror" };
        let healed = lab.run(&[again, "--collection", COLLECTION]);
        if healed.code != Some(0) {
            complaints.push(format!("healed, {:?}: {}", healed.code, healed.stderr));
        }
        complaints.extend(Self::tree_is(&lab, &self.catalogue, row));
        complaints
    }

    fn once(&self, row: &ListRow) -> Vec<String> {
        let (liar, lab) = self.lab(row, Some(1));
        let ended = lab.run(&["mirror", "--collection", COLLECTION]);
        let mut complaints: Vec<_> = Self::tree_is(&lab, &self.catalogue, row).into_iter().collect();
        if ended.code != Some(row.once) || liar.told() != [1] {
            complaints.push(format!("once, {:?}, {:?}: {}", ended.code, liar.told(), ended.stderr));
        }
        complaints
    }

    fn lab(&self, row: &ListRow, times: Option<u32>) -> (Liar, Lab) {
        let liar = Liar::before(self.honest.address());
        liar.tell(row.endpoint, "", times, &row.lie);
        let lab = Lab::new(&liar.base_url(row.dialect));
        lab.configure("[http]\nmin_rate = \"8KiB/s\"\n[retry]\nattempts = 2");
        (liar, lab)
    }

    fn tree_is(lab: &Lab, catalogue: &Catalogue, row: &ListRow) -> Option<String> {
        assert_sound(&lab.root());
        let beside = std::fs::read_dir(lab.beside("")).unwrap().count();
        let expected = catalogue.expected_tree(row.dialect.starts_with("nbia"));
        let found = tree(&lab.root());
        (found != expected || beside != 2)
            .then(|| format!("the tree holds {:?}", found.keys().collect::<Vec<_>>()))
    }
}

#[test]
fn a_lie_about_a_list_costs_no_series_and_is_told() {
    let archive = Archive::new();
    let (rows, complaints) = (Mutex::new(rows()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(row) = { rows.lock().unwrap().pop() } {
                    let found = archive.carry_out(&row);
                    complaints.lock().unwrap().extend(found);
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}
