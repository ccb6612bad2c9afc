//! One connection: TLS or not, HTTP/2 or 1.1, within limits that keep a slow or greedy client from holding others up.

use super::{ListenConfig, exchange};
use crate::Broker;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::Watcher;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

/// How long a client may take to begin, and to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a head may take, and an idle connection stay; longer than SDKs keep idle connections, so that they close
/// first and none is closed under a request.
const HEAD: Duration = Duration::from_secs(75);
/// How long a client may leave an answer unread before it is given up.
const UNREAD: Duration = Duration::from_secs(60);
/// Requests on one connection at once.
const STREAMS: u32 = 256;
const HEADERS: usize = 100;
const HEADER_BYTES: u32 = 64 * 1024;
/// What one request may have on its way, and all of a connection together.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
const PING: Duration = Duration::from_secs(20);
/// The first byte of a TLS handshake; no method of HTTP begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// What room for bodies is counted in.
pub(super) const KIB: usize = 1024;

/// What all connections of a listener share.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) broker: Broker,
    pub(super) config: ListenConfig,
    /// Room for bodies, in KiB.
    pub(super) room: Semaphore,
}

impl Connections {
    pub(super) fn new(broker: Broker, config: ListenConfig) -> Self {
        let room = Semaphore::new(config.bodies / KIB);
        Self { broker, config, room }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, shared: &Arc<Connections>, watcher: Watcher) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &shared.config.tls else { return speak(stream, shared, watcher).await };
    let mut first = [0];
    match timeout(HANDSHAKE, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first[0] == TLS_HANDSHAKE => {
            match timeout(HANDSHAKE, TlsAcceptor::from(tls.server()).accept(stream)).await {
                Ok(Ok(stream)) => speak(stream, shared, watcher).await,
                Ok(Err(fault)) => tracing::debug!(%fault, "a client and this broker did not agree on TLS"),
                Err(_) => tracing::debug!("a client took too long to agree on TLS"),
            }
        }
        Ok(Ok(1)) => speak(stream, shared, watcher).await,
        _ => {}
    }
}

async fn speak<S>(stream: S, shared: &Arc<Connections>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(UNREAD));
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_headers(HEADERS);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let service = service_fn(|request| {
        let shared = Arc::clone(shared);
        async move { Ok::<_, Infallible>(exchange::answer(&shared, request).await) }
    });
    let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service).into_owned();
    if let Err(fault) = watcher.watch(connection).await {
        tracing::debug!(%fault, "a connection broke off");
    }
}
