//! How Amazon Kinesis is spoken: every operation, every request and response, two encodings, event streams, signatures.
//!
//! This crate is pure: no socket, no async runtime, and no clock but the one door of [`time`]. Client and broker both stand on it, so that the two ends
//! cannot drift apart.
//!
//! ```
//! use tailwater_wire::shapes::{Call, ListShardsInput};
//! use tailwater_wire::{Codec, Request};
//!
//! let input = ListShardsInput { stream_name: Some("orders".parse()?), ..Default::default() };
//! let request = Request::of(&input, Codec::Json);
//! assert_eq!(request.body, r#"{"StreamName":"orders"}"#);
//!
//! let answer = r#"{"Shards":[{"ShardId":"shardId-000000000000","HashKeyRange":{"StartingHashKey":"0",
//!     "EndingHashKey":"340282366920938463463374607431768211455"},"SequenceNumberRange":{"StartingSequenceNumber":"1"}}]}"#;
//! let output: <ListShardsInput as Call>::Output = Codec::Json.decode_response(&answer.into())?;
//! assert_eq!(output.shards.unwrap()[0].shard_id.number(), Some(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod operation;
pub mod shape;
pub mod shapes;
mod codec;
mod json;
mod cbor;
mod fault;
pub mod limits;
pub mod http;
pub mod event_stream;
pub mod sigv4;
pub mod time;

pub use crate::codec::Codec;
pub use crate::fault::{Fault, FaultCode, RetryClass};
pub use crate::http::{Body, Request, Response};
pub use crate::operation::{Operation, Plane, Subject, TARGET_PREFIX, UnknownOperation};
pub use crate::shape::DecodeError;
