//! What a broker is opened with.

use crate::log::Data;
use std::sync::Arc;
use std::time::Duration;
use tailwater_record::{AccountId, Region};
use tailwater_wire::limits;
use tailwater_wire::time::{SystemClock, WallClock};

/// What a broker is opened with. Every setting has a default that suits a machine of one's own.
///
/// ```
/// use std::time::Duration;
/// use tailwater_broker::{Broker, Config};
///
/// let broker = Broker::open(Config::default().with_transition(Duration::from_millis(500)))?;
/// # Ok::<(), tailwater_broker::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) account: Option<AccountId>,
    pub(crate) region: Option<Region>,
    pub(crate) limits: Limits,
    pub(crate) transition: Duration,
    pub(crate) iterator_life: Duration,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) data: Option<Data>,
}

/// How much of the service's limits a broker keeps.
///
/// Sizes and counts that belong to a request's form are kept always: 500 records and 10 MiB in a `PutRecords`, the record
/// size that a stream says, the ranges of the API's model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Limits {
    /// The quotas of an account and of a stream: shards, streams and consumers in CREATING, consumers, on-demand streams.
    #[default]
    Aws,
    /// The same so far; how often a stream may be changed in a second and in a day will count too.
    AwsStrict,
    /// None.
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            account: None,
            region: None,
            limits: Limits::default(),
            transition: Duration::ZERO,
            iterator_life: Duration::from_millis(limits::SHARD_ITERATOR_LIFE.value),
            clock: Arc::new(SystemClock),
            data: None,
        }
    }
}

impl Config {
    /// Serves every request as this account's. By default a request whose access key id consists of twelve digits is
    /// served as that account's, and all others as `000000000000`'s; each account has streams of its own.
    #[must_use]
    pub fn with_account(mut self, account: AccountId) -> Self {
        self.account = Some(account);
        self
    }

    /// Serves every request as this region's. By default the region is the one for which the request is signed; each
    /// region has streams of its own.
    #[must_use]
    pub fn with_region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// Keeps so much of the service's limits; `Limits::Aws` by default. How fast a shard may be written and read is not
    /// limited by any of them yet.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long a stream stays CREATING, UPDATING or DELETING, and a consumer CREATING or DELETING. Zero by default, so
    /// that a change is done when its call returns; the service takes 10 to 60 seconds.
    #[must_use]
    pub fn with_transition(mut self, transition: Duration) -> Self {
        self.transition = transition;
        self
    }

    /// How long an iterator is valid; five minutes by default, as with the service.
    #[must_use]
    pub fn with_iterator_life(mut self, life: Duration) -> Self {
        self.iterator_life = life;
        self
    }

    /// Keeps what it is told on disk, so that it outlives the process. By default everything is in memory.
    #[must_use]
    pub fn with_data(mut self, data: Data) -> Self {
        self.data = Some(data);
        self
    }

    /// Takes the time from this clock; the system's by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl WallClock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}
