//! Measures local brokers beside one another: ours, three others, and a server that only answers.
//! Why: "fast" means something only beside what one would use instead, in one run, on one machine.
//!
//! Counted is the CPU time of the server alone, so other work on the machine disturbs little; brokers take turns within
//! each repetition, so a slow moment hits all of them; the median of the repetitions is shown. A broker that loses,
//! repeats, changes or reorders what it acknowledged, or ends, fails the run; a slow one does not.
//!
//! A record's way: `record` makes it, `load` puts it, `drain` reads it, `verify` compares; `http` carries it to and fro.
//! `subject` knows the brokers, `process` watches them, `null` is the one that only answers. `stream` makes streams,
//! `measure` runs a round, `table` shows them all.
//! Run by `cargo xtask rivals brokers`, which installs the others.

#![allow(clippy::disallowed_methods, reason = "what is measured here runs in real time")]

mod record;
mod http;
mod process;
mod subject;
mod null;
mod stream;
mod load;
mod drain;
mod verify;
mod measure;
mod table;

use measure::Extent;
use std::error::Error;
use std::time::Duration;
use subject::{Programs, Subject};
use table::Measured;

const USAGE: &str =
    "usage: brokers [--short] [--only=NAME,NAME] TAILWATER FERROKINESIS NODE_PACKAGES LOOPBACK_CJS LOGS";

const WHOLE: Extent = Extent {
    repetitions: 5,
    warm: Duration::from_millis(500),
    put: Duration::from_secs(2),
    drain: Duration::from_secs(1),
    memory_records: 1_000_000,
    memory: Duration::from_secs(10),
};

const SHORT: Extent = Extent {
    repetitions: 1,
    warm: Duration::from_millis(200),
    put: Duration::from_millis(500),
    drain: Duration::from_millis(200),
    memory_records: 100_000,
    memory: Duration::from_secs(2),
};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [null, port] = words.as_slice()
        && null == "null"
    {
        return null::serve(port.parse()?);
    }
    let (options, places): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.starts_with("--"));
    let places: [String; 5] = places.try_into().map_err(|_| USAGE)?;
    let [tailwater, ferrokinesis, node, loopback, logs] = places.map(Into::into);
    std::fs::create_dir_all(&logs)?;
    let programs = Programs { tailwater, ferrokinesis, node, loopback, logs };
    let (mut extent, mut subjects) = (WHOLE, Subject::ALL.to_vec());
    for option in &options {
        match option.split_once('=') {
            None if option == "--short" => extent = SHORT,
            Some(("--only", names)) => subjects.retain(|subject| names.split(',').any(|name| name == subject.name())),
            _ => return Err(USAGE.into()),
        }
    }
    let faults = run(&subjects, &programs, &extent);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}

/// Measures all and prints it. Gives what went wrong; whoever failed is not asked again.
fn run(subjects: &[Subject], programs: &Programs, extent: &Extent) -> Vec<String> {
    let new = |subject: &Subject| Measured { subject: *subject, rounds: Vec::new(), memory: None };
    let mut all: Vec<Measured> = subjects.iter().map(new).collect();
    let mut faults = Vec::new();
    let mut failed = Vec::new();
    for repetition in 0..=extent.repetitions {
        for measured in &mut all {
            let subject = measured.subject;
            if failed.contains(&subject) {
                continue;
            }
            // After all rounds, so that the one cannot disturb the other.
            let done = if repetition < extent.repetitions {
                eprintln!("round {} of {}: {}", repetition + 1, extent.repetitions, subject.name());
                measure::round(subject, programs, extent).map(|round| measured.rounds.push(round))
            } else if subject.keeps() {
                eprintln!("memory: {}", subject.name());
                measure::memory(subject, programs, extent).map(|memory| measured.memory = Some(memory))
            } else {
                Ok(())
            };
            if let Err(fault) = done {
                eprintln!("{}: FAILED: {fault}; see its log in {}", subject.name(), programs.logs.display());
                faults.push(format!("{}: {fault}", subject.name()));
                failed.push(subject);
            }
        }
    }
    table::print(&all);
    faults
}
