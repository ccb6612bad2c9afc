//! Bytes of which most are zeros behind all others, as in a file with room.
//! Why not a plain vector: tests open ten thousand disks, and to touch the room of each would cost more than what they do
//! in it.
//! Pure. Called by `content`.

use std::io;
use std::ops::Range;

/// So many bytes; those behind the last one that was written are zeros, and take no memory.
#[derive(Clone, Default)]
pub(super) struct Room {
    length: usize,
    /// Never longer than `length`.
    written: Vec<u8>,
}

impl Room {
    pub(super) fn new(length: usize) -> Self {
        Self { length, written: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Cuts it, or adds zeros.
    pub(super) fn resize(&mut self, length: usize) {
        self.written.truncate(length);
        self.length = length;
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        if let Some(gap) = at.checked_sub(self.written.len()) {
            self.written.extend_from_slice(&vec![0; gap]);
        }
        let (over, behind) = bytes.split_at(bytes.len().min(self.written.len() - at));
        self.written[at..at + over.len()].copy_from_slice(over);
        self.written.extend_from_slice(behind);
        self.length = self.length.max(at + bytes.len());
    }

    pub(super) fn read(&self, at: usize, into: &mut [u8]) -> io::Result<()> {
        let end = at.checked_add(into.len()).filter(|end| *end <= self.length).ok_or(io::ErrorKind::UnexpectedEof)?;
        let there = self.written.get(at..end.min(self.written.len())).unwrap_or(&[]);
        let (head, zeros) = into.split_at_mut(there.len());
        head.copy_from_slice(there);
        zeros.fill(0);
        Ok(())
    }

    /// The bytes in a range that ends inside.
    pub(super) fn copy(&self, range: Range<usize>) -> Vec<u8> {
        let mut bytes = vec![0; range.len()];
        self.read(range.start, &mut bytes).expect("the range ends inside");
        bytes
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        (at < self.length).then(|| self.written.get(at).copied().unwrap_or(0))
    }
}
