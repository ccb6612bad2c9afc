//! A closure for each record: the least that a user can write.

use crate::batch::Batch;
use crate::handler::{Begin, Fault, Handler, MakeHandler};
use std::sync::Arc;
use tailwater_record::{SequenceNumber, ShardId, Timestamp, UserRecord};
use tailwater_store::StreamIdentity;

/// A record on its own, and where it came from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivered {
    /// Of which stream.
    pub stream: StreamIdentity,
    /// From which shard.
    pub shard: ShardId,
    /// The number of the Kinesis record.
    pub sequence: SequenceNumber,
    /// The place inside it, from 0.
    pub sub_sequence: u64,
    /// When it was stored.
    pub arrival: Option<Timestamp>,
    /// The record. A partition key that the service would not take, as a faulty producer may write, is left out.
    pub record: UserRecord,
}

/// Makes handlers that call a closure.
pub(crate) struct EachRecord<F>(pub(crate) Arc<F>);

/// Calls a closure for each record, one after the other.
pub(crate) struct Each<F>(Arc<F>);

impl<F, Called, E> MakeHandler for EachRecord<F>
where
    F: Fn(Delivered) -> Called + Send + Sync + 'static,
    Called: Future<Output = Result<(), E>> + Send,
    E: Into<Fault> + Send + 'static,
{
    type Handler = Each<F>;

    fn make(&self, _: &Begin) -> Each<F> {
        Each(Arc::clone(&self.0))
    }
}

impl<F, Called, E> Handler for Each<F>
where
    F: Fn(Delivered) -> Called + Send + Sync + 'static,
    Called: Future<Output = Result<(), E>> + Send,
    E: Into<Fault> + Send + 'static,
{
    type Error = E;

    async fn records(&mut self, batch: &Batch) -> Result<(), E> {
        let mut done = None;
        for record in batch.records() {
            let delivered = Delivered {
                stream: batch.stream().clone(),
                shard: batch.shard().clone(),
                sequence: record.sequence().clone(),
                sub_sequence: record.sub_sequence(),
                arrival: record.arrival(),
                record: record.to_record().unwrap_or_else(|_| UserRecord::new(record.data_bytes())),
            };
            if let Err(error) = (self.0)(delivered).await {
                // What is handled does not come again with what is not. A lost lease is told by other means.
                let _ = done.map(|done| batch.checkpoint().advance(&done));
                return Err(error);
            }
            done = Some(record.progress());
        }
        Ok(())
    }
}
