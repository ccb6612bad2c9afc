//! The records of one shard, in memory.
//! Why not a list of records: a hundred bytes of payload would cost as much again in pointers and lengths. Records lie
//! behind one another in blocks, and a block knows where every thirty-second of them begins. Indices inside a block have
//! no gaps, so a record's number follows from its place.
//! What is read leaves as slices of a sealed block, or as a copy of the little that the open one holds; so the lock of
//! the stream is held for neither decoding nor encoding.
//! Pure. Called by `shard`.

use bytes::Bytes;
use std::collections::VecDeque;
use tailwater_record::{PartitionKey, Timestamp};

/// The index of a shard's first record. Zero is the shard's own beginning.
pub(crate) const FIRST: u64 = 1;

/// A block is sealed once it holds so many bytes.
const BLOCK: usize = 256 * 1024;
/// Of so many records, one is marked.
const MARK: u64 = 32;
/// Flags, milliseconds since the block began, length of the key, length of the data.
const HEAD: usize = 1 + 4 + 2 + 4;

const ENCRYPTED: u8 = 1;
const KEYLESS: u8 = 2;

/// The records of one shard, those that are kept.
#[derive(Debug)]
pub(crate) struct Records {
    sealed: VecDeque<Block<Bytes>>,
    open: Block<Vec<u8>>,
    /// The oldest index that may be read.
    first: u64,
    /// When the newest record was stored.
    newest: Timestamp,
}

/// A run of records without a gap.
#[derive(Debug)]
struct Block<B> {
    /// The index of its first record.
    first: u64,
    count: u64,
    /// The moment from which its records count theirs.
    began: Timestamp,
    /// When its last record was stored.
    newest: Timestamp,
    /// Where every `MARK`th record begins.
    marks: Vec<u32>,
    bytes: B,
}

/// What is put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'r> {
    pub(crate) key: Option<&'r PartitionKey>,
    pub(crate) data: &'r [u8],
    pub(crate) encrypted: bool,
}

/// What is kept, and read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) index: u64,
    pub(crate) arrival: Timestamp,
    pub(crate) key: Option<PartitionKey>,
    pub(crate) data: Bytes,
    pub(crate) encrypted: bool,
}

/// Consecutive records, taken out of a shard but not apart.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pieces: Vec<Piece>,
    pub(crate) count: usize,
    /// Bytes of data and keys.
    pub(crate) size: usize,
    /// When the last of them was stored.
    pub(crate) newest: Option<Timestamp>,
}

#[derive(Debug)]
struct Piece {
    first: u64,
    began: Timestamp,
    bytes: Bytes,
}

/// How much is read at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

impl Records {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { sealed: VecDeque::new(), open: Block::new(FIRST, now), first: FIRST, newest: now }
    }

    /// The index that the next record gets.
    pub(crate) fn next(&self) -> u64 {
        self.open.end()
    }

    /// The oldest index that may be read.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Stores a record behind all others. Clocks may step back; arrival does not.
    pub(crate) fn append(&mut self, now: Timestamp, entry: Entry<'_>) -> (u64, Timestamp) {
        let arrival = self.newest.max(now);
        self.newest = arrival;
        let size = HEAD + entry.key.map_or(0, |key| key.as_str().len()) + entry.data.len();
        if self.open.is_full(size, arrival) {
            self.seal(arrival);
            // A shard that has filled one block will fill another; growing it step by step would copy it once more.
            self.open.bytes.reserve_exact(BLOCK.max(size));
        } else if self.open.count == 0 {
            self.open.began = arrival;
        }
        (self.open.push(arrival, entry), arrival)
    }

    fn seal(&mut self, now: Timestamp) {
        let next = Block::new(self.open.end(), now);
        let full = std::mem::replace(&mut self.open, next);
        if full.count > 0 {
            self.sealed.push_back(full.sealed());
        }
    }

    /// Up to so many records from `from` on, or from the oldest that is kept.
    pub(crate) fn read(&self, from: u64, limit: Limit) -> Page {
        let mut page = Page::default();
        let mut from = from.max(self.first);
        let begin = self.sealed.partition_point(|block| block.end() <= from);
        for block in self.sealed.range(begin..) {
            if !block.read(&mut from, limit, &mut page, |range| block.bytes.slice(range)) {
                return page;
            }
        }
        let open = &self.open;
        open.read(&mut from, limit, &mut page, |range| Bytes::copy_from_slice(&open.bytes[range]));
        page
    }

    /// When a record was stored; `None` if it is not kept, or not there yet.
    pub(crate) fn arrival(&self, index: u64) -> Option<Timestamp> {
        if index < self.first || index >= self.next() {
            return None;
        }
        let block = self.sealed.partition_point(|block| block.end() <= index);
        match self.sealed.get(block) {
            Some(block) => block.arrival(index),
            None => self.open.arrival(index),
        }
    }

    /// The first index that was stored at `moment` or later; the next one if none was.
    pub(crate) fn since(&self, moment: Timestamp) -> u64 {
        let block = self.sealed.partition_point(|block| block.newest < moment);
        let found = match self.sealed.get(block) {
            Some(block) => block.since(moment),
            None => self.open.since(moment),
        };
        found.max(self.first)
    }

    /// Forgets what was stored before `horizon`.
    pub(crate) fn trim(&mut self, horizon: Timestamp) {
        if self.first == self.next() {
            return;
        }
        self.first = self.since(horizon);
        let gone = self.sealed.partition_point(|block| block.end() <= self.first);
        self.sealed.drain(..gone);
        if self.open.count > 0 && self.first == self.next() {
            self.open = Block::new(self.first, self.newest);
        }
    }

    /// Gives back what was reserved for records that will not come.
    pub(crate) fn close(&mut self) {
        self.seal(self.newest);
    }

    /// Bytes reserved for records.
    pub(crate) fn held(&self) -> usize {
        let sealed: usize = self.sealed.iter().map(|block| block.bytes.len() + block.marks.len() * 4).sum();
        sealed + self.open.bytes.capacity() + self.open.marks.capacity() * 4
    }
}

