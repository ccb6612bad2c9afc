//! An aggregate taken apart: its records, lent out of the Kinesis record's own bytes.
//! Made by `unpack`, read by the consumer.

use super::layout::{Fields, NotProtobuf, Value, record};
use super::unpack::read_tag;
use crate::md5_lanes::Lanes;
use crate::{Error, HashKey, HashRange, PartitionKey, UserRecord};
use bytes::Bytes;
use bytestring::ByteString;
use std::fmt;
use std::ops::Range;
use std::str;

/// The user records of one Kinesis record, in the order in which they were packed.
///
/// It owns the Kinesis record's data and lends out of it; nothing inside is copied.
#[derive(Clone)]
pub struct Aggregate {
    data: Bytes,
    partition_keys: Vec<Span>,
    /// From the first partition key to the last, and where that begins, if all between is text too: what frames keys that
    /// stand together is, unless one has 128 bytes or more. A part of a text is known to be text without another look.
    key_text: Option<(usize, ByteString)>,
    /// Keys longer than any that the service takes, as text, by their index. Any other is checked to be text whenever it
    /// is asked for, which is cheaper than to keep it; with these that would have no end.
    long_keys: Vec<(u32, ByteString)>,
    hash_keys: Vec<HashKey>,
    entries: Vec<Stored>,
    outside: usize,
    unreadable: Option<Unreadable>,
}

/// The most bytes that 256 characters can have.
const KEY_BYTES_MAX: u32 = 1024;

impl Aggregate {
    pub(super) fn new(
        data: Bytes,
        partition_keys: Vec<Span>,
        hash_keys: Vec<HashKey>,
        entries: Vec<Stored>,
        unreadable: Option<Unreadable>,
    ) -> Self {
        let long = partition_keys.iter().enumerate().filter(|(_, span)| span.len > KEY_BYTES_MAX);
        let text = |span: &Span| ByteString::try_from(data.slice(span.range())).ok();
        let long_keys = long.filter_map(|(index, span)| Some((index as u32, text(span)?))).collect();
        let key_text = match (partition_keys.first(), partition_keys.last()) {
            (Some(first), Some(last)) => {
                let stretch = data.slice(first.range().start..last.range().end);
                ByteString::try_from(stretch).ok().map(|text| (first.range().start, text))
            }
            (None, _) | (_, None) => None,
        };
        Self { data, partition_keys, key_text, long_keys, hash_keys, entries, outside: 0, unreadable }
    }

    /// The records that belong to the shard; all, if no shard was given.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.entries().filter(|entry| !entry.is_outside())
    }

    /// The records whose hash key lies outside the shard.
    pub fn set_aside(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.entries().filter(Entry::is_outside)
    }

    /// How many records lie outside the shard.
    #[must_use]
    pub fn set_aside_len(&self) -> usize {
        self.outside
    }

    /// All records that can be read, inside the shard or not.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + DoubleEndedIterator {
        (0..self.entries.len()).map(|place| Entry { aggregate: self, place })
    }

    /// What could not be read: an aggregate may have a right checksum and yet point into nothing.
    #[must_use]
    pub fn unreadable(&self) -> Option<&Unreadable> {
        self.unreadable.as_ref()
    }

    /// A partition key whose bytes are looked at once more.
    fn checked_key(&self, index: u32) -> &str {
        let span = self.partition_keys[index as usize];
        if span.len > KEY_BYTES_MAX
            && let Ok(place) = self.long_keys.binary_search_by_key(&index, |(index, _)| *index)
        {
            return &self.long_keys[place].1;
        }
        str::from_utf8(&self.data[span.range()]).expect("checked when the table was read")
    }

    /// Marks what lies outside the shard. Keys are hashed only here, each once however many records share it.
    pub(super) fn set_apart(&mut self, shard: HashRange, lanes: Lanes) {
        let mut inside = vec![false; self.partition_keys.len()];
        if self.hash_keys.is_empty() && self.partition_keys.len() <= self.entries.len() {
            // Nearly every aggregate: most likely each key is needed, and nearly always all of them are inside.
            let texts: Vec<&[u8]> = self.partition_keys.iter().map(|span| &self.data[span.range()]).collect();
            lanes.md5_each(&texts, |index, digest| inside[index] = shard.contains(HashKey::from_md5(digest)));
            if inside.iter().all(|inside| *inside) {
                return;
            }
        } else {
            let mut needed = vec![false; self.partition_keys.len()];
            for entry in self.entries.iter().filter(|entry| entry.hash_key == NO_HASH_KEY) {
                needed[entry.partition_key as usize] = true;
            }
            let (places, texts): (Vec<usize>, Vec<&[u8]>) = (needed.iter().zip(&self.partition_keys).enumerate())
                .filter(|(_, (needed, _))| **needed)
                .map(|(place, (_, span))| (place, &self.data[span.range()]))
                .unzip();
            lanes.md5_each(&texts, |index, digest| inside[places[index]] = shard.contains(HashKey::from_md5(digest)));
        }
        for entry in &mut self.entries {
            entry.outside = match self.hash_keys.get(entry.hash_key as usize) {
                Some(hash_key) => !shard.contains(*hash_key),
                None => !inside[entry.partition_key as usize],
            };
            self.outside += usize::from(entry.outside);
        }
    }
}

