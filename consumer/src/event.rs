//! Everything worth telling an operator, as one enum: the log, the metrics, the listener and the simulation read it.

use serde::Serialize;
use std::fmt;
use std::time::Duration;
use tailwater_store::{Incarnation, LeaseKey, Progress, StreamIdentity, WorkerId};

/// Something happened to a worker or to one of its shards.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Event {
    /// The worker has started.
    Started {
        /// Under which name.
        worker: WorkerId,
        /// For which time under this name.
        incarnation: Incarnation,
    },
    /// A newer start under the worker's name has taken its place; this one stops.
    Superseded {
        /// Which name.
        worker: WorkerId,
    },
    /// The worker leads the group now.
    Leading,
    /// The worker leads the group no more.
    Following,
    /// The lease is this worker's now.
    Taken {
        /// Which.
        key: LeaseKey,
        /// The token of its tenure.
        token: u64,
        /// How long it seems to have had no owner who renewed it.
        unowned: Duration,
    },
    /// The shard waits until those it came from have been handled.
    AwaitsParents {
        /// Which.
        key: LeaseKey,
    },
    /// The shard's handler starts.
    Begun {
        /// Which.
        key: LeaseKey,
        /// How far it has been handled.
        from: Progress,
    },
    /// The lease is not this worker's any more.
    Lost {
        /// Which.
        key: LeaseKey,
        /// Why.
        reason: LossReason,
    },
    /// The owner was asked to hand the lease over, and finishes.
    HandingOver {
        /// Which.
        key: LeaseKey,
        /// To whom.
        to: Option<WorkerId>,
    },
    /// The lease was handed over or let go.
    Released {
        /// Which.
        key: LeaseKey,
        /// To whom.
        to: Option<WorkerId>,
    },
    /// A handler did not finish in time, and the lease was let go without it.
    HandoffOverdue {
        /// Which.
        key: LeaseKey,
    },
    /// The shard has been handled to its end.
    Ended {
        /// Which.
        key: LeaseKey,
    },
    /// The leader gives a lease to a worker.
    Moved {
        /// Which.
        key: LeaseKey,
        /// From whom.
        from: Option<WorkerId>,
        /// To whom.
        to: WorkerId,
        /// Why, in one word.
        cause: &'static str,
        /// Why, with numbers.
        reason: String,
    },
    /// Leases that nobody can be given.
    Unplaced {
        /// How many.
        leases: usize,
        /// Why the first cannot.
        reason: String,
    },
    /// Rows were made for shards that had none.
    Discovered {
        /// Of which stream.
        stream: StreamIdentity,
        /// How many.
        leases: usize,
    },
    /// A stream could not be described or its shards not be listed.
    Undiscovered {
        /// Which, as it was named.
        stream: String,
        /// Why.
        error: String,
    },
    /// A stream was deleted and made again under its name; the new one is read in its place.
    MadeAnew {
        /// Which.
        stream: StreamIdentity,
        /// The one that is there now.
        anew: StreamIdentity,
    },
    /// Some hash keys belong to no lease.
    Hole {
        /// In which stream.
        stream: StreamIdentity,
        /// Where.
        hole: String,
    },
    /// Rows of shards that are handled to their end were removed.
    Cleaned {
        /// Which.
        key: LeaseKey,
    },
    /// A row cannot be read; its shard is handled by nobody until it is repaired.
    UnreadableRow {
        /// Which.
        row: String,
        /// Why.
        cause: String,
    },
    /// A handler failed.
    HandlerFailed {
        /// Of which shard.
        key: LeaseKey,
        /// In which delivery of the same records, from 1.
        attempt: u32,
        /// What it says.
        error: String,
    },
    /// A handler panicked; another is made in its place.
    HandlerPanicked {
        /// Of which shard.
        key: LeaseKey,
    },
    /// A shard is handled no more, because its handler failed and the policy says so.
    ShardStopped {
        /// Which.
        key: LeaseKey,
        /// What the handler said.
        error: String,
    },
    /// A shard has made no progress for long.
    Stalled {
        /// Which.
        key: LeaseKey,
        /// In what.
        doing: Doing,
        /// For how long.
        still: Duration,
    },
    /// Records could not be fetched.
    FetchFailed {
        /// Of which shard.
        key: LeaseKey,
        /// Why.
        error: String,
        /// Whether the service asked for fewer calls.
        throttled: bool,
    },
    /// The place to read from is gone, and reading goes on with the oldest record kept.
    FellBack {
        /// Of which shard.
        key: LeaseKey,
    },
    /// Records of an aggregate were set aside, because they belong to other shards.
    SetAside {
        /// In which shard.
        key: LeaseKey,
        /// The sequence number of the aggregate.
        sequence: String,
        /// How many.
        records: usize,
    },
    /// Records of an aggregate cannot be read.
    UnreadableRecords {
        /// In which shard.
        key: LeaseKey,
        /// The sequence number of the aggregate.
        sequence: String,
        /// How many.
        records: usize,
    },
    /// The store did not answer.
    StoreFailed {
        /// What was asked of it.
        asked: &'static str,
        /// What it said.
        error: String,
    },
}

/// What a shard is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// It fetches records.
    Fetching,
    /// Its handler is at work.
    Handling,
}

/// Why a lease is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LossReason {
    /// It could not be renewed in time, and others may take it soon.
    NotRenewed,
    /// The row says that it is somebody else's.
    Taken,
    /// The worker stops.
    Stopping,
}

