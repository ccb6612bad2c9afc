//! Streams: made, described, listed, changed in retention, deleted.

use super::{Empty, EncryptionType, EnhancedMetrics, NextToken, Shard, TagMap, WarmThroughputObject, calls};
use crate::shape::{shape, words};
use tailwater_record::{ShardId, StreamArn, StreamName, Timestamp};

words! {
    /// Where a stream is in its life.
    StreamStatus {
        /// It is being made; nothing can be put or read yet.
        Creating = "CREATING",
        /// It is being deleted.
        Deleting = "DELETING",
        /// It takes and gives records, and may be changed.
        Active = "ACTIVE",
        /// It takes and gives records while a change is under way.
        Updating = "UPDATING",
    }
}

words! {
    /// Who decides how many shards a stream has.
    StreamMode {
        /// The user does.
        Provisioned = "PROVISIONED",
        /// The service does, by load.
        OnDemand = "ON_DEMAND",
    }
}

words! {
    /// What decides the shard of a record.
    RecordDistributionStrategy {
        /// The service spreads records evenly; keys do not matter.
        Auto = "AUTO",
        /// The record's explicit hash key, or else its partition key.
        UserPartitionKey = "USER_PARTITION_KEY",
    }
}

shape! {
    /// The mode of a stream.
    pub struct StreamModeDetails {
        /// Provisioned or on demand.
        "StreamMode" stream_mode: StreamMode,
    }

    /// Makes a stream.
    pub struct CreateStreamInput {
        /// Its name.
        "StreamName" stream_name: StreamName,
        /// How many shards it starts with; for provisioned streams only, and there it must be given.
        "ShardCount" shard_count: Option<u32> [1..=2_147_483_647],
        /// Provisioned, if not given.
        "StreamModeDetails" stream_mode_details: Option<StreamModeDetails>,
        /// Its tags.
        "Tags" tags: Option<TagMap> [1..=200],
        /// The throughput it is ready for at once; on demand only.
        "WarmThroughputMiBps" warm_throughput_mi_bps: Option<u32> [0..=2_147_483_647],
        /// The largest record it takes; 1,024 if not given.
        "MaxRecordSizeInKiB" max_record_size_in_ki_b: Option<u32> [1024..=10_240],
        /// What decides the shard of a record; on demand only.
        "RecordDistributionStrategy" record_distribution_strategy: Option<RecordDistributionStrategy>,
    }

    /// Deletes a stream and all it holds.
    #[derive(Default)]
    pub struct DeleteStreamInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// Whether it may go although consumers are registered on it.
        "EnforceConsumerDeletion" enforce_consumer_deletion: Option<bool>,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// Describes a stream and its shards, at most 100 a page.
    #[derive(Default)]
    pub struct DescribeStreamInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// At most so many shards.
        "Limit" limit: Option<u32> [1..=10_000],
        /// Only shards behind this one.
        "ExclusiveStartShardId" exclusive_start_shard_id: Option<ShardId>,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// A stream and a page of its shards.
    pub struct DescribeStreamOutput {
        /// The stream.
        "StreamDescription" stream_description: StreamDescription,
    }

    /// A stream and a page of its shards.
    pub struct StreamDescription {
        /// Its name.
        "StreamName" stream_name: StreamName,
        /// Its ARN.
        "StreamARN" stream_arn: StreamArn,
        /// Where it is in its life.
        "StreamStatus" stream_status: StreamStatus,
        /// Its mode.
        "StreamModeDetails" stream_mode_details: Option<StreamModeDetails>,
        /// Shards, in the order of their ids.
        "Shards" shards: Vec<Shard>,
        /// Whether more shards follow.
        "HasMoreShards" has_more_shards: bool,
        /// How long records are kept.
        "RetentionPeriodHours" retention_period_hours: i32,
        /// When it was made.
        "StreamCreationTimestamp" stream_creation_timestamp: Timestamp,
        /// Which metrics it keeps per shard.
        "EnhancedMonitoring" enhanced_monitoring: Vec<EnhancedMetrics>,
        /// Whether records are encrypted at rest.
        "EncryptionType" encryption_type: Option<EncryptionType>,
        /// With which key.
        "KeyId" key_id: Option<super::KeyId>,
    }

    /// Describes a stream without its shards.
    #[derive(Default)]
    pub struct DescribeStreamSummaryInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// A stream without its shards.
    pub struct DescribeStreamSummaryOutput {
        /// The stream.
        "StreamDescriptionSummary" stream_description_summary: StreamDescriptionSummary,
    }

    /// A stream without its shards.
    pub struct StreamDescriptionSummary {
        /// Its name.
        "StreamName" stream_name: StreamName,
        /// Its ARN.
        "StreamARN" stream_arn: StreamArn,
        /// Where it is in its life.
        "StreamStatus" stream_status: StreamStatus,
        /// Its mode.
        "StreamModeDetails" stream_mode_details: Option<StreamModeDetails>,
        /// How long records are kept.
        "RetentionPeriodHours" retention_period_hours: i32,
        /// When it was made.
        "StreamCreationTimestamp" stream_creation_timestamp: Timestamp,
        /// Which metrics it keeps per shard.
        "EnhancedMonitoring" enhanced_monitoring: Vec<EnhancedMetrics>,
        /// Whether records are encrypted at rest.
        "EncryptionType" encryption_type: Option<EncryptionType>,
        /// With which key.
        "KeyId" key_id: Option<super::KeyId>,
        /// How many shards take records.
        "OpenShardCount" open_shard_count: u32 [0..=1_000_000],
        /// How many consumers are registered.
        "ConsumerCount" consumer_count: Option<u32> [0..=1_000_000],
        /// The throughput it is ready for; on demand in committed accounts only.
        "WarmThroughput" warm_throughput: Option<WarmThroughputObject>,
        /// The largest record it takes.
        "MaxRecordSizeInKiB" max_record_size_in_ki_b: Option<u32> [1024..=10_240],
        /// How many channels deliver from it.
        "ChannelCount" channel_count: Option<u32> [0..=1_000_000],
        /// What decides the shard of a record; on demand only.
        "RecordDistributionStrategy" record_distribution_strategy: Option<RecordDistributionStrategy>,
        /// How many queues read from it.
        "QueueCount" queue_count: Option<u32> [0..=1_000_000],
    }

    /// Lists the streams of the account, at most 100 a page.
    #[derive(Default)]
    pub struct ListStreamsInput {
        /// At most so many.
        "Limit" limit: Option<u32> [1..=10_000],
        /// Only names behind this one.
        "ExclusiveStartStreamName" exclusive_start_stream_name: Option<StreamName>,
        /// Where the last page ended.
        "NextToken" next_token: Option<NextToken>,
    }

    /// A page of streams.
    pub struct ListStreamsOutput {
        /// Their names, in order.
        "StreamNames" stream_names: Vec<StreamName>,
        /// Whether more follow.
        "HasMoreStreams" has_more_streams: bool,
        /// Where to go on.
        "NextToken" next_token: Option<NextToken>,
        /// The same streams, with more about each.
        "StreamSummaries" stream_summaries: Option<Vec<StreamSummary>>,
    }

    /// A stream in a listing.
    pub struct StreamSummary {
        /// Its name.
        "StreamName" stream_name: StreamName,
        /// Its ARN.
        "StreamARN" stream_arn: StreamArn,
        /// Where it is in its life.
        "StreamStatus" stream_status: StreamStatus,
        /// Its mode.
        "StreamModeDetails" stream_mode_details: Option<StreamModeDetails>,
        /// When it was made.
        "StreamCreationTimestamp" stream_creation_timestamp: Option<Timestamp>,
    }

    /// Keeps records longer.
    pub struct IncreaseStreamRetentionPeriodInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// 24 to 8,760, not below what it is.
        "RetentionPeriodHours" retention_period_hours: i32,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// Keeps records less long; older ones are gone at once.
    pub struct DecreaseStreamRetentionPeriodInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// 24 to 8,760, not above what it is.
        "RetentionPeriodHours" retention_period_hours: i32,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }
}

