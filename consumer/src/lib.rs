//! Reads Kinesis streams together with others: leases shards, hands their records to a handler, and keeps checkpoints.
//!
//! What the KCL does for Java, as a library of async Rust whose handlers' errors never skip data. Workers of a group share
//! the shards of its streams through rows in a [`LeaseStore`](tailwater_store::LeaseStore): in memory, or in a SQLite file for
//! the processes of one machine. The rows and their rules are the KCL's.
//!
//! ```no_run
//! use tailwater_client::{self as client, Client};
//! use tailwater_consumer::{Batch, Config, Consumer, Handler, Start};
//! use tailwater_record::StreamName;
//! use tailwater_store::MemoryStore;
//!
//! struct Printer;
//!
//! impl Handler for Printer {
//!     type Error = std::io::Error;
//!
//!     async fn records(&mut self, batch: &Batch) -> Result<(), Self::Error> {
//!         for record in batch.records() {
//!             println!("{} {:?}: {} bytes", batch.shard(), record.partition_key(), record.data().len());
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(client::Config::from_environment()?)?;
//! let orders: StreamName = "orders".parse()?;
//! let config = Config::new("billing".parse()?).with_stream(orders, Start::TrimHorizon);
//! let running = Consumer::new(client, MemoryStore::new(), config)?.run(|_shard: &_| Printer).await?;
//!
//! tokio::time::sleep(std::time::Duration::from_secs(60)).await;
//! let ended = running.drain(std::time::Duration::from_secs(30)).await;
//! println!("{ended:?}");
//! # Ok(())
//! # }
//! ```
//!
//! Who wants less than a [`Handler`]: [`Consumer::for_each`] takes a closure for each record, [`Consumer::shards`] gives a
//! stream of shards, each a stream of batches.
//!
//! # What it promises
//!
//! - **Every record is handled at least once**, in the order of its shard, and a child shard only after those it came from.
//!   A handler that fails gets the same records again; a checkpoint never passes what was not handled.
//! - **One owner at a time.** A lease is renewed three times as often as it must be, by its own thread, so that no handler
//!   can cost it; who cannot renew stops before another may begin. A write of an earlier owner is refused; sinks can do the
//!   same with the [`FencingToken`]. Until it notices, a worker that is cut off may still be handling what the next one
//!   handles as well.
//! - **What was handled since the last checkpoint comes again** after a crash; with effect and checkpoint in one transaction
//!   ([`Checkpoint::ticket`]) it takes effect once.
//! - **Bounded memory.** What is read and not yet handled takes no more than a budget in bytes, over all shards; each shard
//!   is sure of a part.
//! - **A shard that goes to another worker is finished first**: its handler gets to the end of what it is at, writes its
//!   checkpoint, and the successor begins there.

mod config;
mod consumer;
mod handler;
mod closure;
mod shards;
mod stream;
mod budget;
mod fetch;
mod unpack;
mod batch;
mod backoff;
mod checkpoint;
mod link;
mod shard_task;
mod watch;
mod lead;
mod tenure;
mod discover;
mod audit;
mod clean;
mod balance;
mod worker;
mod cpu;
mod state;
mod worker_task;
mod event;
mod snapshot;
mod metrics;
mod error;

pub use crate::balance::Strategy;
#[cfg(feature = "unstable-internals")]
pub use crate::batch::batches;
pub use crate::batch::{Batch, Record};
pub use crate::checkpoint::{Checkpoint, FencingToken, Prepared, Ticket};
pub use crate::closure::Delivered;
pub use crate::config::{Checkpointing, Config, ConfigFault, OnFailure, Renewing, Start};
pub use crate::consumer::{Consumer, Ended, Running};
pub use crate::error::{CheckpointError, Error};
pub use crate::event::{Doing, Event, LossReason};
pub use crate::handler::{Begin, Fault, Handler, MakeHandler};
pub use crate::shards::{Delivery, ShardStream, Shards};
pub use crate::snapshot::{Health, Phase, PlannedMove, ShardSnapshot, Snapshot};
pub use crate::unpack::OnStray;
