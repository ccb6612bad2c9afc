//! Limits that the service has changed since kinesalite was written, and that we keep as they are now. Read by `known`.

use super::{Known, Sign};

const RETENTION: &[&str] = &["IncreaseStreamRetentionPeriod", "DecreaseStreamRetentionPeriod"];

pub(super) const KNOWN: &[Known] = &[
    Known::of_kinesalite(
        "hours of retention beyond 168, or below 1",
        "a `ValidationException`: 1 to 168",
        "an `InvalidArgumentException`, below 24 and above 8760",
        "records can be kept for 365 days since 2020; the model has no range, the operation has",
        &[
            Sign::new(
                "entry",
                "Value '*' at 'retentionPeriodHours' failed to satisfy constraint: Member must have value * than or equal to 1*",
                "none*",
            )
            .of(RETENTION),
        ],
    ),
    Known::of_kinesalite(
        "more than ten tags, or keys of tags, in a call",
        "a `ValidationException`: at most 10",
        "up to 200 tags, and 50 keys, in a call, and 50 on a stream",
        "the present model and its quota",
        &[
            Sign::new("entry", "Value '*' at 'tag*' failed to satisfy constraint: Member must have length less than or equal to 10", "*")
                .of(&["AddTagsToStream", "RemoveTagsFromStream"]),
        ],
    ),
    Known::of_kinesalite(
        "`Limit` of `ListTagsForStream` beyond 10",
        "a `ValidationException`: at most 10",
        "up to 50",
        "the present model",
        &[
            Sign::new("entry", "Value '*' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10", "*")
                .of(&["ListTagsForStream"]),
        ],
    ),
    Known::of_kinesalite(
        "more than 100,000 shards asked for",
        "a `ValidationException`: at most 100000",
        "a `LimitExceededException`, by the account's quota",
        "the model has no upper bound any more",
        &[
            Sign::new(
                "entry",
                "Value '*' at 'shardCount' failed to satisfy constraint: Member must have value less than or equal to 100000",
                "none*",
            )
            .of(&["CreateStream"]),
        ],
    ),
    Known::of_kinesalite(
        "records beyond a MiB",
        "a `ValidationException` where the data is larger; the key is not counted",
        "an `InvalidArgumentException` where data and key are larger than the stream takes, which is 1 MiB if nothing else is \
         said",
        "up to 10 MiB of data are in the present model; how much a stream takes is its own setting, and the key counts",
        &[
            Sign::new("answer", "200 {*}", "400 InvalidArgumentException: A record of * bytes of data and partition key exceeds the limit of *")
                .of(&["PutRecord"]),
            Sign::new(
                "entry",
                "Value 'java.nio.HeapByteBuffer*' at 'data' failed to satisfy constraint: Member must have length less than or equal to 1048576",
                "none, but 400 InvalidArgumentException: A record of * bytes of data and partition key exceeds the limit of *",
            )
            .of(&["PutRecord"]),
        ],
    ),
    Known::of_kinesalite(
        "how many streams `ListStreams` lists",
        "10, if no `Limit` is given",
        "100",
        "the default of the present model",
        &[
            Sign::new("StreamNames[]", "10 items", "1* items").of(&["ListStreams"]),
            Sign::new("HasMoreStreams", "true", "false").of(&["ListStreams"]),
        ],
    ),
];
