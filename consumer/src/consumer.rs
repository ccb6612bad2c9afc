//! The handles: a consumer that is made ready, and one that runs.

use crate::closure::{Delivered, EachRecord};
use crate::config::{Config, Renewing, Start};
use crate::error::Error;
use crate::handler::{Fault, MakeHandler};
use crate::metrics::Metrics;
use crate::shards::{PassShards, Shards};
use crate::snapshot::{Health, PlannedMove, Snapshot};
use crate::state::Inner;
use crate::stream::{describe, origin};
use crate::worker::Worker;
use crate::worker_task;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tailwater_client::Client;
use tailwater_record::StreamRef;
use tailwater_store::{LeaseStore, WorkerId};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

/// A consumer that is ready to run: a worker of a group.
///
/// See the [crate's documentation](crate) for an example.
pub struct Consumer {
    client: Client,
    store: Arc<dyn LeaseStore>,
    config: Config,
    metrics: Option<Metrics>,
}

/// A consumer that runs. Dropped, it stops at once and lets nobody know: its leases are taken over when they expire. No
/// task of its outlives it.
#[must_use = "the consumer stops when this is dropped"]
pub struct Running {
    inner: Arc<Inner>,
    /// Dropped to end everything at once.
    alive: Option<watch::Sender<()>>,
    ended: watch::Receiver<bool>,
}

/// How a consumer ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// Whether every handler finished, and every lease was let go, in time.
    pub in_time: bool,
    /// Why it ended, if not because it was told to.
    pub fault: Option<Error>,
}

impl Consumer {
    /// A consumer of what this client reads, with its rows in this store.
    ///
    /// # Errors
    /// All that is wrong with the configuration. Nothing is started.
    pub fn new(client: Client, store: impl LeaseStore + 'static, config: Config) -> Result<Self, Error> {
        let mut faults = config.faults();
        let metrics = match config.registry.as_ref().map(|registry| Metrics::register(registry, &config.group)) {
            Some(Err(fault)) => {
                faults.push(fault);
                None
            }
            Some(Ok(metrics)) => Some(metrics),
            None => None,
        };
        if !faults.is_empty() {
            return Err(Error::Config { faults });
        }
        Ok(Self { client, store: Arc::new(store), config, metrics })
    }

    /// Starts it: rows are made ready, streams looked up, and from then on shards are taken and handled.
    ///
    /// # Errors
    /// If the store cannot be made ready or a stream not be described. Nothing is left running.
    ///
    /// # Cancellation
    /// Nothing is left running.
    pub async fn run<M: MakeHandler>(self, make: M) -> Result<Running, Error> {
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let Self { client, store, config, metrics } = self;
        let failed = |source| Error::Store { source };
        store.prepare().await.map_err(failed)?;
        let mut described = Vec::with_capacity(config.streams.len());
        for (stream, start) in &config.streams {
            described.push((describe(&client, stream).await?, *start));
        }
        let mut seed = config.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let me = config.worker.clone().unwrap_or_else(|| random_name(&mut seed));
        let incarnation = store.enlist(&config.group, &me).await.map_err(failed)?;
        let now = Instant::now();
        let rules = config.settings.rules();
        let worker = Worker::new(now, config.group.clone(), me.clone(), incarnation, rules, seed.u64(..));
        let inner = Arc::new(Inner::new(&config, client, store, me, worker, metrics, seed));
        {
            let wall = inner.wall();
            let mut state = inner.lock();
            for (described, start) in described {
                let origin = origin(start, &described, wall);
                state.worker.add_stream(now, described.identity.clone(), origin);
                state.streams.insert(described.identity, Arc::new(described.info));
            }
        }
        if let Some(metrics) = &inner.metrics {
            metrics.watch(&inner);
        }
        let (alive, living) = watch::channel(());
        let (tell_end, ended) = watch::channel(false);
        let serve = {
            let (inner, make, tell_end) = (Arc::clone(&inner), Arc::new(make), TellEnd(tell_end));
            let runtime = runtime.clone();
            async move {
                worker_task::run(Arc::clone(&inner), make, runtime, living).await;
                inner.release();
                drop(tell_end);
            }
        };
        match config.settings.renewing {
            Renewing::SameRuntime => drop(runtime.spawn(serve)),
            Renewing::OwnThread => on_own_thread(&inner.me, serve)?,
        }
        Ok(Running { inner, alive: Some(alive), ended })
    }

    /// Starts it with a closure that is called for each record, one after the other in each shard.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Cancellation
    /// As [`run`](Self::run).
    pub async fn for_each<F, Called, E>(self, each: F) -> Result<Running, Error>
    where
        F: Fn(Delivered) -> Called + Send + Sync + 'static,
        Called: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Fault> + Send + 'static,
    {
        self.run(EachRecord(Arc::new(each))).await
    }

