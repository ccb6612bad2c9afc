//! Who may read, and how much: the rules of the budget. Pure; `Budget` is its handle.
//!
//! What a small read of each shard takes is set apart for it. Full reads are made of the rest, in this order:
//! 1. Shards that hold nothing, first come first. If there is no room for a full read they get their small one at once.
//! 2. Shards that hold no more than twice their even share with it, and leave room for a full read of one who has nothing.
//! 3. Others, if they leave as much free as they hold beyond that. So a shard whose handler stands still may read far ahead
//!    while nobody else needs the room, and never so far that nobody else finds any.
//!
//! If small reads of all shards are more than the budget, those who have nothing wait for their turn.

use super::Room;
use std::collections::{BTreeMap, VecDeque};

/// Names a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u64);

/// Names somebody who asked to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ask(u64);

/// Room for one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) bytes: u64,
    pub(super) is_full: bool,
}

/// The rules.
#[derive(Debug)]
pub(super) struct Core {
    budget: u64,
    /// What a full read takes.
    full: u64,
    held: u64,
    /// What shards hold, or what is set apart for them if that is more.
    claimed: u64,
    shards: BTreeMap<Slot, Shard>,
    /// Shards that take part; others are here only until they have given back.
    present: u64,
    waiting: VecDeque<(Ask, Slot)>,
    /// Who was let in and has not come yet.
    promised: BTreeMap<Ask, (Slot, Read)>,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Shard {
    /// What a small read takes; nothing once the shard has left.
    small: u64,
    held: u64,
    has_left: bool,
}

impl Shard {
    fn claim(&self) -> u64 {
        self.held.max(self.small)
    }
}

impl Core {
    pub(super) fn new(budget: u64, full: u64) -> Self {
        Self {
            budget,
            full,
            held: 0,
            claimed: 0,
            shards: BTreeMap::new(),
            present: 0,
            waiting: VecDeque::new(),
            promised: BTreeMap::new(),
            next: 0,
        }
    }

    pub(super) fn room(&self) -> Room {
        let (waiting, shards) = (self.waiting.len(), self.present as usize);
        Room { budget: self.budget, held: self.held, waiting, shards }
    }

    pub(super) fn enter(&mut self, small: u64) -> Slot {
        let slot = Slot(self.number());
        self.claimed += small;
        self.present += 1;
        self.shards.insert(slot, Shard { small, held: 0, has_left: false });
        slot
    }

    /// What the shard holds stays held; whatever it waits for it no longer does.
    pub(super) fn leave(&mut self, slot: Slot) {
        self.waiting.retain(|(_, waiting)| *waiting != slot);
        self.present -= 1;
        self.update(slot, |shard| (shard.small, shard.has_left) = (0, true));
    }

    pub(super) fn ask(&mut self, slot: Slot) -> Ask {
        let ask = Ask(self.number());
        self.waiting.push_back((ask, slot));
        ask
    }

    /// Takes up a promise; from then on it is the caller who gives back.
    pub(super) fn redeem(&mut self, ask: Ask) -> Option<Read> {
        self.promised.remove(&ask).map(|(_, read)| read)
    }

    /// Steps out of line, or gives back what was promised. Nothing if neither is there.
    pub(super) fn cancel(&mut self, ask: Ask) {
        self.waiting.retain(|(waiting, _)| *waiting != ask);
        if let Some((slot, read)) = self.promised.remove(&ask) {
            self.give_back(slot, read.bytes);
        }
    }

    pub(super) fn give_back(&mut self, slot: Slot, bytes: u64) {
        self.held -= bytes;
        self.update(slot, |shard| shard.held -= bytes);
    }

    /// Lets in whoever can be, by the rules at the head of this file, and tells whom.
    pub(super) fn admit(&mut self) -> Vec<Ask> {
        let mut admitted = Vec::new();
        let is_idle = |_: &Self, shard: &Shard| shard.held == 0;
        // If one of them must wait, no room is spare for the others either.
        self.admit_each(is_idle, Self::idle_read, &mut admitted);
        if !self.admit_each(Self::is_modest, Self::further_read, &mut admitted) {
            self.admit_each(|_, _| true, Self::greedy_read, &mut admitted);
        }
        admitted
    }

    /// Lets in those of a kind, in order, as long as there is a read for the first of them. True if one of them must wait.
    fn admit_each(
        &mut self,
        is_meant: impl Fn(&Self, &Shard) -> bool,
        read: impl Fn(&Self, &Shard) -> Option<Read>,
        admitted: &mut Vec<Ask>,
    ) -> bool {
        let mut place = 0;
        while let Some((ask, slot)) = self.waiting.get(place).copied() {
            let shard = self.shards[&slot];
            if !is_meant(self, &shard) {
                place += 1;
                continue;
            }
            let Some(read) = read(self, &shard) else { return true };
            self.waiting.remove(place);
            self.held += read.bytes;
            self.update(slot, |shard| shard.held += read.bytes);
            self.promised.insert(ask, (slot, read));
            admitted.push(ask);
        }
        false
    }

    /// For a shard that holds nothing.
    fn idle_read(&self, shard: &Shard) -> Option<Read> {
        if self.full <= self.spare(shard) {
            return Some(Read { bytes: self.full, is_full: true });
        }
        // A record larger than the whole budget is read when nothing else is there.
        let fits = self.held + shard.small <= self.budget || self.held == 0;
        fits.then_some(Read { bytes: shard.small, is_full: false })
    }

    /// For a shard that has something to handle meanwhile.
    fn further_read(&self, shard: &Shard) -> Option<Read> {
        let left_to_others = if self.present > 1 { self.full } else { 0 };
        (self.full + left_to_others <= self.spare(shard)).then_some(Read { bytes: self.full, is_full: true })
    }

    /// For a shard that holds more than its share already.
    fn greedy_read(&self, shard: &Shard) -> Option<Read> {
        let beyond = (shard.held + self.full).saturating_sub(self.share());
        self.further_read(shard).filter(|_| self.full + beyond <= self.spare(shard))
    }

    fn is_modest(&self, shard: &Shard) -> bool {
        shard.held + self.full <= self.share()
    }

    /// Twice the even share.
    fn share(&self) -> u64 {
        (self.budget / self.present.max(1)).saturating_mul(2)
    }

    /// What this shard can take without touching what others hold or what is set apart for them.
    fn spare(&self, shard: &Shard) -> u64 {
        let others = self.claimed - shard.claim();
        self.budget.saturating_sub(others + shard.held)
    }

    fn update(&mut self, slot: Slot, change: impl FnOnce(&mut Shard)) {
        let shard = self.shards.get_mut(&slot).expect("a shard is known until it has left and given back everything");
        self.claimed -= shard.claim();
        change(shard);
        self.claimed += shard.claim();
        if shard.has_left && shard.held == 0 {
            self.shards.remove(&slot);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.shards.is_empty() && self.promised.is_empty() && self.claimed == 0
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}
