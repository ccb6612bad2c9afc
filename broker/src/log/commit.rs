//! One round of the log: takes what all streams have to be written, writes it with one call, makes it certain with one
//! sync, and lets it be read and acknowledged; or, if the disk refuses, makes it undone.
//! Why one for all: a sync costs the same for one record and for ten thousand, whosever they are. While one is under way
//! the next round gathers, so the busier the broker, the larger the rounds.
//! The four steps are apart so that tests may look in between. Driven by `commit_task`.

use super::append::{Sealed, Spare, Writer};
use super::cache::Cache;
use super::frame::{Kind, batch_size, write_batch};
use super::image::{AccountImage, StreamImage};
use super::index::Entry;
use super::place::{Kept, Place};
use super::queue::{Item, Move, Moved, Queue};
use super::segment::Segment;
use crate::account::{Account, Accounts, locked};
use crate::stream::block::Block;
use crate::stream::{Facts, Stream};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// When what was written is made certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Before it is acknowledged, or can be read.
    #[default]
    Each,
    /// So often. What is acknowledged in between is lost when the machine goes down, though not when the broker does.
    Every(Duration),
}

/// Whoever writes the log.
#[derive(Debug)]
pub(crate) struct Committer {
    queue: Arc<Queue>,
    accounts: Arc<Accounts>,
    writer: Writer,
    sync: Sync,
    cache: Cache,
    round: Round,
    /// Segments that nothing more is written to, for `keep`.
    sealed: Arc<Mutex<VecDeque<Sealed>>>,
    /// Whether something was written that is not certain.
    is_unsynced: bool,
    /// Records written since the last sync.
    unsynced: u64,
}

/// What one round writes.
#[derive(Debug, Default)]
struct Round {
    streams: Vec<StreamRound>,
    accounts: Vec<Arc<Account>>,
    images: Vec<AccountImage>,
    moves: Vec<(Move, Vec<(u64, u32)>)>,
    tells_all: bool,
}

#[derive(Debug)]
struct StreamRound {
    account: Arc<Account>,
    stream: Arc<Mutex<Stream>>,
    serial: u64,
    facts: Facts,
    image: Option<StreamImage>,
    batches: Vec<(u32, Vec<Block<Bytes>>)>,
    /// Where each batch went, in order.
    places: Vec<(u64, u32)>,
}

/// A shard never has more records that are written and not certain: as many numbers are passed over after a crash.
pub(crate) const SKIPPED: u64 = 1 << 20;

