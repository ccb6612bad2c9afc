//! What is measured, for Prometheus: counted where events are told, and read from the machine when it is asked for.

use crate::config::ConfigFault;
use crate::event::Event;
use crate::state::Inner;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tailwater_store::GroupName;

/// What counts and measures.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    records: IntCounter,
    handler: Histogram,
    fetch: Histogram,
    fetched: IntCounter,
    throttled: IntCounter,
    fetch_failures: IntCounter,
    handler_failures: IntCounter,
    checkpoints: IntCounter,
    writes: IntCounter,
    store_failures: IntCounter,
    taken: IntCounter,
    lost: IntCounterVec,
    released: IntCounter,
    moves: IntCounterVec,
    unowned: Histogram,
    set_aside: IntCounter,
    unreadable: IntCounter,
    stalls: IntCounter,
    reader: Arc<Mutex<Weak<Inner>>>,
}

const STREAM: &str = "stream";
const SHARD: &str = "shard";

impl Metrics {
    /// Registers everything; tells why it cannot be.
    pub(crate) fn register(registry: &Registry, group: &GroupName) -> Result<Self, ConfigFault> {
        let named = |name: &str, help: &str| {
            Opts::new(format!("tailwater_consumer_{name}"), help).const_label("group", group.as_str())
        };
        let counter = |name: &str, help: &str| {
            let made = IntCounter::with_opts(named(name, help)).map_err(refused)?;
            registry.register(Box::new(made.clone())).map_err(refused)?;
            Ok(made)
        };
        let counters = |name: &str, help: &str, label: &str| {
            let made = IntCounterVec::new(named(name, help), &[label]).map_err(refused)?;
            registry.register(Box::new(made.clone())).map_err(refused)?;
            Ok(made)
        };
        let seconds = |name: &str, help: &str| {
            let buckets = prometheus::exponential_buckets(0.001, 2.0, 18).expect("positive and growing");
            let options = HistogramOpts::from(named(name, help)).buckets(buckets);
            let made = Histogram::with_opts(options).map_err(refused)?;
            registry.register(Box::new(made.clone())).map_err(refused)?;
            Ok(made)
        };
        let made = Self {
            records: counter("records_total", "User records handled")?,
            handler: seconds("handler_seconds", "How long handlers took for a batch")?,
            fetch: seconds("fetch_seconds", "How long GetRecords took")?,
            fetched: counter("fetched_bytes_total", "Bytes of records read")?,
            throttled: counter("throttled_total", "Reads that were throttled")?,
            fetch_failures: counter("fetch_failures_total", "Reads that failed otherwise")?,
            handler_failures: counter("handler_failures_total", "Calls of handlers that failed or panicked")?,
            checkpoints: counter("checkpoints_total", "Writes that carried a checkpoint")?,
            writes: counter("lease_writes_total", "Writes to rows of leases, checkpoints or not")?,
            store_failures: counter("store_failures_total", "Calls to the store that failed")?,
            taken: counter("leases_taken_total", "Leases taken")?,
            lost: counters("leases_lost_total", "Leases lost", "reason")?,
            released: counter("leases_released_total", "Leases let go")?,
            moves: counters("moves_total", "Leases that this worker, as leader, gave to somebody", "reason")?,
            unowned: seconds("unowned_seconds", "How long leases seem to have had no owner when they were taken")?,
            set_aside: counter("set_aside_total", "User records set aside, because they belong to other shards")?,
            unreadable: counter("unreadable_total", "User records that cannot be read")?,
            stalls: counter("stalls_total", "Times that a shard was found without progress")?,
            reader: Arc::default(),
        };
        registry.register(Box::new(Reader::new(&made, group)?)).map_err(refused)?;
        Ok(made)
    }

    /// From now on this worker is read.
    pub(crate) fn watch(&self, inner: &Arc<Inner>) {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(inner);
    }

    pub(crate) fn handled(&self, time: Duration, records: usize) {
        self.handler.observe(time.as_secs_f64());
        self.records.inc_by(records as u64);
    }

    pub(crate) fn fetched(&self, time: Duration, bytes: u64) {
        self.fetch.observe(time.as_secs_f64());
        self.fetched.inc_by(bytes);
    }

    pub(crate) fn wrote(&self, has_checkpoint: bool) {
        self.writes.inc();
        self.checkpoints.inc_by(u64::from(has_checkpoint));
    }

