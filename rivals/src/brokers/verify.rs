//! What a broker acknowledged, and whether it is there: every such record once, unchanged, in its shard, under its
//! number; numbers that rise; and of each connection, later calls behind earlier ones.
//! Why: speed at which records get lost is worth nothing.
//! Called by `measure`.

use crate::drain::Page;
use crate::load::Load;
use crate::record::{Index, RECORDS};
use crate::stream::{SHARDS, shard_of};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The records of a stream that were acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    /// By connection and call, one for each place; `None` was refused.
    calls: HashMap<(u8, u32), Vec<Option<Stored>>>,
    /// How many there are in each shard.
    pub(crate) counts: [usize; SHARDS],
}

/// Where a record is said to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stored {
    shard: usize,
    /// Stands for the sequence number, in less room.
    number: u64,
}

/// What is wrong with what was read, by how many records.
#[derive(Debug, Default)]
struct Wrong {
    lost: usize,
    twice: usize,
    changed: usize,
    elsewhere: usize,
    numbers_fall: usize,
    calls_swapped: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put<'a> {
    #[serde(borrow)]
    records: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(borrow)]
    shard_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sequence_number: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Got<'a> {
    #[serde(borrow)]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    #[serde(borrow)]
    sequence_number: Cow<'a, str>,
}

impl Acknowledged {
    /// Adds what was put, and gives how many records of it were acknowledged.
    pub(crate) fn add(&mut self, load: &Load) -> Result<usize, Box<dyn Error>> {
        let mut added = 0;
        for call in &load.calls {
            let answer: Put<'_> = serde_json::from_slice(&call.answer)?;
            let stored: Vec<Option<Stored>> = answer.records.iter().map(Entry::stored).collect();
            if stored.len() != RECORDS {
                return Err(format!("PutRecords answered {} of {RECORDS} records", stored.len()).into());
            }
            for stored in stored.iter().flatten() {
                *self.counts.get_mut(stored.shard).ok_or("a record in a shard that is not there")? += 1;
                added += 1;
            }
            self.calls.insert((call.connection, call.call), stored);
        }
        Ok(added)
    }

    /// Fails unless the pages hold just what was acknowledged, and perhaps some of what was refused.
    pub(crate) fn verify(&self, pages: &[Page]) -> Result<(), Box<dyn Error>> {
        let mut wrong = Wrong::default();
        let mut seen: HashMap<(u8, u32), Vec<u8>> = HashMap::new();
        let mut last_numbers: [String; SHARDS] = Default::default();
        let mut last_calls: [BTreeMap<u8, u32>; SHARDS] = Default::default();
        for Page { shard, answer } in pages {
            let answer: Got<'_> = serde_json::from_slice(answer)?;
            for record in answer.records {
                let number = &mut last_numbers[*shard];
                let falls = (record.sequence_number.len(), &*record.sequence_number) <= (number.len(), &**number);
                wrong.numbers_fall += usize::from(falls);
                *number = record.sequence_number.clone().into_owned();
                let index = record.index().filter(|index| self.calls.contains_key(&(index.connection, index.call)));
                let Some(index) = index else {
                    wrong.changed += 1;
                    continue;
                };
                let call = last_calls[*shard].entry(index.connection).or_default();
                wrong.calls_swapped += usize::from(index.call < *call);
                *call = index.call.max(*call);
                let place = usize::from(index.place);
                let acknowledged = &self.calls[&(index.connection, index.call)][place];
                let stored = Stored { shard: *shard, number: hash(&record.sequence_number) };
                wrong.elsewhere += usize::from(acknowledged.is_some_and(|acknowledged| acknowledged != stored));
                let seen = seen.entry((index.connection, index.call)).or_insert_with(|| vec![0; RECORDS]);
                wrong.twice += usize::from(seen[place] > 0);
                seen[place] = 1;
            }
        }
        for (call, stored) in &self.calls {
            let seen = |place: usize| seen.get(call).is_some_and(|seen| seen[place] > 0);
            wrong.lost += stored.iter().enumerate().filter(|(place, stored)| stored.is_some() && !seen(*place)).count();
        }
        if wrong.is_none() { Ok(()) } else { Err(format!("of what was acknowledged: {wrong}").into()) }
    }
}

