//! Leases of mine, from the moment that a row names me until their handler has gone.
//! Nothing is handled before a renewal has succeeded in this tenure, nor before the shards that this one came from are
//! handled to their end; and a shard is never handled twice at a time here, whatever its row says meanwhile.

use super::action::{Action, Purpose};
use super::{Held, Life, Worker};
use crate::event::{Event, LossReason};
use crate::tenure::{Learned, Tenure};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use tailwater_store::{Applied, Change, Commitment, Error, Lease, LeaseKey, Progress, Seen, Written};
use tokio::time::Instant;

impl Worker {
    /// Renews, and lets go of what could not be renewed in time.
    pub(super) fn hold(&mut self, now: Instant) {
        let keys: Vec<LeaseKey> = self.held.keys().cloned().collect();
        for key in keys {
            let Some(held) = self.held.get_mut(&key) else { continue };
            let Some(tenure) = &mut held.tenure else { continue };
            if now >= tenure.fence() {
                self.lose(&key, LossReason::NotRenewed);
                continue;
            }
            if let Life::Draining { deadline } = held.life
                && now >= deadline
            {
                self.overdue(&key);
                continue;
            }
            self.write(now, &key);
        }
        self.find_stalled(now);
    }

    pub(super) fn write(&mut self, now: Instant, key: &LeaseKey) {
        let heir = self.heir(now, key);
        let Some(held) = self.held.get_mut(key) else { return };
        let Some(tenure) = &mut held.tenure else { return };
        if held.life == Life::Releasing {
            // Letting go is the last write; it waits for those before it, which wait no longer.
            if tenure.has_writes() {
                tenure.hurry();
            } else {
                if tenure.begin_last(now) {
                    let change = Change::Assign { seen: Seen::exactly(tenure.row()), to: heir };
                    self.actions.push_back(Action::Write { key: key.clone(), change, purpose: Purpose::Release });
                }
                return;
            }
        }
        if let Some(measured) = held.measured.filter(|_| tenure.due().is_some_and(|due| due <= now)) {
            let seconds = now.saturating_duration_since(measured).as_secs_f64();
            if seconds > 0.1 {
                let rate = held.bytes as f64 / 1024.0 / seconds;
                // Half of what it was and half of what it is, as the KCL does.
                let smooth = held.throughput.map_or(rate, |was| f64::midpoint(was, rate));
                (held.throughput, held.bytes, held.measured) = (Some(smooth), 0, Some(now));
                tenure.measured(smooth);
            }
        }
        if let Some(change) = tenure.next_write(now) {
            self.actions.push_back(Action::Write { key: key.clone(), change, purpose: Purpose::Hold });
        }
    }

    /// What came of a write.
    pub(crate) fn wrote(&mut self, now: Instant, key: &LeaseKey, purpose: &Purpose, outcome: Result<Applied, Error>) {
        match purpose {
            Purpose::Hold => self.held_on(now, key, outcome),
            Purpose::Release => self.released(now, key, outcome),
            Purpose::Regain => self.regained(now, key, outcome),
            Purpose::Move => self.moved(now, key, outcome),
        }
    }

    fn held_on(&mut self, now: Instant, key: &LeaseKey, outcome: Result<Applied, Error>) {
        let Some(held) = self.held.get_mut(key) else { return };
        let Some(tenure) = &mut held.tenure else { return };
        if let Err(error) = &outcome {
            let event = Event::StoreFailed { asked: "a renewal", error: error.to_string() };
            self.actions.push_back(Action::Tell(event));
        }
        let learned = tenure.answered(now, outcome);
        let row = tenure.row().clone();
        let is_adopted = tenure.is_adopted();
        if let Some(seen) = &mut self.seen
            && seen.leases.get(key).is_some_and(|lease| lease.counter < row.counter)
        {
            seen.leases.insert(key.clone(), row.clone());
        }
        let hand_over = match learned {
            Learned::Held { done, hand_over } => {
                if !done.is_empty() {
                    self.actions.push_back(Action::Settled(done, Ok(())));
                }
                if is_adopted && self.held.get(key).is_some_and(|held| held.life == Life::Adopting) {
                    self.adopted(now, key, &row);
                }
                hand_over
            }
            Learned::Again { hand_over } => hand_over,
            Learned::Lost => return self.lose(key, LossReason::Taken),
        };
        if hand_over {
            self.hand_over(now, key);
        }
        // What the row says of the end of a shard lets its children begin.
        if row.is_ended() {
            self.check_parents(now);
        }
    }

