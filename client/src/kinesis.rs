//! The handle: a method for each operation on streams.

use crate::call::Caller;
use crate::config::Config;
use crate::error::Error;
use crate::subscription::Subscription;
use crate::transport::{HttpTransport, Transport};
use std::sync::Arc;
use tailwater_record::Timestamp;
use tailwater_wire::Codec;
use tailwater_wire::shapes::*;

/// A Kinesis client. Cheap to clone; all clones share connections, credentials and retry budget.
#[derive(Clone, Debug)]
pub struct Client {
    caller: Arc<Caller>,
    codec: Codec,
    repeat: bool,
}

impl Client {
    /// A client over HTTP. Tells all that is wrong with the configuration at once, and calls nothing yet.
    pub fn new(config: Config) -> Result<Self, Error> {
        let mut faults = config.faults();
        match HttpTransport::new(&config.http) {
            Ok(transport) if faults.is_empty() => Ok(Self::over(config, Arc::new(transport))),
            Ok(_) => Err(Error::Config { faults }),
            Err(fault) => {
                faults.push(fault);
                Err(Error::Config { faults })
            }
        }
    }

    /// A client over a transport of your own.
    pub fn with_transport(config: Config, transport: impl Transport + 'static) -> Result<Self, Error> {
        let faults = config.faults();
        if faults.is_empty() { Ok(Self::over(config, Arc::new(transport))) } else { Err(Error::Config { faults }) }
    }

    fn over(config: Config, transport: Arc<dyn Transport>) -> Self {
        let caller = Caller::new(config, transport);
        Self { codec: caller.codec(), caller: Arc::new(caller), repeat: true }
    }

    /// This client without repetitions, for callers who own theirs.
    #[must_use]
    pub fn once(&self) -> Self {
        Self { repeat: false, ..self.clone() }
    }

    /// This client in another encoding.
    #[must_use]
    pub fn in_codec(&self, codec: Codec) -> Self {
        Self { codec, ..self.clone() }
    }

    /// Subscribes a consumer to a shard, for five minutes. Not repeated: a second call within five seconds is refused.
    ///
    /// # Cancellation
    /// Dropping the future gives the call up; the consumer may be subscribed nevertheless.
    pub async fn subscribe_to_shard(&self, input: &SubscribeToShardInput) -> Result<Subscription, Error> {
        self.caller.subscribe(input).await
    }

    /// Makes any call.
    ///
    /// # Cancellation
    /// Dropping the future gives the call up; what was asked may have happened nevertheless.
    pub async fn call<C: Call>(&self, input: &C) -> Result<C::Output, Error> {
        self.dated(input).await.map(|(output, _)| output)
    }

    /// Makes any call, and tells when the service answered it, by the service's own clock and in whole seconds. For whoever
    /// must not rely on a clock of their own, as a reader that is to begin now.
    ///
    /// # Cancellation
    /// As [`call`](Self::call).
    pub async fn dated<C: Call>(&self, input: &C) -> Result<(C::Output, Option<Timestamp>), Error> {
        self.caller.call(input, self.codec, self.repeat).await
    }
}

macro_rules! operations {
    ($($method:ident: $input:ident -> $output:ty, $does:literal;)*) => {
        impl Client {
            $(
                #[doc = concat!($does, " (`", stringify!($input), "`.)")]
                ///
                /// # Cancellation
                /// As [`call`](Self::call).
                pub async fn $method(&self, input: &$input) -> Result<$output, Error> {
                    self.call(input).await
                }
            )*
        }
    };
}