impl Committer {
    pub(crate) fn new(queue: Arc<Queue>, accounts: Arc<Accounts>, writer: Writer, sync: Sync, memory: usize) -> Self {
        Self {
            queue,
            accounts,
            writer,
            sync,
            cache: Cache::new(memory),
            round: Round::default(),
            sealed: Arc::default(),
            is_unsynced: false,
            unsynced: 0,
        }
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    pub(crate) fn sealed(&self) -> Arc<Mutex<VecDeque<Sealed>>> {
        Arc::clone(&self.sealed)
    }

    pub(crate) fn spare(&self) -> Arc<Spare> {
        self.writer.spare()
    }

    pub(crate) fn cache(&mut self) -> &mut Cache {
        &mut self.cache
    }

    pub(crate) fn sync_policy(&self) -> Sync {
        self.sync
    }

    /// Tells everything in a segment of its own, before anybody asks for anything, and writes these batches with it.
    pub(crate) fn begin(&mut self, unproven: Vec<Moved>) -> io::Result<()> {
        let whose: Vec<(u64, u32)> = unproven.iter().map(|moved| (moved.serial, moved.shard)).collect();
        let (done, places) = std::sync::mpsc::channel();
        self.take_items(vec![Item::Move(Move { batches: unproven, done })]);
        let written = self.write().and_then(|()| self.make_certain());
        match &written {
            Ok(()) => self.settle(),
            Err(fault) => self.fail(fault),
        }
        let places = places.try_recv().ok().flatten().unwrap_or_default();
        let streams = self.accounts.by_serial();
        for ((serial, shard), place) in whose.into_iter().zip(places) {
            if let Some(stream) = streams.get(&serial)
                && let Some(shard) = locked(stream).shards.get_mut(shard)
            {
                shard.records_mut().settle_held(place);
            }
        }
        written
    }

    /// A whole round, if there is anything to write. Whether there was.
    pub(crate) fn step(&mut self) -> bool {
        if !self.take() {
            return false;
        }
        let written = self.write().and_then(|()| if self.waits_for_sync() { self.make_certain() } else { Ok(()) });
        match written {
            Ok(()) => self.settle(),
            Err(fault) => self.fail(&fault),
        }
        true
    }

    fn waits_for_sync(&self) -> bool {
        // What is moved has to be certain before the place where it was goes.
        self.sync == Sync::Each || self.unsynced >= SKIPPED / 2 || !self.round.moves.is_empty()
    }

    /// Whether something waits to be written.
    #[cfg(any(test, feature = "unstable-internals"))]
    pub(crate) fn has_work(&self) -> bool {
        self.queue.has_items()
    }

    /// Takes what there is to write. Whether there is anything.
    pub(crate) fn take(&mut self) -> bool {
        let items = self.queue.take();
        let is_something = !items.is_empty();
        if is_something {
            self.take_items(items);
        }
        is_something
    }

    fn take_items(&mut self, items: Vec<Item>) {
        let tells_all = self.writer.begins_anew();
        let mut round = Round { tells_all, ..Round::default() };
        for item in items {
            match item {
                Item::Stream(account, stream) if !tells_all => {
                    round.streams.extend(StreamRound::take(account, stream, false))
                }
                Item::Account(account) if !tells_all => round.accounts.push(account),
                Item::Move(moved) => round.moves.push((moved, Vec::new())),
                // Told with all others.
                Item::Stream(..) | Item::Account(_) => {}
            }
        }
        if tells_all {
            for account in self.accounts.all() {
                let streams = account.after(None);
                round.streams.extend(
                    streams.into_iter().filter_map(|(_, stream)| StreamRound::take(Arc::clone(&account), stream, true)),
                );
                round.accounts.push(account);
            }
        }
        round.images = round.accounts.iter().map(|account| account.take_agreement()).collect();
        self.round = round;
    }

    /// Writes it.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let sealed = self.writer.begin()?;
        self.keep(sealed);
        let mut frames = self.writer.frames();
        for image in &self.round.images {
            frames.add(Kind::Account, |out| json(image, out));
        }
        for stream in &self.round.streams {
            if let Some(image) = &stream.image {
                frames.add(Kind::Stream, |out| json(image, out));
            }
        }
        let batches: usize =
            self.round.streams.iter().flat_map(StreamRound::blocks).map(|(_, block)| batch_size(block)).sum();
        frames.bytes.reserve(batches);
        for stream in &mut self.round.streams {
            let mut add = |shard: u32, block: &Block<Bytes>| {
                frames.add(Kind::Batch, |out| write_batch(stream.serial, shard, block, out))
            };
            stream.places = stream
                .batches
                .iter()
                .flat_map(|(shard, blocks)| blocks.iter().map(move |block| (*shard, block)))
                .map(|(shard, block)| add(shard, block))
                .collect();
        }
        for (moved, places) in &mut self.round.moves {
            let add = |Moved { serial, shard, block }: &Moved| {
                frames.add(Kind::Batch, |out| write_batch(*serial, *shard, block, out))
            };
            *places = moved.batches.iter().map(add).collect();
        }
        if self.round.tells_all {
            // Last of all: what stands in front of it is there, or the segment never counted.
            frames.add(Kind::Told, |_| {});
        }
        self.is_unsynced = true;
        let records = |(_, block): (u32, &Block<Bytes>)| block.count;
        self.unsynced += self.round.streams.iter().flat_map(StreamRound::blocks).map(records).sum::<u64>();
        self.writer.write(frames)
    }

    /// Makes certain what was written.
    pub(crate) fn make_certain(&mut self) -> io::Result<()> {
        self.writer.sync()?;
        (self.is_unsynced, self.unsynced) = (false, 0);
        Ok(())
    }

