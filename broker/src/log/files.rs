//! A disk that is a folder of the operating system.
//! Why a lock: two brokers that append to one log would write over each other, and neither would notice. It is the
//! system's own lock on a file, so it ends with its holder, however that ends.
//! Why room is written and not only set: a file that is full of zeros has its blocks. Writing inside it neither meets a
//! full disk nor changes what the folder knows of it, so that a sync has bytes to carry and nothing else. File systems
//! that never write in place (btrfs, ZFS) promise less: there, a full disk can still show at a write.
//! Called by whoever opens a broker that keeps what it is given.

use super::{Disk, DiskFile};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the file whose lock says that a folder is in use.
const LOCK: &str = "lock";
/// So many zeros are written at once.
const CHUNK: usize = 1024 * 1024;

/// A folder of real files, held by this process alone.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    /// Open, and thereby locked, for as long as this lives.
    _lock: File,
}

/// Why a folder cannot keep a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderFault {
    /// Stop the other broker, or give this one a folder of its own.
    #[error("{} is in use by another broker", folder.display())]
    Held {
        /// The folder.
        folder: PathBuf,
    },
    /// Give the user that runs the broker the right to read and write the folder.
    #[error("permission to read and write {} is missing", folder.display())]
    Denied {
        /// The folder.
        folder: PathBuf,
    },
    /// Name a folder, or a place where one can be made.
    #[error("{} is not a folder", folder.display())]
    NotAFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// Look at what the system says.
    #[error("{} cannot be used: {reason}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

/// A file of such a folder.
#[derive(Debug)]
struct OpenFile(File);

impl Files {
    /// Opens a folder, or makes it, for this process alone.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open(folder: &Path) -> Result<Self, FolderFault> {
        let fault = |reason| FolderFault::of(folder, reason);
        make(folder).map_err(fault)?;
        let lock = writable().create(true).open(folder.join(LOCK)).map_err(fault)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(FolderFault::Held { folder: folder.to_owned() }),
            Err(TryLockError::Error(reason)) => Err(fault(reason)),
        }
    }

    fn path(&self, name: &str) -> io::Result<PathBuf> {
        check_name(name)?;
        Ok(self.folder.join(name))
    }
}

impl FolderFault {
    fn of(folder: &Path, reason: io::Error) -> Self {
        let folder = folder.to_owned();
        match reason.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied { folder },
            // A file that has the folder's name already exists, as making the folder finds.
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => Self::NotAFolder { folder },
            _ => Self::Io { folder, reason },
        }
    }
}

/// Makes a folder and those above it, where they are missing, and makes certain that they are found again.
fn make(folder: &Path) -> io::Result<()> {
    let missing: Vec<_> =
        folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    for made in missing {
        let above = made.parent().filter(|path| !path.as_os_str().is_empty());
        sync_folder(above.unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows opens no folder as a file; its file system writes names to its own log, in order.
#[cfg(windows)]
#[allow(clippy::unnecessary_wraps, reason = "as on other systems")]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn writable() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Refuses what is no plain name of a file of ours, on any system.
pub(super) fn check_name(name: &str) -> io::Result<()> {
    // Some file systems do not tell large letters from small ones.
    let reserved = matches!(name, "" | "." | "..") || name.eq_ignore_ascii_case(LOCK);
    if reserved || name.contains(['/', '\\', ':', '\0']) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} cannot be the name of a file")));
    }
    Ok(())
}

impl Disk for Files {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // What is no file, or has no name that could be ours, was put there by someone else.
            if let Ok(name) = entry.file_name().into_string()
                && check_name(&name).is_ok()
                && entry.file_type()?.is_file()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = writable().open(self.path(name)?)?;
        Ok(Arc::new(OpenFile(file)))
    }

    fn create(&self, name: &str, room: u64) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.path(name)?;
        let file = OpenFile(writable().create_new(true).open(&path)?);
        if let Err(reason) = file.fill(room) {
            drop(file);
            // The first error is the one that says what is wrong.
            let _ = fs::remove_file(&path);
            return Err(reason);
        }
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from)?, self.path(to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name)?)
    }

    fn sync_names(&self) -> io::Result<()> {
        sync_folder(&self.folder)
    }
}

impl OpenFile {
    /// Writes so many zeros, and makes them and the length safe.
    fn fill(&self, room: u64) -> io::Result<()> {
        let zeros = vec![0; usize::try_from(room).map_or(CHUNK, |room| room.min(CHUNK))];
        let mut at = 0;
        while at < room {
            let left = usize::try_from(room - at).unwrap_or(usize::MAX);
            let chunk = &zeros[..left.min(zeros.len())];
            self.write_at(at, chunk)?;
            at += chunk.len() as u64;
        }
        self.0.sync_all()
    }
}

impl DiskFile for OpenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, into, at)
    }

    #[cfg(windows)]
    fn read_at(&self, mut at: u64, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(&self.0, into, at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    into = &mut into[count..];
                    at += count as u64;
                }
                Err(reason) if reason.kind() == io::ErrorKind::Interrupted => {}
                Err(reason) => return Err(reason),
            }
        }
        Ok(())
    }

    #[cfg(unix)]
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.0, bytes, at)
    }

    #[cfg(windows)]
    fn write_at(&self, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match std::os::windows::fs::FileExt::seek_write(&self.0, bytes, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    at += count as u64;
                }
                Err(reason) if reason.kind() == io::ErrorKind::Interrupted => {}
                Err(reason) => return Err(reason),
            }
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests;
