//! Metrics per shard, switched on and off.

use super::calls;
use crate::shape::{shape, words};
use tailwater_record::{StreamArn, StreamName};

words! {
    /// A metric that can be kept per shard.
    MetricsName {
        /// Bytes put.
        IncomingBytes = "IncomingBytes",
        /// Records put.
        IncomingRecords = "IncomingRecords",
        /// Bytes read.
        OutgoingBytes = "OutgoingBytes",
        /// Records read.
        OutgoingRecords = "OutgoingRecords",
        /// Puts refused for their rate.
        WriteProvisionedThroughputExceeded = "WriteProvisionedThroughputExceeded",
        /// Reads refused for their rate.
        ReadProvisionedThroughputExceeded = "ReadProvisionedThroughputExceeded",
        /// The age of the last record read.
        IteratorAgeMilliseconds = "IteratorAgeMilliseconds",
        /// All of them.
        All = "ALL",
    }
}

shape! {
    /// The metrics that a stream keeps per shard.
    #[derive(Default)]
    pub struct EnhancedMetrics {
        /// Their names.
        "ShardLevelMetrics" shard_level_metrics: Option<Vec<MetricsName>> [1..=7],
    }

    /// Keeps more metrics.
    pub struct EnableEnhancedMonitoringInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// Which.
        "ShardLevelMetrics" shard_level_metrics: Vec<MetricsName> [1..=7],
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// Keeps fewer metrics.
    pub struct DisableEnhancedMonitoringInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// Which.
        "ShardLevelMetrics" shard_level_metrics: Vec<MetricsName> [1..=7],
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// Which metrics were kept, and which are now.
    #[derive(Default)]
    pub struct EnhancedMonitoringOutput {
        /// The stream.
        "StreamName" stream_name: Option<StreamName>,
        /// Those kept before.
        "CurrentShardLevelMetrics" current_shard_level_metrics: Option<Vec<MetricsName>> [1..=7],
        /// Those kept from now on.
        "DesiredShardLevelMetrics" desired_shard_level_metrics: Option<Vec<MetricsName>> [1..=7],
        /// The stream.
        "StreamARN" stream_arn: Option<StreamArn>,
    }
}

calls! {
    EnableEnhancedMonitoringInput = EnableEnhancedMonitoring -> EnhancedMonitoringOutput;
    DisableEnhancedMonitoringInput = DisableEnhancedMonitoring -> EnhancedMonitoringOutput;
}
