//! The records of one shard: what is in memory, what lies in the log, and what waits to be written there.
//! In memory alone, a record can be read once it is appended. Where there is a log, appended records wait; they are
//! `taken` to be written, and can be read when they are `settled`, or are `discarded` when they could not be. Their
//! indices are never given out again; so there may be gaps between blocks, and there are none inside.
//! What is read leaves as slices of a sealed block, or as a copy of the little that the open one holds; so the lock of
//! the stream is held for neither decoding nor encoding, and not for the disk.
//! Pure. Called by `shard`.

use super::block::{BLOCK, Block, Entry, HEAD, Limit};
use super::page::{Draft, Question, Sought, Unread};
use crate::log::place::{Kept, Place, Run, Stretch};
use bytes::Bytes;
use std::collections::VecDeque;
use tailwater_record::Timestamp;

/// The index of a shard's first record. Zero is the shard's own beginning.
pub(crate) const FIRST: u64 = 1;

/// The records of one shard, those that are kept.
#[derive(Debug)]
pub(crate) struct Records {
    /// What can be read, in order.
    parts: VecDeque<Part>,
    /// Where what is appended goes first. Where there is no log, it can be read there.
    open: Block<Vec<u8>>,
    /// Full blocks that wait to be written.
    waiting: Vec<Block<Bytes>>,
    /// How many blocks are being written.
    taken: usize,
    /// Whether there is a log.
    is_logged: bool,
    /// The oldest index that may be read.
    first: u64,
    /// The index behind the newest record that can be read, where there is a log.
    end: u64,
    /// When the newest record was stored.
    newest: Timestamp,
}

#[derive(Debug)]
enum Part {
    /// A block in memory only.
    Held(Block<Bytes>),
    /// A batch in the log, and perhaps still in memory.
    Kept { place: Place, newest: Timestamp, block: Option<Block<Bytes>> },
    /// Many batches in the log.
    Run { stretch: Stretch, newest: Timestamp },
}

impl Part {
    fn first(&self) -> u64 {
        match self {
            Self::Held(block) => block.first,
            Self::Kept { place, .. } => place.kept().first,
            Self::Run { stretch, .. } => stretch.run().first,
        }
    }

    /// The index behind its last record.
    fn end(&self) -> u64 {
        match self {
            Self::Held(block) => block.end(),
            Self::Kept { place, .. } => place.kept().end(),
            Self::Run { stretch, .. } => stretch.run().end,
        }
    }

    fn newest(&self) -> Timestamp {
        match self {
            Self::Held(block) => block.newest,
            Self::Kept { newest, .. } | Self::Run { newest, .. } => *newest,
        }
    }

    /// Its records, if they are in memory; otherwise where to find them.
    fn block(&self) -> Result<&Block<Bytes>, Unread> {
        match self {
            Self::Held(block) | Self::Kept { block: Some(block), .. } => Ok(block),
            Self::Kept { place, block: None, .. } => Err(Unread::Kept(place.kept().clone())),
            Self::Run { stretch, .. } => Err(Unread::Run(stretch.run().clone())),
        }
    }

    fn held(&self) -> usize {
        self.block().map_or(0, Block::held)
    }
}

impl Records {
    pub(crate) fn new(now: Timestamp, is_logged: bool) -> Self {
        Self {
            parts: VecDeque::new(),
            open: Block::new(FIRST, now),
            waiting: Vec::new(),
            taken: 0,
            is_logged,
            first: FIRST,
            end: FIRST,
            newest: now,
        }
    }

    /// The index that the next record gets.
    pub(crate) fn next(&self) -> u64 {
        self.open.end()
    }

    /// The index behind the newest record that can be read.
    pub(crate) fn end(&self) -> u64 {
        if self.is_logged { self.end } else { self.open.end() }
    }

