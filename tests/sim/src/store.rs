//! A worker's way to the rows, as good as the weather. What is asked is done in a task of its own: a call that is on its
//! way arrives although its caller has given up, or died.

use crate::weather::To;
use crate::world::World;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tailwater::store::{
    Answer, Applied, Change, Commit, Error, GroupName, GroupRecord, Incarnation, Lease, LeaseKey, LeaseStore, Listing,
    Lock, LockVersion, WorkerId, WorkerRow,
};
use tokio::time::{Instant, sleep};

/// The store as one worker reaches it.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) world: Arc<World>,
    pub(crate) process: usize,
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Store({})", self.process)
    }
}

impl Store {
    /// Writes effects and their checkpoint in one step, or neither; tells which.
    pub(crate) fn transact(&self, key: &LeaseKey, commit: Commit, effects: Vec<usize>) -> Answer<'static, bool> {
        let key = key.clone();
        self.call(move |world, process| {
            let change = Change::Commit(commit);
            let before = at_once(world.rows.lease(&key));
            // Nothing comes in between: the simulation has one thread, and this does not wait.
            let is_accepted = before.as_ref().is_some_and(|row| change.of(row).is_some());
            if is_accepted {
                world.lock().take_effect(process, &key.shard, &effects);
            }
            matches!(world.apply(process, &key, &change), Applied::Done(_))
        })
    }

    fn call<T: Send + 'static>(&self, effect: impl FnOnce(&World, usize) -> T + Send + 'static) -> Answer<'static, T> {
        let Self { world, process } = self.clone();
        Box::pin(async move {
            let fate = world.lock().weather.fate(Instant::now(), process, To::Store);
            let unavailable = |may_have_happened| {
                Err(Error::Unavailable { reason: "as the seed says".to_owned(), may_have_happened })
            };
            if fate.before.is_zero() && fate.after.is_zero() {
                if fate.refused {
                    return unavailable(false);
                }
                let done = effect(&world, process);
                return if fate.lost { unavailable(true) } else { Ok(done) };
            }
            let under_way = tokio::spawn(async move {
                sleep(fate.before).await;
                if fate.refused {
                    return unavailable(false);
                }
                let done = effect(&world, process);
                sleep(fate.after).await;
                if fate.lost { unavailable(true) } else { Ok(done) }
            });
            under_way.await.unwrap_or_else(|_| unavailable(true))
        })
    }
}

/// What a store in this process answers, which it does without waiting.
pub(crate) fn at_once<T>(mut answer: Answer<'_, T>) -> T {
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(answer)) => answer,
        Poll::Ready(Err(_)) | Poll::Pending => panic!("a store in this process answers at once"),
    }
}

impl LeaseStore for Store {
    fn prepare(&self) -> Answer<'_, ()> {
        self.call(|_, _| ())
    }

    fn create<'a>(&'a self, lease: &'a Lease) -> Answer<'a, bool> {
        let lease = lease.clone();
        self.call(move |world, process| {
            let is_new = at_once(world.rows.create(&lease));
            if is_new {
                world.lock().created(process, &lease);
            }
            is_new
        })
    }

    fn lease<'a>(&'a self, key: &'a LeaseKey) -> Answer<'a, Option<Lease>> {
        let key = key.clone();
        self.call(move |world, _| at_once(world.rows.lease(&key)))
    }

    fn leases<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Listing> {
        let group = group.clone();
        self.call(move |world, _| at_once(world.rows.leases(&group)))
    }

    fn apply<'a>(&'a self, key: &'a LeaseKey, change: &'a Change) -> Answer<'a, Applied> {
        let (key, change) = (key.clone(), change.clone());
        if let Change::Offer { .. } = &change {
            self.world.lock().plans(self.process);
        }
        self.call(move |world, process| world.apply(process, &key, &change))
    }

    fn remove<'a>(&'a self, seen: &'a Lease) -> Answer<'a, bool> {
        let seen = seen.clone();
        self.call(move |world, process| {
            let is_removed = at_once(world.rows.remove(&seen));
            if is_removed {
                world.lock().removed(process, &seen);
            }
            is_removed
        })
    }

    fn enlist<'a>(&'a self, group: &'a GroupName, worker: &'a WorkerId) -> Answer<'a, Incarnation> {
        let (group, worker) = (group.clone(), worker.clone());
        self.call(move |world, _| at_once(world.rows.enlist(&group, &worker)))
    }

    fn beat<'a>(&'a self, group: &'a GroupName, row: &'a WorkerRow) -> Answer<'a, bool> {
        let (group, row) = (group.clone(), row.clone());
        self.call(move |world, _| at_once(world.rows.beat(&group, &row)))
    }

    fn strike<'a>(&'a self, group: &'a GroupName, seen: &'a WorkerRow) -> Answer<'a, bool> {
        let (group, seen) = (group.clone(), seen.clone());
        self.call(move |world, process| {
            let is_struck = at_once(world.rows.strike(&group, &seen));
            world.lock().note(format_args!("p{process} strikes {} off: {is_struck}", seen.worker));
            is_struck
        })
    }

    fn workers<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Vec<WorkerRow>> {
        let group = group.clone();
        self.call(move |world, _| at_once(world.rows.workers(&group)))
    }

    fn lock<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Option<Lock>> {
        let group = group.clone();
        self.call(move |world, _| at_once(world.rows.lock(&group)))
    }

    fn swap_lock<'a>(
        &'a self,
        group: &'a GroupName,
        seen: Option<LockVersion>,
        lock: Option<&'a Lock>,
    ) -> Answer<'a, bool> {
        let (group, lock) = (group.clone(), lock.cloned());
        self.call(move |world, process| {
            let is_done = at_once(world.rows.swap_lock(&group, seen, lock.as_ref()));
            let holder = lock.as_ref().map(|lock| &lock.holder);
            if is_done {
                world.lock().vacancies.leads(holder.map(WorkerId::as_str));
            }
            world.lock().note(format_args!("p{process} writes the lock for {holder:?}: {is_done}"));
            is_done
        })
    }

    fn group<'a>(&'a self, group: &'a GroupName) -> Answer<'a, GroupRecord> {
        let group = group.clone();
        self.call(move |world, _| at_once(world.rows.group(&group)))
    }

    fn swap_group<'a>(&'a self, group: &'a GroupName, record: &'a GroupRecord) -> Answer<'a, bool> {
        let (group, record) = (group.clone(), record.clone());
        self.call(move |world, _| at_once(world.rows.swap_group(&group, &record)))
    }
}
