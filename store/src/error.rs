//! What a store says when it cannot do what it is asked. That somebody else was faster is no error: see `Applied`.

use std::sync::Arc;

/// Why a store did not answer. Two questions it always answers: [`is_retryable`](Self::is_retryable) and
/// [`may_have_happened`](Self::may_have_happened).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Ask again later: the store is away, busy or throttled.
    #[error("the store does not answer: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
        /// Whether what was asked may nevertheless have been done.
        may_have_happened: bool,
    },
    /// Repair or remove the row, or use the version of Tailwater that wrote it. Nothing is written over it.
    #[error("the row {row} cannot be read: {cause}")]
    Unreadable {
        /// Which.
        row: String,
        /// Why not.
        cause: crate::UnreadableCause,
    },
    /// Correct the set-up: the store can never work as it is.
    #[error("the store cannot work as it is set up: {reason}")]
    Setup {
        /// Why not.
        reason: String,
    },
    /// Open it again: the store was closed, or its thread is gone.
    #[error("the store is closed")]
    Closed,
    /// Act on what the user's own code said.
    #[error("{0}")]
    Other(Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Unreadable { .. } | Self::Setup { .. } | Self::Closed | Self::Other(_) => false,
        }
    }

    /// Whether what was asked may have been done although this was told.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Unavailable { may_have_happened, .. } => *may_have_happened,
            Self::Unreadable { .. } | Self::Setup { .. } | Self::Closed => false,
            Self::Other(_) => true,
        }
    }
}
