//! What a consumer is made of. `choice` has what can be chosen by a word, `settings` the defaults, `fault` what can be wrong.

mod choice;
mod fault;
mod settings;

pub use choice::{Checkpointing, OnFailure, Renewing, Start};
pub use fault::ConfigFault;
pub(crate) use settings::Settings;

use crate::balance;
use crate::event::Event;
use crate::unpack::OnStray;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tailwater_record::StreamRef;
use tailwater_store::{GroupName, WorkerId};
use tailwater_wire::time::{SystemClock, WallClock};

/// Who hears of events.
pub(crate) type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// What a consumer is made of. Setters never fail; [`Consumer::new`](crate::Consumer::new) tells all faults at once.
///
/// ```
/// use std::time::Duration;
/// use tailwater_consumer::{Config, OnFailure, Start};
/// use tailwater_record::StreamName;
///
/// let orders: StreamName = "orders".parse()?;
/// let config = Config::new("billing".parse()?)
///     .with_stream(orders, Start::TrimHorizon)
///     .with_failover(Duration::from_secs(5))
///     .with_on_failure(OnFailure::StopShard);
/// # let _ = config;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) group: GroupName,
    pub(crate) worker: Option<WorkerId>,
    pub(crate) streams: Vec<(StreamRef, Start)>,
    pub(crate) settings: Settings,
    pub(crate) listener: Option<Listener>,
    pub(crate) registry: Option<prometheus::Registry>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) seed: Option<u64>,
}

impl Config {
    /// A consumer that reads for this group. Nothing is read until streams are added, here or while it runs.
    #[must_use]
    pub fn new(group: GroupName) -> Self {
        Self {
            group,
            worker: None,
            streams: Vec::new(),
            settings: Settings::default(),
            listener: None,
            registry: None,
            clock: Arc::new(SystemClock),
            seed: None,
        }
    }

    /// The worker's name, which no other worker of the group may bear at the same time: a later start under one name stops
    /// the earlier. A random one by default; one that stays over restarts lets a worker take its leases up at once. The
    /// KCL's `workerIdentifier`.
    #[must_use]
    pub fn with_worker(mut self, worker: WorkerId) -> Self {
        self.worker = Some(worker);
        self
    }

    /// Adds a stream, and says where it is begun if the group has not read it yet. The KCL's `streamTracker` and
    /// `initialPositionInStream`.
    #[must_use]
    pub fn with_stream(mut self, stream: impl Into<StreamRef>, start: Start) -> Self {
        self.streams.push((stream.into(), start));
        self
    }

    /// After how long without a renewal others may take a lease; 1 s to 10 min, by default 10 s. Renewals go out three
    /// times as often. All workers of a group must agree. The KCL's `failoverTimeMillis`.
    #[must_use]
    pub fn with_failover(mut self, failover: Duration) -> Self {
        self.settings.failover = failover;
        self
    }

    /// How often a worker looks at all rows of its group when nothing is going on; from 20 ms up to the failover time, by
    /// default as often as it renews. While leases change hands it looks every 200 ms. In the KCL half of
    /// `leaseAssignmentIntervalMillis`.
    #[must_use]
    pub fn with_observation(mut self, period: Duration) -> Self {
        self.settings.observation = Some(period);
        self
    }

    /// For how long a leader counts as one that shows no life; at least 1 s, by default 20 s. The KCL's
    /// `dynamoDbLockBasedLeaderLeaseDurationInMillis`, which is 120 s.
    #[must_use]
    pub fn with_lock_lease(mut self, lease: Duration) -> Self {
        self.settings.lock_lease = lease;
        self
    }

    /// How long a handler has to finish when its shard goes to another worker; by default 30 s. The KCL's
    /// `gracefulLeaseHandoffTimeoutMillis`.
    #[must_use]
    pub fn with_handoff(mut self, limit: Duration) -> Self {
        self.settings.handoff = limit;
        self
    }

    /// How often the leader compares the rows with the stream's shards; by default every 2 min. The KCL's
    /// `leasesRecoveryAuditorExecutionFrequencyMillis`.
    #[must_use]
    pub fn with_audit(mut self, period: Duration) -> Self {
        self.settings.audit = period;
        self
    }

