//! One signed Kinesis call, judged and maybe repeated.
//!
//! A small client made for producers and consumers: every operation on streams as a method, typed by `tailwater-wire`,
//! over `reqwest` or any other [`Transport`]. It is exact about what a failure means: each [`Error`] tells whether saying
//! the same again makes sense, and whether the operation may have happened.
//!
//! ```no_run
//! use tailwater_client::{Client, Config};
//! use tailwater_wire::shapes::PutRecordInput;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // Region, endpoint and credentials from the environment, as every AWS tool finds them.
//! let client = Client::new(Config::from_environment()?)?;
//!
//! let mut input = PutRecordInput::new("21.5");
//! input.stream_name = Some("readings".parse()?);
//! input.partition_key = Some("sensor-7".parse()?);
//! match client.put_record(&input).await {
//!     Ok(stored) => println!("stored in {} as {}", stored.shard_id, stored.sequence_number),
//!     Err(error) if error.may_have_happened() => println!("perhaps stored: {error}"),
//!     Err(error) => println!("not stored: {error}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A call is repeated after throttling, trouble of the service's, and broken connections, with full jitter and within a
//! budget, so that an outage does not multiply traffic. Whoever owns their repetitions calls through [`Client::once`].

mod config;
mod endpoint;
mod credentials;
mod kinesis;
mod pages;
mod call;
mod subscription;
mod coordinates;
mod judge;
mod retry;
mod skew;
mod transport;
mod lanes;
mod error;

pub use crate::config::{Config, ConfigFault, HttpVersion};
pub use crate::coordinates::Coordinates;
#[cfg(feature = "aws-config")]
pub use crate::credentials::{ChainCredentials, load_config};
pub use crate::credentials::{
    Credentials, CredentialsFault, EnvironmentCredentials, Keys, ProvidedKeys, StaticCredentials,
};
pub use crate::endpoint::{Endpoint, EndpointFault, EndpointRules, EndpointUrl};
pub use crate::error::Error;
pub use crate::kinesis::Client;
pub use crate::pages::Pages;
pub use crate::retry::{RetryBudget, RetryPolicy};
pub use crate::subscription::Subscription;
pub use crate::transport::{Answer, Cut, HttpTransport, Sent, Transport};
