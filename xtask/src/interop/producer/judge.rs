//! What the receipts of a part say, and whether a reader found just that.
//! A record is in the place that its receipt names, with its key and its payload. Nothing else is there, but what the
//! producer put again because of where it landed. Mostly that is an aggregate that reaches outside its shard: the KCL passes
//! it over, and readers that do not mind hash keys find it as well. The rest was right where it was, in a shard that came
//! and went before the producer had heard of it, and so is there twice for every reader.
//! Pure. Called by `producer`.

#[cfg(test)]
mod tests;

use super::found::{Digest, Found, Outer, Place};
use super::parts::Part;
use super::readers::Reader;
use super::write::{Listed, Written};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use tailwater_producer::Ordering;
use tailwater_record::kpl::MAGIC;
use tailwater_record::{HashKey, ShardId, UserRecord};

/// The key under which records without one travel.
const KEYLESS: &str = "-";

/// What the receipts say.
#[derive(Debug)]
pub(super) struct Truth {
    ordered: bool,
    /// In the order of putting.
    records: Vec<Expected>,
    places: HashMap<Place, usize>,
    /// For each aggregate the first hash key of its table.
    aggregates: HashMap<Outer, Told>,
    payloads: HashMap<Digest, Vec<usize>>,
    shards: HashMap<ShardId, Listed>,
    counted: Counted,
}

/// What the producer counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// Kinesis records.
    stored: u64,
    /// Those that it put again because of where they landed.
    misplaced: u64,
    /// Attempts of which it does not know whether they stored something.
    ambiguous: u64,
}

/// A record that was put.
#[derive(Debug)]
struct Expected {
    key: String,
    told: Told,
    /// Where it falls; nothing if that is the producer's choice.
    hash_key: Option<HashKey>,
    digest: Digest,
    place: Place,
    attempts: u32,
}

/// What an aggregate says of a record's hash key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Exactly(HashKey),
    /// Any that falls into its shard: the record has no key by which it would fall anywhere.
    Something,
}

impl Truth {
    /// Takes the receipts, unless they contradict each other.
    pub(super) fn new(part: &Part, written: Written) -> Result<Self, Vec<String>> {
        let Written { records, stored, shards, stats } = written;
        let looks_aggregated = |record: &UserRecord| !record.headers().is_empty() || record.data().starts_with(&MAGIC);
        let mut truth = Self {
            ordered: part.ordering == Ordering::PerShard,
            records: Vec::with_capacity(records.len()),
            places: HashMap::with_capacity(records.len()),
            aggregates: HashMap::new(),
            payloads: HashMap::new(),
            shards,
            counted: Counted {
                stored: stats.kinesis_records_stored,
                misplaced: stats.misplaced,
                ambiguous: stats.ambiguous,
            },
        };
        let (mut faults, mut outers) = (Vec::new(), BTreeMap::<Outer, Vec<(u64, usize)>>::new());
        for (number, (record, stored)) in records.iter().zip(stored).enumerate() {
            let outer = Outer { shard: stored.shard, sequence: stored.sequence };
            outers.entry(outer.clone()).or_default().push((stored.sub_sequence, number));
            let place = Place { outer, sub_sequence: stored.sub_sequence };
            if let Some(other) = truth.places.insert(place.clone(), number) {
                faults.push(format!("records {other} and {number} are both said to be {place}"));
            }
            let expected = Expected::new(record, place, stored.attempts);
            truth.payloads.entry(expected.digest).or_default().push(number);
            truth.records.push(expected);
        }
        for (outer, mut inside) in outers {
            inside.sort_unstable();
            if !inside.iter().map(|(sub_sequence, _)| *sub_sequence).eq(0..inside.len() as u64) {
                faults.push(format!("the receipts leave gaps in {outer}"));
            }
            if let [(_, number)] = inside[..]
                && !looks_aggregated(&records[number])
            {
                continue;
            }
            if !part.aggregation && inside.len() > 1 {
                faults.push(format!("{outer} holds {} records, though aggregation is off", inside.len()));
            }
            let mut table = inside.iter().map(|(_, number)| truth.records[*number].told);
            truth.aggregates.insert(outer, table.find(|told| *told != Told::Nothing).unwrap_or(Told::Nothing));
        }
        if faults.is_empty() { Ok(truth) } else { Err(faults) }
    }

