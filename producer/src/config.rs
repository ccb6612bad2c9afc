//! What a producer is made of, and what can be wrong with that.

use crate::failure::Failure;
use crate::pace::Rate;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tailwater_record::PartitionKey;
use tailwater_wire::limits;

/// In which order records are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Ordering {
    /// As they were put, within each shard and so for each key, whatever fails and however the stream is resharded. One
    /// Kinesis record of each shard is under way at a time.
    #[default]
    PerShard,
    /// As it happens; many Kinesis records of a shard may be under way.
    None,
}

/// What happens to the records behind one that fails for good, where order is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum OnFailure {
    /// They wait until the shard is resumed.
    #[default]
    Stop,
    /// They go on: the failed record was handed to the failure hook, or whoever waits for its receipt.
    Skip,
}

/// What happens to a record of which it is not known whether it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum OnAmbiguity {
    /// It is put again, first and unchanged: never lost, perhaps stored twice.
    #[default]
    Retry,
    /// It fails with [`Error::Ambiguous`](crate::Error::Ambiguous): never stored twice, perhaps not at all.
    Fail,
}

/// Under which partition key an aggregate travels. It decides nothing about the shard; functions that are invoked by
/// key see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum OuterKey {
    /// `a`, as the KPL's.
    #[default]
    Kpl,
    /// The key of the first record inside.
    First,
    /// The id of the shard that it is meant for.
    Shard,
}

/// How fast a shard is written to.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ShardRate {
    /// As fast as the service takes it: 1,000 records and 1 MiB a second.
    Service,
    /// At another rate.
    Of {
        /// Kinesis records a second.
        records_per_second: f64,
        /// Bytes a second.
        bytes_per_second: f64,
    },
    /// Without a limit; for brokers that have none.
    Unlimited,
}

impl ShardRate {
    pub(crate) fn rate(self) -> Option<Rate> {
        match self {
            Self::Service => Some(Rate {
                records_per_second: limits::SHARD_WRITE_RECORDS.value as f64,
                bytes_per_second: limits::SHARD_WRITE_BYTES.value as f64,
            }),
            Self::Of { records_per_second, bytes_per_second } => Some(Rate { records_per_second, bytes_per_second }),
            Self::Unlimited => None,
        }
    }
}

/// What failed records are told to.
pub(crate) type Hook = Arc<dyn Fn(Failure) + Send + Sync>;

/// What a producer is made of. Setters never fail; [`Producer::new`](crate::Producer::new) tells all faults at once.
///
/// ```
/// use std::time::Duration;
/// use tailwater_producer::{Config, Ordering};
///
/// let config = Config::default().with_ordering(Ordering::None).with_linger(Duration::from_millis(20));
/// # let _ = config;
/// ```
#[derive(Clone, Default)]
pub struct Config {
    pub(crate) settings: Settings,
    pub(crate) hook: Option<Hook>,
    pub(crate) registry: Option<prometheus::Registry>,
    pub(crate) shard_labels: bool,
    pub(crate) seed: Option<u64>,
}

/// What the pipeline goes by.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) ordering: Ordering,
    pub(crate) on_failure: OnFailure,
    pub(crate) on_ambiguity: OnAmbiguity,
    pub(crate) aggregation: bool,
    pub(crate) outer_key: OuterKey,
    pub(crate) aggregate_bytes: usize,
    pub(crate) aggregate_records: usize,
    pub(crate) linger: Duration,
    pub(crate) time_to_live: Option<Duration>,
    pub(crate) budget: u64,
    pub(crate) requests: usize,
    pub(crate) request_records: usize,
    pub(crate) request_bytes: usize,
    pub(crate) shard_rate: ShardRate,
    pub(crate) patience: Duration,
    pub(crate) first_wait: Duration,
    pub(crate) longest_wait: Duration,
    pub(crate) retry_budget: u32,
    pub(crate) recheck: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ordering: Ordering::PerShard,
            on_failure: OnFailure::Stop,
            on_ambiguity: OnAmbiguity::Retry,
            aggregation: true,
            outer_key: OuterKey::Kpl,
            aggregate_bytes: 256 * 1024,
            aggregate_records: usize::MAX,
            linger: Duration::from_millis(50),
            time_to_live: None,
            budget: 64 * 1024 * 1024,
            requests: 8,
            request_records: limits::PUT_RECORDS_ENTRIES.value as usize,
            request_bytes: limits::PUT_RECORDS_BYTES.value as usize,
            shard_rate: ShardRate::Service,
            patience: Duration::from_secs(30),
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(5),
            retry_budget: 100,
            recheck: Duration::from_secs(300),
        }
    }
}

impl Config {
    /// In which order records are stored. Default: as they were put, per shard. (The KPL keeps no order.)
    #[must_use]
    pub fn with_ordering(mut self, ordering: Ordering) -> Self {
        self.settings.ordering = ordering;
        self
    }

    /// What happens behind a record that fails for good, where order is kept. Default: its lane stops.
    #[must_use]
    pub fn with_on_failure(mut self, then: OnFailure) -> Self {
        self.settings.on_failure = then;
        self
    }