    pub(crate) fn saw(&self, event: &Event) {
        match event {
            Event::Taken { unowned, .. } => {
                self.taken.inc();
                self.unowned.observe(unowned.as_secs_f64());
            }
            Event::Lost { reason, .. } => self.lost.with_label_values(&[reason.name()]).inc(),
            Event::Released { .. } => self.released.inc(),
            Event::Moved { cause, .. } => self.moves.with_label_values(&[cause]).inc(),
            Event::FetchFailed { throttled: true, .. } => self.throttled.inc(),
            Event::FetchFailed { throttled: false, .. } => self.fetch_failures.inc(),
            Event::HandlerFailed { .. } | Event::HandlerPanicked { .. } => self.handler_failures.inc(),
            Event::SetAside { records, .. } => self.set_aside.inc_by(*records as u64),
            Event::UnreadableRecords { records, .. } => self.unreadable.inc_by(*records as u64),
            Event::Stalled { .. } => self.stalls.inc(),
            Event::StoreFailed { .. } => self.store_failures.inc(),
            Event::Started { .. }
            | Event::Superseded { .. }
            | Event::Leading
            | Event::Following
            | Event::AwaitsParents { .. }
            | Event::Begun { .. }
            | Event::HandingOver { .. }
            | Event::HandoffOverdue { .. }
            | Event::Ended { .. }
            | Event::Unplaced { .. }
            | Event::Discovered { .. }
            | Event::Undiscovered { .. }
            | Event::MadeAnew { .. }
            | Event::Hole { .. }
            | Event::Cleaned { .. }
            | Event::UnreadableRow { .. }
            | Event::ShardStopped { .. }
            | Event::FellBack { .. } => {}
        }
    }
}

fn refused(error: prometheus::Error) -> ConfigFault {
    ConfigFault::Metrics { reason: error.to_string() }
}

/// Reads what the machine knows, when it is asked.
struct Reader {
    worker: Arc<Mutex<Weak<Inner>>>,
    shards: IntGauge,
    leader: IntGauge,
    held: IntGauge,
    greatest_lag: Gauge,
    lag: GaugeVec,
}

impl Reader {
    fn new(metrics: &Metrics, group: &GroupName) -> Result<Self, ConfigFault> {
        let named = |name: &str, help: &str| {
            Opts::new(format!("tailwater_consumer_{name}"), help).const_label("group", group.as_str())
        };
        let gauge = |name: &str, help: &str| IntGauge::with_opts(named(name, help)).map_err(refused);
        Ok(Self {
            worker: Arc::clone(&metrics.reader),
            shards: gauge("leases", "Leases held")?,
            leader: gauge("leader", "Whether this worker leads its group")?,
            held: gauge("held_bytes", "Bytes of records in memory")?,
            greatest_lag: Gauge::with_opts(named("lag_max_seconds", "The greatest lag of this worker's shards"))
                .map_err(refused)?,
            lag: GaugeVec::new(named("lag_seconds", "How far a shard is behind its newest record"), &[STREAM, SHARD])
                .map_err(refused)?,
        })
    }
}

impl Collector for Reader {
    fn desc(&self) -> Vec<&Desc> {
        let Self { worker: _, shards, leader, held, greatest_lag, lag } = self;
        [shards.desc(), leader.desc(), held.desc(), greatest_lag.desc(), lag.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let Some(snapshot) = worker.map(|worker| worker.snapshot()) else { return Vec::new() };
        self.shards.set(snapshot.shards.len() as i64);
        self.leader.set(snapshot.is_leader.into());
        self.held.set(i64::try_from(snapshot.bytes_held).unwrap_or(i64::MAX));
        self.greatest_lag.set(snapshot.lag.unwrap_or_default().as_secs_f64());
        // Shards that have gone are not shown any more.
        self.lag.reset();
        let lags: BTreeMap<(String, String), f64> = snapshot
            .shards
            .iter()
            .filter_map(|shard| Some(((shard.stream.to_string(), shard.shard.to_string()), shard.lag?.as_secs_f64())))
            .collect();
        for ((stream, shard), lag) in lags {
            self.lag.with_label_values(&[&stream, &shard]).set(lag);
        }
        let families = [self.shards.collect(), self.leader.collect(), self.held.collect(), self.greatest_lag.collect()];
        families.into_iter().flatten().chain(self.lag.collect()).collect()
    }
}
