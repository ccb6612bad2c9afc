//! A stream of shards, each a stream of batches: for who would rather ask for records than be called with them.
//! A handler that passes on what it is handed, and waits until it is told that it was handled.

use crate::batch::Batch;
use crate::checkpoint::Checkpoint;
use crate::consumer::Running;
use crate::handler::{Begin, Fault, Handler, MakeHandler};
use futures_core::Stream;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::{mpsc, oneshot};

/// The shards that this worker takes, as it takes them. Dropped, it ends the worker like [`Running`] does.
#[must_use = "the worker ends when this is dropped"]
pub struct Shards {
    shards: mpsc::Receiver<ShardStream>,
    running: Running,
}

/// The batches of one shard. It ends when the shard does, or when its lease goes to another worker. Dropped, its shard is
/// delivered to nobody until another worker takes it.
pub struct ShardStream {
    begin: Begin,
    batches: mpsc::Receiver<Delivery>,
}

/// A batch, to be [done](Self::done) with. Dropped without that it comes again.
#[must_use = "a batch that is not done comes again"]
pub struct Delivery {
    batch: Batch,
    done: oneshot::Sender<()>,
}

impl Shards {
    pub(crate) fn new(shards: mpsc::Receiver<ShardStream>, running: Running) -> Self {
        Self { shards, running }
    }

    /// The worker behind it: to stop it, to add streams, to see how it is.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Only the worker; shards not yet asked for are given back.
    pub fn into_running(self) -> Running {
        self.running
    }

    /// The next shard that is taken; `None` when the worker has ended.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<ShardStream> {
        self.shards.recv().await
    }
}

impl Stream for Shards {
    type Item = ShardStream;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ShardStream>> {
        self.shards.poll_recv(context)
    }
}

impl ShardStream {
    /// Which shard, and how far it was handled before.
    #[must_use]
    pub fn shard(&self) -> &Begin {
        &self.begin
    }

    /// The next batch; `None` when the shard has ended or is another worker's.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.batches.recv().await
    }
}

impl Stream for ShardStream {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        Poll::Ready(ready!(self.batches.poll_recv(context)))
    }
}

impl Delivery {
    /// The records.
    #[must_use]
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// By which checkpoints are made.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        self.batch.checkpoint()
    }

    /// It is handled: the next one may come, and this one counts, unless checkpoints are made by hand.
    pub fn done(self) {
        // Who no longer waits has lost the lease.
        let _ = self.done.send(());
    }
}

/// Passes shards on.
pub(crate) struct PassShards(pub(crate) mpsc::Sender<ShardStream>);

/// Passes batches on.
pub(crate) struct PassBatches {
    shards: mpsc::Sender<ShardStream>,
    batches: Option<mpsc::Sender<Delivery>>,
}

/// Nobody takes what is passed on.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("nobody asks for shards any more")]
    Shards,
    #[error("the stream of the shard was dropped")]
    Batches,
    #[error("the batch was dropped before it was done")]
    Batch,
}

impl MakeHandler for PassShards {
    type Handler = PassBatches;

    fn make(&self, _: &Begin) -> PassBatches {
        PassBatches { shards: self.0.clone(), batches: None }
    }
}

impl Handler for PassBatches {
    type Error = Fault;

    async fn start(&mut self, shard: &Begin) -> Result<(), Fault> {
        let (pass, batches) = mpsc::channel(1);
        self.shards.send(ShardStream { begin: shard.clone(), batches }).await.map_err(|_| Refused::Shards)?;
        self.batches = Some(pass);
        Ok(())
    }

    async fn records(&mut self, batch: &Batch) -> Result<(), Fault> {
        let (done, is_done) = oneshot::channel();
        let pass = self.batches.as_ref().ok_or(Refused::Batches)?;
        pass.send(Delivery { batch: batch.clone(), done }).await.map_err(|_| Refused::Batches)?;
        Ok(is_done.await.map_err(|_| Refused::Batch)?)
    }
}

impl fmt::Debug for Shards {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Shards").field(&self.running).finish()
    }
}

impl fmt::Debug for ShardStream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("ShardStream").field(&self.begin).finish()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Delivery").field(&self.batch).finish()
    }
}
