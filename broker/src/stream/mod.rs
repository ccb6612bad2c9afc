//! One stream: pure state, to which every request is a method call with the present moment.
//! No clock, no lock, no await. A stream has one writer at a time, who holds it by the lock around it (`account`); so
//! what one call does here, no other call sees half done.
//!
//! `life` is where the stream is between CREATING and gone; `shards` its shards, each a `shard` with its `records`;
//! `sequence` what their numbers say; `filter` which of them a listing shows; `consumers` who is registered.

pub(crate) mod block;
pub(crate) mod consumers;
pub(crate) mod filter;
pub(crate) mod journal;
pub(crate) mod life;
pub(crate) mod page;
pub(crate) mod records;
pub(crate) mod sequence;
pub(crate) mod shard;
pub(crate) mod shards;

use crate::log::place::Place;
use block::{Block, Entry};
use bytes::Bytes;
use consumers::Consumers;
use journal::{Journal, Verdict};
use life::{Change, Life};
use shards::Shards;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;
use tailwater_record::{HashKey, SequenceNumber, ShardId, StreamArn, Timestamp};
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
    pub(crate) facts: Facts,
    pub(crate) shards: Shards,
    /// Whose turn it is, where the stream spreads records itself.
    turn: usize,
    /// What has not been written down yet, if there is a log.
    journal: Option<Journal>,
    /// What of its shards is being written down.
    taken: BTreeMap<u32, shards::Change>,
}

/// What may change about a stream, but for its shards. Small, so that it can be compared, kept and written as a whole.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
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
    /// Whether what it does is written down.
    pub(crate) is_logged: bool,
}

/// A block, and where it was written.
pub(crate) type Written = (Block<Bytes>, Place);

/// What a stream has to be written down.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Whether it is to be told, and not only records.
    pub(crate) tells: bool,
    pub(crate) facts: Facts,
    /// Shards that have come or closed.
    pub(crate) changed: BTreeSet<u32>,
    /// New records, by shard.
    pub(crate) batches: Vec<(u32, Vec<Block<Bytes>>)>,
}

impl Stream {
    /// A stream that comes to be at `ready`.
    pub(crate) fn new(plan: Plan, now: Timestamp, ready: Timestamp) -> Self {
        let facts = Facts {
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
        };
        let shards = Shards::new(plan.shards, now, plan.is_logged);
        let journal = plan.is_logged.then(|| Journal::new(facts.clone()));
        let Plan { arn, serial, .. } = plan;
        Self { arn, serial, created: now, facts, shards, turn: 0, journal, taken: BTreeMap::new() }
    }

    /// A stream as it was written down.
    pub(crate) fn restore(arn: StreamArn, serial: u64, created: Timestamp, facts: Facts, shards: Shards) -> Self {
        let journal = Some(Journal::known(facts.clone()));
        Self { arn, serial, created, facts, shards, turn: 0, journal, taken: BTreeMap::new() }
    }

    /// Lets time pass: changes whose moment has come take effect, records that are too old are forgotten.
    pub(crate) fn pass(&mut self, now: Timestamp) {
        while let Some((change, moment)) = self.facts.life.pass(now) {
            self.apply(change, moment);
        }
        self.facts.consumers.pass(now);
    }

    fn apply(&mut self, change: Change, now: Timestamp) {
        match change {
            Change::Create | Change::Delete => {}
            Change::Split { shard, at } => drop(self.shards.split(shard, at, now)),
            Change::Merge { lower, upper } => drop(self.shards.merge(lower, upper, now)),
            Change::Scale { target } => drop(self.shards.scale(target, now)),
            Change::Mode { mode, warm_throughput } => {
                if mode == StreamMode::Provisioned {
                    self.facts.distribution = RecordDistributionStrategy::UserPartitionKey;
                }
                self.facts.warm_throughput = warm_throughput.map(|target| WarmThroughput { target, current: target });
                self.facts.mode = mode;
            }
            Change::WarmThroughput(target) => {
                self.facts.warm_throughput = Some(WarmThroughput { target, current: target });
            }
            Change::RecordSize(kib) => self.facts.record_bytes = kib as usize * 1024,
            Change::Encryption(key) => self.facts.key = key,
        }
    }

