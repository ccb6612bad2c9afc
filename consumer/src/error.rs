//! What can go wrong with a consumer, told by what the caller can do about it.

use crate::config::ConfigFault;
use std::sync::Arc;
use tailwater_store::{Progress, WorkerId};

/// Why a consumer does not run, or no longer. Two questions it always answers: [`is_retryable`](Self::is_retryable) and
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
    /// Run the consumer within a Tokio runtime.
    #[error("there is no Tokio runtime here")]
    NoRuntime,
    /// Look at the store: it could not be made ready.
    #[error("the store: {source}")]
    Store {
        /// What it says.
        source: tailwater_store::Error,
    },
    /// Look at the stream: it could not be described.
    #[error("stream {stream}: {source}")]
    Stream {
        /// Which.
        stream: String,
        /// What the service says.
        source: Arc<tailwater_client::Error>,
    },
    /// Report it: an answer makes no sense.
    #[error("the answer makes no sense: {reason}")]
    Nonsense {
        /// Why.
        reason: &'static str,
    },
    /// Give each worker a name of its own: a later start under this one has taken its place.
    #[error("another worker was started as {worker}")]
    Superseded {
        /// Which name.
        worker: WorkerId,
    },
    /// Act on what the handler said; the worker stopped as the policy wishes.
    #[error("the handler of {shard} failed: {reason}")]
    Handler {
        /// Of which shard.
        shard: String,
        /// What it said.
        reason: String,
    },
    /// Start another: this one has ended.
    #[error("the consumer has ended")]
    Ended,
}

fn list(faults: &[ConfigFault]) -> String {
    faults.iter().map(ConfigFault::to_string).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store { source } => source.is_retryable(),
            Self::Stream { source, .. } => source.is_retryable(),
            Self::Config { .. }
            | Self::NoRuntime
            | Self::Nonsense { .. }
            | Self::Superseded { .. }
            | Self::Handler { .. }
            | Self::Ended => false,
        }
    }

    /// Whether what was asked may have been done although this was told.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Store { source } => source.may_have_happened(),
            Self::Config { .. }
            | Self::NoRuntime
            | Self::Stream { .. }
            | Self::Nonsense { .. }
            | Self::Superseded { .. }
            | Self::Handler { .. }
            | Self::Ended => false,
        }
    }
}

/// Why a checkpoint was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Name a later place: checkpoints do not go back.
    #[error("{to:?} lies before {reached:?}, which is handled already")]
    Backwards {
        /// What was asked for.
        to: Progress,
        /// How far the shard has been handled.
        reached: Progress,
    },
    /// Name a place that was delivered.
    #[error("{to:?} lies beyond {delivered:?}, the last that was delivered")]
    Beyond {
        /// What was asked for.
        to: Progress,
        /// How far records have been delivered.
        delivered: Progress,
    },
    /// Stop: the shard is another worker's now, or soon may be. What was handled since the last checkpoint comes again there.
    #[error("the lease is lost")]
    LeaseLost,
}

impl CheckpointError {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Backwards { .. } | Self::Beyond { .. } | Self::LeaseLost => false,
        }
    }

    /// Whether the checkpoint may have been written although this was told.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::LeaseLost => true,
            Self::Backwards { .. } | Self::Beyond { .. } => false,
        }
    }
}
