//! What a consumer is made of, and what can be wrong with that.

use crate::balance;
use crate::event::Event;
use crate::tenure::Pace;
use crate::unpack::OnStray;
use crate::worker::Rules;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tailwater_record::{StreamRef, Timestamp};
use tailwater_store::{GroupName, WorkerId};
use tailwater_wire::time::{SystemClock, WallClock};

/// Where the first reader of a stream begins. Who comes later goes on where the group has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Start {
    /// With the oldest record kept.
    TrimHorizon,
    /// With what is put from now on. It is the service's own time that counts, less two seconds, and it is written down with the
    /// lease: a few older records may come, and none that is newer is ever missed, whoever begins.
    #[default]
    Latest,
    /// With what was put at this moment or later.
    At(Timestamp),
}

/// When what a handler has accepted becomes a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Checkpointing {
    /// Each time the handler says `Ok`; written with the next renewal, and after [`Config::with_checkpoint_linger`] at the
    /// latest.
    #[default]
    AfterOk,
    /// When so much time has passed since the last one.
    Every(Duration),
    /// When so many records have been handled since the last one.
    EveryRecords(u64),
    /// When the handler says so, through the batch's [`Checkpoint`](crate::Checkpoint), and never otherwise.
    Manual,
}

/// What happens to a shard whose handler fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFailure {
    /// The same records are delivered again, after a wait that grows, for ever. The shard is shown unhealthy meanwhile.
    #[default]
    Retry,
    /// The shard is handled no more by this worker until it is started again; its lease is kept.
    StopShard,
    /// The worker drains its other shards and ends with the handler's error.
    StopWorker,
}

/// Where leases are renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Renewing {
    /// On a thread of its own, so that a handler that blocks the runtime's threads costs no lease.
    #[default]
    OwnThread,
    /// In the runtime of the caller: for tests on paused time.
    SameRuntime,
}

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

/// What can be set by numbers and words.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) failover: Duration,
    pub(crate) observation: Option<Duration>,
    pub(crate) lock_lease: Duration,
    pub(crate) handoff: Duration,
    pub(crate) audit: Duration,
    pub(crate) strategy: balance::Strategy,
    pub(crate) moves_at_most: usize,
    pub(crate) hold_at_least: Duration,
    pub(crate) leases_max: Option<u32>,
    pub(crate) cleanup: bool,
    pub(crate) checkpointing: Checkpointing,
    pub(crate) checkpoint_linger: Option<Duration>,
    pub(crate) on_failure: OnFailure,
    pub(crate) first_wait: Duration,
    pub(crate) longest_wait: Duration,
    pub(crate) on_stray: OnStray,
    pub(crate) budget: u64,
    pub(crate) floor: u64,
    pub(crate) batch_bytes: usize,
    pub(crate) idle: Duration,
    pub(crate) paced: bool,
    pub(crate) fetch_stall: Duration,
    pub(crate) handler_stall: Duration,
    pub(crate) store_timeout: Option<Duration>,
    pub(crate) renewing: Renewing,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failover: Duration::from_secs(10),
            observation: None,
            lock_lease: Duration::from_secs(20),
            handoff: Duration::from_secs(30),
            audit: Duration::from_secs(120),
            strategy: balance::Strategy::default(),
            moves_at_most: 16,
            hold_at_least: Duration::from_secs(30),
            leases_max: None,
            cleanup: true,
            checkpointing: Checkpointing::AfterOk,
            checkpoint_linger: None,
            on_failure: OnFailure::Retry,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(30),
            on_stray: OnStray::default(),
            budget: 256 * 1024 * 1024,
            floor: 1024 * 1024,
            batch_bytes: 1024 * 1024,
            idle: Duration::from_secs(1),
            paced: true,
            fetch_stall: Duration::from_secs(60),
            handler_stall: Duration::from_secs(60),
            store_timeout: None,
            renewing: Renewing::OwnThread,
        }
    }
}

impl Settings {
    pub(crate) fn renewal(&self) -> Duration {
        (self.failover / 3).saturating_sub(Duration::from_millis(25))
    }

    pub(crate) fn observation(&self) -> Duration {
        self.observation.unwrap_or_else(|| self.renewal())
    }

    pub(crate) fn checkpoint_linger(&self) -> Duration {
        self.checkpoint_linger.unwrap_or_else(|| CHECKPOINT_LINGER.min(self.renewal()))
    }