operations! {
    add_tags_to_stream: AddTagsToStreamInput -> Empty, "Adds tags to a stream.";
    create_stream: CreateStreamInput -> Empty, "Makes a stream.";
    decrease_stream_retention_period: DecreaseStreamRetentionPeriodInput -> Empty, "Keeps records less long.";
    delete_resource_policy: DeleteResourcePolicyInput -> Empty, "Removes a policy.";
    delete_stream: DeleteStreamInput -> Empty, "Deletes a stream.";
    deregister_stream_consumer: DeregisterStreamConsumerInput -> Empty, "Removes a consumer.";
    describe_account_settings: DescribeAccountSettingsInput -> DescribeAccountSettingsOutput, "Tells the account's settings.";
    describe_limits: DescribeLimitsInput -> DescribeLimitsOutput, "Tells the account's quotas.";
    describe_stream: DescribeStreamInput -> DescribeStreamOutput, "Describes a stream and its shards.";
    describe_stream_consumer: DescribeStreamConsumerInput -> DescribeStreamConsumerOutput, "Describes a consumer.";
    describe_stream_summary: DescribeStreamSummaryInput -> DescribeStreamSummaryOutput, "Describes a stream.";
    disable_enhanced_monitoring: DisableEnhancedMonitoringInput -> EnhancedMonitoringOutput, "Keeps fewer metrics.";
    enable_enhanced_monitoring: EnableEnhancedMonitoringInput -> EnhancedMonitoringOutput, "Keeps more metrics.";
    get_records: GetRecordsInput -> GetRecordsOutput, "Reads records.";
    get_resource_policy: GetResourcePolicyInput -> GetResourcePolicyOutput, "Tells a policy.";
    get_shard_iterator: GetShardIteratorInput -> GetShardIteratorOutput, "Gives a place to read from.";
    increase_stream_retention_period: IncreaseStreamRetentionPeriodInput -> Empty, "Keeps records longer.";
    list_shards: ListShardsInput -> ListShardsOutput, "Lists shards.";
    list_stream_consumers: ListStreamConsumersInput -> ListStreamConsumersOutput, "Lists consumers.";
    list_streams: ListStreamsInput -> ListStreamsOutput, "Lists streams.";
    list_tags_for_resource: ListTagsForResourceInput -> ListTagsForResourceOutput, "Lists tags.";
    list_tags_for_stream: ListTagsForStreamInput -> ListTagsForStreamOutput, "Lists tags of a stream.";
    merge_shards: MergeShardsInput -> Empty, "Merges two shards.";
    put_record: PutRecordInput -> PutRecordOutput, "Puts a record.";
    put_records: PutRecordsInput -> PutRecordsOutput, "Puts records; look at each answer, as some may have failed.";
    put_resource_policy: PutResourcePolicyInput -> Empty, "Attaches a policy.";
    register_stream_consumer: RegisterStreamConsumerInput -> RegisterStreamConsumerOutput, "Registers a consumer.";
    remove_tags_from_stream: RemoveTagsFromStreamInput -> Empty, "Removes tags from a stream.";
    split_shard: SplitShardInput -> Empty, "Splits a shard.";
    start_stream_encryption: StartStreamEncryptionInput -> Empty, "Encrypts records.";
    stop_stream_encryption: StopStreamEncryptionInput -> Empty, "Encrypts records no more.";
    tag_resource: TagResourceInput -> Empty, "Adds tags.";
    untag_resource: UntagResourceInput -> Empty, "Removes tags.";
    update_account_settings: UpdateAccountSettingsInput -> UpdateAccountSettingsOutput, "Changes the account's settings.";
    update_max_record_size: UpdateMaxRecordSizeInput -> Empty, "Changes the largest record.";
    update_shard_count: UpdateShardCountInput -> UpdateShardCountOutput, "Changes the number of shards.";
    update_stream_mode: UpdateStreamModeInput -> Empty, "Changes the mode.";
    update_stream_record_distribution_strategy: UpdateStreamRecordDistributionStrategyInput -> Empty,
        "Changes what decides the shard of a record.";
    update_stream_warm_throughput: UpdateStreamWarmThroughputInput -> UpdateStreamWarmThroughputOutput,
        "Changes the throughput a stream is ready for.";
}
