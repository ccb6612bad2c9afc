//! The handle of a producer: its streams, and how it ends.

use crate::config::{Config, Ordering};
use crate::error::Error;
use crate::failure::Failure;
use crate::metrics::{Metrics, Reader};
use crate::pipeline::Pipeline;
use crate::pipeline_task::{self, Ward};
use crate::stats::Stats;
use crate::stream::Stream;
use crate::stream_producer::StreamProducer;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tailwater_client::Client;
use tailwater_record::StreamRef;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

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

/// How a producer ended.
#[must_use = "failed records are in it"]
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

    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self { shared }
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
            let task = pipeline_task::run(Ward(Arc::clone(&stream)), self.shared.client.clone());
            (stream, Some(self.shared.runtime.spawn(task)))
        });
        StreamProducer::new(Arc::clone(&self.shared), Arc::clone(&stream.0))
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
        self.shared.lock().closed = true;
        let streams = self.shared.open_streams();
        let drained = futures_util::future::join_all(streams.iter().map(|stream| stream.drain()));
        // What a stopped lane holds, or what is late, is given up below.
        let _ = timeout(within, drained).await;
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
        self.shared.unregister();
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

    /// Takes the metrics off the registry, so that another producer may put its own there.
    fn unregister(&self) {
        if let (Some(registry), Some(metrics)) = (&self.config.registry, &self.metrics) {
            metrics.unregister(registry);
            if let Ok(reader) = Reader::new(Weak::new(), self.config.shard_labels) {
                // A second close finds nothing.
                let _ = registry.unregister(Box::new(reader));
            }
        }
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

impl fmt::Debug for Producer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Producer").field("config", &self.shared.config).finish_non_exhaustive()
    }
}
