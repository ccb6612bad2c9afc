//! A stream, an account, as the log tells of them.
//! By value: what is told later stands in the place of what was told before, so that it does not matter how often, or in
//! which part of the log, something is told. JSON, because it is little, rarely written, and may grow members.
//! The records of a stream are told by their batches alone. Pure. Called by `commit` and `recover`.

use crate::account::Commitment;
use crate::stream::consumers::{Consumers, Registered};
use crate::stream::life::{Change, Life};
use crate::stream::shard::{Parents, Shard};
use crate::stream::shards::Shards;
use crate::stream::{Facts, Stream, WarmThroughput};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;
use tailwater_record::{AccountId, ConsumerArn, HashKey, HashRange, Region, StreamArn, Timestamp};
use tailwater_wire::shapes::{MetricsName, RecordDistributionStrategy, StreamMode, TagMap};

/// A stream, or what has changed about it: facts are whole, of shards only some may be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StreamImage {
    arn: StreamArn,
    pub(crate) serial: u64,
    created: Timestamp,
    facts: FactsImage,
    began: Timestamp,
    next_shard: u32,
    shards: Vec<ShardImage>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FactsImage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<PendingImage>,
    mode: String,
    distribution: String,
    retention_seconds: u64,
    record_bytes: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warm: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    consumers: Vec<ConsumerImage>,
    #[serde(default)]
    last_consumer: u64,
}

