//! Opens a log: finds out what counts, and makes of it the streams as they were.
//! Three rules decide. What streams are stands in the newest segment that was told to its `Told`, in whole; older segments
//! are needed for their records alone, which their indices tell. A segment without `Told` never counted. And what is not
//! proven certain is not trusted to the file where it lies, even if it can be read: it is handed back, to be written once
//! more before anybody sees it; for a read may come from memory that the disk has never had.
//! Called by `log`, once, when a broker is opened.

use super::Fault;
use super::append::{Sealed, Writer};
use super::disk::{Disk, DiskFile};
use super::frame::{Batch, HeadFault, Kind, SEGMENT_HEAD, SegmentHead, salt};
use super::identity::Identity;
use super::image::{AccountImage, StreamImage};
use super::index::{Contents, Entry, Group};
use super::place::{Kept, Place, Run, Stretch};
use super::queue::Moved;
use super::scan::{End, scan};
use super::segment::{Segment, index_name, index_number_of, is_unfinished, number_of, read_front, segment_name};
use crate::account::Accounts;
use crate::log::commit::SKIPPED;
use crate::stream::Stream;
use crate::stream::block::Block;
use crate::stream::records::Records;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use tailwater_record::Timestamp;

/// A log that has been opened.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) writer: Writer,
    /// Sealed segments, oldest first, and how many bytes of each count.
    pub(crate) segments: Vec<(Arc<Segment>, u64)>,
    /// Those of them that have no index yet.
    pub(crate) unindexed: Vec<Sealed>,
    /// Batches that were read and are not proven certain: to be written once more.
    pub(crate) unproven: Vec<Moved>,
    /// Files that are not needed once everything has been told anew.
    pub(crate) voids: Vec<String>,
    pub(crate) report: Report,
}

/// What opening a log found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) streams: usize,
    /// Bytes at the end that were never acknowledged.
    pub(crate) torn: u64,
    /// Records that were read and not proven certain, and were written once more.
    pub(crate) rewritten: u64,
}

/// The newest segment that counts, and what it tells.
struct Newest {
    number: u64,
    head: SegmentHead,
    file: Arc<dyn DiskFile>,
    end: End,
    length: u64,
    streams: BTreeMap<u64, StreamImage>,
    accounts: Vec<AccountImage>,
    batches: Vec<(u64, u32, Batch)>,
}

