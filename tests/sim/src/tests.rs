//! Histories, many of them.

use super::*;

/// Lives histories through, from a seed on.
fn histories(first: u64, seeds: u64) -> Summary {
    let mut total = Summary::default();
    for seed in first..first + seeds {
        let summary = run(seed).unwrap_or_else(|violation| panic!("{violation}"));
        total.add(&summary);
    }
    total
}

#[test]
fn promises_hold_in_the_first_half_of_all_histories() {
    let total = histories(0, 1_000);
    assert!(total.delivered > total.again && total.again > 0, "nothing much happened: {total:?}");
}

#[test]
fn promises_hold_in_the_second_half_of_all_histories() {
    histories(1_000, 1_000);
}

#[test]
fn one_seed_is_one_history() {
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
    }
}

/// A leader that gives the lead up as it gains it; a listing that was long on its way; a lease that is given to one who
/// leaves; two who bear one name. All were violations once, of the consumer's promises or of the simulation's own.
#[test]
fn promises_hold_where_they_were_once_broken() {
    for seed in [2410, 1190, 368, 1357, 1207, 5040, 5154] {
        run(seed).unwrap_or_else(|violation| panic!("{violation}"));
    }
}
