//! The end of the log, where it grows: one segment that is written, and the file that will be the next.
//! A segment begins with everything that streams and accounts are, so that what is older than the newest segment is needed
//! for records alone, and recovery replays one segment whatever the log's age.
//! Once a write or a sync has failed, nothing more goes to that file: what it holds behind the last certain byte is
//! unknown, and the next segment says where it counts to. Called by `commit`.

use super::disk::{Disk, DiskFile};
use super::frame::{Frames, SegmentHead, salt};
use super::index::Contents;
use super::segment::{Segment, segment_name};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The end of the log.
#[derive(Debug)]
pub(crate) struct Writer {
    disk: Arc<dyn Disk>,
    log: u64,
    /// So many bytes are reserved for a segment.
    room: u64,
    active: Option<Active>,
    /// The last segment that something certain stands in, and how much of it counts.
    previous: (u64, u64),
    /// The number of the next segment.
    next: u64,
    spare: Arc<Spare>,
    /// What was written, for the next time.
    buffer: Vec<u8>,
}

/// The segment that is written.
#[derive(Debug)]
struct Active {
    segment: Arc<Segment>,
    /// Behind what was written.
    at: u64,
    /// So much is certain.
    certain: u64,
    /// It has served once it is so large. If what it begins with is large itself, there has to be more behind it than that,
    /// or the log would tell and tell and never come to records.
    full: u64,
    contents: Contents,
}

/// Of a segment, what it begins with takes at most one part in so many.
const TELLING: u64 = 4;

/// A segment that nothing more is written to.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) segment: Arc<Segment>,
    /// How much of it counts.
    pub(crate) length: u64,
    pub(crate) contents: Contents,
}

/// The file of the next segment, made while there is time for it.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    /// Its number, and the file once it is there.
    file: Mutex<Option<(u64, Arc<dyn DiskFile>)>>,
    wanted: Mutex<Option<u64>>,
    /// The newest segment in which everything is told, for certain. Those before it are needed for their records alone.
    told: AtomicU64,
}

impl Spare {
    /// Makes the file, if one is wanted. Whether there was something to do.
    pub(crate) fn prepare(&self, disk: &dyn Disk, room: u64) -> io::Result<bool> {
        // Held until the file is there: whoever needs it meanwhile waits, and neither makes it too nor finds it removed.
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(number) = wanted.take() else { return Ok(false) };
        let name = segment_name(number);
        let made = disk.create(&name, room).and_then(|file| disk.sync_names().map(|()| file));
        match made {
            Ok(file) => {
                *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, file));
                Ok(true)
            }
            // Whoever needs it will try again, and tell.
            Err(fault) => {
                if fault.kind() != io::ErrorKind::AlreadyExists {
                    let _ = disk.remove(&name);
                }
                Err(fault)
            }
        }
    }

    /// The newest segment in which everything is told, for certain.
    pub(crate) fn told(&self) -> u64 {
        self.told.load(Ordering::Acquire)
    }

    fn want(&self, number: u64) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(number);
    }

    fn take(&self, number: u64) -> Option<Arc<dyn DiskFile>> {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.is_some_and(|wanted| wanted == number) {
            *wanted = None;
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.take_if(|(prepared, _)| *prepared == number).map(|(_, file)| file)
    }
}

impl Writer {
    /// A writer behind `previous`, of which so many bytes count. Its first segment has the number `next`.
    pub(crate) fn new(disk: Arc<dyn Disk>, log: u64, room: u64, previous: (u64, u64), next: u64) -> Self {
        Self { disk, log, room, active: None, previous, next, spare: Arc::default(), buffer: Vec::new() }
    }

    pub(crate) fn spare(&self) -> Arc<Spare> {
        Arc::clone(&self.spare)
    }

    /// Whether everything has to be told in the next round, because a segment begins with it.
    pub(crate) fn begins_anew(&self) -> bool {
        self.active.as_ref().is_none_or(|active| active.at >= active.full)
    }

    /// Begins a segment, if it is time to. Gives the one that it follows on.
    pub(crate) fn begin(&mut self) -> io::Result<Option<Sealed>> {
        if !self.begins_anew() {
            return Ok(None);
        }
        // What was acknowledged before it was certain is still to be; and before the next file is taken, which it may ask for.
        self.sync()?;
        let number = self.next;
        let file = match self.spare.take(number) {
            Some(file) => file,
            None => {
                let name = segment_name(number);
                // It may be there from a try that failed.
                match self.disk.remove(&name) {
                    Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                    Ok(()) | Err(_) => {}
                }
                let file = self.disk.create(&name, self.room)?;
                self.disk.sync_names()?;
                file
            }
        };
        let sealed = self.seal();
        let segment = Arc::new(Segment::new(number, salt(self.log, number), file));
        self.next += 1;
        self.active = Some(Active { segment, at: 0, certain: 0, full: self.room, contents: Contents::default() });
        Ok(sealed)
    }

    fn seal(&mut self) -> Option<Sealed> {
        let Active { segment, certain, mut contents, .. } = self.active.take()?;
        if certain == 0 {
            // Nothing in it ever counted.
            let _ = self.disk.remove(&segment_name(segment.number()));
            return None;
        }
        self.previous = (segment.number(), certain);
        contents.cut(certain);
        Some(Sealed { segment, length: certain, contents })
    }

    /// The frames of the next write.
    pub(crate) fn frames(&mut self) -> Frames {
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        let (at, certain, salt) =
            self.active.as_ref().map_or((0, 0, 0), |active| (active.at, active.certain, active.segment.salt()));
        if at == 0 {
            let (previous, cut) = self.previous;
            let head = SegmentHead { number: self.next - 1, log: self.log, previous, cut };
            bytes.extend_from_slice(&head.encode());
        }
        Frames::new(salt, at, certain, bytes)
    }

    /// Writes frames. They are not certain before a sync.
    pub(crate) fn write(&mut self, frames: Frames) -> io::Result<()> {
        let active = self.active.as_mut().ok_or(io::ErrorKind::NotFound)?;
        active.segment.file().write_at(active.at, &frames.bytes)?;
        active.at += frames.bytes.len() as u64;
        if active.certain == 0 {
            active.full = self.room.max(active.at * TELLING);
        }
        self.buffer = frames.bytes;
        Ok(())
    }

    /// Makes certain what was written.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let Some(active) = &mut self.active else { return Ok(()) };
        if active.certain == active.at {
            return Ok(());
        }
        active.segment.file().sync()?;
        if active.certain == 0 {
            self.spare.told.store(active.segment.number(), Ordering::Release);
            self.spare.want(self.next);
        }
        active.certain = active.at;
        Ok(())
    }

    /// The segment that is written.
    pub(crate) fn segment(&self) -> Option<&Arc<Segment>> {
        self.active.as_ref().map(|active| &active.segment)
    }

    pub(crate) fn contents(&mut self) -> Option<&mut Contents> {
        self.active.as_mut().map(|active| &mut active.contents)
    }

    /// Nothing more goes to the segment that is written. What counts of it is what is certain; or, if what is not was
    /// acknowledged all the same, what was written.
    pub(crate) fn abandon(&mut self, counts_unsynced: bool) -> Option<Sealed> {
        if let Some(active) = &mut self.active
            && counts_unsynced
        {
            active.certain = active.at;
        }
        self.seal()
    }
}
