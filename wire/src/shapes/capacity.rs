//! What a stream can take: its mode, distribution, warm throughput, record size.

use super::{Empty, RecordDistributionStrategy, StreamModeDetails, calls};
use crate::shape::shape;
use tailwater_record::{StreamArn, StreamName};

shape! {
    /// Changes who decides how many shards there are.
    pub struct UpdateStreamModeInput {
        /// Which stream.
        "StreamARN" stream_arn: StreamArn,
        /// The new mode.
        "StreamModeDetails" stream_mode_details: StreamModeDetails,
        /// The throughput to be ready for; towards on demand only.
        "WarmThroughputMiBps" warm_throughput_mi_bps: Option<u32> [0..=2_147_483_647],
    }

    /// Changes what decides the shard of a record.
    pub struct UpdateStreamRecordDistributionStrategyInput {
        /// Which stream.
        "StreamARN" stream_arn: StreamArn,
        /// The new strategy.
        "RecordDistributionStrategy" record_distribution_strategy: RecordDistributionStrategy,
    }

    /// Changes the throughput an on-demand stream is ready for.
    pub struct UpdateStreamWarmThroughputInput {
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// The throughput.
        "WarmThroughputMiBps" warm_throughput_mi_bps: u32 [0..=2_147_483_647],
    }

    /// What is and what will be.
    #[derive(Default)]
    pub struct UpdateStreamWarmThroughputOutput {
        /// The stream.
        "StreamARN" stream_arn: Option<StreamArn>,
        /// The stream.
        "StreamName" stream_name: Option<StreamName>,
        /// The throughput.
        "WarmThroughput" warm_throughput: Option<WarmThroughputObject>,
    }

    /// The throughput that a stream is ready for.
    #[derive(Default)]
    pub struct WarmThroughputObject {
        /// What was asked for.
        "TargetMiBps" target_mi_bps: Option<u32> [0..=2_147_483_647],
        /// What is reached.
        "CurrentMiBps" current_mi_bps: Option<u32> [0..=2_147_483_647],
    }

    /// Changes the largest record that a stream takes.
    pub struct UpdateMaxRecordSizeInput {
        /// Which stream.
        "StreamARN" stream_arn: Option<StreamArn>,
        /// The size, data and key together.
        "MaxRecordSizeInKiB" max_record_size_in_ki_b: u32 [1024..=10_240],
    }
}

calls! {
    UpdateStreamModeInput = UpdateStreamMode -> Empty;
    UpdateStreamRecordDistributionStrategyInput = UpdateStreamRecordDistributionStrategy -> Empty;
    UpdateStreamWarmThroughputInput = UpdateStreamWarmThroughput -> UpdateStreamWarmThroughputOutput;
    UpdateMaxRecordSizeInput = UpdateMaxRecordSize -> Empty;
}
