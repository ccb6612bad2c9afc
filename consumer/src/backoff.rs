//! How long to wait before what failed is tried again: twice as long each time, spread by chance.
//! Pure; the caller waits.

use std::time::Duration;

/// Waits for one thing that fails again and again.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
    chance: fastrand::Rng,
}

impl Backoff {
    /// The first wait is `first` on average; none exceeds `longest`.
    pub(crate) fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { next: first, longest, chance: fastrand::Rng::with_seed(seed) }
    }

    /// It failed once more.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next.mul_f64(0.5 + self.chance.f64()).min(self.longest);
        self.next = (self.next * 2).min(self.longest);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_and_are_spread() {
        let longest = Duration::from_secs(30);
        let mut one = Backoff::new(Duration::from_millis(100), longest, 1);
        let mut other = Backoff::new(Duration::from_millis(100), longest, 2);
        let (ones, others): (Vec<_>, Vec<_>) = (0..40).map(|_| (one.next(), other.next())).unzip();
        assert_ne!(ones, others);
        assert!((50..150).contains(&ones[0].as_millis()));
        assert!(ones.iter().all(|wait| *wait <= longest) && ones[39] >= longest / 2);
    }
}