    /// What happens to a record of which it is not known whether it was stored. Default: it is put again.
    #[must_use]
    pub fn with_on_ambiguity(mut self, then: OnAmbiguity) -> Self {
        self.settings.on_ambiguity = then;
        self
    }

    /// Whether records of a shard share a Kinesis record. Default true. Without it, ordered mode stores one record per
    /// round trip and shard. (KPL: `AggregationEnabled`.)
    #[must_use]
    pub fn with_aggregation(mut self, aggregation: bool) -> Self {
        self.settings.aggregation = aggregation;
        self
    }

    /// Under which key an aggregate travels. Default: the KPL's.
    #[must_use]
    pub fn with_outer_key(mut self, key: OuterKey) -> Self {
        self.settings.outer_key = key;
        self
    }

    /// The most bytes of an aggregate, 64 or more. Default 256 KiB; what the shard takes in 100 ms and what the stream
    /// takes in a record bound it too. (KPL: `AggregationMaxSize`, 50 KiB.)
    #[must_use]
    pub fn with_aggregate_bytes(mut self, bytes: usize) -> Self {
        self.settings.aggregate_bytes = bytes;
        self
    }

    /// The most user records of an aggregate, 1 or more. Default: no limit. (KPL: `AggregationMaxCount`.)
    #[must_use]
    pub fn with_aggregate_records(mut self, records: usize) -> Self {
        self.settings.aggregate_records = records;
        self
    }

    /// How long a record may wait for company. Default 50 ms. (KPL: `RecordMaxBufferedTime`, 100 ms.)
    #[must_use]
    pub fn with_linger(mut self, linger: Duration) -> Self {
        self.settings.linger = linger;
        self
    }

    /// How long after its acceptance a record is given up, whatever it is doing then. Where order is kept that stops its
    /// lane, as any failure does, unless [`with_on_failure`](Self::with_on_failure) says otherwise. Default: never. (KPL:
    /// `RecordTtl`, 30 s.)
    #[must_use]
    pub fn with_time_to_live(mut self, limit: Duration) -> Self {
        self.settings.time_to_live = Some(limit);
        self
    }

    /// How many bytes accepted records may take per stream until they are settled, payload and bookkeeping, 64 KiB or
    /// more. Default 64 MiB. Encoded requests under way come on top, at most a third of it. (The KPL has no bound.)
    #[must_use]
    pub fn with_budget(mut self, bytes: u64) -> Self {
        self.settings.budget = bytes;
        self
    }

    /// How many requests may be under way per stream, 1 or more. Default 8. (KPL: `MaxConnections`, 24 in all.)
    #[must_use]
    pub fn with_requests(mut self, requests: usize) -> Self {
        self.settings.requests = requests;
        self
    }

    /// The most Kinesis records of a request, 1 to 500. Default 500. (KPL: `CollectionMaxCount`.)
    #[must_use]
    pub fn with_request_records(mut self, records: usize) -> Self {
        self.settings.request_records = records;
        self
    }

    /// The most bytes of a request, up to 10 MiB. Default 10 MiB. A larger record travels alone. (KPL:
    /// `CollectionMaxSize`, 5 MiB.)
    #[must_use]
    pub fn with_request_bytes(mut self, bytes: usize) -> Self {
        self.settings.request_bytes = bytes;
        self
    }

    /// How fast each shard is written to. Default: as the service takes it; throttling lowers it, so that several
    /// producers share a shard. (KPL: `RateLimit`, 150 %.)
    #[must_use]
    pub fn with_shard_rate(mut self, rate: ShardRate) -> Self {
        self.settings.shard_rate = rate;
        self
    }

    /// How long records wait for the first listing of the shards before they fail. Default 30 s.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// The wait before a failed Kinesis record is put again, and the longest; it grows in between, with jitter.
    /// Default 100 ms and 5 s. (The KPL waits for nothing.)
    #[must_use]
    pub fn with_waits(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.first_wait = first;
        self.settings.longest_wait = longest;
        self
    }

    /// How many repetitions may be saved up. Each first attempt earns a tenth of one; when none is left, repetitions wait
    /// the longest wait. Default 100.
    #[must_use]
    pub fn with_retry_budget(mut self, repetitions: u32) -> Self {
        self.settings.retry_budget = repetitions;
        self
    }

    /// How often the stream is described anew, though nothing hints at a change. Default 5 minutes.
    #[must_use]
    pub fn with_recheck(mut self, every: Duration) -> Self {
        self.settings.recheck = every;
        self
    }