    /// Looks over everything that was seen: what is mine, what is asked of me.
    pub(super) fn look_over(&mut self, now: Instant) {
        let Some(seen) = &self.seen else { return };
        if self.ending.is_some_and(|ending| ending.told) {
            return;
        }
        let me = &self.me;
        let (mut mine, mut lost, mut left_over, mut handed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for lease in seen.leases.values().filter(|lease| !lease.is_ended()) {
            let is_free = !self.held.contains_key(&lease.key);
            if !self.row.streams.contains(&lease.key.stream) {
                // Not mine to handle: it would wait for ever if I kept it.
                if is_free && lease.actual_owner() == Some(me) {
                    left_over.push(lease.clone());
                }
                continue;
            }
            match (&lease.owner, &lease.handoff_from) {
                (Some(owner), None) if owner == me && is_free => match lease.incarnation.cmp(&self.incarnation) {
                    Ordering::Less => mine.push(lease.clone()),
                    Ordering::Equal => lost.push(lease.clone()),
                    // By a newer start, unless its number is of a count that was begun anew since.
                    Ordering::Greater if self.watch.lease_still(now, &lease.key) > self.rules.pace.failover => {
                        lost.push(lease.clone());
                    }
                    Ordering::Greater => {}
                },
                // I was to hand it over, and was started anew: nothing of it is left here.
                (Some(_), Some(from)) if from == me && is_free => left_over.push(lease.clone()),
                (Some(_), Some(from)) if from == me => handed.push(lease.clone()),
                _ => {}
            }
        }
        for lease in mine {
            self.adopt(now, lease);
        }
        // What the tenure before left on its way must not count in the next.
        for lease in lost {
            let change = Change::Assign { seen: Seen::exactly(&lease), to: Some(self.me.clone()) };
            self.actions.push_back(Action::Write { key: lease.key, change, purpose: Purpose::Regain });
        }
        for lease in left_over {
            let to = lease.handoff_from.as_ref().and(lease.owner.clone());
            let change = Change::Assign { seen: Seen::exactly(&lease), to };
            self.actions.push_back(Action::Write { key: lease.key, change, purpose: Purpose::Release });
        }
        for lease in handed {
            let tenure = self.held.get_mut(&lease.key).and_then(|held| held.tenure.as_mut());
            if tenure.is_some_and(|tenure| tenure.see(&lease)) {
                self.hand_over(now, &lease.key);
            }
        }
        // A row that names somebody else may be older than what I know; a renewal tells.
        let me = self.me.clone();
        for (key, held) in &mut self.held {
            let row = self.seen.as_ref().and_then(|seen| seen.leases.get(key));
            let is_strange = row.is_none_or(|row| row.actual_owner() != Some(&me));
            if let Some(tenure) = held.tenure.as_mut().filter(|tenure| is_strange && tenure.is_adopted()) {
                tenure.hurry();
            }
        }
        self.heed_pauses(now);
        self.check_parents(now);
        self.hold(now);
    }

    /// Whether a new tenure has begun of a lease that was lost sight of.
    fn regained(&mut self, now: Instant, key: &LeaseKey, outcome: Result<Applied, Error>) {
        match outcome {
            Ok(Applied::Done(row)) if !self.held.contains_key(key) => {
                if let Some(seen) = &mut self.seen {
                    seen.leases.insert(key.clone(), row.clone());
                }
                // Who leaves lets go of it as of all others.
                if self.ending.is_none_or(|ending| !ending.told) {
                    self.adopt(now, row);
                    self.hold(now);
                }
            }
            Ok(Applied::Done(_)) => {}
            Ok(Applied::Refused(_)) => self.observe_at = now,
            Err(error) => self.tell_failure("a lease that was lost", &error),
        }
    }

    fn adopt(&mut self, now: Instant, lease: Lease) {
        let unowned = self.watch.lease_still(now, &lease.key);
        let key = lease.key.clone();
        let tenure = Tenure::new(now, (self.me.clone(), self.incarnation), self.rules.pace, lease);
        let held = Held {
            tenure: Some(tenure),
            life: Life::Adopting,
            task: false,
            bytes: 0,
            measured: None,
            throughput: None,
            fetching: None,
            handling: None,
            unowned,
        };
        self.held.insert(key, held);
    }

    fn adopted(&mut self, now: Instant, key: &LeaseKey, row: &Lease) {
        let Some(held) = self.held.get_mut(key) else { return };
        held.throughput = row.throughput;
        let event = Event::Taken { key: key.clone(), token: row.tenure, unowned: held.unowned };
        held.life = Life::AwaitingParents { looking: false };
        self.tell(event);
        if self.is_paused(key) {
            return self.rest(key);
        }
        if self.parents_stand(key) {
            self.tell(Event::AwaitsParents { key: key.clone() });
        }
        self.check_parents(now);
    }

    /// Whether a parent's row is known that is not at its end.
    fn parents_stand(&self, key: &LeaseKey) -> bool {
        let row = self.held.get(key).and_then(|held| held.tenure.as_ref()).map(Tenure::row);
        row.is_some_and(|row| row.parents.iter().any(|parent| self.known(&key.sibling(parent.clone())) == Some(false)))
    }

    /// Whether the shard is handled to its end, as far as is known.
    fn known(&self, key: &LeaseKey) -> Option<bool> {
        let held = self.held.get(key).and_then(|held| held.tenure.as_ref()).map(|tenure| tenure.row().is_ended());
        held.or_else(|| self.seen.as_ref()?.leases.get(key).map(Lease::is_ended))
    }

    /// Starts shards whose parents have been handled to their end. Of parents that were not seen, the rows are read: a
    /// listing may have passed them before they were made.
    pub(super) fn check_parents(&mut self, now: Instant) {
        let waiting: Vec<LeaseKey> = (self.held.iter())
            .filter(|(_, held)| held.life == Life::AwaitingParents { looking: false } && !held.task)
            .map(|(key, _)| key.clone())
            .collect();
        for key in waiting {
            let Some(row) = self.held.get(&key).and_then(|held| held.tenure.as_ref()).map(Tenure::row) else {
                continue;
            };
            let parents: Vec<LeaseKey> = row.parents.iter().map(|parent| key.sibling(parent.clone())).collect();
            if parents.iter().any(|parent| self.known(parent) == Some(false)) {
                continue;
            }
            let unseen: BTreeSet<LeaseKey> =
                parents.into_iter().filter(|parent| self.known(parent).is_none()).collect();
            if unseen.is_empty() {
                self.start(now, &key);
            } else if let Some(held) = self.held.get_mut(&key) {
                held.life = Life::AwaitingParents { looking: true };
                self.actions.push_back(Action::Look { key, parents: unseen });
            }
        }
    }

    /// Whether all parents that were read are at their end, or have no row.
    pub(crate) fn looked(&mut self, now: Instant, key: &LeaseKey, outcome: Result<bool, Error>) {
        let Some(held) = self.held.get_mut(key) else { return };
        if held.life != (Life::AwaitingParents { looking: true }) {
            return;
        }
        held.life = Life::AwaitingParents { looking: false };
        match outcome {
            Ok(true) if held.tenure.is_some() => self.start(now, key),
            // The next look at everything tries again.
            Ok(_) => {}
            Err(error) => self.tell_failure("parents", &error),
        }
    }

    fn start(&mut self, now: Instant, key: &LeaseKey) {
        let Some(held) = self.held.get_mut(key) else { return };
        let Some(tenure) = held.tenure.as_ref().filter(|_| !held.task) else { return };
        (held.life, held.task) = (Life::Running, true);
        (held.measured, held.bytes) = (Some(now), 0);
        self.actions.push_back(Action::Start(Box::new(tenure.row().clone())));
    }

    /// A checkpoint that may wait for the next renewal. Without effect if the lease is lost.
    pub(crate) fn checkpoint(&mut self, now: Instant, key: &LeaseKey, commitment: Commitment) {
        if let Some(tenure) = self.held.get_mut(key).and_then(|held| held.tenure.as_mut()) {
            tenure.checkpoint(now, commitment);
        }
    }

    /// A write that somebody waits for; false if the lease is lost.
    pub(crate) fn ask(&mut self, now: Instant, key: &LeaseKey, serial: u64, written: Written) -> bool {
        let Some(tenure) = self.held.get_mut(key).and_then(|held| held.tenure.as_mut()) else { return false };
        tenure.ask(serial, written);
        self.write(now, key);
        true
    }

    /// Whether a live worker other than this one could take what is let go.
    pub(super) fn has_company(&self, now: Instant) -> bool {
        self.seen.iter().flat_map(|seen| &seen.workers).any(|row| self.is_live(now, row) && row.worker != self.me)
    }

    pub(super) fn is_live(&self, now: Instant, row: &tailwater_store::WorkerRow) -> bool {
        let still = self.watch.worker_still(now, &row.worker);
        !row.is_leaving && still.is_some_and(|still| still <= self.rules.pace.failover)
    }

    /// The token of the present tenure.
    pub(crate) fn token(&self, key: &LeaseKey) -> Option<u64> {
        self.held.get(key)?.tenure.as_ref().map(|tenure| tenure.row().tenure)
    }

    /// The row of a lease that is held, as the last answer told it.
    pub(crate) fn row(&self, key: &LeaseKey) -> Option<&Lease> {
        self.held.get(key)?.tenure.as_ref().map(Tenure::row)
    }

    /// How far the row is known to be.
    pub(crate) fn written(&self, key: &LeaseKey) -> Option<Progress> {
        self.held.get(key)?.tenure.as_ref().map(|tenure| tenure.progress().clone())
    }
}
