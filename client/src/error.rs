//! What can go wrong with a call, told by what the caller can do about it.

use crate::config::ConfigFault;
use crate::coordinates::Coordinates;
use crate::credentials::CredentialsFault;
use crate::transport::{Cut, Sent};
use tailwater_wire::event_stream::FrameFault;
use tailwater_wire::{DecodeError, Fault, FaultCode, RetryClass};

/// A call that did not succeed. Two questions it always answers: [`is_retryable`](Self::is_retryable) and
/// [`may_have_happened`](Self::may_have_happened).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Correct the configuration; nothing was called.
    #[error("the configuration has {} faults: {}", faults.len(), list(faults))]
    Config {
        /// All that is wrong with it.
        faults: Vec<ConfigFault>,
    },
    /// Give credentials; nothing was called.
    #[error("{at}: no credentials: {source}")]
    Credentials {
        /// Which call.
        at: Box<Coordinates>,
        /// Why there are none.
        source: CredentialsFault,
    },
    /// Act on what the service says: change the request, wait, or renew what has expired.
    #[error("{at}: {fault}")]
    Refused {
        /// Which call.
        at: Box<Coordinates>,
        /// What the service says.
        fault: Fault,
    },
    /// Look at the way to the service: it was not reached, or the connection broke, or time ran out.
    #[error("{at}: {cut}")]
    Cut {
        /// Which call.
        at: Box<Coordinates>,
        /// Where and how.
        cut: Cut,
    },
    /// Look at what stands between: the answer is not the service's.
    #[error("{at}: answered with status {status} by something that is not Kinesis")]
    Alien {
        /// Which call.
        at: Box<Coordinates>,
        /// The HTTP status.
        status: u16,
    },
    /// Report it: the service says yes, but its answer cannot be read.
    #[error("{at}: the answer cannot be read: {source}")]
    Unreadable {
        /// Which call.
        at: Box<Coordinates>,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// Subscribe anew: the events on the connection are damaged.
    #[error("{at}: {source}")]
    Garbled {
        /// Which call.
        at: Box<Coordinates>,
        /// What is wrong with them.
        source: FrameFault,
    },
    /// Shorten what is asked: the request cannot be built or signed.
    #[error("{at}: the request cannot be made: {reason}")]
    Unspeakable {
        /// Which call.
        at: Box<Coordinates>,
        /// Why.
        reason: String,
    },
}

fn list(faults: &[ConfigFault]) -> String {
    faults.iter().map(ConfigFault::to_string).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// Whether the same call may succeed later. What has expired must be renewed first.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Config { .. } | Self::Unspeakable { .. } | Self::Unreadable { .. } => false,
            Self::Credentials { source, .. } => source.is_retryable(),
            Self::Refused { fault, .. } => {
                matches!(fault.code.retry_class(), RetryClass::Throttled | RetryClass::Transient | RetryClass::Resign)
            }
            Self::Cut { .. } | Self::Garbled { .. } => true,
            Self::Alien { status, .. } => *status == 429 || *status >= 500,
        }
    }

    /// Whether the operation may have taken effect although the call failed. A put that was perhaps stored is stored
    /// twice if it is put again.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Config { .. } | Self::Credentials { .. } | Self::Unspeakable { .. } => false,
            Self::Refused { fault, .. } => fault.code.may_have_happened(),
            Self::Cut { cut, .. } => cut.sent != Sent::Nothing,
            Self::Alien { status, .. } => *status >= 500 || *status < 300,
            Self::Unreadable { .. } | Self::Garbled { .. } => true,
        }
    }

    /// Which call it is about; nothing if the configuration is at fault.
    #[must_use]
    pub fn coordinates(&self) -> Option<&Coordinates> {
        match self {
            Self::Config { .. } => None,
            Self::Credentials { at, .. }
            | Self::Refused { at, .. }
            | Self::Cut { at, .. }
            | Self::Alien { at, .. }
            | Self::Unreadable { at, .. }
            | Self::Garbled { at, .. }
            | Self::Unspeakable { at, .. } => Some(at),
        }
    }

    /// The name of the service's fault, if it told one.
    #[must_use]
    pub fn code(&self) -> Option<&FaultCode> {
        match self {
            Self::Refused { fault, .. } => Some(&fault.code),
            _ => None,
        }
    }
}
