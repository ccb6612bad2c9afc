//! Where the records of a shard lie in the log.
//! A [`Kept`] is one batch, a [`Run`] many batches of one sealed segment, known by their range in its index: both are what
//! a reader holds, and keep the segment's file open. A [`Place`] and a [`Stretch`] are the same in the hands of the shard
//! that owns the records; dropped, they tell the segment that so many of its bytes are wanted no more.
//! Called by `stream`; made by the committer and by recovery.

use super::ReadFault;
use super::index::Entry;
use super::segment::Segment;
use crate::stream::block::Block;
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use tailwater_record::Timestamp;

/// A batch on disk.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    segment: Arc<Segment>,
    at: u64,
    /// Bytes of its frame.
    pub(crate) length: u32,
    /// The index of its first record.
    pub(crate) first: u64,
    pub(crate) count: u32,
}

impl Kept {
    pub(super) fn new(segment: Arc<Segment>, at: u64, length: u32, first: u64, count: u32) -> Self {
        Self { segment, at, length, first, count }
    }

    fn of(segment: &Arc<Segment>, entry: &Entry) -> Self {
        Self::new(Arc::clone(segment), entry.at, entry.length, entry.first, entry.count)
    }

    /// The index behind its last record.
    pub(crate) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    pub(crate) fn segment_number(&self) -> u64 {
        self.segment.number()
    }

    /// Its records, if they are as they were written.
    pub(crate) fn read(&self) -> Result<Block<Bytes>, ReadFault> {
        let batch = self.segment.batch(self.at, self.length)?;
        let block = (batch.first == self.first && batch.count == self.count).then(|| batch.block()).flatten();
        block.ok_or_else(|| self.segment.damaged(self.at))
    }
}

/// Many batches of one sealed segment, consecutive ones of one shard.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    segment: Arc<Segment>,
    /// Where they are in the segment's index.
    entries: Range<u32>,
    /// The index of the first record.
    pub(crate) first: u64,
    /// The index behind the last record.
    pub(crate) end: u64,
    /// Bytes of their frames.
    pub(crate) length: u64,
}

/// So many entries of an index are read at once.
const WINDOW: u32 = 64;

impl Run {
    pub(super) fn new(segment: Arc<Segment>, entries: Range<u32>, first: u64, end: u64, length: u64) -> Self {
        Self { segment, entries, first, end, length }
    }

    pub(crate) fn segment_number(&self) -> u64 {
        self.segment.number()
    }

    /// The batches that end behind an index, in order.
    pub(crate) fn from(&self, index: u64) -> impl Iterator<Item = Result<Kept, ReadFault>> + '_ {
        let begun = self.search(|entry| entry.end() <= index);
        let (mut at, mut fault) = match begun {
            Ok(at) => (at, None),
            Err(fault) => (self.entries.end, Some(fault)),
        };
        let mut window = Vec::new().into_iter();
        std::iter::from_fn(move || {
            if let Some(fault) = fault.take() {
                return Some(Err(fault));
            }
            if window.len() == 0 && at < self.entries.end {
                let until = at.saturating_add(WINDOW).min(self.entries.end);
                match self.segment.entries(at..until) {
                    Ok(entries) => window = entries.into_iter(),
                    Err(fault) => {
                        at = self.entries.end;
                        return Some(Err(fault));
                    }
                }
                at = until;
            }
            window.next().map(|entry| Ok(Kept::of(&self.segment, &entry)))
        })
    }

    /// The first batch with a record stored at `moment` or later.
    pub(crate) fn since(&self, moment: Timestamp) -> Result<Option<Kept>, ReadFault> {
        let at = self.search(|entry| entry.newest < moment)?;
        if at == self.entries.end {
            return Ok(None);
        }
        let found = self.segment.entries(at..at + 1)?;
        Ok(found.first().map(|entry| Kept::of(&self.segment, entry)))
    }

    /// The first entry for which this does not hold any more.
    fn search(&self, before: impl Fn(&Entry) -> bool) -> Result<u32, ReadFault> {
        let Range { mut start, mut end } = self.entries;
        while start < end {
            let middle = start + (end - start) / 2;
            let found = self.segment.entries(middle..middle + 1)?;
            if found.first().is_some_and(&before) { start = middle + 1 } else { end = middle }
        }
        Ok(start)
    }
}

/// A batch, in the hands of its shard.
#[derive(Debug)]
pub(crate) struct Place {
    kept: Kept,
}

impl Place {
    pub(super) fn new(kept: Kept) -> Self {
        kept.segment.want(u64::from(kept.length));
        Self { kept }
    }

    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kept.segment.unwant(u64::from(self.kept.length));
    }
}

/// A run, in the hands of its shard.
#[derive(Debug)]
pub(crate) struct Stretch {
    run: Run,
}

impl Stretch {
    pub(crate) fn new(run: Run) -> Self {
        run.segment.want(run.length);
        Self { run }
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }
}

impl Drop for Stretch {
    fn drop(&mut self) {
        self.run.segment.unwant(self.run.length);
    }
}