    /// The oldest index that may be read.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// When the newest record was stored, whether it can be read yet or not.
    pub(crate) fn newest(&self) -> Timestamp {
        self.newest
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_settled(&self) -> bool {
        !self.is_logged || (self.open.count == 0 && self.waiting.is_empty() && self.taken == 0)
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
        if let Some(full) = self.open.split_off(now) {
            if self.is_logged { self.waiting.push(full) } else { self.parts.push_back(Part::Held(full)) }
        }
    }

    /// Up to so many records from `from` on, or from the oldest that is kept.
    pub(crate) fn read(&self, from: u64, limit: Limit, horizon: Timestamp, takes_more: bool) -> Draft {
        let from = from.max(self.first);
        let is_over = !takes_more && self.is_settled();
        let mut draft = Draft::new(from, limit, horizon, self.end(), is_over);
        let begin = self.parts.partition_point(|part| part.end() <= from);
        for part in self.parts.range(begin..) {
            let has_room = match part.block() {
                Ok(block) => draft.add_held(block, |range| block.bytes.slice(range)),
                Err(Unread::Kept(kept)) => draft.add_kept(kept),
                Err(Unread::Run(run)) => draft.add_run(run),
            };
            if !has_room {
                return draft;
            }
        }
        if !self.is_logged {
            let open = &self.open;
            draft.add_held(open, |range| Bytes::copy_from_slice(&open.bytes[range]));
        }
        draft
    }

    /// Where the record with this index is, or the one behind it: see `Question::Number`.
    pub(crate) fn number(&self, index: u64, second: u64, behind: bool) -> Sought {
        let question = Question::Number { index, second, behind };
        if index < self.first || index >= self.end() {
            // Before the first record, or forgotten; or still to come, and then nobody has seen it.
            return Sought::At(if index < FIRST { index + 1 } else { index });
        }
        let part = self.parts.partition_point(|part| part.end() <= index);
        self.ask(part, question).unwrap_or(Sought::At(index))
    }

    /// The first index that was stored at `moment` or later; the next one if none was.
    pub(crate) fn since(&self, moment: Timestamp) -> Sought {
        let part = self.parts.partition_point(|part| part.newest() < moment);
        match self.ask(part, Question::Since(moment)) {
            Some(Sought::At(index)) => Sought::At(index.max(self.first)),
            Some(unread) => unread,
            None => Sought::At(self.end().max(self.first)),
        }
    }

    /// Asks a part, or the open block if there is none; `None` if nothing is there.
    fn ask(&self, part: usize, question: Question) -> Option<Sought> {
        match self.parts.get(part).map(Part::block) {
            Some(Ok(block)) => Some(Sought::At(question.of(block))),
            Some(Err(unread)) => Some(Sought::In(unread, question)),
            None => (!self.is_logged).then(|| Sought::At(question.of(&self.open))),
        }
    }

    /// Forgets what was stored before `horizon`. What is on disk is forgotten by the batch, and what is left of one is
    /// passed over when it is read.
    pub(crate) fn trim(&mut self, horizon: Timestamp) {
        let gone = self.parts.partition_point(|part| part.newest() < horizon);
        if gone > 0 {
            let end = self.parts.get(gone - 1).map_or(self.first, Part::end);
            self.first = self.first.max(end);
            self.parts.drain(..gone);
        }
        match self.parts.front() {
            Some(part) => {
                let begun = part.block().map_or(part.first(), |block| block.since(horizon));
                self.first = self.first.max(begun);
            }
            None if self.is_logged => {}
            None if self.first < self.next() => {
                self.first = self.first.max(self.open.since(horizon));
                if self.open.count > 0 && self.first == self.next() {
                    self.open = Block::new(self.first, self.newest);
                }
            }
            None => {}
        }
    }

    /// Gives back what was reserved for records that will not come.
    pub(crate) fn close(&mut self) {
        self.seal(self.newest);
    }

    /// Bytes reserved for records.
    pub(crate) fn held(&self) -> usize {
        let parts: usize = self.parts.iter().map(Part::held).sum();
        let waiting: usize = self.waiting.iter().map(Block::held).sum();
        parts + waiting + self.open.reserved()
    }
}

/// What the log does with the records of a shard.
impl Records {
    /// What waits to be written, which is being written from now on.
    pub(crate) fn take(&mut self) -> Vec<Block<Bytes>> {
        self.seal(self.newest);
        let taken = std::mem::take(&mut self.waiting);
        self.taken += taken.len();
        taken
    }

    /// What was taken last has been written, and can be read.
    pub(crate) fn settle(&mut self, written: Vec<(Block<Bytes>, Place)>) {
        for (block, place) in written {
            self.taken -= 1;
            self.end = block.end();
            self.parts.push_back(Part::Kept { place, newest: block.newest, block: Some(block) });
        }
    }

    /// What was taken, and what waits, has not been written and never was. Its indices are not given out again.
    pub(crate) fn discard(&mut self) {
        self.waiting.clear();
        self.taken = 0;
        self.open = Block::new(self.open.end(), self.newest);
    }

    /// The records of a batch need not be in memory any longer.
    pub(crate) fn evict(&mut self, first: u64) {
        let at = self.parts.partition_point(|part| part.first() < first);
        if let Some(Part::Kept { place, block, .. }) = self.parts.get_mut(at)
            && place.kept().first == first
        {
            *block = None;
        }
    }

