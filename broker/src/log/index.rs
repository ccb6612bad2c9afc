//! The index of a sealed segment: a file beside it that tells where the batches of each shard lie, so that what is old
//! takes no memory and needs no reading when a broker is opened. Nothing is lost with it: it can be made again from the
//! segment, and is, if it is missing or its checksum fails.
//! In front stand the groups, one for each shard that has batches in the segment; behind them the batches of each group,
//! in the order of their records, all of one size, so that one is found without reading the others.
//! Pure. Called by `append`, `segment` and `recover`.

use super::frame::{Batch, FORMAT};
use std::collections::BTreeMap;
use std::ops::Range;
use tailwater_record::Timestamp;

const MAGIC: &[u8; 8] = b"tailwidx";
/// Magic, format, groups, segment, log, bytes of the segment, code.
const FRONT: usize = 8 + 4 + 4 + 8 + 8 + 8 + 4;
const GROUP: usize = 8 + 4 + 4 + 4 + 8 + 8 + 8 + 8;
pub(super) const ENTRY: usize = 8 + 8 + 8 + 4 + 4 + 4;

/// Where a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The index of its first record.
    pub(crate) first: u64,
    /// Where its frame begins.
    pub(crate) at: u64,
    pub(crate) newest: Timestamp,
    pub(crate) count: u32,
    /// Bytes of its frame.
    pub(crate) length: u32,
}

impl Entry {
    pub(crate) fn of(batch: &Batch, at: u64, length: u32) -> Self {
        Self { first: batch.first, at, newest: batch.newest, count: batch.count, length }
    }

    /// The index behind its last record.
    pub(crate) fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    fn encode(&self, salt: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.at.to_le_bytes());
        out.extend_from_slice(&self.newest.millis().to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        let code = code(salt, &out[start..]);
        out.extend_from_slice(&code.to_le_bytes());
    }

    /// Reads an entry; `None` if it is not as it was written.
    pub(super) fn decode(salt: u32, bytes: &[u8]) -> Option<Self> {
        let mut words = Words(bytes);
        let entry = Self {
            first: words.long()?,
            at: words.long()?,
            newest: Timestamp::from_millis(words.long()? as i64),
            count: words.short()?,
            length: words.short()?,
        };
        (words.short()? == code(salt, &bytes[..ENTRY - 4])).then_some(entry)
    }
}

/// The batches of a shard in one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// The stream.
    pub(crate) serial: u64,
    pub(crate) shard: u32,
    /// Where they are among the entries.
    pub(crate) entries: Range<u32>,
    /// The index of the first record.
    pub(crate) first: u64,
    /// The index behind the last record.
    pub(crate) end: u64,
    pub(crate) newest: Timestamp,
    /// Bytes of their frames.
    pub(crate) length: u64,
}

/// What a segment holds, while it is written or scanned.
#[derive(Debug, Default)]
pub(crate) struct Contents(BTreeMap<(u64, u32), BTreeMap<u64, Entry>>);

impl Contents {
    pub(crate) fn add(&mut self, serial: u64, shard: u32, entry: Entry) {
        self.0.entry((serial, shard)).or_default().insert(entry.first, entry);
    }

    /// Forgets what does not lie within so many bytes.
    pub(crate) fn cut(&mut self, length: u64) {
        for entries in self.0.values_mut() {
            entries.retain(|_, entry| entry.at + u64::from(entry.length) <= length);
        }
        self.0.retain(|_, entries| !entries.is_empty());
    }

    /// The batches of one shard.
    pub(crate) fn of(&self, serial: u64, shard: u32) -> Option<&BTreeMap<u64, Entry>> {
        self.0.get(&(serial, shard))
    }

    /// The batches, by stream and shard, in the order of their records.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ((u64, u32), &BTreeMap<u64, Entry>)> {
        self.0.iter().map(|(whose, entries)| (*whose, entries))
    }

    pub(crate) fn groups(&self) -> Vec<Group> {
        let mut start = 0;
        let group = |((serial, shard), entries): (&(u64, u32), &BTreeMap<u64, Entry>)| {
            let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
            let from = start;
            start += count;
            Group {
                serial: *serial,
                shard: *shard,
                entries: from..start,
                first: entries.keys().next().copied().unwrap_or(0),
                end: entries.values().next_back().map_or(0, Entry::end),
                newest: entries.values().map(|entry| entry.newest).max().unwrap_or(Timestamp::from_millis(0)),
                length: entries.values().map(|entry| u64::from(entry.length)).sum(),
            }
        };
        self.0.iter().map(group).collect()
    }

    /// Where the entries begin in the file.
    pub(crate) fn entries_at(&self) -> u64 {
        (FRONT + self.0.len() * GROUP) as u64
    }

    /// The file: groups and entries. `length` bytes of the segment count.
    pub(crate) fn encode(&self, log: u64, segment: u64, salt: u32, length: u64) -> Vec<u8> {
        let groups = self.groups();
        let count = groups.last().map_or(0, |group| group.entries.end);
        let mut out = Vec::with_capacity(FRONT + groups.len() * GROUP + count as usize * ENTRY);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&u32::try_from(groups.len()).unwrap_or(u32::MAX).to_le_bytes());
        for number in [segment, log, length] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&[0; 4]);
        for group in &groups {
            out.extend_from_slice(&group.serial.to_le_bytes());
            for number in [group.shard, group.entries.start, group.entries.end] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            for number in [group.first, group.end, group.newest.millis() as u64, group.length] {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
        let code = code(salt, &out);
        out[FRONT - 4..FRONT].copy_from_slice(&code.to_le_bytes());
        for entry in self.0.values().flat_map(BTreeMap::values) {
            entry.encode(salt, &mut out);
        }
        out
    }
}

/// What stands in front of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Front {
    pub(crate) groups: Vec<Group>,
    /// So many bytes of the segment count.
    pub(crate) length: u64,
    /// Where the entries begin.
    pub(crate) entries_at: u64,
}

impl Front {
    /// How many bytes have to be read, given the first of them.
    pub(crate) fn size(start: &[u8; FRONT_START]) -> usize {
        let groups = Words(&start[12..]).short().unwrap_or(0);
        FRONT + groups as usize * GROUP
    }

    /// Reads the front; `None` if it is not as it was written for this segment.
    pub(crate) fn decode(bytes: &[u8], log: u64, segment: u64, salt: u32) -> Option<Self> {
        let mut words = Words(bytes.strip_prefix(MAGIC)?);
        let (format, count) = (words.short()?, words.short()?);
        let (of, from, length) = (words.long()?, words.long()?, words.long()?);
        let told = words.short()?;
        let whole = bytes.get(..FRONT + count as usize * GROUP)?;
        let mut checked = whole.to_vec();
        checked[FRONT - 4..FRONT].fill(0);
        if (format, of, from) != (FORMAT, segment, log) || code(salt, &checked) != told {
            return None;
        }
        let mut groups = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let (serial, shard, start, end) = (words.long()?, words.short()?, words.short()?, words.short()?);
            groups.push(Group {
                serial,
                shard,
                entries: start..end,
                first: words.long()?,
                end: words.long()?,
                newest: Timestamp::from_millis(words.long()? as i64),
                length: words.long()?,
            });
        }
        Some(Self { groups, length, entries_at: whole.len() as u64 })
    }
}

/// So many bytes tell how large the front is.
pub(crate) const FRONT_START: usize = 16;

fn code(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

struct Words<'b>(&'b [u8]);

impl Words<'_> {
    fn short(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*word))
    }

    fn long(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }
}
