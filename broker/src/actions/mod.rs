//! The operations: typed in, typed out, one file per operation or pair of twins.
//! Each checks what it is asked in the service's order, then changes or shows the stream's pure state. None waits.
//! Called by `broker`.

mod shown;
mod create_stream;
mod delete_stream;
mod describe_stream;
mod list_streams;
mod retention;
mod list_shards;
mod split_shard;
mod merge_shards;
mod update_shard_count;
mod put_records;
mod get_shard_iterator;
mod get_records;
mod stream_consumers;
mod tags;
mod encryption;
mod stream_mode;
mod record_distribution;
mod warm_throughput;
mod max_record_size;
mod resource;
mod policies;
mod monitoring;
mod account_settings;

use crate::broker::Asked;
use crate::here::{Here, serving};
use tailwater_wire::shape::Value;
use tailwater_wire::shapes::*;
use tailwater_wire::{Fault, Operation, Response};

/// What an operation does.
pub(crate) trait Action: Call {
    /// Does it, or says why not.
    fn act(self, here: &Here<'_>) -> Result<Self::Output, Fault>;

    /// What to say of a request that keeps the form of the API and still names what cannot be, such as a hash key beyond
    /// the space; `None` if there is nothing to be said but that.
    fn refused(document: &Value, here: &Here<'_>) -> Option<Fault> {
        let text = |name: &str| document.member(name).and_then(Value::text);
        let (name, arn) = (text("StreamName").map(str::parse), text("StreamARN").map(str::parse));
        let (name, arn) = (name.transpose().ok()?, arn.transpose().ok()?);
        // Whether there is such a stream is looked at first.
        here.with_stream(name.as_ref(), arn.as_ref(), serving).err()
    }

    /// About how many bytes the answer takes, where that is much.
    fn answer_size(_: &Self::Output) -> usize {
        256
    }
}

/// Which kind of listing a token belongs to.
pub(crate) mod listing {
    pub(crate) const STREAMS: u8 = 1;
    pub(crate) const SHARDS: u8 = 2;
    pub(crate) const CONSUMERS: u8 = 3;
}

/// Runs the operation that was asked for.
pub(crate) fn run(operation: Operation, asked: &Asked<'_>) -> Response {
    match operation {
        Operation::AddTagsToStream => asked.run::<AddTagsToStreamInput>(),
        Operation::CreateStream => asked.run::<CreateStreamInput>(),
        Operation::DecreaseStreamRetentionPeriod => asked.run::<DecreaseStreamRetentionPeriodInput>(),
        Operation::DeleteResourcePolicy => asked.run::<DeleteResourcePolicyInput>(),
        Operation::DeleteStream => asked.run::<DeleteStreamInput>(),
        Operation::DeregisterStreamConsumer => asked.run::<DeregisterStreamConsumerInput>(),
        Operation::DescribeAccountSettings => asked.run::<DescribeAccountSettingsInput>(),
        Operation::DescribeLimits => asked.run::<DescribeLimitsInput>(),
        Operation::DescribeStream => asked.run::<DescribeStreamInput>(),
        Operation::DescribeStreamConsumer => asked.run::<DescribeStreamConsumerInput>(),
        Operation::DescribeStreamSummary => asked.run::<DescribeStreamSummaryInput>(),
        Operation::DisableEnhancedMonitoring => asked.run::<DisableEnhancedMonitoringInput>(),
        Operation::EnableEnhancedMonitoring => asked.run::<EnableEnhancedMonitoringInput>(),
        Operation::GetRecords => asked.run::<GetRecordsInput>(),
        Operation::GetResourcePolicy => asked.run::<GetResourcePolicyInput>(),
        Operation::GetShardIterator => asked.run::<GetShardIteratorInput>(),
        Operation::IncreaseStreamRetentionPeriod => asked.run::<IncreaseStreamRetentionPeriodInput>(),
        Operation::ListShards => asked.run::<ListShardsInput>(),
        Operation::ListStreamConsumers => asked.run::<ListStreamConsumersInput>(),
        Operation::ListStreams => asked.run::<ListStreamsInput>(),
        Operation::ListTagsForResource => asked.run::<ListTagsForResourceInput>(),
        Operation::ListTagsForStream => asked.run::<ListTagsForStreamInput>(),
        Operation::MergeShards => asked.run::<MergeShardsInput>(),
        Operation::PutRecord => asked.run::<PutRecordInput>(),
        Operation::PutRecords => asked.run::<PutRecordsInput>(),
        Operation::PutResourcePolicy => asked.run::<PutResourcePolicyInput>(),
        Operation::RegisterStreamConsumer => asked.run::<RegisterStreamConsumerInput>(),
        Operation::RemoveTagsFromStream => asked.run::<RemoveTagsFromStreamInput>(),
        Operation::SplitShard => asked.run::<SplitShardInput>(),
        Operation::StartStreamEncryption => asked.run::<StartStreamEncryptionInput>(),
        Operation::StopStreamEncryption => asked.run::<StopStreamEncryptionInput>(),
        Operation::TagResource => asked.run::<TagResourceInput>(),
        Operation::UntagResource => asked.run::<UntagResourceInput>(),
        Operation::UpdateAccountSettings => asked.run::<UpdateAccountSettingsInput>(),
        Operation::UpdateMaxRecordSize => asked.run::<UpdateMaxRecordSizeInput>(),
        Operation::UpdateShardCount => asked.run::<UpdateShardCountInput>(),
        Operation::UpdateStreamMode => asked.run::<UpdateStreamModeInput>(),
        Operation::UpdateStreamRecordDistributionStrategy => asked.run::<UpdateStreamRecordDistributionStrategyInput>(),
        Operation::UpdateStreamWarmThroughput => asked.run::<UpdateStreamWarmThroughputInput>(),
        Operation::SubscribeToShard => asked.decline("This broker does not push records yet; read with GetRecords."),
        _ => asked.decline(&format!("This broker has neither queues nor channels; {operation} is not offered.")),
    }
}
