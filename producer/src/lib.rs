//! Puts records to Kinesis: aggregated, in order, within a byte budget, shaped to what each shard takes.

mod config;
mod producer;
mod sink;
mod receipt;
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

pub use crate::attempts::{Attempt, Attempts, Trouble};
pub use crate::config::{Config, ConfigFault, OnAmbiguity, OnFailure, Ordering, OuterKey, ShardRate};
pub use crate::error::Error;
pub use crate::failure::{Failure, Refused};
pub use crate::health::Health;
pub use crate::producer::{Closed, PartlyPut, Producer, StreamProducer};
pub use crate::receipt::{Receipt, Receipts, Settled, Stored};
pub use crate::sink::RecordSink;
pub use crate::stats::{ShardStats, Stats, StreamStats};
