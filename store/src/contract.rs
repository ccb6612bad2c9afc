//! What a store is, and what it promises.
//!
//! # The promises
//!
//! - **One row at a time.** [`apply`](LeaseStore::apply), [`create`](LeaseStore::create), [`remove`](LeaseStore::remove) and
//!   the other writes each read a row, judge it and write it as one step: of two at the same time, one comes after the
//!   other and is judged by what that left. Nothing spans two rows, and no caller expects it.
//! - **Contention is an answer, not an error.** Who comes too late gets [`Applied::Refused`] with the row as it is, or
//!   `false`. An error means that the store did not answer; if [`Error::may_have_happened`] says so, what was asked may be
//!   done all the same, or may yet be. Callers then look at the row.
//! - **What is done is durable** when the answer comes, as durable as this store is. It is never taken back.
//! - **Reading sees what was written.** [`lease`](LeaseStore::lease), [`lock`](LeaseStore::lock) and
//!   [`group`](LeaseStore::group) see every write that was answered before they were asked. Listings may lag behind, and
//!   tell rows of different moments; each row was true at some time, and none is left out that stood there all the while.
//! - **No clock.** A store tells no time and forgets nothing by itself. Whoever watches a row times its changes with its own
//!   monotonic clock.
//! - **A row that cannot be read stays.** It is listed as [`Unreadable`], refused by [`apply`](LeaseStore::apply) with
//!   [`Error::Unreadable`], never written over and never taken for absent.
//! - **Calls may overlap**, and may be made from any thread and any runtime. A call whose future is dropped may or may not
//!   be done.

use crate::change::{Applied, Change};
use crate::error::Error;
use crate::group::GroupRecord;
use crate::key::LeaseKey;
use crate::lease::Lease;
use crate::lock::{Lock, LockVersion};
use crate::name::{GroupName, WorkerId};
use crate::worker::{Incarnation, WorkerRow};
use std::fmt;
use std::pin::Pin;

/// What a store answers.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Keeps the rows of groups. The promises stand in full at the head of `contract.rs`: each write judges and writes one row
/// as one step; contention is an answer, not an error; what is answered is durable; there is no clock in a store; a row
/// that cannot be read is told and never written over.
///
/// # Cancellation
///
/// A future that is dropped may or may not have done what was asked; ask for the row.
pub trait LeaseStore: Send + Sync + fmt::Debug {
    /// Makes what the store needs: files, tables. Nothing if it is there. Other calls may be made only when this has
    /// succeeded once.
    fn prepare(&self) -> Answer<'_, ()>;

    /// Writes this row if there is none of its key; tells whether it did.
    fn create<'a>(&'a self, lease: &'a Lease) -> Answer<'a, bool>;

    /// The row of this key.
    fn lease<'a>(&'a self, key: &'a LeaseKey) -> Answer<'a, Option<Lease>>;

    /// All rows of a group.
    fn leases<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Listing>;

    /// Makes of a row what [`Change::of`] makes of it.
    fn apply<'a>(&'a self, key: &'a LeaseKey, change: &'a Change) -> Answer<'a, Applied>;

    /// Takes the row away if its counter and its progress are as they were seen; tells whether it did.
    fn remove<'a>(&'a self, seen: &'a Lease) -> Answer<'a, bool>;

    /// Starts a worker: its row is made anew, with an incarnation greater by one than that of the row before.
    fn enlist<'a>(&'a self, group: &'a GroupName, worker: &'a WorkerId) -> Answer<'a, Incarnation>;

    /// Writes a worker's row if there is one of the same incarnation; tells whether it did. If it did not, the worker was
    /// started again elsewhere, or struck off.
    fn beat<'a>(&'a self, group: &'a GroupName, row: &'a WorkerRow) -> Answer<'a, bool>;

    /// Strikes a worker off if its incarnation and its beat are as they were seen; tells whether it did.
    fn strike<'a>(&'a self, group: &'a GroupName, seen: &'a WorkerRow) -> Answer<'a, bool>;

    /// All workers of a group.
    fn workers<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Vec<WorkerRow>>;

    /// Who leads the group.
    fn lock<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Option<Lock>>;

    /// Puts this lock there, or none, if the version there is the one that was seen, or there is none and none was seen;
    /// tells whether it did.
    fn swap_lock<'a>(
        &'a self,
        group: &'a GroupName,
        seen: Option<LockVersion>,
        lock: Option<&'a Lock>,
    ) -> Answer<'a, bool>;

    /// What the group knows; an empty record of version 0 if nothing was ever written.
    fn group<'a>(&'a self, group: &'a GroupName) -> Answer<'a, GroupRecord>;

    /// Puts this record there if its version is greater by one than the one there; tells whether it did.
    fn swap_group<'a>(&'a self, group: &'a GroupName, record: &'a GroupRecord) -> Answer<'a, bool>;
}

/// The rows of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Those that can be read, in the order of their keys.
    pub leases: Vec<Lease>,
    /// Those that cannot.
    pub unreadable: Vec<Unreadable>,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its key, as far as it can be told.
    pub row: String,
    /// Why it cannot be read.
    pub cause: UnreadableCause,
}

/// Why a row cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableCause {
    /// A newer version wrote it.
    #[error("its layout is {layout}, and {known} is the newest that is known")]
    Newer {
        /// Its layout.
        layout: u64,
        /// The newest layout that this version knows.
        known: u64,
    },
    /// Something in it makes no sense.
    #[error("{column} {reason}")]
    Corrupt {
        /// What.
        column: &'static str,
        /// Why not.
        reason: String,
    },
}
