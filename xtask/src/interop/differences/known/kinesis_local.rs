//! What kinesis-local does otherwise than we do. Read by `known`.

use super::{Known, Sign};

pub(super) const KNOWN: &[Known] = &[
    Known::of_kinesis_local(
        "members without a value",
        "`null`",
        "are left out",
        "the service leaves them out",
        &[Sign::new("*", "null", "absent")],
    ),
    Known::of_kinesis_local(
        "what is newer in the model",
        "is not told: counts of channels and queues, record size, tokens and summaries of `ListStreams`, ARNs in answers",
        "is told",
        "it is in the present model",
        &[
            Sign::new("*ChannelCount*", "absent", "0"),
            Sign::new("*QueueCount", "absent", "0"),
            Sign::new("StreamDescriptionSummary.MaxRecordSizeInKiB", "null", "1024"),
            Sign::new("StreamSummaries", "absent", "[*").of(&["ListStreams"]),
            Sign::new("NextToken", "absent", "\"<NextToken>\"").of(&["ListStreams"]),
            Sign::new("StreamARN", "absent", "\"arn:*").of(&["UpdateShardCount"]),
        ],
    ),
    Known::of_kinesis_local(
        "`EncryptionType` of what is not encrypted",
        "`NONE`, with every record put or got",
        "is left out; descriptions say `NONE`",
        "so the service has been recorded",
        &[Sign::new("*EncryptionType", "\"NONE\"", "absent").of(&["PutRecord", "PutRecords", "GetRecords"])],
    ),
    Known::of_kinesis_local(
        "the hash keys of the shards of a new stream",
        "divides 2^128 - 1, so that all but the last shard are one key short",
        "divides 2^128",
        "so the service's own ranges are; they are in its guide",
        &[
            Sign::new("*Shards[].HashKeyRange.EndingHashKey", "\"*\"", "\"*\"").of(&[
                "ListShards",
                "DescribeStream",
                "GetRecords",
            ]),
            Sign::new("*Shards[].HashKeyRange.StartingHashKey", "\"*\"", "\"*\"").of(&[
                "ListShards",
                "DescribeStream",
                "GetRecords",
            ]),
        ],
    ),
    Known::of_kinesis_local(
        "how many on-demand streams an account may have",
        "10",
        "50",
        "the present quota",
        &[Sign::new("OnDemandStreamCountLimit", "10", "50").of(&["DescribeLimits"])],
    ),
    Known::of_kinesis_local(
        "too many or too few shards as a target",
        "an `InvalidArgumentException`, and half of an odd number is rounded down",
        "a `LimitExceededException`, and less than half is too few",
        "limits of how far a stream may be scaled are limits",
        &[
            Sign::new("answer", "400 InvalidArgumentException", "400 LimitExceededException").of(&["UpdateShardCount"]),
            Sign::new("answer", "200 {*", "400 LimitExceededException").of(&["UpdateShardCount"]),
        ],
    ),
    Known::of_kinesis_local(
        "a cut iterator",
        "status 500",
        "an `InvalidArgumentException`",
        "what a caller sends is the caller's fault",
        &[Sign::new("answer", "500 *", "400 InvalidArgumentException").of(&["GetRecords"]).asked("*cut>*")],
    ),
    Known::of_kinesis_local(
        "a split at a shard's first hash key, or the one behind it",
        "splits",
        "an `InvalidArgumentException`",
        "the new key must be greater than one plus the first",
        &[Sign::new("answer", "200 *", "400 InvalidArgumentException").of(&["SplitShard"])],
    ),
    Known::of_kinesis_local(
        "splitting, merging and scaling a stream in on-demand mode",
        "does it, or refuses it for another reason",
        "a `ValidationException`",
        "the service refuses it so",
        &[Sign::new("answer", "*", "400 ValidationException").of(&["SplitShard", "MergeShards", "UpdateShardCount"])],
    ),
    Known::of_kinesis_local(
        "ids of shards that are not spelt as listed",
        "compares texts",
        "the number counts, as it stands behind the first hyphen",
        "so the service has been recorded",
        &[
            Sign::new("answer", "400 ResourceNotFoundException", "200 {*")
                .of(&["GetShardIterator"])
                .asked("*\"ShardId\":\"x-*"),
            Sign::new("answer", "200 {*", "400 ResourceNotFoundException").of(&["ListShards"]).asked("*ShardId\":\"*"),
            Sign::new("answer", "400 ResourceNotFoundException", "400 InvalidArgumentException")
                .of(&["MergeShards"])
                .asked("*\":\"x-*"),
            Sign::new("answer", "400 ResourceNotFoundException", "400 InvalidArgumentException")
                .of(&["MergeShards"])
                .asked("*\":\"0\"*"),
            Sign::new("answer", "400 ResourceNotFoundException", "200 {*")
                .of(&["GetShardIterator"])
                .asked("*\"ShardId\":\"0\"*"),
        ],
    ),
    Known::of_kinesis_local(
        "`TRIM_HORIZON`, `LATEST` or `AT_TIMESTAMP` with a sequence number",
        "passes over it",
        "an `InvalidArgumentException`",
        "so the service has been recorded, of the first two",
        &[Sign::new("answer", "200 {*", "400 InvalidArgumentException")
            .of(&["GetShardIterator"])
            .asked("*\"StartingSequenceNumber\":*")],
    ),
    Known::of_kinesis_local(
        "`AT_TIMESTAMP` with a time to come",
        "an iterator",
        "an `InvalidArgumentException`",
        "so the service has been recorded",
        &[Sign::new("answer", "200 {*", "400 InvalidArgumentException")
            .of(&["GetShardIterator"])
            .asked("*\"Timestamp\":4102444800.0}")],
    ),
    Known::of_kinesis_local(
        "a sequence number of another shard",
        "a `ResourceNotFoundException`",
        "an `InvalidArgumentException`",
        "so the service has been recorded",
        &[Sign::new("answer", "400 ResourceNotFoundException", "400 InvalidArgumentException")
            .of(&["GetShardIterator"])
            .asked("*_SEQUENCE_NUMBER\",\"StartingSequenceNumber\":*")],
    ),
    Known::of_kinesis_local(
        "tags in pages",
        "no order, and characters of `ExclusiveStartTagKey` are judged",
        "in the order of their keys, behind any text",
        "a page can only go on where there is an order",
        &[
            Sign::new("answer", "400 InvalidArgumentException", "200 {*")
                .of(&["ListTagsForStream"])
                .asked("*\"ExclusiveStartTagKey\":*"),
            Sign::new("Tags[]*", "*", "*").of(&["ListTagsForStream", "ListTagsForResource"]),
        ],
    ),
    Known::of_kinesis_local(
        "a listing of consumers that is whole",
        "brings a token all the same",
        "brings none",
        "a token says that there is more",
        &[Sign::new("NextToken", "\"<NextToken>\"", "absent").of(&["ListStreamConsumers"])],
    ),
    Known::of_kinesis_local(
        "tags of a consumer",
        "are told with it",
        "are told by `ListTagsForResource`",
        "the model's description of a consumer has none",
        &[Sign::new("ConsumerDescription.Tags", "{}", "absent").of(&["DescribeStreamConsumer"])],
    ),
    Known::of_kinesis_local(
        "a tag that is to be taken away and is not there",
        "a `ResourceNotFoundException`",
        "is no fault",
        "nothing says that it is one, and `RemoveTagsFromStream` has been recorded to take it",
        &[Sign::new("answer", "400 ResourceNotFoundException", "200 ").of(&["UntagResource"])],
    )
    .seldom(),
    Known::of_kinesis_local(
        "the policy of a stream that was deleted",
        "holds for the next stream of the name",
        "goes with it",
        "a policy is a stream's, not a name's",
        &[Sign::new("answer", "200 {\"Policy\":*", "400 ResourceNotFoundException").of(&["GetResourcePolicy"])],
    ),
    Known::of_kinesis_local(
        "a deletion that is refused because of consumers",
        "deletes the stream nevertheless",
        "does nothing",
        "a call that is refused does nothing",
        &[Sign::new("answer", "400 ResourceNotFoundException", "200 {*").of(&["DescribeStreamSummary"])],
    ),
    Known::of_kinesis_local(
        "how records are spread in a stream in on-demand mode",
        "is not told",
        "`USER_PARTITION_KEY`, if nothing else was asked for",
        "it is newer in the model",
        &[Sign::new("StreamDescriptionSummary.RecordDistributionStrategy", "absent", "\"USER_PARTITION_KEY\"")],
    ),
    Known::of_kinesis_local(
        "the shards at a moment before the stream was made, such as the trim horizon of a young stream",
        "all",
        "those that it began with",
        "the shards of one moment cover each hash key once; the KCL does not start otherwise",
        &[
            Sign::new("Shards[]", "* items", "* items").of(&["ListShards"]).asked("*AT_TIMESTAMP*"),
            Sign::new("Shards[]", "* items", "* items").of(&["ListShards"]).asked("*AT_TRIM_HORIZON*"),
        ],
    ),
    Known::of_kinesis_local(
        "the order of metrics",
        "as they were asked for",
        "as the model lists them",
        "a set has no order; this one does not change with the calls",
        &[Sign::new("*ShardLevelMetrics[]", "\"*\"", "\"*\"")],
    ),
    Known::of_kinesis_local(
        "a listing of shards behind one whose id is not spelt as listed",
        "compares texts",
        "the number counts",
        "so the service has been recorded",
        &[Sign::new("Shards[]", "* items", "* items").of(&["ListShards"]).asked("*{\"ShardFilter\":{\"ShardId\":*")],
    ),
    Known::of_kinesis_local(
        "a closed shard that is to be split or merged",
        "a `ResourceInUseException`",
        "an `InvalidArgumentException`",
        "it will never be free; the service names the argument",
        &[Sign::new("answer", "400 ResourceInUseException", "400 InvalidArgumentException")
            .of(&["SplitShard", "MergeShards"])],
    ),
    Known::of_kinesis_local(
        "the numbers with which shards begin and end",
        "are no place to read from, nor to order by",
        "are such a place, and order, unless they are of a time to come",
        "the KCL reads from them; the service judges numbers by what they say",
        &[
            Sign::new("answer", "400 ResourceNotFoundException", "200 {*")
                .of(&["GetShardIterator"])
                .asked("*_SEQUENCE_NUMBER\"*"),
            Sign::new("answer", "400 InvalidArgumentException", "200 {*")
                .of(&["PutRecord"])
                .asked("*\"SequenceNumberForOrdering\":*"),
            Sign::new("answer", "200 {*", "400 InvalidArgumentException")
                .of(&["PutRecord"])
                .asked("*\"SequenceNumberForOrdering\":*"),
        ],
    ),
    Known::of_kinesis_local(
        "how far behind a reader is whose page did not hold all",
        "0, at times",
        "the age of the last record read",
        "that is what the service documents",
        &[Sign::new("MillisBehindLatest", "0", "\"<more than 0>\"").of(&["GetRecords"])],
    ),
    Known::of_kinesis_local(
        "keys of tags that begin with `aws:`, which are to be taken away",
        "an `InvalidArgumentException`",
        "are no fault",
        "there can be none; what is not there is taken away",
        &[Sign::new("answer", "400 InvalidArgumentException", "200 ")
            .of(&["RemoveTagsFromStream"])
            .asked("*\"aws:x\"*")],
    ),
    Known::of_kinesis_local(
        "consumers that come and go shortly after one another",
        "one change may undo another: who was registered is lost, or who was deregistered is there again",
        "each change holds",
        "a call that is answered with success has done what it says",
        &[
            Sign::new("answer", "400 ResourceNotFoundException", "200 *")
                .of(&["DeregisterStreamConsumer", "DescribeStreamConsumer"]),
            Sign::new("answer", "200 *", "400 ResourceNotFoundException")
                .of(&["DeregisterStreamConsumer", "DescribeStreamConsumer"]),
            Sign::new("answer", "400 ResourceInUseException", "200 *").of(&["RegisterStreamConsumer", "DeleteStream"]),
            Sign::new("answer", "200 *", "400 ResourceInUseException").of(&["RegisterStreamConsumer", "DeleteStream"]),
            Sign::new("StreamDescriptionSummary.ConsumerCount", "*", "*").of(&["DescribeStreamSummary"]),
            Sign::new("Consumers[]*", "*", "*").of(&["ListStreamConsumers"]),
        ],
    )
    .seldom(),
    Known::of_kinesis_local(
        "the parents of a merged shard, where a reader is told its children",
        "not in this order, as seen once",
        "the lower one first",
        "as the listing tells them: `ParentShardId`, then `AdjacentParentShardId`",
        &[Sign::new("ChildShards[].ParentShards[]", "\"shardId-*", "\"shardId-*").of(&["GetRecords"])],
    )
    .seldom(),
    Known::of_kinesis_local(
        "how many shards there are after scaling",
        "seen once: two, where one was asked for of a stream whose shards had been merged",
        "as many as asked for",
        "that is what scaling is for",
        &[Sign::new("StreamDescriptionSummary.OpenShardCount", "2", "1").of(&["DescribeStreamSummary"])],
    )
    .seldom(),
];
