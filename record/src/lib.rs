//! What travels through Amazon Kinesis: the names, keys and numbers of its records, and the KPL's aggregated records.
//!
//! This crate is pure: no async, no clock, no I/O. It is useful alone, for instance in a function that is handed
//! Kinesis records and wants the user records inside:
//!
//! ```
//! use tailwater_record::kpl::{Packer, Unpacked, unpack};
//! use tailwater_record::{PartitionKey, UserRecord};
//!
//! let mut packer = Packer::new();
//! for reading in ["21.5", "21.7"] {
//!     packer.push(&UserRecord::new(reading).with_partition_key("sensor-7".parse()?))?;
//! }
//! let packed = packer.take().expect("two records were pushed").seal();
//!
//! match unpack(packed.into_data(), None) {
//!     Unpacked::Plain(data) => println!("one payload of {} bytes", data.len()),
//!     Unpacked::Aggregated(aggregate) => {
//!         let readings: Vec<&[u8]> = aggregate.records().map(|record| record.data()).collect();
//!         assert_eq!(readings, [b"21.5", b"21.7"]);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every name and number is checked once, when it is made from text (`FromStr`, `TryFrom`), and is then carried as a
//! type of its own. [`kpl`] holds the aggregate format.

mod newtype;
mod arn;
mod stream;
mod consumer;
mod shard;
mod partition_key;
mod hash_key;
#[cfg(feature = "unstable-internals")]
pub mod md5_lanes;
#[cfg(not(feature = "unstable-internals"))]
#[allow(unreachable_pub, dead_code, reason = "public for our benches only")]
mod md5_lanes;
mod sequence;
mod position;
mod timestamp;
mod headers;
mod user_record;
pub mod kpl;
mod error;

pub use crate::arn::{AccountId, Region};
pub use crate::consumer::{ConsumerArn, ConsumerName};
pub use crate::error::Error;
pub use crate::hash_key::{HashKey, HashRange, hash_keys};
pub use crate::headers::Headers;
pub use crate::partition_key::PartitionKey;
pub use crate::position::Position;
pub use crate::sequence::{Digits, SequenceNumber};
pub use crate::shard::ShardId;
pub use crate::stream::{StreamArn, StreamName, StreamRef};
pub use crate::timestamp::Timestamp;
pub use crate::user_record::UserRecord;
