//! What the worker asks its shell to do, and what it is told in return.

use crate::event::Event;
use crate::lead::Swap;
use std::collections::BTreeSet;
use tailwater_store::{Change, GroupRecord, Lease, LeaseKey, Listing, Lock, Moved, StreamIdentity, Wish, WorkerRow};

/// Something to be done.
#[derive(Debug)]
pub(crate) enum Action {
    /// Read everything; answered by `observed`.
    Observe,
    /// Change a row; answered by `wrote`.
    Write { key: LeaseKey, change: Change, purpose: Purpose },
    /// Read the rows of a shard's parents; answered by `looked`.
    Look { key: LeaseKey, parents: BTreeSet<LeaseKey> },
    /// Show that the worker lives; answered by `beaten`.
    Beat(WorkerRow),
    /// Write the lock; answered by `locked`.
    Swap(Swap),
    /// List a stream's shards; answered by `discovered`.
    Discover(StreamIdentity, Wanted),
    /// Make these rows, in order; answered by `created`.
    Create(StreamIdentity, Vec<Lease>),
    /// Remove a row; nobody waits for it.
    Remove(Lease),
    /// Strike a worker off; nobody waits for it.
    Strike(WorkerRow),
    /// Begin a lease anew, and take the wish for that back; nobody waits for it.
    Seek { key: LeaseKey, change: Change, wish: Wish },
    /// Write down moves; nobody waits for it.
    Remember(Vec<Moved>),
    /// Start handling a shard.
    Start(Box<Lease>),
    /// Tell a shard's task something.
    Order(LeaseKey, Order),
    /// Begin to fetch a shard anew: what was asked for has not come for long.
    Refetch(LeaseKey),
    /// These writes are done, or will never be.
    Settled(Vec<u64>, Result<(), Unwritten>),
    /// Tell the operator.
    Tell(Event),
}

/// Why a write that somebody waits for will not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unwritten;

/// Which shards to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All that are listed.
    All,
    /// Those that were open where reading starts.
    First,
    /// None: only whether it is still the same stream.
    Nothing,
}

/// What a write is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Purpose {
    /// To hold on to a lease.
    Hold,
    /// To let go of one.
    Release,
    /// To begin a new tenure of one that this worker has lost sight of.
    Regain,
    /// To move one, as leader.
    Move,
}

/// What a shard's task is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Go on.
    Run,
    /// Finish what is being handled, write the checkpoint, and stop.
    Drain,
    /// Stop at once: the shard is somebody else's.
    Abandon,
}

/// How a shard's task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it was told.
    Stopped,
    /// The shard has been handled to its end, and that is written.
    Ended,
    /// The handler failed, and the policy is to leave the shard.
    Failed(String),
}

/// What was read of everything.
#[derive(Debug, Default)]
pub(crate) struct Observation {
    pub(crate) listing: Listing,
    pub(crate) workers: Vec<WorkerRow>,
    pub(crate) lock: Option<Lock>,
    pub(crate) group: GroupRecord,
}
