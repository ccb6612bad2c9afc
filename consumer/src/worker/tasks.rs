//! What the tasks of shards are at: found when they stand still, stopped where an operator wishes it.

use super::action::{Action, Order};
use super::{Busy, Life, Worker};
use crate::event::{Doing, Event};
use tailwater_store::{LeaseKey, Wish};
use tokio::time::Instant;

impl Worker {
    /// Since when a shard waits for an answer of the service, if it does.
    pub(crate) fn fetching(&mut self, key: &LeaseKey, since: Option<Instant>) {
        if let Some(held) = self.held.get_mut(key) {
            held.fetching = since.map(Busy::new);
        }
    }

    /// Since when a shard's handler is at work, if it is; and how many bytes it has handled.
    pub(crate) fn handling(&mut self, key: &LeaseKey, since: Option<Instant>, bytes: u64) {
        if let Some(held) = self.held.get_mut(key) {
            held.bytes += bytes;
            held.handling = since.map(Busy::new);
        }
    }

    pub(super) fn find_stalled(&mut self, now: Instant) {
        let limits = (self.rules.fetch_stall, self.rules.handler_stall);
        let mut stalled = Vec::new();
        for (key, held) in &mut self.held {
            let busy =
                [(Doing::Fetching, &mut held.fetching, limits.0), (Doing::Handling, &mut held.handling, limits.1)];
            for (doing, busy, limit) in busy {
                if let Some(busy) = busy.as_mut().filter(|busy| now >= busy.told + limit) {
                    busy.told = now;
                    stalled.push((key.clone(), doing, now.saturating_duration_since(busy.since)));
                }
            }
        }
        for (key, doing, still) in stalled {
            if doing == Doing::Fetching {
                self.actions.push_back(Action::Refetch(key.clone()));
            }
            self.tell(Event::Stalled { key, doing, still });
        }
    }

    pub(super) fn stall_due(&self) -> Option<Instant> {
        let fetching = self.held.values().filter_map(|held| Some(held.fetching?.told + self.rules.fetch_stall));
        let handling = self.held.values().filter_map(|held| Some(held.handling?.told + self.rules.handler_stall));
        fetching.chain(handling).min()
    }

    pub(super) fn is_paused(&self, key: &LeaseKey) -> bool {
        let wishes = self.seen.iter().flat_map(|seen| &seen.group.wishes);
        wishes.into_iter().any(|wish| matches!(wish, Wish::Pause { key: paused } if paused == key))
    }

    pub(super) fn rest(&mut self, key: &LeaseKey) {
        if let Some(held) = self.held.get_mut(key) {
            held.life = Life::Paused;
        }
    }

    /// Stops delivering where an operator wishes it, and goes on where none does any more.
    pub(super) fn heed_pauses(&mut self, now: Instant) {
        let keys: Vec<(LeaseKey, Life)> =
            self.held.iter().map(|(key, held)| (key.clone(), held.life.clone())).collect();
        for (key, life) in keys {
            match (self.is_paused(&key), life) {
                (true, Life::Running) => {
                    // Drained, and kept: what is said when the task has gone decides.
                    let deadline = now + self.rules.handoff;
                    if let Some(held) = self.held.get_mut(&key) {
                        held.life = Life::Draining { deadline };
                    }
                    self.actions.push_back(Action::Order(key, Order::Drain));
                }
                (false, Life::Paused) => {
                    if let Some(held) = self.held.get_mut(&key) {
                        held.life = Life::AwaitingParents { looking: false };
                    }
                }
                _ => {}
            }
        }
    }
}
