//! The two threads of a log: one that commits, and one that keeps the log small.
//! Threads and not tasks, because they wait for the disk, and the broker may be asked from any runtime, or from none.

use super::Hands;
use super::commit::{Committer, Sync};
use super::keep::Keeper;
use super::queue::Queue;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::time::Instant;

/// The threads. Dropped, they finish what was asked for, and end.
#[derive(Debug)]
pub(crate) struct Threads {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the committer tells the keeper.
#[derive(Debug)]
struct Shared {
    /// The oldest segment of which something is in memory.
    cached: AtomicU64,
    is_closing: AtomicBool,
    rounds: Mutex<u64>,
    bell: Condvar,
}

/// So often the keeper looks, when nothing is written.
const LOOK: Duration = Duration::from_millis(500);

impl Threads {
    pub(crate) fn start(hands: Hands) -> io::Result<Self> {
        let Hands { committer, keeper } = hands;
        let queue = Arc::clone(committer.queue());
        let shared = Arc::new(Shared {
            cached: AtomicU64::new(u64::MAX),
            is_closing: AtomicBool::new(false),
            rounds: Mutex::new(0),
            bell: Condvar::new(),
        });
        let mut threads = Self { queue, shared: Arc::clone(&shared), threads: Vec::new() };
        let commit = {
            let shared = Arc::clone(&shared);
            move || commit(committer, &shared)
        };
        threads.threads.push(Builder::new().name("tailwater-log".to_owned()).spawn(commit)?);
        let keep = move || keep(keeper, &shared);
        threads.threads.push(Builder::new().name("tailwater-keep".to_owned()).spawn(keep)?);
        Ok(threads)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Ordering::Relaxed);
        self.queue.close();
        self.shared.bell.notify_all();
        for thread in self.threads.drain(..) {
            // One that panicked has said so, and there is nothing more to save.
            let _ = thread.join();
        }
    }
}

fn commit(mut committer: Committer, shared: &Shared) {
    let every = match committer.sync_policy() {
        Sync::Each => None,
        Sync::Every(every) => Some(every),
    };
    let mut due: Option<Instant> = None;
    loop {
        let most = due.map(|due| due.saturating_duration_since(Instant::now()));
        let is_open = committer.queue().wait(most);
        if committer.step() {
            shared.cached.store(committer.cache().oldest_segment().unwrap_or(u64::MAX), Ordering::Relaxed);
            *shared.rounds.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            shared.bell.notify_one();
            due = due.or_else(|| every.map(|every| Instant::now() + every));
        } else if !is_open {
            break;
        }
        if due.is_some_and(|due| due <= Instant::now()) {
            committer.sync_late();
            due = None;
        }
    }
    committer.sync_late();
}

fn keep(mut keeper: Keeper, shared: &Shared) {
    let mut seen = 0;
    while !shared.is_closing.load(Ordering::Relaxed) {
        let cached = Some(shared.cached.load(Ordering::Relaxed)).filter(|cached| *cached != u64::MAX);
        match keeper.step(cached) {
            Ok(true) => continue,
            Ok(false) => {}
            // A disk that is full, or failing: everything it does can be done later.
            Err(fault) => tracing::warn!(%fault, "the log cannot be tidied up"),
        }
        let rounds = shared.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        if *rounds == seen {
            drop(shared.bell.wait_timeout(rounds, LOOK));
        } else {
            seen = *rounds;
        }
    }
}
