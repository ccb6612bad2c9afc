//! What can go wrong with a record or a producer, told by what the caller can do about it.

use crate::config::ConfigFault;
use std::sync::Arc;
use std::time::Duration;
use tailwater_record::ShardId;
use tailwater_wire::Fault;

/// Why a record was not taken or not stored. Two questions it always answers: [`is_retryable`](Self::is_retryable) and
/// [`may_have_happened`](Self::may_have_happened).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Correct the configuration; nothing was started.
    #[error("the configuration has {} faults: {}", faults.len(), list(faults))]
    Config {
        /// All that is wrong with it.
        faults: Vec<ConfigFault>,
    },
    /// Make the producer within a Tokio runtime.
    #[error("there is no Tokio runtime here")]
    NoRuntime,
    /// Make the record smaller, or let the stream take larger ones.
    #[error("the record takes {size} bytes with its key; the stream takes {limit}")]
    TooLarge {
        /// Its size as the service counts it.
        size: usize,
        /// What the stream takes.
        limit: usize,
    },
    /// Wait until something is settled, then put again.
    #[error("no room: {outstanding} bytes of {budget} are outstanding")]
    Full {
        /// Bytes of accepted records that are not settled.
        outstanding: u64,
        /// What all of them may take.
        budget: u64,
    },
    /// Make a new producer: this one takes no more records.
    #[error("the producer is closed")]
    Closed,
    /// Accept [`Ordering::None`](crate::Ordering::None): this stream's records are spread by the service, whatever
    /// their keys, so no order can be kept.
    #[error("the stream distributes records by itself, so their order cannot be kept")]
    Unordered,
    /// Remove the cause, then resume the shard.
    #[error("the lane of {} is stopped: {cause}", of(shard.as_ref()))]
    Stopped {
        /// Whose lane.
        shard: Option<ShardId>,
        /// Why it stopped.
        cause: Arc<Self>,
    },
    /// Act on what the service says of this record.
    #[error("refused: {fault}")]
    Refused {
        /// What it says.
        fault: Fault,
    },
    /// Act on what the call says: it can never succeed as it is.
    #[error("{source}")]
    Call {
        /// What it says.
        source: Arc<tailwater_client::Error>,
    },
    /// Allow more time, or look at why it took so long.
    #[error("not stored within {limit:?}")]
    Expired {
        /// What was allowed.
        limit: Duration,
        /// Whether an attempt may have stored it nevertheless.
        may_have_happened: bool,
    },
    /// Look at why the shards cannot be listed: records waited for the first listing.
    #[error("the shards could not be listed within {waited:?}: {source}")]
    NoShards {
        /// How long was waited.
        waited: Duration,
        /// What went wrong last.
        source: Arc<Self>,
    },
    /// Find out whether it was stored, then put it again or not: the answer to the only attempt is not known, and the
    /// configuration forbids another.
    #[error("it is not known whether the record was stored")]
    Ambiguous,
    /// Put it again with another producer: this one was closed or dropped before the record was settled.
    #[error("the producer ended before the record was settled")]
    Abandoned {
        /// Whether an attempt may have stored it nevertheless.
        may_have_happened: bool,
    },
    /// Report it: an answer makes no sense.
    #[error("the answer makes no sense: {reason}")]
    Nonsense {
        /// Why.
        reason: &'static str,
    },
}

fn list(faults: &[ConfigFault]) -> String {
    faults.iter().map(ConfigFault::to_string).collect::<Vec<_>>().join("; ")
}

fn of(shard: Option<&ShardId>) -> String {
    shard.map_or_else(|| "the stream".to_owned(), ShardId::to_string)
}

impl Error {
    /// Whether the same record may be stored if it is put again later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Expired { .. } | Self::Ambiguous | Self::Abandoned { .. } => true,
            Self::Config { .. } | Self::TooLarge { .. } | Self::Closed | Self::Unordered | Self::Nonsense { .. } => {
                false
            }
            Self::Stopped { .. } | Self::NoRuntime => false,
            Self::Refused { fault } => {
                use tailwater_wire::RetryClass::{Never, Renew, Resign, Throttled, Transient};
                match fault.code.retry_class() {
                    Throttled | Transient | Resign => true,
                    Renew | Never => false,
                }
            }
            Self::Call { source } => source.is_retryable(),
            Self::NoShards { source, .. } => source.is_retryable(),
        }
    }

    /// Whether the record may be stored although this was told. Put again, it may then be stored twice.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Config { .. } | Self::TooLarge { .. } | Self::Full { .. } | Self::Closed | Self::Unordered => false,
            Self::Stopped { .. } | Self::NoShards { .. } | Self::NoRuntime => false,
            Self::Refused { fault } => fault.code.may_have_happened(),
            Self::Call { source } => source.may_have_happened(),
            Self::Expired { may_have_happened, .. } | Self::Abandoned { may_have_happened } => *may_have_happened,
            Self::Ambiguous | Self::Nonsense { .. } => true,
        }
    }
}

const _: fn() = || {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Error>();
};
