//! What the pipeline asks of its shell, and what it is told: requests out, descriptions and answers in, settlements out.
//! Plain values; every rule is elsewhere. Spoken by `pipeline`, performed by `pipeline_task` and `stream`, and by the
//! simulation.

use crate::attempts::Attempts;
use crate::error::Error;
use crate::event::Event;
use crate::intake::WaitId;
use crate::route::Listed;
use std::sync::Arc;
use std::time::Duration;
use tailwater_client as client;
use tailwater_record::{SequenceNumber, ShardId, UserRecord};
use tailwater_wire::shapes::{PutRecordsRequestEntry, PutRecordsResultEntry, StreamMode};

/// Names a request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestId(pub(super) u64);

/// Names a flush that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FlushId(pub(super) u64);

/// What the shell must now do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Send this, and tell what came of it by `answered`.
    Send {
        /// Its name.
        id: RequestId,
        /// Its entries.
        entries: Vec<PutRecordsRequestEntry>,
        /// What is in each.
        parcels: Vec<Sent>,
    },
    /// Describe the stream and list its shards, and tell what came of it by `described`.
    Describe,
    /// Tell those who hold the receipts.
    Stored(Stored),
    /// Tell those who hold the receipts, or else the hook.
    Failed(Box<Failed>),
    /// Tell one who waits that there is room.
    Admit(WaitId),
    /// Tell one who waits that there will be no room.
    Dismiss(WaitId, Error),
    /// Tell whoever looks after the stream.
    Tell(Event),
    /// Tell one who waits for a flush.
    Flushed(FlushId, Result<(), Error>),
}

/// A Kinesis record that is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// How many user records are inside.
    pub(crate) records: usize,
    /// Bytes of data.
    pub(crate) bytes: usize,
    /// How long the oldest of them has waited.
    pub(crate) waited: Duration,
    /// Which attempt it is, from 1.
    pub(crate) attempt: u32,
}

/// User records that are stored.
#[derive(Debug)]
pub(crate) struct Stored {
    /// In this shard.
    pub(crate) shard: ShardId,
    /// Under this number.
    pub(crate) sequence: SequenceNumber,
    /// After so many attempts.
    pub(crate) attempts: u32,
    /// After the oldest of them had waited so long.
    pub(crate) waited: Duration,
    /// The records, by number, with their place in the Kinesis record.
    pub(crate) records: Vec<(u64, u32)>,
}

/// User records that are given up.
#[derive(Debug)]
pub(crate) struct Failed {
    /// The shard they were meant for.
    pub(crate) shard: Option<ShardId>,
    /// Why.
    pub(crate) error: Error,
    /// What was tried.
    pub(crate) attempts: Attempts,
    /// The records, as they were put, by number.
    pub(crate) records: Vec<(u64, UserRecord)>,
}

/// What a stream is, as far as a producer minds.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// The largest record that it takes, with its key.
    pub(crate) record_limit: usize,
    /// Whether it spreads records by itself, whatever their keys.
    pub(crate) spreads: bool,
    /// Who decides how many shards there are; nothing where that is not told.
    pub(crate) mode: Option<StreamMode>,
    /// The shards that take records.
    pub(crate) shards: Vec<Listed>,
}

/// What `answered` is told: the answer's entries, or why there is none.
pub(crate) type PutOutcome = Result<Vec<PutRecordsResultEntry>, Arc<client::Error>>;
