//! A client and a broker in one process: calls that never touch a socket.
//! Everything else is as with AWS: requests are encoded, signed, judged and repeated by the same code.

use std::fmt;
use tailwater_broker::Broker;
use tailwater_client::{Answer, Client, Config, Endpoint, Error, StaticCredentials, Transport};
use tailwater_wire::Request;
use tokio::time::Instant;

/// Carries requests to a broker in this process.
#[derive(Clone)]
pub struct LocalTransport {
    broker: Broker,
}

impl LocalTransport {
    /// A way to this broker.
    #[must_use]
    pub fn new(broker: Broker) -> Self {
        Self { broker }
    }
}

impl fmt::Debug for LocalTransport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LocalTransport")
    }
}

impl Transport for LocalTransport {
    /// The endpoint does not matter, and a broker in this process has no time to be late.
    fn send<'t>(&'t self, _: &'t Endpoint, request: Request, _: Instant) -> Answer<'t> {
        Box::pin(async { Ok(self.broker.answer(request).await) })
    }
}

/// A client of a broker in this process, in the region `us-east-1`. For settings of your own there are
/// [`LocalTransport`] and [`Client::with_transport`].
///
/// ```
/// use tailwater::broker::{Broker, Config};
/// use tailwater::local;
/// use tailwater::wire::shapes::{CreateStreamInput, ListStreamsInput};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = Broker::open(Config::default())?;
/// let client = local::client(&broker)?;
/// client.create_stream(&CreateStreamInput::provisioned("orders".parse()?, 2)).await?;
/// let listed = client.list_streams(&ListStreamsInput::default()).await?;
/// assert_eq!(listed.stream_names, ["orders".parse()?]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// None that a caller could cause; the settings are ours.
pub fn client(broker: &Broker) -> Result<Client, Error> {
    let region = "us-east-1".parse().expect("the name of a region");
    let config = Config::new(region).with_credentials(StaticCredentials::new("local", "local", None));
    Client::with_transport(config, LocalTransport::new(broker.clone()))
}
