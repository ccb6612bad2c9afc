//! Accepts connections, and closes them in order when it is over.
//! A listener that is closed lets every request that has begun finish; one that is dropped does not wait.

use super::ListenConfig;
use super::connection::{Connections, serve};
use crate::{Broker, Error};
use hyper_util::server::graceful::GracefulShutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// How long requests that have begun may take to finish once a listener closes.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait after the system refuses a connection for want of something, such as open files.
const REFUSED: Duration = Duration::from_millis(50);

/// A broker that listens. Dropped, it is cut off at once; `close` is the polite way.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    secure: bool,
    close: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Listener {
    pub(super) async fn open(broker: Broker, config: ListenConfig) -> Result<Self, Error> {
        let refused = |reason| Error::Address { address: config.address, reason };
        let listener = TcpListener::bind(config.address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let secure = config.tls.is_some();
        let (close, closing) = oneshot::channel();
        let task = tokio::spawn(accept(listener, Arc::new(Connections::new(broker, config.clone())), config, closing));
        Ok(Self { address, secure, close: Some(close), task })
    }

    /// Where it listens, with the port that it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to give an SDK as its endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.address)
    }

    /// Accepts no more connections, lets requests that have begun finish, and ends.
    ///
    /// # Cancellation
    ///
    /// Dropped while it waits, it cuts off what has not finished.
    pub async fn close(mut self) {
        if let Some(close) = self.close.take() {
            // It may have ended by itself.
            let _ = close.send(());
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    connections: Arc<Connections>,
    config: ListenConfig,
    mut closing: oneshot::Receiver<()>,
) {
    let room = Arc::new(Semaphore::new(config.connections));
    let graceful = GracefulShutdown::new();
    // Dropped with this task, and all of them with it.
    let mut served = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut closing => break,
            Some(_) = served.join_next() => {}
            (stream, permit) = next(&listener, &room) => {
                let (connections, watcher) = (Arc::clone(&connections), graceful.watcher());
                served.spawn(async move {
                    serve(stream, &connections, watcher).await;
                    drop(permit);
                });
            }
        }
    }
    drop(listener);
    let _ = timeout(GRACE, graceful.shutdown()).await;
}

/// The next connection, once there is room for it.
async fn next(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let permit = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(fault) => {
                tracing::warn!(%fault, "a connection could not be accepted");
                sleep(REFUSED).await;
            }
        }
    }
}
