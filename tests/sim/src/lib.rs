//! A seeded simulation of whole consumers: several workers with their real shells, a store and a broker in this process,
//! on paused time in one thread, so that one seed is one history.
//!
//! A seed decides what group this is and what goes wrong (`plan`), who comes, goes and is cut off, and what is put and
//! resharded (`workload`), how calls to the store and to the service fare (`weather`, `store`, `way`), and what handlers
//! do (`handler`). Every write and every delivery is held against what was promised (`invariants`), and the end against
//! everything that happened (`oracle`).
//! Called by its tests, by `cargo xtask sim consumer` and by `cargo xtask mutants consumer`.

mod handler;
mod invariants;
mod journal;
mod oracle;
mod plan;
mod store;
mod vacancies;
mod way;
mod weather;
mod workload;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::runtime::Builder;

/// What a history was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records that were put, and belong where they were stored.
    pub records: u64,
    /// Records that were handed to handlers.
    pub delivered: u64,
    /// Of them, those that had been handed over before.
    pub again: u64,
    /// Rows that were written.
    pub writes: u64,
    /// Calls to the store that failed.
    pub failures: u64,
    /// Workers that were started.
    pub starts: u64,
    /// Workers that died or were cut off.
    pub disturbances: u64,
    /// Splits and merges.
    pub reshards: u64,
    /// Simulated milliseconds.
    pub millis: u64,
    /// All that happened, in one number: two histories that differ anywhere differ here.
    pub digest: u64,
}

impl Summary {
    /// Adds another history; its digest means nothing then.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.delivered += other.delivered;
        self.again += other.again;
        self.writes += other.writes;
        self.failures += other.failures;
        self.starts += other.starts;
        self.disturbances += other.disturbances;
        self.reshards += other.reshards;
        self.millis += other.millis;
        self.digest ^= other.digest;
    }
}

/// Lives one history through.
///
/// # Errors
/// The seed, the simulated time, and what was violated.
pub fn run(seed: u64) -> Result<Summary, String> {
    live(seed, false).0
}

/// The same, and everything that happened, line by line.
pub fn trace(seed: u64) -> (Result<Summary, String>, Vec<String>) {
    live(seed, true)
}

fn live(seed: u64, is_traced: bool) -> (Result<Summary, String>, Vec<String>) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without input and output asks nothing of the system");
    let lived = catch_unwind(AssertUnwindSafe(|| runtime.block_on(workload::live(seed, is_traced))));
    let (lived, lines) = lived.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned())).unwrap_or_default();
        (Err(format!("the simulation panics: {words}")), Vec::new())
    });
    (lived.map_err(|violation| format!("seed {seed}, {violation}")), lines)
}

#[cfg(test)]
mod tests;