/// One user record, still in its aggregate.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    aggregate: &'a Aggregate,
    place: usize,
}

impl<'a> Entry<'a> {
    /// The place in the aggregate, from 0. With the sequence number of the Kinesis record it names the user record.
    #[must_use]
    #[inline]
    pub fn sub_sequence(&self) -> u64 {
        self.place as u64
    }

    /// The partition key as it was written; other writers may have put one that the service would not take.
    #[must_use]
    #[inline]
    pub fn partition_key(&self) -> &'a str {
        let (aggregate, index) = (self.aggregate, self.stored().partition_key);
        match &aggregate.key_text {
            Some((start, text)) => {
                let Range { start: from, end } = aggregate.partition_keys[index as usize].range();
                &text[from - start..end - start]
            }
            None => aggregate.checked_key(index),
        }
    }

    /// The hash key that was given beside the partition key, if any.
    #[must_use]
    pub fn explicit_hash_key(&self) -> Option<HashKey> {
        self.aggregate.hash_keys.get(self.stored().hash_key as usize).copied()
    }

    /// The payload.
    #[must_use]
    #[inline]
    pub fn data(&self) -> &'a [u8] {
        &self.aggregate.data[self.stored().data.range()]
    }

    /// The payload, sharing the aggregate's memory.
    #[must_use]
    pub fn data_bytes(&self) -> Bytes {
        self.aggregate.data.slice(self.stored().data.range())
    }

    /// Names and values of the headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let aggregate = self.aggregate;
        let record = self.stored().tagged.map_or(&[][..], |span| &aggregate.data[span.range()]);
        let mut fields = Fields::of(record);
        std::iter::from_fn(move || {
            loop {
                match fields.next() {
                    Ok(Some((record::TAGS, Value::Bytes(tag)))) => return read_tag(tag).ok(),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(NotProtobuf) => return None,
                }
            }
        })
    }

    /// Whether the record lies outside the shard.
    #[must_use]
    #[inline]
    pub fn is_outside(&self) -> bool {
        self.stored().outside
    }

    /// The record on its own, sharing the aggregate's memory. Fails if the partition key is none that the service
    /// would take, which only a faulty writer can bring about.
    pub fn to_record(&self) -> Result<UserRecord, Error> {
        let span = self.aggregate.partition_keys[self.stored().partition_key as usize];
        if span.len > KEY_BYTES_MAX {
            return Err(PartitionKey::too_long(self.partition_key()));
        }
        let key = PartitionKey::try_from(self.aggregate.data.slice(span.range()))?;
        let mut record = UserRecord::new(self.data_bytes()).with_partition_key(key);
        if let Some(hash_key) = self.explicit_hash_key() {
            record = record.with_explicit_hash_key(hash_key);
        }
        if self.stored().tagged.is_some() {
            record = record.with_headers(self.headers().collect());
        }
        Ok(record)
    }

    #[inline]
    fn stored(&self) -> &'a Stored {
        &self.aggregate.entries[self.place]
    }
}

/// Records that stand in an aggregate and cannot be given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub(super) first: usize,
    pub(super) records: usize,
    pub(super) cause: UnreadableCause,
}

impl Unreadable {
    /// The place of the first such record in the aggregate.
    #[must_use]
    pub fn first(&self) -> usize {
        self.first
    }

    /// How many there are: the first and all behind it, as the KCL does.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// What is wrong with the first.
    #[must_use]
    pub fn cause(&self) -> UnreadableCause {
        self.cause
    }
}

/// What is wrong with a record that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableCause {
    /// It points behind the table of partition keys.
    #[error("partition key index beyond the table")]
    PartitionKeyIndex,
    /// It points behind the table of explicit hash keys.
    #[error("explicit hash key index beyond the table")]
    HashKeyIndex,
    /// Its explicit hash key is no number from 0 to 2^128 - 1.
    #[error("explicit hash key is not a number from 0 to 2^128 - 1")]
    HashKeyText,
}

/// A place in the aggregate's bytes. 32 bits, because one is kept for each record; the service stops at 10 MiB.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Span {
    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// The index of a record that has no explicit hash key.
pub(super) const NO_HASH_KEY: u32 = u32::MAX;

/// One record: indices into the tables, and where its bytes are.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) partition_key: u32,
    pub(super) hash_key: u32,
    pub(super) data: Span,
    /// The whole record, if it has headers.
    pub(super) tagged: Option<Span>,
    pub(super) outside: bool,
}

impl fmt::Debug for Aggregate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Aggregate")
            .field("data", &format_args!("{} bytes", self.data.len()))
            .field("records", &self.entries.len())
            .field("set_aside", &self.outside)
            .field("unreadable", &self.unreadable)
            .finish()
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Entry")
            .field("sub_sequence", &self.place)
            .field("partition_key", &format_args!("{} bytes", self.partition_key().len()))
            .field("data", &format_args!("{} bytes", self.data().len()))
            .finish()
    }
}
