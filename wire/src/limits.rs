//! The service's numbers, each with where it is known from. Data, so that one change here is seen by all.

/// A number that the service keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The number.
    pub value: u64,
    /// What it counts.
    pub unit: Unit,
    /// How we know.
    pub source: Source,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    BytesPerSecond,
    /// Things.
    Count,
    /// Things in a second.
    CountPerSecond,
    /// Milliseconds.
    Millis,
    /// Hours.
    Hours,
}

/// How a limit is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It stands in the service model 2013-12-02.
    Model,
    /// It stands in the developer guide or the API reference.
    Documentation,
    /// It was recorded from the service's answers.
    Recorded,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $value:expr, $unit:ident, $source:ident;)*) => {
        $($(#[$doc])* pub const $name: Limit = Limit { value: $value, unit: Unit::$unit, source: Source::$source };)*

        /// All of them, by name.
        pub const ALL: &[(&str, Limit)] = &[$((stringify!($name), $name)),*];
    };
}

const MIB: u64 = 1024 * 1024;

limits! {
    /// Records in one `PutRecords`.
    PUT_RECORDS_ENTRIES = 500, Count, Model;
    /// Data and keys of one `PutRecords` together.
    PUT_RECORDS_BYTES = 10 * MIB, Bytes, Model;
    /// Data and key of one record, unless the stream says otherwise.
    RECORD_BYTES_DEFAULT = MIB, Bytes, Documentation;
    /// Data and key of one record, at the most that a stream can say.
    RECORD_BYTES_MAX = 10 * MIB, Bytes, Model;
    /// Characters of a partition key.
    PARTITION_KEY_CHARACTERS = 256, Count, Model;
    /// Data and keys that a shard takes.
    SHARD_WRITE_BYTES = MIB, BytesPerSecond, Documentation;
    /// Records that a shard takes.
    SHARD_WRITE_RECORDS = 1000, CountPerSecond, Documentation;
    /// Bytes that a shard gives, to all who poll it together.
    SHARD_READ_BYTES = 2 * MIB, BytesPerSecond, Documentation;
    /// Calls of `GetRecords` that a shard answers.
    SHARD_READ_CALLS = 5, CountPerSecond, Documentation;
    /// Records in one `GetRecords`.
    GET_RECORDS_RECORDS = 10_000, Count, Model;
    /// Bytes in one `GetRecords`.
    GET_RECORDS_BYTES = 10 * MIB, Bytes, Documentation;
    /// Calls of `GetShardIterator` that a shard answers.
    SHARD_ITERATOR_CALLS = 5, CountPerSecond, Documentation;
    /// The life of an iterator.
    SHARD_ITERATOR_LIFE = 300_000, Millis, Recorded;
    /// The life of a listing's token.
    NEXT_TOKEN_LIFE = 300_000, Millis, Documentation;
    /// Shards in one `ListShards`.
    LIST_SHARDS_PAGE = 1000, Count, Documentation;
    /// Calls of `ListShards` that a stream answers.
    LIST_SHARDS_CALLS = 1000, CountPerSecond, Documentation;
    /// Shards in one `DescribeStream`, and names in one `ListStreams` or `ListStreamConsumers`.
    LISTING_PAGE = 100, Count, Documentation;
    /// The life of a subscription.
    SUBSCRIPTION_LIFE = 300_000, Millis, Documentation;
    /// How soon after a subscription another one of the same consumer to the same shard is refused.
    SUBSCRIPTION_GAP = 5000, Millis, Model;
    /// Bytes that a subscription gives.
    SUBSCRIPTION_BYTES = 2 * MIB, BytesPerSecond, Documentation;
    /// Consumers registered on a stream.
    CONSUMERS = 20, Count, Documentation;
    /// Consumers registered on an on-demand stream of a committed account.
    CONSUMERS_COMMITTED = 50, Count, Documentation;
    /// Consumers of a stream that are being registered at once.
    CONSUMERS_CREATING = 5, Count, Documentation;
    /// Streams that are being made at once.
    STREAMS_CREATING = 5, Count, Documentation;
    /// On-demand streams in an account.
    STREAMS_ON_DEMAND = 50, Count, Documentation;
    /// Shards that an on-demand stream starts with.
    SHARDS_ON_DEMAND = 4, Count, Documentation;
    /// Shards that take records, in an account; as in the largest regions.
    SHARDS = 20_000, Count, Documentation;
    /// Shards of one stream that `UpdateShardCount` makes.
    SHARDS_PER_STREAM = 10_000, Count, Documentation;
    /// Tags on one resource.
    TAGS = 50, Count, Documentation;
    /// The shortest retention, and the default.
    RETENTION_MIN = 24, Hours, Documentation;
    /// The longest retention.
    RETENTION_MAX = 8760, Hours, Documentation;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{Kind, Shape};
    use crate::shapes::{GetRecordsInput, PutRecordsInput};
    use tailwater_record::PartitionKey;

    #[test]
    fn limits_and_shapes_agree() {
        let bounds = |members: &[crate::shape::MemberSchema], name: &str| {
            members.iter().find(|member| member.name == name).and_then(|member| member.bounds).unwrap().1
        };
        assert_eq!(bounds(PutRecordsInput::SCHEMA.members, "Records"), PUT_RECORDS_ENTRIES.value as i64);
        assert_eq!(bounds(GetRecordsInput::SCHEMA.members, "Limit"), GET_RECORDS_RECORDS.value as i64);
        let Kind::Text(rule) = <PartitionKey as crate::shape::Member>::KIND else { panic!("a key is text") };
        assert_eq!(rule.max as u64, PARTITION_KEY_CHARACTERS.value);
        assert_eq!(crate::shape::BLOB_MAX as u64, RECORD_BYTES_MAX.value);
    }
}
