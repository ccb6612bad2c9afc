//! Consumers registered for fan-out.

use super::{Empty, NextToken, TagMap, calls};
use crate::shape::{shape, words};
use tailwater_record::{ConsumerArn, ConsumerName, StreamArn, Timestamp};

words! {
    /// Where a consumer is in its life.
    ConsumerStatus {
        /// It is being registered.
        Creating = "CREATING",
        /// It is being removed.
        Deleting = "DELETING",
        /// It may subscribe.
        Active = "ACTIVE",
    }
}

shape! {
    /// A consumer in a listing.
    pub struct Consumer {
        /// Its name.
        "ConsumerName" consumer_name: ConsumerName,
        /// Its ARN, new with each registration.
        "ConsumerARN" consumer_arn: ConsumerArn,
        /// Where it is in its life.
        "ConsumerStatus" consumer_status: ConsumerStatus,
        /// When it was registered.
        "ConsumerCreationTimestamp" consumer_creation_timestamp: Timestamp,
    }

    /// A consumer.
    pub struct ConsumerDescription {
        /// Its name.
        "ConsumerName" consumer_name: ConsumerName,
        /// Its ARN, new with each registration.
        "ConsumerARN" consumer_arn: ConsumerArn,
        /// Where it is in its life.
        "ConsumerStatus" consumer_status: ConsumerStatus,
        /// When it was registered.
        "ConsumerCreationTimestamp" consumer_creation_timestamp: Timestamp,
        /// The stream it reads.
        "StreamARN" stream_arn: StreamArn,
    }

    /// Registers a consumer.
    pub struct RegisterStreamConsumerInput {
        /// On which stream.
        "StreamARN" stream_arn: StreamArn,
        /// Under which name.
        "ConsumerName" consumer_name: ConsumerName,
        /// Its tags.
        "Tags" tags: Option<TagMap> [1..=200],
    }

    /// The new consumer.
    pub struct RegisterStreamConsumerOutput {
        /// The consumer.
        "Consumer" consumer: Consumer,
    }

    /// Removes a consumer, named by its ARN, or by its name and stream.
    #[derive(Default)]
    pub struct DeregisterStreamConsumerInput {
        /// Its stream.
        "StreamARN" stream_arn: Option<StreamArn>,
        /// Its name.
        "ConsumerName" consumer_name: Option<ConsumerName>,
        /// Its ARN.
        "ConsumerARN" consumer_arn: Option<ConsumerArn>,
    }

    /// Describes a consumer, named by its ARN, or by its name and stream.
    #[derive(Default)]
    pub struct DescribeStreamConsumerInput {
        /// Its stream.
        "StreamARN" stream_arn: Option<StreamArn>,
        /// Its name.
        "ConsumerName" consumer_name: Option<ConsumerName>,
        /// Its ARN.
        "ConsumerARN" consumer_arn: Option<ConsumerArn>,
    }

    /// The consumer.
    pub struct DescribeStreamConsumerOutput {
        /// The consumer.
        "ConsumerDescription" consumer_description: ConsumerDescription,
    }

    /// Lists the consumers of a stream, at most 100 a page.
    pub struct ListStreamConsumersInput {
        /// Which stream.
        "StreamARN" stream_arn: StreamArn,
        /// Where the last page ended.
        "NextToken" next_token: Option<NextToken>,
        /// At most so many.
        "MaxResults" max_results: Option<u32> [1..=10_000],
        /// The stream of this ARN that was made then.
        "StreamCreationTimestamp" stream_creation_timestamp: Option<Timestamp>,
    }

    /// A page of consumers.
    #[derive(Default)]
    pub struct ListStreamConsumersOutput {
        /// The consumers.
        "Consumers" consumers: Option<Vec<Consumer>>,
        /// Where to go on.
        "NextToken" next_token: Option<NextToken>,
    }
}

calls! {
    RegisterStreamConsumerInput = RegisterStreamConsumer -> RegisterStreamConsumerOutput;
    DeregisterStreamConsumerInput = DeregisterStreamConsumer -> Empty;
    DescribeStreamConsumerInput = DescribeStreamConsumer -> DescribeStreamConsumerOutput;
    ListStreamConsumersInput = ListStreamConsumers -> ListStreamConsumersOutput;
}
