//! The row of a worker: that it lives, how busy it is, and which start of it this is.
//! Why no time stands in it: workers' clocks differ. Who watches sees the beat grow, and times that by its own clock.

use crate::key::StreamIdentity;
use crate::name::WorkerId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Which start of a worker this is: 1 for the first under its name, and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(u64);

impl Incarnation {
    /// None yet.
    pub const NONE: Self = Self(0);

    /// The start of this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The start after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

/// What a worker tells of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerRow {
    /// Who.
    pub worker: WorkerId,
    /// Which start of it.
    pub incarnation: Incarnation,
    /// Grows with every beat of this start.
    pub beat: u64,
    /// It is about to stop and must be given nothing.
    pub is_leaving: bool,
    /// How busy its processors are, if it knows.
    pub cpu: Option<CpuUse>,
    /// The most leases it wants.
    pub leases_max: Option<u32>,
    /// The streams that it reads; leases of others are not for it.
    pub streams: BTreeSet<StreamIdentity>,
}

/// How busy processors are, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CpuUse {
    /// How busy they are.
    pub percent: f64,
    /// How busy they should be at most.
    pub target: f64,
}

impl WorkerRow {
    /// A worker that has just started and tells nothing yet.
    #[must_use]
    pub fn new(worker: WorkerId, incarnation: Incarnation) -> Self {
        Self { worker, incarnation, beat: 0, is_leaving: false, cpu: None, leases_max: None, streams: BTreeSet::new() }
    }
}