    /// By what shards are shared among workers; by default by count. The KCL's `leaseAssignmentStrategy`.
    #[must_use]
    pub fn with_strategy(mut self, strategy: balance::Strategy) -> Self {
        self.settings.strategy = strategy;
        self
    }

    /// How many leases that are being handled are moved at a time for the sake of balance; at least 1, by default 16. Leases
    /// that nobody handles are not counted.
    #[must_use]
    pub fn with_moves_at_most(mut self, moves: usize) -> Self {
        self.settings.moves_at_most = moves;
        self
    }

    /// How long a lease stays where it is before a measured load may move it again; by default 30 s. Where leases are shared
    /// by count they move at once.
    #[must_use]
    pub fn with_hold_at_least(mut self, time: Duration) -> Self {
        self.settings.hold_at_least = time;
        self
    }

    /// The most leases that this worker takes; by default any number. The KCL's `maxLeasesForWorker`.
    #[must_use]
    pub fn with_leases_max(mut self, leases: u32) -> Self {
        self.settings.leases_max = Some(leases);
        self
    }

    /// Whether rows of shards that are handled to their end are removed once they have served; by default they are. The KCL's
    /// `cleanupLeasesUponShardCompletion`.
    #[must_use]
    pub fn with_cleanup(mut self, cleanup: bool) -> Self {
        self.settings.cleanup = cleanup;
        self
    }

    /// When what a handler has accepted becomes a checkpoint; by default each time it says `Ok`. The KCL has none but by hand.
    #[must_use]
    pub fn with_checkpointing(mut self, checkpointing: Checkpointing) -> Self {
        self.settings.checkpointing = checkpointing;
        self
    }

    /// How long a checkpoint that nobody waits for may wait to be written together with a renewal; by default 2 s, or the
    /// time between renewals if that is less. After a crash, what was handled since comes again.
    #[must_use]
    pub fn with_checkpoint_linger(mut self, linger: Duration) -> Self {
        self.settings.checkpoint_linger = Some(linger);
        self
    }

