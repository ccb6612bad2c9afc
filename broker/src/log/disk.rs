//! Where a log is kept: files in one folder, seen as narrowly as the log needs them.
//! Why a seam: what a disk may do to a program that dies, or whose writes fail, can be shown only by a disk that does it
//! on order. So there are two: `files`, and `faulty`, which loses, tears, refuses and fills up by a seed.
//!
//! What holds of both, and is all that the log relies on:
//! - Bytes written and not synced may be there after a crash, as a whole, in part, in any order, or not at all; what was
//!   there before them, elsewhere in the file, is not touched.
//! - Bytes are safe once [`DiskFile::sync`] has returned `Ok`. Once it has failed, nothing is known of the bytes written
//!   since the last time that it succeeded, and a later success says nothing of them either.
//! - A name that was made, changed or removed is certain once [`Disk::sync_names`] has returned `Ok`.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

/// A folder of files.
pub trait Disk: Debug + Send + Sync {
    /// The names of all files, in any order.
    ///
    /// # Errors
    /// What the disk says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file that is there.
    ///
    /// # Errors
    /// `NotFound`, or what the disk says.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes a file with room for so many bytes, which read as zeros. Afterwards, writing inside the room meets no lack of
    /// space.
    ///
    /// # Errors
    /// `AlreadyExists`, `StorageFull`, or what the disk says; the file may be there then, with less room.
    fn create(&self, name: &str, room: u64) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, in the place of one that had it.
    ///
    /// # Errors
    /// What the disk says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Whoever has it open may read on.
    ///
    /// # Errors
    /// `NotFound`, or what the disk says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes certain which names there are.
    ///
    /// # Errors
    /// What the disk says.
    fn sync_names(&self) -> io::Result<()>;
}

/// An open file.
#[allow(clippy::len_without_is_empty, reason = "nobody asks whether a file is empty")]
pub trait DiskFile: Debug + Send + Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the disk says.
    fn len(&self) -> io::Result<u64>;

    /// Reads exactly so many bytes.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before that, or what the disk says.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes bytes; the file grows if they reach beyond its end.
    ///
    /// # Errors
    /// `StorageFull`, or what the disk says; any part of the bytes may be written then.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to this length.
    ///
    /// # Errors
    /// What the disk says.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Makes safe what was written.
    ///
    /// # Errors
    /// What the disk says.
    fn sync(&self) -> io::Result<()>;
}