impl<B> Block<B> {
    /// The index behind its last record.
    fn end(&self) -> u64 {
        self.first + self.count
    }
}

impl Block<Vec<u8>> {
    fn new(first: u64, began: Timestamp) -> Self {
        Self { first, count: 0, began, newest: began, marks: Vec::new(), bytes: Vec::new() }
    }

    /// Whether a record of this size and time belongs into the next block.
    fn is_full(&self, size: usize, arrival: Timestamp) -> bool {
        self.count > 0 && (self.bytes.len() + size > BLOCK || self.since_began(arrival).is_none())
    }

    fn since_began(&self, arrival: Timestamp) -> Option<u32> {
        u32::try_from(arrival.since(self.began).as_millis()).ok()
    }

    fn push(&mut self, arrival: Timestamp, entry: Entry<'_>) -> u64 {
        if self.count.is_multiple_of(MARK) {
            self.marks.push(u32::try_from(self.bytes.len()).expect("a block is small but for its last record"));
        }
        let key = entry.key.map_or(&[][..], |key| key.as_str().as_bytes());
        let flags = (u8::from(entry.encrypted) * ENCRYPTED) | (u8::from(entry.key.is_none()) * KEYLESS);
        let began = self.since_began(arrival).expect("a block is sealed before its moments outgrow it");
        let mut head = [0; HEAD];
        head[0] = flags;
        head[1..5].copy_from_slice(&began.to_le_bytes());
        head[5..7].copy_from_slice(&u16::try_from(key.len()).expect("a key has 1,024 bytes at most").to_le_bytes());
        let data = u32::try_from(entry.data.len()).expect("a record has 10 MiB at most");
        head[7..].copy_from_slice(&data.to_le_bytes());
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(entry.data);
        self.newest = arrival;
        self.count += 1;
        self.end() - 1
    }

    fn sealed(self) -> Block<Bytes> {
        let Self { first, count, began, newest, mut marks, bytes } = self;
        marks.shrink_to_fit();
        Block { first, count, began, newest, marks, bytes: bytes.into_boxed_slice().into() }
    }
}

impl<B: AsRef<[u8]>> Block<B> {
    /// Where a record of this block begins.
    fn offset(&self, index: u64) -> usize {
        let place = index - self.first;
        let mark = usize::try_from(place / MARK).expect("a block is small");
        let mut at = self.marks.get(mark).map_or(0, |at| *at as usize);
        for _ in 0..place % MARK {
            at += Head::at(self.bytes.as_ref(), at).size();
        }
        at
    }

    fn arrival(&self, index: u64) -> Option<Timestamp> {
        (self.first..self.end()).contains(&index).then(|| {
            let head = Head::at(self.bytes.as_ref(), self.offset(index));
            head.arrival(self.began)
        })
    }

