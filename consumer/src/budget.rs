//! Room for what is read: one budget in bytes for all shards of a worker, and a read that is never refused to a shard
//! that has nothing.
//! Why room is taken before a read and not after: an answer may have 10 MiB, and when it is here it is too late to have no
//! room for it. What the answer did not need is given back at once, the rest as it is handled.
//! `share` has the rules. This is their handle, which wakes those who were let in. Called by the shards' tasks before each
//! read.

mod share;

use crate::batch::BOOKKEEPING;
use share::{Ask, Core, Slot};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tailwater_wire::limits::{GET_RECORDS_BYTES, GET_RECORDS_RECORDS};
use tokio::sync::oneshot;

/// What an answer takes that is as large as any.
const FULL_READ: u64 = GET_RECORDS_BYTES.value + GET_RECORDS_RECORDS.value * BOOKKEEPING;

/// The budget of a worker. Clones share it.
#[derive(Clone)]
pub(crate) struct Budget {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
}

struct State {
    core: Core,
    sleepers: BTreeMap<Ask, oneshot::Sender<()>>,
}

/// How much of a budget is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    /// The whole of it, in bytes.
    pub(crate) budget: u64,
    /// What is granted.
    pub(crate) held: u64,
    /// Reads that wait.
    pub(crate) waiting: usize,
    /// Shards that share it.
    pub(crate) shards: usize,
}

impl Budget {
    pub(crate) fn new(bytes: u64) -> Self {
        let state = State { core: Core::new(bytes, FULL_READ), sleepers: BTreeMap::new() };
        Self { shared: Arc::new(Shared { state: Mutex::new(state) }) }
    }

    /// Lets a shard take part. `record_limit` is the largest record that its stream takes, `floor` what it may read when
    /// there is no more room; at least one record.
    pub(crate) fn account(&self, record_limit: u64, floor: u64) -> Account {
        let record_limit = record_limit.max(1);
        let records = (floor / record_limit).clamp(1, GET_RECORDS_RECORDS.value);
        let small = (floor.max(record_limit) + records * BOOKKEEPING).min(FULL_READ);
        let slot = self.shared.change(|core| core.enter(small));
        Account { shared: Arc::clone(&self.shared), slot, small_limit: records as u32 }
    }

    pub(crate) fn room(&self) -> Room {
        self.shared.lock().core.room()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the core, and wakes whoever can be let in then.
    fn change<T>(&self, change: impl FnOnce(&mut Core) -> T) -> T {
        let mut state = self.lock();
        let made = change(&mut state.core);
        state.admit();
        made
    }
}

impl State {
    fn admit(&mut self) {
        for ask in self.core.admit() {
            if let Some(sleeper) = self.sleepers.remove(&ask) {
                // Who is gone cancels its ask, which gives back what it was promised.
                let _ = sleeper.send(());
            }
        }
    }
}

/// A shard's part in a budget. Dropped, it makes room for the others; grants that are still out stay valid.
pub(crate) struct Account {
    shared: Arc<Shared>,
    slot: Slot,
    small_limit: u32,
}

impl Account {
    /// Waits for the room that one read may need.
    ///
    /// # Cancellation
    ///
    /// Dropped, it is out of line, and what it was promised goes to the next.
    pub(crate) async fn read(&self) -> Grant {
        let (ask, let_in) = {
            let mut state = self.shared.lock();
            let ask = state.core.ask(self.slot);
            let (wake, let_in) = oneshot::channel();
            state.sleepers.insert(ask, wake);
            state.admit();
            (Asking { shared: &self.shared, ask }, let_in)
        };
        let_in.await.expect("a sleeper is kept until it is let in or cancelled");
        let read = self.shared.lock().core.redeem(ask.ask).expect("who is let in is promised a read");
        let limit = if read.is_full { GET_RECORDS_RECORDS.value as u32 } else { self.small_limit };
        Grant { shared: Arc::clone(&self.shared), slot: self.slot, bytes: read.bytes, limit }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.shared.change(|core| core.leave(self.slot));
    }
}

/// Somebody in line.
struct Asking<'a> {
    shared: &'a Shared,
    ask: Ask,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.sleepers.remove(&self.ask);
        state.core.cancel(self.ask);
        state.admit();
    }
}

/// Room that is taken until this is dropped.
pub(crate) struct Grant {
    shared: Arc<Shared>,
    slot: Slot,
    bytes: u64,
    limit: u32,
}

impl Grant {
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many Kinesis records a read may ask for, so that its answer fits.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// Gives back what is beyond so much.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let back = self.bytes.saturating_sub(bytes);
        self.bytes -= back;
        self.give_back(back);
    }

    fn give_back(&self, bytes: u64) {
        if bytes > 0 {
            self.shared.change(|core| core.give_back(self.slot, bytes));
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Budget").field(&self.room()).finish()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Account").field(&self.slot).finish()
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Grant({} bytes)", self.bytes)
    }
}

#[cfg(test)]
mod tests;
