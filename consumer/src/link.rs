//! What a shard's task, its handler's checkpoints and the worker share: one tenure of one shard.
//! It is severed when the lease is lost; a checkpoint that outlives its tenure then writes nothing, whoever has the lease.

use crate::checkpoint::Bounds;
use crate::error::CheckpointError;
use crate::state::Inner;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tailwater_store::{Commitment, Incarnation, Lease, LeaseKey, Progress, Written};
use tokio::time::Instant;

/// One tenure of one shard.
pub(crate) struct Link {
    inner: Arc<Inner>,
    key: LeaseKey,
    tenure: u64,
    incarnation: Incarnation,
    bounds: Mutex<Bounds>,
    is_lost: AtomicBool,
    has_tickets: AtomicBool,
}

impl Link {
    pub(crate) fn new(inner: Arc<Inner>, lease: &Lease) -> Self {
        Self {
            inner,
            key: lease.key.clone(),
            tenure: lease.tenure,
            incarnation: lease.incarnation,
            bounds: Mutex::new(Bounds::new(lease.progress.clone())),
            is_lost: AtomicBool::new(false),
            has_tickets: AtomicBool::new(false),
        }
    }

    pub(crate) fn key(&self) -> &LeaseKey {
        &self.key
    }

    pub(crate) fn token(&self) -> u64 {
        self.tenure
    }

    pub(crate) fn tenure(&self) -> (u64, Incarnation) {
        (self.tenure, self.incarnation)
    }

    fn bounds(&self) -> MutexGuard<'_, Bounds> {
        self.bounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records up to here are about to be delivered.
    pub(crate) fn deliver(&self, to: Progress) {
        self.bounds().deliver(to);
    }

    pub(crate) fn handled(&self) -> Progress {
        self.bounds().handled().clone()
    }

    pub(crate) fn check(&self, to: &Progress) -> Result<(), CheckpointError> {
        if self.is_lost() {
            return Err(CheckpointError::LeaseLost);
        }
        self.bounds().check(to)
    }

    /// Records up to here have been handled.
    pub(crate) fn handle(&self, to: &Progress) -> Result<(), CheckpointError> {
        if self.is_lost() {
            return Err(CheckpointError::LeaseLost);
        }
        self.bounds().handle(to)
    }

    /// What stands in the row is handled, if it is more than is known here.
    pub(crate) fn catch_up(&self, to: &Progress) {
        let mut bounds = self.bounds();
        if *to > *bounds.handled() {
            bounds.deliver(to.clone());
            let _ = bounds.handle(to);
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Acquire)
    }

    /// The lease is lost: nothing more is written.
    pub(crate) fn sever(&self) {
        self.is_lost.store(true, Ordering::Release);
    }

    pub(crate) fn give_ticket(&self) {
        self.has_tickets.store(true, Ordering::Release);
    }

    /// Whether the application may have written checkpoints that nobody has told of here.
    pub(crate) fn has_tickets(&self) -> bool {
        self.has_tickets.load(Ordering::Acquire)
    }

    /// Written with the next renewal.
    pub(crate) fn write_soon(&self, commitment: Commitment) -> Result<(), CheckpointError> {
        if self.is_lost() {
            return Err(CheckpointError::LeaseLost);
        }
        let is_sooner = {
            let mut state = self.inner.lock();
            if state.worker.token(&self.key) != Some(self.tenure) {
                return Err(CheckpointError::LeaseLost);
            }
            state.worker.checkpoint(Instant::now(), &self.key, commitment);
            state.must_wake()
        };
        if is_sooner {
            self.inner.wake.notify_one();
        }
        Ok(())
    }

    /// Written when this returns.
    pub(crate) async fn write(&self, written: Written) -> Result<(), CheckpointError> {
        if self.is_lost() {
            return Err(CheckpointError::LeaseLost);
        }
        let done = {
            let mut state = self.inner.lock();
            if state.worker.token(&self.key) != Some(self.tenure) {
                return Err(CheckpointError::LeaseLost);
            }
            state.ask(Instant::now(), &self.key, written)
        };
        self.inner.wake.notify_one();
        // Who asks is told, or goes with the worker.
        done.await.unwrap_or(Err(CheckpointError::LeaseLost))
    }
}
