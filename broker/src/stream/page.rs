//! What one reading takes out of a shard.
//! Why in two steps: the stream is held only while a [`Draft`] is made, of slices of what is in memory and of places in
//! the log; what is on disk is read, and cut to size, when the draft is finished and nobody waits for the stream.
//! A draft counts what is on disk for at most what it may be; so a page may have fewer records than were asked for, and
//! never more.
//! Called by `records` and `shard`; finished by the actions that read.

use super::block::{Block, Cut, Limit, Stored, each};
use crate::log::ReadFault;
use crate::log::place::{Kept, Run};
use bytes::Bytes;
use tailwater_record::Timestamp;

/// Consecutive records of a shard, some of them still on disk.
#[derive(Debug)]
pub(crate) struct Draft {
    from: u64,
    limit: Limit,
    /// What was stored before is too old, wherever it turns up.
    horizon: Timestamp,
    pieces: Vec<Piece>,
    /// At most so many records and bytes.
    count: usize,
    size: usize,
    /// The index behind the newest record that can be read.
    end: u64,
    /// Whether no record will come behind that.
    is_over: bool,
}

#[derive(Debug)]
enum Piece {
    Held(Held),
    Kept(Kept),
    Run(Run),
}

#[derive(Debug)]
struct Held {
    first: u64,
    began: Timestamp,
    bytes: Bytes,
    count: u64,
    size: usize,
    newest: Timestamp,
}

/// Consecutive records, taken out of a shard but not apart.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pieces: Vec<Held>,
    pub(crate) count: usize,
    /// Bytes of data and keys.
    pub(crate) size: usize,
    /// When the last of them was stored.
    pub(crate) newest: Option<Timestamp>,
}

/// What a reading finds.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) page: Page,
    /// Where the next reading starts; `None` at the end of a shard that takes no more.
    pub(crate) next: Option<u64>,
    /// How far behind the newest record this leaves the reader, in milliseconds.
    pub(crate) behind: u64,
}

impl Draft {
    pub(super) fn new(from: u64, limit: Limit, horizon: Timestamp, end: u64, is_over: bool) -> Self {
        Self { from, limit, horizon, pieces: Vec::new(), count: 0, size: 0, end, is_over }
    }

    fn room(&self) -> Limit {
        Limit {
            records: self.limit.records.saturating_sub(self.count),
            bytes: self.limit.bytes.saturating_sub(self.size),
        }
    }

    /// Adds what fits of a block in memory. Whether there is room for more.
    pub(super) fn add_held<B: AsRef<[u8]>>(
        &mut self,
        block: &Block<B>,
        slice: impl FnOnce(std::ops::Range<usize>) -> Bytes,
    ) -> bool {
        let Some(cut) = block.cut(self.from, self.room(), self.count == 0) else { return block.end() <= self.from };
        let is_whole = cut.first + cut.count == block.end();
        self.count += cut.count as usize;
        self.size += cut.size;
        let bytes = slice(cut.bytes.clone());
        self.pieces.push(Piece::Held(Held::new(&cut, bytes)));
        is_whole && self.room().records > 0
    }

    /// Adds a batch on disk. Whether there is room for more.
    pub(super) fn add_kept(&mut self, kept: Kept) -> bool {
        let skipped = self.from.saturating_sub(kept.first);
        self.count += u64::from(kept.count).saturating_sub(skipped) as usize;
        self.size += kept.length as usize;
        self.pieces.push(Piece::Kept(kept));
        self.room().records > 0 && self.room().bytes > 0
    }

    /// Adds batches on disk. Whether there is room for more.
    pub(super) fn add_run(&mut self, run: Run) -> bool {
        self.count = self.count.saturating_add(run.end.saturating_sub(self.from.max(run.first)) as usize);
        self.size = self.size.saturating_add(usize::try_from(run.length).unwrap_or(usize::MAX));
        self.pieces.push(Piece::Run(run));
        self.room().records > 0 && self.room().bytes > 0
    }

