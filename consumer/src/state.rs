//! What stands behind the worker's lock: the machine, those who wait for writes, and the shards' tasks by name.
//! Called by `worker_task`, by links, and by the handle.

use crate::budget::Budget;
use crate::config::{Config, Listener, Settings};
use crate::error::{CheckpointError, Error};
use crate::event::Event;
use crate::link::Link;
use crate::metrics::Metrics;
use crate::snapshot::ShardView;
use crate::worker::Worker;
use crate::worker::action::{Order, Unwritten};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tailwater_client::Client;
use tailwater_record::{StreamRef, Timestamp};
use tailwater_store::{GroupName, LeaseKey, LeaseStore, StreamIdentity, WorkerId, Written};
use tailwater_wire::time::WallClock;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

/// Everything that the parts of a running consumer share.
pub(crate) struct Inner {
    pub(crate) group: GroupName,
    pub(crate) me: WorkerId,
    pub(crate) settings: Settings,
    pub(crate) client: Client,
    pub(crate) store: Arc<dyn LeaseStore>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) budget: Budget,
    pub(crate) metrics: Option<Metrics>,
    listener: Option<Listener>,
    state: Mutex<State>,
    pub(crate) wake: Notify,
}

/// What changes.
pub(crate) struct State {
    pub(crate) worker: Worker,
    waits: HashMap<u64, oneshot::Sender<Result<(), CheckpointError>>>,
    next_serial: u64,
    pub(crate) shards: BTreeMap<LeaseKey, ShardSlot>,
    pub(crate) streams: BTreeMap<StreamIdentity, Arc<StreamInfo>>,
    /// Until when the worker's task sleeps; nothing while it is awake.
    pub(crate) armed: Option<Instant>,
    /// Why the worker ends, if not because it was told to.
    pub(crate) fault: Option<Error>,
    pub(crate) seed: fastrand::Rng,
}

/// A shard that has a task.
pub(crate) struct ShardSlot {
    pub(crate) orders: watch::Sender<Order>,
    pub(crate) refetch: Arc<Notify>,
    pub(crate) link: Arc<Link>,
    pub(crate) view: Arc<Mutex<ShardView>>,
}

/// What a stream is, apart from its shards.
#[derive(Debug)]
pub(crate) struct StreamInfo {
    pub(crate) named: StreamRef,
    /// Whether the service spreads its records, whatever their keys.
    pub(crate) spreads: bool,
    /// The largest record that it takes.
    pub(crate) record_limit: u64,
}

impl Inner {
    pub(crate) fn new(
        config: &Config,
        client: Client,
        store: Arc<dyn LeaseStore>,
        me: WorkerId,
        worker: Worker,
        metrics: Option<Metrics>,
        seed: fastrand::Rng,
    ) -> Self {
        let state = State {
            worker,
            waits: HashMap::new(),
            next_serial: 0,
            shards: BTreeMap::new(),
            streams: BTreeMap::new(),
            armed: None,
            fault: None,
            seed,
        };
        Self {
            group: config.group.clone(),
            me,
            settings: config.settings.clone(),
            client,
            store,
            clock: Arc::clone(&config.clock),
            budget: Budget::new(config.settings.budget),
            metrics,
            listener: config.listener.clone(),
            state: Mutex::new(state),
            wake: Notify::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // The machine is changed by calls that do not panic; other people's code never runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wall(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets go of what stands in a circle, and tells those who still wait that it was in vain.
    pub(crate) fn release(&self) {
        let mut state = self.lock();
        for slot in state.shards.values() {
            slot.link.sever();
        }
        state.shards.clear();
        state.waits.clear();
    }

    /// Tells everybody who listens. Not to be called with the lock held.
    pub(crate) fn tell(&self, event: &Event) {
        if event.is_warning() {
            tracing::warn!(group = %self.group, worker = %self.me, "{event}");
        } else {
            tracing::debug!(group = %self.group, worker = %self.me, "{event}");
        }
        if let Some(metrics) = &self.metrics {
            metrics.saw(event);
        }
        if let Some(listener) = &self.listener
            && std::panic::catch_unwind(AssertUnwindSafe(|| listener(event))).is_err()
        {
            tracing::error!(group = %self.group, worker = %self.me, "the listener panicked");
        }
    }
}

impl State {
    /// Whether the worker's task must be woken for what has changed.
    pub(crate) fn must_wake(&self) -> bool {
        let Some(armed) = self.armed else { return false };
        self.worker.has_actions() || self.worker.wake_at(Instant::now()).is_some_and(|at| at < armed)
    }

    /// Asks for a write, and gives where its end is told.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        key: &LeaseKey,
        written: Written,
    ) -> oneshot::Receiver<Result<(), CheckpointError>> {
        let (tell, told) = oneshot::channel();
        self.next_serial += 1;
        if self.worker.ask(now, key, self.next_serial, written) {
            self.waits.insert(self.next_serial, tell);
        } else {
            // Who listens is there: it is the caller.
            let _ = tell.send(Err(CheckpointError::LeaseLost));
        }
        told
    }

    /// These writes have come to their end.
    pub(crate) fn settle(&mut self, serials: Vec<u64>, outcome: Result<(), Unwritten>) {
        for serial in serials {
            if let Some(waiting) = self.waits.remove(&serial) {
                // Who no longer waits need not be told.
                let _ = waiting.send(outcome.map_err(|Unwritten| CheckpointError::LeaseLost));
            }
        }
    }

    /// Tells a shard's task something; a greater order is never taken back by a smaller.
    pub(crate) fn order(&mut self, key: &LeaseKey, order: Order) {
        let Some(slot) = self.shards.get(key) else { return };
        if order == Order::Abandon {
            slot.link.sever();
        }
        slot.orders.send_if_modified(|standing| {
            let is_new = order > *standing;
            if is_new {
                *standing = order;
            }
            is_new
        });
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Consumer({} of {})", self.me, self.group)
    }
}
