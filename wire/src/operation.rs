//! Every operation of the API, by name, and which side of the service serves it.
//! All 57 are here, so that a request for one that we do not offer is still understood for what it is.

use std::fmt;
use std::str::FromStr;

/// What stands before an operation's name in the `x-amz-target` header.
pub const TARGET_PREFIX: &str = "Kinesis_20131202";

/// The two endpoints that the service keeps apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plane {
    /// Describes and changes resources.
    Control,
    /// Moves records.
    Data,
}

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Streams, their shards, records, consumers and tags, and the account.
    Stream,
    /// Queues over a stream.
    Queue,
    /// Delivery from a stream to storage.
    Channel,
}

macro_rules! operations {
    ($($name:ident: $plane:ident, $subject:ident;)*) => {
        /// One of the operations of the API.
        ///
        /// ```
        /// use tailwater_wire::Operation;
        ///
        /// let operation: Operation = "PutRecords".parse().unwrap();
        /// assert_eq!(operation.target(), "Kinesis_20131202.PutRecords");
        /// assert_eq!(Operation::of_target("Kinesis_20131202.PutRecords"), Some(operation));
        /// assert_eq!(Operation::ALL.len(), 57);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Operation {
            $(#[doc = concat!("`", stringify!($name), "`.")] $name,)*
        }

        impl Operation {
            /// All operations, in the order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Which endpoint serves it.
            #[must_use]
            pub const fn plane(self) -> Plane {
                match self {
                    $(Self::$name => Plane::$plane,)*
                }
            }

            /// What it is about.
            #[must_use]
            pub const fn subject(self) -> Subject {
                match self {
                    $(Self::$name => Subject::$subject,)*
                }
            }

            /// The value of the `x-amz-target` header.
            #[must_use]
            pub const fn target(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("Kinesis_20131202.", stringify!($name)),)*
                }
            }
        }

        impl FromStr for Operation {
            type Err = UnknownOperation;

            fn from_str(name: &str) -> Result<Self, UnknownOperation> {
                match name {
                    $(stringify!($name) => Ok(Self::$name),)*
                    _ => Err(UnknownOperation),
                }
            }
        }
    };
}

operations! {
    AcknowledgeDeadLetterQueueRecords: Data, Queue;
    AcknowledgeQueueRecords: Data, Queue;
    AddTagsToStream: Control, Stream;
    CreateChannel: Control, Channel;
    CreateQueue: Control, Queue;
    CreateStream: Control, Stream;
    DecreaseStreamRetentionPeriod: Control, Stream;
    DeleteChannel: Control, Channel;
    DeleteQueue: Control, Queue;
    DeleteResourcePolicy: Control, Stream;
    DeleteStream: Control, Stream;
    DeregisterStreamConsumer: Control, Stream;
    DescribeAccountSettings: Control, Stream;
    DescribeChannel: Control, Channel;
    DescribeLimits: Control, Stream;
    DescribeQueue: Control, Queue;
    DescribeStream: Control, Stream;
    DescribeStreamConsumer: Control, Stream;
    DescribeStreamSummary: Control, Stream;
    DisableEnhancedMonitoring: Control, Stream;
    EnableEnhancedMonitoring: Control, Stream;
    GetRecords: Data, Stream;
    GetResourcePolicy: Control, Stream;
    GetShardIterator: Data, Stream;
    IncreaseStreamRetentionPeriod: Control, Stream;
    ListChannels: Control, Channel;
    ListQueues: Control, Queue;
    ListShards: Control, Stream;
    ListStreamConsumers: Control, Stream;
    ListStreams: Control, Stream;
    ListTagsForResource: Control, Stream;
    ListTagsForStream: Control, Stream;
    MergeShards: Control, Stream;
    PutRecord: Data, Stream;
    PutRecords: Data, Stream;
    PutResourcePolicy: Control, Stream;
    ReceiveDeadLetterQueueRecords: Data, Queue;
    ReceiveQueueRecords: Data, Queue;
    RegisterStreamConsumer: Control, Stream;
    RemoveTagsFromStream: Control, Stream;
    RestoreDeadLetterQueueRecords: Data, Queue;
    SplitShard: Control, Stream;
    StartStreamEncryption: Control, Stream;
    StopStreamEncryption: Control, Stream;
    SubscribeToShard: Data, Stream;
    TagResource: Control, Stream;
    UntagResource: Control, Stream;
    UpdateAccountSettings: Control, Stream;
    UpdateChannel: Control, Channel;
    UpdateDeadLetterQueueRecordsVisibility: Data, Queue;
    UpdateMaxRecordSize: Control, Stream;
    UpdateQueue: Control, Queue;
    UpdateQueueRecordsVisibility: Data, Queue;
    UpdateShardCount: Control, Stream;
    UpdateStreamMode: Control, Stream;
    UpdateStreamRecordDistributionStrategy: Control, Stream;
    UpdateStreamWarmThroughput: Control, Stream;
}

impl Operation {
    /// The operation that an `x-amz-target` header names.
    #[must_use]
    pub fn of_target(target: &str) -> Option<Self> {
        let (prefix, name) = target.split_once('.')?;
        (prefix == TARGET_PREFIX).then(|| name.parse().ok())?
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// No operation has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no operation of the API has this name")]
pub struct UnknownOperation;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_target_and_no_other_text_is() {
        for operation in Operation::ALL {
            assert_eq!(Operation::of_target(operation.target()), Some(*operation));
        }
        for text in
            ["", "PutRecord", "Kinesis_20131202", "Kinesis_20131202.", "Kinesis_20131201.PutRecord", "x.PutRecord"]
        {
            assert_eq!(Operation::of_target(text), None, "{text}");
        }
    }

    #[test]
    fn forty_operations_are_about_streams() {
        assert_eq!(Operation::ALL.iter().filter(|operation| operation.subject() == Subject::Stream).count(), 40);
    }
}
