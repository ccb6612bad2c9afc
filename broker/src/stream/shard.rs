//! One shard: where it came from, which hash keys it holds, its records, and how it ended.
//! Number, record and publication are one step here: what `put` stores is readable when it returns, and nothing with a
//! greater number can have been readable before.
//! Pure. Called by `shards`, and by `stream` for puts and reads.

use super::block::{Entry, Limit};
use super::page::{Draft, Sought};
use super::records::Records;
use super::sequence::{CLOSED, Issued, Parts, second};
use tailwater_record::{HashRange, SequenceNumber, ShardId, Timestamp};

/// One shard.
#[derive(Debug)]
pub(crate) struct Shard {
    number: u32,
    parents: Parents,
    range: HashRange,
    /// The first moment at which it was the one that takes its hash keys.
    from: Timestamp,
    /// The second of creation in its numbers; behind that of its parents, whatever the clock does.
    created: u64,
    /// The last moment at which it took records, if it takes none any more.
    until: Option<Timestamp>,
    records: Records,
}

/// Where a shard came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parents {
    /// It was there from the beginning.
    None,
    /// It was split off.
    Split(u32),
    /// It was merged, lower shard first.
    Merge(u32, u32),
}

impl Parents {
    /// Their numbers.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u32> {
        let (one, two) = match self {
            Self::None => (None, None),
            Self::Split(parent) => (Some(parent), None),
            Self::Merge(lower, upper) => (Some(lower), Some(upper)),
        };
        one.into_iter().chain(two)
    }
}

/// Where in a shard a reading starts, as a request says it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Start {
    TrimHorizon,
    Latest,
    /// At the record with this number, or behind it.
    Number {
        number: SequenceNumber,
        behind: bool,
    },
    AtTimestamp(Timestamp),
}

/// Why a number is no start in this shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadStart {
    /// No service issues such numbers.
    Unreadable,
    /// It is another shard's.
    OtherShard(u32),
    /// It is another stream's, or an older one's of the same name.
    OtherStream,
    /// It has a layout that is not served any more.
    FirstLayout,
}

impl Shard {
    pub(super) fn new(
        number: u32,
        parents: Parents,
        range: HashRange,
        from: Timestamp,
        created: u64,
        is_logged: bool,
    ) -> Self {
        Self { number, parents, range, from, created, until: None, records: Records::new(from, is_logged) }
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn id(&self) -> ShardId {
        ShardId::numbered(self.number)
    }

    pub(crate) fn parents(&self) -> Parents {
        self.parents
    }

    pub(crate) fn range(&self) -> HashRange {
        self.range
    }

    /// The first moment at which it took records.
    pub(crate) fn from(&self) -> Timestamp {
        self.from
    }

    /// The last moment at which it took records, if it takes none any more.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.until
    }

    pub(crate) fn is_open(&self) -> bool {
        self.until.is_none()
    }

    /// The second of creation in its numbers.
    pub(crate) fn created(&self) -> u64 {
        self.created
    }

    /// The number of one of its records.
    pub(crate) fn sequence(&self, index: u64, arrival: Timestamp) -> SequenceNumber {
        Parts { created: self.created, shard: self.number, index, time: second(arrival) }.number()
    }

    /// The number it began with.
    pub(crate) fn starting(&self) -> SequenceNumber {
        Parts { created: self.created, shard: self.number, index: 0, time: self.created }.number()
    }

    /// The number it was closed with.
    pub(crate) fn ending(&self) -> Option<SequenceNumber> {
        self.until.map(|until| self.sequence(CLOSED, until))
    }

    /// Stores a record, which can be read from then on, or once the log has it.
    pub(crate) fn put(&mut self, now: Timestamp, entry: Entry<'_>) -> SequenceNumber {
        let (index, arrival) = self.records.append(now, entry);
        self.sequence(index, arrival)
    }

    /// Takes no more records. Gives the moment at which it ended, which is not before its newest record.
    pub(super) fn close(&mut self, now: Timestamp) -> Timestamp {
        let until = now.max(self.records.newest()).max(self.from);
        self.until = Some(until);
        self.records.close();
        until
    }

    /// Where a reading starts: the index of the first record it may give.
    pub(crate) fn position(&self, start: &Start) -> Result<Sought, BadStart> {
        match start {
            Start::TrimHorizon => Ok(Sought::At(self.records.first())),
            Start::Latest => Ok(Sought::At(self.records.end())),
            Start::AtTimestamp(moment) => Ok(self.records.since(*moment)),
            Start::Number { number, behind } => {
                let parts = self.own(number)?;
                Ok(self.position_of(parts, *behind))
            }
        }
    }

    /// What a number says, if this shard may have issued it.
    fn own(&self, number: &SequenceNumber) -> Result<Parts, BadStart> {
        let issued = Issued::read(number).ok_or(BadStart::Unreadable)?;
        if issued.shard() != self.number {
            return Err(BadStart::OtherShard(issued.shard()));
        }
        match issued {
            Issued::Present(parts) if parts.created == self.created => Ok(parts),
            Issued::Present(_) | Issued::Past { .. } => Err(BadStart::OtherStream),
            Issued::First { .. } => Err(BadStart::FirstLayout),
        }
    }

    /// Numbers need not be those of records: a listing tells where a shard began, and a subscription how far it looked.
    fn position_of(&self, Parts { index, time, .. }: Parts, behind: bool) -> Sought {
        if index == CLOSED {
            return Sought::At(self.records.end());
        }
        self.records.number(index, time, behind)
    }

    /// Reads from an index on; what was stored before `horizon` is passed over.
    pub(crate) fn read(&self, from: u64, limit: Limit, horizon: Timestamp) -> Draft {
        self.records.read(from, limit, horizon, self.is_open())
    }

