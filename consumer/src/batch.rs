//! What a handler is handed: user records, lent out of the Kinesis records that they came in.
//! Why lent: a shard gives tens of thousands of small records a second, and each would cost an allocation.
//! Pure. Cut from what was read by `page`; the shard's task hands them to the handler.

pub(crate) mod page;

#[cfg(feature = "unstable-internals")]
pub use page::batches;

use crate::budget::Grant;
use crate::checkpoint::Checkpoint;
use crate::unpack::{Content, Opened, Unpacking};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tailwater_record::kpl::Entry;
use tailwater_record::{Error, HashKey, SequenceNumber, ShardId, Timestamp, UserRecord};
use tailwater_store::{Progress, StreamIdentity};

/// What a Kinesis record takes of the budget besides its data: its number, its key, its place in tables.
pub(crate) const BOOKKEEPING: u64 = 128;

/// What a user record in an aggregate takes: its place, and a key of its own in the tables, as most have.
const ENTRY_BOOKKEEPING: u64 = 48;

/// User records of one shard, in order.
///
/// They are lent, not copied: a batch owns the bytes that were read, and what a [`Record`] shows is inside of them. Whoever
/// keeps [`data_bytes`](Record::data_bytes) beyond the batch keeps the whole page alive that it came in; copy what is small
/// and kept for long.
///
/// ```
/// use tailwater_consumer::Batch;
///
/// fn bytes_by_key(batch: &Batch) -> std::collections::BTreeMap<&str, usize> {
///     let mut sums = std::collections::BTreeMap::new();
///     for record in batch.records() {
///         *sums.entry(record.partition_key().unwrap_or_default()).or_default() += record.data().len();
///     }
///     sums
/// }
/// ```
#[derive(Clone)]
pub struct Batch {
    contents: Arc<Contents>,
    /// What was handled before, and is left out. The contents may have more.
    after: Progress,
    end: Progress,
    len: usize,
    attempt: u32,
}

/// What the batches of a shard have in common.
#[derive(Debug)]
pub(crate) struct BatchOf {
    pub(crate) stream: StreamIdentity,
    pub(crate) shard: ShardId,
    pub(crate) rules: Unpacking,
    /// Batches of tests and benches have none, and are delivered to nobody.
    pub(crate) checkpoint: Option<Checkpoint>,
}

struct Contents {
    of: Arc<BatchOf>,
    opened: Vec<Opened>,
    lag: Option<Duration>,
    /// The room of the page. All its batches share it, because the page's bytes are freed together.
    _grant: Option<Arc<Grant>>,
}

impl Batch {
    /// The records, in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> + DoubleEndedIterator {
        let of = |opened| move |entry| Record { opened, entry };
        let inner = self.contents.opened.iter().flat_map(move |opened| opened.entries(&self.after).map(of(opened)));
        Counted { inner, left: self.len }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first record.
    #[must_use]
    pub fn first(&self) -> Option<Record<'_>> {
        self.records().next()
    }

    /// The last record.
    #[must_use]
    pub fn last(&self) -> Option<Record<'_>> {
        self.records().next_back()
    }

    /// Whose records they are.
    #[must_use]
    pub fn stream(&self) -> &StreamIdentity {
        &self.contents.of.stream
    }

    /// The shard that they were read from.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        &self.contents.of.shard
    }

    /// How far the page that they came in was behind the newest record of the shard, as the service told.
    #[must_use]
    pub fn lag(&self) -> Option<Duration> {
        self.contents.lag
    }

    /// Which delivery this is, from 1. A batch, or what is left of one, comes again when its handler fails.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How far the shard is handled when all of this is. It may lie beyond the last record: what was set aside or could
    /// not be read is passed as well.
    #[must_use]
    pub fn end(&self) -> Progress {
        self.end.clone()
    }

    /// By which checkpoints are made, now or later.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        self.contents.of.checkpoint.as_ref().expect("what is delivered has a checkpoint")
    }

    /// What is left when everything up to there is handled. It shares the records, and counts as the same delivery.
    pub(crate) fn behind(&self, progress: &Progress) -> Self {
        let after = self.after.clone().max(progress.clone());
        let end = self.end.clone().max(progress.clone());
        let len = count(&self.contents.opened, &after);
        Self { contents: Arc::clone(&self.contents), after, end, len, attempt: self.attempt }
    }

    /// The same, delivered for this time.
    pub(crate) fn with_attempt(self, attempt: u32) -> Self {
        Self { attempt, ..self }
    }

    /// What it takes of memory, about: data, and bookkeeping.
    pub(crate) fn bytes(&self) -> u64 {
        let inside = |opened: &Opened| match &opened.content {
            Content::Plain(_) => 0,
            Content::Aggregated(aggregate) => aggregate.entries().len() as u64 * ENTRY_BOOKKEEPING,
        };
        let each = |opened: &Opened| opened.data_len as u64 + BOOKKEEPING + inside(opened);
        self.contents.opened.iter().map(each).sum()
    }
}