    /// What a reader found, in the order of reading; or all that is wrong with it.
    pub(super) fn judge(&self, reader: Reader, found: &[Found]) -> Result<String, Vec<String>> {
        let (mut faults, mut times) = (Vec::new(), vec![0; self.records.len()]);
        let mut last: HashMap<HashKey, usize> = HashMap::new();
        let mut beside: BTreeMap<&Outer, Vec<&Found>> = BTreeMap::new();
        for found in found {
            let Some(number) = self.places.get(&found.place).copied() else {
                beside.entry(&found.place.outer).or_default().push(found);
                continue;
            };
            times[number] += 1;
            faults.extend(self.compare(reader, number, found));
            if let Some(hash_key) = self.records[number].hash_key.filter(|_| self.ordered)
                && let Some(before) = last.insert(hash_key, number)
                && before >= number
            {
                faults.push(format!(
                    "{reader} reads record {number} behind {before}, which was put later, at {hash_key}"
                ));
            }
        }
        for (number, times) in times.into_iter().enumerate().filter(|(_, times)| *times != 1) {
            faults.push(format!("{reader} finds record {number} {times} times at {}", self.records[number].place));
        }
        let (outside, twice) = self.judge_beside(reader, &beside, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let order = if self.ordered { ", in order" } else { "" };
        let copies: usize = beside.values().map(Vec::len).sum();
        let others = match outside + twice {
            0 => "nothing else".to_owned(),
            _ => format!(
                "{copies} copies in {outside} Kinesis records that reach outside their shards, and {twice} others"
            ),
        };
        Ok(format!("{reader} finds {} records where their receipts say{order}, and {others}", self.records.len()))
    }

    /// What is wrong with a record that is where it should be.
    fn compare(&self, reader: Reader, number: usize, found: &Found) -> Option<String> {
        let Expected { key, told, digest, place, .. } = &self.records[number];
        let told = match (self.aggregates.get(&place.outer), told) {
            (None, _) => Told::Nothing,
            (Some(first), Told::Nothing) if reader.invents_hash_keys() => *first,
            (Some(_), told) => *told,
        };
        let in_shard =
            |hash_key| self.shards.get(&place.outer.shard).is_some_and(|shard| shard.range.contains(hash_key));
        let right = match (told, found.hash_key) {
            (Told::Nothing, hash_key) => hash_key.is_none(),
            (Told::Exactly(told), hash_key) => hash_key == Some(told),
            (Told::Something, hash_key) => hash_key.is_some_and(in_shard),
        };
        if found.key.as_deref() != Some(key) {
            Some(format!("{reader} finds record {number}, at {place}, with another key: {:?}, not {key:?}", found.key))
        } else if !right {
            Some(format!(
                "{reader} finds record {number}, at {place}, with hash key {:?}, not {told:?}",
                found.hash_key
            ))
        } else if found.digest != *digest {
            Some(format!("{reader} finds record {number}, at {place}, with another payload"))
        } else {
            None
        }
    }

    /// Explains the Kinesis records of which no receipt tells: how many reach outside their shards, and how many are there
    /// twice for everybody.
    fn judge_beside(
        &self,
        reader: Reader,
        beside: &BTreeMap<&Outer, Vec<&Found>>,
        faults: &mut Vec<String>,
    ) -> (u64, u64) {
        let Counted { misplaced, ambiguous, .. } = self.counted;
        let (mut outside, mut twice) = (0, 0);
        for (outer, inside) in beside {
            if let Some(unknown) = inside.iter().find(|found| self.original(found).is_none()) {
                faults.push(format!("{reader} finds {}, which was not put, or once only", unknown.place));
            } else if inside.iter().any(|found| self.is_outside(found)) {
                outside += 1;
                if reader.minds_hash_keys() {
                    faults.push(format!("{reader} does not pass over {outer}, which reaches outside its shard"));
                }
            } else {
                twice += 1;
                if ambiguous == 0 && !self.shards.get(&outer.shard).is_some_and(|shard| shard.came_and_went) {
                    faults.push(format!("{reader} finds {outer}, which was put again without need"));
                }
            }
        }
        let least = if reader.minds_hash_keys() { 0 } else { misplaced };
        if !(least..=misplaced + ambiguous).contains(&(outside + twice)) {
            let found = outside + twice;
            faults.push(format!(
                "{reader} finds {found} Kinesis records beside; the producer counts {misplaced} misplaced, {ambiguous} unclear"
            ));
        }
        (outside, twice)
    }

    /// The record that this is a copy of, if it was put more than once.
    fn original(&self, found: &Found) -> Option<&Expected> {
        let numbers = self.payloads.get(&found.digest)?;
        let mut records = numbers.iter().map(|number| &self.records[*number]);
        records.find(|record| record.attempts > 1 && found.key.as_ref() == Some(&record.key))
    }

    /// Whether a copy lies outside the hash keys of its shard.
    fn is_outside(&self, found: &Found) -> bool {
        let hash_key = self.original(found).and_then(|record| record.hash_key).or(found.hash_key);
        let shard = self.shards.get(&found.place.outer.shard);
        shard.zip(hash_key).is_some_and(|(shard, hash_key)| !shard.range.contains(hash_key))
    }
}

impl Expected {
    fn new(record: &UserRecord, place: Place, attempts: u32) -> Self {
        let told = match (record.explicit_hash_key(), record.partition_key()) {
            (Some(hash_key), _) => Told::Exactly(hash_key),
            (None, Some(_)) => Told::Nothing,
            (None, None) => Told::Something,
        };
        let key = record.partition_key().map_or(KEYLESS, |key| key.as_str()).to_owned();
        Self { key, told, hash_key: record.hash_key(), digest: Digest::of(record.data()), place, attempts }
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counted { stored, misplaced, ambiguous } = self.counted;
        let (records, aggregates, shards) = (self.records.len(), self.aggregates.len(), self.shards.len());
        write!(out, "{records} records stored as {stored} Kinesis records, {aggregates} of them aggregates, ")?;
        write!(out, "in {shards} shards; {misplaced} misplaced, {ambiguous} unclear")
    }
}
