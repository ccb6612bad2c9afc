//! Packs the user records of one shard into one Kinesis record.
//! Why: a shard counts records as well as bytes, so small payloads travel together. How much travels together is what the
//! shard takes in a tenth of a second: more would only make it wait.
//! The size is known before a byte is written; a parcel is never larger than the stream takes.
//! Pure. Called by `lane`, once per routed record.

use crate::parcel::{Made, Parcel, Span};
use tailwater_record::kpl::{PackError, Packer};
use tailwater_record::{HashKey, UserRecord};
use tokio::time::Instant;

/// A record on its way to a parcel.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) number: u64,
    pub(crate) accepted: Instant,
    pub(crate) cost: u64,
    pub(crate) hash_key: HashKey,
    /// With a partition key.
    pub(crate) record: UserRecord,
}

/// A record is larger than the stream takes.
#[derive(Debug)]
pub(crate) struct FitsNowhere {
    /// The parcel before it, if that was closed for it.
    pub(crate) closed: Option<Box<Parcel>>,
}

/// How large parcels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// The most that the stream takes in a record; one record alone may be so large.
    pub(crate) limit: usize,
    /// From here on a parcel is closed.
    pub(crate) target: usize,
    /// The most records in a parcel.
    pub(crate) records: usize,
}

/// The parcel of one shard that still takes records.
#[derive(Debug)]
pub(crate) struct Aggregator {
    packer: Packer,
    limit: usize,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    numbers: Vec<u64>,
    span: Span,
    hash_key: HashKey,
    cost: u64,
    accepted: Instant,
    /// What the first record will add when it is no longer alone, and is framed with its key.
    unframed: usize,
}

/// More than a record can add besides its bytes and its key: tags, lengths, indices, an explicit hash key in decimal, and
/// what the aggregate itself takes.
const FRAME: usize = 96;

impl Aggregator {
    pub(crate) fn new(limit: usize) -> Self {
        Self { packer: Packer::with_limit(limit), limit, open: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_none()
    }

    /// The size of the parcel that `close` would give.
    pub(crate) fn size(&self) -> usize {
        self.packer.size()
    }

    /// When the oldest record inside was accepted.
    pub(crate) fn accepted(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.accepted)
    }

    /// Adds a record; gives the parcel before it, if that had to be closed.
    #[inline]
    pub(crate) fn push(&mut self, arrival: &Arrival, sizes: Sizes) -> Result<Option<Parcel>, FitsNowhere> {
        let record = &arrival.record;
        let added = record.data().len() + record.partition_key().map_or(0, |key| key.as_str().len()) + FRAME;
        let added = if record.headers().is_empty() { added } else { added + headers(record) };
        let closed = match &self.open {
            Some(open)
                if open.numbers.len() >= sizes.records || self.packer.size() + open.unframed + added > sizes.target =>
            {
                self.close()
            }
            Some(open) if open.numbers.len() > 1 && self.packer.size() + added > sizes.target => self.close(),
            _ => None,
        };
        if self.open.is_none() && self.limit != sizes.limit {
            (self.packer, self.limit) = (Packer::with_limit(sizes.limit), sizes.limit);
        }
        match self.packer.push(record) {
            Ok(()) => {}
            Err(PackError::Full { .. }) => {
                debug_assert!(closed.is_none(), "an empty packer is never full");
                let closed = self.close();
                return self.push(arrival, sizes).map(|_| closed);
            }
            // Too large even alone; a key it has.
            Err(_) => return Err(FitsNowhere { closed: closed.map(Box::new) }),
        }
        match &mut self.open {
            Some(open) => {
                open.numbers.push(arrival.number);
                open.unframed = 0;
                open.span.reach(arrival.hash_key);
                open.cost += arrival.cost;
            }
            None => {
                self.open = Some(Open {
                    numbers: vec![arrival.number],
                    span: Span::of(arrival.hash_key),
                    hash_key: arrival.hash_key,
                    cost: arrival.cost,
                    accepted: arrival.accepted,
                    unframed: added - record.data().len(),
                });
            }
        }
        Ok(closed)
    }

    /// Gives what is packed. It is due when it was accepted; whoever lets it linger says so.
    pub(crate) fn close(&mut self) -> Option<Parcel> {
        let open = self.open.take()?;
        let size = self.packer.size();
        let content = self.packer.take().expect("a record was pushed for each number");
        let Open { numbers, span, hash_key, cost, accepted, .. } = open;
        Some(Parcel::new(content, Made { numbers, span, hash_key, size, cost, accepted, due: accepted }))
    }
}

fn headers(record: &UserRecord) -> usize {
    record.headers().iter().map(|(name, value)| name.len() + value.len() + 16).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tailwater_record::Headers;

    fn arrival(number: u64, record: UserRecord) -> Arrival {
        let hash_key = record.hash_key().unwrap();
        Arrival { number, accepted: Instant::now(), cost: 1, hash_key, record }
    }

    proptest! {
        #[test]
        fn parcels_hold_what_was_pushed_in_order_and_none_is_too_large(
            records in prop::collection::vec((0..3000_usize, 0..40_u8, any::<Option<u128>>(), 0..3_usize), 1..60),
            target in 100..4000_usize,
            records_max in 1..20_usize,
        ) {
            let sizes = Sizes { limit: 4000, target, records: records_max };
            let mut aggregator = Aggregator::new(100);
            let (mut parcels, mut expected) = (Vec::new(), Vec::new());
            for (number, (len, key, hash_key, headers)) in records.into_iter().enumerate() {
                let mut record = UserRecord::new(vec![key; len]).with_partition_key(format!("key {key}").parse().unwrap());
                if let Some(hash_key) = hash_key {
                    record = record.with_explicit_hash_key(HashKey::new(hash_key));
                }
                record = record.with_headers((0..headers).map(|_| ("name", "value")).collect::<Headers>());
                expected.push((number as u64, record.clone()));
                parcels.extend(aggregator.push(&arrival(number as u64, record), sizes).expect("small enough"));
            }
            parcels.extend(aggregator.close());
            prop_assert!(aggregator.is_empty() && aggregator.close().is_none());
            Parcel::seal(parcels.iter_mut());
            let mut found = Vec::new();
            for parcel in &mut parcels {
                let size = parcel.packed().data().len();
                prop_assert_eq!(size, parcel.size, "the size was known");
                let most = if parcel.numbers.len() == 1 { 4000 } else { target };
                prop_assert!(size <= most);
                prop_assert!(parcel.numbers.len() <= records_max);
                prop_assert_eq!(parcel.hash_key, parcel.packed().hash_key());
                let records = parcel.records();
                let keys: Vec<HashKey> = records.iter().map(|(_, _, record)| record.hash_key().unwrap()).collect();
                prop_assert_eq!(parcel.span.low, *keys.iter().min().unwrap());
                prop_assert_eq!(parcel.span.high, *keys.iter().max().unwrap());
                found.extend(records.into_iter().map(|(_, number, record)| (number, record)));
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_record_that_fits_nowhere_comes_back() {
        let mut aggregator = Aggregator::new(100);
        let sizes = Sizes { limit: 100, target: 100, records: 10 };
        let large = UserRecord::new(vec![0; 101]).with_partition_key("k".parse().unwrap());
        assert!(aggregator.push(&arrival(0, large), sizes).unwrap_err().closed.is_none());
        assert!(aggregator.is_empty());
    }
}
