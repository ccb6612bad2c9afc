//! A shard that this worker holds, or whose handler has not gone yet: its tenure, and where it is in its life.

use crate::tenure::Tenure;
use std::time::Duration;
use tokio::time::Instant;

/// A shard whose lease is mine, or whose handler has not gone yet.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) tenure: Option<Tenure>,
    pub(super) life: Life,
    /// Whether a task stands for it.
    pub(super) task: bool,
    pub(super) bytes: u64,
    pub(super) measured: Option<Instant>,
    pub(super) throughput: Option<f64>,
    /// What the task waits for.
    pub(super) fetching: Option<Busy>,
    pub(super) handling: Option<Busy>,
    pub(super) unowned: Duration,
}

/// Something that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Busy {
    pub(super) since: Instant,
    /// When it was told last that it takes long, or began.
    pub(super) told: Instant,
}

impl Busy {
    pub(super) fn new(since: Instant) -> Self {
        Self { since, told: since }
    }
}

/// Where a held shard is in its life.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Life {
    /// The first renewal has not succeeded yet.
    Adopting,
    /// The shards that it came from are not handled to their end.
    AwaitingParents {
        /// Rows of parents are being read.
        looking: bool,
    },
    /// Its task is at work.
    Running,
    /// Its task is to finish.
    Draining {
        /// When it is stopped without having finished.
        deadline: Instant,
    },
    /// Its task has finished; the lease is being let go.
    Releasing,
    /// It is not handled any more, and kept: its handler failed for good.
    Stopped(String),
    /// An operator wishes that nothing is delivered.
    Paused,
    /// It is lost, and its task has been told.
    Leaving,
}

impl Held {
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let deadline = match self.life {
            Life::Draining { deadline } => Some(deadline),
            _ => None,
        };
        let tenure =
            self.tenure.as_ref().map(|tenure| tenure.due().map_or(tenure.fence(), |due| due.min(tenure.fence())));
        [deadline, tenure].into_iter().flatten().min()
    }

    /// Kept, and nothing to come.
    pub(super) fn is_at_rest(&self) -> bool {
        matches!(self.life, Life::Stopped(_) | Life::Paused)
    }
}
