//! Records put: one, or up to 500 in a call.

use super::{EncryptionType, calls};
use crate::shape::{shape, token};
use bytes::Bytes;
use tailwater_record::{HashKey, PartitionKey, SequenceNumber, ShardId, StreamArn, StreamName};

token! {
    /// Why one record of a call was not stored: the name of a fault.
    pub ErrorCode, "error code", 0..=1024
}

token! {
    /// Why one record of a call was not stored, in words.
    pub ErrorMessage, "error message", 0..=65_536
}

shape! {
    /// Puts one record.
    pub struct PutRecordInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// The payload.
        "Data" data: Bytes,
        /// What decides the shard; needed unless the service spreads the records.
        "PartitionKey" partition_key: Option<PartitionKey>,
        /// What decides the shard instead of the partition key.
        "ExplicitHashKey" explicit_hash_key: Option<HashKey>,
        /// The record's number will be greater than this one.
        "SequenceNumberForOrdering" sequence_number_for_ordering: Option<SequenceNumber>,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
        /// Check only.
        "DryRun" dry_run: Option<bool>,
    }

    /// Where the record landed.
    pub struct PutRecordOutput {
        /// In this shard.
        "ShardId" shard_id: ShardId,
        /// Under this number.
        "SequenceNumber" sequence_number: SequenceNumber,
        /// Whether it is encrypted at rest.
        "EncryptionType" encryption_type: Option<EncryptionType>,
    }

    /// Puts up to 500 records, together up to 10 MiB. Each succeeds or fails on its own.
    pub struct PutRecordsInput {
        /// The records.
        "Records" records: Vec<PutRecordsRequestEntry> [1..=500],
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
        /// Check only.
        "DryRun" dry_run: Option<bool>,
    }

    /// One record of the call.
    pub struct PutRecordsRequestEntry {
        /// The payload.
        "Data" data: Bytes,
        /// What decides the shard instead of the partition key.
        "ExplicitHashKey" explicit_hash_key: Option<HashKey>,
        /// What decides the shard; needed unless the service spreads the records.
        "PartitionKey" partition_key: Option<PartitionKey>,
    }

    /// What became of each record, in the order of the call.
    pub struct PutRecordsOutput {
        /// How many were not stored.
        "FailedRecordCount" failed_record_count: Option<u32> [1..=2_147_483_647],
        /// One answer per record.
        "Records" records: Vec<PutRecordsResultEntry> [1..=500],
        /// Whether they are encrypted at rest.
        "EncryptionType" encryption_type: Option<EncryptionType>,
    }

    /// What became of one record: a number and a shard, or a fault.
    #[derive(Default)]
    pub struct PutRecordsResultEntry {
        /// The number, if it was stored.
        "SequenceNumber" sequence_number: Option<SequenceNumber>,
        /// The shard, if it was stored.
        "ShardId" shard_id: Option<ShardId>,
        /// The fault, if it was not.
        "ErrorCode" error_code: Option<ErrorCode>,
        /// The fault in words.
        "ErrorMessage" error_message: Option<ErrorMessage>,
    }
}

calls! {
    PutRecordInput = PutRecord -> PutRecordOutput, |input| {
        512 + size_in_json(&input.data, input.partition_key.as_ref())
    };
    PutRecordsInput = PutRecords -> PutRecordsOutput, |input| {
        let entry = |entry: &PutRecordsRequestEntry| size_in_json(&entry.data, entry.partition_key.as_ref());
        512 + input.records.iter().map(entry).sum::<usize>()
    };
}

/// A little more than a record takes in JSON.
fn size_in_json(data: &Bytes, key: Option<&PartitionKey>) -> usize {
    data.len().div_ceil(3) * 4 + key.map_or(0, |key| key.as_str().len()) + 128
}

impl PutRecordInput {
    /// A record with this payload; stream and key are still to be set.
    #[must_use]
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self {
            stream_name: None,
            data: data.into(),
            partition_key: None,
            explicit_hash_key: None,
            sequence_number_for_ordering: None,
            stream_arn: None,
            dry_run: None,
        }
    }
}

impl PutRecordsInput {
    /// These records; the stream is still to be set.
    #[must_use]
    pub fn new(records: Vec<PutRecordsRequestEntry>) -> Self {
        Self { records, stream_name: None, stream_arn: None, dry_run: None }
    }
}

impl PutRecordsRequestEntry {
    /// A record with this payload and key.
    #[must_use]
    pub fn new(data: impl Into<Bytes>, partition_key: PartitionKey) -> Self {
        Self { data: data.into(), explicit_hash_key: None, partition_key: Some(partition_key) }
    }
}
