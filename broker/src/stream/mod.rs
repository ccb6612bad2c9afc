//! One stream: pure state, to which every request is a method call with the present moment.
//! No clock, no lock, no await. A stream has one writer at a time, who holds it by the lock around it (`account`); so
//! what one call does here, no other call sees half done.
//!
//! `life` is where the stream is between CREATING and gone; `shards` its shards, each a `shard` with its `records`;
//! `sequence` what their numbers say; `filter` which of them a listing shows; `consumers` who is registered.

pub(crate) mod consumers;
pub(crate) mod filter;
pub(crate) mod life;
pub(crate) mod records;
pub(crate) mod sequence;
pub(crate) mod shard;
pub(crate) mod shards;

use consumers::Consumers;
use life::{Change, Life};
use shard::Shard;
use shards::Shards;
use std::num::NonZeroU32;
use std::time::Duration;
use tailwater_record::{ShardId, StreamArn, Timestamp};
use tailwater_wire::limits;
use tailwater_wire::shapes::{
    EncryptionType, KeyId, MetricsName, Policy, RecordDistributionStrategy, StreamMode, StreamStatus, TagMap,
};

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) arn: StreamArn,
    /// Tells it from others of the same name, earlier or later.
    pub(crate) serial: u64,
    pub(crate) created: Timestamp,
    pub(crate) life: Life,
    pub(crate) mode: StreamMode,
    pub(crate) distribution: RecordDistributionStrategy,
    pub(crate) retention: Duration,
    /// The most bytes of data and key that a record may have.
    pub(crate) record_bytes: usize,
    pub(crate) warm_throughput: Option<WarmThroughput>,
    /// The key that records are said to be encrypted with.
    pub(crate) key: Option<KeyId>,
    pub(crate) metrics: Vec<MetricsName>,
    pub(crate) tags: TagMap,
    pub(crate) policy: Option<Policy>,
    pub(crate) consumers: Consumers,
    pub(crate) shards: Shards,
    /// Whose turn it is, where the stream spreads records itself.
    turn: usize,
}

/// The throughput that a stream is said to be ready for, in MiB per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WarmThroughput {
    pub(crate) target: u32,
    pub(crate) current: u32,
}

/// What a stream is made of.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) arn: StreamArn,
    pub(crate) serial: u64,
    pub(crate) mode: StreamMode,
    pub(crate) shards: NonZeroU32,
    pub(crate) distribution: RecordDistributionStrategy,
    pub(crate) record_kib: u32,
    pub(crate) warm_throughput: Option<u32>,
    pub(crate) tags: TagMap,
}

impl Stream {
    /// A stream that comes to be at `ready`.
    pub(crate) fn new(plan: Plan, now: Timestamp, ready: Timestamp) -> Self {
        Self {
            shards: Shards::new(plan.shards, now),
            arn: plan.arn,
            serial: plan.serial,
            created: now,
            life: Life::new(ready),
            mode: plan.mode,
            distribution: plan.distribution,
            retention: hours(limits::RETENTION_MIN.value),
            record_bytes: plan.record_kib as usize * 1024,
            warm_throughput: plan.warm_throughput.map(|target| WarmThroughput { target, current: target }),
            key: None,
            metrics: Vec::new(),
            tags: plan.tags,
            policy: None,
            consumers: Consumers::default(),
            turn: 0,
        }
    }

    /// Lets time pass: changes whose moment has come take effect, records that are too old are forgotten.
    pub(crate) fn pass(&mut self, now: Timestamp) {
        while let Some((change, moment)) = self.life.pass(now) {
            self.apply(change, moment);
        }
        self.consumers.pass(now);
    }

    fn apply(&mut self, change: Change, now: Timestamp) {
        match change {
            Change::Create | Change::Delete => {}
            Change::Split { shard, at } => drop(self.shards.split(shard, at, now)),
            Change::Merge { lower, upper } => drop(self.shards.merge(lower, upper, now)),
            Change::Scale { target } => drop(self.shards.scale(target, now)),
            Change::Mode { mode, warm_throughput } => {
                if mode == StreamMode::Provisioned {
                    self.distribution = RecordDistributionStrategy::UserPartitionKey;
                }
                self.warm_throughput = warm_throughput.map(|target| WarmThroughput { target, current: target });
                self.mode = mode;
            }
            Change::WarmThroughput(target) => {
                self.warm_throughput = Some(WarmThroughput { target, current: target });
            }
            Change::RecordSize(kib) => self.record_bytes = kib as usize * 1024,
            Change::Encryption(key) => self.key = key,
        }
    }

    /// Forgets what is too old.
    pub(crate) fn trim(&mut self, now: Timestamp) {
        self.shards.trim(self.horizon(now));
    }

    /// Forgets what is too old in one shard, before it is read.
    pub(crate) fn freshen(&mut self, shard: u32, now: Timestamp) {
        self.shards.trim_one(shard, self.horizon(now));
    }

    /// The oldest moment of which records are kept.
    pub(crate) fn horizon(&self, now: Timestamp) -> Timestamp {
        now.minus(self.retention)
    }

    pub(crate) fn status(&self) -> StreamStatus {
        self.life.status()
    }

    pub(crate) fn is_on_demand(&self) -> bool {
        self.mode == StreamMode::OnDemand
    }

    /// What answers say about encryption; nothing, if there is none.
    pub(crate) fn encryption(&self) -> Option<EncryptionType> {
        self.key.as_ref().map(|_| EncryptionType::Kms)
    }

    /// The shard whose turn it is, where the stream spreads records itself.
    pub(crate) fn next_in_turn(&mut self) -> &mut Shard {
        self.turn = self.turn.wrapping_add(1);
        self.shards.turn(self.turn)
    }
}

/// The number that a shard's id means, if it means any. The service takes ids loosely: what stands behind the first
/// hyphen counts.
pub(crate) fn shard_number(id: &ShardId) -> Option<u32> {
    if let Some(number) = id.number() {
        return u32::try_from(number).ok().filter(|number| *number <= i32::MAX as u32);
    }
    let text = id.to_string();
    let digits = text.split_once('-').map_or(&*text, |(_, digits)| digits);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| plain && *number <= i32::MAX as u32)
}

/// So many hours.
pub(crate) const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_ids_are_taken_loosely() {
        for (text, number) in [
            ("shardId-000000000007", Some(7)),
            ("shard-7", Some(7)),
            ("x-00000000000000007", Some(7)),
            ("7", Some(7)),
            ("shardId-2147483647", Some(i32::MAX as u32)),
            ("shardId-002147483648", None),
            ("2147483648", None),
            ("shardId-", None),
            ("shardId", None),
            ("a-b-7", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(shard_number(&text.parse().unwrap()), number, "{text}");
        }
    }
}