    /// Stores a record in a shard that takes its hash key, or whose turn it is.
    pub(crate) fn put(&mut self, now: Timestamp, hash: Option<HashKey>, entry: Entry<'_>) -> (ShardId, SequenceNumber) {
        let shard = match hash {
            Some(hash) => self.shards.of(hash),
            None => {
                self.turn = self.turn.wrapping_add(1);
                self.shards.turn(self.turn)
            }
        };
        let number = shard.put(now, entry);
        if let Some(journal) = &mut self.journal {
            journal.put(shard.number());
        }
        (shard.id(), number)
    }

    /// Notes what has changed. Gives what whoever has seen it, or has just put records, has to wait for, and whether the
    /// log has to hear of it.
    pub(crate) fn note(&mut self) -> (Option<Verdict>, bool) {
        let Some(journal) = &mut self.journal else { return (None, false) };
        journal.note(&self.facts, self.shards.have_changed());
        (journal.verdict(), journal.queue())
    }

    /// Whether it is gone, and nothing can bring it back.
    pub(crate) fn is_forgotten(&self, now: Timestamp) -> bool {
        self.facts.life.is_over(now) && self.journal.as_ref().is_none_or(Journal::is_settled)
    }

    /// What is to be written down now.
    pub(crate) fn take(&mut self) -> Option<Taken> {
        // Queued a second time, behind a round that took all streams: this round has it already.
        let journal = self.journal.as_mut().filter(|journal| !journal.is_taken())?;
        journal.note(&self.facts, self.shards.have_changed());
        let stage = journal.take();
        self.taken = self.shards.take_changed();
        let batches = stage.shards.iter().filter_map(|number| {
            let blocks = self.shards.get_mut(*number)?.records_mut().take();
            Some((*number, blocks))
        });
        let batches = batches.collect();
        let changed = self.taken.keys().copied().collect();
        Some(Taken { tells: stage.tells, facts: self.facts.clone(), changed, batches })
    }

    /// What was taken has been written down, at these places.
    pub(crate) fn settle(&mut self, facts: Facts, written: Vec<(u32, Vec<Written>)>) {
        for (number, written) in written {
            if let Some(shard) = self.shards.get_mut(number) {
                shard.records_mut().settle(written);
            }
        }
        self.taken.clear();
        if let Some(stage) = self.journal.as_mut().and_then(|journal| journal.settle(facts)) {
            stage.speak(true);
        }
    }

    /// What was taken, and whatever came since, has not been written down, and did not happen. Whether the stream itself
    /// was never there.
    pub(crate) fn discard(&mut self) -> bool {
        let Some(journal) = &mut self.journal else { return false };
        let (facts, stages) = journal.discard();
        self.facts = facts;
        self.shards.undo(std::mem::take(&mut self.taken));
        for shard in self.shards.iter_mut() {
            shard.records_mut().discard();
        }
        for stage in &stages {
            stage.speak(false);
        }
        stages.iter().any(|stage| stage.is_new)
    }

    /// Forgets what is too old.
    pub(crate) fn trim(&mut self, now: Timestamp) {
        self.shards.trim(self.horizon(now), self.forgets());
    }

    /// Forgets what is too old in one shard, before it is read.
    pub(crate) fn freshen(&mut self, shard: u32, now: Timestamp) {
        self.shards.trim_one(shard, self.horizon(now), self.forgets());
    }

    /// Whether shards may be forgotten: not while the end of one might still be undone.
    fn forgets(&self) -> bool {
        self.taken.is_empty() && !self.shards.have_changed()
    }

    /// The oldest moment of which records are kept.
    pub(crate) fn horizon(&self, now: Timestamp) -> Timestamp {
        now.minus(self.facts.retention)
    }

    pub(crate) fn status(&self) -> StreamStatus {
        self.facts.life.status()
    }

    pub(crate) fn is_on_demand(&self) -> bool {
        self.facts.mode == StreamMode::OnDemand
    }

    /// What answers say about encryption; nothing, if there is none.
    pub(crate) fn encryption(&self) -> Option<EncryptionType> {
        self.facts.key.as_ref().map(|_| EncryptionType::Kms)
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
