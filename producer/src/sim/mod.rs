//! A seeded simulation of the pipeline: no clock, no network, no thread, and so thousands of histories in a second.
//! One seed decides what users do, what goes wrong, and when (`workload`), a service of its own answers (`world`), and
//! everything that is said is held against what happened (`oracle`). The same seed is the same history.
//! Called by our tests, by `cargo xtask sim` and by `cargo xtask mutants`.

/// Gives up a history in which something does not hold.
macro_rules! ensure {
    ($condition:expr, $($words:tt)*) => {
        if !$condition {
            return Err(format!($($words)*));
        }
    };
}

mod driver;
mod oracle;
mod workload;
mod world;

use crate::sim::driver::Driver;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a history was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records that were accepted.
    pub accepted: u64,
    /// Of them, those that are stored.
    pub stored: u64,
    /// And those that were given up.
    pub failed: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// Steps that were made.
    pub steps: u64,
    /// All that happened, in one number: two histories that differ anywhere differ here.
    pub digest: u64,
}

/// What a stream takes in a record before anything else is known of it.
const RECORD_LIMIT: usize = 10 * 1024 * 1024;

/// Lives one history through; the error names the seed, the step and what was violated.
pub fn run(seed: u64) -> Result<Summary, String> {
    let mut driver = Driver::new(seed);
    let lived = catch_unwind(AssertUnwindSafe(|| driver.live())).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        Err(format!(
            "it panics: {}",
            words.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned())).unwrap_or_default()
        ))
    });
    lived.map_err(|violation| format!("seed {seed}, step {}: {violation}", driver.steps()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lives histories through, from a seed on.
    fn live(first: u64, seeds: u64) {
        let mut total = Summary::default();
        for seed in first..first + seeds {
            let summary = run(seed).unwrap_or_else(|violation| panic!("{violation}"));
            total.accepted += summary.accepted;
            total.stored += summary.stored;
            total.failed += summary.failed;
            total.requests += summary.requests;
            total.steps += summary.steps;
        }
        assert!(total.stored > total.failed && total.failed > 0, "nothing much happened: {total:?}");
    }

    #[test]
    fn promises_hold_in_the_first_half_of_all_histories() {
        live(0, 10_000);
    }

    #[test]
    fn promises_hold_in_the_second_half_of_all_histories() {
        live(10_000, 10_000);
    }

    #[test]
    fn one_seed_is_one_history() {
        for seed in 0..50 {
            assert_eq!(run(seed), run(seed));
        }
        assert_ne!(run(1).unwrap().digest, run(2).unwrap().digest);
    }
}
