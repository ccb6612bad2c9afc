//! Records that come back: refused at the door, or given up later. The caller always gets the record itself.

use crate::attempts::Attempts;
use crate::error::Error;
use std::fmt;
use tailwater_record::{ShardId, UserRecord};

/// A record that was not taken.
///
/// ```
/// # fn example(refused: tailwater_producer::Refused) {
/// if refused.error().is_retryable() {
///     let record = refused.into_record(); // to be put later
/// }
/// # }
/// ```
#[derive(Clone, thiserror::Error)]
#[error("{}", inner.1)]
pub struct Refused {
    // Boxed, because the way of a record that is taken pays for the size of this.
    inner: Box<(UserRecord, Error)>,
}

impl Refused {
    pub(crate) fn new(record: UserRecord, error: Error) -> Self {
        Self { inner: Box::new((record, error)) }
    }

    /// Why.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.inner.1
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> &UserRecord {
        &self.inner.0
    }

    /// The record, to do something else with.
    #[must_use]
    pub fn into_record(self) -> UserRecord {
        self.inner.0
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Refused").field("record", &self.inner.0).field("error", &self.inner.1).finish()
    }
}

/// A record that was taken and then given up.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct Failure {
    /// The record, as it was put.
    pub record: UserRecord,
    /// The shard that it was meant for, if that is known.
    pub shard: Option<ShardId>,
    /// Why it was given up.
    #[source]
    pub error: Error,
    /// What was tried.
    pub attempts: Attempts,
}

impl Failure {
    /// Whether the record may be stored although it was given up: for what was told last, or for an attempt before.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        self.error.may_have_happened() || self.attempts.may_have_happened()
    }
}
