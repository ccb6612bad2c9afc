//! Records pushed: the call, and the events that follow on its answer. Their framing is `event_stream`'s.

use super::{ChildShard, Record, ShardIteratorType};
use crate::shape::shape;
use tailwater_record::{ConsumerArn, SequenceNumber, ShardId, Timestamp};

shape! {
    /// Where a subscription starts.
    pub struct StartingPosition {
        /// How.
        "Type" position_type: ShardIteratorType,
        /// With the two that need a number.
        "SequenceNumber" sequence_number: Option<SequenceNumber>,
        /// With the one that needs a moment.
        "Timestamp" timestamp: Option<Timestamp>,
    }

    /// Subscribes a consumer to a shard, for five minutes.
    pub struct SubscribeToShardInput {
        /// Which consumer.
        "ConsumerARN" consumer_arn: ConsumerArn,
        /// Which shard.
        "ShardId" shard_id: ShardId,
        /// Where to start.
        "StartingPosition" starting_position: StartingPosition,
        /// Check only.
        "DryRun" dry_run: Option<bool>,
    }

    /// Records as they arrive, or a sign of life.
    pub struct SubscribeToShardEvent {
        /// The records, in order.
        "Records" records: Vec<Record>,
        /// Where the next subscription goes on. The model requires it, but the service leaves it out at the end of the
        /// shard, and that is how the end is told.
        "ContinuationSequenceNumber" continuation_sequence_number: Option<SequenceNumber>,
        /// How far behind the newest record this event is.
        "MillisBehindLatest" millis_behind_latest: u64 [0..=9_223_372_036_854_775_807],
        /// The shards that follow, at the end of this one.
        "ChildShards" child_shards: Option<Vec<ChildShard>>,
    }
}
