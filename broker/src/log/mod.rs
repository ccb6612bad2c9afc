//! What a broker writes down, so that it outlives its process: an append-only log in one folder.
//!
//! `disk` is the seam to where it is kept: `files`, or, for tests, `faulty`. A log is a row of segments: `frame` is what
//! stands in one, `image` how streams and accounts are told, `index` what stands beside a segment once it is sealed, and
//! `identity` whose log it is. `segment`, `scan` and `place` read; `append` is where the log grows, `queue` what waits for
//! that, `commit` one round of it, `cache` what of it stays in memory; `keep` frees room; `recover` opens it all again.
//! `commit_task` runs the committer and the keeper, each on a thread. The layout stands in `docs/formats/log.md`.

mod disk;
mod files;
#[cfg(any(test, feature = "unstable-internals"))]
mod faulty;
pub(crate) mod frame;
pub(crate) mod image;
pub(crate) mod index;
mod identity;
pub(crate) mod segment;
pub(crate) mod scan;
pub(crate) mod place;
pub(crate) mod append;
pub(crate) mod queue;
pub(crate) mod cache;
pub(crate) mod commit;
mod keep;
mod recover;
mod commit_task;
mod fault;

pub use commit::Sync;
pub use disk::{Disk, DiskFile};
pub use fault::Fault;
pub(crate) use fault::ReadFault;
#[cfg(any(test, feature = "unstable-internals"))]
pub use faulty::Faulty;
pub use files::{Files, FolderFault};

use crate::account::Accounts;
use crate::error::Error;
use commit::Committer;
use identity::Identity;
use keep::Keeper;
use queue::{Item, Queue};
use std::path::PathBuf;
use std::sync::Arc;
use tailwater_record::Timestamp;

/// Where a broker keeps what it is told, and how it goes about it.
///
/// ```no_run
/// use tailwater_broker::log::Data;
/// use tailwater_broker::{Broker, Config};
///
/// let broker = Broker::open(Config::default().with_data(Data::in_folder("kinesis-data")))?;
/// # Ok::<(), tailwater_broker::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Data {
    place: Place,
    pub(crate) sync: Sync,
    segment: u64,
    memory: usize,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(PathBuf),
    Disk(Arc<dyn Disk>),
}

/// Bytes of a segment.
const SEGMENT: u64 = 32 << 20;
/// Bytes of records in memory.
const MEMORY: usize = 64 << 20;

impl Data {
    /// Keeps it in a folder, which is made if it is missing. One broker at a time may have it.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { place: Place::Folder(folder.into()), sync: Sync::Each, segment: SEGMENT, memory: MEMORY }
    }

    /// Keeps it on a disk of your own making.
    #[must_use]
    pub fn on(disk: Arc<dyn Disk>) -> Self {
        Self { place: Place::Disk(disk), sync: Sync::Each, segment: SEGMENT, memory: MEMORY }
    }

    /// When what is written is made certain; by default before it is acknowledged, or can be read.
    #[must_use]
    pub fn with_sync(mut self, sync: Sync) -> Self {
        self.sync = sync;
        self
    }

    /// So many bytes of the newest records are kept in memory for readers at the tip, 64 MiB by default; all others are
    /// read from disk.
    #[must_use]
    pub fn with_memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// So many bytes are reserved for a file of the log, 32 MiB by default. Up to two of them may be held beyond what the
    /// records take.
    #[must_use]
    pub fn with_segment(mut self, bytes: u64) -> Self {
        self.segment = bytes.max(4096);
        self
    }
}

/// A log that is open.
#[derive(Debug)]
pub(crate) struct Log {
    queue: Arc<Queue>,
    /// Whoever writes, unless a test does it step by step.
    _threads: Option<commit_task::Threads>,
}

/// Whoever writes the log, and whoever keeps it small.
#[derive(Debug)]
pub(crate) struct Hands {
    pub(crate) committer: Committer,
    pub(crate) keeper: Keeper,
}

impl Log {
    /// Opens the log, and makes the streams that it tells of. `chance` is for a log that is new.
    pub(crate) fn open(
        data: &Data,
        accounts: &Arc<Accounts>,
        now: Timestamp,
        chance: (u64, [u8; 32]),
    ) -> Result<(Self, Hands, [u8; 32]), Error> {
        let disk: Arc<dyn Disk> = match &data.place {
            Place::Folder(folder) => Arc::new(Files::open(folder)?),
            Place::Disk(disk) => Arc::clone(disk),
        };
        let identity = match Identity::read(&*disk)? {
            Some(identity) => identity,
            None => {
                let identity = Identity { log: chance.0, key: chance.1 };
                identity.write(&*disk)?;
                identity
            }
        };
        let recovered = recover::recover(&disk, &identity, data.segment, accounts, now)?;
        let report = recovered.report;
        let queue = Arc::new(Queue::default());
        let mut committer =
            Committer::new(Arc::clone(&queue), Arc::clone(accounts), recovered.writer, data.sync, data.memory);
        // What was not certain is, before anybody sees it; and what is not needed any more goes after that.
        committer.begin(recovered.unproven).map_err(Fault::disk("the log"))?;
        for name in &recovered.voids {
            disk.remove(name).map_err(Fault::disk(name))?;
        }
        let sizes = (identity.log, data.segment);
        let (segments, unindexed) = (recovered.segments, recovered.unindexed);
        let keeper = Keeper::new(disk, sizes, Arc::clone(accounts), &committer, segments, unindexed);
        tracing::info!(
            streams = report.streams,
            torn_bytes = report.torn,
            rewritten = report.rewritten,
            "the log is open"
        );
        Ok((Self { queue, _threads: None }, Hands { committer, keeper }, identity.key))
    }

    /// Lets threads of their own do the work.
    pub(crate) fn run(self, hands: Hands) -> Result<Self, Error> {
        let threads = commit_task::Threads::start(hands).map_err(Fault::disk("a thread"))?;
        Ok(Self { _threads: Some(threads), ..self })
    }

    /// Something is to be written.
    pub(crate) fn push(&self, item: Item) {
        self.queue.push(item);
    }
}