/// Opens the log of `identity`, and makes its accounts' streams.
pub(crate) fn recover(
    disk: &Arc<dyn Disk>,
    identity: &Identity,
    room: u64,
    accounts: &Accounts,
    now: Timestamp,
) -> Result<Recovered, Fault> {
    let names = disk.list().map_err(Fault::disk("the folder"))?;
    let numbers: BTreeSet<u64> = names.iter().filter_map(|name| number_of(name)).collect();
    let next = numbers.last().map_or(1, |last| last + 1);
    let mut heads = BTreeMap::new();
    for number in &numbers {
        let file = disk.open(&segment_name(*number)).map_err(Fault::disk(segment_name(*number)))?;
        heads.insert(*number, (head(&*file, identity, *number)?, file));
    }
    let newest = newest(&**disk, &heads, identity)?;
    // What is behind the newest, or was passed over by one that counts, never counted.
    let is_void = |number: u64| match &newest {
        None => true,
        Some(newest) => {
            number > newest.number || (newest.number == number && newest.end.certain == 0) || {
                let later = heads.range(number + 1..).take_while(|(later, _)| **later <= newest.number);
                later.filter_map(|(_, (head, _))| head.as_ref()).any(|later| later.previous < number)
            }
        }
    };
    let mut recovery = Recovery {
        disk,
        identity,
        shards: BTreeMap::new(),
        segments: Vec::new(),
        unindexed: Vec::new(),
        unproven: Vec::new(),
    };
    for (number, (_, file)) in &heads {
        let is_newest = newest.as_ref().is_some_and(|newest| newest.number == *number);
        if !is_void(*number) && !is_newest {
            // Several may follow it; the one that counts has everything again that it does not let count.
            let counts =
                |follower: &u64| !is_void(*follower) || newest.as_ref().is_some_and(|it| it.number == *follower);
            let followers = heads.iter().filter(|(follower, _)| counts(follower));
            let mut heads = followers.filter_map(|(_, (head, _))| head.as_ref());
            let cut = heads.find(|head| head.previous == *number);
            recovery.older(*number, file, cut.map(|head| head.cut))?;
        }
    }
    let (mut streams, mut told, mut again, mut previous) = (BTreeMap::new(), Vec::new(), Vec::new(), (0, 0));
    let mut report = Report::default();
    if let Some(newest) = newest {
        report.torn = if newest.end.is_torn { newest.length - newest.end.at } else { 0 };
        previous = match newest.end.certain {
            0 => (newest.head.previous, newest.head.cut),
            certain => (newest.number, certain),
        };
        let segment = Arc::new(Segment::new(newest.number, newest.head.salt(), newest.file));
        let mut contents = Contents::default();
        for (at, length, batch) in newest.batches {
            if at + u64::from(length) <= newest.end.certain {
                contents.add(batch.serial, batch.shard, Entry::of(&batch, at, length));
            } else {
                again.push(batch);
            }
        }
        if newest.end.certain > 0 {
            recovery.scanned(segment, contents, newest.end.certain);
        }
        (streams, told) = (newest.streams, newest.accounts);
    }
    for image in told {
        accounts.of(image.account, image.region.clone()).restore_commitment(image.commitment());
    }
    for batch in again {
        let (whose, first) = ((batch.serial, batch.shard), batch.first);
        let block = batch.block().ok_or_else(|| Fault::Damaged { what: format!("the log has no records {first}") })?;
        recovery.shards.entry(whose).or_default().push(Found::Unproven(block));
    }
    for (serial, image) in streams {
        let Some(mut stream) = image.clone().into_stream() else {
            return Err(Fault::Damaged { what: format!("the log tells of stream {serial:016x} what cannot be") });
        };
        if stream.facts.life.is_over(now) {
            continue;
        }
        for number in image.shards() {
            let (first, next, since) = image.floor(number).unwrap_or((0, 0, stream.created));
            let Some(shard) = stream.shards.get_mut(number) else { continue };
            let records = shard.records_mut();
            recovery.shard((serial, number), first, records)?;
            records.recover((first, next), since, SKIPPED);
        }
        report.streams += 1;
        settle_in(accounts, stream);
    }
    let Recovery { segments, unindexed, unproven, .. } = recovery;
    report.rewritten = unproven.iter().map(|moved| moved.block.count).sum();
    let is_left = |number: &u64| segments.iter().all(|(segment, _)| segment.number() != *number);
    let files = numbers.into_iter().filter(is_left).map(segment_name);
    let indices = names.iter().filter_map(|name| index_number_of(name)).filter(is_left).map(index_name);
    let unfinished = names.iter().filter(|name| is_unfinished(name)).cloned();
    let voids = files.chain(indices).chain(unfinished).collect();
    let writer = Writer::new(Arc::clone(disk), identity.log, room, previous, next);
    Ok(Recovered { writer, segments, unindexed, unproven, voids, report })
}

/// Of two streams with one name, one is on its way out.
fn settle_in(accounts: &Accounts, stream: Stream) {
    let account = accounts.of(stream.arn.account(), stream.arn.region().clone());
    let rival = account.after(None).into_iter().find(|(name, _)| name == stream.arn.name());
    let is_newer = rival.is_none_or(|(_, rival)| {
        let rival = crate::account::locked(&rival);
        (stream.facts.life.serves(), stream.created) > (rival.facts.life.serves(), rival.created)
    });
    if is_newer {
        account.restore(stream);
    }
}

/// The head of a segment; `None` if it was never written as a whole.
fn head(file: &dyn DiskFile, identity: &Identity, number: u64) -> Result<Option<SegmentHead>, Fault> {
    let name = segment_name(number);
    let length = file.len().map_err(Fault::disk(&name))?;
    let mut bytes = [0; SEGMENT_HEAD];
    if length >= SEGMENT_HEAD as u64 {
        file.read_at(0, &mut bytes).map_err(Fault::disk(&name))?;
    }
    match SegmentHead::decode(&bytes) {
        Ok(head) if head.number == number && head.log == identity.log => Ok(Some(head)),
        Ok(_) => Err(Fault::Damaged { what: format!("{name} belongs to another log") }),
        Err(HeadFault::Format(format)) => Err(Fault::Newer { name, format }),
        Err(HeadFault::Torn) => {
            // A head is written together with what follows; so what was certain once shows.
            let end = scan(file, salt(identity.log, number), None, |_| {}).map_err(Fault::disk(&name))?;
            if end.certain > 0 || end.is_damaged { Err(Fault::damaged(&name, 0)) } else { Ok(None) }
        }
    }
}

