//! Keeps the log small and quick to open, behind the committer's back: makes the next segment's file ahead of time, gives
//! sealed segments their index, lets shards know old batches by runs, and frees the room of what is too old.
//! Room is freed by the segment. One in which nothing is wanted any more goes at once. While more than two bytes in seven
//! are wanted no more, the emptiest one is emptied: what is wanted of it is written again at the end of the log. So a
//! stream that keeps a year does not hold on to what its neighbours forget after a day, and what is copied once lies among
//! its like and is seldom copied again. See `docs/decisions/log.md`.
//! Driven by `commit_task`, on a thread of its own.

use super::ReadFault;
use super::append::{Sealed, Spare};
use super::commit::Committer;
use super::disk::Disk;
use super::frame::batch_size;
use super::place::{Kept, Place, Run};
use super::queue::{Item, Move, Moved, Queue};
use super::segment::{Segment, index_name, new_index_name, segment_name};
use crate::account::{Accounts, locked};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use tailwater_record::Timestamp;

/// Whoever keeps the log small.
#[derive(Debug)]
pub(crate) struct Keeper {
    disk: Arc<dyn Disk>,
    log: u64,
    room: u64,
    accounts: Arc<Accounts>,
    queue: Arc<Queue>,
    spare: Arc<Spare>,
    /// What the committer has sealed.
    incoming: Arc<Mutex<VecDeque<Sealed>>>,
    /// Sealed segments that have no index yet, or whose batches are not known by runs yet.
    fresh: VecDeque<Sealed>,
    /// All sealed segments that have an index, and how many bytes of each count.
    segments: Vec<(Arc<Segment>, u64)>,
    /// Of those, some that have not given back the room that they did not need.
    oversized: Vec<(Arc<Segment>, u64)>,
    moving: Option<Moving>,
    /// Segments that could not be emptied, because something in them cannot be read.
    stuck: Vec<u64>,
}

/// A segment that is being emptied.
#[derive(Debug)]
struct Moving {
    segment: Arc<Segment>,
    todo: VecDeque<Wanted>,
    asked: Option<Asked>,
    done: BTreeMap<(u64, u32), Vec<(Place, Timestamp)>>,
}

/// Batches that the committer has been asked to write again: whose they are, and where they will be.
#[derive(Debug)]
struct Asked {
    whose: Vec<(u64, u32, Timestamp)>,
    answer: Receiver<Option<Vec<Place>>>,
}

/// A batch that some shard still wants.
#[derive(Debug)]
struct Wanted {
    serial: u64,
    shard: u32,
    kept: Kept,
}

/// So many bytes are moved at once, so that nobody waits for long behind them.
const PORTION: usize = 1 << 20;
/// So many small segments may lie about before they are joined.
const SMALL: usize = 8;

