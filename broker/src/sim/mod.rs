//! A seeded simulation of the broker's log on a disk that fails on order: no thread, no runtime, and no file.
//! One seed decides what is asked, when the log goes on, what the disk does, and when the power goes (`workload`); what was
//! acknowledged or read is remembered, and held against what is found later (`oracle`). The same seed is the same history.
//! Called by our tests, by `cargo xtask sim` and by `cargo xtask mutants`.

mod caller;
mod oracle;
mod workload;

use std::panic::{AssertUnwindSafe, catch_unwind};
use workload::Workload;

/// What a history was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records that were acknowledged.
    pub acknowledged: u64,
    /// Records that were read.
    pub read: u64,
    /// Calls that the broker could not do.
    pub failures: u64,
    /// Processes that ended, with or without the machine.
    pub ends: u64,
    /// Segments that were sealed or emptied, and files that were made ahead.
    pub chores: u64,
    /// What the disk was asked to do.
    pub operations: u64,
    /// All that happened, in one number: two histories that differ anywhere differ here.
    pub digest: u64,
}

impl Summary {
    /// Adds another history; its digest means nothing then.
    pub fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.read += other.read;
        self.failures += other.failures;
        self.ends += other.ends;
        self.chores += other.chores;
        self.operations += other.operations;
        self.digest ^= other.digest;
    }
}

/// Lives one history through.
///
/// # Errors
/// The seed, the step, and what was violated.
pub fn run(seed: u64) -> Result<Summary, String> {
    live(seed, false).0
}

/// The same, and everything that happened, line by line.
pub fn trace(seed: u64) -> (Result<Summary, String>, Vec<String>) {
    live(seed, true)
}

fn live(seed: u64, is_traced: bool) -> (Result<Summary, String>, Vec<String>) {
    let mut workload = Workload::new(seed, is_traced);
    let lived = catch_unwind(AssertUnwindSafe(|| workload.live())).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned()));
        Err(format!("it panics: {}", words.unwrap_or_default()))
    });
    let lived = lived.map_err(|violation| format!("seed {seed}, step {}: {violation}", workload.steps()));
    (lived, workload.into_lines())
}

#[cfg(test)]
mod tests;