    /// Takes up a shard as it was: what could be read began at `first`, and the next index was to be `next`. Of those that
    /// follow, so many are not given out again.
    pub(crate) fn recover(&mut self, (first, next): (u64, u64), newest: Timestamp, skipped: u64) {
        self.end = self.parts.back().map_or(FIRST, Part::end).max(first);
        self.first = self.parts.front().map_or(self.end, Part::first).max(first);
        self.newest = self.parts.back().map_or(newest, |part| part.newest().max(newest));
        self.open = Block::new(next.max(self.end).saturating_add(skipped), self.newest);
    }

    /// Takes up a block that has still to be written, behind all others.
    pub(crate) fn recover_held(&mut self, block: Block<Bytes>) {
        self.parts.push_back(Part::Held(block));
    }

    /// A block that was taken up has been written.
    pub(crate) fn settle_held(&mut self, written: Place) {
        let at = self.parts.partition_point(|part| part.first() < written.kept().first);
        if let Some(part) = self.parts.get_mut(at)
            && let Part::Held(block) = part
        {
            *part = Part::Kept { newest: block.newest, place: written, block: None };
        }
    }

    /// Takes up a batch, behind all others.
    pub(crate) fn recover_kept(&mut self, place: Place, newest: Timestamp) {
        self.parts.push_back(Part::Kept { place, newest, block: None });
    }

    /// Takes up many, behind all others.
    pub(crate) fn recover_run(&mut self, stretch: Stretch, newest: Timestamp) {
        self.parts.push_back(Part::Run { stretch, newest });
    }

    /// The batches of a segment that is sealed are known by runs from now on. `of` tells the places in the segment's
    /// index that these batches have, first and last, in order.
    pub(crate) fn condense(&mut self, segment: u64, run: impl Fn(u64, u64) -> Option<Run>) {
        let mut parts = VecDeque::with_capacity(self.parts.len());
        let mut open: Vec<Part> = Vec::new();
        for part in std::mem::take(&mut self.parts) {
            if matches!(&part, Part::Kept { place, .. } if place.kept().segment_number() == segment) {
                open.push(part);
                continue;
            }
            join(&mut open, &mut parts, &run);
            parts.push_back(part);
        }
        join(&mut open, &mut parts, &run);
        self.parts = parts;
    }

    /// The batches of a segment that is to go: whether they are still wanted.
    pub(crate) fn wants(&self, kept: &Kept) -> bool {
        let at = self.parts.partition_point(|part| part.end() <= kept.first);
        self.parts.get(at).is_some_and(|part| {
            let segment = match part {
                Part::Held(_) => None,
                Part::Kept { place, .. } => Some(place.kept().segment_number()),
                Part::Run { stretch, .. } => Some(stretch.run().segment_number()),
            };
            part.first() <= kept.first && segment == Some(kept.segment_number())
        })
    }

    /// Batches of a segment have been written again elsewhere: what is still wanted is there from now on. Those that are
    /// not among `moved` are wanted no more.
    pub(crate) fn relocate(&mut self, segment: u64, moved: Vec<(Place, Timestamp)>) {
        let mut moved = moved.into_iter().peekable();
        let mut parts = VecDeque::with_capacity(self.parts.len());
        for part in std::mem::take(&mut self.parts) {
            let is_there = match &part {
                Part::Held(_) => false,
                Part::Kept { place, .. } => place.kept().segment_number() == segment,
                Part::Run { stretch, .. } => stretch.run().segment_number() == segment,
            };
            if !is_there {
                parts.push_back(part);
                continue;
            }
            while moved.next_if(|(place, _)| place.kept().first < part.first()).is_some() {}
            while let Some((place, newest)) = moved.next_if(|(place, _)| place.kept().first < part.end()) {
                let block = match &part {
                    Part::Kept { block, .. } => block.clone(),
                    Part::Held(_) | Part::Run { .. } => None,
                };
                parts.push_back(Part::Kept { place, newest, block });
            }
        }
        self.parts = parts;
    }
}

/// Makes one run of batches that follow on one another, unless some are still in memory, which are left as they are.
fn join(open: &mut Vec<Part>, parts: &mut VecDeque<Part>, run: &impl Fn(u64, u64) -> Option<Run>) {
    let joined = match (open.first(), open.last()) {
        (Some(first), Some(last)) if open.iter().all(|part| part.block().is_err()) => {
            run(first.first(), last.first()).map(|run| (run, last.newest()))
        }
        _ => None,
    };
    match joined {
        Some((run, newest)) => {
            // Wanted as a run before it is unwanted batch by batch.
            parts.push_back(Part::Run { stretch: Stretch::new(run), newest });
            open.clear();
        }
        None => parts.extend(open.drain(..)),
    }
}

#[cfg(test)]
mod tests;
