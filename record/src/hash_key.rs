//! Where a key falls: the 128-bit space that the shards of a stream divide among themselves.
//! Why here: producer (prediction), consumer (what is mine), and broker (routing) must agree to the last bit.

use crate::newtype::through_text;
use crate::{Error, PartitionKey, md5_lanes};
use std::borrow::Borrow;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// A place in the hash space, 0 to 2^128 - 1: given by the user, or the MD5 of a partition key.
///
/// ```
/// use tailwater_record::HashKey;
///
/// assert_eq!("12".parse::<HashKey>()?, HashKey::new(12));
/// assert!("012".parse::<HashKey>().is_err());
/// assert!("340282366920938463463374607431768211456".parse::<HashKey>().is_err());
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct HashKey(u128);

const NOUN: &str = "hash key";
const DIGITS_MAX: usize = 39;

impl HashKey {
    /// The first place of the space.
    pub const MIN: Self = Self(0);
    /// The last place of the space, 2^128 - 1.
    pub const MAX: Self = Self(u128::MAX);

    /// The hash key with this number.
    #[must_use]
    pub const fn new(number: u128) -> Self {
        Self(number)
    }

    /// Where a record with this key falls: the MD5 of the key's UTF-8 bytes, read as a big-endian number.
    #[must_use]
    pub fn of(key: &PartitionKey) -> Self {
        Self::from_md5(md5_lanes::md5(key.as_str().as_bytes()))
    }

    /// The hash key as a number.
    #[must_use]
    pub const fn number(self) -> u128 {
        self.0
    }

    pub(crate) fn from_md5(digest: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(digest))
    }
}

/// The hash keys of many partition keys, several at a time in SIMD lanes.
///
/// ```
/// use tailwater_record::{HashKey, PartitionKey, hash_keys};
///
/// let keys: Vec<PartitionKey> = vec!["a".parse()?, "pk1".parse()?];
/// assert_eq!(hash_keys(&keys), [HashKey::of(&keys[0]), HashKey::of(&keys[1])]);
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[must_use]
pub fn hash_keys<K: Borrow<PartitionKey>>(keys: &[K]) -> Vec<HashKey> {
    let texts: Vec<&[u8]> = keys.iter().map(|key| key.borrow().as_str().as_bytes()).collect();
    let mut hashes = vec![HashKey::MIN; keys.len()];
    md5_lanes::md5_each(&texts, |index, digest| hashes[index] = HashKey::from_md5(digest));
    hashes
}

impl FromStr for HashKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_digit()) {
            return Err(Error::NotDecimal { noun: NOUN, at });
        }
        if text.is_empty() || (text.len() > 1 && text.starts_with('0')) {
            return Err(Error::NotDecimal { noun: NOUN, at: 0 });
        }
        let too_large = Error::TooLarge { noun: NOUN, limit: "2^128 - 1" };
        if text.len() > DIGITS_MAX {
            return Err(too_large);
        }
        text.parse().map(Self).map_err(|_| too_large)
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(itoa::Buffer::new().format(self.0))
    }
}

through_text!(HashKey, "hash key");

/// An unbroken run of hash keys, both ends included: what one shard holds.
///
/// ```
/// use tailwater_record::{HashKey, HashRange};
///
/// let (low, high) = HashRange::FULL.split(HashKey::new(1 << 127)).expect("inside the range");
/// assert!(high.contains(HashKey::MAX) && !low.contains(HashKey::MAX));
/// assert_eq!(low.merge(high), Some(HashRange::FULL));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct HashRange {
    start: HashKey,
    end: HashKey,
}

impl HashRange {
    /// The whole space.
    pub const FULL: Self = Self { start: HashKey::MIN, end: HashKey::MAX };

    /// The range from `start` to `end`, both included.
    pub fn new(start: HashKey, end: HashKey) -> Result<Self, Error> {
        if end < start {
            return Err(Error::InvertedRange);
        }
        Ok(Self { start, end })
    }

    /// The first hash key inside.
    #[must_use]
    pub const fn start(self) -> HashKey {
        self.start
    }

    /// The last hash key inside.
    #[must_use]
    pub const fn end(self) -> HashKey {
        self.end
    }

    /// Whether the hash key falls inside.
    #[must_use]
    pub fn contains(self, key: HashKey) -> bool {
        (self.start..=self.end).contains(&key)
    }

    /// Cuts the range before `at`, which becomes the start of the upper part; `None` if a part would be empty.
    #[must_use]
    pub fn split(self, at: HashKey) -> Option<(Self, Self)> {
        let inside = self.start < at && at <= self.end;
        inside.then(|| (Self { start: self.start, end: HashKey(at.0 - 1) }, Self { start: at, end: self.end }))
    }

    /// The union with a range that touches this one without a gap, on either side.
    #[must_use]
    pub fn merge(self, other: Self) -> Option<Self> {
        let (low, high) = if self.start < other.start { (self, other) } else { (other, self) };
        (low.end.0.checked_add(1) == Some(high.start.0)).then_some(Self { start: low.start, end: high.end })
    }

