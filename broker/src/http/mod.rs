//! The broker on a port: HTTP/1.1 and HTTP/2, in clear text and over TLS, all on one.
//! Why one port: tools are configured with an address, and seldom with what is spoken there. The first byte tells TLS
//! from clear text, ALPN or the client's preface tells HTTP/2 from HTTP/1.1.
//!
//! `listen_task` accepts and closes; `connection` serves one connection; `exchange` turns HTTP's requests and answers
//! into `wire`'s; `cors` lets browsers in, if that is wanted; `tls` reads or makes a certificate.

mod listen_task;
mod connection;
mod exchange;
mod cors;
mod tls;

pub use listen_task::Listener;
pub use tls::Tls;

use crate::admit::BODY_MAX;
use crate::{Broker, Error};
use std::net::SocketAddr;

/// How a broker listens.
///
/// ```
/// use tailwater_broker::{ListenConfig, Tls};
///
/// let config = ListenConfig::on("127.0.0.1:4567".parse()?).with_tls(Tls::self_signed()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ListenConfig {
    address: SocketAddr,
    tls: Option<Tls>,
    cors: Option<String>,
    exposed: bool,
    connections: usize,
    bodies: usize,
}

impl ListenConfig {
    /// Listens on this address; port 0 takes one that is free.
    #[must_use]
    pub fn on(address: SocketAddr) -> Self {
        Self { address, tls: None, cors: None, exposed: false, connections: 1024, bodies: 256 * 1024 * 1024 }
    }

    /// Speaks TLS to whoever begins with it, beside clear text. By default there is none.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Lets pages of this origin call from a browser; `*` lets all of them. By default none may.
    #[must_use]
    pub fn with_cors(mut self, origin: impl Into<String>) -> Self {
        self.cors = Some(origin.into());
        self
    }

    /// Whether to listen on an address that other machines reach, although requests are not verified: whoever reaches it
    /// may then read, write and delete everything. Not allowed by default.
    #[must_use]
    pub fn with_exposure(mut self, allowed: bool) -> Self {
        self.exposed = allowed;
        self
    }

    /// How many connections are served at once; more wait in the system's queue. 1,024 by default.
    #[must_use]
    pub fn with_connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// How many bytes of requests are held at once, over all connections; requests beyond wait to be read. At least one
    /// body of 16 MiB; 256 MiB by default.
    #[must_use]
    pub fn with_body_memory(mut self, bytes: usize) -> Self {
        self.bodies = bytes.max(BODY_MAX);
        self
    }
}

impl Broker {
    /// Begins to listen. Several listeners may share a broker.
    ///
    /// # Errors
    ///
    /// If the address cannot be had, or other machines could reach it and that is not allowed.
    ///
    /// # Cancellation
    ///
    /// Nothing listens if the future is dropped.
    pub async fn listen(&self, config: ListenConfig) -> Result<Listener, Error> {
        if !config.exposed && !config.address.ip().is_loopback() {
            return Err(Error::Exposed(config.address));
        }
        Listener::open(self.clone(), config).await
    }
}
