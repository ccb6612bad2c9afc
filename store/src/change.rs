//! What may become of a row: each legal move, on what it depends, and what it makes. The KCL's conditional operations.
//! Pure. A store reads a row, asks `Change::of` and writes what that gives, with nothing in between; or it says the same
//! in the conditions of its own language, and is held to this by the conformance suite.

use crate::lease::{Lease, Origin, Pending};
use crate::name::WorkerId;
use crate::progress::Progress;
use crate::worker::Incarnation;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fmt;
use tailwater_record::{HashRange, ShardId};

/// A move from one row to the next.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The owner shows that it lives, and perhaps how far it has come.
    Renew(Renewal),
    /// The lease gets another owner, or none, whatever its present owner does. Also how a handoff is finished.
    Assign {
        /// Who had it when this was decided.
        seen: Seen,
        /// Who gets it; with nobody, it is released.
        to: Option<WorkerId>,
    },
    /// A handoff begins: the owner is asked to finish, and goes on until it has. The counter stays, so that a renewal
    /// under way succeeds.
    Offer {
        /// Who has it, and is the only one to.
        owner: WorkerId,
        /// Who is to have it.
        to: WorkerId,
    },
    /// A checkpoint within a transaction of the application's. It is guarded by the tenure and leaves the counter as it
    /// is, so that it neither disturbs renewals nor is disturbed by them.
    Commit(Commit),
    /// An operator's wish: the shard is handled from another place on. Whatever the present tenure still writes is refused.
    Seek {
        /// The counter that was read.
        counter: u64,
        /// What counts as handled.
        progress: Progress,
        /// Where a reader begins if nothing does.
        origin: Origin,
    },
    /// The shards that came from this one become known.
    Children(BTreeSet<ShardId>),
    /// The hash keys become known.
    Range(HashRange),
}

/// The owner shows that it lives.
#[derive(Clone, Debug, PartialEq)]
pub struct Renewal {
    /// Who.
    pub worker: WorkerId,
    /// Which start of it.
    pub incarnation: Incarnation,
    /// The counter that it knows.
    pub counter: u64,
    /// Whether it knows already that it is to hand the lease over. If it does not, it is refused, and learns so.
    pub knows_handoff: bool,
    /// KiB a second, if it has measured.
    pub throughput: Option<f64>,
    /// What it writes along.
    pub written: Option<Written>,
}

/// What an owner writes along with a renewal.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// A checkpoint. It ends whatever was prepared.
    Checkpoint(Commitment),
    /// A checkpoint that is prepared.
    Prepare(Pending),
}

/// How far a shard has been handled, and what the handler puts beside that.
#[derive(Clone, PartialEq)]
pub struct Commitment {
    /// How far. A row that is farther stays as it is.
    pub progress: Progress,
    /// What is put beside it; `None` leaves what is there, nothing at all takes it away.
    pub state: Option<Bytes>,
}

/// A checkpoint within a transaction of the application's.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// In which tenure the records were handled.
    pub tenure: u64,
    /// Which start of the owner did.
    pub incarnation: Incarnation,
    /// How far the shard had been handled before. A row that is farther has been committed to meanwhile: by an earlier try
    /// at the same records whose answer was lost, say. Then this is refused, or effects would stand twice.
    pub after: Progress,
    /// How far they go.
    pub commitment: Commitment,
}

/// Who had a lease when something was decided about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its owner.
    pub owner: Option<WorkerId>,
    /// From whom it was being handed over.
    pub handoff_from: Option<WorkerId>,
    /// Its counter, if that matters: to its owner, who knows it, and not to a leader, whom each renewal would forestall.
    pub counter: Option<u64>,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// It was made; the row as it is now.
    Done(Lease),
    /// Its condition did not hold; the row as it is, if there is one.
    Refused(Option<Lease>),
}

impl Applied {
    /// The row, if the change was made.
    #[must_use]
    pub fn done(self) -> Option<Lease> {
        match self {
            Self::Done(lease) => Some(lease),
            Self::Refused(_) => None,
        }
    }
}

