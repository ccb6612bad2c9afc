//! Rows in a SQLite file: for the processes of one machine, and for checkpoints in the application's own transactions.
//! The handle is here; the thread that has the file in `thread`, the tables in `leases` and `groups`. A row is judged by
//! `Change::of`, as in memory: the file's write lock keeps everyone else out between reading and writing.

mod cells;
mod fault;
mod groups;
mod leases;
mod schema;
mod thread;

use crate::change::{Applied, Change, Commit};
use crate::contract::{Answer, LeaseStore, Listing};
use crate::error::Error;
use crate::group::GroupRecord;
use crate::key::LeaseKey;
use crate::lease::Lease;
use crate::lock::{Lock, LockVersion};
use crate::name::{GroupName, WorkerId};
use crate::worker::{Incarnation, WorkerRow};
use fault::Fault;
use rusqlite::Connection;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thread::{Access, Thread};

/// Rows in a SQLite file, which may be the application's own. Clones share a connection and its thread; both end with the
/// last clone.
///
/// ```
/// use tailwater_store::{Lease, LeaseKey, LeaseStore, SqliteStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("tailwater-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let store = SqliteStore::open(folder.join("leases.db"))?;
/// store.prepare().await?;
///
/// let stream = "111122223333:orders:1700000000".parse()?;
/// let key = LeaseKey::new("billing".parse()?, stream, "shardId-000000000000".parse()?);
/// assert!(store.create(&Lease::new(key.clone())).await?);
/// assert_eq!(store.lease(&key).await?, Some(Lease::new(key)));
/// # drop(store);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
///
/// # The file
///
/// Its journal is made a write-ahead log, and every write is synced before it is answered. It must be on a disk of this
/// machine: network file systems are not supported, because processes on several machines cannot share a write-ahead log.
/// A write that cannot begin because someone else writes is [`Error::Unavailable`], after a time. The tables are made by [`prepare`](LeaseStore::prepare) and begin with `tailwater_`; others are not touched. All that
/// open the file within one process must use the same copy of SQLite, which is that of [`rusqlite`].
///
/// Writes that come while another is being synced are written together, with one sync.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    path: PathBuf,
    thread: Thread,
}

impl SqliteStore {
    /// How long a call waits for other users of the file unless told otherwise.
    pub const BUSY_TIMEOUT: Duration = Duration::from_millis(1500);

    /// Opens the file at this path, which is made if it is not there; its folder is not made. Blocks the thread while it
    /// waits for the disk, and for other users of the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with_busy_timeout(path, Self::BUSY_TIMEOUT)
    }

    /// The same, with another time for which a call waits while someone else writes to the file: a long transaction of
    /// the application's, for example. After it [`Error::Unavailable`] is told.
    ///
    /// Stay under half a renewal period, which is 3.3 s: a renewal may first wait behind another call that waits, and if it
    /// comes too late the lease is lost although the worker lives.
    pub fn open_with_busy_timeout(path: impl AsRef<Path>, busy_timeout: Duration) -> Result<Self, Error> {
        let path = schema::place(path.as_ref())?;
        let thread = Thread::start(schema::connect(&path, busy_timeout)?)?;
        Ok(Self(Arc::new(Inner { path, thread })))
    }

    /// Writes a checkpoint within a transaction of the application's own, so that it and an effect are both there, or
    /// neither. What is answered holds once the transaction has been committed.
    ///
    /// Begin the transaction with `BEGIN IMMEDIATE`. One that has read and not yet written may find that someone else has
    /// written since; then this is [`Error::Unavailable`], and the transaction must be begun anew. If the commit is
    /// refused, the shard has passed to another owner, who will handle the same records: roll back.
    ///
    /// [`Error::Setup`] is told if no transaction is open, if the file does not have the tables, and if another database
    /// is attached to the connection: a crash could then leave one file with the transaction and the other without it.
    ///
    /// ```
    /// use rusqlite::{Connection, TransactionBehavior};
    /// use tailwater_store::{Applied, Commit, Error, LeaseKey, SqliteStore};
    ///
    /// fn book(connection: &mut Connection, key: &LeaseKey, commit: &Commit) -> Result<(), Box<dyn std::error::Error>> {
    ///     let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    ///     transaction.execute("INSERT INTO bookings (amount) VALUES (?1)", [42])?;
    ///     match SqliteStore::commit_in(&transaction, key, commit)? {
    ///         Applied::Done(_) => transaction.commit()?,
    ///         Applied::Refused(_) => transaction.rollback()?,
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn commit_in(connection: &Connection, key: &LeaseKey, commit: &Commit) -> Result<Applied, Error> {
        let setup = |reason: &str| Err(Error::Setup { reason: reason.to_owned() });
        if connection.is_autocommit() {
            return setup("a checkpoint needs an open transaction of the application's, and there is none");
        }
        if schema::has_attached(connection).map_err(Fault::told)? {
            return setup("another database is attached, and what is written to two files is not written as one");
        }
        let change = Change::Commit(commit.clone());
        schema::lock_for_writing(connection).and_then(|()| leases::apply(connection, key, &change)).map_err(Fault::told)
    }

    fn read<T, F>(&self, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        Box::pin(self.0.thread.ask(Access::Read, work))
    }

    fn write<T, F>(&self, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        Box::pin(self.0.thread.ask(Access::Write, work))
    }
}

