//! Leases and checkpoints of Kinesis consumers: the KCL's rows and rules, in whatever keeps them.
//!
//! A group of workers shares the shards of its streams by rows, one for each shard: who owns it, how far it has been
//! handled, where it came from. [`Lease`] is such a row, [`Change`] what may become of one, and [`LeaseStore`] whatever
//! keeps rows and changes them one at a time. The rules are pure and stand here once; a store only sees to it that
//! nothing comes between reading a row and writing it.
//!
//! ```
//! use tailwater_store::{Applied, Change, Lease, LeaseKey, LeaseStore, MemoryStore, Seen};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new();
//! let stream = "111122223333:orders:1700000000".parse()?;
//! let key = LeaseKey::new("billing".parse()?, stream, "shardId-000000000000".parse()?);
//! assert!(store.create(&Lease::new(key.clone())).await?);
//!
//! let change = Change::Assign { seen: Seen::default(), to: Some("worker-1".parse()?) };
//! let Applied::Done(lease) = store.apply(&key, &change).await? else { panic!("nobody else is here") };
//! assert_eq!((lease.owner, lease.counter), (Some("worker-1".parse()?), 1));
//! # Ok(())
//! # }
//! ```
//!
//! [`MemoryStore`] lives as long as the process. [`SqliteStore`] serves the processes of one machine, and may keep its
//! rows in the application's own file, so that an effect and its checkpoint are written in one transaction. Whoever
//! writes another store runs the feature `conformance` against it.

mod name;
mod key;
mod progress;
mod lease;
mod change;
mod worker;
mod lock;
mod group;
mod contract;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;

pub use crate::change::{Applied, Change, Commit, Commitment, Renewal, Seen, Written};
pub use crate::contract::{Answer, LeaseStore, Listing, Unreadable, UnreadableCause};
pub use crate::error::Error;
pub use crate::group::{GroupRecord, Moved, Wish};
pub use crate::key::{LeaseKey, StreamIdentity};
pub use crate::lease::{Lease, Origin, Pending};
pub use crate::lock::{Lock, LockVersion};
pub use crate::memory::MemoryStore;
pub use crate::name::{GroupName, NameFault, WorkerId};
pub use crate::progress::Progress;
#[cfg(feature = "sqlite")]
pub use crate::sqlite::SqliteStore;
pub use crate::worker::{CpuUse, Incarnation, WorkerRow};
