//! Shards: listed, split, merged, scaled.

use super::{Empty, NextToken, calls};
use crate::shape::{shape, words};
use tailwater_record::{HashKey, HashRange, SequenceNumber, ShardId, StreamArn, StreamName, Timestamp};

words! {
    /// Which shards a listing holds.
    ShardFilterType {
        /// Those behind a shard.
        AfterShardId = "AFTER_SHARD_ID",
        /// Those that were open at the oldest record kept.
        AtTrimHorizon = "AT_TRIM_HORIZON",
        /// All that still hold records or take them.
        FromTrimHorizon = "FROM_TRIM_HORIZON",
        /// Those that take records.
        AtLatest = "AT_LATEST",
        /// Those that were open at a moment.
        AtTimestamp = "AT_TIMESTAMP",
        /// Those that were open at a moment or later.
        FromTimestamp = "FROM_TIMESTAMP",
    }
}

words! {
    /// How shards are scaled.
    ScalingType {
        /// To equal ranges.
        UniformScaling = "UNIFORM_SCALING",
    }
}

shape! {
    /// The hash keys of a shard, both ends included.
    pub struct HashKeyRange {
        /// The first.
        "StartingHashKey" starting_hash_key: HashKey,
        /// The last.
        "EndingHashKey" ending_hash_key: HashKey,
    }

    /// The sequence numbers of a shard.
    pub struct SequenceNumberRange {
        /// The number it began with; no record has it.
        "StartingSequenceNumber" starting_sequence_number: SequenceNumber,
        /// The number it was closed with; absent while it takes records.
        "EndingSequenceNumber" ending_sequence_number: Option<SequenceNumber>,
    }

    /// A shard.
    pub struct Shard {
        /// Its id.
        "ShardId" shard_id: ShardId,
        /// The shard it came from.
        "ParentShardId" parent_shard_id: Option<ShardId>,
        /// The other one, if it came from a merge.
        "AdjacentParentShardId" adjacent_parent_shard_id: Option<ShardId>,
        /// Its hash keys.
        "HashKeyRange" hash_key_range: HashKeyRange,
        /// Its sequence numbers.
        "SequenceNumberRange" sequence_number_range: SequenceNumberRange,
    }

    /// A shard that follows one that has ended.
    pub struct ChildShard {
        /// Its id.
        "ShardId" shard_id: ShardId,
        /// All the shards it came from.
        "ParentShards" parent_shards: Vec<ShardId>,
        /// Its hash keys.
        "HashKeyRange" hash_key_range: HashKeyRange,
    }

    /// Which shards to list.
    pub struct ShardFilter {
        /// How.
        "Type" filter_type: ShardFilterType,
        /// With `AFTER_SHARD_ID`: behind which.
        "ShardId" shard_id: Option<ShardId>,
        /// With the two moments: when.
        "Timestamp" timestamp: Option<Timestamp>,
    }

    /// Lists shards, at most 1,000 a page. Give a stream or a token, not both.
    #[derive(Default)]
    pub struct ListShardsInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// Where the last page ended; to be sent with nothing but `MaxResults`.
        "NextToken" next_token: Option<NextToken>,
        /// Only shards behind this one.
        "ExclusiveStartShardId" exclusive_start_shard_id: Option<ShardId>,
        /// At most so many.
        "MaxResults" max_results: Option<u32> [1..=10_000],
        /// The stream of this name that was made then.
        "StreamCreationTimestamp" stream_creation_timestamp: Option<Timestamp>,
        /// Only some shards.
        "ShardFilter" shard_filter: Option<ShardFilter>,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// A page of shards.
    #[derive(Default)]
    pub struct ListShardsOutput {
        /// Shards, in the order of their ids.
        "Shards" shards: Option<Vec<Shard>>,
        /// Where to go on.
        "NextToken" next_token: Option<NextToken>,
    }

    /// Splits a shard in two.
    pub struct SplitShardInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// Which shard.
        "ShardToSplit" shard_to_split: ShardId,
        /// The first hash key of the upper child.
        "NewStartingHashKey" new_starting_hash_key: HashKey,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// Merges two neighbours into one.
    pub struct MergeShardsInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// The lower one.
        "ShardToMerge" shard_to_merge: ShardId,
        /// The upper one.
        "AdjacentShardToMerge" adjacent_shard_to_merge: ShardId,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// Splits and merges until there are so many shards.
    pub struct UpdateShardCountInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// Half to double of what there are.
        "TargetShardCount" target_shard_count: u32 [1..=2_147_483_647],
        /// To equal ranges.
        "ScalingType" scaling_type: ScalingType,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// What was and what will be.
    #[derive(Default)]
    pub struct UpdateShardCountOutput {
        /// The stream.
        "StreamName" stream_name: Option<StreamName>,
        /// How many shards there were.
        "CurrentShardCount" current_shard_count: Option<u32> [1..=2_147_483_647],
        /// How many there will be.
        "TargetShardCount" target_shard_count: Option<u32> [1..=2_147_483_647],
        /// The stream.
        "StreamARN" stream_arn: Option<StreamArn>,
    }
}

calls! {
    ListShardsInput = ListShards -> ListShardsOutput;
    SplitShardInput = SplitShard -> Empty;
    MergeShardsInput = MergeShards -> Empty;
    UpdateShardCountInput = UpdateShardCount -> UpdateShardCountOutput;
}

impl From<HashRange> for HashKeyRange {
    fn from(range: HashRange) -> Self {
        Self { starting_hash_key: range.start(), ending_hash_key: range.end() }
    }
}

/// Fails if the range ends below its start.
impl TryFrom<&HashKeyRange> for HashRange {
    type Error = tailwater_record::Error;

    fn try_from(range: &HashKeyRange) -> Result<Self, Self::Error> {
        Self::new(range.starting_hash_key, range.ending_hash_key)
    }
}
