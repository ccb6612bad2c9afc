//! What kinesalite does otherwise than we do with requests that are in form. Read by `known`.

use super::{Known, Sign};

const LOOSE: &str = "we take ids of shards as loosely here as everywhere: what counts is the number";

pub(super) const KNOWN: &[Known] = &[
    Known::of_kinesalite(
        "what descriptions of streams tell",
        "neither mode nor record size, no counts of channels and queues, no summaries in `ListStreams`",
        "all that the model has but `StreamId`",
        "these members are newer; `StreamId` sends SDKs away from a local endpoint",
        &[
            Sign::new("StreamDescription*.StreamModeDetails", "absent", r#"{"StreamMode":"PROVISIONED"}"#),
            Sign::new("StreamDescriptionSummary.MaxRecordSizeInKiB", "absent", "1024"),
            Sign::new("StreamDescriptionSummary.ChannelCount", "absent", "0"),
            Sign::new("StreamDescriptionSummary.QueueCount", "absent", "0"),
            Sign::new("StreamSummaries", "absent", "[*").of(&["ListStreams"]),
        ],
    ),
    Known::of_kinesalite(
        "`DescribeStream` in pages",
        "passes over `Limit` and `ExclusiveStartShardId`, and lists all shards",
        "lists 100 at most, and tells `HasMoreShards`",
        "`Limit` is in the model, 100 is its default and its most",
        &[
            Sign::new("StreamDescription.Shards[]", "* items", "* items").of(&["DescribeStream"]),
            Sign::new("StreamDescription.HasMoreShards", "false", "true").of(&["DescribeStream"]),
        ],
    ),
    Known::of_kinesalite(
        "`ListShards` in pages",
        "passes over `MaxResults`, and has no tokens",
        "lists 1,000 at most, and gives a token",
        "`MaxResults` is in the model, 1,000 is its default and its most",
        &[
            Sign::new("Shards[]", "* items", "* items").of(&["ListShards"]).asked("*\"MaxResults\":*"),
            Sign::new("Shards[]", "* items", "1000 items").of(&["ListShards"]),
            Sign::new("NextToken", "absent", "\"<NextToken>\"").of(&["ListShards"]),
        ],
    ),
    Known::of_kinesalite(
        "`ListStreams` that goes on",
        "no token",
        "a token beside `HasMoreStreams`",
        "`NextToken` is newer",
        &[Sign::new("NextToken", "absent", "\"<NextToken>\"").of(&["ListStreams"])],
    ),
    Known::of_kinesalite(
        "the end of a shard",
        "no `ChildShards`; the answer with the last records still brings an iterator",
        "children with the last records, and no iterator",
        "the KCL needs the children, and takes the end with the last records or behind them",
        &[
            Sign::new("ChildShards", "absent", "[*]").of(&["GetRecords"]),
            Sign::new("NextShardIterator", "\"<NextShardIterator>\"", "absent").of(&["GetRecords"]),
        ],
    ),
    Known::of_kinesalite(
        "`MillisBehindLatest`",
        "0, but at the end of a shard the time since it was closed",
        "0 when all was read, else the age of the last record read",
        "that is what the service documents",
        &[
            Sign::new("MillisBehindLatest", "0", "\"<more than 0>\"").of(&["GetRecords"]),
            Sign::new("MillisBehindLatest", "\"<more than 0>\"", "0").of(&["GetRecords"]),
        ],
    ),
    Known::of_kinesalite(
        "`AT_TIMESTAMP` with a sequence number",
        "passes over the time, and reads after the number",
        "an `InvalidArgumentException`",
        "a number belongs to `AT_` and `AFTER_SEQUENCE_NUMBER` alone",
        &[Sign::new(
            "answer",
            "*",
            "400 InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
             StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified \
             AT_TIMESTAMP and also a StartingSequenceNumber.",
        )
        .of(&["GetShardIterator"])],
    ),
    Known::of_kinesalite(
        "`AT_TIMESTAMP` with a time after the last record",
        "does not answer at all",
        "an iterator that waits for the next record",
        "none yet is like `LATEST`",
        &[Sign::new("answer", "no answer", "200 {\"ShardIterator\":\"<ShardIterator>\"}")
            .of(&["GetShardIterator"])
            .asked("*AT_TIMESTAMP*")],
    ),
    Known::of_kinesalite(
        "a time beyond all years",
        "prints it as 1e+33",
        "prints the last millisecond that there is",
        "milliseconds are whole numbers of 64 bits",
        &[Sign::new("answer", "*timestampInMillis: 1*e+33, *", "*timestampInMillis: 9223372036854775807, *")
            .of(&["GetShardIterator"])],
    ),
    Known::of_kinesalite(
        "an iterator of a stream that was deleted, on a stream of the same name",
        "reads the new stream",
        "a `ResourceNotFoundException`",
        "an iterator is of one stream, not of a name",
        &[Sign::new("answer", "200 {*", "400 ResourceNotFoundException: Shard shardId-* in stream * does not exist")
            .of(&["GetRecords"])],
    ),
    Known::of_kinesalite(
        "`ExclusiveStartShardId` that is not spelt as listed",
        "compares texts",
        "the number counts; what has none is a `ResourceNotFoundException`",
        LOOSE,
        &[
            Sign::new("Shards[]", "* items", "* items").of(&["ListShards"]).asked("*\"ExclusiveStartShardId\":\"x-*"),
            Sign::new("Shards[]", "* items", "* items").of(&["ListShards"]).asked("*\"ExclusiveStartShardId\":\"0*"),
            Sign::new("Shards[]", "* items", "* items").of(&["ListShards"]).asked("*\"ExclusiveStartShardId\":\"*1\"*"),
            Sign::new("answer", "200 {*", "400 ResourceNotFoundException: Could not find shard * in stream *")
                .of(&["ListShards", "DescribeStream"])
                .asked("*\"ExclusiveStartShardId\":*"),
        ],
    ),
    Known::of_kinesalite(
        "`StreamCreationTimestamp` of another stream than there is",
        "is passed over",
        "a `ResourceNotFoundException`",
        "it tells a stream from an older one of the same name; that is what the model has it for",
        &[Sign::new("answer", "200 {*", "400 ResourceNotFoundException: Stream * not found.")
            .of(&["ListShards"])
            .asked("*\"StreamCreationTimestamp\":*")],
    ),
    Known::of_kinesalite(
        "ids of shards with two hyphens, such as `shardId-000000000000-1`",
        "what is between the hyphens is the number",
        "there is no such shard",
        "what is behind the first hyphen must be digits",
        &[Sign::new("answer", "*", "400 ResourceNotFoundException: Could not find shard *-*-* in stream *")
            .asked("*\"shardId-000000000000-1\"*")],
    ),
    Known::of_kinesalite(
        "a shard that is closed already, split once more",
        "splits it again",
        "an `InvalidArgumentException`",
        "its hash keys are its children's by now; kinesalite lacks the check",
        &[Sign::new("answer", "200 ", "400 InvalidArgumentException: Shard * has already been merged or split,*")
            .of(&["SplitShard", "MergeShards"])],
    ),
    Known::of_kinesalite(
        "a colon in a tag, and keys that begin with `aws:`",
        "an invalid character",
        "a colon is taken, `aws:` is reserved",
        "the service's newer text lists the colon; keys of its own begin so",
        &[
            Sign::new("answer", "400 InvalidArgumentException: Some tags contain invalid characters.*", "200 ")
                .asked("*:*"),
            Sign::new(
                "answer",
                "400 InvalidArgumentException: Some tags contain invalid characters.*",
                "400 InvalidArgumentException: Tag keys that begin with 'aws:' are reserved.",
            ),
            Sign::new(
                "answer",
                "400 InvalidArgumentException: Some tags contain invalid characters.*",
                "400 InvalidArgumentException: Failed to * tags * because some tags contained illegal characters.*",
            )
            .asked("*:*"),
        ],
    ),
    Known::of_kinesalite(
        "the number of a record as `SequenceNumberForOrdering`, just after a split or merge",
        "refuses it as not yet possible",
        "takes it",
        "kinesalite gives the records of a new shard a time that is a second ahead, and refuses times to come",
        &[Sign::new("answer", "400 InvalidArgumentException: ExclusiveMinimumSequenceNumber * is invalid.", "200 {*}")
            .of(&["PutRecord"])
            .asked("*\"SequenceNumberForOrdering\":\"<number *")],
    ),
    Known::of_kinesalite(
        "`ListShards` of a stream in CREATING or DELETING",
        "an empty list",
        "a `ResourceInUseException`",
        "it needs a stream that is ACTIVE or UPDATING; the KCL waits for that",
        &[Sign::new(
            "answer",
            "200 {\"Shards\":[*",
            "400 ResourceInUseException: Stream * not ACTIVE, instead in state *",
        )
        .of(&["ListShards"])],
    ),
    Known::of_kinesalite(
        "an iterator on a stream in DELETING",
        "gives one",
        "a `ResourceNotFoundException`",
        "the service may serve such a stream or not; a reader that is told that it goes does not wait for what cannot come",
        &[Sign::new(
            "answer",
            "200 {*}",
            "400 ResourceNotFoundException: Shard * in stream slow under account * does not exist",
        )
        .of(&["GetShardIterator"])],
    ),
    Known::of_kinesalite(
        "tags of a stream in DELETING",
        "changes them",
        "a `ResourceInUseException`",
        "a stream that goes takes no changes",
        &[Sign::new("answer", "200 ", "400 ResourceInUseException: Stream * not ACTIVE, instead in state DELETING")
            .of(&["AddTagsToStream", "RemoveTagsFromStream"])],
    ),
    Known::of_kinesalite(
        "the retention of a stream that is not ACTIVE",
        "changes it",
        "a `ResourceInUseException`",
        "the stream must be ACTIVE",
        &[Sign::new("answer", "200 ", "400 ResourceInUseException: Stream * not ACTIVE, instead in state *")
            .of(&["IncreaseStreamRetentionPeriod", "DecreaseStreamRetentionPeriod"])],
    ),
];
