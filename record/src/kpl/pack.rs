//! Packs user records into the data of one Kinesis record, in the KPL's format.
//! Why here: a shard counts records as well as bytes, so small payloads travel together.
//! Keys and records are framed as they are pushed, into a buffer each, so the size is exact at every moment; `take`
//! joins them. The checksum is left to `seal`, because many of them are sealed faster together.
//! Pure. Called by the producer, once per routed record.

use super::key_table::{KeyTable, Place};
use super::layout::{
    AGGREGATE_OVERHEAD, CHECKSUM, DATA_MAX, Head, MAGIC, WireType, aggregated_record, bytes_field_len, put_bytes_field,
    record, tag, varint_len,
};
use super::seal::{Content, OuterKey, Unsealed};
use crate::{HashKey, Headers, UserRecord};
use bytes::Bytes;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::fmt;

/// Why a record was not pushed. The packer is as it was before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// Take what is packed, then push the record again.
    #[error("with this record the aggregate would have {size} bytes; the limit is {limit}")]
    Full {
        /// The size that the aggregate would have had.
        size: usize,
        /// The packer's limit.
        limit: usize,
    },
    /// Make the record smaller: it does not fit even alone.
    #[error("the record alone takes {size} bytes; the limit is {limit}")]
    TooLarge {
        /// The size of the Kinesis record's data with this record alone.
        size: usize,
        /// The packer's limit.
        limit: usize,
    },
    /// Give the record a partition key, or send it as it is.
    #[error("a record without a partition key cannot stand in an aggregate")]
    NoPartitionKey,
}

/// Collects user records until they are taken as one Kinesis record.
///
/// Its buffers are kept from one aggregate to the next, so one packer per shard lane packs without allocating, but for
/// the bytes it gives away.
///
/// ```
/// use tailwater_record::UserRecord;
/// use tailwater_record::kpl::{PackError, Packer};
///
/// let mut packer = Packer::with_limit(100);
/// let record = UserRecord::new(vec![0; 40]).with_partition_key("k".parse()?);
/// packer.push(&record)?;
/// assert_eq!(packer.size(), 40); // one record alone travels raw
/// assert_eq!(packer.push(&record), Err(PackError::Full { size: 115, limit: 100 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Packer {
    limit: usize,
    /// The tables stand before the records, so each part grows in a buffer of its own.
    partition_keys: KeyTable,
    hash_keys: Vec<u8>,
    hash_key_indices: HashMap<HashKey, u32, RandomState>,
    records: Vec<u8>,
    /// The keys of the first record.
    first: Option<OuterKey>,
    count: usize,
    /// The only record so far, if it could travel raw: framed only when a second one comes.
    alone: Option<(Bytes, Plan)>,
}

