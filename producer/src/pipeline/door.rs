//! Who is let in: is the record one that the stream takes, is there room, and who waits is next.
//! Why the door seldom asks where a record goes: that costs a hash, and matters only while some lane uses more than its share.
//! Called by `pipeline` for every put, and whenever room is given back.

use super::action::Action;
use super::{Knowledge, LaneKey, Pipeline};
use crate::config::Ordering;
use crate::error::Error;
use crate::intake::cost;
use tailwater_record::HashKey;
use tailwater_record::UserRecord;
use tailwater_record::kpl::MAGIC;

impl Pipeline {
    /// Why a record cannot be accepted, ever.
    pub(super) fn refusal(&self, record: &UserRecord) -> Option<Error> {
        if self.closed {
            return Some(Error::Closed);
        }
        if matches!(self.knowledge, Knowledge::Spread(_)) && self.settings.ordering == Ordering::PerShard {
            return Some(Error::Unordered);
        }
        self.too_large(record)
    }

    pub(super) fn too_large(&self, record: &UserRecord) -> Option<Error> {
        let key = record.partition_key().unwrap_or(&self.keyless);
        let plain = record.headers().is_empty() && !record.data().starts_with(&MAGIC);
        let size = if plain {
            record.data().len() + key.as_str().len()
        } else {
            // It travels in an aggregate even alone, under an outer key that may be its own.
            let mut with_key = record.clone().with_partition_key(key.clone());
            if record.hash_key().is_none() {
                // Some hash key will be chosen for it, and stand in the frame.
                with_key = with_key.with_explicit_hash_key(HashKey::MAX);
            }
            let framed = self.measure.size_with(&with_key).unwrap_or(usize::MAX);
            framed.saturating_add(key.as_str().len().max(SHARD_ID))
        };
        (size > self.record_limit).then_some(Error::TooLarge { size, limit: self.record_limit })
    }

    /// Why a record cannot be accepted now.
    pub(super) fn no_room(&mut self, record: &UserRecord, cost: u64) -> Option<Error> {
        if self.over > 0
            && let Some(lane) = self.full_lane(record)
        {
            return Some(self.lanes[lane].standstill().unwrap_or_else(|| self.full()));
        }
        if self.room.fits(cost) && !self.room.has_queue() {
            return None;
        }
        Some(self.is_stopped().filter(|_| self.all_is_stopped()).unwrap_or_else(|| self.full()))
    }

    /// Whether nothing that takes room can ever give it back by itself.
    pub(super) fn all_is_stopped(&self) -> bool {
        self.lanes().all(|lane| lane.stopped.is_some() || lane.used == 0)
    }

    pub(super) fn full(&self) -> Error {
        Error::Full { outstanding: self.room.used(), budget: self.room.budget() }
    }

    /// The lane that this record would go to, if it has used up its share.
    pub(super) fn full_lane(&self, record: &UserRecord) -> Option<LaneKey> {
        let Knowledge::Shards(map) = &self.knowledge else { return None };
        let key = map.find(record.hash_key()?);
        let share = self.room.share(map.len());
        (self.lanes[key].used + cost(record) > share).then_some(key)
    }

    /// Notes whether a lane uses more than its share.
    pub(super) fn weigh(&mut self, key: LaneKey) {
        let Knowledge::Shards(map) = &self.knowledge else { return };
        let share = self.room.share(map.len());
        let lane = &mut self.lanes[key];
        let over = lane.used > share;
        if over != lane.over {
            lane.over = over;
            self.over = if over { self.over + 1 } else { self.over - 1 };
        }
    }

    /// Gives room back, that of settled records.
    pub(super) fn release(&mut self, cost: u64) {
        self.room.give_back(cost);
    }

    /// Lets in those who wait and fit now.
    pub(super) fn admit(&mut self) {
        let (lanes, shards) = (
            &self.lanes,
            match &self.knowledge {
                Knowledge::Shards(map) => map.len(),
                Knowledge::None | Knowledge::Spread(_) => 1,
            },
        );
        let share = self.room.share(shards);
        let open = |key: LaneKey, cost| lanes.get(key).is_none_or(|lane| lane.used + cost <= share);
        self.room.admit(open, |id| self.actions.push_back(Action::Admit(id)));
        self.turn_away();
    }

    /// Sends those away who wait for what only somebody who acts can give back.
    pub(super) fn turn_away(&mut self) {
        if !self.room.is_awaited() {
            return;
        }
        let Some(error) = self.is_stopped() else { return };
        let (lanes, nothing_moves) = (&self.lanes, self.all_is_stopped());
        let stands = |key: LaneKey| lanes.get(key).is_some_and(|lane| lane.stopped.is_some());
        for id in self.room.turn_away(|lane| lane.map_or(nothing_moves, stands)) {
            self.actions.push_back(Action::Dismiss(id, error.clone()));
        }
    }
}

/// As long as the longest outer key that is not a record's own: a shard's id.
const SHARD_ID: usize = 20;
