//! What waits for the committer: streams and accounts that have something to be written, each once a round.
//! Called by `here`, who puts things in; by `commit`, who takes them all at once.

use super::place::Place;
use crate::account::Account;
use crate::stream::Stream;
use crate::stream::block::Block;
use bytes::Bytes;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What waits for the committer.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct State {
    items: Vec<Item>,
    is_closed: bool,
}

/// Something to be written.
#[derive(Debug)]
pub(crate) enum Item {
    Stream(Arc<Account>, Arc<Mutex<Stream>>),
    Account(Arc<Account>),
    Move(Move),
}

/// Batches to be written again, so that the segment where they lie can go.
#[derive(Debug)]
pub(crate) struct Move {
    pub(crate) batches: Vec<Moved>,
    /// Where they are now, in the same order; `None` if they could not be written.
    pub(crate) done: std::sync::mpsc::Sender<Option<Vec<Place>>>,
}

/// A batch of a shard.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) serial: u64,
    pub(crate) shard: u32,
    pub(crate) block: Block<Bytes>,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, item: Item) {
        self.state().items.push(item);
        self.bell.notify_one();
    }

    #[cfg(any(test, feature = "unstable-internals"))]
    pub(crate) fn has_items(&self) -> bool {
        !self.state().items.is_empty()
    }

    /// All that waits.
    pub(crate) fn take(&self) -> Vec<Item> {
        std::mem::take(&mut self.state().items)
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.bell.notify_all();
    }

    /// Waits until something is there, or for so long. Whether there may be more.
    pub(crate) fn wait(&self, most: Option<Duration>) -> bool {
        let mut state = self.state();
        while state.items.is_empty() && !state.is_closed {
            state = match most {
                None => self.bell.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(most) => {
                    let (state, waited) = self.bell.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner);
                    if waited.timed_out() {
                        return true;
                    }
                    state
                }
            };
        }
        !state.items.is_empty()
    }
}