    /// What happens to a shard whose handler fails; by default the same records are delivered again, for ever. The KCL skips
    /// them.
    #[must_use]
    pub fn with_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.settings.on_failure = on_failure;
        self
    }

    /// The shortest and the longest wait before records are delivered again; by default 100 ms and 30 s.
    #[must_use]
    pub fn with_waits(mut self, first: Duration, longest: Duration) -> Self {
        (self.settings.first_wait, self.settings.longest_wait) = (first, longest);
        self
    }

    /// What happens to aggregates that hold records of other shards; by default those records are set aside.
    #[must_use]
    pub fn with_on_stray(mut self, on_stray: OnStray) -> Self {
        self.settings.on_stray = on_stray;
        self
    }

    /// How many bytes of records may be in memory, of all shards together; at least 12 MiB, so that the
    /// largest answer fits, by default 256 MiB. In the KCL
    /// 8 MiB and more for each shard.
    #[must_use]
    pub fn with_budget(mut self, bytes: u64) -> Self {
        self.settings.budget = bytes;
        self
    }

    /// How much of the budget each shard is sure of; at least as large as the largest record, by default 1 MiB.
    #[must_use]
    pub fn with_floor(mut self, bytes: u64) -> Self {
        self.settings.floor = bytes;
        self
    }

    /// How many bytes are delivered at once, unless one record is larger; by default 1 MiB.
    #[must_use]
    pub fn with_batch_bytes(mut self, bytes: usize) -> Self {
        self.settings.batch_bytes = bytes;
        self
    }

    /// How long to wait between reads of a shard that has nothing new; 200 ms to 1 min, or from
    /// 1 ms where reads are not paced; by default 1 s. The KCL's `idleTimeBetweenReadsInMillis`, which is 1.5 s.
    #[must_use]
    pub fn with_idle(mut self, idle: Duration) -> Self {
        self.settings.idle = idle;
        self
    }

    /// Whether reads keep to the service's five calls and 2 MiB a second for each shard; by default they do, and find their
    /// part of that among strangers. Off, for brokers that have no limits.
    #[must_use]
    pub fn with_paced(mut self, paced: bool) -> Self {
        self.settings.paced = paced;
        self
    }

    /// How long a fetch, and how long a handler, may go on without a sign; by default 60 s each. A fetch is begun anew, a
    /// handler is reported. The KCL's `logWarningForTaskAfterMillis` and its health check.
    #[must_use]
    pub fn with_stall(mut self, fetch: Duration, handler: Duration) -> Self {
        (self.settings.fetch_stall, self.settings.handler_stall) = (fetch, handler);
        self
    }

    /// After how long a call to the store is taken for lost; by default a third of the failover time. The KCL's
    /// `dynamoDbRequestTimeout`.
    #[must_use]
    pub fn with_store_timeout(mut self, timeout: Duration) -> Self {
        self.settings.store_timeout = Some(timeout);
        self
    }

    /// Where leases are renewed; by default on a thread of their own.
    #[must_use]
    pub fn with_renewing(mut self, renewing: Renewing) -> Self {
        self.settings.renewing = renewing;
        self
    }

    /// Who hears of every event, on the thread where it happens; it must not block. None by default. All are logged anyway.
    #[must_use]
    pub fn with_listener(mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Where metrics are registered; nowhere by default. The KCL sends its to CloudWatch.
    #[must_use]
    pub fn with_metrics(mut self, registry: prometheus::Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// The clock by which moves are written down and lag is told; the system's by default. Nothing is decided by it.
    #[must_use]
    pub fn with_clock(mut self, clock: impl WallClock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// From which number chance begins; another one each time by default. For tests.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Config")
            .field("group", &self.group)
            .field("worker", &self.worker)
            .field("streams", &self.streams)
            .field("settings", &self.settings)
            .field("listener", &self.listener.is_some())
            .field("metrics", &self.registry.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_tells_every_setting_and_its_default() {
        let settings = Settings::default();
        let debug = |value: &dyn fmt::Debug| format!("`{value:?}`");
        let defaults = [
            ("worker", "a random name".to_owned()),
            ("stream", "none".to_owned()),
            ("failover", debug(&settings.failover)),
            ("observation", "as often as leases are renewed".to_owned()),
            ("lock_lease", debug(&settings.lock_lease)),
            ("handoff", debug(&settings.handoff)),
            ("audit", debug(&settings.audit)),
            ("strategy", debug(&settings.strategy)),
            ("moves_at_most", debug(&settings.moves_at_most)),
            ("hold_at_least", debug(&settings.hold_at_least)),
            ("leases_max", "no limit".to_owned()),
            ("cleanup", debug(&settings.cleanup)),
            ("checkpointing", debug(&settings.checkpointing)),
            (
                "checkpoint_linger",
                format!("{}, at most the time between renewals", debug(&settings.checkpoint_linger())),
            ),
            ("on_failure", debug(&settings.on_failure)),
            ("waits", format!("`{:?}`, `{:?}`", settings.first_wait, settings.longest_wait)),
            ("on_stray", debug(&settings.on_stray)),
            ("budget", debug(&settings.budget)),
            ("floor", debug(&settings.floor)),
            ("batch_bytes", debug(&settings.batch_bytes)),
            ("idle", debug(&settings.idle)),
            ("paced", debug(&settings.paced)),
            ("stall", format!("`{:?}`, `{:?}`", settings.fetch_stall, settings.handler_stall)),
            ("store_timeout", "a third of the failover time".to_owned()),
            ("renewing", debug(&settings.renewing)),
            ("listener", "none".to_owned()),
            ("metrics", "none".to_owned()),
            ("clock", "the system's".to_owned()),
            ("seed", "another each time".to_owned()),
        ];
        assert_eq!((settings.observation(), settings.store_timeout()), (settings.renewal(), settings.renewal()));
        let page = include_str!("../../docs/configuration-consumer.md");
        for (name, default) in &defaults {
            assert!(page.contains(&format!("| `with_{name}` | {default} |")), "{name}: {default}");
        }
        let source = include_str!("config.rs");
        let setters = source.matches(concat!("pub fn", " with_")).count();
        assert_eq!(setters, defaults.len(), "every setter stands here and on the page");
    }

    #[test]
    fn the_default_is_right() {
        assert_eq!(Config::new("group".parse().unwrap()).faults(), []);
        let second = Duration::from_secs(1);
        assert_eq!(Config::new("group".parse().unwrap()).with_failover(second).faults(), []);
    }
}