    /// The whole space in `shards` ranges, as the service lays out a new stream: equal widths, rounded down, the last
    /// range taking what is left over.
    pub fn uniform(shards: NonZeroU32) -> impl ExactSizeIterator<Item = Self> + Clone {
        let count = u128::from(shards.get());
        // 2^128 / count rounded down, of which 2^128 itself does not fit.
        let width = u128::MAX / count + u128::from(u128::MAX % count == count - 1 && count > 1);
        (0..shards.get()).map(move |index| {
            let start = u128::from(index) * width;
            let last = index + 1 == shards.get();
            Self { start: HashKey(start), end: if last { HashKey::MAX } else { HashKey(start + (width - 1)) } }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_fall_where_the_service_puts_them() {
        let table = [
            ("a", "16955237001963240173058271559858726497"),
            ("pk1", "329398341438914906102347661116985167824"),
            ("pk2", "122875064651314509700510597659732835739"),
            ("user-1", "285573413173782752570879317399258818820"),
            ("user-2", "81544010656874607678696621737415172275"),
            ("ключ", "259726384039714788407059515981389908711"),
        ];
        let keys: Vec<PartitionKey> = table.iter().map(|(key, _)| key.parse().unwrap()).collect();
        for ((key, together), (_, expected)) in keys.iter().zip(hash_keys(&keys)).zip(table) {
            assert_eq!(HashKey::of(key).to_string(), expected);
            assert_eq!(together.to_string(), expected);
        }
    }

    #[test]
    fn three_shards_divide_the_space_as_the_service_does() {
        let ranges: Vec<String> = HashRange::uniform(NonZeroU32::new(3).unwrap())
            .map(|range| format!("{}-{}", range.start, range.end))
            .collect();
        assert_eq!(
            ranges,
            [
                "0-113427455640312821154458202477256070484",
                "113427455640312821154458202477256070485-226854911280625642308916404954512140969",
                "226854911280625642308916404954512140970-340282366920938463463374607431768211455",
            ],
        );
    }

    #[test]
    fn text_that_is_not_a_plain_number_below_2_to_the_128_is_refused() {
        for (text, at) in [("", 0), ("-1", 0), ("+1", 0), ("00", 0), ("01", 0), ("1e3", 1), ("1 ", 1), ("٣", 0)] {
            assert_eq!(text.parse::<HashKey>(), Err(Error::NotDecimal { noun: NOUN, at }), "{text:?}");
        }
        let limit = Error::TooLarge { noun: NOUN, limit: "2^128 - 1" };
        assert_eq!("340282366920938463463374607431768211456".parse::<HashKey>(), Err(limit.clone()));
        assert_eq!("9".repeat(4000).parse::<HashKey>(), Err(limit));
        assert_eq!("340282366920938463463374607431768211455".parse(), Ok(HashKey::MAX));
        assert_eq!("0".parse(), Ok(HashKey::MIN));
    }

    #[test]
    fn a_partition_is_whole_at_every_power_and_around_it() {
        for shards in [1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 10_000, u32::MAX] {
            let ranges = HashRange::uniform(NonZeroU32::new(shards).unwrap());
            let width = ranges.clone().next().unwrap();
            assert_eq!(width.start, HashKey::MIN);
            if shards > 1 {
                let expected = if shards.is_power_of_two() {
                    (1 << 127) / u128::from(shards) * 2
                } else {
                    u128::MAX / u128::from(shards)
                };
                assert_eq!(width.end.0 + 1, expected, "{shards} shards");
            }
            if shards <= 10_000 {
                let whole = ranges.reduce(|low, high| low.merge(high).expect("no gap, no overlap"));
                assert_eq!(whole, Some(HashRange::FULL));
            }
        }
    }

    proptest! {
        #[test]
        fn each_hash_key_falls_in_exactly_one_shard(key: u128, shards in 1_u32..600, cuts: Vec<u128>) {
            let mut ranges: Vec<HashRange> = HashRange::uniform(NonZeroU32::new(shards).unwrap()).collect();
            for cut in cuts {
                let place = ranges.iter().position(|range| range.contains(HashKey(cut))).unwrap();
                if let Some((low, high)) = ranges[place].split(HashKey(cut)) {
                    ranges[place] = low;
                    ranges.push(high);
                }
            }
            // Both ends of each range are where an error of one shows.
            let ends = ranges.iter().take(40).flat_map(|range| [range.start, range.end]);
            for key in ends.chain([HashKey(key), HashKey::MIN, HashKey::MAX]) {
                prop_assert_eq!(ranges.iter().filter(|range| range.contains(key)).count(), 1);
            }
        }

        #[test]
        fn a_split_range_merges_back(start: u128, end: u128, at: u128) {
            let range = HashRange::new(HashKey(start.min(end)), HashKey(start.max(end))).unwrap();
            match range.split(HashKey(at)) {
                Some((low, high)) => {
                    prop_assert_eq!(low.merge(high), Some(range));
                    prop_assert_eq!(high.merge(low), Some(range));
                    prop_assert_eq!(high.start, HashKey(at));
                }
                None => prop_assert!(at <= range.start.0 || at > range.end.0),
            }
        }

        #[test]
        fn a_number_leaves_as_it_came(number: u128) {
            prop_assert_eq!(number.to_string().parse(), Ok(HashKey(number)));
            prop_assert_eq!(HashKey(number).to_string(), number.to_string());
        }
    }
}
