//! Takes Kinesis records apart: what of them is to be delivered, and what became of the rest.
//! What is not delivered is counted, with its place in the shard, so that nothing disappears in silence.
//! Why many at once: checksums, and the hash keys inside, are computed for several records together in SIMD lanes.
//! Pure. Called by `batch`, once for each batch of a page.

use bytes::Bytes;
use std::cmp::Ordering;
use std::iter::Skip;
use tailwater_record::kpl::{Aggregate, Entry, MAGIC, Unpacked, UnreadableCause, unpack_all};
use tailwater_record::{HashRange, PartitionKey, SequenceNumber, ShardId, Timestamp};
use tailwater_store::Progress;
use tailwater_wire::shapes;

/// What becomes of the user records of an aggregate that lie outside their shard's hash keys.
///
/// A producer packs an aggregate for one shard. If that shard is split or merged while the aggregate is under way, it is
/// stored in another, and some of what is inside may not belong there. The rule is off, as if it were
/// [`Deliver`](Self::Deliver), on streams that spread records by themselves, and as long as the hash keys of a shard are
/// not known. A Kinesis record that is no aggregate is always delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum OnStray {
    /// They alone are set aside. The KPL and our own producer see where the aggregate was stored and put them again, so
    /// nothing is lost. A producer that puts the whole aggregate again makes those that were inside come twice.
    #[default]
    SetAside,
    /// The whole aggregate is passed over, as the KCL does. Nothing comes twice; what a producer does not put again is lost.
    KclRule,
    /// They are delivered like all others: for producers that aggregate without regard to shards, and never put again.
    Deliver,
}

/// By what rules a shard's records are taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpacking {
    pub(crate) on_stray: OnStray,
    /// The shard's hash keys, if they are known.
    pub(crate) range: Option<HashRange>,
    /// Whether the service spreads the stream's records, whatever their keys.
    pub(crate) spreads: bool,
}

impl Unpacking {
    /// Outside of what a record is a stray; nothing if none is.
    fn range(&self) -> Option<HashRange> {
        match self.on_stray {
            OnStray::SetAside | OnStray::KclRule => self.range.filter(|_| !self.spreads),
            OnStray::Deliver => None,
        }
    }
}

/// A Kinesis record taken apart, of which something is to be delivered.
pub(crate) struct Opened {
    pub(crate) sequence: SequenceNumber,
    pub(crate) arrival: Option<Timestamp>,
    /// That of the Kinesis record; user records in an aggregate have their own.
    pub(crate) partition_key: Option<PartitionKey>,
    pub(crate) data_len: usize,
    pub(crate) content: Content,
}

/// What the data of a Kinesis record is.
pub(crate) enum Content {
    Plain(Bytes),
    /// In a box, because most records are plain where there are very many.
    Aggregated(Box<Aggregate>),
}

/// What became of some Kinesis records. `delivered`, `handled`, what is set aside and what is unreadable make up all user
/// records of those that were opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Kinesis records that were opened.
    pub(crate) opened: usize,
    /// Kinesis records that lie wholly before the checkpoint, and were not opened.
    pub(crate) passed: usize,
    /// Kinesis records that are no aggregates.
    pub(crate) plain: usize,
    /// User records to deliver.
    pub(crate) delivered: usize,
    /// User records of opened Kinesis records that were handled before.
    pub(crate) handled: usize,
    pub(crate) set_aside: Vec<SetAside>,
    pub(crate) unreadable: Vec<Unreadable>,
    /// Plain records that begin like an aggregate: damaged ones, or payloads that happen to. They are delivered as they are.
    pub(crate) damaged: Vec<SequenceNumber>,
    /// How far all this goes.
    pub(crate) end: Progress,
}

/// User records of one aggregate that are not delivered because of where they, or others with them, belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetAside {
    pub(crate) shard: ShardId,
    pub(crate) sequence: SequenceNumber,
    pub(crate) records: usize,
}

/// User records of one aggregate that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) shard: ShardId,
    pub(crate) sequence: SequenceNumber,
    pub(crate) records: usize,
    pub(crate) cause: UnreadableCause,
}

/// Takes a shard's Kinesis records apart and leaves out what was handled up to `after`.
pub(crate) fn unpack(
    records: impl ExactSizeIterator<Item = shapes::Record>,
    shard: &ShardId,
    rules: &Unpacking,
    after: &Progress,
) -> (Vec<Opened>, Facts) {
    let mut facts = Facts::none(after.clone());
    let mut heads = Vec::with_capacity(records.len());
    let mut data = Vec::with_capacity(records.len());
    for record in records {
        if is_passed(&record.sequence_number, after) {
            facts.passed += 1;
            continue;
        }
        let shapes::Record { sequence_number, approximate_arrival_timestamp, partition_key, .. } = record;
        heads.push((sequence_number, approximate_arrival_timestamp, partition_key, record.data.len()));
        data.push(record.data);
    }
    facts.opened = heads.len();
    let mut kept = Vec::with_capacity(heads.len());
    let unpacked = unpack_all(data, rules.range());
    for ((sequence, arrival, partition_key, data_len), unpacked) in heads.into_iter().zip(unpacked) {
        let first = first_place(&sequence, after);
        let delivered = match &unpacked {
            Unpacked::Plain(data) => facts.plain(&sequence, data, first),
            Unpacked::Aggregated(aggregate) => facts.aggregate(shard, &sequence, aggregate, rules.on_stray, first),
        };
        if delivered == 0 {
            continue;
        }
        facts.delivered += delivered;
        let content = match unpacked {
            Unpacked::Plain(data) => Content::Plain(data),
            Unpacked::Aggregated(aggregate) => Content::Aggregated(Box::new(aggregate)),
        };
        kept.push(Opened { sequence, arrival, partition_key, data_len, content });
    }
    (kept, facts)
}

