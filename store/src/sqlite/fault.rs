//! What goes wrong inside the file, and what of it callers are told: the one place where SQLite's codes become `Error`s.
//! Private to `sqlite`.

use crate::contract::{Unreadable, UnreadableCause};
use crate::error::Error;
use rusqlite::ErrorCode;

/// Why a request failed, before anyone is told.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite did not do it.
    Sqlite(rusqlite::Error),
    /// It met a row that cannot be read.
    Unreadable(Unreadable),
}

impl Fault {
    /// A row that cannot be read.
    pub(super) fn unreadable(row: String, cause: UnreadableCause) -> Self {
        Self::Unreadable(Unreadable { row, cause })
    }

    /// What the caller is told of a request that was certainly not done.
    pub(super) fn told(self) -> Error {
        match self {
            Self::Sqlite(error) => told(&error, false),
            Self::Unreadable(Unreadable { row, cause }) => Error::Unreadable { row, cause },
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What the callers are told whose requests were all made when COMMIT failed. Whoever fails to get a lock has written
/// nothing; after anything else what was written may yet be found when the file is opened again.
pub(super) fn commit_failed(error: &rusqlite::Error) -> Error {
    let is_written = !matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked));
    Error::Unavailable { reason: format!("COMMIT failed: {error}"), may_have_happened: is_written }
}

/// The meaning of SQLite's codes.
fn told(error: &rusqlite::Error, may_have_happened: bool) -> Error {
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OperationInterrupted
            | ErrorCode::OperationAborted
            | ErrorCode::SchemaChanged,
        ) => Error::Unavailable { reason, may_have_happened },
        // No database, a damaged one, one without our tables, one that may not be written: asking again changes nothing.
        Some(_) | None => Error::Setup { reason },
    }
}