    /// Lets what was written be read and acknowledged.
    pub(crate) fn settle(&mut self) {
        let round = std::mem::take(&mut self.round);
        let Some(segment) = self.writer.segment().map(Arc::clone) else { return };
        for mut stream in round.streams {
            let mut places = std::mem::take(&mut stream.places).into_iter();
            let mut written = Vec::with_capacity(stream.batches.len());
            for (shard, blocks) in std::mem::take(&mut stream.batches) {
                let mut here = Vec::with_capacity(blocks.len());
                for (block, (at, length)) in blocks.into_iter().zip(places.by_ref()) {
                    self.cache.add(&stream.stream, shard, &block, segment.number());
                    here.push(self.place(&segment, (stream.serial, shard), block, (at, length)));
                }
                written.push((shard, here));
            }
            locked(&stream.stream).settle(stream.facts, written);
        }
        for account in &round.accounts {
            account.settle_agreement();
        }
        for (moved, places) in round.moves {
            let Move { batches, done } = moved;
            let places = batches.into_iter().zip(places).map(|(moved, at)| {
                let Moved { serial, shard, block } = moved;
                self.place(&segment, (serial, shard), block, at).1
            });
            // Nobody waits for it any more if the broker is closing.
            let _ = done.send(Some(places.collect()));
        }
        self.cache.evict();
    }

    fn place(
        &mut self,
        segment: &Arc<Segment>,
        (serial, shard): (u64, u32),
        block: Block<Bytes>,
        (at, length): (u64, u32),
    ) -> (Block<Bytes>, Place) {
        let count = u32::try_from(block.count).expect("a block is small");
        let entry = Entry { first: block.first, at, newest: block.newest, count, length };
        if let Some(contents) = self.writer.contents() {
            contents.add(serial, shard, entry);
        }
        let kept = Kept::new(Arc::clone(segment), at, length, block.first, count);
        (block, Place::new(kept))
    }

    /// Makes undone what could not be written, and what was built on it.
    pub(crate) fn fail(&mut self, fault: &io::Error) {
        tracing::error!(%fault, "the log could not be written; what was asked for did not happen, and may be asked for again");
        let sealed = self.writer.abandon(self.sync != Sync::Each);
        self.keep(sealed);
        (self.is_unsynced, self.unsynced) = (false, 0);
        let round = std::mem::take(&mut self.round);
        for StreamRound { account, stream, serial, .. } in &round.streams {
            let was_never_there = locked(stream).discard();
            if was_never_there {
                account.remove(stream, *serial);
            }
        }
        for account in &round.accounts {
            account.discard_agreement();
        }
        for (moved, _) in round.moves {
            let _ = moved.done.send(None);
        }
    }

    /// Makes certain what was acknowledged before it was.
    pub(crate) fn sync_late(&mut self) {
        if !self.is_unsynced {
            return;
        }
        if let Err(fault) = self.make_certain() {
            tracing::error!(%fault, "what was acknowledged is not certain to be on disk");
            let sealed = self.writer.abandon(true);
            self.keep(sealed);
            (self.is_unsynced, self.unsynced) = (false, 0);
        }
    }

    fn keep(&self, sealed: Option<Sealed>) {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner).extend(sealed);
    }
}

impl StreamRound {
    fn take(account: Arc<Account>, stream: Arc<Mutex<Stream>>, tells_all: bool) -> Option<Self> {
        let mut held = locked(&stream);
        let taken = held.take()?;
        let image = match (tells_all, taken.tells) {
            (true, _) => Some(StreamImage::of(&held, None)),
            (false, true) => Some(StreamImage::of(&held, Some(&taken.changed))),
            (false, false) => None,
        };
        let serial = held.serial;
        drop(held);
        let places = Vec::new();
        Some(Self { account, stream, serial, facts: taken.facts, image, batches: taken.batches, places })
    }

    fn blocks(&self) -> impl Iterator<Item = (u32, &Block<Bytes>)> {
        self.batches.iter().flat_map(|(shard, blocks)| blocks.iter().map(move |block| (*shard, block)))
    }
}

fn json(image: &impl serde::Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, image).expect("an image has no maps but those with names for keys");
}