/// Whether a Kinesis record lies wholly before.
fn is_passed(sequence: &SequenceNumber, after: &Progress) -> bool {
    match after {
        Progress::AtTimestamp | Progress::TrimHorizon | Progress::Latest => false,
        Progress::Through { sequence: last, .. } => sequence < last,
        Progress::ShardEnd => true,
    }
}

/// The first place in a Kinesis record that is not handled; beyond all places if it lies wholly before.
fn first_place(sequence: &SequenceNumber, after: &Progress) -> usize {
    match after {
        Progress::AtTimestamp | Progress::TrimHorizon | Progress::Latest => 0,
        Progress::Through { sequence: last, sub_sequence } => match sequence.cmp(last) {
            Ordering::Less => usize::MAX,
            Ordering::Equal => usize::try_from(*sub_sequence).unwrap_or(usize::MAX).saturating_add(1),
            Ordering::Greater => 0,
        },
        Progress::ShardEnd => usize::MAX,
    }
}

impl Facts {
    /// Nothing was read, and this was handled before.
    fn none(after: Progress) -> Self {
        Self {
            opened: 0,
            passed: 0,
            plain: 0,
            delivered: 0,
            handled: 0,
            set_aside: Vec::new(),
            unreadable: Vec::new(),
            damaged: Vec::new(),
            end: after,
        }
    }

    /// Notes a plain record, and tells how many of it are to be delivered.
    fn plain(&mut self, sequence: &SequenceNumber, data: &[u8], first: usize) -> usize {
        self.plain += 1;
        if data.starts_with(&MAGIC) {
            self.damaged.push(sequence.clone());
        }
        self.reach(sequence, 0);
        self.handled += usize::from(first > 0);
        usize::from(first == 0)
    }

    /// Notes an aggregate, and tells how many inside are to be delivered.
    fn aggregate(
        &mut self,
        shard: &ShardId,
        sequence: &SequenceNumber,
        aggregate: &Aggregate,
        on_stray: OnStray,
        first: usize,
    ) -> usize {
        let readable = aggregate.entries().len();
        let unreadable = aggregate.unreadable();
        let total = readable + unreadable.map_or(0, |unreadable| unreadable.records());
        let first = first.min(total);
        let left = readable.saturating_sub(first);
        let strays = match on_stray {
            OnStray::KclRule => {
                if aggregate.set_aside_len() > 0 {
                    left
                } else {
                    0
                }
            }
            OnStray::SetAside => aggregate.entries().skip(first).filter(Entry::is_outside).count(),
            OnStray::Deliver => 0,
        };
        // An aggregate of nothing is one record to whoever resumes behind it.
        self.reach(sequence, total.saturating_sub(1));
        self.handled += first;
        if strays > 0 {
            let (shard, sequence) = (shard.clone(), sequence.clone());
            self.set_aside.push(SetAside { shard, sequence, records: strays });
        }
        let beyond = total - first.max(readable);
        if let Some(unreadable) = unreadable.filter(|_| beyond > 0) {
            let (shard, sequence, cause) = (shard.clone(), sequence.clone(), unreadable.cause());
            self.unreadable.push(Unreadable { shard, sequence, records: beyond, cause });
        }
        left - strays
    }

    /// Notes that everything up to the last place of a Kinesis record was read.
    fn reach(&mut self, sequence: &SequenceNumber, last: usize) {
        let reached = Progress::Through { sequence: sequence.clone(), sub_sequence: last as u64 };
        if reached > self.end {
            self.end = reached;
        }
    }
}

impl Opened {
    /// What is behind `after`, in order; `None` stands for a plain record.
    pub(crate) fn entries<'a>(
        &'a self,
        after: &Progress,
    ) -> impl DoubleEndedIterator<Item = Option<Entry<'a>>> + use<'a> {
        let first = first_place(&self.sequence, after);
        match &self.content {
            Content::Plain(_) => Inside::Plain(first == 0),
            Content::Aggregated(aggregate) => Inside::Aggregated(aggregate.entries().skip(first)),
        }
    }

    /// How many are behind `after`.
    pub(crate) fn count(&self, after: &Progress) -> usize {
        match &self.content {
            Content::Aggregated(aggregate) if first_place(&self.sequence, after) == 0 => {
                aggregate.entries().len() - aggregate.set_aside_len()
            }
            Content::Plain(_) | Content::Aggregated(_) => self.entries(after).count(),
        }
    }
}

/// What is inside a Kinesis record: itself, if it is still to come, or entries, of which strays are left out.
enum Inside<A> {
    Plain(bool),
    Aggregated(Skip<A>),
}

impl<'a, A: Iterator<Item = Entry<'a>>> Iterator for Inside<A> {
    type Item = Option<Entry<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Plain(waits) => std::mem::take(waits).then_some(None),
            Self::Aggregated(entries) => entries.find(|entry| !entry.is_outside()).map(Some),
        }
    }

    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, init: B, mut each: F) -> B {
        match self {
            Self::Plain(waits) => {
                if waits {
                    each(init, None)
                } else {
                    init
                }
            }
            Self::Aggregated(entries) => {
                entries.filter(|entry| !entry.is_outside()).fold(init, |all, entry| each(all, Some(entry)))
            }
        }
    }
}

impl<'a, A: ExactSizeIterator<Item = Entry<'a>> + DoubleEndedIterator> DoubleEndedIterator for Inside<A> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::Plain(waits) => std::mem::take(waits).then_some(None),
            Self::Aggregated(entries) => entries.rfind(|entry| !entry.is_outside()).map(Some),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
