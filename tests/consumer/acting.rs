//! Handlers that do as a test says, and a store that a test can take away.

use crate::support::{Seen, World};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tailwater::consumer::{Batch, Begin, Checkpoint, Config, Consumer, Fault, Handler, Running};
use tailwater::store::{
    Answer, Applied, Change, Error, GroupName, GroupRecord, Incarnation, Lease, LeaseKey, LeaseStore, Listing, Lock,
    LockVersion, MemoryStore, WorkerId, WorkerRow,
};

/// What a handler's call gives.
pub(crate) type Acted<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;

/// What is done with a batch.
pub(crate) type Act = Arc<dyn for<'a> Fn(&'a Batch) -> Acted<'a> + Send + Sync>;

/// Does what a test says with each batch, and notes what it was called for.
pub(crate) struct Acting {
    act: Act,
    pub(crate) calls: Calls,
}

/// Names of calls, in order, and what a start was told.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<String>>>, Arc<Mutex<Vec<Begin>>>);

impl Calls {
    pub(crate) fn note(&self, call: impl Into<String>) {
        self.0.lock().unwrap().push(call.into());
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.names().iter().filter(|call| *call == name).count()
    }

    pub(crate) fn begins(&self) -> Vec<Begin> {
        self.1.lock().unwrap().clone()
    }
}

impl Handler for Acting {
    type Error = Fault;

    async fn start(&mut self, shard: &Begin) -> Result<(), Fault> {
        self.calls.note("start");
        self.calls.1.lock().unwrap().push(shard.clone());
        Ok(())
    }

    async fn records(&mut self, batch: &Batch) -> Result<(), Fault> {
        self.calls.note("records");
        (self.act)(batch).await
    }

    async fn ended(&mut self, _: &Checkpoint) -> Result<(), Fault> {
        self.calls.note("ended");
        Ok(())
    }

    async fn stopping(&mut self, _: &Checkpoint) -> Result<(), Fault> {
        self.calls.note("stopping");
        Ok(())
    }

    async fn lost(&mut self) {
        self.calls.note("lost");
    }
}

/// Notes each record, and is content.
pub(crate) fn noting(seen: &Seen, worker: &str) -> Act {
    let (seen, worker) = (seen.clone(), worker.to_owned());
    Arc::new(move |batch| {
        for record in batch.records() {
            seen.deliver(&worker, batch.shard(), record.data());
        }
        Box::pin(async { Ok(()) })
    })
}

/// Starts a worker whose handlers do this.
pub(crate) async fn start_acting(world: &World, config: Config, act: Act) -> (Running, Calls) {
    start_on(world, world.orders.store(), config, act).await
}

/// The same on another store.
pub(crate) async fn start_on(
    world: &World,
    store: impl LeaseStore + 'static,
    config: Config,
    act: Act,
) -> (Running, Calls) {
    let calls = Calls::default();
    let told = calls.clone();
    let make = move |_: &Begin| Acting { act: Arc::clone(&act), calls: told.clone() };
    let running = Consumer::new(world.orders.client(), store, config).unwrap().run(make).await.unwrap();
    (running, calls)
}

/// A store that can be taken away, and that tells of renewals.
#[derive(Clone, Debug)]
pub(crate) struct Switched {
    pub(crate) rows: MemoryStore,
    pub(crate) is_away: Arc<AtomicBool>,
    pub(crate) renewed: Option<std::sync::mpsc::Sender<()>>,
}

impl Switched {
    pub(crate) fn new(rows: MemoryStore) -> Self {
        Self { rows, is_away: Arc::default(), renewed: None }
    }

    pub(crate) fn take_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    fn or_away<'a, T: Send + 'a>(&self, answer: impl FnOnce() -> Answer<'a, T>) -> Answer<'a, T> {
        if self.is_away.load(Ordering::SeqCst) {
            let reason = "it is away".to_owned();
            return Box::pin(async { Err(Error::Unavailable { reason, may_have_happened: false }) });
        }
        answer()
    }
}

impl LeaseStore for Switched {
    fn prepare(&self) -> Answer<'_, ()> {
        self.or_away(|| self.rows.prepare())
    }

    fn create<'a>(&'a self, lease: &'a Lease) -> Answer<'a, bool> {
        self.or_away(|| self.rows.create(lease))
    }

    fn lease<'a>(&'a self, key: &'a LeaseKey) -> Answer<'a, Option<Lease>> {
        self.or_away(|| self.rows.lease(key))
    }

    fn leases<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Listing> {
        self.or_away(|| self.rows.leases(group))
    }

    fn apply<'a>(&'a self, key: &'a LeaseKey, change: &'a Change) -> Answer<'a, Applied> {
        if let (Change::Renew(_), Some(renewed)) = (change, &self.renewed) {
            let _ = renewed.send(());
        }
        self.or_away(|| self.rows.apply(key, change))
    }

    fn remove<'a>(&'a self, seen: &'a Lease) -> Answer<'a, bool> {
        self.or_away(|| self.rows.remove(seen))
    }

    fn enlist<'a>(&'a self, group: &'a GroupName, worker: &'a WorkerId) -> Answer<'a, Incarnation> {
        self.or_away(|| self.rows.enlist(group, worker))
    }

    fn beat<'a>(&'a self, group: &'a GroupName, row: &'a WorkerRow) -> Answer<'a, bool> {
        self.or_away(|| self.rows.beat(group, row))
    }

    fn strike<'a>(&'a self, group: &'a GroupName, seen: &'a WorkerRow) -> Answer<'a, bool> {
        self.or_away(|| self.rows.strike(group, seen))
    }

    fn workers<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Vec<WorkerRow>> {
        self.or_away(|| self.rows.workers(group))
    }

    fn lock<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Option<Lock>> {
        self.or_away(|| self.rows.lock(group))
    }

    fn swap_lock<'a>(
        &'a self,
        group: &'a GroupName,
        seen: Option<LockVersion>,
        lock: Option<&'a Lock>,
    ) -> Answer<'a, bool> {
        self.or_away(|| self.rows.swap_lock(group, seen, lock))
    }

    fn group<'a>(&'a self, group: &'a GroupName) -> Answer<'a, GroupRecord> {
        self.or_away(|| self.rows.group(group))
    }

    fn swap_group<'a>(&'a self, group: &'a GroupName, record: &'a GroupRecord) -> Answer<'a, bool> {
        self.or_away(|| self.rows.swap_group(group, record))
    }
}