    /// What every failed record is told to that nobody holds a receipt of. Default: a warning is logged, without payload.
    /// A hook that panics disturbs nothing else. It must not block: it is called by the stream's own task.
    #[must_use]
    pub fn with_failure_hook(mut self, hook: impl Fn(Failure) + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// Registers metrics here. Default: none.
    #[must_use]
    pub fn with_metrics(mut self, registry: prometheus::Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Whether metrics tell shards apart. Default false: there may be thousands.
    #[must_use]
    pub fn with_shard_labels(mut self, shards: bool) -> Self {
        self.shard_labels = shards;
        self
    }

    /// The seed of the jitter, for tests that must repeat. Default: another one each time.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Everything that is wrong.
    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let settings = &self.settings;
        let mut faults = Vec::new();
        let mut within = |name, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                faults.push(ConfigFault::Range { name, value, least, most });
            }
        };
        within("aggregate bytes", settings.aggregate_bytes as u64, 64, limits::RECORD_BYTES_MAX.value);
        within("aggregate records", settings.aggregate_records as u64, 1, u64::MAX);
        within("budget", settings.budget, 64 * 1024, u64::MAX);
        within("requests", settings.requests as u64, 1, 1024);
        within("request records", settings.request_records as u64, 1, limits::PUT_RECORDS_ENTRIES.value);
        within("request bytes", settings.request_bytes as u64, 1024, limits::PUT_RECORDS_BYTES.value);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        within("linger in milliseconds", millis(settings.linger), 0, DAY);
        within("patience in milliseconds", millis(settings.patience), 1, DAY);
        within("first wait in milliseconds", millis(settings.first_wait), 1, DAY);
        within("longest wait in milliseconds", millis(settings.longest_wait), millis(settings.first_wait), DAY);
        within("recheck in milliseconds", millis(settings.recheck), 1000, 365 * DAY);
        if let Some(limit) = settings.time_to_live {
            within("time to live in milliseconds", millis(limit), 1, u64::MAX);
        }
        if let ShardRate::Of { records_per_second, bytes_per_second } = settings.shard_rate {
            let good = |rate: f64| rate.is_finite() && rate >= 1.0;
            if !good(records_per_second) || !good(bytes_per_second) {
                faults.push(ConfigFault::Rate);
            }
        }
        faults
    }
}

const DAY: u64 = 24 * 60 * 60 * 1000;

impl fmt::Debug for Config {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Config")
            .field("settings", &self.settings)
            .field("hook", &self.hook.is_some())
            .field("metrics", &self.registry.is_some())
            .finish_non_exhaustive()
    }
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// Choose a value within the bounds.
    #[error("{name} is {value}; it must be {least} to {most}")]
    Range {
        /// Which setting.
        name: &'static str,
        /// What it was given.
        value: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// Give a shard one record and one byte a second at the least.
    #[error("the rate of a shard is less than 1 a second, or no number")]
    Rate,
    /// Register the metrics of one producer in a registry only once.
    #[error("the metrics cannot be registered: {reason}")]
    Metrics {
        /// What the registry says.
        reason: String,
    },
}

/// The key under which aggregates travel, if it is the same for all.
pub(crate) fn kpl_key() -> PartitionKey {
    "a".parse().expect("a plain key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_configuration_tells_every_setting_and_its_default() {
        let settings = Settings::default();
        let debug = |value: &dyn fmt::Debug| format!("`{value:?}`");
        let defaults = [
            ("ordering", debug(&settings.ordering)),
            ("on_failure", debug(&settings.on_failure)),
            ("on_ambiguity", debug(&settings.on_ambiguity)),
            ("aggregation", debug(&settings.aggregation)),
            ("outer_key", debug(&settings.outer_key)),
            ("aggregate_bytes", debug(&settings.aggregate_bytes)),
            ("linger", debug(&settings.linger)),
            ("budget", debug(&settings.budget)),
            ("requests", debug(&settings.requests)),
            ("request_records", debug(&settings.request_records)),
            ("request_bytes", debug(&settings.request_bytes)),
            ("shard_rate", debug(&settings.shard_rate)),
            ("patience", debug(&settings.patience)),
            ("waits", format!("`{:?}`, `{:?}`", settings.first_wait, settings.longest_wait)),
            ("retry_budget", debug(&settings.retry_budget)),
            ("recheck", debug(&settings.recheck)),
            ("aggregate_records", "no limit".to_owned()),
            ("time_to_live", "never".to_owned()),
            ("failure_hook", "a warning in the log".to_owned()),
            ("metrics", "none".to_owned()),
            ("shard_labels", debug(&Config::default().shard_labels)),
            ("seed", "another each time".to_owned()),
        ];
        let page = include_str!("../../docs/configuration.md");
        for (name, default) in &defaults {
            assert!(page.contains(&format!("| `with_{name}` | {default} |")), "{name}: {default}");
        }
        let source = include_str!("config.rs");
        assert_eq!(
            source.matches(concat!("pub fn", " with_")).count(),
            defaults.len(),
            "every setter stands here and on the page"
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_the_default_is_right() {
        assert_eq!(Config::default().faults(), []);
        let config = Config::default()
            .with_aggregate_bytes(1)
            .with_requests(0)
            .with_request_records(501)
            .with_budget(10)
            .with_shard_rate(ShardRate::Of { records_per_second: f64::NAN, bytes_per_second: 1e6 });
        assert_eq!(config.faults().len(), 5, "{:?}", config.faults());
    }
}
