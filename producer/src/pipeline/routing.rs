//! Accepted records to their lanes, a few dozen at a time, because their keys are hashed faster together.
//! Called by `pipeline` when enough have come, when the oldest has lingered, and when the shards become known.

use super::{KEY_MAX, Knowledge, LaneKey, Pipeline, Unrouted, any_key_of};
use crate::aggregate::{Arrival, Sizes};
use crate::attempts::Attempts;
use crate::config::{Ordering, OuterKey};
use crate::error::Error;
use crate::lane::{Lane, Pushed};
use std::time::Duration;
use tailwater_record::{HashKey, PartitionKey, hash_keys};
use tokio::time::Instant;

/// A parcel is what its shard takes in this time, at the most.
const PARCEL_TIME: Duration = Duration::from_millis(100);

impl Pipeline {
    /// Gives every accepted record its lane, if the shards are known.
    pub(super) fn route(&mut self, now: Instant) {
        match (&self.knowledge, self.settings.ordering) {
            (Knowledge::None, _) => return,
            (Knowledge::Spread(_), Ordering::PerShard) => {
                let records = self.take_unrouted();
                return self.fail_unrouted(records, Error::Unordered);
            }
            (Knowledge::Shards(_) | Knowledge::Spread(_), _) => {}
        }
        let arrived = self.take_unrouted();
        let to_hash: Vec<&PartitionKey> = arrived
            .iter()
            .filter(|arrival| arrival.record.explicit_hash_key().is_none())
            .filter_map(|arrival| arrival.record.partition_key())
            .collect();
        let mut hashed = hash_keys(&to_hash).into_iter();
        let mut failed = Vec::new();
        for Unrouted { number, accepted, cost, mut record } in arrived {
            let (key, hash_key) = match (record.explicit_hash_key(), record.partition_key()) {
                (Some(hash_key), _) => (self.lane_of(hash_key), hash_key),
                (None, Some(_)) => {
                    let hash_key = hashed.next().expect("one for each that has a key and no hash key");
                    (self.lane_of(hash_key), hash_key)
                }
                (None, None) => {
                    let key = self.sticky();
                    let hash_key = any_key_of(&self.lanes[key]);
                    record = record.with_explicit_hash_key(hash_key);
                    (key, hash_key)
                }
            };
            if record.partition_key().is_none() {
                record = record.with_partition_key(self.keyless.clone());
            }
            let sizes = self.sizes(&self.lanes[key], now);
            let linger = self.settings.linger;
            let arrival = Arrival { number, accepted, cost, hash_key, record };
            match self.lanes[key].push(&arrival, sizes, linger) {
                Pushed::Joined => {}
                Pushed::Opened => self.schedule(now, key),
                Pushed::Filled => {
                    self.counts.closed_by_size += 1;
                    self.schedule(now, key);
                }
                Pushed::FitsNowhere => {
                    self.schedule(now, key);
                    failed.push(Unrouted { number, accepted, cost, record: arrival.record });
                }
            }
            self.weigh(key);
        }
        for arrival in failed {
            let error = self
                .too_large(&arrival.record)
                .unwrap_or(Error::TooLarge { size: arrival.record.data().len(), limit: self.record_limit });
            self.fail_unrouted(vec![arrival], error);
        }
    }

    /// Gives up what the stream no longer takes.
    pub(super) fn refuse_unrouted(&mut self) {
        for arrival in self.take_unrouted() {
            let Some(error) = self.too_large(&arrival.record) else {
                self.unrouted_bytes += arrival.cost;
                self.unrouted.push_back(arrival);
                continue;
            };
            self.fail_unrouted(vec![arrival], error);
        }
    }

    fn take_unrouted(&mut self) -> Vec<Unrouted> {
        self.unrouted_bytes = 0;
        self.unrouted.drain(..).collect()
    }

    /// Gives up records that have no lane.
    pub(super) fn fail_unrouted(&mut self, records: Vec<Unrouted>, error: Error) {
        if !records.is_empty() {
            let cost = records.iter().map(|arrival| arrival.cost).sum();
            let records = records.into_iter().map(|arrival| (arrival.number, arrival.record)).collect();
            self.fail(None, error, Attempts::default(), records, cost);
        }
    }

    /// Where a hash key falls. Only while the shards are known.
    #[inline]
    pub(super) fn lane_of(&self, hash_key: HashKey) -> LaneKey {
        match &self.knowledge {
            Knowledge::Shards(map) => map.find(hash_key),
            Knowledge::Spread(key) => *key,
            Knowledge::None => unreachable!("nothing is routed before the shards are known"),
        }
    }

    /// Where a record without a key goes: where the last one went, until that parcel is closed; then to the emptier one of
    /// two lanes.
    fn sticky(&mut self) -> LaneKey {
        if let Some(key) = self.sticky
            && self.lanes.get(key).is_some_and(|lane| !lane.closing && !lane.is_between_parcels())
        {
            return key;
        }
        let key = match &self.knowledge {
            Knowledge::Spread(key) => *key,
            Knowledge::Shards(map) => {
                let one = map.nth(self.chance.usize(..map.len()));
                let other = map.nth(self.chance.usize(..map.len()));
                let load = |key: LaneKey| {
                    let lane = &self.lanes[key];
                    (lane.stopped.is_some(), lane.over, lane.used)
                };
                if load(one) <= load(other) { one } else { other }
            }
            Knowledge::None => unreachable!("nothing is routed before the shards are known"),
        };
        self.sticky = Some(key);
        key
    }

    /// What the outer key of an aggregate may add to its size.
    pub(super) fn outer_key_max(&self) -> usize {
        match self.settings.outer_key {
            OuterKey::Kpl => 1,
            OuterKey::First => KEY_MAX,
            OuterKey::Shard => 128,
        }
    }

    /// How large the lane's parcels are now.
    pub(super) fn sizes(&self, lane: &Lane, now: Instant) -> Sizes {
        let settings = &self.settings;
        let alone = !settings.aggregation || lane.shard.is_none();
        let in_time =
            lane.pace.bytes_per_second(now).map_or(usize::MAX, |rate| (rate * PARCEL_TIME.as_secs_f64()) as usize);
        let most = self.record_limit.saturating_sub(self.outer_key_max());
        let target = settings.aggregate_bytes.min(most).min(in_time.max(PARCEL_MIN));
        Sizes { limit: self.record_limit, target, records: if alone { 1 } else { settings.aggregate_records } }
    }
}

/// A parcel may be as large as this, however slow its shard: what it counts for as a record is worth that much.
const PARCEL_MIN: usize = 1024;
