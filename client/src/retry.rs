//! When a call is repeated: how long to wait, and whether at all. Pure; the caller waits.
//! The series of waits is `backoff`'s; it shows nowhere else, so that it can be replaced.

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use std::time::Duration;

/// How often and how patiently calls are repeated.
///
/// ```
/// use std::time::Duration;
/// use tailwater_client::RetryPolicy;
///
/// let patient = RetryPolicy::default().with_attempts(8).with_longest_wait(Duration::from_secs(20));
/// assert_ne!(patient, RetryPolicy::default());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    pub(crate) attempts: u32,
    pub(crate) first_wait: Duration,
    pub(crate) longest_wait: Duration,
    pub(crate) budget: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 4, first_wait: Duration::from_millis(50), longest_wait: Duration::from_secs(5), budget: 100 }
    }
}

impl RetryPolicy {
    /// How often a call is tried in all, 1 or more. Default 4. (The SDKs' `max_attempts`, which is 3.)
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The wait before the second attempt, at the most; it doubles with each. Default 50 ms.
    #[must_use]
    pub fn with_first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait;
        self
    }

    /// The wait that is never exceeded. Default 5 s.
    #[must_use]
    pub fn with_longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }

    /// How many repetitions all calls of a client may save up. Each first attempt earns a tenth of one. Default 100.
    #[must_use]
    pub fn with_budget(mut self, repetitions: u32) -> Self {
        self.budget = repetitions;
        self
    }

    /// The waits before attempts 2, 3, …; none is left when all attempts were made.
    pub(crate) fn waits(&self) -> Waits {
        let series = ExponentialBackoff {
            current_interval: self.first_wait,
            initial_interval: self.first_wait,
            // Jitter is ours: the series is what it would be without chance.
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: self.longest_wait,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Waits { series, left: self.attempts.saturating_sub(1), longest: self.longest_wait }
    }
}

/// The waits of one call.
pub(crate) struct Waits {
    series: ExponentialBackoff,
    left: u32,
    longest: Duration,
}

impl Waits {
    /// The next wait: anything up to the next of the series, chosen by `chance`, so that callers who failed together do
    /// not come back together.
    pub(crate) fn next(&mut self, chance: &mut fastrand::Rng) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let at_most = self.series.next_backoff()?.min(self.longest);
        Some(at_most.mul_f64(chance.f64()))
    }
}

/// Repetitions that all calls share. In an outage, when every call fails, traffic grows by a tenth, not by the number of
/// attempts.
///
/// ```
/// use tailwater_client::RetryBudget;
///
/// let mut budget = RetryBudget::new(1);
/// assert!(budget.spend() && !budget.spend());
/// (0..10).for_each(|_| budget.earn());
/// assert!(budget.spend());
/// ```
#[derive(Debug)]
pub struct RetryBudget {
    /// In tenths of a repetition.
    saved: u64,
    most: u64,
}

const TENTHS: u64 = 10;

impl RetryBudget {
    /// A budget with so many saved up, which is also the most.
    #[must_use]
    pub fn new(repetitions: u32) -> Self {
        let most = u64::from(repetitions) * TENTHS;
        Self { saved: most, most }
    }

    /// A first attempt is made.
    pub fn earn(&mut self) {
        self.saved = (self.saved + 1).min(self.most);
    }

    /// Whether there is a repetition to spend.
    pub fn spend(&mut self) -> bool {
        let Some(left) = self.saved.checked_sub(TENTHS) else { return false };
        self.saved = left;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let policy = RetryPolicy::default().with_attempts(12).with_longest_wait(Duration::from_secs(1));
        let (mut waits, mut expected) = (policy.waits(), 50);
        for _ in 0..11 {
            let at_most = waits.series.clone().next_backoff().unwrap().min(waits.longest);
            assert_eq!(at_most, Duration::from_millis(expected.min(1000)));
            assert!(waits.next(&mut fastrand::Rng::with_seed(7)).unwrap() <= at_most);
            expected *= 2;
        }
        assert_eq!(waits.next(&mut fastrand::Rng::with_seed(7)), None);
        assert_eq!(RetryPolicy::default().with_attempts(1).waits().next(&mut fastrand::Rng::with_seed(7)), None);
    }

    #[test]
    fn one_seed_gives_one_series_and_waits_are_spread() {
        let series = |seed| {
            let (mut chance, mut waits) =
                (fastrand::Rng::with_seed(seed), RetryPolicy::default().with_attempts(9).waits());
            std::iter::from_fn(|| waits.next(&mut chance)).collect::<Vec<_>>()
        };
        assert_eq!(series(1), series(1));
        assert_ne!(series(1), series(2));
        let last: Vec<Duration> = (0..200).map(|seed| *series(seed).last().unwrap()).collect();
        let longest = Duration::from_secs(5);
        assert!(last.iter().any(|wait| *wait < longest / 10) && last.iter().any(|wait| *wait > longest * 9 / 10));
    }

    proptest! {
        #[test]
        fn repetitions_never_exceed_what_was_saved_and_a_tenth_of_the_calls(
            saved in 0..50_u32,
            calls in prop::collection::vec(0..5_u32, 0..400),
        ) {
            let (mut budget, mut repeated) = (RetryBudget::new(saved), 0_u64);
            for wanted in &calls {
                budget.earn();
                repeated += (0..*wanted).filter(|_| budget.spend()).count() as u64;
            }
            prop_assert!(repeated <= u64::from(saved) + calls.len() as u64 / TENTHS);
        }
    }
}
