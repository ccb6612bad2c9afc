//! The choices that a configuration offers, each with what follows from it.

use std::time::Duration;
use tailwater_record::Timestamp;

/// Where the first reader of a stream begins. Who comes later goes on where the group has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Start {
    /// With the oldest record kept.
    TrimHorizon,
    /// With what is put from now on. It is the service's own time that counts, less two seconds, and it is written down with the
    /// lease: a few older records may come, and none that is newer is ever missed, whoever begins.
    #[default]
    Latest,
    /// With what was put at this moment or later.
    At(Timestamp),
}

/// When what a handler has accepted becomes a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Checkpointing {
    /// Each time the handler says `Ok`; written with the next renewal, and after [`Config::with_checkpoint_linger`](crate::Config::with_checkpoint_linger) at the
    /// latest.
    #[default]
    AfterOk,
    /// When so much time has passed since the last one.
    Every(Duration),
    /// When so many records have been handled since the last one.
    EveryRecords(u64),
    /// When the handler says so, through the batch's [`Checkpoint`](crate::Checkpoint), and never otherwise.
    Manual,
}

/// What happens to a shard whose handler fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFailure {
    /// The same records are delivered again, after a wait that grows, for ever. The shard is shown unhealthy meanwhile.
    #[default]
    Retry,
    /// The shard is handled no more by this worker until it is started again; its lease is kept.
    StopShard,
    /// The worker drains its other shards and ends with the handler's error.
    StopWorker,
}

/// Where leases are renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Renewing {
    /// On a thread of its own, so that a handler that blocks the runtime's threads costs no lease.
    #[default]
    OwnThread,
    /// In the runtime of the caller: for tests on paused time.
    SameRuntime,
}
