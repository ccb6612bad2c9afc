//! Takes an aggregate apart, without copying what is inside, by the rules that the KCL follows.
//! The whole message is checked before the first record is given out, so data is either plain or an aggregate, never
//! half of each. What the KCL drops without a word is told here: records outside the shard's range are set aside,
//! records behind a broken one are counted.
//! Pure. Called by the consumer for every Kinesis record it reads.

use super::aggregate::{Aggregate, NO_HASH_KEY, Span, Stored, Unreadable, UnreadableCause};
use super::layout::{AGGREGATE_OVERHEAD, CHECKSUM, Fields, MAGIC, NotProtobuf, Value, aggregated_record, record, tag};
use crate::md5_lanes::{self, Lanes};
use crate::{HashKey, HashRange};
use bytes::Bytes;
use std::fmt;
use std::str;

/// What the data of a Kinesis record turned out to be.
#[derive(Clone)]
pub enum Unpacked {
    /// One payload, which is not, or not quite, an aggregate. It is given back as it came.
    Plain(Bytes),
    /// An aggregate with a right checksum.
    Aggregated(Aggregate),
}

/// Takes the data of one Kinesis record apart.
///
/// If `shard` is given, records whose hash key lies outside it are [set aside](Aggregate::set_aside): a producer that
/// missed a reshard put them here, and will put them again where they belong.
///
/// ```
/// use tailwater_record::kpl::{Unpacked, unpack};
///
/// assert!(matches!(unpack("no aggregate".into(), None), Unpacked::Plain(data) if data == "no aggregate"));
/// ```
#[must_use]
pub fn unpack(data: Bytes, shard: Option<HashRange>) -> Unpacked {
    let valid = message(&data).is_some_and(|message| md5_lanes::md5(message) == checksum(&data));
    if valid { read(data, shard, Lanes::best()) } else { Unpacked::Plain(data) }
}

/// Takes many apart at once; their checksums, and the hash keys inside, are computed several at a time in SIMD lanes.
///
/// ```
/// use bytes::Bytes;
/// use tailwater_record::kpl::unpack_all;
///
/// let read = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
/// assert_eq!(unpack_all(read, None).len(), 2);
/// ```
#[must_use]
pub fn unpack_all(data: impl IntoIterator<Item = Bytes>, shard: Option<HashRange>) -> Vec<Unpacked> {
    unpack_all_in(Lanes::best(), data, shard)
}

/// As [`unpack_all`], in lanes of the caller's choice.
#[cfg_attr(not(feature = "unstable-internals"), allow(unreachable_pub, reason = "public for our benches only"))]
#[must_use]
pub fn unpack_all_in(lanes: Lanes, data: impl IntoIterator<Item = Bytes>, shard: Option<HashRange>) -> Vec<Unpacked> {
    let data: Vec<Bytes> = data.into_iter().collect();
    let (places, messages): (Vec<usize>, Vec<&[u8]>) =
        data.iter().enumerate().filter_map(|(place, data)| Some((place, message(data)?))).unzip();
    let mut valid = vec![false; data.len()];
    lanes.md5_each(&messages, |index, digest| valid[places[index]] = digest == checksum(&data[places[index]]));
    let read = |(data, valid)| if valid { read(data, shard, lanes) } else { Unpacked::Plain(data) };
    data.into_iter().zip(valid).map(read).collect()
}

/// The protobuf message inside, if the data has the outline of an aggregate.
fn message(data: &[u8]) -> Option<&[u8]> {
    let outlined = data.len() > AGGREGATE_OVERHEAD && data.starts_with(&MAGIC);
    outlined.then(|| &data[MAGIC.len()..data.len() - CHECKSUM])
}

fn checksum(data: &[u8]) -> &[u8] {
    &data[data.len() - CHECKSUM..]
}

