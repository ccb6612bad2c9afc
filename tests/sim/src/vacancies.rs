//! For how long a shard may have nobody: from the death of its owner, or since it was cut off, until another begins.
//! Judged only where the store answers everybody else soon, and only while somebody was there all the time to whom nothing
//! happened. Whatever happens to anybody begins the time anew, since it may have happened to the leader or the successor.

use crate::plan::{Class, Plan};
use std::collections::BTreeMap;
use std::time::Duration;
use tailwater::record::ShardId;
use tailwater::store::{Change, Lease};
use tokio::time::Instant;

/// Shards without a live owner.
#[derive(Debug)]
pub(crate) struct Vacancies {
    is_judged: bool,
    failover: Duration,
    lock_lease: Duration,
    observation: Duration,
    /// Workers to whom nothing has happened, since when.
    fit: BTreeMap<usize, (String, Instant)>,
    leader: Option<String>,
    open: BTreeMap<ShardId, Vacancy>,
}

#[derive(Debug)]
struct Vacancy {
    process: usize,
    since: Instant,
    deadline: Instant,
    /// When the owner is reachable again, if ever.
    heals: Option<Instant>,
}

impl Vacancies {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            is_judged: plan.class == Class::Deaths,
            failover: plan.failover,
            lock_lease: plan.lock_lease,
            observation: plan.observation(),
            fit: BTreeMap::new(),
            leader: None,
            open: BTreeMap::new(),
        }
    }

    pub(crate) fn started(&mut self, now: Instant, process: usize, name: &str) {
        self.fit.insert(process, (name.to_owned(), now));
        // It takes the lead up where it left it, and has yet to see what stands still.
        if self.leader.as_deref() == Some(name) {
            let deadline = self.deadline(now);
            for vacancy in self.open.values_mut() {
                vacancy.deadline = deadline;
            }
        }
    }

    pub(crate) fn leader(&self) -> Option<&str> {
        self.leader.as_deref()
    }

    pub(crate) fn leads(&mut self, name: Option<&str>) {
        self.leader = name.map(str::to_owned);
    }

    /// Something happens to a worker, who was handling these shards; it is reachable again then, if ever.
    pub(crate) fn disturbed(&mut self, now: Instant, process: usize, shards: Vec<ShardId>, heals: Option<Instant>) {
        let known = self.fit.remove(&process);
        for shard in shards {
            self.open.entry(shard).or_insert(Vacancy { process, since: now, deadline: now, heals });
        }
        let deadline = self.deadline(now);
        for vacancy in self.open.values_mut() {
            vacancy.deadline = deadline;
        }
        if let (Some((name, _)), Some(heals)) = (known, heals) {
            self.fit.insert(process, (name, heals));
        }
    }

    /// Whoever was cut off is reachable again.
    pub(crate) fn clear(&mut self, now: Instant) {
        self.open.clear();
        for (_, since) in self.fit.values_mut() {
            *since = (*since).min(now);
        }
    }

    fn deadline(&self, now: Instant) -> Instant {
        let leads = |(name, since): &(String, Instant)| Some(name) == self.leader.as_ref() && *since <= now;
        let expiry = if self.fit.values().any(leads) { self.failover } else { self.failover.max(self.lock_lease) };
        now + expiry + self.observation * 2 + Duration::from_secs(1)
    }

    pub(crate) fn began(&mut self, shard: &ShardId) {
        self.open.remove(shard);
    }

    pub(crate) fn wrote(&mut self, now: Instant, change: &Change, after: &Lease) {
        if after.is_ended() {
            self.open.remove(&after.key.shard);
        }
        // Given to somebody who cannot take it, it must expire once more.
        if let Change::Assign { to: Some(to), .. } = change
            && !self.fit.values().any(|(name, since)| name == to.as_str() && *since <= now)
        {
            let deadline = self.deadline(now);
            if let Some(vacancy) = self.open.get_mut(&after.key.shard) {
                vacancy.deadline = deadline;
            }
        }
    }

    /// A shard that has had nobody for too long.
    pub(crate) fn overdue(&mut self, now: Instant) -> Option<String> {
        if !self.is_judged {
            return None;
        }
        let settled = self.observation * 2;
        let fit = self.fit.values().map(|(_, since)| *since + settled).min();
        self.open.retain(|_, vacancy| fit.is_some_and(|fit| fit <= vacancy.since));
        let late = |vacancy: &Vacancy| vacancy.deadline < vacancy.heals.map_or(now, |heals| heals.min(now));
        if let Some((shard, vacancy)) = self.open.iter().find(|(_, vacancy)| late(vacancy)) {
            let (process, still) = (vacancy.process, now - vacancy.since);
            return Some(format!("nobody has handled {shard} for {still:?}, since something happened to p{process}"));
        }
        self.open.retain(|_, vacancy| vacancy.heals.is_none_or(|heals| now < heals));
        None
    }
}