fn count(opened: &[Opened], after: &Progress) -> usize {
    opened.iter().map(|opened| opened.count(after)).sum()
}

/// One user record, lent by its batch. A copy of it is a copy of two references.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    opened: &'a Opened,
    /// Its place in the aggregate; `None` if it is a Kinesis record of its own.
    entry: Option<Entry<'a>>,
}

impl<'a> Record<'a> {
    /// The payload.
    #[must_use]
    #[inline]
    pub fn data(&self) -> &'a [u8] {
        match (self.entry, &self.opened.content) {
            (Some(entry), _) => entry.data(),
            (None, Content::Plain(data)) => data,
            (None, Content::Aggregated(_)) => unreachable!("of an aggregate only entries are lent"),
        }
    }

    /// The payload, sharing the memory of the page that was read.
    #[must_use]
    pub fn data_bytes(&self) -> Bytes {
        match (self.entry, &self.opened.content) {
            (Some(entry), _) => entry.data_bytes(),
            (None, Content::Plain(data)) => data.clone(),
            (None, Content::Aggregated(_)) => unreachable!("of an aggregate only entries are lent"),
        }
    }

    /// The partition key. Streams that spread records by themselves may have none.
    #[must_use]
    #[inline]
    pub fn partition_key(&self) -> Option<&'a str> {
        match self.entry {
            Some(entry) => Some(entry.partition_key()),
            None => self.opened.partition_key.as_ref().map(|key| key.as_str()),
        }
    }

    /// The hash key that was given beside the partition key. The service does not tell it of records that stand alone.
    #[must_use]
    pub fn explicit_hash_key(&self) -> Option<HashKey> {
        self.entry.and_then(|entry| entry.explicit_hash_key())
    }

    /// Names and values of the headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.entry.into_iter().flat_map(|entry| entry.headers())
    }

    /// The number of the Kinesis record.
    #[must_use]
    #[inline]
    pub fn sequence(&self) -> &'a SequenceNumber {
        &self.opened.sequence
    }

    /// The place in the Kinesis record, from 0.
    #[must_use]
    #[inline]
    pub fn sub_sequence(&self) -> u64 {
        self.entry.map_or(0, |entry| entry.sub_sequence())
    }

    /// How far the shard is handled when this record is, and all before it.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress::Through { sequence: self.sequence().clone(), sub_sequence: self.sub_sequence() }
    }

    /// When the Kinesis record was stored, about.
    #[must_use]
    pub fn arrival(&self) -> Option<Timestamp> {
        self.opened.arrival
    }

    /// The record on its own, sharing the memory of the page that was read. Fails if the partition key is none that the
    /// service would take, which only a faulty aggregate can bring about.
    pub fn to_record(&self) -> Result<UserRecord, Error> {
        let Some(entry) = self.entry else {
            let record = UserRecord::new(self.data_bytes());
            let key = self.opened.partition_key.clone();
            return Ok(key.into_iter().fold(record, UserRecord::with_partition_key));
        };
        entry.to_record()
    }
}

/// An iterator that knows how much is left.
struct Counted<I> {
    inner: I,
    left: usize,
}

impl<I: Iterator> Iterator for Counted<I> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        let next = self.inner.next()?;
        self.left -= 1;
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }

    fn fold<B, F: FnMut(B, I::Item) -> B>(self, init: B, each: F) -> B {
        self.inner.fold(init, each)
    }
}

impl<I: DoubleEndedIterator> DoubleEndedIterator for Counted<I> {
    fn next_back(&mut self) -> Option<I::Item> {
        let next = self.inner.next_back()?;
        self.left -= 1;
        Some(next)
    }
}

impl<I: Iterator> ExactSizeIterator for Counted<I> {}

/// Sizes only.
impl fmt::Debug for Batch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Batch")
            .field("shard", self.shard())
            .field("records", &self.len)
            .field("bytes", &self.bytes())
            .field("end", &self.end)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// Sizes only.
impl fmt::Debug for Record<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Record")
            .field("sequence", self.sequence())
            .field("sub_sequence", &self.sub_sequence())
            .field("partition_key", &self.partition_key().map(|key| format!("{} bytes", key.len())))
            .field("data", &format_args!("{} bytes", self.data().len()))
            .finish()
    }
}

#[cfg(test)]
mod tests;