/// Reads an aggregate whose checksum is right.
fn read(data: Bytes, shard: Option<HashRange>, lanes: Lanes) -> Unpacked {
    match Tables::read(&data) {
        Ok(tables) => Unpacked::Aggregated(tables.resolve(data, shard, lanes)),
        Err(NotProtobuf) => Unpacked::Plain(data),
    }
}

/// An aggregate as written: records that point into tables, of which it is not known yet whether they reach so far.
struct Tables {
    partition_keys: Vec<Span>,
    hash_keys: Vec<Span>,
    records: Vec<Stored>,
}

impl Tables {
    fn read(bytes: &[u8]) -> Result<Self, NotProtobuf> {
        // Spans are 32 bits wide; the check here covers every one of them.
        u32::try_from(bytes.len()).map_err(|_| NotProtobuf)?;
        let message = message(bytes).ok_or(NotProtobuf)?;
        let span = |part: &[u8]| Span {
            start: (part.as_ptr() as usize - bytes.as_ptr() as usize) as u32,
            len: part.len() as u32,
        };
        let (mut partition_keys, mut hash_keys, mut records) = (Vec::new(), Vec::new(), Vec::new());
        let mut fields = Fields::of(message);
        while let Some((field, value)) = fields.next()? {
            match (field, value) {
                (aggregated_record::RECORDS, Value::Bytes(part)) => {
                    if records.is_empty() {
                        // Records of an aggregate are mostly alike, so the first tells how many will come.
                        records.reserve(fields.left() / (part.len() + 2) + 1);
                    }
                    records.push(read_record(part, span)?);
                }
                (aggregated_record::PARTITION_KEY_TABLE, Value::Bytes(part)) => {
                    is_text(part)?;
                    partition_keys.push(span(part));
                }
                (aggregated_record::EXPLICIT_HASH_KEY_TABLE, Value::Bytes(part)) => {
                    is_text(part)?;
                    hash_keys.push(span(part));
                }
                (
                    aggregated_record::PARTITION_KEY_TABLE
                    | aggregated_record::EXPLICIT_HASH_KEY_TABLE
                    | aggregated_record::RECORDS,
                    Value::Varint(_) | Value::Other,
                ) => return Err(NotProtobuf),
                _ => {}
            }
        }
        Ok(Self { partition_keys, hash_keys, records })
    }

    /// Follows each record's pointers, up to the first that leads nowhere.
    fn resolve(mut self, data: Bytes, shard: Option<HashRange>, lanes: Lanes) -> Aggregate {
        let keys = self.partition_keys.len();
        let is_plain = |record: &Stored| record.hash_key == NO_HASH_KEY && (record.partition_key as usize) < keys;
        // Nearly every aggregate is plain throughout. Elsewhere a table that no record points into is not worth the room.
        let first = self.records.iter().position(|record| !is_plain(record)).unwrap_or(self.records.len());
        let used = self.records[first..].iter().any(|record| record.hash_key != NO_HASH_KEY);
        let mut hash_keys: Vec<Option<HashKey>> = vec![None; if used { self.hash_keys.len() } else { 0 }];
        let mut unreadable = None;
        for (place, record) in self.records.iter().enumerate().skip(first) {
            if let Err(cause) = self.follow(&data, record, &mut hash_keys) {
                unreadable = Some(Unreadable { first: place, records: self.records.len() - place, cause });
                break;
            }
        }
        if let Some(unreadable) = &unreadable {
            self.records.truncate(unreadable.first);
        }
        let hash_keys = hash_keys.into_iter().map(|key| key.unwrap_or(HashKey::MIN)).collect();
        let mut aggregate = Aggregate::new(data, self.partition_keys, hash_keys, self.records, unreadable);
        if let Some(shard) = shard.filter(|shard| *shard != HashRange::FULL) {
            aggregate.set_apart(shard, lanes);
        }
        aggregate
    }

