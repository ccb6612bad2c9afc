//! May this place be stored? Forward only, and never beyond what was delivered.
//! `Bounds` is the rule, pure; [`Checkpoint`] is what a handler holds, during a call and after it.

use crate::error::CheckpointError;
use crate::link::Link;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use tailwater_store::{Commit, Commitment, LeaseKey, Pending, Progress, Written};

/// How far a shard was delivered, and how far it has been handled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds {
    delivered: Progress,
    handled: Progress,
}

impl Bounds {
    /// A shard of which so much was handled before.
    pub(crate) fn new(handled: Progress) -> Self {
        Self { delivered: handled.clone(), handled }
    }

    /// Records up to here are about to be delivered.
    pub(crate) fn deliver(&mut self, to: Progress) {
        if to > self.delivered {
            self.delivered = to;
        }
    }

    pub(crate) fn handled(&self) -> &Progress {
        &self.handled
    }

    /// Whether this may be stored.
    pub(crate) fn check(&self, to: &Progress) -> Result<(), CheckpointError> {
        if *to < self.handled {
            return Err(CheckpointError::Backwards { to: to.clone(), reached: self.handled.clone() });
        }
        if *to > self.delivered {
            return Err(CheckpointError::Beyond { to: to.clone(), delivered: self.delivered.clone() });
        }
        Ok(())
    }

    /// Records up to here have been handled.
    pub(crate) fn handle(&mut self, to: &Progress) -> Result<(), CheckpointError> {
        self.check(to)?;
        self.handled.clone_from(to);
        Ok(())
    }
}

/// By which a handler says how far it has come. May be kept, cloned and used later than the call that it was handed to;
/// when the lease is lost, it says so.
#[derive(Clone)]
pub struct Checkpoint {
    link: Arc<Link>,
}

/// What a sink needs to tell a late write of an earlier owner: of two tokens for one shard the greater one is the later
/// owner's. Store it beside each effect, and refuse effects that bring a smaller one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FencingToken {
    key: LeaseKey,
    number: u64,
}

impl FencingToken {
    /// Of which shard.
    #[must_use]
    pub fn key(&self) -> &LeaseKey {
        &self.key
    }

    /// The number that grows from owner to owner.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Checkpoint {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// Everything up to here has been handled. It is written with the next renewal, and soon; to know that it is, there is
    /// [`commit`](Self::commit).
    ///
    /// # Errors
    /// If this was not delivered, lies before what is handled already, or the lease is lost.
    pub fn advance(&self, to: &Progress) -> Result<(), CheckpointError> {
        self.link.handle(to)?;
        self.link.write_soon(Commitment::new(to.clone()))
    }

    /// Everything up to here has been handled, and that is written when this returns.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    ///
    /// # Cancellation
    /// The checkpoint may be written nevertheless.
    pub async fn commit(&self, to: &Progress) -> Result<(), CheckpointError> {
        self.link.handle(to)?;
        self.link.write(Written::Checkpoint(Commitment::new(to.clone()))).await
    }

    /// As [`commit`](Self::commit), with something of the handler's own that is written in the same step and handed to
    /// whoever handles the shard next. Nothing at all takes away what is there.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    ///
    /// # Cancellation
    /// The checkpoint may be written nevertheless.
    pub async fn commit_with(&self, to: &Progress, state: impl Into<Bytes>) -> Result<(), CheckpointError> {
        self.link.handle(to)?;
        self.link.write(Written::Checkpoint(Commitment { progress: to.clone(), state: Some(state.into()) })).await
    }

    /// The first of two steps: what is to be the next checkpoint is written beside the present one, so that whoever handles
    /// the shard after a crash finds both and can finish or undo. [`Prepared::commit`] is the second.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    ///
    /// # Cancellation
    /// It may be prepared nevertheless.
    pub async fn prepare(&self, to: &Progress, state: Option<Bytes>) -> Result<Prepared, CheckpointError> {
        self.link.check(to)?;
        let pending = Pending { progress: to.clone(), state: state.filter(|state| !state.is_empty()) };
        self.link.write(Written::Prepare(pending)).await?;
        Ok(Prepared { checkpoint: self.clone(), to: to.clone() })
    }

    /// What names this tenure to a sink.
    #[must_use]
    pub fn token(&self) -> FencingToken {
        FencingToken { key: self.link.key().clone(), number: self.link.token() }
    }

    /// How far records have been handled.
    #[must_use]
    pub fn reached(&self) -> Progress {
        self.link.handled()
    }

