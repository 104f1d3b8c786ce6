//! How many series are under way at a time: one more while the service bears it, a quarter fewer when it does not.

use std::time::Duration;

/// How often it is thought over: then one series more may begin.
pub(super) const STEP: Duration = Duration::from_secs(1);
/// Steps after a cut before anything changes again: what was under way before it tells nothing new.
const CALM_STEPS: u32 = 10;
/// With how many it begins, where so many are allowed.
const FIRST: usize = 4;

/// The bounds of how many series are under way at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parallel {
    /// So many at least, whatever the service bears.
    pub least: usize,
    /// So many at the most.
    pub most: usize,
}

/// What is seen of the work at one step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Signs so far that the service has too much to do.
    pub(super) strains: u64,
    /// Bytes that have arrived so far.
    pub(super) arrived: u64,
    /// Series that are under way.
    pub(super) running: usize,
}

/// How many series may be under way, from step to step.
#[derive(Debug)]
pub(super) struct Concurrency {
    bounds: Parallel,
    allowed: usize,
    before: Seen,
    calm_steps: u32,
}

impl Concurrency {
    pub(super) fn new(bounds: Parallel) -> Self {
        let allowed = FIRST.min(bounds.most).max(bounds.least);
        Self { bounds, allowed, before: Seen::default(), calm_steps: 0 }
    }

    /// How many series may be under way.
    pub(super) fn allowed(&self) -> usize {
        self.allowed
    }

    /// Takes into account what happened since the last step.
    pub(super) fn step(&mut self, seen: Seen) {
        let (is_strained, has_arrived) =
            (seen.strains > self.before.strains, seen.arrived > self.before.arrived);
        self.before = seen;
        if self.calm_steps > 0 {
            self.calm_steps -= 1;
        } else if is_strained {
            self.allowed = (self.allowed * 3 / 4).max(self.bounds.least);
            self.calm_steps = CALM_STEPS;
        } else if has_arrived && seen.running >= self.allowed {
            self.allowed = (self.allowed + 1).min(self.bounds.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is allowed after each step of a service that bears so many at a time, and says so when there are more.
    fn against(bounds: Parallel, borne: usize, steps: u64) -> Vec<usize> {
        let mut concurrency = Concurrency::new(bounds);
        let mut strains = 0;
        let allowed = (1..=steps).map(|arrived| {
            let running = concurrency.allowed();
            strains += u64::from(running > borne);
            concurrency.step(Seen { strains, arrived, running });
            concurrency.allowed()
        });
        allowed.collect()
    }

    #[test]
    fn it_grows_by_one_up_to_the_bound() {
        assert_eq!(against(Parallel { least: 1, most: 8 }, 100, 6), [5, 6, 7, 8, 8, 8]);
        assert_eq!(against(Parallel { least: 1, most: 2 }, 100, 2), [2, 2]);
        assert_eq!(against(Parallel { least: 6, most: 7 }, 100, 2), [7, 7]);
    }

    #[test]
    fn it_is_cut_once_for_what_one_excess_brings_and_then_grows_again() {
        let allowed = against(Parallel { least: 1, most: 64 }, 12, 200);
        let cuts: Vec<_> = allowed.windows(2).filter(|pair| pair[1] < pair[0]).collect();
        assert!(!cuts.is_empty() && cuts.iter().all(|pair| **pair == [13, 9]), "{cuts:?}");
        assert_eq!(allowed.iter().max(), Some(&13));
        let later = &allowed[20..];
        assert!(later.iter().sum::<usize>() > later.len() * 9, "{later:?}");
    }

    #[test]
    fn it_never_falls_below_its_least() {
        assert_eq!(against(Parallel { least: 3, most: 8 }, 0, 40).iter().min(), Some(&3));
        assert_eq!(against(Parallel { least: 1, most: 8 }, 0, 40).iter().min(), Some(&1));
    }

    #[test]
    fn it_does_not_grow_while_nothing_arrives_or_less_is_under_way() {
        let mut concurrency = Concurrency::new(Parallel { least: 1, most: 8 });
        for _ in 0..5 {
            concurrency.step(Seen { strains: 0, arrived: 0, running: 4 });
        }
        for arrived in 1..5 {
            concurrency.step(Seen { strains: 0, arrived, running: 3 });
        }
        assert_eq!(concurrency.allowed(), 4);
    }
}
