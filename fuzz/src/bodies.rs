//! What must be true of every body, whatever its encoding: an answer or a fault, never a panic; what is read can be
//! written and read again; a server takes nothing that a client would not, and makes the same of it.

use crate::choices::Choices;
use bytes::Bytes;
use std::fmt::Debug;
use tailwater_record::{ShardId, Timestamp};
use tailwater_wire::shape::Shape;
use tailwater_wire::shapes::{
    ChildShard, CreateStreamInput, DescribeStreamOutput, EncryptionType, EnhancedMetrics, GetRecordsOutput,
    HashKeyRange, ListShardsInput, MetricsName, PutRecordsInput, PutRecordsRequestEntry, Record,
    RecordDistributionStrategy, SequenceNumberRange, Shard, ShardFilter, ShardFilterType, StreamDescription,
    StreamMode, StreamModeDetails, StreamStatus, SubscribeToShardEvent, TagMap,
};
use tailwater_wire::{Codec, DecodeError, Fault, FaultCode};

/// Reads one body: a valid one of some shape with a piece replaced, or the input itself as every shape.
pub fn fuzz(codec: Codec, input: &[u8]) {
    let mut choices = Choices::new(input);
    match choices.byte() % 8 {
        0 => check::<PutRecordsInput>(codec, &choices.spliced(&codec.encode(&put_records())).into()),
        1 => check::<GetRecordsOutput>(codec, &choices.spliced(&codec.encode(&get_records())).into()),
        2 => check::<CreateStreamInput>(codec, &choices.spliced(&codec.encode(&create_stream())).into()),
        3 => check::<ListShardsInput>(codec, &choices.spliced(&codec.encode(&list_shards())).into()),
        4 => check::<SubscribeToShardEvent>(codec, &choices.spliced(&codec.encode(&event())).into()),
        5 => check::<DescribeStreamOutput>(codec, &choices.spliced(&codec.encode(&describe_stream())).into()),
        6 => {
            let fault = Fault::new(FaultCode::ResourceInUse, "text").encode(codec);
            check_fault(codec, &choices.spliced(&fault).into());
        }
        _ => {
            let body = Bytes::copy_from_slice(choices.rest());
            check::<PutRecordsInput>(codec, &body);
            check::<GetRecordsOutput>(codec, &body);
            check::<CreateStreamInput>(codec, &body);
            check::<ListShardsInput>(codec, &body);
            check::<SubscribeToShardEvent>(codec, &body);
            check::<DescribeStreamOutput>(codec, &body);
            check_fault(codec, &body);
        }
    }
}

fn check<T: Shape + Moments + PartialEq + Debug>(codec: Codec, body: &Bytes) {
    let as_response = codec.decode_response::<T>(body);
    let as_request = codec.decode_request::<T>(body);
    if let Ok(value) = &as_request {
        assert_eq!(as_response.as_ref(), Ok(value), "a request is read as a client would read it");
        let again = |codec: Codec| codec.decode_request::<T>(&codec.encode(value));
        check_again(value, again);
    }
    if let Ok(value) = &as_response {
        let again = |codec: Codec| codec.decode_response::<T>(&codec.encode(value));
        check_again(value, again);
    }
    for fault in [as_request.err(), as_response.err()].into_iter().flatten() {
        assert!(!fault.to_string().is_empty());
        match fault {
            DecodeError::Malformed { at, .. } => assert!(at <= body.len(), "{at} of {}", body.len()),
            DecodeError::Invalid { problems } => {
                assert!((1..=DecodeError::PROBLEMS_MAX).contains(&problems.len()), "{problems:?}");
            }
            _ => {}
        }
    }
}

fn check_again<T: Moments + PartialEq + Debug>(value: &T, again: impl Fn(Codec) -> Result<T, DecodeError>) {
    assert_eq!(again(Codec::Cbor).as_ref(), Ok(value), "through CBOR");
    // The service's own moments are fractions in JSON, so beyond some point milliseconds are lost.
    if value.moments().iter().all(|moment| moment.millis().unsigned_abs() < 1 << 51) {
        assert_eq!(again(Codec::Json).as_ref(), Ok(value), "through JSON");
    }
}

/// What a fault that is not known by name came with.
const STATUS: u16 = 418;

fn check_fault(codec: Codec, body: &Bytes) {
    for error_type in [None, Some("com.amazon#ThrottlingException:http://localhost/")] {
        let fault = Fault::decode(codec, STATUS, body, error_type);
        assert!(fault.is_some() || error_type.is_none(), "a header names a fault whatever the body is");
        if let Some(fault) = fault {
            assert_eq!(Fault::decode(codec, STATUS, &fault.encode(codec), None), Some(fault));
        }
    }
}

/// A shape that may hold moments.
pub trait Moments {
    /// All moments that it holds.
    fn moments(&self) -> Vec<Timestamp>;
}

impl Moments for PutRecordsInput {
    fn moments(&self) -> Vec<Timestamp> {
        Vec::new()
    }
}

impl Moments for CreateStreamInput {
    fn moments(&self) -> Vec<Timestamp> {
        Vec::new()
    }
}

impl Moments for GetRecordsOutput {
    fn moments(&self) -> Vec<Timestamp> {
        self.records.iter().filter_map(|record| record.approximate_arrival_timestamp).collect()
    }
}

