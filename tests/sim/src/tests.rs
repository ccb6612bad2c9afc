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

#[test]
#[ignore = "scan"]
fn scan() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (first, seeds) = (number("FIRST", 0), number("SEEDS", 200));
    if let Ok(seed) = std::env::var("TRACE") {
        let (lived, lines) = trace(seed.parse().unwrap());
        for line in lines {
            println!("{line}");
        }
        println!("{lived:?}");
        return;
    }
    let mut total = Summary::default();
    let mut kinds = std::collections::BTreeMap::<String, (u64, String)>::new();
    for seed in first..first + seeds {
        match run(seed) {
            Ok(summary) => total.add(&summary),
            Err(violation) => {
                let kind = violation
                    .split(" s: ")
                    .nth(1)
                    .unwrap_or(&violation)
                    .chars()
                    .filter(|c| !c.is_ascii_digit())
                    .take(60)
                    .collect();
                kinds.entry(kind).or_insert((0, violation)).0 += 1;
            }
        }
    }
    println!("{total:?}");
    for (times, example) in kinds.values() {
        println!("{times} times: {}", example.chars().take(500).collect::<String>());
    }
}
