//! Which shards a listing holds.
//! A filter is evaluated on one topology at one moment, so that what it gives for a moment covers every hash key once:
//! the KCL refuses to start otherwise.
//! Pure. Called by `actions::list_shards`.

use super::shard::Shard;
use super::shards::Shards;
use tailwater_record::Timestamp;

/// Which shards to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Those numbered beyond this one.
    After(u32),
    /// Those that took records at the oldest moment of which records are kept.
    AtTrimHorizon,
    /// All that hold records or take them.
    FromTrimHorizon,
    /// Those that take records.
    AtLatest,
    /// Those that took records at this moment.
    At(Timestamp),
    /// Those that took records at this moment or later.
    From(Timestamp),
}

impl Filter {
    /// Whether a listing holds this shard. `horizon` is the oldest moment of which records are kept.
    pub(crate) fn takes(self, shards: &Shards, shard: &Shard, horizon: Timestamp) -> bool {
        // Before the stream there was nothing; whoever asks for then gets what it began with.
        let began = shards.began();
        let ended_before = |moment: Timestamp| shard.until().is_some_and(|until| until < moment);
        let took_at = |moment: Timestamp| shard.from() <= moment && !ended_before(moment);
        match self {
            Self::After(number) => shard.number() > number,
            Self::AtTrimHorizon => took_at(horizon.max(began)),
            Self::FromTrimHorizon => !ended_before(horizon),
            Self::AtLatest => shard.is_open(),
            Self::At(moment) => took_at(moment.max(horizon).max(began)),
            Self::From(moment) => !ended_before(moment.max(horizon)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU32;
    use tailwater_record::{HashKey, HashRange};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    /// Two shards; the first is split after an hour, its parts are merged again after two.
    fn shards() -> Shards {
        let hour = 3_600_000;
        let mut shards = Shards::new(NonZeroU32::new(2).unwrap(), at(0), false);
        shards.split(0, HashKey::new(1 << 126), at(hour)).unwrap();
        shards.merge(2, 3, at(2 * hour)).unwrap();
        shards
    }

    fn listed(filter: Filter, horizon: i64) -> Vec<u32> {
        let shards = shards();
        shards.iter().filter(|shard| filter.takes(&shards, shard, at(horizon))).map(Shard::number).collect()
    }

    #[test]
    fn each_filter_lists_what_its_name_says() {
        let hour = 3_600_000;
        let young = -20 * hour;
        assert_eq!(listed(Filter::FromTrimHorizon, young), [0, 1, 2, 3, 4]);
        assert_eq!(listed(Filter::AtTrimHorizon, young), [0, 1]);
        assert_eq!(listed(Filter::AtLatest, young), [1, 4]);
        assert_eq!(listed(Filter::After(2), young), [3, 4]);
        assert_eq!(listed(Filter::At(at(-5)), young), [0, 1]);
        assert_eq!(listed(Filter::At(at(hour)), young), [0, 1]);
        assert_eq!(listed(Filter::At(at(hour + 1)), young), [1, 2, 3]);
        assert_eq!(listed(Filter::At(at(9 * hour)), young), [1, 4]);
        assert_eq!(listed(Filter::From(at(hour)), young), [0, 1, 2, 3, 4]);
        assert_eq!(listed(Filter::From(at(hour + 1)), young), [1, 2, 3, 4]);
        assert_eq!(listed(Filter::FromTrimHorizon, hour + 1), [1, 2, 3, 4]);
        assert_eq!(listed(Filter::AtTrimHorizon, hour + 1), [1, 2, 3]);
        // What is no longer kept cannot be asked for.
        assert_eq!(listed(Filter::At(at(0)), hour + 1), [1, 2, 3]);
        assert_eq!(listed(Filter::From(at(0)), hour + 1), [1, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn filters_for_a_moment_cover_every_key_once(moment in -4_000_000_i64..12_000_000, horizon in -4_000_000_i64..12_000_000) {
            for filter in [Filter::At(at(moment)), Filter::AtTrimHorizon, Filter::AtLatest] {
                let shards = shards();
                let taken = shards.iter().filter(|shard| filter.takes(&shards, shard, at(horizon)));
                let mut ranges: Vec<HashRange> = taken.map(Shard::range).collect();
                ranges.sort();
                let whole = ranges.into_iter().map(Some).reduce(|one, two| one?.merge(two?)).flatten();
                prop_assert_eq!(whole, Some(HashRange::FULL));
            }
        }
    }
}