    #[inline]
    fn follow(&self, data: &[u8], record: &Stored, hash_keys: &mut [Option<HashKey>]) -> Result<(), UnreadableCause> {
        if record.partition_key as usize >= self.partition_keys.len() {
            return Err(UnreadableCause::PartitionKeyIndex);
        }
        if record.hash_key != NO_HASH_KEY {
            let index = record.hash_key as usize;
            let known = hash_keys.get_mut(index).ok_or(UnreadableCause::HashKeyIndex)?;
            if known.is_none() {
                *known = Some(read_hash_key(&data[self.hash_keys[index].range()])?);
            }
        }
        Ok(())
    }
}

#[inline]
fn read_record(part: &[u8], span: impl Fn(&[u8]) -> Span) -> Result<Stored, NotProtobuf> {
    let mut fields = Fields::of(part);
    if let Some((index, payload)) = fields.pair(record::PARTITION_KEY_INDEX, record::DATA) {
        let data = span(payload);
        return Ok(Stored { partition_key: narrow(index), hash_key: NO_HASH_KEY, data, tagged: None, outside: false });
    }
    let (mut partition_key, mut hash_key, mut data, mut tagged) = (None, NO_HASH_KEY, None, false);
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (record::PARTITION_KEY_INDEX, Value::Varint(index)) => partition_key = Some(narrow(index)),
            (record::EXPLICIT_HASH_KEY_INDEX, Value::Varint(index)) => hash_key = narrow(index),
            (record::DATA, Value::Bytes(payload)) => data = Some(span(payload)),
            (record::TAGS, Value::Bytes(tag)) => {
                read_tag(tag)?;
                tagged = true;
            }
            (
                record::PARTITION_KEY_INDEX | record::EXPLICIT_HASH_KEY_INDEX | record::DATA | record::TAGS,
                Value::Varint(_) | Value::Bytes(_) | Value::Other,
            ) => return Err(NotProtobuf),
            _ => {}
        }
    }
    let (Some(partition_key), Some(data)) = (partition_key, data) else { return Err(NotProtobuf) };
    Ok(Stored { partition_key, hash_key, data, tagged: tagged.then(|| span(part)), outside: false })
}

/// An index in 32 bits. No table is so long that one beyond them leads somewhere.
fn narrow(index: u64) -> u32 {
    u32::try_from(index).unwrap_or(NO_HASH_KEY).min(NO_HASH_KEY - 1)
}

/// Name and value of a header; a value that is not there is empty.
pub(super) fn read_tag(tag: &[u8]) -> Result<(&str, &str), NotProtobuf> {
    let (mut name, mut content) = (None, "");
    let mut fields = Fields::of(tag);
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (tag::KEY, Value::Bytes(text)) => name = Some(check_text(text)?),
            (tag::VALUE, Value::Bytes(text)) => content = check_text(text)?,
            (tag::KEY | tag::VALUE, Value::Varint(_) | Value::Other) => return Err(NotProtobuf),
            _ => {}
        }
    }
    Ok((name.ok_or(NotProtobuf)?, content))
}

fn check_text(text: &[u8]) -> Result<&str, NotProtobuf> {
    str::from_utf8(text).map_err(|_| NotProtobuf)
}

/// Fails unless the bytes are text. Most are ASCII, which is told faster.
#[inline]
fn is_text(bytes: &[u8]) -> Result<(), NotProtobuf> {
    if bytes.is_ascii() { Ok(()) } else { check_text(bytes).map(drop) }
}

/// Reads a hash key as other writers may have put it, leading zeros included.
fn read_hash_key(text: &[u8]) -> Result<HashKey, UnreadableCause> {
    let text = str::from_utf8(text).map_err(|_| UnreadableCause::HashKeyText)?;
    let significant = text.trim_start_matches('0');
    let digits = if significant.is_empty() && !text.is_empty() { "0" } else { significant };
    digits.parse().map_err(|_| UnreadableCause::HashKeyText)
}

impl fmt::Debug for Unpacked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(data) => write!(out, "Plain({} bytes)", data.len()),
            Self::Aggregated(aggregate) => out.debug_tuple("Aggregated").field(aggregate).finish(),
        }
    }
}