    /// Takes records again: it was not closed after all.
    pub(super) fn reopen(&mut self) {
        self.until = None;
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    pub(crate) fn records_mut(&mut self) -> &mut Records {
        &mut self.records
    }

    /// A shard as it was written down, without its records.
    pub(crate) fn restore(
        (number, parents, range): (u32, Parents, HashRange),
        from: Timestamp,
        created: u64,
        until: Option<Timestamp>,
    ) -> Self {
        Self { until, ..Self::new(number, parents, range, from, created, true) }
    }

    /// Forgets what was stored before `horizon`.
    pub(super) fn trim(&mut self, horizon: Timestamp) {
        self.records.trim(horizon);
    }

    /// Whether all that it held has been forgotten, and it takes no more.
    pub(super) fn is_spent(&self, horizon: Timestamp) -> bool {
        self.until.is_some_and(|until| until < horizon)
    }

    /// Bytes reserved for records.
    pub(crate) fn held(&self) -> usize {
        self.records.held()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::page::Reading;
    use crate::stream::records::FIRST;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_500);
    const ALL: Limit = Limit { records: 100, bytes: usize::MAX };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(NOW.millis() + millis)
    }

    fn shard() -> Shard {
        Shard::new(3, Parents::None, HashRange::FULL, NOW, second(NOW), false)
    }

    fn read(shard: &Shard, from: u64, limit: Limit, now: Timestamp) -> Reading {
        shard.read(from, limit, Timestamp::from_millis(0)).finish(now).unwrap()
    }

    fn position(shard: &Shard, start: &Start) -> Result<u64, BadStart> {
        shard.position(start).map(|sought| sought.finish().unwrap())
    }

    fn entry(data: &[u8]) -> Entry<'_> {
        Entry { key: None, data, encrypted: false }
    }

    fn number(number: &SequenceNumber, behind: bool) -> Start {
        Start::Number { number: number.clone(), behind }
    }

    #[test]
    fn numbers_lead_to_their_records() {
        let mut shard = shard();
        let numbers: Vec<SequenceNumber> = (0..5).map(|step| shard.put(at(step * 700), entry(b"x"))).collect();
        assert!(numbers.is_sorted() && shard.starting() < numbers[0]);
        for (place, one) in numbers.iter().enumerate() {
            let index = FIRST + place as u64;
            assert_eq!(position(&shard, &number(one, false)), Ok(index));
            assert_eq!(position(&shard, &number(one, true)), Ok(index + 1));
        }
        for behind in [false, true] {
            assert_eq!(position(&shard, &number(&shard.starting(), behind)), Ok(FIRST));
        }
        // A number between two records, as a subscription that waits hands out: everything up to there was seen.
        let between = shard.sequence(2, at(60_000));
        assert_eq!(position(&shard, &number(&between, false)), Ok(3));
        // One that is still to come is waited for.
        let ahead = shard.sequence(900, at(0));
        assert_eq!(position(&shard, &number(&ahead, true)), Ok(900));
    }

    #[test]
    fn numbers_of_others_are_refused() {
        let mut shard = shard();
        let own = shard.put(NOW, entry(b"x"));
        let mut other = Shard::new(4, Parents::None, HashRange::FULL, NOW, second(NOW), false);
        let older = Shard::new(3, Parents::None, HashRange::FULL, NOW, second(NOW) - 9, false).sequence(1, NOW);
        assert_eq!(position(&shard, &number(&other.put(NOW, entry(b"x")), false)), Err(BadStart::OtherShard(4)));
        assert_eq!(position(&shard, &number(&older, false)), Err(BadStart::OtherStream));
        assert_eq!(position(&shard, &number(&"3".parse().unwrap(), false)), Err(BadStart::FirstLayout));
        assert_eq!(position(&shard, &number(&"9".repeat(90).parse().unwrap(), false)), Err(BadStart::Unreadable));
        assert_eq!(position(&shard, &number(&own, false)), Ok(FIRST));
    }

    #[test]
    fn a_closed_shard_ends_with_its_last_record() {
        let mut shard = shard();
        shard.put(NOW, entry(b"one"));
        shard.put(at(2000), entry(b"two"));
        let first = read(&shard, FIRST, Limit { records: 1, bytes: 9 }, at(5000));
        assert_eq!((first.page.count, first.next, first.behind), (1, Some(2), 5000));
        let rest = read(&shard, 2, ALL, at(5000));
        assert_eq!((rest.page.count, rest.next, rest.behind), (1, Some(3), 0));
        // The clock has stepped back; the shard does not end before its newest record.
        assert_eq!(shard.close(at(1000)), at(2000));
        assert_eq!(read(&shard, 2, ALL, at(5000)).next, None);
        assert_eq!(read(&shard, 1, Limit { records: 1, bytes: 9 }, at(5000)).next, Some(2));
        let ending = shard.ending().unwrap();
        assert_eq!(position(&shard, &number(&ending, false)), Ok(3));
        assert_eq!(read(&shard, 3, ALL, at(5000)).next, None);
    }

    #[test]
    fn readers_below_the_horizon_are_moved_up() {
        let mut shard = shard();
        let old = shard.put(NOW, entry(b"old"));
        shard.put(at(10), entry(b"new"));
        shard.trim(at(5));
        let start = position(&shard, &number(&old, false)).unwrap();
        let found: Vec<u64> =
            read(&shard, start, ALL, at(20)).page.records().iter().map(|stored| stored.index).collect();
        assert_eq!(found, [2]);
        shard.trim(at(15));
        let empty = read(&shard, start, ALL, at(20));
        assert_eq!((empty.page.count, empty.next), (0, Some(3)));
        assert_eq!(shard.put(at(16), entry(b"newest")), shard.sequence(3, at(16)));
    }
}
