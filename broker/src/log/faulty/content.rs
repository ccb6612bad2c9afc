//! The bytes of one file on a faulty disk: those on the platter, and those that a reader sees.
//! Why both are kept, and not one as a difference: a read is then one copy. What separates them is a list of changes
//! in order, and a sync costs as much as was written since the last one.
//!
//! What a failed sync does: each change in it has reached the platter or not, as chance has it, and is forgotten, so that
//! no later sync carries it. A reader sees either what it saw before or what is on the platter. The program cannot know
//! which; so those bytes are in doubt, until others that are synced take their place, or a crash shows what is there.
//! Pure. Called by the disk.

use super::room::Room;
use std::fmt;
use std::io;
use std::ops::Range;

/// What a disk writes as a whole or not at all.
pub(super) const SECTOR: usize = 512;

/// The bytes of a file.
#[derive(Default)]
pub(super) struct Content {
    /// What a reader sees.
    seen: Room,
    /// What is found after a crash, but for the pending changes.
    platter: Room,
    /// What was done since the last sync, in order.
    pending: Vec<Change>,
    /// Where a failed sync left open what is on the platter.
    doubts: Vec<Range<usize>>,
}

enum Change {
    Bytes { at: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Content {
    /// A file with room that is certain.
    pub(super) fn with_room(room: usize) -> Self {
        Self { seen: Room::new(room), platter: Room::new(room), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    pub(super) fn read(&self, at: usize, into: &mut [u8]) -> io::Result<()> {
        // Nothing can be read anywhere, as from a real file.
        if into.is_empty() { Ok(()) } else { self.seen.read(at, into) }
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.seen.write(at, bytes);
            self.pending.push(Change::Bytes { at, bytes: bytes.to_owned() });
        }
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.seen.resize(length);
        self.pending.push(Change::Length(length));
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            let certain = match &change {
                Change::Bytes { at, bytes } => {
                    self.platter.write(*at, bytes);
                    *at..at + bytes.len()
                }
                Change::Length(length) => {
                    self.platter.resize(*length);
                    *length..usize::MAX
                }
            };
            settle(&mut self.doubts, &certain);
        }
    }

    pub(super) fn fail_sync(&mut self, chance: &mut fastrand::Rng) {
        let pending = std::mem::take(&mut self.pending);
        self.doubts.extend(pending.iter().filter_map(|change| uncertain(&self.platter, change)));
        for change in &pending {
            land(&mut self.platter, change, chance);
        }
        for change in &pending {
            if let Change::Bytes { at, bytes } = change
                && chance.bool()
            {
                self.read_again(*at..at + bytes.len());
            }
        }
    }

    /// Lets a reader see what is on the platter. A length that was seen is kept: it is no part of the lost pages.
    fn read_again(&mut self, range: Range<usize>) {
        let range = range.start..range.end.min(self.seen.len());
        let there: Vec<_> = range.clone().map(|at| self.platter.byte(at).unwrap_or(0)).collect();
        if !there.is_empty() {
            self.seen.write(range.start, &there);
        }
    }

    /// Becomes what is found after power was lost.
    pub(super) fn crash(&mut self, chance: &mut fastrand::Rng) {
        if self.pending.is_empty() && self.doubts.is_empty() {
            return;
        }
        for change in self.pending.drain(..) {
            land(&mut self.platter, &change, chance);
        }
        self.doubts.clear();
        self.seen.clone_from(&self.platter);
    }

    /// Flips a bit on the platter; whether there is such a byte.
    pub(super) fn flip(&mut self, at: usize, bit: u8) -> bool {
        let Some(byte) = self.platter.byte(at) else {
            return false;
        };
        let flipped = [byte ^ (1 << bit)];
        // A reader sees the platter unless it sees something newer.
        if self.seen.byte(at) == Some(byte) {
            self.seen.write(at, &flipped);
        }
        self.platter.write(at, &flipped);
        true
    }

    /// The bytes before the first one that is not certain.
    pub(super) fn certain(&self) -> Vec<u8> {
        let end = self.uncertain().map(|range| range.start).min().unwrap_or(usize::MAX);
        self.platter.copy(0..end.min(self.platter.len()))
    }

    /// Whether just these bytes are found there after any crash.
    pub(super) fn holds(&self, at: usize, bytes: &[u8]) -> bool {
        let range = at..at.saturating_add(bytes.len());
        range.end <= self.platter.len()
            && range.clone().zip(bytes).all(|(at, byte)| self.platter.byte(at) == Some(*byte))
            && !self.uncertain().any(|other| other.start < range.end && range.start < other.end)
    }

    fn uncertain(&self) -> impl Iterator<Item = Range<usize>> {
        let pending = self.pending.iter().filter_map(|change| uncertain(&self.platter, change));
        pending.chain(self.doubts.iter().cloned())
    }
}

/// Where a change, done or not, makes a difference to the platter.
fn uncertain(platter: &Room, change: &Change) -> Option<Range<usize>> {
    match change {
        Change::Length(length) if *length == platter.len() => None,
        Change::Length(length) => Some((*length).min(platter.len())..usize::MAX),
        Change::Bytes { at, bytes } if *at > platter.len() => Some(platter.len()..at + bytes.len()),
        Change::Bytes { at, bytes } => {
            // Whoever writes whole blocks writes many bytes that are there already; those are not at risk.
            let differs = |(place, byte): &(usize, &u8)| platter.byte(at + place) != Some(**byte);
            let first = bytes.iter().enumerate().find(differs)?.0;
            let last = bytes.iter().enumerate().rfind(differs)?.0;
            Some(at + first..at + last + 1)
        }
    }
}

/// Puts a change on the platter as a loss of power does: as a whole, in part, or not at all.
fn land(platter: &mut Room, change: &Change, chance: &mut fastrand::Rng) {
    match change {
        Change::Length(length) => {
            if chance.bool() {
                platter.resize(*length);
            }
        }
        Change::Bytes { at, bytes } => {
            let end = at + bytes.len();
            // A length is kept apart from the bytes, and may have arrived without them.
            if platter.len() < end && chance.bool() {
                platter.resize(end);
            }
            let sectors = end.div_ceil(SECTOR) - at / SECTOR;
            let first = match chance.u8(0..4) {
                0 => Some(0),
                1 => Some(sectors),
                2 => Some(chance.usize(0..=sectors)),
                _ => None,
            };
            for sector in 0..sectors {
                let start = (at / SECTOR + sector) * SECTOR;
                let range = start.max(*at)..(start + SECTOR).min(end);
                if first.map_or_else(|| chance.bool(), |first| sector < first) {
                    platter.write(range.start, &bytes[range.start - at..range.end - at]);
                }
            }
        }
    }
}

/// Takes a range out of the doubts.
fn settle(doubts: &mut Vec<Range<usize>>, certain: &Range<usize>) {
    if doubts.is_empty() {
        return;
    }
    let rest = std::mem::take(doubts).into_iter().flat_map(|doubt| {
        let before = doubt.start..doubt.end.min(certain.start);
        let after = doubt.start.max(certain.end)..doubt.end;
        [before, after]
    });
    *doubts = rest.filter(|doubt| !doubt.is_empty()).collect();
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("seen", &self.seen.len())
            .field("platter", &self.platter.len())
            .field("pending", &self.pending.len())
            .field("doubts", &self.doubts)
            .finish()
    }
}
