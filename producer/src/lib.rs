//! Puts records to Kinesis: aggregated, in order, within a byte budget, shaped to what each shard takes.
//!
//! What the KPL does for Java, without its native process, its unbounded queue and its silent losses. Records of a shard
//! travel together in the KPL's own format, so whatever reads that reads this: the KCL, functions, Firehose.
//!
//! ```no_run
//! use std::time::Duration;
//! use tailwater_client::{self as client, Client};
//! use tailwater_producer::{Config, Producer};
//! use tailwater_record::{StreamName, UserRecord};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(client::Config::from_environment()?)?;
//! let producer = Producer::new(client, Config::default())?;
//! let orders = producer.stream("orders".parse::<StreamName>()?);
//!
//! // Waits for room, not for the service; the receipt tells what became of the record.
//! let receipt = orders.put(UserRecord::new("two of each").with_partition_key("customer-7".parse()?)).await?;
//! match receipt.await {
//!     Ok(stored) => println!("in {} as {}", stored.shard, stored.sequence),
//!     Err(failure) => println!("{failure}; the record is here: {:?}", failure.record),
//! }
//!
//! let closed = producer.close(Duration::from_secs(30)).await;
//! println!("{} stored, {} failed", closed.stored, closed.failed);
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - **An answer for every record.** A receipt resolves to the place of the record, or to a typed [`Failure`] with the record
//!   itself. [`send`](StreamProducer::send) is for those who do not want to know; the failure hook hears of what fails.
//! - **Order.** Records of a shard, and so of a key, are stored in the order in which [`put`](StreamProducer::put) accepts
//!   them, whatever fails and however the stream is resharded ([`Ordering::PerShard`], the default). A record that fails for
//!   good stops the lane of its shard until somebody [resumes](StreamProducer::resume) it; nothing is skipped unless that is
//!   [chosen](OnFailure::Skip).
//! - **Nothing that is told to be stored is lost.** The KCL passes an aggregate over, whole, if any record inside belongs to
//!   another shard, as happens when a shard is split while the aggregate is under way. Such an aggregate counts as not
//!   written here, and is put again. So it may be there twice for readers who do not keep the KCL's rule.
//! - **Bounded memory.** Accepted records take no more than a budget in bytes. When it is used up, `put` waits,
//!   [`try_put`](StreamProducer::try_put) refuses. One shard that is slow leaves room for the others.
//! - **As fast as the shards take it, and no faster.** Each shard is paced at the service's rate; throttling lowers that, so
//!   that several producers who do not know of each other share a shard.
//!
//! # When to choose otherwise
//!
//! In order, one Kinesis record of each shard is under way at a time. With aggregation that keeps a shard busy at any round
//! trip up to 100 ms; without it ([`Config::with_aggregation`]) it is one record per round trip and shard, which
//! [`StreamStats::one_record_per_round_trip`] shows. Streams that spread records by themselves, whatever the keys (`AUTO`),
//! keep no order: put to them with [`Ordering::None`], or each record is refused with [`Error::Unordered`].

mod config;
mod producer;
mod stream_producer;
mod sink;
mod receipt;
mod pages;
mod ledger;
mod intake;
mod route;
mod parcel;
mod attempts;
mod aggregate;
mod pace;
mod backoff;
mod lane;
mod settle;
mod pipeline;
mod pipeline_task;
mod stream;
mod describe;
mod failure;
mod event;
mod health;
mod stats;
mod metrics;
mod error;
#[cfg(any(test, feature = "unstable-internals"))]
pub mod sim;

pub use crate::attempts::{Attempt, Attempts, Trouble};
pub use crate::config::{Config, ConfigFault, OnAmbiguity, OnFailure, Ordering, OuterKey, ShardRate};
pub use crate::error::Error;
pub use crate::failure::{Failure, Refused};
pub use crate::health::Health;
pub use crate::producer::{Closed, Producer};
pub use crate::receipt::{Receipt, Receipts, Settled, Stored};
pub use crate::sink::RecordSink;
pub use crate::stats::{Described, ShardStats, Stats, StreamStats};
pub use crate::stream_producer::{PartlyPut, StreamProducer};