impl LossReason {
    /// In one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotRenewed => "not_renewed",
            Self::Taken => "taken",
            Self::Stopping => "stopping",
        }
    }
}

impl Event {
    /// Whether somebody should look at it.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        match self {
            Self::Started { .. }
            | Self::Leading
            | Self::Following
            | Self::Taken { .. }
            | Self::AwaitsParents { .. }
            | Self::Begun { .. }
            | Self::HandingOver { .. }
            | Self::Released { .. }
            | Self::Ended { .. }
            | Self::Moved { .. }
            | Self::Discovered { .. }
            | Self::Cleaned { .. }
            | Self::SetAside { .. } => false,
            Self::Lost { reason, .. } => matches!(reason, LossReason::NotRenewed),
            Self::FetchFailed { throttled, .. } => !throttled,
            Self::Superseded { .. }
            | Self::HandoffOverdue { .. }
            | Self::Unplaced { .. }
            | Self::Undiscovered { .. }
            | Self::MadeAnew { .. }
            | Self::Hole { .. }
            | Self::UnreadableRow { .. }
            | Self::HandlerFailed { .. }
            | Self::HandlerPanicked { .. }
            | Self::ShardStopped { .. }
            | Self::Stalled { .. }
            | Self::FellBack { .. }
            | Self::UnreadableRecords { .. }
            | Self::StoreFailed { .. } => true,
        }
    }

    /// The lease that it is about, if it is about one.
    #[must_use]
    pub fn key(&self) -> Option<&LeaseKey> {
        match self {
            Self::Taken { key, .. }
            | Self::AwaitsParents { key }
            | Self::Begun { key, .. }
            | Self::Lost { key, .. }
            | Self::HandingOver { key, .. }
            | Self::Released { key, .. }
            | Self::HandoffOverdue { key }
            | Self::Ended { key }
            | Self::Moved { key, .. }
            | Self::Cleaned { key }
            | Self::HandlerFailed { key, .. }
            | Self::HandlerPanicked { key }
            | Self::ShardStopped { key, .. }
            | Self::Stalled { key, .. }
            | Self::FetchFailed { key, .. }
            | Self::FellBack { key }
            | Self::SetAside { key, .. }
            | Self::UnreadableRecords { key, .. } => Some(key),
            Self::Started { .. }
            | Self::Superseded { .. }
            | Self::Leading
            | Self::Following
            | Self::Unplaced { .. }
            | Self::Discovered { .. }
            | Self::Undiscovered { .. }
            | Self::MadeAnew { .. }
            | Self::Hole { .. }
            | Self::UnreadableRow { .. }
            | Self::StoreFailed { .. } => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |worker: &Option<WorkerId>| worker.as_ref().map_or_else(|| "nobody".to_owned(), WorkerId::to_string);
        match self {
            Self::Started { worker, incarnation } => write!(out, "{worker} has started, for the {incarnation}. time"),
            Self::Superseded { worker } => write!(out, "another has started as {worker}"),
            Self::Leading => out.write_str("leads the group"),
            Self::Following => out.write_str("leads the group no more"),
            Self::Taken { key, token, unowned } => write!(out, "{key} taken with token {token}, unowned {unowned:.1?}"),
            Self::AwaitsParents { key } => write!(out, "{key} waits for its parents"),
            Self::Begun { key, from } => write!(out, "{key} begins behind {from:?}"),
            Self::Lost { key, reason } => write!(out, "{key} lost: {reason:?}"),
            Self::HandingOver { key, to } => write!(out, "{key} is handed over to {}", name(to)),
            Self::Released { key, to } => write!(out, "{key} released to {}", name(to)),
            Self::HandoffOverdue { key } => write!(out, "{key} was not finished in time for its handoff"),
            Self::Ended { key } => write!(out, "{key} is handled to its end"),
            Self::Moved { key, from, to, reason, .. } => {
                write!(out, "{key} moves from {} to {to}: {reason}", name(from))
            }
            Self::Unplaced { leases, reason } => write!(out, "{leases} leases have no place: {reason}"),
            Self::Discovered { stream, leases } => write!(out, "{leases} new leases of {stream}"),
            Self::Undiscovered { stream, error } => write!(out, "{stream} not listed: {error}"),
            Self::MadeAnew { stream, anew } => write!(out, "{stream} was deleted and made anew as {anew}"),
            Self::Hole { stream, hole } => write!(out, "{stream}: {hole}"),
            Self::Cleaned { key } => write!(out, "{key} removed"),
            Self::UnreadableRow { row, cause } => write!(out, "row {row}: {cause}"),
            Self::HandlerFailed { key, attempt, error } => write!(out, "{key} delivery {attempt} failed: {error}"),
            Self::HandlerPanicked { key } => write!(out, "the handler of {key} panicked"),
            Self::ShardStopped { key, error } => write!(out, "{key} is handled no more: {error}"),
            Self::Stalled { key, doing, still } => write!(out, "{key} has been {doing:?} for {still:.0?}"),
            Self::FetchFailed { key, error, .. } => write!(out, "{key} not fetched: {error}"),
            Self::FellBack { key } => write!(out, "{key} goes on with the oldest record kept"),
            Self::SetAside { key, sequence, records } => write!(out, "{key} {sequence}: {records} records set aside"),
            Self::UnreadableRecords { key, sequence, records } => {
                write!(out, "{key} {sequence}: {records} records cannot be read")
            }
            Self::StoreFailed { asked, error } => write!(out, "{asked}: {error}"),
        }
    }
}