    fn since(&self, moment: Timestamp) -> u64 {
        if self.count == 0 || self.newest < moment {
            return self.end();
        }
        let bytes = self.bytes.as_ref();
        let before = |at: &u32| Head::at(bytes, *at as usize).arrival(self.began) < moment;
        // The record sought stands behind the last mark that is too early, or at the very beginning.
        let mark = self.marks.partition_point(before).saturating_sub(1);
        let (mut index, mut at) = (self.first + mark as u64 * MARK, self.marks[mark] as usize);
        while index < self.end() {
            let head = Head::at(bytes, at);
            if head.arrival(self.began) >= moment {
                break;
            }
            at += head.size();
            index += 1;
        }
        index
    }

    /// Takes records from `from` on, and moves it on. Whether the page has room for more.
    fn read(
        &self,
        from: &mut u64,
        limit: Limit,
        page: &mut Page,
        slice: impl Fn(std::ops::Range<usize>) -> Bytes,
    ) -> bool {
        if *from >= self.end() {
            return page.count < limit.records;
        }
        let bytes = self.bytes.as_ref();
        let (first, start) = (*from, self.offset(*from));
        let mut at = start;
        let mut room = true;
        // What fits as a whole need not be looked at one by one.
        let rest = usize::try_from(self.end() - first).unwrap_or(usize::MAX);
        let payload = bytes.len() - start - rest * HEAD;
        if page.count + rest <= limit.records && page.size + payload <= limit.bytes {
            page.count += rest;
            page.size += payload;
            page.newest = Some(self.newest);
            page.pieces.push(Piece { first, began: self.began, bytes: slice(start..bytes.len()) });
            *from = self.end();
            return page.count < limit.records;
        }
        while *from < self.end() {
            let head = Head::at(bytes, at);
            // The first record comes, however large it is.
            room = page.count < limit.records && (page.count == 0 || page.size + head.payload() <= limit.bytes);
            if !room {
                break;
            }
            page.count += 1;
            page.size += head.payload();
            page.newest = Some(head.arrival(self.began));
            at += head.size();
            *from += 1;
        }
        if at > start {
            page.pieces.push(Piece { first, began: self.began, bytes: slice(start..at) });
        }
        room
    }
}

impl Page {
    /// Takes the records apart.
    pub(crate) fn each(&self, mut take: impl FnMut(Stored)) {
        for piece in &self.pieces {
            let (mut at, mut index) = (0, piece.first);
            while at < piece.bytes.len() {
                let head = Head::at(&piece.bytes, at);
                let (key, data) = (at + HEAD, at + HEAD + head.key);
                let has_key = head.flags & KEYLESS == 0;
                at += head.size();
                take(Stored {
                    index,
                    arrival: head.arrival(piece.began),
                    key: has_key.then(|| piece.bytes.slice(key..data).try_into().expect("a key was stored")),
                    data: piece.bytes.slice(data..at),
                    encrypted: head.flags & ENCRYPTED != 0,
                });
                index += 1;
            }
        }
    }

    /// The records, apart.
    #[cfg(test)]
    pub(crate) fn records(&self) -> Vec<Stored> {
        let mut records = Vec::new();
        self.each(|stored| records.push(stored));
        records
    }
}

/// What stands before a record's key and data.
struct Head {
    flags: u8,
    millis: u32,
    key: usize,
    data: usize,
}

impl Head {
    fn at(bytes: &[u8], at: usize) -> Self {
        let head: &[u8; HEAD] = bytes[at..at + HEAD].try_into().expect("a head is whole");
        let [flags, m0, m1, m2, m3, k0, k1, d0, d1, d2, d3] = *head;
        Self {
            flags,
            millis: u32::from_le_bytes([m0, m1, m2, m3]),
            key: usize::from(u16::from_le_bytes([k0, k1])),
            data: u32::from_le_bytes([d0, d1, d2, d3]) as usize,
        }
    }

    fn payload(&self) -> usize {
        self.key + self.data
    }

    fn size(&self) -> usize {
        HEAD + self.payload()
    }

