//! A server that misbehaves as it is told: each connection it accepts gets the next act of a script.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What happens to one request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// The connection is closed before the request is read.
    CutBefore,
    /// The request is read, and the connection closed without an answer.
    CutInstead,
    /// The request is read, and these bytes are the answer; then the connection is closed.
    Answer(Vec<u8>),
    /// As `Answer`, but the connection stays open, and nothing more comes.
    AnswerAndStall(Vec<u8>),
    /// As `Answer`, byte by byte.
    Trickle(Vec<u8>),
}

/// A running server. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: std::net::SocketAddr,
    requests: mpsc::UnboundedReceiver<String>,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Plays the script, one connection after the other.
    pub(crate) async fn start(script: Vec<Act>) -> Self {
        Self::start_with(script, None).await
    }

    /// As `start`, over TLS.
    pub(crate) async fn start_with(script: Vec<Act>, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be listened on");
        let address = listener.local_addr().expect("it is bound");
        let (seen, requests) = mpsc::unbounded_channel();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            let mut stalled = Vec::new();
            for act in script {
                let Ok((socket, _)) = listener.accept().await else { return };
                counted.fetch_add(1, Ordering::SeqCst);
                match &tls {
                    None => stalled.extend(play(act, socket, &seen).await.map(Kept::Plain)),
                    // A handshake that the client breaks off is what some tests are about.
                    Some(tls) => {
                        if let Ok(socket) = tls.accept(socket).await {
                            stalled.extend(play(act, socket, &seen).await.map(|socket| Kept::Tls(Box::new(socket))));
                        }
                    }
                }
            }
            // The script is over; what is stalled stays so until the server is dropped.
            std::future::pending::<()>().await;
        });
        Self { address, requests, accepted, task }
    }

    /// The next request that was read.
    pub(crate) async fn request(&mut self) -> String {
        self.requests.recv().await.expect("the server is running")
    }

    /// How many connections there were.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection that stays open.
#[allow(dead_code, reason = "held, not read")]
enum Kept {
    Plain(tokio::net::TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<tokio::net::TcpStream>>),
}

async fn play<S: AsyncRead + AsyncWrite + Unpin>(
    act: Act,
    mut socket: S,
    seen: &mpsc::UnboundedSender<String>,
) -> Option<S> {
    if matches!(act, Act::CutBefore) {
        return None;
    }
    let request = read_request(&mut socket).await?;
    let _ = seen.send(request);
    match act {
        Act::CutBefore | Act::CutInstead => None,
        Act::Answer(bytes) => {
            let _ = socket.write_all(&bytes).await;
            let _ = socket.shutdown().await;
            None
        }
        Act::AnswerAndStall(bytes) => {
            let _ = socket.write_all(&bytes).await;
            Some(socket)
        }
        Act::Trickle(bytes) => {
            for byte in bytes {
                let _ = socket.write_all(&[byte]).await;
                let _ = socket.flush().await;
                tokio::task::yield_now().await;
            }
            let _ = socket.shutdown().await;
            None
        }
    }
}

/// Head and body, as text.
async fn read_request(socket: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0_usize) {
                return Some(text);
            }
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// A whole answer with these header lines.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
        .into_bytes()
}

/// A good answer to `ListStreams`.
pub(crate) fn good() -> Act {
    let body = r#"{"StreamNames":["orders"],"HasMoreStreams":false}"#;
    Act::Answer(answer("200 OK", "Content-Type: application/x-amz-json-1.1\r\nx-amzn-RequestId: id-7\r\n", body))
}

/// A fault of the service.
pub(crate) fn fault(status: &str, headers: &str, code: &str) -> Act {
    let headers = format!("Content-Type: application/x-amz-json-1.1\r\nx-amzn-RequestId: id-9\r\n{headers}");
    Act::Answer(answer(status, &headers, &format!(r#"{{"__type":"{code}","message":"why"}}"#)))
}
