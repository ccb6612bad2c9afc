//! A local Kinesis: every operation on streams, as the service performs them, on one machine and without an account.
//!
//! A [`Broker`] is asked in the same process ([`Broker::answer`]), or listens on a port for any SDK
#![cfg_attr(feature = "listen", doc = "([`Broker::listen`]).")]
#![cfg_attr(not(feature = "listen"), doc = "(feature `listen`).")]
//! It keeps records in memory, or also on disk ([`Config::with_data`]), and gives them back in order: a record can be read
//! from the moment its number is given out, and no record of its shard with a smaller number can appear after it.
#![cfg_attr(
    feature = "listen",
    doc = r#"
```
use tailwater_broker::{Broker, Config, ListenConfig};

# #[tokio::main]
# async fn main() -> Result<(), Box<dyn std::error::Error>> {
let broker = Broker::open(Config::default())?;
let listener = broker.listen(ListenConfig::on("127.0.0.1:0".parse()?)).await?;
println!("point any AWS SDK to {}", listener.url());
listener.close().await;
# Ok(())
# }
```
"#
)]
//! What it leaves out, it says: queues, channels and, for now, subscriptions are answered with one clear fault. What it
//! does differently from the service stands in `docs/differences.md`.

mod config;
mod broker;
mod ids;
mod admit;
mod authorize;
mod refusal;
mod here;
mod account;
mod actions;
mod texts;
#[cfg(feature = "unstable-internals")]
pub mod token;
#[cfg(not(feature = "unstable-internals"))]
#[allow(unreachable_pub, reason = "public for our fuzz targets only")]
mod token;
mod stream;
pub mod log;
#[cfg(feature = "listen")]
mod http;
mod error;
#[cfg(any(test, feature = "unstable-internals"))]
pub mod sim;

pub use crate::broker::Broker;
pub use crate::config::{Config, Limits};
pub use crate::error::Error;
#[cfg(feature = "listen")]
pub use crate::http::{ListenConfig, Listener, Tls};