/// The file of a segment's index, if it has one.
fn index_of(disk: &dyn Disk, number: u64) -> Result<Option<Arc<dyn DiskFile>>, Fault> {
    match disk.open(&index_name(number)) {
        Ok(index) => Ok(Some(index)),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(Fault::disk(index_name(number))(fault)),
    }
}

type Heads = BTreeMap<u64, (Option<SegmentHead>, Arc<dyn DiskFile>)>;

/// The newest segment that was told to its `Told`.
fn newest(disk: &dyn Disk, heads: &Heads, identity: &Identity) -> Result<Option<Newest>, Fault> {
    for (number, (head, file)) in heads.iter().rev() {
        let Some(head) = head else { continue };
        let name = segment_name(*number);
        let mut newest = Newest {
            number: *number,
            head: *head,
            file: Arc::clone(file),
            end: End { at: 0, certain: 0, is_torn: false, is_damaged: false },
            length: file.len().map_err(Fault::disk(&name))?,
            streams: BTreeMap::new(),
            accounts: Vec::new(),
            batches: Vec::new(),
        };
        let (mut is_told, mut odd) = (false, None);
        newest.end = scan(&**file, salt(identity.log, *number), None, |frame| {
            let read = match frame.head.kind {
                Kind::Batch => Batch::read(&frame.content).map(|batch| {
                    newest.batches.push((frame.at, frame.head.size() as u32, batch));
                }),
                Kind::Stream => serde_json::from_slice::<StreamImage>(&frame.content).ok().map(|image| {
                    match newest.streams.entry(image.serial) {
                        std::collections::btree_map::Entry::Occupied(mut told) => told.get_mut().supersede(image),
                        std::collections::btree_map::Entry::Vacant(vacant) => drop(vacant.insert(image)),
                    }
                }),
                Kind::Account => serde_json::from_slice(&frame.content).ok().map(|image| newest.accounts.push(image)),
                Kind::Told => {
                    is_told = true;
                    Some(())
                }
            };
            if read.is_none() {
                odd.get_or_insert(frame.at);
            }
        })
        .map_err(Fault::disk(&name))?;
        // An index is made of what is certain, so it proves as much.
        let index = index_of(disk, *number)?;
        let front = index.and_then(|index| read_front(&*index, identity.log, *number, head.salt()));
        newest.end.certain = newest.end.certain.max(front.map_or(0, |front| front.length));
        if newest.end.is_damaged || newest.end.at < newest.end.certain {
            return Err(Fault::damaged(&name, newest.end.at));
        }
        if let Some(at) = odd {
            return Err(Fault::damaged(&name, at));
        }
        if is_told {
            return Ok(Some(newest));
        }
    }
    Ok(None)
}

/// Records on their way back to their shards.
struct Recovery<'r> {
    disk: &'r Arc<dyn Disk>,
    identity: &'r Identity,
    shards: BTreeMap<(u64, u32), Vec<Found>>,
    segments: Vec<(Arc<Segment>, u64)>,
    unindexed: Vec<Sealed>,
    unproven: Vec<Moved>,
}

/// Batches of a shard in one segment.
enum Found {
    Unproven(Block<Bytes>),
    Group(Arc<Segment>, Group),
    Entry(Arc<Segment>, Entry),
}

impl Found {
    fn first(&self) -> u64 {
        match self {
            Self::Unproven(block) => block.first,
            Self::Group(_, group) => group.first,
            Self::Entry(_, entry) => entry.first,
        }
    }

    fn end(&self) -> u64 {
        match self {
            Self::Unproven(block) => block.end(),
            Self::Group(_, group) => group.end,
            Self::Entry(_, entry) => entry.end(),
        }
    }

    /// Which of two places of one batch is the better: the newer one that is proven.
    fn rank(&self) -> u64 {
        match self {
            Self::Unproven(_) => 0,
            Self::Group(segment, _) | Self::Entry(segment, _) => segment.number(),
        }
    }

