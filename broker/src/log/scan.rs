//! Reads a segment from front to back, frame by frame, and says where what was written ends, and how sure that is.
//! Why so careful: behind the last certain byte the disk may have kept anything, in any order; before it, a frame that
//! fails is damage, and nothing behind it may be dropped in silence.
//! Called by `recover` and `check`.

use super::disk::DiskFile;
use super::frame::{HEAD, Head, Kind, SEGMENT_HEAD, content};
use bytes::Bytes;
use std::io;

/// A frame, where it stands.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) at: u64,
    pub(crate) head: Head,
    pub(crate) content: Bytes,
}

impl Frame {
    /// Where the next frame begins.
    pub(crate) fn end(&self) -> u64 {
        self.at + self.head.size() as u64
    }
}

/// How a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Behind the last whole frame.
    pub(crate) at: u64,
    /// So much was certain when the last of them was written.
    pub(crate) certain: u64,
    /// Whether something stands behind that is no frame.
    pub(crate) is_torn: bool,
    /// Whether something that was certain has changed since: the frame at `at`.
    pub(crate) is_damaged: bool,
}

/// So much is read at once.
const WINDOW: usize = 1 << 20;

/// Gives every frame up to `until` to `take`, and tells how the segment ends.
pub(crate) fn scan(file: &dyn DiskFile, salt: u32, until: Option<u64>, mut take: impl FnMut(Frame)) -> io::Result<End> {
    let length = file.len()?.min(until.unwrap_or(u64::MAX));
    let mut window = Window { file, length, start: 0, bytes: Bytes::new() };
    let mut end = End { at: SEGMENT_HEAD as u64, certain: 0, is_torn: false, is_damaged: false };
    while let Some(frame) = window.frame(salt, end.at)? {
        end.at = frame.end();
        end.certain = end.certain.max(frame.head.certain);
        take(frame);
    }
    end.is_torn = !window.is_blank(end.at)?;
    let mut at = end.at + 1;
    // A frame behind the hole that was written when the hole was certain to be none.
    while end.is_torn && at + HEAD as u64 <= length {
        let Some(begun) = window.next_head(at)? else { break };
        if let Some(frame) = window.frame(salt, begun)?
            && frame.head.certain > end.at
        {
            end.is_damaged = true;
            break;
        }
        at = begun + 1;
    }
    Ok(end)
}

/// A part of a file, in memory.
struct Window<'f> {
    file: &'f dyn DiskFile,
    length: u64,
    start: u64,
    bytes: Bytes,
}

impl Window<'_> {
    /// So many bytes from `at` on; fewer where the file ends.
    fn get(&mut self, at: u64, count: usize) -> io::Result<Bytes> {
        let count = count.min(usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX));
        let held = self.start..self.start + self.bytes.len() as u64;
        if !(held.contains(&at) && at + count as u64 <= held.end) {
            let ahead = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX).min(WINDOW.max(count));
            let mut bytes = vec![0; ahead];
            self.file.read_at(at, &mut bytes)?;
            (self.start, self.bytes) = (at, bytes.into());
        }
        let from = (at - self.start) as usize;
        Ok(self.bytes.slice(from..from + count))
    }

    fn frame(&mut self, salt: u32, at: u64) -> io::Result<Option<Frame>> {
        let Some(head) = Head::read(&self.get(at, HEAD)?) else { return Ok(None) };
        let whole = self.get(at, head.size())?;
        let checked = content(salt, at, &whole).is_some();
        Ok(checked.then(|| Frame { at, head, content: whole.slice(HEAD..) }))
    }

    /// The first place from `at` on where a frame may begin.
    fn next_head(&mut self, mut at: u64) -> io::Result<Option<u64>> {
        while at + HEAD as u64 <= self.length {
            let bytes = self.get(at, WINDOW)?;
            let starts = bytes.windows(HEAD);
            // The kind is never zero, and where the file is blank all is.
            let found = starts.enumerate().find(|(_, head)| {
                head[8] != 0
                    && head[9..12] == [0; 3]
                    && Head::read(head).is_some_and(|head| head.kind == Kind::Batch || head.length > 0)
            });
            if let Some((distance, _)) = found {
                return Ok(Some(at + distance as u64));
            }
            at += (bytes.len() - HEAD + 1) as u64;
        }
        Ok(None)
    }

    /// Whether only zeros stand from `at` on.
    fn is_blank(&mut self, mut at: u64) -> io::Result<bool> {
        while at < self.length {
            let bytes = self.get(at, WINDOW)?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += bytes.len() as u64;
        }
        Ok(true)
    }
}