impl Packer {
    /// A packer whose Kinesis records are as large as the service takes them from any stream: 10 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(DATA_MAX)
    }

    /// A packer whose Kinesis records have at most `limit` bytes of data, and never more than 10 MiB.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit: limit.min(DATA_MAX),
            first: None,
            partition_keys: KeyTable::new(),
            hash_keys: Vec::new(),
            hash_key_indices: HashMap::default(),
            records: Vec::new(),
            count: 0,
            alone: None,
        }
    }

    /// How many user records are packed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing is packed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The exact size of the data that `take` would now give.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.alone {
            Some((data, _)) => data.len(),
            None if self.count == 0 => 0,
            None => self.framed(),
        }
    }

    /// The exact size that the data would have with this record as well.
    pub fn size_with(&self, record: &UserRecord) -> Result<usize, PackError> {
        self.plan(record).map(|plan| plan.size)
    }

    /// Adds a record behind the others, or tells why not and changes nothing.
    #[inline]
    pub fn push(&mut self, record: &UserRecord) -> Result<(), PackError> {
        let plan = self.plan(record)?;
        if plan.size > self.limit {
            let (size, limit) = (plan.size, self.limit);
            return Err(if self.count == 0 {
                PackError::TooLarge { size, limit }
            } else {
                PackError::Full { size, limit }
            });
        }
        if self.count == 0 {
            self.first = record
                .partition_key()
                .map(|key| OuterKey { partition_key: key.clone(), explicit_hash_key: record.explicit_hash_key() });
        }
        self.count += 1;
        self.write_keys(record, &plan);
        if plan.raw {
            self.alone = Some((record.data().clone(), plan));
            return Ok(());
        }
        if let Some((data, plan)) = self.alone.take() {
            self.write_record(&data, &Headers::new(), &plan);
        }
        self.write_record(record.data(), record.headers(), &plan);
        Ok(())
    }

    /// Gives what is packed and starts anew; `None` if nothing was.
    pub fn take(&mut self) -> Option<Unsealed> {
        let records = std::mem::take(&mut self.count);
        let first = self.first.take()?;
        let content = match self.alone.take() {
            Some((data, _)) => Content::Raw(data),
            None => {
                let mut bytes = Vec::with_capacity(self.framed());
                bytes.extend_from_slice(&MAGIC);
                bytes.extend_from_slice(self.partition_keys.encoded());
                bytes.extend_from_slice(&self.hash_keys);
                bytes.extend_from_slice(&self.records);
                bytes.extend_from_slice(&[0; CHECKSUM]);
                Content::Aggregate(bytes)
            }
        };
        self.partition_keys.clear();
        self.hash_keys.clear();
        self.hash_key_indices.clear();
        self.records.clear();
        Some(Unsealed { content, records, first })
    }

    fn framed(&self) -> usize {
        let alone = self.alone.as_ref().map_or(0, |(_, plan)| bytes_field_len(plan.inner));
        AGGREGATE_OVERHEAD + self.partition_keys.encoded().len() + self.hash_keys.len() + self.records.len() + alone
    }

    /// Where the record's keys stand or would stand, and what size that makes.
    #[inline]
    fn plan(&self, record: &UserRecord) -> Result<Plan, PackError> {
        let key = record.partition_key().ok_or(PackError::NoPartitionKey)?.as_str().as_bytes();
        let place = self.partition_keys.find(key);
        let key_index = self.partition_keys.index(place);
        let mut tables = KeyTable::growth(place, key);
        let hash_key_index = record.explicit_hash_key().map(|hash_key| {
            self.hash_key_indices.get(&hash_key).copied().unwrap_or_else(|| {
                tables += bytes_field_len(itoa::Buffer::new().format(hash_key.number()).len());
                self.hash_key_indices.len() as u32
            })
        });
        let mut inner = 1 + varint_len(key_index.into()) + bytes_field_len(record.data().len());
        if let Some(index) = hash_key_index {
            inner += 1 + varint_len(index.into());
        }
        if !record.headers().is_empty() {
            inner += record.headers().iter().map(|(name, value)| bytes_field_len(tag_len(name, value))).sum::<usize>();
        }
        // A payload with the magic in front would be taken apart by readers, and headers have no place outside.
        let raw = self.count == 0 && record.headers().is_empty() && !record.data().starts_with(&MAGIC);
        let size = if raw { record.data().len() } else { self.framed() + tables + bytes_field_len(inner) };
        Ok(Plan { size, raw, inner, place, key_index, hash_key_index })
    }

    #[inline]
    fn write_keys(&mut self, record: &UserRecord, plan: &Plan) {
        let key = record.partition_key().map_or("", |key| key.as_str()).as_bytes();
        self.partition_keys.add(plan.place, key);
        if let (Some(index), Some(hash_key)) = (plan.hash_key_index, record.explicit_hash_key())
            && index as usize == self.hash_key_indices.len()
        {
            let mut text = itoa::Buffer::new();
            let text = text.format(hash_key.number()).as_bytes();
            put_bytes_field(&mut self.hash_keys, aggregated_record::EXPLICIT_HASH_KEY_TABLE, text);
            self.hash_key_indices.insert(hash_key, index);
        }
    }

    #[inline]
    fn write_record(&mut self, data: &[u8], headers: &Headers, plan: &Plan) {
        let mut head = Head::new(&mut self.records);
        head.key(aggregated_record::RECORDS, WireType::Bytes);
        head.varint(plan.inner as u64);
        head.key(record::PARTITION_KEY_INDEX, WireType::Varint);
        head.varint(plan.key_index.into());
        if let Some(index) = plan.hash_key_index {
            head.key(record::EXPLICIT_HASH_KEY_INDEX, WireType::Varint);
            head.varint(index.into());
        }
        head.key(record::DATA, WireType::Bytes);
        head.varint(data.len() as u64);
        head.end();
        self.records.extend_from_slice(data);
        for (name, value) in headers.iter() {
            let mut head = Head::new(&mut self.records);
            head.key(record::TAGS, WireType::Bytes);
            head.varint(tag_len(name, value) as u64);
            head.end();
            put_bytes_field(&mut self.records, tag::KEY, name.as_bytes());
            put_bytes_field(&mut self.records, tag::VALUE, value.as_bytes());
        }
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Packer")
            .field("records", &self.count)
            .field("size", &self.size())
            .field("limit", &self.limit)
            .finish()
    }
}

fn tag_len(name: &str, value: &str) -> usize {
    bytes_field_len(name.len()) + bytes_field_len(value.len())
}

/// What pushing one record would do; made once, so that its key is looked up once.
struct Plan {
    size: usize,
    raw: bool,
    inner: usize,
    place: Place,
    key_index: u32,
    hash_key_index: Option<u32>,
}
