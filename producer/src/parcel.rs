//! A Kinesis record on its way: packed user records, their numbers, and what was tried.
//! The lowest and the highest hash key inside tell at any moment, without unpacking, whether it belongs to one shard.
//! Pure. Made by `aggregate`, carried by lanes, sent and settled by `pipeline`.

use crate::attempts::Attempts;
use tailwater_record::kpl::{Packed, Unpacked, Unsealed, seal_all, unpack};
use tailwater_record::{HashKey, HashRange, UserRecord};
use tokio::time::Instant;

/// The key under which records without one travel where the service wants one.
pub(crate) const KEYLESS: &str = "-";

/// A number that stands for a record which was settled while its parcel was under way.
const SETTLED: u64 = u64::MAX;

/// The hash keys that records reach over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) low: HashKey,
    pub(crate) high: HashKey,
}

impl Span {
    pub(crate) fn of(key: HashKey) -> Self {
        Self { low: key, high: key }
    }

    pub(crate) fn reach(&mut self, key: HashKey) {
        self.low = self.low.min(key);
        self.high = self.high.max(key);
    }

    pub(crate) fn is_within(self, range: HashRange) -> bool {
        range.contains(self.low) && range.contains(self.high)
    }
}

/// A Kinesis record with what is inside.
#[derive(Debug)]
pub(crate) struct Parcel {
    content: Content,
    pub(crate) numbers: Vec<u64>,
    pub(crate) span: Span,
    /// Where the service puts it: the first record's hash key.
    pub(crate) hash_key: HashKey,
    /// Bytes of data.
    pub(crate) size: usize,
    /// What its records take of the budget.
    pub(crate) cost: u64,
    /// When the oldest record inside was accepted.
    pub(crate) accepted: Instant,
    /// When it should go at the latest.
    pub(crate) due: Instant,
    pub(crate) attempts: Attempts,
    /// Under which listing of the shards it was sent last.
    pub(crate) listing: u64,
    pub(crate) sent: Option<Instant>,
}

#[derive(Debug)]
enum Content {
    Unsealed(Unsealed),
    Sealed(Packed),
    /// Being sealed; never seen from outside.
    Moved,
}

/// What a parcel is made with.
pub(crate) struct Made {
    pub(crate) numbers: Vec<u64>,
    pub(crate) span: Span,
    pub(crate) hash_key: HashKey,
    pub(crate) size: usize,
    pub(crate) cost: u64,
    pub(crate) accepted: Instant,
    pub(crate) due: Instant,
}

impl Parcel {
    pub(crate) fn new(content: Unsealed, made: Made) -> Self {
        let Made { numbers, span, hash_key, size, cost, accepted, due } = made;
        Self {
            content: Content::Unsealed(content),
            numbers,
            span,
            hash_key,
            size,
            cost,
            accepted,
            due,
            attempts: Attempts::default(),
            listing: 0,
            sent: None,
        }
    }

    /// Seals all of these that are not sealed, in lanes.
    pub(crate) fn seal<'p>(parcels: impl Iterator<Item = &'p mut Self>) {
        let (mut open, mut unsealed) = (Vec::new(), Vec::new());
        for parcel in parcels {
            match std::mem::replace(&mut parcel.content, Content::Moved) {
                Content::Unsealed(content) => {
                    unsealed.push(content);
                    open.push(parcel);
                }
                sealed => parcel.content = sealed,
            }
        }
        for (parcel, packed) in open.into_iter().zip(seal_all(unsealed)) {
            parcel.content = Content::Sealed(packed);
        }
    }

    /// The sealed content.
    pub(crate) fn packed(&mut self) -> &Packed {
        Self::seal(std::iter::once(&mut *self));
        match &self.content {
            Content::Sealed(packed) => packed,
            Content::Unsealed(_) | Content::Moved => unreachable!("sealed above"),
        }
    }

    /// Whether readers unpack it, and so may pass records over.
    pub(crate) fn is_aggregated(&mut self) -> bool {
        self.packed().is_aggregated()
    }

    /// Marks a record as settled while the parcel is under way.
    pub(crate) fn strike(&mut self, place: usize) {
        self.numbers[place] = SETTLED;
    }

    /// Whether every record was struck.
    pub(crate) fn is_struck(&self) -> bool {
        self.numbers.iter().all(|number| *number == SETTLED)
    }

    /// Whether any record was struck.
    pub(crate) fn has_struck(&self) -> bool {
        self.numbers.contains(&SETTLED)
    }

    /// The records inside with their places and numbers, without those struck. Shares the parcel's bytes.
    pub(crate) fn records(&mut self) -> Vec<(usize, u64, UserRecord)> {
        let numbers = self.numbers.clone();
        let packed = self.packed();
        let records: Vec<UserRecord> = if packed.is_aggregated() {
            match unpack(packed.data().clone(), None) {
                Unpacked::Aggregated(aggregate) => aggregate
                    .entries()
                    .map(|entry| entry.to_record().expect("its keys were checked at the door"))
                    .collect(),
                Unpacked::Plain(_) => unreachable!("we packed it"),
            }
        } else {
            let record = UserRecord::new(packed.data().clone()).with_partition_key(packed.partition_key().clone());
            let given = packed.explicit_hash_key();
            vec![given.map_or(record.clone(), |key| record.with_explicit_hash_key(key))]
        };
        let numbered = numbers.into_iter().zip(records).enumerate();
        numbered
            .filter(|(_, (number, _))| *number != SETTLED)
            .map(|(place, (number, record))| (place, number, record))
            .collect()
    }

    /// The numbers of its records with their places, without those struck.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.numbers.iter().copied().enumerate().filter(|(_, number)| *number != SETTLED)
    }
}
