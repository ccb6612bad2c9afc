//! The broker asked in the same process: what storing and reading cost above what their bodies cost.
//! `cargo bench --bench broker`

mod support;

use futures_util::FutureExt;
use support::{Subject, report};
use tailwater::broker::{Broker, Config};
use tailwater::record::{PartitionKey, ShardId, StreamName};
use tailwater::wire::http::header;
use tailwater::wire::shapes::{
    Call, CreateStreamInput, GetRecordsInput, GetRecordsOutput, GetShardIteratorInput, GetShardIteratorOutput,
    PutRecordsInput, PutRecordsOutput, PutRecordsRequestEntry, ShardIteratorType,
};
use tailwater::wire::{Body, Codec, Request};

fn main() {
    for (count, size) in [(500, 100), (500, 1024)] {
        for codec in [Codec::Json, Codec::Cbor] {
            put(count, size, codec);
        }
    }
    for codec in [Codec::Json, Codec::Cbor] {
        get(10_000, 100, codec);
    }
    memory();
}

/// A broker with a stream of four shards.
fn broker() -> Broker {
    let broker = Broker::open(Config::default()).expect("the system has random bytes");
    ask(&broker, &request(&CreateStreamInput::provisioned(name(), 4), Codec::Json));
    broker
}

fn name() -> StreamName {
    "orders".parse().expect("a name")
}

fn request<C: Call>(input: &C, codec: Codec) -> Request {
    let mut request = Request::of(input, codec);
    let value = "AWS4-HMAC-SHA256 Credential=A/B/us-east-1/kinesis/aws4_request, SignedHeaders=a, Signature=b";
    request.headers.add(header::AUTHORIZATION, value);
    request.headers.add(header::AMZ_DATE, "20261121T000000Z");
    request
}

fn ask(broker: &Broker, request: &Request) -> bytes::Bytes {
    let answer = broker.answer(request.clone()).now_or_never().expect("nothing is waited for");
    let Body::Whole(body) = answer.body else { panic!("no answer here is streamed") };
    assert_eq!(answer.status, 200, "{body:?}");
    body
}

fn records(count: usize, size: usize) -> PutRecordsInput {
    let key = |index: usize| -> PartitionKey { format!("key-{index:012}").parse().expect("a plain key") };
    let data = |index: usize| (0..size).map(|place| (place * 31 + index * 17) as u8).collect::<Vec<u8>>();
    let mut input =
        PutRecordsInput::new((0..count).map(|index| PutRecordsRequestEntry::new(data(index), key(index))).collect());
    input.stream_name = Some(name());
    input
}

fn put(count: usize, size: usize, codec: Codec) {
    let input = records(count, size);
    let put = request(&input, codec);
    let mut brokers = (broker(), 0);
    let answered: PutRecordsOutput = codec.decode_response(&ask(&brokers.0, &put)).expect("an answer");
    let hint = count * 128;
    let subjects = vec![
        Subject::new("ceiling: the bodies, in and out", count, count * size, || {
            let read: PutRecordsInput = codec.decode_request(&put.body).expect("a request");
            (read, codec.encode_sized(&answered, hint))
        }),
        Subject::new("PutRecords, whole", count, count * size, || {
            // A new broker now and then, so that memory stays within bounds.
            brokers.1 += 1;
            if brokers.1 % 2000 == 0 {
                brokers.0 = broker();
            }
            ask(&brokers.0, &put)
        })
        .under(0),
    ];
    report(&format!("PutRecords, {count} x {size} B, {codec:?}"), "records", subjects);
}

fn get(count: usize, size: usize, codec: Codec) {
    let broker = broker();
    for _ in 0..count * 4 / 500 + 4 {
        ask(&broker, &request(&records(500, size), codec));
    }
    let start = GetShardIteratorInput {
        stream_name: Some(name()),
        shard_id: ShardId::numbered(0),
        shard_iterator_type: ShardIteratorType::TrimHorizon,
        starting_sequence_number: None,
        timestamp: None,
        stream_arn: None,
        dry_run: None,
    };
    let iterator: GetShardIteratorOutput = codec.decode_response(&ask(&broker, &request(&start, codec))).expect("one");
    let shard_iterator = iterator.shard_iterator.expect("an iterator");
    let read = request(&GetRecordsInput { shard_iterator, limit: None, stream_arn: None, dry_run: None }, codec);
    let body = ask(&broker, &read);
    let page: GetRecordsOutput = codec.decode_response(&body).expect("a page");
    let count = page.records.len();
    let subjects = vec![
        Subject::new("ceiling: the page, out", count, count * size, || codec.encode_sized(&page, body.len())),
        Subject::new("GetRecords, whole", count, count * size, || ask(&broker, &read)).under(0),
    ];
    report(&format!("GetRecords, {count} x {size} B, {codec:?}"), "records", subjects);
}

/// What is reserved for records, for each that is kept.
fn memory() {
    println!("\nbytes reserved for each record kept, of which key and data are 116 and 1040");
    for size in [100, 1024] {
        let broker = broker();
        let put = request(&records(500, size), Codec::Cbor);
        for _ in 0..400 {
            ask(&broker, &put);
        }
        println!("{size:>5} B: {:.0}", broker.bytes_held() as f64 / (400.0 * 500.0));
    }
}
