//! When this worker saw something change last: rows, workers, the lock. Expiry is judged by these and by nothing else.
//! Why: clocks of machines differ. That a counter stood still for so long on my own monotonic clock needs no other.
//! Every worker keeps them, not only the leader, so that a new leader has nothing to learn.
//! Pure. Called by `worker` with each observation.

use std::collections::BTreeMap;
use std::time::Duration;
use tailwater_store::{Incarnation, Lease, LeaseKey, Lock, LockVersion, WorkerId, WorkerRow};
use tokio::time::Instant;

/// When what changed last.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    leases: BTreeMap<LeaseKey, Seen>,
    workers: BTreeMap<WorkerId, (Incarnation, u64, Instant)>,
    lock: Option<(LockVersion, Instant)>,
}

#[derive(Debug, PartialEq)]
struct Seen {
    counter: u64,
    counted: Instant,
    /// Owner, and from whom it is handed over.
    owners: (Option<WorkerId>, Option<WorkerId>),
    owned: Instant,
}

impl Watch {
    /// Takes in what was read; `now` is when the answer had come, which is after whatever it tells.
    pub(crate) fn observe(&mut self, now: Instant, leases: &[Lease], workers: &[WorkerRow], lock: Option<&Lock>) {
        let mut known = std::mem::take(&mut self.leases);
        for lease in leases {
            let owners = (lease.owner.clone(), lease.handoff_from.clone());
            let seen = match known.remove(&lease.key) {
                Some(mut seen) => {
                    if seen.counter != lease.counter {
                        (seen.counter, seen.counted) = (lease.counter, now);
                    }
                    if seen.owners != owners {
                        (seen.owners, seen.owned) = (owners, now);
                    }
                    seen
                }
                None => Seen { counter: lease.counter, counted: now, owners, owned: now },
            };
            self.leases.insert(lease.key.clone(), seen);
        }
        let mut known = std::mem::take(&mut self.workers);
        for row in workers {
            let same = known
                .remove(&row.worker)
                .filter(|(incarnation, beat, _)| (*incarnation, *beat) == (row.incarnation, row.beat));
            self.workers.insert(row.worker.clone(), same.unwrap_or((row.incarnation, row.beat, now)));
        }
        let version = lock.map(|lock| lock.version);
        if self.lock.map(|(version, _)| version) != version {
            self.lock = version.map(|version| (version, now));
        }
    }

    /// How long the lease's counter has stood still.
    pub(crate) fn lease_still(&self, now: Instant, key: &LeaseKey) -> Duration {
        self.leases.get(key).map_or(Duration::ZERO, |seen| now.saturating_duration_since(seen.counted))
    }

    /// How long the lease has had the owners that it has.
    pub(crate) fn held_for(&self, now: Instant, key: &LeaseKey) -> Duration {
        self.leases.get(key).map_or(Duration::ZERO, |seen| now.saturating_duration_since(seen.owned))
    }

    /// How long the worker has given no sign.
    pub(crate) fn worker_still(&self, now: Instant, worker: &WorkerId) -> Option<Duration> {
        self.workers.get(worker).map(|(_, _, since)| now.saturating_duration_since(*since))
    }

    /// How long the lock has had its version.
    pub(crate) fn lock_still(&self, now: Instant) -> Duration {
        self.lock.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(since))
    }

    /// When some owned lease will have stood still for so long, if nothing changes: the first such moment after `now`.
    pub(crate) fn next_expiry(&self, now: Instant, limit: Duration) -> Option<Instant> {
        let owned = self.leases.values().filter(|seen| seen.owners.0.is_some());
        owned.map(|seen| seen.counted + limit).filter(|at| *at > now).min()
    }

    /// When the lock will have stood still for so long, if that is after `now`.
    pub(crate) fn lock_expiry(&self, now: Instant, limit: Duration) -> Option<Instant> {
        self.lock.map(|(_, since)| since + limit).filter(|at| *at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_still_ages_and_what_changes_is_young() {
        let mut watch = Watch::default();
        let stream = "111122223333:orders:1".parse().unwrap();
        let key = LeaseKey::new("g".parse().unwrap(), stream, "s".parse().unwrap());
        let mut lease = Lease::new(key.clone());
        lease.owner = Some("a".parse().unwrap());
        let mut row = WorkerRow::new("a".parse().unwrap(), Incarnation::new(1));
        let start = Instant::now();
        let second = Duration::from_secs(1);
        watch.observe(start, &[lease.clone()], &[row.clone()], None);
        watch.observe(start + second, &[lease.clone()], &[row.clone()], None);
        assert_eq!(watch.lease_still(start + second * 2, &key), second * 2);
        assert_eq!(watch.next_expiry(start + second, second * 10), Some(start + second * 10));
        lease.counter += 1;
        row.beat += 1;
        watch.observe(start + second * 3, &[lease.clone()], &[row.clone()], None);
        assert_eq!(watch.lease_still(start + second * 4, &key), second);
        assert_eq!(watch.held_for(start + second * 4, &key), second * 4);
        assert_eq!(watch.worker_still(start + second * 4, &row.worker), Some(second));
        watch.observe(start + second * 5, &[], &[], None);
        assert_eq!(watch.worker_still(start + second * 5, &row.worker), None);
        watch.observe(start + second * 6, &[lease], &[], None);
        assert_eq!(watch.lease_still(start + second * 6, &key), Duration::ZERO, "first seen is just changed");
    }
}