impl Entry<'_> {
    fn stored(&self) -> Option<Stored> {
        let shard = shard_of(self.shard_id.as_deref()?)?;
        Some(Stored { shard, number: hash(self.sequence_number.as_deref()?) })
    }
}

impl Record<'_> {
    /// Which of ours it is, unless a byte of it has changed.
    fn index(&self) -> Option<Index> {
        let index = Index::read(&self.data)?;
        let same =
            usize::from(index.place) < RECORDS && index.payload() == self.data && index.key() == self.partition_key;
        same.then_some(index)
    }
}

fn hash(number: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    number.hash(&mut hasher);
    hasher.finish()
}

impl Wrong {
    fn is_none(&self) -> bool {
        let Self { lost, twice, changed, elsewhere, numbers_fall, calls_swapped } = self;
        lost + twice + changed + elsewhere + numbers_fall + calls_swapped == 0
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, twice, changed, elsewhere, numbers_fall, calls_swapped } = self;
        write!(
            out,
            "{lost} lost, {twice} twice, {changed} changed, {elsewhere} elsewhere than said; {numbers_fall} numbers \
             fall, {calls_swapped} earlier calls stand behind later ones"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Call;
    use std::time::Duration;

    /// The records of so many calls of one connection, all in the first shard.
    fn stored(calls: u32) -> Vec<Index> {
        let places = |call| (0..RECORDS as u16).map(move |place| Index { connection: 1, call, place });
        (0..calls).flat_map(places).collect()
    }

    fn acknowledged(calls: u32) -> Acknowledged {
        let entry = |number| format!(r#"{{"SequenceNumber":"{number}","ShardId":"shardId-000000000000"}}"#);
        let answer = |call: u32| {
            let from = 1 + call as usize * RECORDS;
            let entries: Vec<String> = (from..from + RECORDS).map(entry).collect();
            format!(r#"{{"Records":[{}]}}"#, entries.join(",")).into_bytes()
        };
        let call = |call| Call { connection: 1, call, took: Duration::ZERO, answer: answer(call) };
        let load = Load { calls: (0..calls).map(call).collect(), wall: Duration::ZERO, cpu: Duration::ZERO };
        let mut acknowledged = Acknowledged::default();
        assert_eq!(acknowledged.add(&load).unwrap(), calls as usize * RECORDS);
        acknowledged
    }

    fn page(records: impl Iterator<Item = (usize, Index)>) -> Page {
        let record = |(number, index): (usize, Index)| {
            let (payload, key) = (index.payload(), index.key());
            format!(r#"{{"SequenceNumber":"{number}","Data":"{payload}","PartitionKey":"{key}"}}"#)
        };
        let records: Vec<String> = records.map(record).collect();
        Page { shard: 0, answer: format!(r#"{{"Records":[{}]}}"#, records.join(",")).into_bytes() }
    }

    fn fault(pages: &[Page]) -> String {
        acknowledged(2).verify(pages).unwrap_err().to_string()
    }

    /// With the numbers they were acknowledged under.
    fn records() -> impl Iterator<Item = (usize, Index)> {
        (1..).zip(stored(2))
    }

    #[test]
    fn what_was_acknowledged_and_is_there_passes() {
        assert!(acknowledged(2).verify(&[page(records().take(700)), page(records().skip(700))]).is_ok());
    }

    #[test]
    fn every_fault_is_told() {
        assert!(fault(&[page(records().take(900))]).contains("100 lost"));
        assert!(fault(&[page(records()), page(records().skip(999))]).contains("1 twice"));
        let shifted = records().map(|(number, index)| (number + 1, index));
        assert!(fault(&[page(shifted)]).contains("1000 elsewhere"));
        let other = records().map(|(number, index)| (number, Index { place: index.place ^ 1, ..index }));
        assert!(fault(&[page(other)]).contains("1000 elsewhere"));
        assert!(fault(&[page(records().skip(500)), page(records().take(500))]).contains("500 earlier calls"));
        let mut changed = page(records());
        let at = changed.answer.iter().rposition(|byte| *byte == b'=').unwrap();
        changed.answer[at - 3] ^= 1;
        assert!(fault(&[changed]).contains("1 lost, 0 twice, 1 changed"));
    }
}
