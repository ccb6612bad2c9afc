//! A run of records without a gap, as bytes: in memory, in the log, and on the way to a reader alike.
//! Why not a list of records: a hundred bytes of payload would cost as much again in pointers and lengths. Records lie
//! behind one another, and a block knows where every thirty-second of them begins. Indices inside a block have no gaps,
//! so a record's number follows from its place.
//! Pure. Called by `records`, and by `page` for what is read.

use bytes::Bytes;
use std::ops::Range;
use tailwater_record::{PartitionKey, Timestamp};

/// A block takes no more records once it holds so many bytes.
pub(crate) const BLOCK: usize = 256 * 1024;
/// Of so many records, one is marked.
const MARK: u64 = 32;
/// Flags, milliseconds since the block began, length of the key, length of the data.
pub(super) const HEAD: usize = 1 + 4 + 2 + 4;

const ENCRYPTED: u8 = 1;
const KEYLESS: u8 = 2;

/// A run of records without a gap.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block<B> {
    /// The index of its first record.
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// The moment from which its records count theirs.
    pub(crate) began: Timestamp,
    /// When its last record was stored.
    pub(crate) newest: Timestamp,
    /// Where every `MARK`th record begins.
    marks: Vec<u32>,
    pub(crate) bytes: B,
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

/// Some records of a block, behind one another.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub(super) first: u64,
    pub(super) count: u64,
    pub(super) began: Timestamp,
    /// When the last of them was stored.
    pub(super) newest: Timestamp,
    /// Bytes of data and keys.
    pub(super) size: usize,
    pub(super) bytes: Range<usize>,
}

/// How much is read at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

impl<B> Block<B> {
    /// The index behind its last record.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.count
    }
}

impl Block<Vec<u8>> {
    pub(super) fn new(first: u64, began: Timestamp) -> Self {
        Self { first, count: 0, began, newest: began, marks: Vec::new(), bytes: Vec::new() }
    }

    /// Whether a record of this size and time belongs into the next block.
    pub(super) fn is_full(&self, size: usize, arrival: Timestamp) -> bool {
        self.count > 0 && (self.bytes.len() + size > BLOCK || self.since_began(arrival).is_none())
    }

    fn since_began(&self, arrival: Timestamp) -> Option<u32> {
        u32::try_from(arrival.since(self.began).as_millis()).ok()
    }

    pub(super) fn push(&mut self, arrival: Timestamp, entry: Entry<'_>) -> u64 {
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

    pub(super) fn sealed(self) -> Block<Bytes> {
        let Self { first, count, began, newest, mut marks, bytes } = self;
        marks.shrink_to_fit();
        Block { first, count, began, newest, marks, bytes: bytes.into_boxed_slice().into() }
    }

    /// Gives away what it holds, as a block of its own. Records go on behind it.
    pub(super) fn split_off(&mut self, now: Timestamp) -> Option<Block<Bytes>> {
        let next = Self::new(self.end(), now);
        let full = std::mem::replace(self, next);
        (full.count > 0).then(|| full.sealed())
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

    pub(super) fn arrival(&self, index: u64) -> Option<Timestamp> {
        (self.first..self.end()).contains(&index).then(|| {
            let head = Head::at(self.bytes.as_ref(), self.offset(index));
            head.arrival(self.began)
        })
    }

    pub(super) fn since(&self, moment: Timestamp) -> u64 {
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

    /// As many records from `from` on as there is room for. A page that is empty takes one, however large it is.
    pub(super) fn cut(&self, from: u64, room: Limit, is_empty: bool) -> Option<Cut> {
        let first = from.max(self.first);
        if first >= self.end() || room.records == 0 {
            return None;
        }
        let bytes = self.bytes.as_ref();
        let start = self.offset(first);
        // What fits as a whole need not be looked at one by one.
        let rest = self.end() - first;
        let payload = bytes.len() - start - rest as usize * HEAD;
        if rest <= room.records as u64 && payload <= room.bytes {
            let (began, newest) = (self.began, self.newest);
            return Some(Cut { first, count: rest, began, newest, size: payload, bytes: start..bytes.len() });
        }
        let (mut at, mut size, mut count, mut newest) = (start, 0, 0, self.began);
        while first + count < self.end() && count < room.records as u64 {
            let head = Head::at(bytes, at);
            if size + head.payload() > room.bytes && !(is_empty && count == 0) {
                break;
            }
            size += head.payload();
            count += 1;
            newest = head.arrival(self.began);
            at += head.size();
        }
        (count > 0).then_some(Cut { first, count, began: self.began, newest, size, bytes: start..at })
    }
}

impl Block<Bytes> {
    /// A block as it was written down; `None` if these bytes are not so many records.
    pub(crate) fn read_back(first: u64, count: u64, began: Timestamp, bytes: Bytes) -> Option<Self> {
        let (mut at, mut newest, mut marks) = (0, began, Vec::new());
        for place in 0..count {
            if place.is_multiple_of(MARK) {
                marks.push(u32::try_from(at).ok()?);
            }
            let head = Head::try_at(&bytes, at)?;
            let key = bytes.get(at + HEAD..at + HEAD + head.key)?;
            if head.flags & KEYLESS == 0 && PartitionKey::try_from(std::str::from_utf8(key).ok()?).is_err() {
                return None;
            }
            newest = newest.max(head.arrival(began));
            at = at.checked_add(head.size()).filter(|at| *at <= bytes.len())?;
        }
        first.checked_add(count)?;
        (at == bytes.len() && count > 0).then_some(Self { first, count, began, newest, marks, bytes })
    }

    /// Bytes reserved.
    pub(crate) fn held(&self) -> usize {
        self.bytes.len() + self.marks.len() * 4
    }
}

impl Block<Vec<u8>> {
    /// Bytes reserved.
    pub(super) fn reserved(&self) -> usize {
        self.bytes.capacity() + self.marks.capacity() * 4
    }
}

/// Takes records apart that lie behind one another.
pub(super) fn each(bytes: &Bytes, first: u64, began: Timestamp, take: &mut impl FnMut(Stored)) {
    let (mut at, mut index) = (0, first);
    while at < bytes.len() {
        let head = Head::at(bytes, at);
        let (key, data) = (at + HEAD, at + HEAD + head.key);
        let has_key = head.flags & KEYLESS == 0;
        at += head.size();
        take(Stored {
            index,
            arrival: head.arrival(began),
            key: has_key.then(|| bytes.slice(key..data).try_into().expect("a key was stored")),
            data: bytes.slice(data..at),
            encrypted: head.flags & ENCRYPTED != 0,
        });
        index += 1;
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
        Self::try_at(bytes, at).expect("a head is whole")
    }

    fn try_at(bytes: &[u8], at: usize) -> Option<Self> {
        let head: &[u8; HEAD] = bytes.get(at..)?.first_chunk()?;
        let [flags, m0, m1, m2, m3, k0, k1, d0, d1, d2, d3] = *head;
        Some(Self {
            flags,
            millis: u32::from_le_bytes([m0, m1, m2, m3]),
            key: usize::from(u16::from_le_bytes([k0, k1])),
            data: u32::from_le_bytes([d0, d1, d2, d3]) as usize,
        })
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
