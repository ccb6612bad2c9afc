//! What is put: records of given sizes under given keys, the same each time the program runs.
//! Payloads are pieces of one random text, so that making them costs next to nothing beside putting them.

use super::Fault;
use super::arguments::{Keys, Sizes};
use super::reading::Stamp;
use bytes::Bytes;
use tailwater::record::{PartitionKey, UserRecord};
use tokio::time::Instant;

/// An endless supply.
pub(crate) struct Records {
    chance: fastrand::Rng,
    text: Bytes,
    sizes: Sizes,
    keys: Vec<PartitionKey>,
    /// For each key the sum of the weights up to it; empty if all weigh the same.
    weights: Vec<f64>,
    /// Which producer it is, and which record, if each has its own key.
    distinct: Option<(u32, u64)>,
    /// What payloads begin with, if they are read.
    stamp: Option<Stamp>,
}

impl Records {
    pub(crate) fn new(sizes: Sizes, keys: Keys, producer: u32, stamp: Option<Stamp>) -> Result<Self, Fault> {
        let mut chance = fastrand::Rng::with_seed(u64::from(producer));
        let text: Bytes = std::iter::repeat_with(|| chance.alphanumeric() as u8).take(2 * sizes.most + 1).collect();
        let (count, weighted) = match keys {
            Keys::Uniform(count) => (count, 0),
            Keys::Zipf(count) => (count, count),
            Keys::None | Keys::Distinct => (0, 0),
        };
        let keys_of_all = (0..count).map(|key| format!("key-{key:07}").parse()).collect::<Result<_, _>>()?;
        let weights = (1..=weighted).scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        });
        Ok(Self {
            chance,
            text,
            sizes,
            keys: keys_of_all,
            weights: weights.collect(),
            distinct: matches!(keys, Keys::Distinct).then_some((producer, 0)),
            stamp,
        })
    }

    /// The next record, which is put at this moment, or should be.
    pub(crate) fn next(&mut self, from: Instant) -> Result<UserRecord, Fault> {
        let len = self.chance.usize(self.sizes.least..=self.sizes.most);
        let begin = self.chance.usize(..=self.text.len() - len);
        let payload = self.text.slice(begin..begin + len);
        let record = UserRecord::new(match self.stamp {
            Some(stamp) => stamp.put(from, &payload),
            None => payload,
        });
        if let Some((producer, number)) = &mut self.distinct {
            *number += 1;
            return Ok(record.with_partition_key(format!("{producer}-{number}").parse()?));
        }
        let key = match self.weights.last() {
            None if self.keys.is_empty() => return Ok(record),
            None => self.chance.usize(..self.keys.len()),
            Some(all) => {
                let drawn = self.chance.f64() * all;
                self.weights.partition_point(|sum| *sum <= drawn).min(self.keys.len() - 1)
            }
        };
        Ok(record.with_partition_key(self.keys[key].clone()))
    }
}
