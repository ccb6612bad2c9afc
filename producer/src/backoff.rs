//! How long a shard that failed is left alone before the next attempt.
//! Why: a record that comes back at once meets the same empty bucket, and takes what would have let others through.
//! Waits grow with each failure in a row and are spread by chance, so that producers who failed together part.
//! Pure; the caller waits. Called by `pipeline`, once per failed attempt of a shard, and reset by the first success.

use std::time::Duration;

/// Each failure in a row lengthens the wait by this factor. Little, since the first wait is already long enough for the
/// shard's bucket to fill: who waits much longer than others is served last by chance, not by right.
const GROWTH: f64 = 1.5;

/// Failures beyond this lengthen no wait that anyone would set.
const LAST_STEP: u32 = 200;

/// Consecutive failures of one shard, and the wait that follows from them.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// The first wait is `first` on average; none exceeds `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// It failed once more: how long to wait. Between a half and one and a half of the series' value: never next to
    /// nothing, since a bucket that was just found empty needs time to fill.
    pub(crate) fn next(&mut self, chance: &mut fastrand::Rng) -> Duration {
        let step = self.failures.min(LAST_STEP);
        self.failures = self.failures.saturating_add(1);
        // Cut before the spread and after it: waits at the limit are spread too.
        let longest = self.longest.as_secs_f64();
        let wait = (self.first.as_secs_f64() * GROWTH.powf(f64::from(step))).min(longest);
        Duration::try_from_secs_f64(wait * (0.5 + chance.f64())).map_or(self.longest, |wait| wait.min(self.longest))
    }

    /// Something was stored.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(3);

    #[test]
    fn waits_grow_around_their_spread_up_to_the_longest() {
        for seed in 0..200 {
            let (mut backoff, mut chance) = (Backoff::new(FIRST, LONGEST), fastrand::Rng::with_seed(seed));
            for failure in 0..40_u32 {
                let middle = FIRST.mul_f64(GROWTH.powf(f64::from(failure))).min(LONGEST);
                let wait = backoff.next(&mut chance);
                assert!(wait >= middle / 2 && wait <= (middle * 3 / 2).min(LONGEST), "seed {seed}: {wait:?}");
                assert_eq!(backoff.failures(), failure + 1);
            }
            backoff.reset();
            assert_eq!(backoff.failures(), 0);
            assert!(backoff.next(&mut chance) <= FIRST * 3 / 2);
        }
    }

    #[test]
    fn one_seed_gives_one_series_and_waits_are_spread() {
        let series = |seed| {
            let (mut backoff, mut chance) = (Backoff::new(FIRST, LONGEST), fastrand::Rng::with_seed(seed));
            std::iter::repeat_with(|| backoff.next(&mut chance)).take(9).collect::<Vec<_>>()
        };
        assert_eq!(series(1), series(1));
        let firsts: Vec<Duration> = (0..200).map(|seed| series(seed)[0]).collect();
        assert!(firsts.iter().any(|wait| *wait < FIRST * 6 / 10) && firsts.iter().any(|wait| *wait > FIRST * 14 / 10));
    }

    #[test]
    fn no_wait_overflows() {
        let mut chance = fastrand::Rng::with_seed(1);
        for (first, longest) in
            [(Duration::MAX, Duration::MAX), (Duration::ZERO, Duration::ZERO), (Duration::MAX, LONGEST)]
        {
            let mut backoff = Backoff { failures: u32::MAX - 1, ..Backoff::new(first, longest) };
            assert!((0..3).all(|_| backoff.next(&mut chance) <= longest));
            assert_eq!(backoff.failures(), u32::MAX);
        }
    }
}
