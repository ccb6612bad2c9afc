//! The end of a tenure: handed over, released, lost, or the shard handled to its end. What was begun is finished first where
//! there is time for it; a row is let go by the last write of its tenure.

use super::action::{Action, Order, Outcome, Unwritten};
use super::{Life, Worker};
use crate::event::{Event, LossReason};
use crate::tenure::Tenure;
use tailwater_store::{Applied, Error, LeaseKey, WorkerId};
use tokio::time::Instant;

impl Worker {
    /// The owner is asked to finish.
    pub(super) fn hand_over(&mut self, now: Instant, key: &LeaseKey) {
        let Some(row) = self.held.get(key).and_then(|held| held.tenure.as_ref()).map(Tenure::row) else { return };
        let event = Event::HandingOver { key: key.clone(), to: row.owner.clone() };
        self.tell(event);
        self.hasten(now);
        self.drain(now, key);
    }

    /// The shard is to be finished and let go.
    pub(super) fn drain(&mut self, now: Instant, key: &LeaseKey) {
        let deadline = now + self.rules.handoff;
        let Some(held) = self.held.get_mut(key) else { return };
        match held.life {
            Life::Running if held.task => {
                held.life = Life::Draining { deadline };
                self.actions.push_back(Action::Order(key.clone(), Order::Drain));
            }
            Life::Adopting | Life::AwaitingParents { .. } | Life::Stopped(_) | Life::Paused | Life::Running => {
                held.life = Life::Releasing;
                self.write(now, key);
            }
            Life::Draining { .. } | Life::Releasing | Life::Leaving => {}
        }
    }

    /// The handler did not finish in time: the lease goes without it.
    pub(super) fn overdue(&mut self, key: &LeaseKey) {
        let Some(held) = self.held.get_mut(key) else { return };
        held.life = Life::Releasing;
        self.actions.push_back(Action::Order(key.clone(), Order::Abandon));
        self.tell(Event::HandoffOverdue { key: key.clone() });
    }

    pub(super) fn released(&mut self, now: Instant, key: &LeaseKey, outcome: Result<Applied, Error>) {
        let retry = matches!(&outcome, Err(error) if error.is_retryable());
        let to = match &outcome {
            Ok(Applied::Done(row)) => Some(row.owner.clone()),
            Ok(Applied::Refused(_)) | Err(_) => None,
        };
        if let Some(held) = self.held.get_mut(key)
            && let Some(tenure) = &mut held.tenure
        {
            if retry {
                return tenure.end_last(now);
            }
            let asks = tenure.take_asks();
            if !asks.is_empty() {
                self.actions.push_back(Action::Settled(asks, Err(Unwritten)));
            }
            held.tenure = None;
            if held.task {
                held.life = Life::Leaving;
            } else {
                self.held.remove(key);
            }
        }
        match outcome {
            Ok(Applied::Done(row)) => {
                if let Some(seen) = &mut self.seen {
                    seen.leases.insert(key.clone(), row);
                }
            }
            Ok(Applied::Refused(_)) => self.look_again(now, false),
            Err(_) => self.look_again(now, true),
        }
        if let Some(to) = to {
            self.hasten(now);
            self.tell(Event::Released { key: key.clone(), to });
        }
    }

    /// The lease is somebody else's, or may be soon.
    pub(super) fn lose(&mut self, key: &LeaseKey, reason: LossReason) {
        let Some(held) = self.held.get_mut(key) else { return };
        let Some(mut tenure) = held.tenure.take() else { return };
        let asks = tenure.take_asks();
        if held.task {
            held.life = Life::Leaving;
            self.actions.push_back(Action::Order(key.clone(), Order::Abandon));
        } else {
            self.held.remove(key);
        }
        if !asks.is_empty() {
            self.actions.push_back(Action::Settled(asks, Err(Unwritten)));
        }
        self.tell(Event::Lost { key: key.clone(), reason });
    }

    /// The shard's task has gone.
    pub(crate) fn gone(&mut self, now: Instant, key: &LeaseKey, outcome: Outcome) {
        let pauses = self.is_paused(key) && self.ending.is_none();
        let Some(held) = self.held.get_mut(key) else { return };
        held.task = false;
        (held.fetching, held.handling) = (None, None);
        if held.tenure.is_none() {
            self.held.remove(key);
            self.observe_at = now;
            return;
        }
        match outcome {
            Outcome::Ended => {
                let row = held.tenure.take().map(|tenure| tenure.row().clone());
                self.held.remove(key);
                if let (Some(seen), Some(row)) = (&mut self.seen, row) {
                    seen.leases.insert(key.clone(), row);
                }
                self.tell(Event::Ended { key: key.clone() });
                // Its children have rows that were not seen yet.
                self.observe_at = now;
                self.hasten(now);
                self.check_parents(now);
            }
            Outcome::Failed(error) if held.life == Life::Running => {
                held.life = Life::Stopped(error.clone());
                self.tell(Event::ShardStopped { key: key.clone(), error });
            }
            // Who was to finish anyway has.
            Outcome::Stopped | Outcome::Failed(_) => {
                if pauses {
                    return self.rest(key);
                }
                held.life = Life::Releasing;
                self.write(now, key);
            }
        }
    }

    /// Who is to have a lease that is handed over, unless that one has gone too: then the leader finds another, at once.
    pub(super) fn heir(&self, now: Instant, key: &LeaseKey) -> Option<WorkerId> {
        let row = self.row(key)?;
        let heir = row.handoff_from.as_ref().and(row.owner.as_ref())?;
        let workers = &self.seen.as_ref()?.workers;
        workers.iter().any(|row| row.worker == *heir && self.is_live(now, row)).then(|| heir.clone())
    }
}
