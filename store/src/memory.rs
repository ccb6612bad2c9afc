//! Rows in this process, gone with it: for tests, and for one worker that may begin anew.
//! The shortest reading of the contract, and so its model: a map behind a lock, and `Change::of`.

use crate::change::{Applied, Change};
use crate::contract::{Answer, LeaseStore, Listing};
use crate::group::GroupRecord;
use crate::key::LeaseKey;
use crate::lease::Lease;
use crate::lock::{Lock, LockVersion};
use crate::name::{GroupName, WorkerId};
use crate::worker::{Incarnation, WorkerRow};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store in this process. Clones share their rows.
///
/// ```
/// use tailwater_store::MemoryStore;
///
/// let store = MemoryStore::new();
/// let same = store.clone();
/// # let _ = same;
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Rows>>);

#[derive(Default)]
struct Rows {
    leases: BTreeMap<LeaseKey, Lease>,
    workers: BTreeMap<(GroupName, WorkerId), WorkerRow>,
    locks: BTreeMap<GroupName, Lock>,
    groups: BTreeMap<GroupName, GroupRecord>,
}

impl MemoryStore {
    /// A store without rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // No row is left half written: each is made whole before it is put in its place.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at_once<'a, T: Send + 'a>(answer: T) -> Answer<'a, T> {
    Box::pin(std::future::ready(Ok(answer)))
}

impl LeaseStore for MemoryStore {
    fn prepare(&self) -> Answer<'_, ()> {
        at_once(())
    }

    fn create<'a>(&'a self, lease: &'a Lease) -> Answer<'a, bool> {
        let mut rows = self.rows();
        let is_new = !rows.leases.contains_key(&lease.key);
        if is_new {
            rows.leases.insert(lease.key.clone(), lease.clone());
        }
        at_once(is_new)
    }

    fn lease<'a>(&'a self, key: &'a LeaseKey) -> Answer<'a, Option<Lease>> {
        at_once(self.rows().leases.get(key).cloned())
    }

    fn leases<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Listing> {
        let leases = self.rows().leases.values().filter(|lease| lease.key.group == *group).cloned().collect();
        at_once(Listing { leases, unreadable: Vec::new() })
    }

    fn apply<'a>(&'a self, key: &'a LeaseKey, change: &'a Change) -> Answer<'a, Applied> {
        let mut rows = self.rows();
        let Some(lease) = rows.leases.get_mut(key) else { return at_once(Applied::Refused(None)) };
        let Some(next) = change.of(lease) else { return at_once(Applied::Refused(Some(lease.clone()))) };
        lease.clone_from(&next);
        at_once(Applied::Done(next))
    }

    fn remove<'a>(&'a self, seen: &'a Lease) -> Answer<'a, bool> {
        let mut rows = self.rows();
        let is_same = (rows.leases.get(&seen.key))
            .is_some_and(|lease| (lease.counter, &lease.progress) == (seen.counter, &seen.progress));
        if is_same {
            rows.leases.remove(&seen.key);
        }
        at_once(is_same)
    }

    fn enlist<'a>(&'a self, group: &'a GroupName, worker: &'a WorkerId) -> Answer<'a, Incarnation> {
        let mut rows = self.rows();
        let key = (group.clone(), worker.clone());
        let incarnation = rows.workers.get(&key).map_or(Incarnation::NONE, |row| row.incarnation).next();
        rows.workers.insert(key, WorkerRow::new(worker.clone(), incarnation));
        at_once(incarnation)
    }

    fn beat<'a>(&'a self, group: &'a GroupName, row: &'a WorkerRow) -> Answer<'a, bool> {
        let mut rows = self.rows();
        let there = rows.workers.get_mut(&(group.clone(), row.worker.clone()));
        let Some(there) = there.filter(|there| there.incarnation == row.incarnation) else { return at_once(false) };
        there.clone_from(row);
        at_once(true)
    }

    fn strike<'a>(&'a self, group: &'a GroupName, seen: &'a WorkerRow) -> Answer<'a, bool> {
        let mut rows = self.rows();
        let key = (group.clone(), seen.worker.clone());
        let is_same =
            (rows.workers.get(&key)).is_some_and(|row| (row.incarnation, row.beat) == (seen.incarnation, seen.beat));
        if is_same {
            rows.workers.remove(&key);
        }
        at_once(is_same)
    }

    fn workers<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Vec<WorkerRow>> {
        let rows = self.rows();
        at_once(rows.workers.iter().filter(|((of, _), _)| of == group).map(|(_, row)| row.clone()).collect())
    }

    fn lock<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Option<Lock>> {
        at_once(self.rows().locks.get(group).cloned())
    }

    fn swap_lock<'a>(
        &'a self,
        group: &'a GroupName,
        seen: Option<LockVersion>,
        lock: Option<&'a Lock>,
    ) -> Answer<'a, bool> {
        let mut rows = self.rows();
        let is_same = rows.locks.get(group).map(|lock| lock.version) == seen;
        match lock {
            Some(lock) if is_same => drop(rows.locks.insert(group.clone(), lock.clone())),
            None if is_same => drop(rows.locks.remove(group)),
            Some(_) | None => {}
        }
        at_once(is_same)
    }

    fn group<'a>(&'a self, group: &'a GroupName) -> Answer<'a, GroupRecord> {
        at_once(self.rows().groups.get(group).cloned().unwrap_or_default())
    }

    fn swap_group<'a>(&'a self, group: &'a GroupName, record: &'a GroupRecord) -> Answer<'a, bool> {
        let mut rows = self.rows();
        let version = rows.groups.get(group).map_or(0, |record| record.version);
        let follows = version.checked_add(1) == Some(record.version);
        if follows {
            rows.groups.insert(group.clone(), record.clone());
        }
        at_once(follows)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MemoryStore({} leases)", self.rows().leases.len())
    }
}