    fn arrival(&self, began: Timestamp) -> Timestamp {
        Timestamp::from_millis(began.millis().saturating_add(i64::from(self.millis)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: Limit = Limit { records: usize::MAX, bytes: usize::MAX };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[derive(Clone, Debug)]
    enum Step {
        Append { size: usize, later: i64, keyless: bool },
        Trim { age: i64 },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let append = (prop_oneof![0_usize..300, 60_000_usize..300_000], -50_i64..400, any::<bool>())
            .prop_map(|(size, later, keyless)| Step::Append { size, later, keyless });
        let trim = (0_i64..5000).prop_map(|age| Step::Trim { age });
        proptest::collection::vec(prop_oneof![12 => append, 1 => trim], 0..120)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn a_shard_reads_as_a_list_would(steps in steps(), probe: (u64, i64), limit in 1_usize..200) {
            let mut now = 1_000_000;
            let (mut records, mut model) = (Records::new(at(now)), Vec::<Stored>::new());
            let (mut next, mut first, mut newest) = (FIRST, FIRST, now);
            for step in steps {
                match step {
                    Step::Append { size, later, keyless } => {
                        now += later;
                        newest = newest.max(now);
                        let key: Option<PartitionKey> = (!keyless).then(|| format!("k{}", next % 7).parse().unwrap());
                        let data = vec![next as u8; size];
                        let entry = Entry { key: key.as_ref(), data: &data, encrypted: size % 2 == 0 };
                        prop_assert_eq!(records.append(at(now), entry), (next, at(newest)));
                        let encrypted = entry.encrypted;
                        model.push(Stored { index: next, arrival: at(newest), key, data: data.into(), encrypted });
                        next += 1;
                    }
                    Step::Trim { age } => {
                        records.trim(at(now - age));
                        model.retain(|stored| stored.arrival >= at(now - age));
                        first = model.first().map_or(next, |stored| stored.index);
                    }
                }
                prop_assert_eq!((records.next(), records.first()), (next, first));
            }
            prop_assert_eq!(&records.read(0, ALL).records(), &model);

            let from = first.saturating_sub(2) + probe.0 % (next - first + 4);
            let kept = model.iter().filter(|stored| stored.index >= from);
            let page = records.read(from, Limit { records: limit, bytes: 500_000 });
            let mut size = 0;
            let expected: Vec<&Stored> = kept
                .take(limit)
                .take_while(|stored| {
                    let before = size;
                    size += stored.data.len() + stored.key.as_ref().map_or(0, |key| key.as_str().len());
                    before == 0 || size <= 500_000
                })
                .collect();
            prop_assert_eq!(page.count, expected.len());
            prop_assert_eq!(page.records(), expected.iter().map(|stored| (*stored).clone()).collect::<Vec<_>>());
            prop_assert_eq!(page.newest, expected.last().map(|stored| stored.arrival));

            let moment = at(1_000_000 + probe.1.rem_euclid(20_000));
            let since = model.iter().find(|stored| stored.arrival >= moment).map_or(next, |stored| stored.index);
            prop_assert_eq!(records.since(moment), since);
            let arrival = model.iter().find(|stored| stored.index == from).map(|stored| stored.arrival);
            prop_assert_eq!(records.arrival(from), arrival);
        }
    }

    #[test]
    fn a_block_ends_before_its_moments_outgrow_it() {
        let mut records = Records::new(at(0));
        let entry = Entry { key: None, data: b"x", encrypted: false };
        let year = 365 * 24 * 3_600_000;
        for times in 0..3 {
            records.append(at(times * year), entry);
        }
        let arrivals: Vec<Timestamp> =
            records.read(0, ALL).records().into_iter().map(|stored| stored.arrival).collect();
        assert_eq!(arrivals, [at(0), at(year), at(2 * year)]);
    }

    #[test]
    fn the_very_moment_of_a_record_finds_it_also_where_a_block_ends() {
        let mut records = Records::new(at(0));
        for millis in [1, 1, 2, 2, 3] {
            // So large that each ends its block.
            records.append(at(millis), Entry { key: None, data: &[0; BLOCK], encrypted: false });
        }
        for (moment, index) in [(0, 1), (1, 1), (2, 3), (3, 5), (4, 6)] {
            assert_eq!(records.since(at(moment)), index, "at {moment}");
        }
    }

    #[test]
    fn a_record_of_a_hundred_bytes_takes_little_more() {
        let mut records = Records::new(at(0));
        let key: PartitionKey = "sensor-1234".parse().unwrap();
        for _ in 0..10_000 {
            records.append(at(5), Entry { key: Some(&key), data: &[7; 100], encrypted: false });
        }
        records.close();
        assert!(records.held() < 10_000 * 125, "{} bytes", records.held());
        records.trim(at(6));
        assert_eq!(records.held(), 0);
    }
}
