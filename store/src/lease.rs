//! The row of a shard: who owns it, how far it has been handled, where it came from.
//! It is what KCL 3.x keeps, and three things more, which the KCL passes over: `tenure`, `incarnation` and `origin`.
//! What may become of a row stands in `change`. What a worker believes of a row is not here: that is its `Tenure`.

use crate::key::LeaseKey;
use crate::name::WorkerId;
use crate::progress::Progress;
use crate::worker::Incarnation;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use tailwater_record::{HashRange, ShardId, Timestamp};

/// A shard's row, as it is stored.
#[derive(Clone, PartialEq)]
pub struct Lease {
    /// Of which shard, for which group.
    pub key: LeaseKey,
    /// Who owns it; while a handoff is on, who will.
    pub owner: Option<WorkerId>,
    /// While a handoff is on: who still handles the shard, and may still write checkpoints.
    pub handoff_from: Option<WorkerId>,
    /// Grows with every write of an owner and every change of owners. Who renews names the value it knows.
    pub counter: u64,
    /// The counter at which the present tenure began. It grows from tenure to tenure, so it is the token by which a sink
    /// tells a late write of an earlier owner.
    pub tenure: u64,
    /// Which start of the owner has the lease; zero until it has renewed it first.
    pub incarnation: Incarnation,
    /// How often the owner has changed since a checkpoint.
    pub owner_switches: u64,
    /// How far the shard has been handled.
    pub progress: Progress,
    /// What the handler put beside the progress.
    pub state: Option<Bytes>,
    /// A checkpoint that was prepared and not yet made.
    pub pending: Option<Pending>,
    /// Where the first reader begins.
    pub origin: Origin,
    /// The shards that this one came from.
    pub parents: BTreeSet<ShardId>,
    /// The shards that came from this one, once it has been read to its end.
    pub children: BTreeSet<ShardId>,
    /// Its hash keys.
    pub range: Option<HashRange>,
    /// KiB a second, as its owners measured it.
    pub throughput: Option<f64>,
}

/// A checkpoint that was prepared: written beside the progress, and not yet instead of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Pending {
    /// How far the shard will have been handled.
    pub progress: Progress,
    /// What the handler wants to find when it has to finish what it began.
    pub state: Option<Bytes>,
}

/// Where the first reader of a shard begins. Kept in the row, so that every worker begins at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// With the oldest record kept.
    TrimHorizon,
    /// With the first record that arrived at this moment or later. `LATEST` becomes this when the row is made.
    At(Timestamp),
    /// Behind the newest record: in rows that the KCL made.
    Latest,
}

impl Lease {
    /// A row that nobody owns, of a shard that is to be read from its oldest record.
    #[must_use]
    pub fn new(key: LeaseKey) -> Self {
        Self {
            key,
            owner: None,
            handoff_from: None,
            counter: 0,
            tenure: 0,
            incarnation: Incarnation::NONE,
            owner_switches: 0,
            progress: Progress::TrimHorizon,
            state: None,
            pending: None,
            origin: Origin::TrimHorizon,
            parents: BTreeSet::new(),
            children: BTreeSet::new(),
            range: None,
            throughput: None,
        }
    }

    /// Who may handle the shard and write its checkpoints: during a handoff the one it is taken from.
    #[must_use]
    pub fn actual_owner(&self) -> Option<&WorkerId> {
        self.handoff_from.as_ref().or(self.owner.as_ref())
    }

    /// Whether the shard has been handled to its end.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.progress == Progress::ShardEnd
    }
}

/// What a handler keeps is the handler's: its size is shown, never it.
impl fmt::Debug for Lease {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Lease")
            .field("key", &self.key)
            .field("owner", &self.owner)
            .field("handoff_from", &self.handoff_from)
            .field("counter", &self.counter)
            .field("tenure", &self.tenure)
            .field("incarnation", &self.incarnation)
            .field("owner_switches", &self.owner_switches)
            .field("progress", &self.progress)
            .field("state", &self.state.as_ref().map(Bytes::len))
            .field("pending", &self.pending)
            .field("origin", &self.origin)
            .field("parents", &self.parents)
            .field("children", &self.children)
            .field("range", &self.range)
            .field("throughput", &self.throughput)
            .finish()
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { progress, state } = self;
        write!(out, "Pending({progress:?}, {:?} bytes)", state.as_ref().map(Bytes::len))
    }
}
