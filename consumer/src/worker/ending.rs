//! The way out: leases are offered to others while they are still handled, then finished and let go, then the worker is
//! struck off. A worker that finds another in its place just stops.

use super::action::{Action, Order, Purpose};
use super::{Ending, Life, Look, Worker};
use crate::event::{Event, LossReason};
use tailwater_store::{Change, Lease, LeaseKey, Seen};
use tokio::time::Instant;

impl Worker {
    /// Begins to leave: with `drains` handlers finish, and others may take over first; else they stop at once.
    pub(crate) fn end(&mut self, now: Instant, drains: bool) {
        if let Some(ending) = &mut self.ending {
            // Who was patient may become impatient.
            if !drains && ending.drains {
                (ending.drains, ending.told) = (false, false);
                self.end_if_due(now);
            }
            return;
        }
        self.ending = Some(Ending { since: now, drains, told: false, struck: false, last_look: Look::Wanted });
        self.row.is_leaving = true;
        (self.beat_at, self.observe_at) = (now, now);
        self.hasten(now);
        self.end_if_due(now);
    }

    pub(super) fn end_if_due(&mut self, now: Instant) {
        let Some(ending) = self.ending else { return };
        if !ending.told {
            let is_alone = !self.has_company(now);
            if ending.drains && !is_alone && !self.held.is_empty() && now < self.offers_until(ending) {
                return;
            }
            if let Some(ending) = &mut self.ending {
                ending.told = true;
            }
            let keys: Vec<LeaseKey> = self.held.keys().cloned().collect();
            for key in keys {
                if ending.drains { self.drain(now, &key) } else { self.abandon(now, &key) }
            }
            if let Some(swap) = self.lead.release() {
                self.actions.push_back(Action::Swap(swap));
                self.was_leader = false;
                self.tell(Event::Following);
            }
        }
        // Others know by now that it leaves, or were told so in vain.
        let is_told = self.superseded || (self.beating.is_none() && self.beat_at > ending.since);
        if !self.held.is_empty() || !self.moving.is_empty() || !is_told || self.has_left_over() {
            return;
        }
        let Some(ending) = self.ending.as_mut().filter(|ending| ending.told && !ending.struck) else { return };
        match ending.last_look {
            Look::Done => {
                ending.struck = true;
                // As it was seen: of a sign of life whose answer was lost it is not known whether it stands there.
                let seen = self.seen.iter().flat_map(|seen| &seen.workers);
                let mine = seen.filter(|row| row.worker == self.me && row.incarnation == self.incarnation);
                if !self.superseded {
                    self.actions.extend(mine.cloned().map(Action::Strike));
                }
            }
            Look::Wanted => self.observe_at = self.observe_at.min(now),
            Look::Asked => {}
        }
    }

    /// Everything is looked at, perhaps for the last time.
    pub(super) fn begin_last_look(&mut self) {
        let is_told = self.beating.is_none();
        if let Some(ending) = self.ending.as_mut().filter(|ending| ending.told && is_told && self.held.is_empty()) {
            ending.last_look = Look::Asked;
        }
    }

    /// Everything was looked at, or could not be.
    pub(super) fn end_last_look(&mut self, now: Instant, done: bool) {
        let Some(ending) = self.ending.as_mut().filter(|ending| ending.last_look == Look::Asked) else { return };
        ending.last_look = if done { Look::Done } else { Look::Wanted };
        if done {
            self.let_go_of_left_over();
            self.end_if_due(now);
        }
    }

    /// What this worker was given while it was leaving.
    fn left_over(&self) -> impl Iterator<Item = &Lease> {
        let leases = self.seen.iter().flat_map(|seen| seen.leases.values());
        leases.filter(|lease| {
            !lease.is_ended() && lease.actual_owner() == Some(&self.me) && !self.held.contains_key(&lease.key)
        })
    }

    fn has_left_over(&self) -> bool {
        !self.superseded
            && self.ending.is_some_and(|ending| ending.last_look == Look::Done)
            && self.left_over().next().is_some()
    }

    fn let_go_of_left_over(&mut self) {
        let left_over: Vec<Lease> = self.left_over().cloned().collect();
        for lease in left_over {
            let to = lease.handoff_from.as_ref().and(lease.owner.clone());
            let change = Change::Assign { seen: Seen::exactly(&lease), to };
            self.actions.push_back(Action::Write { key: lease.key, change, purpose: Purpose::Release });
        }
    }

    /// What is left could not be let go: perhaps it is not mine any more.
    pub(super) fn look_again(&mut self, now: Instant, failed: bool) {
        if let Some(ending) = self.ending.as_mut().filter(|ending| ending.last_look == Look::Done && !ending.struck) {
            ending.last_look = Look::Wanted;
            self.observe_at = if failed { now + self.rules.pace.renewal / 4 } else { now };
        }
    }

    /// Others have so long to take over what is still being handled.
    fn offers_until(&self, ending: Ending) -> Instant {
        ending.since + (self.rules.observation * 2).min(self.rules.handoff)
    }

    pub(super) fn ending_due(&self) -> Option<Instant> {
        self.ending.filter(|ending| !ending.told).map(|ending| self.offers_until(ending))
    }

    fn abandon(&mut self, now: Instant, key: &LeaseKey) {
        let Some(held) = self.held.get_mut(key) else { return };
        if held.task && held.tenure.is_some() {
            // Let go when its task has stopped.
            held.life = Life::Draining { deadline: now + self.rules.handoff };
            self.actions.push_back(Action::Order(key.clone(), Order::Abandon));
        } else {
            self.drain(now, key);
        }
    }

    /// Another start under this worker's name is at work.
    pub(super) fn superseded(&mut self, now: Instant) {
        if self.superseded {
            return;
        }
        self.tell(Event::Superseded { worker: self.me.clone() });
        self.superseded = true;
        let last_look = Look::Done;
        self.ending = Some(Ending { since: now, drains: false, told: true, struck: false, last_look });
        let keys: Vec<LeaseKey> = self.held.keys().cloned().collect();
        for key in keys {
            self.lose(&key, LossReason::Taken);
        }
        // The lock bears my name and so is the other's.
        let _ = self.lead.release();
        self.end_if_due(now);
    }

    /// Whether nothing is left to do.
    pub(crate) fn has_left(&self) -> bool {
        self.ending.is_some_and(|ending| ending.struck)
    }
}
