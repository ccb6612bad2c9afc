//! Which shard a hash key falls into, by the last listing of the stream's shards.
//! Why shards that are gone are remembered for a while: an answer may name one.
//! Pure. Asked by `pipeline` for every record.

use std::collections::HashMap;
use tailwater_record::{HashKey, HashRange, SequenceNumber, ShardId};

/// A shard as a listing tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) shard: ShardId,
    /// Its hash keys.
    pub(crate) range: HashRange,
    /// The number it began with.
    pub(crate) begins: SequenceNumber,
}

impl Listed {
    /// Which of all shards of this id it is: a stream that was deleted and made again has others under the same ids.
    /// All numbers of a shard begin with the second in which it was made.
    pub(crate) fn birth(&self) -> Option<u64> {
        birth(&self.begins)
    }
}

/// The part of a number that all numbers of one shard share.
pub(crate) fn birth(number: &SequenceNumber) -> Option<u64> {
    number.words().map(|[high, _, _]| high >> 16)
}

/// The shards that take records, with what stands for each.
#[derive(Debug)]
pub(crate) struct Map<L> {
    /// By the end of their ranges, which tile the space.
    ends: Vec<(HashKey, L)>,
}

impl<L: Copy> Map<L> {
    /// A map of these; `None` if their ranges do not hold every hash key exactly once, as when a listing was torn.
    pub(crate) fn new(mut shards: Vec<(HashRange, L)>) -> Option<Self> {
        shards.sort_by_key(|(range, _)| *range);
        let ranges = shards.iter().map(|(range, _)| *range);
        let whole =
            ranges.reduce(|low, high| if low.end() < high.start() { low.merge(high).unwrap_or(low) } else { low });
        let tiled = whole == Some(HashRange::FULL) && shards.windows(2).all(|pair| pair[0].0.end() < pair[1].0.start());
        tiled.then(|| Self { ends: shards.into_iter().map(|(range, lane)| (range.end(), lane)).collect() })
    }

    /// Where the key falls.
    #[inline]
    pub(crate) fn find(&self, key: HashKey) -> L {
        let place = self.ends.partition_point(|(end, _)| *end < key);
        self.ends[place].1
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = L> + '_ {
        self.ends.iter().map(|(_, lane)| *lane)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The lane at a place, for whoever goes round.
    pub(crate) fn nth(&self, place: usize) -> L {
        self.ends[place % self.ends.len()].1
    }
}

/// The hash keys of shards that were listed, also of those that no longer take records.
#[derive(Debug, Default)]
pub(crate) struct Known {
    shards: HashMap<ShardId, (HashRange, Option<u64>, u64)>,
}

/// For how many listings a shard that is gone is remembered.
const REMEMBERED: u64 = 16;

/// What an answer's shard is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The shard of this range.
    Range(HashRange),
    /// A shard that was not listed, or another of the same id.
    Unknown,
}

impl Known {
    /// Takes a listing over.
    pub(crate) fn learn(&mut self, listing: u64, shards: &[Listed]) {
        for shard in shards {
            self.shards.insert(shard.shard.clone(), (shard.range, shard.birth(), listing));
        }
        self.shards.retain(|_, (_, _, seen)| *seen + REMEMBERED > listing);
    }

    /// What shard it is that stored something under this number.
    pub(crate) fn find(&self, shard: &ShardId, number: &SequenceNumber) -> Told {
        match self.shards.get(shard) {
            Some((range, born, _)) if *born == birth(number) => Told::Range(*range),
            _ => Told::Unknown,
        }
    }

    /// What shard it is by its id alone, when its number has proved to say nothing.
    pub(crate) fn find_by_id(&self, shard: &ShardId, listing: u64) -> Told {
        match self.shards.get(shard) {
            Some((range, _, seen)) if *seen == listing => Told::Range(*range),
            _ => Told::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    fn uniform(shards: u32) -> Vec<(HashRange, u32)> {
        HashRange::uniform(NonZeroU32::new(shards).unwrap()).zip(0..).collect()
    }

    #[test]
    fn a_listing_with_a_hole_or_an_overlap_is_no_map() {
        let mut shards = uniform(4);
        assert!(Map::new(shards.clone()).is_some());
        let taken = shards.remove(2);
        assert!(Map::new(shards.clone()).is_none(), "a hole");
        shards.push(taken);
        shards.push(taken);
        assert!(Map::new(shards).is_none(), "twice");
        assert!(Map::new(vec![(HashRange::FULL, 0), uniform(2)[1]]).is_none(), "an overlap");
        assert!(Map::<u32>::new(Vec::new()).is_none());
    }

    #[test]
    fn another_shard_under_the_same_id_is_not_taken_for_it() {
        let number = |born: u64| SequenceNumber::from_words([2 << 56 | born << 20, 5, 2]);
        let listed = Listed { shard: ShardId::numbered(0), range: HashRange::FULL, begins: number(1000) };
        let mut known = Known::default();
        known.learn(1, &[listed]);
        assert_eq!(known.find(&ShardId::numbered(0), &number(1000)), Told::Range(HashRange::FULL));
        assert_eq!(known.find(&ShardId::numbered(0), &number(1001)), Told::Unknown);
        assert_eq!(known.find(&ShardId::numbered(1), &number(1000)), Told::Unknown);
        known.learn(1 + REMEMBERED, &[]);
        assert_eq!(known.find(&ShardId::numbered(0), &number(1000)), Told::Unknown, "forgotten at last");
    }

    proptest! {
        #[test]
        fn a_key_falls_where_its_range_is(key: u128, shards in 1_u32..300) {
            let ranges = uniform(shards);
            let map = Map::new(ranges.clone()).unwrap();
            for key in [key, 0, u128::MAX].map(HashKey::new) {
                let expected = ranges.iter().find(|(range, _)| range.contains(key)).unwrap().1;
                prop_assert_eq!(map.find(key), expected);
            }
        }
    }
}