impl Moments for SubscribeToShardEvent {
    fn moments(&self) -> Vec<Timestamp> {
        self.records.iter().filter_map(|record| record.approximate_arrival_timestamp).collect()
    }
}

impl Moments for ListShardsInput {
    fn moments(&self) -> Vec<Timestamp> {
        let filter = self.shard_filter.as_ref().and_then(|filter| filter.timestamp);
        filter.into_iter().chain(self.stream_creation_timestamp).collect()
    }
}

impl Moments for DescribeStreamOutput {
    fn moments(&self) -> Vec<Timestamp> {
        vec![self.stream_description.stream_creation_timestamp]
    }
}

const MOMENT: Timestamp = Timestamp::from_millis(1_700_000_000_123);

fn put_records() -> PutRecordsInput {
    let mut spread = PutRecordsRequestEntry::new("two", "ключ".parse().expect("a key"));
    spread.explicit_hash_key = Some("340282366920938463463374607431768211455".parse().expect("a hash key"));
    let mut input = PutRecordsInput::new(vec![PutRecordsRequestEntry::new("one", "k".parse().expect("a key")), spread]);
    input.stream_name = Some("orders".parse().expect("a name"));
    input.stream_arn = Some("arn:aws:kinesis:eu-west-1:000000000000:stream/orders".parse().expect("an ARN"));
    input.dry_run = Some(false);
    input
}

fn record() -> Record {
    Record {
        sequence_number: "49646437577108476416916876405825929425585429676275269634".parse().expect("a number"),
        approximate_arrival_timestamp: Some(MOMENT),
        data: "payload".into(),
        partition_key: Some("k".parse().expect("a key")),
        encryption_type: Some(EncryptionType::Kms),
    }
}

fn range() -> HashKeyRange {
    HashKeyRange { starting_hash_key: "0".parse().expect("a key"), ending_hash_key: "12".parse().expect("a key") }
}

fn child() -> ChildShard {
    ChildShard { shard_id: ShardId::numbered(2), parent_shards: vec![ShardId::numbered(1)], hash_key_range: range() }
}

fn get_records() -> GetRecordsOutput {
    GetRecordsOutput {
        records: vec![record(), Record { partition_key: None, encryption_type: None, ..record() }],
        next_shard_iterator: Some("AAAA".parse().expect("an iterator")),
        millis_behind_latest: Some(u64::from(u32::MAX) + 1),
        child_shards: Some(vec![child()]),
    }
}

/// An event as the service pushes it.
pub fn event() -> SubscribeToShardEvent {
    SubscribeToShardEvent {
        records: vec![record()],
        continuation_sequence_number: Some("1".parse().expect("a number")),
        millis_behind_latest: 0,
        child_shards: Some(vec![child()]),
    }
}

fn create_stream() -> CreateStreamInput {
    let tags = [("a", "\u{1}\"\\/\u{8}\u{c}\n\r\t\u{7f}😀"), ("é", "")];
    let tag = |(key, value): (&str, &str)| (key.parse().expect("a key"), value.parse().expect("a value"));
    CreateStreamInput {
        shard_count: Some(2),
        stream_mode_details: Some(StreamModeDetails { stream_mode: StreamMode::Provisioned }),
        tags: Some(TagMap(tags.into_iter().map(tag).collect())),
        warm_throughput_mi_bps: Some(1),
        max_record_size_in_ki_b: Some(1_024),
        record_distribution_strategy: Some(RecordDistributionStrategy::Auto),
        ..CreateStreamInput::on_demand("orders".parse().expect("a name"))
    }
}

fn list_shards() -> ListShardsInput {
    ListShardsInput {
        stream_name: Some("orders".parse().expect("a name")),
        next_token: Some("token".parse().expect("a token")),
        exclusive_start_shard_id: Some(ShardId::numbered(7)),
        max_results: Some(1_000),
        stream_creation_timestamp: Some(MOMENT),
        shard_filter: Some(ShardFilter {
            filter_type: ShardFilterType::FromTimestamp,
            shard_id: Some(ShardId::numbered(7)),
            timestamp: Some(MOMENT),
        }),
        stream_arn: None,
    }
}

fn describe_stream() -> DescribeStreamOutput {
    let shard = Shard {
        shard_id: ShardId::numbered(3),
        parent_shard_id: Some(ShardId::numbered(1)),
        adjacent_parent_shard_id: Some(ShardId::numbered(2)),
        hash_key_range: range(),
        sequence_number_range: SequenceNumberRange {
            starting_sequence_number: "1".parse().expect("a number"),
            ending_sequence_number: Some("2".parse().expect("a number")),
        },
    };
    DescribeStreamOutput {
        stream_description: StreamDescription {
            stream_name: "orders".parse().expect("a name"),
            stream_arn: "arn:aws:kinesis:eu-west-1:000000000000:stream/orders".parse().expect("an ARN"),
            stream_status: StreamStatus::Active,
            stream_mode_details: Some(StreamModeDetails { stream_mode: StreamMode::OnDemand }),
            shards: vec![shard],
            has_more_shards: false,
            retention_period_hours: -24,
            stream_creation_timestamp: MOMENT,
            enhanced_monitoring: vec![EnhancedMetrics { shard_level_metrics: Some(vec![MetricsName::All]) }],
            encryption_type: Some(EncryptionType::Kms),
            key_id: Some("alias/key".parse().expect("a key id")),
        },
    }
}