/// A change that is under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PendingImage {
    due: Timestamp,
    change: ChangeImage,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum ChangeImage {
    Create,
    Delete,
    Split { shard: u32, at: HashKey },
    Merge { lower: u32, upper: u32 },
    Scale { target: NonZeroU32 },
    Mode { mode: String, warm: Option<u32> },
    Warm { throughput: u32 },
    RecordSize { kib: u32 },
    Encryption { key: Option<String> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ConsumerImage {
    arn: ConsumerArn,
    created: Timestamp,
    active: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ShardImage {
    number: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parents: Vec<u32>,
    start: HashKey,
    end: HashKey,
    from: Timestamp,
    created: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// The oldest index that may be read, and the one that the next record gets.
    first: u64,
    next: u64,
    newest: Timestamp,
}

/// What an account has agreed to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccountImage {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    started: Option<Timestamp>,
    ends: Option<Timestamp>,
}

impl AccountImage {
    pub(crate) fn of(account: AccountId, region: Region, commitment: Commitment) -> Self {
        Self { account, region, started: commitment.started, ends: commitment.ends }
    }

    pub(crate) fn commitment(&self) -> Commitment {
        Commitment { started: self.started, ends: self.ends }
    }
}

impl StreamImage {
    /// Of a stream with all its shards, or only some of them.
    pub(crate) fn of(stream: &Stream, only: Option<&BTreeSet<u32>>) -> Self {
        let wanted = |shard: &&Shard| only.is_none_or(|only| only.contains(&shard.number()));
        Self {
            arn: stream.arn.clone(),
            serial: stream.serial,
            created: stream.created,
            facts: FactsImage::of(&stream.facts),
            began: stream.shards.began(),
            next_shard: stream.shards.next(),
            shards: stream.shards.iter().filter(wanted).map(ShardImage::of).collect(),
        }
    }

    /// Takes in what was told later.
    pub(crate) fn supersede(&mut self, later: Self) {
        let mut shards: BTreeMap<u32, ShardImage> =
            std::mem::take(&mut self.shards).into_iter().map(|shard| (shard.number, shard)).collect();
        shards.extend(later.shards.iter().map(|shard| (shard.number, shard.clone())));
        *self = Self { shards: shards.into_values().collect(), ..later };
    }

    /// The shards that are told.
    pub(crate) fn shards(&self) -> impl Iterator<Item = u32> + '_ {
        self.shards.iter().map(|shard| shard.number)
    }

    /// The stream; `None` if the image says what cannot be. Its records have still to be taken up.
    pub(crate) fn into_stream(self) -> Option<Stream> {
        let shards: Option<Vec<Shard>> = self.shards.iter().map(ShardImage::shard).collect();
        let shards = Shards::restore(shards?, self.next_shard, self.began);
        let facts = self.facts.facts()?;
        Some(Stream::restore(self.arn, self.serial, self.created, facts, shards))
    }

    /// The index and the moment behind which a shard goes on, whatever batches tell.
    pub(crate) fn floor(&self, shard: u32) -> Option<(u64, u64, Timestamp)> {
        self.shards.iter().find(|image| image.number == shard).map(|image| (image.first, image.next, image.newest))
    }
}

impl ShardImage {
    fn of(shard: &Shard) -> Self {
        let records = shard.records();
        Self {
            number: shard.number(),
            parents: shard.parents().numbers().collect(),
            start: shard.range().start(),
            end: shard.range().end(),
            from: shard.from(),
            created: shard.created(),
            until: shard.until(),
            first: records.first(),
            next: records.next(),
            newest: records.newest(),
        }
    }

    fn shard(&self) -> Option<Shard> {
        let parents = match *self.parents.as_slice() {
            [] => Parents::None,
            [parent] => Parents::Split(parent),
            [lower, upper] => Parents::Merge(lower, upper),
            _ => return None,
        };
        let range = HashRange::new(self.start, self.end).ok()?;
        Some(Shard::restore((self.number, parents, range), self.from, self.created, self.until))
    }
}

impl FactsImage {
    fn of(facts: &Facts) -> Self {
        Self {
            pending: facts.life.pending().map(|(due, change)| PendingImage { due, change: ChangeImage::of(change) }),
            mode: facts.mode.to_string(),
            distribution: facts.distribution.to_string(),
            retention_seconds: facts.retention.as_secs(),
            record_bytes: facts.record_bytes,
            warm: facts.warm_throughput.map(|warm| (warm.target, warm.current)),
            key: facts.key.as_ref().map(|key| key.as_str().to_owned()),
            metrics: facts.metrics.iter().map(MetricsName::to_string).collect(),
            tags: told(&facts.tags),
            policy: facts.policy.as_ref().map(|policy| policy.as_str().to_owned()),
            consumers: facts.consumers.after(None).map(ConsumerImage::of).collect(),
            last_consumer: facts.consumers.last_created(),
        }
    }

    fn facts(&self) -> Option<Facts> {
        let life = match &self.pending {
            None => Life::active(),
            Some(PendingImage { due, change }) => Life::until(*due, change.change()?),
        };
        let consumers: Option<Vec<Registered>> = self.consumers.iter().map(ConsumerImage::registered).collect();
        Some(Facts {
            life,
            mode: StreamMode::from(&*self.mode),
            distribution: RecordDistributionStrategy::from(&*self.distribution),
            retention: Duration::from_secs(self.retention_seconds),
            record_bytes: self.record_bytes,
            warm_throughput: self.warm.map(|(target, current)| WarmThroughput { target, current }),
            key: read(self.key.as_deref())?,
            metrics: self.metrics.iter().map(|name| MetricsName::from(&**name)).collect(),
            tags: tags(&self.tags)?,
            policy: read(self.policy.as_deref())?,
            consumers: Consumers::restore(consumers?, self.last_consumer),
        })
    }
}

impl ChangeImage {
    fn of(change: &Change) -> Self {
        match change {
            Change::Create => Self::Create,
            Change::Delete => Self::Delete,
            Change::Split { shard, at } => Self::Split { shard: *shard, at: *at },
            Change::Merge { lower, upper } => Self::Merge { lower: *lower, upper: *upper },
            Change::Scale { target } => Self::Scale { target: *target },
            Change::Mode { mode, warm_throughput } => Self::Mode { mode: mode.to_string(), warm: *warm_throughput },
            Change::WarmThroughput(throughput) => Self::Warm { throughput: *throughput },
            Change::RecordSize(kib) => Self::RecordSize { kib: *kib },
            Change::Encryption(key) => Self::Encryption { key: key.as_ref().map(|key| key.as_str().to_owned()) },
        }
    }

    fn change(&self) -> Option<Change> {
        Some(match self {
            Self::Create => Change::Create,
            Self::Delete => Change::Delete,
            Self::Split { shard, at } => Change::Split { shard: *shard, at: *at },
            Self::Merge { lower, upper } => Change::Merge { lower: *lower, upper: *upper },
            Self::Scale { target } => Change::Scale { target: *target },
            Self::Mode { mode, warm } => Change::Mode { mode: StreamMode::from(&**mode), warm_throughput: *warm },
            Self::Warm { throughput } => Change::WarmThroughput(*throughput),
            Self::RecordSize { kib } => Change::RecordSize(*kib),
            Self::Encryption { key } => Change::Encryption(read(key.as_deref())?),
        })
    }
}

impl ConsumerImage {
    fn of(consumer: &Registered) -> Self {
        let (active, gone) = consumer.moments();
        Self {
            arn: consumer.arn.clone(),
            created: consumer.created,
            active,
            gone,
            tags: told(&consumer.tags),
            policy: consumer.policy.as_ref().map(|policy| policy.as_str().to_owned()),
        }
    }

    fn registered(&self) -> Option<Registered> {
        let (tags, policy) = (tags(&self.tags)?, read(self.policy.as_deref())?);
        Some(Registered::restore(self.arn.clone(), self.created, tags, policy, (self.active, self.gone)))
    }
}

fn told(tags: &TagMap) -> BTreeMap<String, String> {
    let text = |text: &dyn Display| text.to_string();
    tags.0.iter().map(|(key, value)| (text(key), text(value))).collect()
}

fn tags(told: &BTreeMap<String, String>) -> Option<TagMap> {
    let read = told.iter().map(|(key, value)| Some((key.parse().ok()?, value.parse().ok()?)));
    read.collect::<Option<_>>().map(TagMap)
}

/// A text that may be absent, and must be right otherwise.
fn read<T: FromStr>(text: Option<&str>) -> Option<Option<T>> {
    match text {
        None => Some(None),
        Some(text) => text.parse().ok().map(Some),
    }
}
