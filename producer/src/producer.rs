//! The handles: a producer for all its streams, and one for each of them.

use crate::config::{Config, Ordering};
use crate::error::Error;
use crate::failure::{Failure, Refused};
use crate::health::Health;
use crate::metrics::{Metrics, Reader};
use crate::pipeline::Pipeline;
use crate::pipeline_task;
use crate::receipt::{Receipt, Receipts};
use crate::sink::RecordSink;
use crate::stats::{Stats, StreamStats};
use crate::stream::Stream;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tailwater_client::Client;
use tailwater_record::{ShardId, StreamRef, UserRecord};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// Puts records to any number of streams. Cheap to clone; all clones are one producer.
///
/// [`stream`](Self::stream) gives the handle that records are put through. [`close`](Self::close) is how a producer ends:
/// it waits for what is outstanding and tells what became of it. When the last handle is dropped without it, what is
/// outstanding is lost, and how much that was is logged.
#[derive(Clone)]
pub struct Producer {
    shared: Arc<Shared>,
}

/// What all handles share; when it is dropped, the producer ends.
pub(crate) struct Shared {
    client: Client,
    config: Config,
    metrics: Option<Metrics>,
    runtime: Handle,
    streams: Mutex<Streams>,
}

#[derive(Default)]
struct Streams {
    open: HashMap<StreamRef, (Arc<Stream>, Option<JoinHandle<()>>)>,
    closed: bool,
}

/// Puts records to one stream. Cheap to clone.
///
/// The order of records is the order in which `put` and its like accept them. A future of theirs that is dropped before it
/// is ready has not put its record; one that is ready has.
#[derive(Clone)]
pub struct StreamProducer {
    shared: Arc<Shared>,
    stream: Arc<Stream>,
}

/// How a producer ended.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Closed {
    /// User records that it had accepted.
    pub accepted: u64,
    /// Those that are stored.
    pub stored: u64,
    /// Those that failed, at any time.
    pub failed: u64,
    /// Those that failed while it was closed and are certainly not stored.
    pub failures: Vec<Failure>,
    /// Those that failed while it was closed and may be stored nevertheless.
    pub unknown: Vec<Failure>,
}

/// Some records were put and then one was refused.
#[derive(Debug, thiserror::Error)]
#[error("{} records were put, then one was refused: {refused}", receipts.len())]
#[non_exhaustive]
pub struct PartlyPut {
    /// The receipts of those that were put.
    pub receipts: Receipts,
    /// The one that was refused. Those behind it were not looked at.
    pub refused: Refused,
}

impl Producer {
    /// A producer that calls through this client. Repetitions are its own; the client's are used for descriptions only.
    ///
    /// # Errors
    /// All that is wrong with the configuration at once, or that no Tokio runtime is there.
    pub fn new(client: Client, config: Config) -> Result<Self, Error> {
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let mut faults = config.faults();
        let mut metrics = None;
        if let (Some(registry), true) = (&config.registry, faults.is_empty()) {
            match Metrics::register(registry) {
                Ok(registered) => metrics = Some(registered),
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(Error::Config { faults });
        }
        let shared = Arc::new(Shared { client, config, metrics, runtime, streams: Mutex::default() });
        if let Some(registry) = &shared.config.registry {
            let reader = Reader::new(Arc::downgrade(&shared), shared.config.shard_labels);
            let registered = reader.and_then(|reader| {
                let refused = |error: prometheus::Error| crate::ConfigFault::Metrics { reason: error.to_string() };
                registry.register(Box::new(reader)).map_err(refused)
            });
            registered.map_err(|fault| Error::Config { faults: vec![fault] })?;
        }
        Ok(Self { shared })
    }

    /// The handle of a stream, by name or ARN. The stream is described when it is first asked for here.
    #[must_use]
    pub fn stream(&self, stream: impl Into<StreamRef>) -> StreamProducer {
        let name = stream.into();
        let mut streams = self.shared.lock();
        let closed = streams.closed;
        let stream = streams.open.entry(name).or_insert_with_key(|name| {
            let stream = Arc::new(self.shared.open(name.clone()));
            if closed {
                stream.end();
                return (stream, None);
            }
            let task = pipeline_task::run(Arc::clone(&stream), self.shared.client.clone());
            (stream, Some(self.shared.runtime.spawn(task)))
        });
        StreamProducer { stream: Arc::clone(&stream.0), shared: Arc::clone(&self.shared) }
    }

    /// Waits until all that was put to any stream before is settled.
    ///
    /// # Errors
    /// That a lane is stopped, so that some of it cannot be settled before somebody resumes it.
    ///
    /// # Cancellation
    /// Dropping the future stops waiting, nothing else.
    pub async fn flush(&self) -> Result<(), Error> {
        let streams = self.shared.open_streams();
        let flushed = futures_util::future::join_all(streams.iter().map(|stream| stream.flush())).await;
        flushed.into_iter().collect()
    }

    /// Takes no more records, waits until all are settled or the time is over, and gives up what is left then. Afterwards no
    /// task of the producer is left. Closed once more, it tells the counts again.
    ///
    /// # Cancellation
    /// Dropping the future leaves the producer closed to records; it may be closed again.
    pub async fn close(&self, within: Duration) -> Closed {
        let deadline = Instant::now() + within;
        self.shared.lock().closed = true;
        let streams = self.shared.open_streams();
        let drained = futures_util::future::join_all(streams.iter().map(|stream| stream.drain()));
        // What a stopped lane holds, or what is late, is given up below.
        let _ = timeout_at(deadline, drained).await;
        let mut closed = Closed::default();
        for stream in &streams {
            let failures = stream.end();
            let (unknown, known): (Vec<Failure>, Vec<Failure>) =
                failures.into_iter().partition(Failure::may_have_happened);
            closed.failures.extend(known);
            closed.unknown.extend(unknown);
            let stats = stream.stats();
            closed.accepted += stats.accepted;
            closed.stored += stats.stored;
            closed.failed += stats.failed;
        }
        let tasks: Vec<JoinHandle<()>> =
            self.shared.lock().open.values_mut().filter_map(|(_, task)| task.take()).collect();
        for task in tasks {
            // It ends by itself, also if it panics.
            let _ = task.await;
        }
        closed
    }

    /// Everything in numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, name: StreamRef) -> Stream {
        let settings = self.config.settings.clone();
        let seed = self.config.seed.unwrap_or_else(|| fastrand::u64(..));
        let metrics = self.metrics.as_ref().map(|metrics| metrics.of(&name.to_string()));
        let in_order_alone = settings.ordering == Ordering::PerShard && !settings.aggregation;
        let pipeline = Pipeline::new(Instant::now(), settings, seed);
        Stream::new(name, pipeline, self.config.hook.clone(), metrics, in_order_alone)
    }