    /// After how long a call to the store is taken for lost.
    pub(crate) fn store_timeout(&self) -> Duration {
        self.store_timeout.unwrap_or_else(|| self.renewal())
    }

    pub(crate) fn rules(&self) -> Rules {
        let pace = Pace { failover: self.failover, renewal: self.renewal(), linger: self.checkpoint_linger() };
        // Counts do not waver as measured loads do, so a lease may move on at once.
        let hold_at_least = match self.strategy {
            balance::Strategy::Count => Duration::ZERO,
            balance::Strategy::Throughput | balance::Strategy::Cpu => self.hold_at_least,
        };
        let balance = balance::Rules {
            strategy: self.strategy,
            moves_at_most: self.moves_at_most,
            hold_at_least,
            reclaim_within: self.failover,
            // The KCL's numbers.
            band: 0.1,
            damping: 0.6,
            throughput_max: None,
            handoff: true,
        };
        Rules {
            pace,
            observation: self.observation(),
            fast_observation: FAST_OBSERVATION.min(self.observation()),
            lock_lease: self.lock_lease,
            handoff: self.handoff,
            audit: self.audit,
            balance,
            leases_max: self.leases_max,
            cleanup: self.cleanup,
            fetch_stall: self.fetch_stall,
            handler_stall: self.handler_stall,
        }
    }
}

/// With one checkpoint a second, half the writes of the KCL; and a crash repeats little.
const CHECKPOINT_LINGER: Duration = Duration::from_secs(2);

const FAST_OBSERVATION: Duration = Duration::from_millis(200);

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

    /// All that is wrong.
    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let settings = &self.settings;
        let mut faults = Vec::new();
        let mut check = |is_right: bool, setting: &'static str, must: &'static str| {
            if !is_right {
                faults.push(ConfigFault::Range { setting, must });
            }
        };
        let second = Duration::from_secs(1);
        let failover = settings.failover;
        check((second..=second * 600).contains(&failover), "failover", "be from 1 s to 10 min");
        let observation = settings.observation();
        let fastest = Duration::from_millis(20);
        check((fastest..=failover).contains(&observation), "observation", "be from 20 ms to the failover time");
        check(settings.lock_lease >= second, "lock_lease", "be 1 s or more");
        check(!settings.handoff.is_zero(), "handoff", "be more than nothing");
        check(settings.audit >= second, "audit", "be 1 s or more");
        check(settings.moves_at_most > 0, "moves_at_most", "be 1 or more");
        check(settings.checkpoint_linger() < failover, "checkpoint_linger", "be less than the failover time");
        let grows = !settings.first_wait.is_zero() && settings.first_wait <= settings.longest_wait;
        check(grows, "waits", "be more than nothing, the first not longer than the longest");
        check(settings.budget >= 12 * 1024 * 1024, "budget", "be 12 MiB or more, so that one full answer fits");
        check((1..=settings.budget).contains(&settings.floor), "floor", "be from 1 byte to the budget");
        check(settings.batch_bytes > 0, "batch_bytes", "be 1 or more");
        check(settings.idle <= second * 60, "idle", "be 1 min or less");
        check(settings.fetch_stall >= second && settings.handler_stall >= second, "stall", "be 1 s or more");
        check(settings.leases_max != Some(0), "leases_max", "be 1 or more");
        let timeout = settings.store_timeout();
        check(!timeout.is_zero() && timeout < failover, "store_timeout", "be less than the failover time");
        if let Checkpointing::Every(period) = settings.checkpointing {
            check(!period.is_zero(), "checkpointing", "be by a period of more than nothing");
        }
        if let Checkpointing::EveryRecords(records) = settings.checkpointing {
            check(records > 0, "checkpointing", "be by 1 record or more");
        }
        for (at, (stream, _)) in self.streams.iter().enumerate() {
            if self.streams[..at].iter().any(|(other, _)| other == stream) {
                faults.push(ConfigFault::Twice { stream: stream.to_string() });
            }
        }
        faults
    }
}

/// Something that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// A setting is out of its range.
    #[error("{setting} must {must}")]
    Range {
        /// Which.
        setting: &'static str,
        /// What it must.
        must: &'static str,
    },
    /// A stream is there twice.
    #[error("stream {stream} is there twice")]
    Twice {
        /// Which.
        stream: String,
    },
    /// The metrics cannot be registered.
    #[error("metrics: {reason}")]
    Metrics {
        /// Why not.
        reason: String,
    },
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