    /// Whether nothing has to be read from disk.
    pub(crate) fn is_at_hand(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Held(_)))
    }

    /// Whether this may be the end of a shard that takes no more.
    pub(crate) fn may_end(&self) -> bool {
        self.is_over
    }

    /// Reads what is on disk, and cuts.
    pub(crate) fn finish(self, now: Timestamp) -> Result<Reading, ReadFault> {
        let Self { mut from, limit, horizon, pieces, end, is_over, .. } = self;
        let mut page = Page::default();
        for piece in pieces {
            let goes_on = match piece {
                Piece::Held(held) => {
                    from = held.first + held.count;
                    page.add(held);
                    true
                }
                Piece::Kept(kept) => page.take(&kept.read()?, &mut from, limit, horizon),
                Piece::Run(run) => {
                    let mut goes_on = true;
                    for kept in run.from(from) {
                        goes_on = page.take(&kept?.read()?, &mut from, limit, horizon);
                        if !goes_on {
                            break;
                        }
                    }
                    if goes_on {
                        from = from.max(run.end);
                    }
                    goes_on
                }
            };
            if !goes_on {
                break;
            }
        }
        let is_end = from >= end;
        // Of a page on which all is too old nothing is known but that.
        let behind = if is_end { 0 } else { now.since(page.newest.unwrap_or(horizon)).as_millis() as u64 };
        let next = if is_end && is_over { None } else { Some(from) };
        Ok(Reading { page, next, behind })
    }
}

impl Held {
    fn new(cut: &Cut, bytes: Bytes) -> Self {
        let Cut { first, count, began, newest, size, .. } = *cut;
        Self { first, began, bytes, count, size, newest }
    }
}

impl Page {
    fn add(&mut self, held: Held) {
        self.count += held.count as usize;
        self.size += held.size;
        self.newest = Some(held.newest);
        self.pieces.push(held);
    }

    /// Takes what fits of a block, from an index on, and moves that on. Whether all of it was taken.
    fn take(&mut self, block: &Block<Bytes>, from: &mut u64, limit: Limit, horizon: Timestamp) -> bool {
        if block.end() <= *from {
            return true;
        }
        *from = (*from).max(block.since(horizon));
        let room =
            Limit { records: limit.records.saturating_sub(self.count), bytes: limit.bytes.saturating_sub(self.size) };
        if let Some(cut) = block.cut(*from, room, self.count == 0) {
            *from = cut.first + cut.count;
            let bytes = block.bytes.slice(cut.bytes.clone());
            self.add(Held::new(&cut, bytes));
        }
        *from >= block.end()
    }

    /// Takes the records apart.
    pub(crate) fn each(&self, mut take: impl FnMut(Stored)) {
        for piece in &self.pieces {
            each(&piece.bytes, piece.first, piece.began, &mut take);
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

/// A place in a shard that is known, or that a batch on disk will tell.
#[derive(Debug)]
pub(crate) enum Sought {
    At(u64),
    In(Unread, Question),
}

/// What has to be read for that.
#[derive(Debug)]
pub(crate) enum Unread {
    Kept(Kept),
    Run(Run),
}

/// What is asked of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The first record stored at this moment or later.
    Since(Timestamp),
    /// The record with this index, or the one behind it if it was stored before this second, or in it and `behind` is
    /// asked for.
    Number { index: u64, second: u64, behind: bool },
}

impl Question {
    /// The answer that a block holds.
    pub(super) fn of<B: AsRef<[u8]>>(self, block: &Block<B>) -> u64 {
        match self {
            Self::Since(moment) => block.since(moment),
            Self::Number { index, second, behind } => match block.arrival(index) {
                Some(arrival) => {
                    let stored = super::sequence::second(arrival);
                    index + u64::from(second > stored || (second == stored && behind))
                }
                None => index,
            },
        }
    }
}

impl Sought {
    /// Whether nothing has to be read from disk.
    pub(crate) fn is_at_hand(&self) -> bool {
        matches!(self, Self::At(_))
    }

    /// Reads what is on disk.
    pub(crate) fn finish(self) -> Result<u64, ReadFault> {
        match self {
            Self::At(index) => Ok(index),
            Self::In(Unread::Kept(kept), question) => Ok(question.of(&kept.read()?)),
            Self::In(Unread::Run(run), Question::Since(moment)) => match run.since(moment)? {
                Some(kept) => Ok(Question::Since(moment).of(&kept.read()?)),
                None => Ok(run.end),
            },
            Self::In(Unread::Run(run), question @ Question::Number { index, .. }) => match run.from(index).next() {
                Some(kept) => Ok(question.of(&kept?.read()?)),
                None => Ok(index),
            },
        }
    }
}
