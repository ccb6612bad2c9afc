//! The handle of one stream: every way to put a record.

use crate::error::Error;
use crate::failure::Refused;
use crate::health::Health;
use crate::producer::{Producer, Shared};
use crate::receipt::{Receipt, Receipts};
use crate::sink::RecordSink;
use crate::stats::StreamStats;
use crate::stream::Stream;
use futures_util::StreamExt;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tailwater_record::{ShardId, StreamRef, UserRecord};
use tokio::sync::watch;
use tokio::time::timeout;

/// Puts records to one stream. Cheap to clone.
///
/// The order of records is the order in which `put` and its like accept them. A future of theirs that is dropped before it
/// is ready has not put its record; one that is ready has.
#[derive(Clone)]
pub struct StreamProducer {
    shared: Arc<Shared>,
    stream: Arc<Stream>,
}

/// Some records were put and then one was refused.
#[derive(Debug, thiserror::Error)]
#[error("{} records were put, then one was refused: {refused}", receipts.len())]
#[non_exhaustive]
pub struct PartlyPut {
    /// The receipts of those that were put.
    pub receipts: Receipts,
    /// The one that was refused.
    pub refused: Refused,
    /// Those behind it that were taken from the iterator and not put.
    pub rest: Vec<UserRecord>,
}

impl StreamProducer {
    pub(crate) fn new(shared: Arc<Shared>, stream: Arc<Stream>) -> Self {
        Self { shared, stream }
    }

    /// The stream's name or ARN.
    #[must_use]
    pub fn name(&self) -> &StreamRef {
        &self.stream.name
    }

    /// Waits for room and puts a record. The receipt tells what became of it; dropping that cancels nothing.
    ///
    /// # Errors
    /// The record comes back with the reason: it is too large, the producer is closed, or its shard's lane is stopped and
    /// full.
    ///
    /// # Cancellation
    /// Dropped before it is ready, the record is not put.
    pub async fn put(&self, record: UserRecord) -> Result<Receipt, Refused> {
        self.stream.put(record).await
    }

    /// Puts a record if there is room at once.
    ///
    /// # Errors
    /// As [`put`](Self::put), and [`Error::Full`].
    pub fn try_put(&self, record: UserRecord) -> Result<Receipt, Refused> {
        self.stream.try_put(record)
    }

    /// Puts a record if there is room in time.
    ///
    /// # Errors
    /// As [`put`](Self::put), and [`Error::Full`] when time is over.
    ///
    /// # Cancellation
    /// As [`put`](Self::put).
    pub async fn put_timeout(&self, record: UserRecord, within: Duration) -> Result<Receipt, Refused> {
        // A record is cheap to clone: its data is shared.
        match timeout(within, self.stream.put(record.clone())).await {
            Ok(put) => put,
            Err(_) => self.stream.try_put(record),
        }
    }

    /// Puts records one after the other, waiting for room where need be: several dozen at a time, which costs less than to
    /// put each by itself.
    ///
    /// ```no_run
    /// # async fn example(orders: tailwater_producer::StreamProducer, lines: Vec<tailwater_record::UserRecord>)
    /// #     -> Result<(), Box<dyn std::error::Error>> {
    /// let settled = orders.put_all(lines).await?.all().await;
    /// println!("{} stored, {} failed", settled.stored, settled.failures.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first record that is refused, with the receipts of those before, and those behind it that were taken from the
    /// iterator already.
    ///
    /// # Cancellation
    /// Dropped before it is ready, some of the records are put, and their receipts are dropped; a few dozen may be taken from
    /// the iterator and lost.
    pub async fn put_all<I>(&self, records: I) -> Result<Receipts, Box<PartlyPut>>
    where
        I: IntoIterator<Item = UserRecord>,
        I::IntoIter: Send,
    {
        let (mut records, mut receipts) = (records.into_iter(), Receipts::default());
        loop {
            let part: Vec<UserRecord> = records.by_ref().take(TOGETHER).collect();
            if part.is_empty() {
                return Ok(receipts);
            }
            self.put_part(part, &mut receipts).await?;
        }
    }

    /// As [`put_all`](Self::put_all), of a stream of records, until it ends; it should, because all receipts are kept until
    /// then. What never ends goes through a [`sink`](Self::sink).
    ///
    /// # Errors
    /// As [`put_all`](Self::put_all).
    ///
    /// # Cancellation
    /// As [`put_all`](Self::put_all).
    pub async fn put_stream<S>(&self, records: S) -> Result<Receipts, Box<PartlyPut>>
    where
        S: futures_core::Stream<Item = UserRecord> + Send,
    {
        let (mut records, mut receipts) = (std::pin::pin!(records.ready_chunks(TOGETHER)), Receipts::default());
        while let Some(part) = records.next().await {
            self.put_part(part, &mut receipts).await?;
        }
        Ok(receipts)
    }

    async fn put_part(&self, part: Vec<UserRecord>, receipts: &mut Receipts) -> Result<(), Box<PartlyPut>> {
        // While there is room nothing else here waits, and others of the same task want their turn.
        tokio::task::coop::consume_budget().await;
        let mut part = part.into_iter();
        while let Some(refused) = self.stream.try_put_all(&mut part, receipts) {
            let waited = match refused.error() {
                Error::Full { .. } => self.stream.put_with(refused.into_record(), receipts).await,
                _ => Err(refused),
            };
            if let Err(refused) = waited {
                let (receipts, rest) = (std::mem::take(receipts), part.collect());
                return Err(Box::new(PartlyPut { receipts, refused, rest }));
            }
        }
        Ok(())
    }

    /// Waits for room and puts a record of which nobody wants to know. If it fails, the failure hook is told.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    ///
    /// # Cancellation
    /// As [`put`](Self::put).
    pub async fn send(&self, record: UserRecord) -> Result<(), Refused> {
        self.stream.send(record).await
    }

    /// As [`send`](Self::send), if there is room at once.
    ///
    /// # Errors
    /// As [`try_put`](Self::try_put).
    pub fn try_send(&self, record: UserRecord) -> Result<(), Refused> {
        self.stream.try_send(record)
    }

    /// A sink of records of which nobody wants to know, for `forward` and its like. Flushing it flushes the stream.
    #[must_use]
    pub fn sink(&self) -> RecordSink {
        RecordSink::new(self.clone())
    }

    /// Waits until all that was put to this stream before is settled.
    ///
    /// # Errors
    /// That a lane is stopped, so that some of it cannot be settled before somebody resumes it.
    ///
    /// # Cancellation
    /// Dropping the future stops waiting, nothing else.
    pub async fn flush(&self) -> Result<(), Error> {
        self.stream.flush().await
    }

    /// Lets the stopped lane of a shard go on, or all that are stopped, and tells how many were.
    pub fn resume(&self, shard: Option<&ShardId>) -> usize {
        self.stream.resume(shard)
    }

    /// How things go: the latest word, and whenever it changes.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.stream.health()
    }

    /// The stream in numbers.
    #[must_use]
    pub fn stats(&self) -> StreamStats {
        self.stream.stats()
    }

    /// The producer that this handle is of.
    #[must_use]
    pub fn producer(&self) -> Producer {
        Producer::of(Arc::clone(&self.shared))
    }
}

/// How many records are put under one lock.
const TOGETHER: usize = 64;

impl fmt::Debug for StreamProducer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("StreamProducer").field("stream", &self.stream.name).finish_non_exhaustive()
    }
}
