//! The way out: leases are offered to others while they are still handled, then finished and let go, then the worker is
//! struck off. A worker that finds another in its place just stops.

use super::action::{Action, Order};
use super::{Ending, Life, Worker};
use crate::event::{Event, LossReason};
use tailwater_store::LeaseKey;
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
        self.ending = Some(Ending { since: now, drains, told: false, struck: false });
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
        if self.held.is_empty() && self.moving.is_empty() && self.beating.is_none() {
            if let Some(ending) = self.ending.as_mut().filter(|ending| ending.told && !ending.struck) {
                ending.struck = true;
                if !self.superseded {
                    self.actions.push_back(Action::Strike(self.row.clone()));
                }
            }
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
        self.ending = Some(Ending { since: now, drains: false, told: true, struck: false });
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
