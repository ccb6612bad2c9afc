//! What kinesalite takes otherwise than we do: the form of requests, what must be in them, and how they are refused.
//! Read by `known`.

use super::{Known, Sign};

const NO_STREAM: &str = "Value null at 'streamName' failed to satisfy constraint: Member must not be null";
const NO_KEY: &str = "Value null at '*artitionKey' failed to satisfy constraint: Member must not be null";

/// The operations that kinesalite lacks.
const NEWER: &[&str] = &[
    "AcknowledgeDeadLetterQueueRecords",
    "AcknowledgeQueueRecords",
    "CreateChannel",
    "CreateQueue",
    "DeleteChannel",
    "DeleteQueue",
    "DeleteResourcePolicy",
    "DeregisterStreamConsumer",
    "DescribeAccountSettings",
    "DescribeChannel",
    "DescribeLimits",
    "DescribeQueue",
    "DescribeStreamConsumer",
    "DisableEnhancedMonitoring",
    "EnableEnhancedMonitoring",
    "GetResourcePolicy",
    "ListChannels",
    "ListQueues",
    "ListStreamConsumers",
    "ListTagsForResource",
    "PutResourcePolicy",
    "ReceiveDeadLetterQueueRecords",
    "ReceiveQueueRecords",
    "RegisterStreamConsumer",
    "RestoreDeadLetterQueueRecords",
    "StartStreamEncryption",
    "StopStreamEncryption",
    "SubscribeToShard",
    "TagResource",
    "UntagResource",
    "UpdateAccountSettings",
    "UpdateChannel",
    "UpdateDeadLetterQueueRecordsVisibility",
    "UpdateMaxRecordSize",
    "UpdateQueue",
    "UpdateQueueRecordsVisibility",
    "UpdateShardCount",
    "UpdateStreamMode",
    "UpdateStreamRecordDistributionStrategy",
    "UpdateStreamWarmThroughput",
];

pub(super) const KNOWN: &[Known] = &[
    Known::of_kinesalite(
        "a stream that is not named",
        "a `ValidationException`: `streamName` must not be null",
        "an `InvalidArgumentException`: either name or ARN should be provided",
        "the model has `StreamARN` beside `StreamName` since 2022, and neither is required; the text is that of `ListShards`",
        &[
            Sign::new(
                "entry",
                NO_STREAM,
                "none, but 400 InvalidArgumentException: Either StreamName or StreamARN should be provided.",
            ),
            Sign::new("entry", NO_STREAM, "none"),
        ],
    ),
    Known::of_kinesalite(
        "the pattern of hash keys and sequence numbers, as a refusal prints it",
        r"`0\|([1-9]\d{0,38})`",
        r"`^(0\|([1-9]\d{0,38}))$`",
        "the present model has the anchors",
        &[Sign::new(
            "entry",
            r"Value '*' at '*' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\d{0,*})",
            r"Value '*' at '*' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(0|([1-9]\d{0,*}))$",
        )],
    ),
    Known::of_kinesalite(
        "hash keys and sequence numbers that begin with 0, or are too long",
        "takes them, where the first digit, or the last ones, fit the pattern",
        "a `ValidationException`",
        "the pattern is of the whole text; kinesalite's anchors bind to one alternative of it each",
        &[Sign::new(
            "entry",
            "none*",
            r"Value '*' at '*' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(0|([1-9]\d{0,*}))$",
        )],
    ),
    Known::of_kinesalite(
        "a record without a partition key",
        "`partitionKey` is told among the entries of a `ValidationException`",
        "it is told alone, once the other members are in order",
        "the model does not require it any more: whether it must be given depends on the stream",
        &[
            Sign::new("entry", NO_KEY, "none").of(&["PutRecord", "PutRecords"]),
            Sign::new("entry", NO_KEY, "none, but 400 *").of(&["PutRecord", "PutRecords"]),
        ],
    ),
    Known::of_kinesalite(
        "a new stream without a number of shards",
        "`shardCount` is told among the entries of a `ValidationException`",
        "it is told alone, once the other members are in order",
        "the model does not require it any more: it depends on the mode",
        &[Sign::new(
            "entry",
            "Value null at 'shardCount' failed to satisfy constraint: Member must not be null",
            "none",
        )
        .of(&["CreateStream"])],
    ),
    Known::of_kinesalite(
        "a body that is a list",
        "takes it for a structure without members",
        "a `SerializationException`",
        "a body is one structure; what is not is refused before anything else is looked at",
        &[
            Sign::new("*", "*", "*400 SerializationException").asked("*[]"),
            Sign::new("*", "*", "*400 SerializationException").asked("*[1]"),
            Sign::new("answer", "404 {*UnknownOperationException*}", "400 {*SerializationException*}").asked("*[]"),
            Sign::new("answer", "404 {*UnknownOperationException*}", "400 {*SerializationException*}").asked("*[1]"),
        ],
    ),
    Known::of_kinesalite(
        "a body that is not UTF-8",
        "takes a replacement character for what is not",
        "a `SerializationException`",
        "JSON is UTF-8",
        &[Sign::new("*", "*", "*400 SerializationException").asked("*\u{fffd}*")],
    ),
    Known::of_kinesalite(
        "a target with more than one dot, such as `Kinesis_20131202.ListStreams.x`",
        "what is behind the second dot is passed over",
        "an `UnknownOperationException`",
        "the name of the operation is all that is behind the first dot",
        &[Sign::new("*", "*", "*400 UnknownOperationException")
            .asked("*[x-amz-target: Kinesis_20131202.ListStreams.x]*")],
    ),
    Known::of_kinesalite(
        "`null` in a list or a map",
        "passes over it, or ends",
        "a refusal",
        "the model's lists and maps hold no such thing",
        &[
            Sign::new("answer", "no answer, the process has ended", "400 *").asked("*null*"),
            Sign::new(
                "entry",
                "none*",
                "Value null at '*.member' failed to satisfy constraint: Member must not be null",
            )
            .asked("*null*"),
        ],
    ),
    Known::of_kinesalite(
        "members that are newer than kinesalite",
        "passes over `Tags` in `CreateStream`, and others",
        "reads them, and refuses what they cannot be",
        "they are in the present model",
        &[
            Sign::new("*", "*", "*400 SerializationException (Message): *").of(&["CreateStream"]).asked("*\"Tags\":*"),
            Sign::new("entry", "none*", "Value '*' at 'tags*' failed to satisfy constraint: *").of(&["CreateStream"]),
            Sign::new("answer", "200 ", "400 InvalidArgumentException: *ags *")
                .of(&["CreateStream"])
                .asked("*\"Tags\":*"),
        ],
    ),
    Known::of_kinesalite(
        "operations that are newer than kinesalite",
        "an `UnknownOperationException`",
        "does what they say; queues, channels and, for now, subscriptions are an `UnknownOperationException` that says so",
        "kinesalite has 17 of the model's 57 operations",
        &[
            Sign::new("answer", "400 UnknownOperationException", "*").of(NEWER),
            Sign::new("entry", "none, but 400 UnknownOperationException", "*").of(NEWER),
        ],
    ),
    Known::of_kinesalite(
        "bodies between 7 and 16 MiB",
        "status 413",
        "are read",
        "10 MiB of data in base64, with keys, are more than 13 MiB",
        &[Sign::new("answer", "413 ", "200 {*")],
    ),
    Known::of_kinesalite(
        "the answer to a body that is too large",
        "comes in chunks",
        "says its length, which is 0",
        "every answer of the service says its length",
        &[Sign::new("header content-length", "none", "present").of(&["ListStreams"]).asked("{     *")],
    ),
];
