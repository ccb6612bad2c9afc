//! How long what failed is left alone before the next attempt: twice as long each time, up to a limit, spread by
//! chance so that readers who failed together part.
//! Pure; the caller waits. Called by `cursor` and `shard_task`, once per failure, and reset by the first success.

use std::time::Duration;

/// Failures beyond this lengthen no wait.
const LAST_STEP: u32 = 30;

/// Failures in a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It failed once more: how long to wait. Between a half and one and a half of `first`, twice that the next
    /// time, and never more than `longest`.
    pub(crate) fn next(&mut self, first: Duration, longest: Duration, chance: &mut fastrand::Rng) -> Duration {
        let step = self.failures.min(LAST_STEP);
        self.failures = self.failures.saturating_add(1);
        // Cut before the spread and after it: waits at the limit are spread too.
        let middle = first.saturating_mul(1 << step).min(longest);
        middle.mul_f64(0.5 + chance.f64()).min(longest)
    }

    /// It succeeded.
    pub(crate) fn reset(&mut self) {
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
            let (mut backoff, mut chance) = (Backoff::default(), fastrand::Rng::with_seed(seed));
            for failure in 0..40_u32 {
                let middle = (first * 2_u32.pow(failure.min(20))).min(LONGEST);
                let wait = backoff.next(first, LONGEST, &mut chance);
                assert!(wait >= middle / 2 && wait <= (middle * 3 / 2).min(LONGEST), "seed {seed}: {wait:?}");
            }
            backoff.reset();
            assert!(backoff.next(first, LONGEST, &mut chance) <= first * 3 / 2);
        }
    }
}
