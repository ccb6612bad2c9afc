//! What users write: a handler for each shard, or less.

use crate::batch::Batch;
use crate::checkpoint::Checkpoint;
use bytes::Bytes;
use std::error::Error;
use tailwater_record::ShardId;
use tailwater_store::{Pending, Progress, StreamIdentity};

/// What goes wrong in a handler.
pub type Fault = Box<dyn Error + Send + Sync>;

/// Handles the records of one shard, for as long as this worker has its lease. One call at a time.
///
/// `start`, then `records` for batch after batch in the shard's order; then `ended` when the shard has been read to its
/// end, or `stopping` when the lease is to go to another worker, or `lost` when it has gone already. A call that fails is
/// made again with the same records, by default for ever: nothing is skipped. What was handled since the last checkpoint
/// comes again, here or elsewhere, after a crash.
///
/// ```
/// use tailwater_consumer::{Batch, Handler};
///
/// /// Counts records; keeps nothing, so it may take each checkpoint as it comes.
/// #[derive(Default)]
/// struct Counter(u64);
///
/// impl Handler for Counter {
///     type Error = std::convert::Infallible;
///
///     async fn records(&mut self, batch: &Batch) -> Result<(), Self::Error> {
///         self.0 += batch.len() as u64;
///         Ok(())
///     }
/// }
/// ```
pub trait Handler: Send + 'static {
    /// Why a call failed.
    type Error: Into<Fault> + Send;

    /// Before the first records.
    ///
    /// # Cancellation
    /// Dropped when the lease is lost; then `lost` is called.
    fn start(&mut self, shard: &Begin) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = shard;
        std::future::ready(Ok(()))
    }

    /// Records, in order. With `Ok` they are handled, unless checkpoints are
    /// [made by hand](crate::Checkpointing::Manual); with an error they, or what of them was not checkpointed, come again.
    ///
    /// # Cancellation
    /// Dropped when the lease is lost; then `lost` is called.
    fn records(&mut self, batch: &Batch) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The shard has been read to its end, and everything was handled. With `Ok` that is written, and its children begin; so
    /// say it only when nothing of the shard is left to do.
    ///
    /// # Cancellation
    /// Dropped when the lease is lost; then `lost` is called.
    fn ended(&mut self, checkpoint: &Checkpoint) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = checkpoint;
        std::future::ready(Ok(()))
    }

    /// The lease goes to another worker, or the worker ends. The last chance for a checkpoint; nothing else is delivered.
    ///
    /// # Cancellation
    /// Dropped when it takes longer than the worker can wait; then `lost` is called.
    fn stopping(&mut self, checkpoint: &Checkpoint) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = checkpoint;
        std::future::ready(Ok(()))
    }

    /// The lease is another worker's now, or soon may be. No checkpoint can be made; let go of what is held for the shard.
    ///
    /// # Cancellation
    /// Never dropped but with the consumer.
    fn lost(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// A shard at the beginning of a tenure.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Begin {
    /// Of which stream.
    pub stream: StreamIdentity,
    /// Which shard.
    pub shard: ShardId,
    /// How far it has been handled.
    pub from: Progress,
    /// What a handler put beside the last checkpoint.
    pub state: Option<Bytes>,
    /// A checkpoint that was prepared and not made: finish or undo what it stands for.
    pub pending: Option<Pending>,
    /// By which checkpoints are made, now or later.
    pub checkpoint: Checkpoint,
}

/// Makes a handler for each shard that is taken. A closure will do.
pub trait MakeHandler: Send + Sync + 'static {
    /// What it makes.
    type Handler: Handler;

    /// A handler for this shard.
    fn make(&self, shard: &Begin) -> Self::Handler;
}

impl<F, H> MakeHandler for F
where
    F: Fn(&Begin) -> H + Send + Sync + 'static,
    H: Handler,
{
    type Handler = H;

    fn make(&self, shard: &Begin) -> H {
        self(shard)
    }
}
