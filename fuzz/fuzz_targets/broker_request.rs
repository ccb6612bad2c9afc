//! Any request to a broker that has streams: whatever is asked, it is answered, in the form that was asked for, and
//! nothing of it breaks what the broker holds.

#![no_main]

use bytes::Bytes;
use futures_util::FutureExt;
use libfuzzer_sys::fuzz_target;
use tailwater_broker::{Broker, Config};
use tailwater_fuzz::choices::Choices;
use tailwater_wire::http::header;
use tailwater_wire::shapes::{CreateStreamInput, ListShardsInput, ListShardsOutput, PutRecordInput};
use tailwater_wire::{Body, Codec, Fault, Operation, Request, Response};

fuzz_target!(|input: &[u8]| {
    let broker = Broker::open(Config::default()).expect("the system has random bytes");
    let name: tailwater_record::StreamName = "s".parse().expect("a name");
    ask(&broker, &signed(Request::of(&CreateStreamInput::provisioned(name.clone(), 3), Codec::Json)));
    let mut put = PutRecordInput::new("x");
    (put.stream_name, put.partition_key) = (Some(name.clone()), Some("k".parse().expect("a key")));
    ask(&broker, &signed(Request::of(&put, Codec::Json)));

    let mut choices = Choices::new(input);
    // Several requests, so that one may build on another. Bodies are separated by a byte that no UTF-8 text holds.
    let mut left = 8;
    while left > 0 {
        left -= 1;
        let kind = choices.byte();
        let codec = if kind % 2 == 0 { Codec::Json } else { Codec::Cbor };
        let rest = choices.rest();
        let end = rest.iter().position(|byte| *byte == 0xfe).unwrap_or(rest.len());
        let mut own = Choices::new(&rest[..end]);
        let (operation, body) = match kind % 4 {
            0 => {
                let (operation, body) = own.one_of(VALID);
                (operation, own.spliced(body.as_bytes()))
            }
            _ => (own.one_of(Operation::ALL), own.rest().to_vec()),
        };
        let answer = ask(&broker, &signed(Request::new(operation, codec, Bytes::from(body))));
        judge(&answer, codec);
        if end == rest.len() {
            break;
        }
        choices = Choices::new(&rest[end + 1..]);
    }
    // Whatever was asked, the shards that take records hold every key once.
    let listing = ListShardsInput { stream_name: Some(name), ..Default::default() };
    let answer = ask(&broker, &signed(Request::of(&listing, Codec::Json)));
    let Body::Whole(body) = &answer.body else { panic!("a listing is whole") };
    if answer.status == 200 {
        let listed: ListShardsOutput = Codec::Json.decode_response(body).expect("what we write can be read");
        let open = listed.shards.unwrap_or_default().into_iter();
        let open = open.filter(|shard| shard.sequence_number_range.ending_sequence_number.is_none());
        let mut ranges: Vec<tailwater_record::HashRange> =
            open.map(|shard| (&shard.hash_key_range).try_into().expect("a range")).collect();
        ranges.sort();
        let whole = ranges.into_iter().map(Some).reduce(|one, two| one?.merge(two?)).flatten();
        assert!(listed.next_token.is_some() || whole == Some(tailwater_record::HashRange::FULL));
    }
});

/// What is asked in order, for the fuzzer to spoil.
const VALID: &[(Operation, &str)] = &[
    (
        Operation::CreateStream,
        r#"{"StreamName":"t","ShardCount":2,"StreamModeDetails":{"StreamMode":"PROVISIONED"},"Tags":{"a":"b"}}"#,
    ),
    (Operation::DeleteStream, r#"{"StreamName":"t","EnforceConsumerDeletion":true}"#),
    (Operation::DescribeStream, r#"{"StreamName":"s","Limit":2,"ExclusiveStartShardId":"shardId-000000000000"}"#),
    (Operation::ListStreams, r#"{"Limit":1,"ExclusiveStartStreamName":"a"}"#),
    (
        Operation::ListShards,
        r#"{"StreamName":"s","ShardFilter":{"Type":"AT_TIMESTAMP","Timestamp":1700000000.5},"MaxResults":1}"#,
    ),
    (Operation::SplitShard, r#"{"StreamName":"s","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"9"}"#),
    (
        Operation::MergeShards,
        r#"{"StreamName":"s","ShardToMerge":"shardId-000000000000","AdjacentShardToMerge":"shardId-000000000001"}"#,
    ),
    (Operation::UpdateShardCount, r#"{"StreamName":"s","TargetShardCount":4,"ScalingType":"UNIFORM_SCALING"}"#),
    (
        Operation::PutRecord,
        r#"{"StreamName":"s","Data":"AAAA","PartitionKey":"k","ExplicitHashKey":"7","DryRun":false}"#,
    ),
    (
        Operation::PutRecords,
        r#"{"StreamName":"s","Records":[{"Data":"AAAA","PartitionKey":"k"},{"Data":"","ExplicitHashKey":"0","PartitionKey":"l"}]}"#,
    ),
    (
        Operation::GetShardIterator,
        r#"{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"49646437577108476416916876405825929425585429676275269634"}"#,
    ),
    (
        Operation::GetShardIterator,
        r#"{"StreamName":"s","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1}"#,
    ),
    (Operation::GetRecords, r#"{"ShardIterator":"AAAAAAAAAAE=","Limit":9}"#),
    (Operation::AddTagsToStream, r#"{"StreamName":"s","Tags":{"k":"v"}}"#),
    (Operation::RemoveTagsFromStream, r#"{"StreamName":"s","TagKeys":["k","l"]}"#),
    (Operation::IncreaseStreamRetentionPeriod, r#"{"StreamName":"s","RetentionPeriodHours":48}"#),
    (
        Operation::RegisterStreamConsumer,
        r#"{"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s","ConsumerName":"c"}"#,
    ),
    (
        Operation::ListStreamConsumers,
        r#"{"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s","MaxResults":1}"#,
    ),
    (
        Operation::UpdateStreamMode,
        r#"{"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s","StreamModeDetails":{"StreamMode":"ON_DEMAND"}}"#,
    ),
    (Operation::EnableEnhancedMonitoring, r#"{"StreamName":"s","ShardLevelMetrics":["ALL"]}"#),
    (
        Operation::PutResourcePolicy,
        r#"{"ResourceARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s","Policy":"{}"}"#,
    ),
];

fn signed(mut request: Request) -> Request {
    let value = "AWS4-HMAC-SHA256 Credential=A/B/us-east-1/kinesis/aws4_request, SignedHeaders=a, Signature=b";
    request.headers.add(header::AUTHORIZATION, value);
    request.headers.add(header::AMZ_DATE, "20261121T000000Z");
    request
}

fn ask(broker: &Broker, request: &Request) -> Response {
    broker.answer(request.clone()).now_or_never().expect("nothing is waited for")
}

fn judge(answer: &Response, codec: Codec) {
    assert!(matches!(answer.status, 200 | 400 | 413 | 500), "{}", answer.status);
    assert!(answer.headers.get(header::REQUEST_ID).is_some());
    let Body::Whole(body) = &answer.body else { panic!("no operation streams") };
    if answer.status != 200 {
        // An empty body is answered in CBOR unless JSON was asked for.
        let fault = [codec, Codec::Cbor].into_iter().find_map(|codec| Fault::decode(codec, answer.status, body, None));
        assert!(fault.is_some(), "{answer:?}");
    }
}
