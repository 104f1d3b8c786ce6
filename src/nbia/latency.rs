//! Whether the first bytes of answers come later and later, as those of a service do that has too much to do.

use std::time::Duration;

/// Answers over which the time of late is smoothed, and those over which the usual time is.
const LATELY: f64 = 8.0;
const USUALLY: f64 = 128.0;
/// How many times later than usually first bytes must come.
const RISEN: f64 = 2.0;
/// Answers before which nothing is usual.
const FIRST: u32 = 16;

/// The time to the first byte, smoothed twice; of logarithms, so that one answer that took minutes says little.
#[derive(Debug, Default)]
pub(super) struct Latency {
    lately: f64,
    usually: f64,
    answers: u32,
}

impl Latency {
    /// Takes the next answer into account; `true` when they have come so much later of late, which is then the new
    /// beginning, so that each rise is told once.
    pub(super) fn has_risen(&mut self, first_byte: Duration) -> bool {
        let logarithm = first_byte.as_secs_f64().max(1e-3).ln();
        self.answers = self.answers.saturating_add(1);
        let answers = f64::from(self.answers);
        self.lately += (logarithm - self.lately) / answers.min(LATELY);
        self.usually += (logarithm - self.usually) / answers.min(USUALLY);
        let has_risen = self.answers >= FIRST && self.lately - self.usually > RISEN.ln();
        if has_risen {
            *self = Self::default();
        }
        has_risen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After which of the answers, given in milliseconds, a rise was told.
    fn rises(answers: impl IntoIterator<Item = u64>) -> Vec<usize> {
        let mut latency = Latency::default();
        let told = answers.into_iter().map(|ms| latency.has_risen(Duration::from_millis(ms)));
        told.enumerate().filter(|(_, has_risen)| *has_risen).map(|(number, _)| number).collect()
    }

    #[test]
    fn answers_that_come_later_and_later_are_told() {
        let calm = std::iter::repeat_n(500, 50);
        let told = rises(calm.chain(std::iter::repeat_n(4000, 10)));
        assert_eq!(told.len(), 1);
        assert!((50..58).contains(&told[0]), "{told:?}");
    }

    #[test]
    fn what_stays_as_it_is_however_slow_or_uneven_is_no_rise() {
        assert!(rises(std::iter::repeat_n(20_000, 500)).is_empty());
        assert!(rises((0..500).map(|number| if number % 2 == 0 { 300 } else { 3000 })).is_empty());
        assert!(rises((0..500).map(|number| if number % 50 == 49 { 120_000 } else { 400 })).is_empty());
        assert!(rises((0..500).map(|number| 500 + number)).is_empty());
    }

    #[test]
    fn the_first_answers_are_not_compared_and_a_rise_begins_anew() {
        assert!(rises([1, 1, 1, 60_000, 60_000, 60_000, 60_000]).is_empty());
        let (calm, late) = (std::iter::repeat_n(100, 40), std::iter::repeat_n(900, 200));
        assert_eq!(rises(calm.chain(late)).len(), 1);
    }
}
