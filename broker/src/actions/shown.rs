//! Streams and shards as answers show them.
//! Called by the actions.

use crate::stream::Stream;
use crate::stream::shard::{Parents, Shard};
use tailwater_record::ShardId;
use tailwater_wire::shapes::{self, ChildShard, EncryptionType, EnhancedMetrics, SequenceNumberRange};

impl From<&Shard> for shapes::Shard {
    fn from(shard: &Shard) -> Self {
        let (parent, adjacent) = match shard.parents() {
            Parents::None => (None, None),
            Parents::Split(parent) => (Some(parent), None),
            Parents::Merge(lower, upper) => (Some(lower), Some(upper)),
        };
        Self {
            shard_id: shard.id(),
            parent_shard_id: parent.map(ShardId::numbered),
            adjacent_parent_shard_id: adjacent.map(ShardId::numbered),
            hash_key_range: shard.range().into(),
            sequence_number_range: SequenceNumberRange {
                starting_sequence_number: shard.starting(),
                ending_sequence_number: shard.ending(),
            },
        }
    }
}

impl From<&Shard> for ChildShard {
    fn from(shard: &Shard) -> Self {
        Self {
            shard_id: shard.id(),
            parent_shards: shard.parents().numbers().map(ShardId::numbered).collect(),
            hash_key_range: shard.range().into(),
        }
    }
}

impl Stream {
    /// The metrics it keeps per shard, as a description lists them.
    pub(super) fn shown_metrics(&self) -> Vec<EnhancedMetrics> {
        vec![EnhancedMetrics { shard_level_metrics: Some(self.facts.metrics.clone()) }]
    }

    /// Whether records are encrypted; descriptions say so in either case.
    pub(super) fn shown_encryption(&self) -> Option<EncryptionType> {
        Some(self.encryption().unwrap_or(EncryptionType::None))
    }

    /// How long records are kept.
    pub(super) fn shown_retention(&self) -> i32 {
        i32::try_from(self.retention_hours()).unwrap_or(i32::MAX)
    }

    pub(super) fn retention_hours(&self) -> u64 {
        self.facts.retention.as_secs() / 3600
    }
}
