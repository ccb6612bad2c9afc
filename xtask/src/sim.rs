//! Lives through many histories of the producer's pipeline, and tells which promises broke, and by which seed.
//! Why beside the tests: they live through a few thousand, so that they end soon; this one runs as long as it is told to.

use crate::shell::Outcome;
use std::collections::BTreeMap;
use std::thread;
use tailwater_producer::sim;

/// As many as a minute or two allow.
const SEEDS: u64 = 100_000;

/// A violation without its numbers, with how often it was met and the first that met it.
type Violations = BTreeMap<String, (u64, String)>;

/// Runs seeds on every processor.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let (mut seeds, mut first) = (SEEDS, 0);
    for pair in words.chunks(2) {
        match pair {
            ["--seeds", number] => seeds = number.parse()?,
            ["--first", number] => first = number.parse()?,
            _ => return Err("usage: cargo xtask sim producer [--seeds N] [--first S]".into()),
        }
    }
    let workers = thread::available_parallelism()?.get() as u64;
    let lived = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || live((first..first + seeds).filter(|seed| seed % workers == worker))))
            .collect();
        workers.into_iter().map(thread::ScopedJoinHandle::join).collect::<Result<Vec<_>, _>>()
    });
    let lived = lived.map_err(|_| "a worker panicked")?;
    let (mut total, mut violations) = (sim::Summary::default(), Violations::new());
    for (summary, found) in lived {
        add(&mut total, &summary);
        for (kind, (times, example)) in found {
            violations.entry(kind).or_insert((0, example)).0 += times;
        }
    }
    println!(
        "{seeds} histories from {first} on: {} steps, {} requests, {} records accepted, {} stored, {} given up",
        total.steps, total.requests, total.accepted, total.stored, total.failed
    );
    for (times, example) in violations.values() {
        println!("{times} times: {example}");
    }
    if violations.is_empty() { Ok(()) } else { Err(format!("{} kinds of violations", violations.len()).into()) }
}

fn live(seeds: impl Iterator<Item = u64>) -> (sim::Summary, Violations) {
    let (mut total, mut violations) = (sim::Summary::default(), Violations::new());
    for seed in seeds {
        match sim::run(seed) {
            Ok(summary) => add(&mut total, &summary),
            Err(violation) => {
                let kind = violation.chars().filter(|letter| !letter.is_ascii_digit()).take(70).collect();
                violations.entry(kind).or_insert((0, violation)).0 += 1;
            }
        }
    }
    (total, violations)
}

fn add(total: &mut sim::Summary, summary: &sim::Summary) {
    total.accepted += summary.accepted;
    total.stored += summary.stored;
    total.failed += summary.failed;
    total.requests += summary.requests;
    total.steps += summary.steps;
}