calls! {
    CreateStreamInput = CreateStream -> Empty;
    DeleteStreamInput = DeleteStream -> Empty;
    DescribeStreamInput = DescribeStream -> DescribeStreamOutput;
    DescribeStreamSummaryInput = DescribeStreamSummary -> DescribeStreamSummaryOutput;
    ListStreamsInput = ListStreams -> ListStreamsOutput;
    IncreaseStreamRetentionPeriodInput = IncreaseStreamRetentionPeriod -> Empty;
    DecreaseStreamRetentionPeriodInput = DecreaseStreamRetentionPeriod -> Empty;
}

impl CreateStreamInput {
    /// A provisioned stream of so many shards.
    #[must_use]
    pub fn provisioned(name: StreamName, shards: u32) -> Self {
        Self { shard_count: Some(shards), ..Self::in_mode(name, StreamMode::Provisioned) }
    }

    /// A stream whose shards the service manages.
    #[must_use]
    pub fn on_demand(name: StreamName) -> Self {
        Self::in_mode(name, StreamMode::OnDemand)
    }

    fn in_mode(stream_name: StreamName, stream_mode: StreamMode) -> Self {
        Self {
            stream_name,
            shard_count: None,
            stream_mode_details: Some(StreamModeDetails { stream_mode }),
            tags: None,
            warm_throughput_mi_bps: None,
            max_record_size_in_ki_b: None,
            record_distribution_strategy: None,
        }
    }
}