impl Seen {
    /// The owners of this row, whatever its counter.
    #[must_use]
    pub fn of(lease: &Lease) -> Self {
        Self { owner: lease.owner.clone(), handoff_from: lease.handoff_from.clone(), counter: None }
    }

    /// The same, and the counter too.
    #[must_use]
    pub fn exactly(lease: &Lease) -> Self {
        Self { counter: Some(lease.counter), ..Self::of(lease) }
    }

    fn holds(&self, lease: &Lease) -> bool {
        self.owner == lease.owner
            && self.handoff_from == lease.handoff_from
            && self.counter.is_none_or(|counter| counter == lease.counter)
    }
}

impl Change {
    /// The row that this makes of a row; `None` if the condition does not hold.
    #[must_use]
    pub fn of(&self, lease: &Lease) -> Option<Lease> {
        let mut next = lease.clone();
        match self {
            Self::Renew(renewal) => {
                let is_owner = lease.actual_owner() == Some(&renewal.worker);
                let is_told = renewal.knows_handoff || lease.handoff_from.is_none();
                if !is_owner || !is_told || lease.counter != renewal.counter || lease.incarnation > renewal.incarnation
                {
                    return None;
                }
                next.counter += 1;
                if lease.incarnation != renewal.incarnation {
                    (next.incarnation, next.tenure) = (renewal.incarnation, next.counter);
                }
                if renewal.throughput.is_some() {
                    next.throughput = renewal.throughput;
                }
                match &renewal.written {
                    Some(Written::Checkpoint(commitment)) => commitment.write(&mut next),
                    Some(Written::Prepare(pending)) => next.pending = Some(pending.clone()),
                    None => {}
                }
            }
            Self::Assign { seen, to } => {
                if !seen.holds(lease) {
                    return None;
                }
                next.counter += 1;
                (next.tenure, next.incarnation) = (next.counter, Incarnation::NONE);
                if lease.actual_owner() != to.as_ref() {
                    next.owner_switches += 1;
                }
                (next.owner, next.handoff_from) = (to.clone(), None);
            }
            Self::Offer { owner, to } => {
                let is_sole = lease.owner.as_ref() == Some(owner) && lease.handoff_from.is_none();
                if !is_sole || owner == to {
                    return None;
                }
                (next.owner, next.handoff_from) = (Some(to.clone()), Some(owner.clone()));
            }
            Self::Commit(commit) => {
                let is_same = lease.tenure == commit.tenure && lease.incarnation == commit.incarnation;
                if !is_same || commit.incarnation == Incarnation::NONE || lease.progress > commit.after {
                    return None;
                }
                commit.commitment.write(&mut next);
            }
            Self::Seek { counter, progress, origin } => {
                if lease.counter != *counter {
                    return None;
                }
                next.counter += 1;
                (next.tenure, next.incarnation) = (next.counter, Incarnation::NONE);
                (next.progress, next.origin) = (progress.clone(), *origin);
                (next.pending, next.state) = (None, None);
            }
            Self::Children(children) => next.children.clone_from(children),
            Self::Range(range) => next.range = Some(*range),
        }
        Some(next)
    }
}

impl Commitment {
    /// A checkpoint that leaves what the handler has put beside it.
    #[must_use]
    pub fn new(progress: Progress) -> Self {
        Self { progress, state: None }
    }

    /// Never goes back: a row may be farther than its owner knows, by a transaction of the application's.
    fn write(&self, lease: &mut Lease) {
        if self.progress < lease.progress {
            return;
        }
        lease.progress = self.progress.clone();
        if let Some(state) = &self.state {
            lease.state = Some(state.clone()).filter(|state| !state.is_empty());
        }
        (lease.owner_switches, lease.pending) = (0, None);
    }
}

/// The size of what is put beside, never it.
impl fmt::Debug for Commitment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { progress, state } = self;
        write!(out, "Commitment({progress:?}, {:?} bytes)", state.as_ref().map(Bytes::len))
    }
}

#[cfg(test)]
mod tests;