    /// Batch by batch.
    fn entries(self) -> Result<Vec<Self>, Fault> {
        match self {
            Self::Unproven(_) | Self::Entry(..) => Ok(vec![self]),
            Self::Group(segment, group) => {
                let entries = segment.entries(group.entries)?;
                Ok(entries.into_iter().map(|entry| Self::Entry(Arc::clone(&segment), entry)).collect())
            }
        }
    }
}

impl Recovery<'_> {
    /// A segment before the newest: known by its index, or else by what stands in it.
    fn older(&mut self, number: u64, file: &Arc<dyn DiskFile>, cut: Option<u64>) -> Result<(), Fault> {
        let (name, salt) = (segment_name(number), salt(self.identity.log, number));
        let segment = Arc::new(Segment::new(number, salt, Arc::clone(file)));
        let index = index_of(&**self.disk, number)?;
        let front = index.as_ref().and_then(|index| read_front(&**index, self.identity.log, number, salt));
        if let (Some(index), Some(front)) = (index, front) {
            segment.indexed(index, front.entries_at);
            let entries = front.groups.last().map_or(0, |group| group.entries.end);
            if segment.entries(0..entries).is_ok() {
                for group in front.groups {
                    let found = Found::Group(Arc::clone(&segment), group.clone());
                    self.shards.entry((group.serial, group.shard)).or_default().push(found);
                }
                self.segments.push((segment, front.length));
                return Ok(());
            }
        }
        // One that cannot be read is made again.
        let segment = Arc::new(Segment::new(number, salt, Arc::clone(file)));
        let mut contents = Contents::default();
        let mut odd = None;
        let end = scan(&**file, salt, cut, |frame| {
            if frame.head.kind == Kind::Batch {
                match Batch::read(&frame.content) {
                    Some(batch) => {
                        let entry = Entry::of(&batch, frame.at, frame.head.size() as u32);
                        contents.add(batch.serial, batch.shard, entry);
                    }
                    None => odd = Some(frame.at),
                }
            }
        });
        let end = end.map_err(Fault::disk(&name))?;
        let is_short = cut.map_or(end.is_torn, |cut| end.at < cut);
        if is_short || odd.is_some() {
            return Err(Fault::damaged(&name, odd.unwrap_or(end.at)));
        }
        self.scanned(segment, contents, end.at);
        Ok(())
    }

    /// A segment that has no index yet.
    fn scanned(&mut self, segment: Arc<Segment>, contents: Contents, length: u64) {
        for ((serial, shard), entries) in contents.iter() {
            let found = entries.values().map(|entry| Found::Entry(Arc::clone(&segment), *entry));
            self.shards.entry((serial, shard)).or_default().extend(found);
        }
        self.segments.push((Arc::clone(&segment), length));
        self.unindexed.push(Sealed { segment, length, contents });
    }

    /// Gives a shard its records.
    fn shard(&mut self, whose: (u64, u32), first: u64, records: &mut Records) -> Result<(), Fault> {
        let mut found = self.shards.remove(&whose).unwrap_or_default();
        found.retain(|found| found.end() > first);
        found.sort_by_key(Found::first);
        let overlap = |pair: &[Found]| match pair {
            [one, two] => two.first() < one.end(),
            _ => false,
        };
        if found.windows(2).any(overlap) {
            // Batches that were being moved when the broker went down: they are there twice, and the newer place stays.
            let mut entries = Vec::new();
            for found in found {
                entries.extend(found.entries()?);
            }
            entries.sort_by_key(|found| (found.first(), std::cmp::Reverse(found.rank())));
            entries.dedup_by_key(|found| found.first());
            found = entries;
        }
        for found in found {
            match found {
                Found::Group(segment, group) => {
                    let run = Run::new(segment, group.entries, group.first, group.end, group.length);
                    records.recover_run(Stretch::new(run), group.newest);
                }
                Found::Entry(segment, entry) => {
                    let kept = Kept::new(segment, entry.at, entry.length, entry.first, entry.count);
                    records.recover_kept(Place::new(kept), entry.newest);
                }
                Found::Unproven(block) => {
                    let (serial, shard) = whose;
                    self.unproven.push(Moved { serial, shard, block: block.clone() });
                    records.recover_held(block);
                }
            }
        }
        Ok(())
    }
}
