//! How a request reaches the service: the seam between a call and what carries it.
//! `reqwest` is one implementation; the local broker in the same process is another.

use crate::config::{ConfigFault, HttpVersion};
use crate::endpoint::Endpoint;
use crate::lanes::Lanes;
use futures_util::StreamExt;
use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tailwater_wire::http::{BodyFault, HeaderFields, header};
use tailwater_wire::{Body, Request, Response};
use tokio::time::{Instant, timeout_at};

/// What becomes of a request.
pub type Answer<'t> = Pin<Box<dyn Future<Output = Result<Response, Cut>> + Send + 't>>;

/// Carries requests.
///
/// The promises: a request is sent once or not at all, never repeated; redirects are answers, not followed; `Cut` never
/// says that nothing was sent unless that is certain; dropping the future gives the request up.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends a signed request and gives the head of the answer, with a body that may still be on its way. After
    /// `deadline` it gives up.
    fn send<'t>(&'t self, to: &'t Endpoint, request: Request, deadline: Instant) -> Answer<'t>;

    /// As `send`, for a request whose answer stays open for minutes. Whoever shares connections spreads these over
    /// several, so that none waits for another.
    fn subscribe<'t>(&'t self, to: &'t Endpoint, request: Request, deadline: Instant) -> Answer<'t> {
        self.send(to, request, deadline)
    }
}

/// The exchange broke off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// How much of the request had left.
    pub sent: Sent,
    /// What happened, without payload or secret.
    pub reason: String,
}

/// How much of a request had left when the exchange broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing: there was no connection. The operation did not happen.
    Nothing,
    /// All of it: an answer had begun. The operation has probably happened.
    All,
    /// It cannot be known.
    Unknown,
}

impl fmt::Display for Cut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = match self.sent {
            Sent::Nothing => "before anything was sent",
            Sent::All => "while the answer arrived",
            Sent::Unknown => "after the request may have been sent",
        };
        write!(out, "cut {when}: {}", self.reason)
    }
}

/// Requests over HTTP, by `reqwest`.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    http: reqwest::Client,
    lanes: Lanes,
}

/// What `HttpTransport` is made of.
#[derive(Clone, Debug)]
pub(crate) struct HttpSettings {
    pub(crate) connect_timeout: Duration,
    pub(crate) version: HttpVersion,
    pub(crate) subscription_version: HttpVersion,
    pub(crate) subscriptions_per_connection: usize,
    pub(crate) subscription_patience: Duration,
    pub(crate) proxy: Option<String>,
    pub(crate) roots_pem: Vec<Vec<u8>>,
    pub(crate) user_agent: String,
}

/// Shorter than servers and the middle of the network keep idle connections, so that a call seldom meets a dead one.
const IDLE: Duration = Duration::from_secs(15);

/// What one subscription may have on its way; a reader that stalls holds no more.
const STREAM_WINDOW: u32 = 512 * 1024;

/// How often a connection with subscriptions is asked whether it is alive.
const PING: Duration = Duration::from_secs(20);

impl HttpTransport {
    pub(crate) fn new(settings: &HttpSettings) -> Result<Self, ConfigFault> {
        // The one place where a TLS provider is named; a process that has installed its own keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = settings.client(settings.version)?;
        // What a lane is made of is tried here, so that making one later cannot fail for its settings.
        settings.client(settings.subscription_version)?;
        Ok(Self { http, lanes: Lanes::new(settings.clone()) })
    }
}

impl HttpSettings {
    /// A client with connections of its own.
    pub(crate) fn client(&self, version: HttpVersion) -> Result<reqwest::Client, ConfigFault> {
        let mut http = reqwest::Client::builder()
            .connect_timeout(self.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(&self.user_agent)
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE);
        http = match version {
            HttpVersion::Http1 => http.http1_only(),
            HttpVersion::Negotiated => http,
            HttpVersion::Http2 => {
                let streams = u32::try_from(self.subscriptions_per_connection).unwrap_or(u32::MAX);
                // Room for every stream's window, so that one that is full leaves the others theirs.
                let connection = STREAM_WINDOW.saturating_mul(streams.saturating_add(1)).min(i32::MAX as u32);
                http.http2_prior_knowledge()
                    .http2_initial_stream_window_size(STREAM_WINDOW)
                    .http2_initial_connection_window_size(connection)
                    .http2_keep_alive_interval(PING)
                    .http2_keep_alive_timeout(PING)
            }
        };
        if let Some(proxy) = &self.proxy {
            http = http.proxy(reqwest::Proxy::all(proxy).map_err(|_| ConfigFault::Proxy)?);
        }
        if !self.roots_pem.is_empty() {
            let mut roots = Vec::new();
            for pem in &self.roots_pem {
                let read = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| ConfigFault::Roots)?;
                if read.is_empty() {
                    return Err(ConfigFault::Roots);
                }
                roots.extend(read);
            }
            http = http.tls_certs_only(roots);
        }
        http.build().map_err(|error| ConfigFault::Http { reason: chain(&error) })
    }
}

impl Transport for HttpTransport {
    fn send<'t>(&'t self, to: &'t Endpoint, request: Request, deadline: Instant) -> Answer<'t> {
        Box::pin(exchange(&self.http, to, request, deadline))
    }

    fn subscribe<'t>(&'t self, to: &'t Endpoint, request: Request, deadline: Instant) -> Answer<'t> {
        Box::pin(self.lanes.exchange(to, request, deadline))
    }
}

/// One request out, the head of its answer in.
pub(crate) async fn exchange(
    http: &reqwest::Client,
    to: &Endpoint,
    request: Request,
    deadline: Instant,
) -> Result<Response, Cut> {
    let refused = |reason: &str| Cut { sent: Sent::Nothing, reason: reason.to_owned() };
    let method = reqwest::Method::from_bytes(request.method.as_bytes());
    let method = method.map_err(|_| refused("not a method of HTTP"))?;
    let mut http = http.request(method, format!("{to}{}", request.target));
    for (name, value) in request.headers.iter().filter(|(name, _)| *name != header::HOST) {
        http = http.header(name, value);
    }
    match timeout_at(deadline, http.body(request.body).send()).await {
        Err(_) => Err(Cut { sent: Sent::Unknown, reason: "no answer in time".to_owned() }),
        Ok(Err(error)) => Err(cut(&error)),
        Ok(Ok(answer)) => Ok(response(answer)),
    }
}

fn response(answer: reqwest::Response) -> Response {
    let mut headers = HeaderFields::new();
    for (name, value) in answer.headers() {
        // A value that is no text is nothing that we look at.
        if let Ok(value) = value.to_str() {
            headers.add(name.as_str(), value);
        }
    }
    let status = answer.status().as_u16();
    let pieces = answer.bytes_stream().map(|piece| piece.map_err(|error| BodyFault { reason: chain(&error) }));
    Response { status, headers, body: Body::Streamed(Box::pin(pieces)) }
}

fn cut(error: &reqwest::Error) -> Cut {
    let sent = if error.is_connect() || error.is_builder() { Sent::Nothing } else { Sent::Unknown };
    Cut { sent, reason: chain(error) }
}

/// The innermost reason; the outer ones say "error sending request" and the address.
fn chain(error: &reqwest::Error) -> String {
    let mut source = error.source();
    let mut reason = error.to_string();
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    reason
}