impl Keeper {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        (log, room): (u64, u64),
        accounts: Arc<Accounts>,
        committer: &Committer,
        segments: Vec<(Arc<Segment>, u64)>,
        unindexed: Vec<Sealed>,
    ) -> Self {
        let has_index = |(segment, _): &(Arc<Segment>, u64)| segment.is_indexed();
        let segments: Vec<(Arc<Segment>, u64)> = segments.into_iter().filter(has_index).collect();
        let is_oversized =
            |(segment, length): &&(Arc<Segment>, u64)| segment.file().len().is_ok_and(|there| there > *length);
        Self {
            disk,
            log,
            room,
            accounts,
            queue: Arc::clone(committer.queue()),
            spare: committer.spare(),
            incoming: committer.sealed(),
            fresh: unindexed.into(),
            oversized: segments.iter().filter(is_oversized).cloned().collect(),
            segments,
            moving: None,
            stuck: Vec::new(),
        }
    }

    /// Does one thing, if there is one to do. `cached` is the oldest segment of which something is in memory. Whether there
    /// may be more to do.
    pub(crate) fn step(&mut self, cached: Option<u64>) -> io::Result<bool> {
        if self.spare.prepare(&*self.disk, self.room)? {
            return Ok(true);
        }
        if let Some((segment, length)) = self.oversized.pop() {
            segment.file().truncate(length)?;
            return Ok(true);
        }
        self.fresh.extend(self.incoming.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
        if let Some(place) = self.fresh.iter().position(|sealed| !sealed.segment.is_indexed()) {
            self.index(place)?;
            return Ok(true);
        }
        let is_out = |sealed: &Sealed| cached.is_none_or(|cached| cached > sealed.segment.number());
        if self.fresh.front().is_some_and(is_out)
            && let Some(sealed) = self.fresh.pop_front()
        {
            self.condense(&sealed);
            return Ok(true);
        }
        if self.moving.is_some() {
            return Ok(self.go_on_moving());
        }
        self.free()
    }

    /// Writes the index of a sealed segment, and gives back the room that it did not need.
    fn index(&mut self, place: usize) -> io::Result<()> {
        let Some(Sealed { segment, length, contents }) = self.fresh.get(place) else { return Ok(()) };
        let (number, salt) = (segment.number(), segment.salt());
        // A segment that failed once is never synced again; what was certain of it is so without that.
        segment.file().truncate(*length)?;
        let bytes = contents.encode(self.log, number, salt, *length);
        let (name, new) = (index_name(number), new_index_name(number));
        match self.disk.remove(&new) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            Ok(()) | Err(_) => {}
        }
        let file = self.disk.create(&new, bytes.len() as u64)?;
        file.write_at(0, &bytes)?;
        file.sync()?;
        // Whatever has the name is whole.
        self.disk.rename(&new, &name)?;
        self.disk.sync_names()?;
        segment.indexed(file, contents.entries_at());
        self.segments.push((Arc::clone(segment), *length));
        Ok(())
    }

    /// Lets shards know the batches of a segment by runs.
    fn condense(&self, sealed: &Sealed) {
        let streams = self.accounts.by_serial();
        for group in sealed.contents.groups() {
            let Some(stream) = streams.get(&group.serial) else { continue };
            let Some(entries) = sealed.contents.of(group.serial, group.shard) else { continue };
            let run = |first: u64, last: u64| {
                let before = u32::try_from(entries.range(..first).count()).ok()?;
                let (mut count, mut length, mut end) = (0, 0, first);
                for entry in entries.range(first..=last).map(|(_, entry)| entry) {
                    count += 1;
                    length += u64::from(entry.length);
                    end = entry.end();
                }
                let start = group.entries.start + before;
                Some(Run::new(Arc::clone(&sealed.segment), start..start + count, first, end, length))
            };
            if let Some(shard) = locked(stream).shards.get_mut(group.shard) {
                shard.records_mut().condense(sealed.segment.number(), run);
            }
        }
    }

    /// Removes a segment in which nothing is wanted, or begins to empty one. Whether there was one.
    fn free(&mut self) -> io::Result<bool> {
        // A segment must not go before those older than it are sealed, because it says how much of them counts; nor before
        // another has told what it tells.
        let oldest_fresh = self.fresh.front().map_or(u64::MAX, |sealed| sealed.segment.number());
        let needed = oldest_fresh.min(self.spare.told());
        let is_old = |(segment, _): &&(Arc<Segment>, u64)| segment.number() < needed;
        if let Some((segment, _)) = self.segments.iter().find(|old| is_old(old) && old.0.wanted() == 0) {
            let number = segment.number();
            self.remove(number)?;
            return Ok(true);
        }
        let held: u64 = self.segments.iter().map(|(_, length)| length).sum();
        let wanted: u64 = self.segments.iter().map(|(segment, _)| segment.wanted()).sum();
        let is_small = |(_, length): &&(Arc<Segment>, u64)| *length < self.room / 8;
        let emptiest = if held * 5 > wanted * 7 + self.room / 8 {
            let share = |(segment, length): &&(Arc<Segment>, u64)| segment.wanted() * 1000 / (*length).max(1);
            self.segments.iter().filter(is_old).filter(|old| !self.stuck.contains(&old.0.number())).min_by_key(share)
        } else if self.segments.iter().filter(is_small).count() > SMALL {
            self.segments.iter().filter(is_old).filter(is_small).find(|old| !self.stuck.contains(&old.0.number()))
        } else {
            None
        };
        let Some((segment, _)) = emptiest else { return Ok(false) };
        let segment = Arc::clone(segment);
        match self.wanted_of(&segment) {
            Ok(todo) => self.moving = Some(Moving { segment, todo, asked: None, done: BTreeMap::new() }),
            Err(fault) => self.give_up(segment.number(), &fault),
        }
        Ok(true)
    }

    fn give_up(&mut self, segment: u64, fault: &ReadFault) {
        tracing::error!(segment, %fault, "a segment cannot be emptied, and stays");
        self.stuck.push(segment);
        self.moving = None;
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        // A segment without its index would be read again from front to back; an index without its segment is nothing.
        for name in [segment_name(number), index_name(number)] {
            match self.disk.remove(&name) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                Ok(()) | Err(_) => {}
            }
        }
        self.segments.retain(|(segment, _)| segment.number() != number);
        Ok(())
    }

    /// What is still wanted of a segment.
    fn wanted_of(&self, segment: &Arc<Segment>) -> Result<VecDeque<Wanted>, ReadFault> {
        let mut todo = VecDeque::new();
        let front = segment.front(self.log)?;
        let streams = self.accounts.by_serial();
        for group in front.groups {
            let Some(stream) = streams.get(&group.serial) else { continue };
            let run = Run::new(Arc::clone(segment), group.entries, group.first, group.end, group.length);
            for kept in run.from(0) {
                let kept = kept?;
                let mut held = locked(stream);
                if held.shards.get_mut(group.shard).is_some_and(|shard| shard.records().wants(&kept)) {
                    todo.push_back(Wanted { serial: group.serial, shard: group.shard, kept });
                }
            }
        }
        Ok(todo)
    }

    /// Writes some of what is wanted again, or lets the shards know where it is. Whether there may be more to do.
    fn go_on_moving(&mut self) -> bool {
        let Some(moving) = &mut self.moving else { return false };
        if let Some(Asked { whose, answer }) = &moving.asked {
            let places = match answer.try_recv() {
                Err(TryRecvError::Empty) => return false,
                Ok(Some(places)) => places,
                // The disk refused; there is time to try it again.
                Ok(None) | Err(TryRecvError::Disconnected) => {
                    self.moving = None;
                    return false;
                }
            };
            for ((serial, shard, newest), place) in whose.iter().zip(places) {
                moving.done.entry((*serial, *shard)).or_default().push((place, *newest));
            }
            moving.asked = None;
            return true;
        }
        let (mut portion, mut batches, mut bytes) = (Vec::new(), Vec::new(), 0);
        while bytes < PORTION
            && let Some(wanted) = moving.todo.pop_front()
        {
            match wanted.kept.read() {
                Ok(block) => {
                    bytes += batch_size(&block);
                    portion.push((wanted.serial, wanted.shard, block.newest));
                    batches.push(Moved { serial: wanted.serial, shard: wanted.shard, block });
                }
                Err(fault) => {
                    let number = moving.segment.number();
                    self.give_up(number, &fault);
                    return true;
                }
            }
        }
        if !portion.is_empty() {
            let (done, answer) = channel();
            moving.asked = Some(Asked { whose: portion, answer });
            self.queue.push(Item::Move(Move { batches, done }));
            return true;
        }
        let Some(Moving { segment, done, .. }) = self.moving.take() else { return false };
        let streams = self.accounts.by_serial();
        for ((serial, shard), moved) in done {
            if let Some(stream) = streams.get(&serial)
                && let Some(shard) = locked(stream).shards.get_mut(shard)
            {
                shard.records_mut().relocate(segment.number(), moved);
            }
        }
        true
    }

    /// Bytes in sealed segments that some shard owns.
    #[cfg(any(test, feature = "unstable-internals"))]
    pub(crate) fn wanted(&self) -> u64 {
        self.segments.iter().map(|(segment, _)| segment.wanted()).sum()
    }
}
