//! How long a call that failed is left alone before the next attempt: twice as long each time, up to a limit, spread by
//! chance so that readers who failed together part.
//! Pure; the caller waits. Called by `cursor`, once per failure, and reset by the first success.

use std::time::Duration;

/// Failures beyond this lengthen no wait.
const LAST_STEP: u32 = 30;

/// Failures in a row.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// No wait is longer than this.
    pub(super) fn new(longest: Duration) -> Self {
        Self { longest, failures: 0 }
    }

    /// It failed once more: how long to wait. Between a half and one and a half of `first`, twice that the next time.
    pub(super) fn next(&mut self, first: Duration, chance: &mut fastrand::Rng) -> Duration {
        let step = self.failures.min(LAST_STEP);
        self.failures = self.failures.saturating_add(1);
        // Cut before the spread and after it: waits at the limit are spread too.
        let middle = first.saturating_mul(1 << step).min(self.longest);
        middle.mul_f64(0.5 + chance.f64()).min(self.longest)
    }

    /// It succeeded.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(10);

    #[test]
    fn waits_double_around_their_spread_up_to_the_longest() {
        let first = Duration::from_millis(100);
        for seed in 0..100 {
            let (mut backoff, mut chance) = (Backoff::new(LONGEST), fastrand::Rng::with_seed(seed));
            for failure in 0..40_u32 {
                let middle = (first * 2_u32.pow(failure.min(20))).min(LONGEST);
                let wait = backoff.next(first, &mut chance);
                assert!(wait >= middle / 2 && wait <= (middle * 3 / 2).min(LONGEST), "seed {seed}: {wait:?}");
            }
            backoff.reset();
            assert!(backoff.next(first, &mut chance) <= first * 3 / 2);
        }
    }
}