    fn open_streams(&self) -> Vec<Arc<Stream>> {
        let mut streams: Vec<Arc<Stream>> = self.lock().open.values().map(|(stream, _)| Arc::clone(stream)).collect();
        streams.sort_by(|one, other| one.name.cmp(&other.name));
        streams
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats { streams: self.open_streams().iter().map(|stream| stream.stats()).collect() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let streams = self.streams.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (name, (stream, task)) in streams.open.drain() {
            let Some(task) = task else { continue };
            let lost = stream.lock().pipeline.outstanding();
            stream.end();
            // Its requests are aborted with it.
            task.abort();
            if lost > 0 {
                tracing::warn!(stream = %name, lost, "a producer was dropped without being closed");
            }
        }
    }
}

impl StreamProducer {
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
        let deadline = Instant::now() + within;
        // A record is cheap to clone: its data is shared.
        match timeout_at(deadline, self.stream.put(record.clone())).await {
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
    /// The first record that is refused, with the receipts of those before. Those behind it were not taken from the
    /// iterator, apart from the few dozen that were looked at with it, which are dropped: to keep them, put smaller parts.
    ///
    /// # Cancellation
    /// Dropped before it is ready, some of the records are put; their receipts are dropped.
    pub async fn put_all<I>(&self, records: I) -> Result<Receipts, PartlyPut>
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
            self.put_part(part, &mut receipts).await.map_err(|(refused, receipts)| PartlyPut { receipts, refused })?;
        }
    }

    /// As [`put_all`](Self::put_all), of a stream of records, until it ends.
    ///
    /// # Errors
    /// As [`put_all`](Self::put_all).
    ///
    /// # Cancellation
    /// As [`put_all`](Self::put_all).
    pub async fn put_stream<S>(&self, records: S) -> Result<Receipts, PartlyPut>
    where
        S: futures_core::Stream<Item = UserRecord> + Send,
    {
        let (mut records, mut receipts) = (std::pin::pin!(records.ready_chunks(TOGETHER)), Receipts::default());
        while let Some(part) = records.next().await {
            self.put_part(part, &mut receipts).await.map_err(|(refused, receipts)| PartlyPut { receipts, refused })?;
        }
        Ok(receipts)
    }

    async fn put_part(&self, part: Vec<UserRecord>, receipts: &mut Receipts) -> Result<(), (Refused, Receipts)> {
        // While there is room nothing else here waits, and others of the same task want their turn.
        tokio::task::coop::consume_budget().await;
        let mut part = part.into_iter();
        while let Some(refused) = self.stream.try_put_all(&mut part, receipts) {
            let waited = match refused.error() {
                Error::Full { .. } => self.stream.put_with(refused.into_record(), receipts).await,
                _ => Err(refused),
            };
            waited.map_err(|refused| (refused, std::mem::take(receipts)))?;
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
        Producer { shared: Arc::clone(&self.shared) }
    }
}

/// How many records are put under one lock.
const TOGETHER: usize = 64;

impl fmt::Debug for Producer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Producer").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl fmt::Debug for StreamProducer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("StreamProducer").field("stream", &self.stream.name).finish_non_exhaustive()
    }
}
