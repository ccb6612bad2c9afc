//! How the file is opened, and which tables stand in it. Their page is `docs/formats/sqlite.md`.
//! Why all begin with `tailwater_`: the file may be the application's own. Why they are not `STRICT`: an older SQLite
//! could then not open that file at all.

use super::fault::Fault;
use crate::error::Error;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the journal is asked to become a write-ahead log while others are asking the same.
const WAL_TRIES: usize = 20;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS main.tailwater_leases (
    group_name TEXT NOT NULL,
    stream_name TEXT NOT NULL,
    shard_id TEXT NOT NULL,
    layout INTEGER NOT NULL,
    lease_owner TEXT,
    checkpoint_owner TEXT,
    lease_counter INTEGER NOT NULL,
    tenure INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    owner_switches_since_checkpoint INTEGER NOT NULL,
    checkpoint TEXT NOT NULL,
    checkpoint_sub_sequence_number INTEGER NOT NULL,
    checkpoint_state BLOB,
    pending_checkpoint TEXT,
    pending_checkpoint_sub_sequence_number INTEGER,
    pending_checkpoint_state BLOB,
    origin TEXT NOT NULL,
    parent_shard_ids TEXT,
    child_shard_ids TEXT,
    starting_hash_key TEXT,
    ending_hash_key TEXT,
    throughput_kbps REAL,
    PRIMARY KEY (group_name, stream_name, shard_id)
);
CREATE TABLE IF NOT EXISTS main.tailwater_workers (
    group_name TEXT NOT NULL,
    worker_id TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    beat INTEGER NOT NULL,
    is_leaving INTEGER NOT NULL,
    cpu_percent REAL,
    cpu_target REAL,
    leases_max INTEGER,
    stream_names TEXT,
    PRIMARY KEY (group_name, worker_id)
);
CREATE TABLE IF NOT EXISTS main.tailwater_locks (
    group_name TEXT NOT NULL PRIMARY KEY,
    owner_name TEXT NOT NULL,
    record_version_number TEXT NOT NULL,
    lease_duration INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS main.tailwater_groups (
    group_name TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    wishes TEXT NOT NULL,
    moves TEXT NOT NULL
);
";

/// The path that is opened: absolute, so that SQLite takes it for nothing else than a path, such as `file:` and `:memory:`.
pub(super) fn place(path: &Path) -> Result<PathBuf, Error> {
    if path.as_os_str().is_empty() || path == Path::new(":memory:") {
        let reason = "SqliteStore needs a file that all its users share; for rows in memory there is MemoryStore";
        return Err(Error::Setup { reason: reason.to_owned() });
    }
    std::path::absolute(path).map_err(|error| Error::Setup { reason: format!("{}: {error}", path.display()) })
}

/// A connection to the file at this place, which is made if it is not there.
pub(super) fn connect(place: &Path, busy_timeout: Duration) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = (|| {
        let connection = Connection::open_with_flags(place, flags)?;
        // SQLite counts milliseconds in 31 bits.
        connection.busy_timeout(busy_timeout.min(Duration::from_millis(i32::MAX as u64)))?;
        let journal = write_ahead(&connection)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok((connection, journal))
    })();
    let (connection, journal) = opened.map_err(|error: rusqlite::Error| Fault::from(error).told())?;
    if journal != "wal" {
        let reason = format!("{}: the journal is {journal}, not wal; is this a network file system?", place.display());
        return Err(Error::Setup { reason });
    }
    if connection.is_readonly("main").map_err(|error| Fault::from(error).told())? {
        return Err(Error::Setup { reason: format!("{}: the file may not be written", place.display()) });
    }
    Ok(connection)
}

/// Makes what is not there yet.
pub(super) fn make_tables(connection: &Connection) -> Result<(), Fault> {
    Ok(connection.execute_batch(TABLES)?)
}

/// Takes the write lock for the open transaction, if it does not have it. Nothing is written; and if something was written
/// behind the back of what this transaction has read, SQLite says so here.
pub(super) fn lock_for_writing(connection: &Connection) -> Result<(), Fault> {
    connection.execute("UPDATE main.tailwater_leases SET layout = layout WHERE 0", [])?;
    Ok(())
}

/// Whether a database other than its own is attached to a connection. One for temporary tables does not count: it is gone
/// after a crash in any case.
pub(super) fn has_attached(connection: &Connection) -> Result<bool, Fault> {
    let mut statement = connection.prepare("PRAGMA database_list")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        if name != "main" && name != "temp" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Which journal the file has when it has been asked to have a write-ahead log.
fn write_ahead(connection: &Connection) -> rusqlite::Result<String> {
    let ask = || connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0));
    for _ in 1..WAL_TRIES {
        match ask() {
            // Where two ask at once, SQLite refuses one without waiting. A transaction waits.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
            }
            answer => return answer,
        }
    }
    ask()
}
