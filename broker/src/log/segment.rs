//! A segment as it is read: one file of the log, and the index beside it once it is sealed.
//! What is read is checked before anybody sees it. A segment also knows how many of its bytes are still wanted.
//! Called by `place`, and by all of the log.

use super::ReadFault;
use super::disk::DiskFile;
use super::frame::{Batch, Kind, content};
use super::index::{ENTRY, Entry, FRONT_START, Front};
use bytes::Bytes;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// One file of the log.
#[derive(Debug)]
pub(crate) struct Segment {
    number: u64,
    salt: u32,
    file: Arc<dyn DiskFile>,
    /// Bytes of batches that some shard owns.
    wanted: AtomicU64,
    index: OnceLock<Index>,
}

/// The entries of a sealed segment.
#[derive(Debug)]
struct Index {
    file: Arc<dyn DiskFile>,
    entries_at: u64,
}

/// The name of a segment's file.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:012}.segment")
}

/// The name of a segment's index.
pub(crate) fn index_name(number: u64) -> String {
    format!("{number:012}.index")
}

/// The name of an index that is being written.
pub(crate) fn new_index_name(number: u64) -> String {
    format!("{number:012}.index.new")
}

/// Whether a file of this name was being written when the broker went down.
pub(crate) fn is_unfinished(name: &str) -> bool {
    name.ends_with(".index.new")
}

/// The number of the segment with this name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".segment").filter(|digits| digits.len() == 12)?.parse().ok()
}

/// The number of the segment that has an index of this name.
pub(crate) fn index_number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".index").filter(|digits| digits.len() == 12)?.parse().ok()
}

impl Segment {
    pub(crate) fn new(number: u64, salt: u32, file: Arc<dyn DiskFile>) -> Self {
        Self { number, salt, file, wanted: AtomicU64::new(0), index: OnceLock::new() }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn salt(&self) -> u32 {
        self.salt
    }

    pub(crate) fn file(&self) -> &dyn DiskFile {
        &*self.file
    }

    /// Bytes of batches that some shard owns.
    pub(crate) fn wanted(&self) -> u64 {
        self.wanted.load(Ordering::Relaxed)
    }

    pub(crate) fn want(&self, bytes: u64) {
        self.wanted.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn unwant(&self, bytes: u64) {
        self.wanted.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Has an index from now on.
    pub(crate) fn indexed(&self, file: Arc<dyn DiskFile>, entries_at: u64) {
        let _ = self.index.set(Index { file, entries_at });
    }

    pub(crate) fn is_indexed(&self) -> bool {
        self.index.get().is_some()
    }

    /// The front of the index.
    pub(crate) fn front(&self, log: u64) -> Result<Front, ReadFault> {
        let front = self.index.get().and_then(|index| read_front(&*index.file, log, self.number, self.salt));
        front.ok_or_else(|| self.damaged(0))
    }

    /// The batch in a frame.
    pub(crate) fn batch(&self, at: u64, length: u32) -> Result<Batch, ReadFault> {
        let frame = self.frame(at, length)?;
        let read = content(self.salt, at, &frame);
        let (head, content) = read.filter(|(head, _)| head.kind == Kind::Batch).ok_or_else(|| self.damaged(at))?;
        let start = head.size() - content.len();
        Batch::read(&frame.slice(start..head.size())).ok_or_else(|| self.damaged(at))
    }

    /// The bytes of a frame, whatever they are.
    pub(crate) fn frame(&self, at: u64, length: u32) -> Result<Bytes, ReadFault> {
        let mut frame = vec![0; length as usize];
        self.file.read_at(at, &mut frame).map_err(ReadFault::Disk)?;
        Ok(frame.into())
    }

    /// Some entries of the index.
    pub(crate) fn entries(&self, range: Range<u32>) -> Result<Vec<Entry>, ReadFault> {
        let index = self.index.get().ok_or(ReadFault::Damaged { segment: self.number, at: 0 })?;
        let mut bytes = vec![0; range.len() * ENTRY];
        let at = index.entries_at + u64::from(range.start) * ENTRY as u64;
        index.file.read_at(at, &mut bytes).map_err(ReadFault::Disk)?;
        let entries = bytes.chunks_exact(ENTRY).map(|entry| Entry::decode(self.salt, entry));
        entries.collect::<Option<_>>().ok_or(ReadFault::Damaged { segment: self.number, at })
    }

    pub(crate) fn damaged(&self, at: u64) -> ReadFault {
        ReadFault::Damaged { segment: self.number, at }
    }
}

/// Reads the front of an index; `None` if it is not one of this segment.
pub(crate) fn read_front(file: &dyn DiskFile, log: u64, number: u64, salt: u32) -> Option<Front> {
    let mut start = [0; FRONT_START];
    file.read_at(0, &mut start).ok()?;
    let size = Front::size(&start);
    if size as u64 > file.len().ok()? {
        return None;
    }
    let mut front = vec![0; size];
    file.read_at(0, &mut front).ok()?;
    Front::decode(&front, log, number, salt)
}