    /// Starts it and gives the shards that it takes, each as a stream of batches.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Cancellation
    /// As [`run`](Self::run).
    pub async fn shards(self) -> Result<Shards, Error> {
        let (pass, shards) = mpsc::channel(1);
        let running = self.run(PassShards(pass)).await?;
        Ok(Shards::new(shards, running))
    }
}

/// Tells the end, however it comes.
struct TellEnd(watch::Sender<bool>);

impl Drop for TellEnd {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

fn on_own_thread(me: &WorkerId, serve: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
    let fault = |_| Error::NoRuntime;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(fault)?;
    let name = format!("leases of {me}");
    std::thread::Builder::new().name(name).spawn(move || runtime.block_on(serve)).map(drop).map_err(fault)
}

/// A name that no other worker bears.
fn random_name(chance: &mut fastrand::Rng) -> WorkerId {
    let host = std::env::var("HOSTNAME").ok().filter(|host| !host.is_empty() && host.len() < 200);
    let random = chance.u64(..);
    let named = host.and_then(|host| format!("{host}-{random:016x}").parse().ok());
    named.unwrap_or_else(|| format!("worker-{random:016x}").parse().expect("letters, digits and a dash"))
}

impl Running {
    /// The worker's name.
    #[must_use]
    pub fn worker(&self) -> &WorkerId {
        &self.inner.me
    }

    /// Reads another stream from now on.
    ///
    /// # Errors
    /// If it cannot be described, or the consumer has ended.
    ///
    /// # Cancellation
    /// The stream is not added.
    pub async fn add_stream(&self, stream: impl Into<StreamRef>, start: Start) -> Result<(), Error> {
        let described = describe(&self.inner.client, &stream.into()).await?;
        if *self.ended.borrow() {
            return Err(Error::Ended);
        }
        let origin = origin(start, &described, self.inner.wall());
        {
            let mut state = self.inner.lock();
            state.streams.insert(described.identity.clone(), Arc::new(described.info));
            state.worker.add_stream(Instant::now(), described.identity, origin);
        }
        self.inner.wake.notify_one();
        Ok(())
    }

    /// Reads a stream no more: its shards are finished and let go, and its rows stay. Tells whether it was read at all.
    pub fn remove_stream(&self, stream: impl Into<StreamRef>) -> bool {
        let stream = stream.into();
        let removed = {
            let mut state = self.inner.lock();
            let found: Vec<_> = (state.streams.iter())
                .filter(|(identity, info)| info.named == stream || identity.name() == stream.name())
                .map(|(identity, _)| identity.clone())
                .collect();
            for identity in &found {
                state.worker.remove_stream(Instant::now(), identity);
            }
            !found.is_empty()
        };
        self.inner.wake.notify_one();
        removed
    }

    /// How it is at this moment.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.inner.snapshot()
    }

    /// What would be moved now, and why, if this worker led its group: a dry run, by what it saw last. Nothing is changed.
    #[must_use]
    pub fn plan(&self) -> Vec<PlannedMove> {
        self.inner.lock().worker.plan(Instant::now())
    }

    /// How things go, in one word and a reason.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.health()
    }

    /// Ends it well: others take over what they can while it is still being handled, handlers finish, checkpoints are
    /// written, leases let go. What is not finished within the limit is given up and comes again elsewhere.
    ///
    /// # Cancellation
    /// The consumer stops at once, as when it is dropped.
    pub async fn drain(self, within: Duration) -> Ended {
        self.end(true, within).await
    }

    /// Ends it soon: handlers are not waited for, but leases are let go, so that others need not wait until they expire.
    ///
    /// # Cancellation
    /// The consumer stops at once, as when it is dropped.
    pub async fn stop(self) -> Ended {
        let limit = self.inner.settings.failover;
        self.end(false, limit).await
    }

    async fn end(mut self, drains: bool, within: Duration) -> Ended {
        self.inner.lock().worker.end(Instant::now(), drains);
        self.inner.wake.notify_one();
        let mut ended = self.ended.clone();
        let in_time = timeout(within, ended.wait_for(|ended| *ended)).await.is_ok();
        self.alive = None;
        // Tasks that were aborted are gone when this returns.
        let _ = ended.wait_for(|ended| *ended).await;
        Ended { in_time, fault: self.inner.lock().fault.clone() }
    }

    /// Waits until it ends by itself, as it does when another worker is started under its name, or when a handler fails and
    /// the policy is to stop then.
    ///
    /// # Cancellation
    /// The consumer goes on.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|ended| *ended).await;
        Ended { in_time: true, fault: self.inner.lock().fault.clone() }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Consumer").field("config", &self.config).field("store", &self.store).finish_non_exhaustive()
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Running").field(&self.inner).finish()
    }
}
