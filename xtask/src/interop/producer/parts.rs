//! The settings under trial, each with a stream of its own and a share of the records.
//! Called by `producer`.

use std::time::Duration;
use tailwater_producer::{Config, Ordering, OuterKey, ShardRate};

/// A way to write.
#[derive(Debug)]
pub(super) struct Part {
    /// Also the stream's.
    pub(super) name: &'static str,
    /// How many of all records.
    pub(super) percent: usize,
    pub(super) ordering: Ordering,
    pub(super) aggregation: bool,
    outer_key: OuterKey,
    pub(super) linger: Duration,
    aggregate_bytes: usize,
    /// How many records may be without an answer.
    pub(super) window: usize,
    /// What is done to the shards meanwhile, at equal distances.
    pub(super) reshards: &'static [Reshard],
}

/// What is done to the open shards, which are counted from 0 by their hash keys.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reshard {
    /// This one is cut in the middle.
    Split(usize),
    /// This one and the next become one.
    Merge(usize),
}

/// A child of the first split is merged with what was there before, and one of the merge is split.
const RESHARDS: &[Reshard] =
    &[Reshard::Split(1), Reshard::Merge(3), Reshard::Split(0), Reshard::Merge(2), Reshard::Split(2)];

impl Part {
    pub(super) const ALL: &[Self] = &[
        Self { percent: 15, ..Self::steady("ordered", Ordering::PerShard, OuterKey::Kpl, 50) },
        Self { percent: 10, ..Self::steady("ordered-at-once", Ordering::PerShard, OuterKey::First, 0) },
        Self { percent: 20, ..Self::steady("unordered", Ordering::None, OuterKey::Shard, 10) },
        Self { percent: 10, aggregation: false, ..Self::steady("unordered-alone", Ordering::None, OuterKey::Kpl, 0) },
        Self {
            percent: 5,
            aggregation: false,
            ..Self::steady("ordered-alone", Ordering::PerShard, OuterKey::First, 5)
        },
        Self { percent: 20, ..Self::resharded("ordered-resharded", Ordering::PerShard, OuterKey::Kpl, 20) },
        Self { percent: 15, ..Self::resharded("unordered-resharded", Ordering::None, OuterKey::First, 50) },
        Self {
            percent: 5,
            aggregation: false,
            ..Self::resharded("ordered-alone-resharded", Ordering::PerShard, OuterKey::Shard, 0)
        },
    ];

    const fn steady(name: &'static str, ordering: Ordering, outer_key: OuterKey, linger: u64) -> Self {
        let linger = Duration::from_millis(linger);
        Self {
            name,
            percent: 0,
            ordering,
            aggregation: true,
            outer_key,
            linger,
            aggregate_bytes: 256 * 1024,
            window: 2000,
            reshards: &[],
        }
    }

    /// With aggregates as small as the KPL's, so that more of them are under way.
    const fn resharded(name: &'static str, ordering: Ordering, outer_key: OuterKey, linger: u64) -> Self {
        Self {
            aggregate_bytes: 50 * 1024,
            window: 500,
            reshards: RESHARDS,
            ..Self::steady(name, ordering, outer_key, linger)
        }
    }

    /// The budget is small, so that a put has to wait for room now and then.
    pub(super) fn config(&self, seed: u64) -> Config {
        Config::default()
            .with_ordering(self.ordering)
            .with_aggregation(self.aggregation)
            .with_outer_key(self.outer_key.clone())
            .with_linger(self.linger)
            .with_aggregate_bytes(self.aggregate_bytes)
            .with_budget(4 * 1024 * 1024)
            .with_shard_rate(ShardRate::Unlimited)
            .with_seed(seed)
    }
}
