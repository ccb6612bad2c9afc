//! Lives through many histories of the producer's pipeline or of whole consumers, and tells which promises broke, and by
//! which seed.
//! Why beside the tests: they live through a few thousand, so that they end soon; this one runs as long as it is told to.

use crate::shell::Outcome;
use std::collections::BTreeMap;
use std::thread;

/// Something of which histories are lived through.
pub(crate) struct Subject {
    /// As many as a minute or two allow.
    seeds: u64,
    /// Lives through one, and gives what is counted of it.
    live: fn(u64) -> Result<Counts, String>,
}

/// What is counted, by name.
type Counts = Vec<(&'static str, u64)>;

/// The producer's pipeline.
pub(crate) const PRODUCER: Subject = Subject { seeds: 100_000, live: produce };

/// Consumers, a store and the broker.
pub(crate) const CONSUMER: Subject = Subject { seeds: 3_000, live: consume };

fn produce(seed: u64) -> Result<Counts, String> {
    let summary = tailwater_producer::sim::run(seed)?;
    Ok(vec![
        ("steps", summary.steps),
        ("requests", summary.requests),
        ("records accepted", summary.accepted),
        ("stored", summary.stored),
        ("given up", summary.failed),
    ])
}

fn consume(seed: u64) -> Result<Counts, String> {
    let summary = tailwater_sim::run(seed)?;
    Ok(vec![
        ("records", summary.records),
        ("delivered", summary.delivered),
        ("again", summary.again),
        ("writes of rows", summary.writes),
        ("calls that failed", summary.failures),
        ("starts of workers", summary.starts),
        ("disturbances", summary.disturbances),
        ("splits and merges", summary.reshards),
        ("simulated seconds", summary.millis / 1000),
    ])
}

/// A violation without its numbers, with how often it was met and the first that met it.
type Violations = BTreeMap<String, (u64, String)>;

/// Runs seeds on every processor.
pub(crate) fn run(subject: &Subject, words: &[&str]) -> Outcome {
    let (mut seeds, mut first) = (subject.seeds, 0);
    for pair in words.chunks(2) {
        match pair {
            ["--seeds", number] => seeds = number.parse()?,
            ["--first", number] => first = number.parse()?,
            _ => return Err("usage: cargo xtask sim producer|consumer [--seeds N] [--first S]".into()),
        }
    }
    let workers = thread::available_parallelism()?.get() as u64;
    let lived = thread::scope(|scope| {
        let seeds = |worker| (first..first + seeds).filter(move |seed| seed % workers == worker);
        let workers: Vec<_> =
            (0..workers).map(|worker| scope.spawn(move || live(subject.live, seeds(worker)))).collect();
        workers.into_iter().map(thread::ScopedJoinHandle::join).collect::<Result<Vec<_>, _>>()
    });
    let lived = lived.map_err(|_| "a worker panicked")?;
    let (mut total, mut violations) = (Counts::new(), Violations::new());
    for (counts, found) in lived {
        add(&mut total, &counts);
        for (kind, (times, example)) in found {
            violations.entry(kind).or_insert((0, example)).0 += times;
        }
    }
    let counts: Vec<String> = total.iter().map(|(name, count)| format!("{count} {name}")).collect();
    println!("{seeds} histories from {first} on: {}", counts.join(", "));
    for (times, example) in violations.values() {
        println!("{times} times: {example}");
    }
    if violations.is_empty() { Ok(()) } else { Err(format!("{} kinds of violations", violations.len()).into()) }
}

/// Tells everything that happens in one history of consumers.
pub(crate) fn trace(seed: &str) -> Outcome {
    let (lived, lines) = tailwater_sim::trace(seed.parse()?);
    for line in lines {
        println!("{line}");
    }
    lived.map(drop).map_err(Into::into)
}

fn live(one: fn(u64) -> Result<Counts, String>, seeds: impl Iterator<Item = u64>) -> (Counts, Violations) {
    let (mut total, mut violations) = (Counts::new(), Violations::new());
    for seed in seeds {
        match one(seed) {
            Ok(counts) => add(&mut total, &counts),
            Err(violation) => {
                let letters = violation.chars().filter(|letter| !letter.is_ascii_digit());
                let kind = letters.take(70).collect();
                violations.entry(kind).or_insert((0, violation)).0 += 1;
            }
        }
    }
    (total, violations)
}

fn add(total: &mut Counts, counts: &Counts) {
    if total.is_empty() {
        total.extend(counts.iter().map(|(name, _)| (*name, 0)));
    }
    for ((_, sum), (_, count)) in total.iter_mut().zip(counts) {
        *sum += count;
    }
}
