//! Records read by polling: an iterator, then page after page.

use super::{ChildShard, EncryptionType, calls};
use crate::shape::{shape, token, words};
use bytes::Bytes;
use tailwater_record::{PartitionKey, SequenceNumber, ShardId, StreamArn, StreamName, Timestamp};

words! {
    /// Where reading starts.
    ShardIteratorType {
        /// At the record with this number.
        AtSequenceNumber = "AT_SEQUENCE_NUMBER",
        /// Behind the record with this number.
        AfterSequenceNumber = "AFTER_SEQUENCE_NUMBER",
        /// At the oldest record kept.
        TrimHorizon = "TRIM_HORIZON",
        /// Behind the newest record.
        Latest = "LATEST",
        /// At the first record of this moment or later.
        AtTimestamp = "AT_TIMESTAMP",
    }
}

token! {
    /// A place in a shard, as the service hands it out; valid for five minutes.
    pub ShardIterator, "shard iterator", 1..=512
}

shape! {
    /// Asks for an iterator.
    pub struct GetShardIteratorInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// Which shard.
        "ShardId" shard_id: ShardId,
        /// Where to start.
        "ShardIteratorType" shard_iterator_type: ShardIteratorType,
        /// With the two that need a number.
        "StartingSequenceNumber" starting_sequence_number: Option<SequenceNumber>,
        /// With the one that needs a moment.
        "Timestamp" timestamp: Option<Timestamp>,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
        /// Check only.
        "DryRun" dry_run: Option<bool>,
    }

    /// An iterator.
    #[derive(Default)]
    pub struct GetShardIteratorOutput {
        /// For the first `GetRecords`.
        "ShardIterator" shard_iterator: Option<ShardIterator>,
    }

    /// Reads up to 10,000 records, together up to 10 MiB.
    pub struct GetRecordsInput {
        /// Where to read.
        "ShardIterator" shard_iterator: ShardIterator,
        /// At most so many.
        "Limit" limit: Option<u32> [1..=10_000],
        /// The stream, by ARN; a hint only.
        "StreamARN" stream_arn: Option<StreamArn>,
        /// Check only.
        "DryRun" dry_run: Option<bool>,
    }

    /// A page of records. The shard has ended when no iterator follows; then its children do.
    pub struct GetRecordsOutput {
        /// The records, in order.
        "Records" records: Vec<Record>,
        /// Where to go on; absent at the end of the shard.
        "NextShardIterator" next_shard_iterator: Option<ShardIterator>,
        /// How far behind the newest record this page is.
        "MillisBehindLatest" millis_behind_latest: Option<u64> [0..=9_223_372_036_854_775_807],
        /// The shards that follow, at the end of this one.
        "ChildShards" child_shards: Option<Vec<ChildShard>>,
    }

    /// One Kinesis record.
    pub struct Record {
        /// Its number.
        "SequenceNumber" sequence_number: SequenceNumber,
        /// When it was stored.
        "ApproximateArrivalTimestamp" approximate_arrival_timestamp: Option<Timestamp>,
        /// The payload.
        "Data" data: Bytes,
        /// The key it was put with; streams whose records the service spreads may have none.
        "PartitionKey" partition_key: Option<PartitionKey>,
        /// Whether it is encrypted at rest.
        "EncryptionType" encryption_type: Option<EncryptionType>,
    }
}

calls! {
    GetShardIteratorInput = GetShardIterator -> GetShardIteratorOutput;
    GetRecordsInput = GetRecords -> GetRecordsOutput;
}
