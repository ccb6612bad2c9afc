//! The lock of a group's leader: one worker at a time plans who gets which shard.
//! Why a version and a duration, and no time: the same as for leases. An observer that has seen one version for longer than
//! the duration that stands beside it may put its own there; it names the version that it saw.

use crate::name::WorkerId;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Who holds it.
    pub holder: WorkerId,
    /// Another one with every write.
    pub version: LockVersion,
    /// For how long a version counts, as its holder says.
    pub lease: Duration,
}

/// A number that stands for one writing of the lock: random, so that no two writings share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LockVersion(u64, u64);

impl LockVersion {
    /// The version of these random bits.
    #[must_use]
    pub const fn new(random: u128) -> Self {
        Self((random >> 64) as u64, random as u64)
    }

    /// Its bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        (self.0 as u128) << 64 | self.1 as u128
    }
}