impl LeaseStore for SqliteStore {
    fn prepare(&self) -> Answer<'_, ()> {
        self.write(schema::make_tables)
    }

    fn create<'a>(&'a self, lease: &'a Lease) -> Answer<'a, bool> {
        let lease = lease.clone();
        self.write(move |connection| leases::create(connection, &lease))
    }

    fn lease<'a>(&'a self, key: &'a LeaseKey) -> Answer<'a, Option<Lease>> {
        let key = key.clone();
        self.read(move |connection| leases::lease(connection, &key))
    }

    fn leases<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Listing> {
        let group = group.clone();
        self.read(move |connection| leases::leases(connection, &group))
    }

    fn apply<'a>(&'a self, key: &'a LeaseKey, change: &'a Change) -> Answer<'a, Applied> {
        let (key, change) = (key.clone(), change.clone());
        self.write(move |connection| leases::apply(connection, &key, &change))
    }

    fn remove<'a>(&'a self, seen: &'a Lease) -> Answer<'a, bool> {
        let seen = seen.clone();
        self.write(move |connection| leases::remove(connection, &seen))
    }

    fn enlist<'a>(&'a self, group: &'a GroupName, worker: &'a WorkerId) -> Answer<'a, Incarnation> {
        let (group, worker) = (group.clone(), worker.clone());
        self.write(move |connection| groups::enlist(connection, &group, &worker))
    }

    fn beat<'a>(&'a self, group: &'a GroupName, row: &'a WorkerRow) -> Answer<'a, bool> {
        let (group, row) = (group.clone(), row.clone());
        self.write(move |connection| groups::beat(connection, &group, &row))
    }

    fn strike<'a>(&'a self, group: &'a GroupName, seen: &'a WorkerRow) -> Answer<'a, bool> {
        let (group, seen) = (group.clone(), seen.clone());
        self.write(move |connection| groups::strike(connection, &group, &seen))
    }

    fn workers<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Vec<WorkerRow>> {
        let group = group.clone();
        self.read(move |connection| groups::workers(connection, &group))
    }

    fn lock<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Option<Lock>> {
        let group = group.clone();
        self.read(move |connection| groups::lock(connection, &group))
    }

    fn swap_lock<'a>(
        &'a self,
        group: &'a GroupName,
        seen: Option<LockVersion>,
        lock: Option<&'a Lock>,
    ) -> Answer<'a, bool> {
        let (group, lock) = (group.clone(), lock.cloned());
        self.write(move |connection| groups::swap_lock(connection, &group, seen, lock.as_ref()))
    }

    fn group<'a>(&'a self, group: &'a GroupName) -> Answer<'a, GroupRecord> {
        let group = group.clone();
        self.read(move |connection| groups::group(connection, &group))
    }

    fn swap_group<'a>(&'a self, group: &'a GroupName, record: &'a GroupRecord) -> Answer<'a, bool> {
        let (group, record) = (group.clone(), record.clone());
        self.write(move |connection| groups::swap_group(connection, &group, &record))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SqliteStore({})", self.0.path.display())
    }
}

#[cfg(test)]
mod tests;
