//! The tables: medians of the rounds, and how we compare with the best of the others.
//! Called by `main`.

use crate::measure::{Memory, Rate, Round};
use crate::subject::Subject;
use std::time::Duration;

/// Everything that was measured of one subject.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) subject: Subject,
    pub(crate) rounds: Vec<Round>,
    pub(crate) memory: Option<Memory>,
}

/// Prints all tables.
pub(crate) fn print(all: &[Measured]) {
    println!("\nStart:\n\n| broker | until it answers, ms | idle, MB |\n|---|--:|--:|");
    for one in all.iter().filter(|one| !one.rounds.is_empty()) {
        let start = one.median(|round| millis(round.start));
        println!("| {} | {start:.1} | {:.1} |", one.subject.name(), one.median(|round| megabytes(round.idle)));
    }
    put("1 connection", all, |round| round.one);
    put("8 connections", all, |round| round.eight);
    println!("\nDrain, 1 connection:\n\n| broker | records/s | records a CPU-second |\n|---|--:|--:|");
    for one in all.iter().filter(|one| !one.rounds.is_empty()) {
        let (wall, cpu) = (one.median(|round| round.drain.by_wall), one.median(|round| round.drain.by_cpu));
        println!("| {} | {} | {} |", one.subject.name(), thousands(wall), thousands(cpu));
    }
    println!("\nMemory, 4 connections:\n");
    println!("| broker | records | in s | before, MB | after, MB | bytes a record |\n|---|--:|--:|--:|--:|--:|");
    for one in all {
        let Some(memory) = one.memory else { continue };
        let (before, after) = (megabytes(memory.before), megabytes(memory.after));
        let (name, wall, records) = (one.subject.name(), memory.wall.as_secs_f64(), memory.records);
        println!("| {name} | {records} | {wall:.1} | {before:.1} | {after:.1} | {:.0} |", memory.each());
    }
    println!();
    compare(all, "put, 1 connection, records a CPU-second", |round| round.one.by_cpu);
    compare(all, "put, 8 connections, records a CPU-second", |round| round.eight.by_cpu);
    compare(all, "put, 1 connection, records/s", |round| round.one.by_wall);
    compare(all, "put, 8 connections, records/s", |round| round.eight.by_wall);
    compare(all, "drain, records a CPU-second", |round| round.drain.by_cpu);
    compare(all, "drain, records/s", |round| round.drain.by_wall);
}

fn put(title: &str, all: &[Measured], rate: impl Fn(&Round) -> Rate) {
    println!("\nPutRecords, 500 x 100 B in JSON, 4 shards, {title}:\n");
    println!("| broker | records/s | records a CPU-second | p50 of a call, ms | p99, ms |\n|---|--:|--:|--:|--:|");
    for one in all.iter().filter(|one| !one.rounds.is_empty()) {
        let wall = thousands(one.median(|round| rate(round).by_wall));
        let cpu = thousands(one.median(|round| rate(round).by_cpu));
        let half = one.median(|round| millis(rate(round).half));
        let most = one.median(|round| millis(rate(round).most));
        println!("| {} | {wall} | {cpu} | {half:.2} | {most:.2} |", one.subject.name());
    }
}

/// States how many times the best other broker's rate ours is.
fn compare(all: &[Measured], what: &str, rate: impl Fn(&Round) -> f64) {
    let median = |one: &Measured| one.median(&rate);
    let measured = all.iter().filter(|one| one.subject.keeps() && !one.rounds.is_empty());
    let (ours, others): (Vec<_>, Vec<_>) = measured.partition(|one| one.subject == Subject::Tailwater);
    let best = others.into_iter().max_by(|one, other| median(one).total_cmp(&median(other)));
    if let ([ours], Some(best)) = (ours.as_slice(), best) {
        println!("{what}: {:.2} times {}, the best of the others", median(ours) / median(best), best.subject.name());
    }
}

impl Measured {
    fn median(&self, value: impl Fn(&Round) -> f64) -> f64 {
        let mut values: Vec<f64> = self.rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl Memory {
    /// Bytes by which the server grew for each record.
    fn each(&self) -> f64 {
        (self.after as f64 - self.before as f64) / self.records as f64
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn thousands(rate: f64) -> String {
    format!("{:.1} k", rate / 1e3)
}
