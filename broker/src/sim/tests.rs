//! Histories, many of them.

use super::*;

/// Lives histories through, from a seed on.
fn histories(first: u64, seeds: u64) -> Summary {
    let mut total = Summary::default();
    for seed in first..first + seeds {
        total.add(&run(seed).unwrap_or_else(|violation| panic!("{violation}")));
    }
    total
}

#[test]
fn what_is_acknowledged_stays_in_the_first_half_of_all_histories() {
    let total = histories(0, 5_000);
    let least = [total.acknowledged, total.read, total.failures, total.ends, total.chores].into_iter().min();
    assert!(least > Some(5_000), "nothing much happened: {total:?}");
}

#[test]
fn what_is_acknowledged_stays_in_the_second_half_of_all_histories() {
    histories(5_000, 5_000);
}

#[test]
fn one_seed_is_one_history() {
    for seed in 0..50 {
        assert_eq!(run(seed), run(seed));
    }
}