    /// Whether the lease is lost: whatever is done for this shard from now on is done in vain.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.link.is_lost()
    }

    /// A checkpoint to be written in a transaction of the application's own, together with the effects of the records.
    /// Nothing else is to be written for this shard in the meantime, so choose
    /// [`Checkpointing::Manual`](crate::Checkpointing::Manual). When the transaction is committed, say so with
    /// [`Ticket::committed`].
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub fn ticket(&self, to: &Progress) -> Result<Ticket, CheckpointError> {
        self.link.check(to)?;
        self.link.give_ticket();
        Ok(Ticket { checkpoint: self.clone(), after: self.link.handled(), commitment: Commitment::new(to.clone()) })
    }
}

/// A checkpoint that was prepared.
#[derive(Debug)]
#[must_use = "a checkpoint that is prepared is not made"]
pub struct Prepared {
    checkpoint: Checkpoint,
    to: Progress,
}

impl Prepared {
    /// Makes the checkpoint; what was prepared is gone with that.
    ///
    /// # Errors
    /// If the lease is lost, or a later checkpoint was made meanwhile.
    ///
    /// # Cancellation
    /// It may be made nevertheless.
    pub async fn commit(self) -> Result<(), CheckpointError> {
        self.checkpoint.commit(&self.to).await
    }
}

/// A checkpoint for a transaction of the application's.
#[derive(Debug)]
#[must_use = "a ticket does nothing until it is used in a transaction"]
pub struct Ticket {
    checkpoint: Checkpoint,
    /// How far records had been handled before.
    after: Progress,
    commitment: Commitment,
}

impl Ticket {
    /// Puts something of the handler's own beside the checkpoint.
    pub fn with_state(mut self, state: impl Into<Bytes>) -> Self {
        self.commitment.state = Some(state.into());
        self
    }

    /// What is to be written to the row of [`key`](Self::key).
    #[must_use]
    pub fn commit(&self) -> Commit {
        let (tenure, incarnation) = self.checkpoint.link.tenure();
        Commit { tenure, incarnation, after: self.after.clone(), commitment: self.commitment.clone() }
    }

    /// Of which row.
    #[must_use]
    pub fn key(&self) -> &LeaseKey {
        self.checkpoint.link.key()
    }

    /// Writes the checkpoint in an open transaction on the SQLite file that holds the leases.
    ///
    /// # Errors
    /// [`CheckpointError::LeaseLost`] inside `Ok` if the shard is somebody else's by now: then roll back, the records are
    /// handled there. Otherwise what the store says.
    #[cfg(feature = "sqlite")]
    pub fn commit_in(
        &self,
        transaction: &rusqlite::Connection,
    ) -> Result<Result<(), CheckpointError>, tailwater_store::Error> {
        use tailwater_store::{Applied, SqliteStore};
        match SqliteStore::commit_in(transaction, self.key(), &self.commit())? {
            Applied::Done(_) => Ok(Ok(())),
            Applied::Refused(_) => Ok(Err(CheckpointError::LeaseLost)),
        }
    }

    /// The transaction was committed: what it covers is not delivered again.
    ///
    /// # Errors
    /// If the lease is lost, which no longer matters for what was committed.
    pub fn committed(self) -> Result<(), CheckpointError> {
        self.checkpoint.link.handle(&self.commitment.progress)
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Checkpoint({} behind {:?})", self.link.key(), self.link.handled())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_checkpoint_never_goes_back_and_never_passes_what_was_delivered(
            steps in proptest::collection::vec((any::<bool>(), 1_u64..30, 0_u64..3), 1..60)
        ) {
            let mut bounds = Bounds::new(Progress::TrimHorizon);
            let mut delivered = Progress::TrimHorizon;
            for (is_delivery, number, sub_sequence) in steps {
                let to = Progress::Through { sequence: number.to_string().parse().unwrap(), sub_sequence };
                if is_delivery {
                    bounds.deliver(to.clone());
                    delivered = delivered.max(to);
                } else {
                    let before = bounds.handled().clone();
                    let allowed = before <= to && to <= delivered;
                    prop_assert_eq!(bounds.handle(&to).is_ok(), allowed);
                    prop_assert_eq!(bounds.handled(), if allowed { &to } else { &before });
                }
            }
            prop_assert!(bounds.check(&Progress::ShardEnd).is_err(), "nobody but the runtime ends a shard");
        }
    }
}
