//! Bodies of the calls that move records, written and read in both encodings, beside what base64 and one copy take.
//! `cargo bench --bench bodies`

mod support;

use base64_simd::STANDARD;
use support::{Subject, report};
use tailwater::record::{HashKey, PartitionKey, ShardId, Timestamp};
use tailwater::wire::Codec;
use tailwater::wire::shapes::{
    Call, GetRecordsOutput, PutRecordsInput, PutRecordsOutput, PutRecordsRequestEntry, PutRecordsResultEntry, Record,
};

fn main() {
    for size in [100, 1024] {
        put(500, size, false);
    }
    put(80, 51_200, true);
    get(2000, 100);
    get(200, 51_200);
}

fn key(index: usize) -> PartitionKey {
    format!("key-{index:012}").parse().expect("a plain key")
}

fn data(index: usize, size: usize) -> Vec<u8> {
    (0..size).map(|place| (place * 31 + index * 17) as u8).collect()
}

fn put(count: usize, size: usize, explicit: bool) {
    let entry = |index: usize| PutRecordsRequestEntry {
        explicit_hash_key: explicit.then(|| HashKey::new(u128::MAX / (index as u128 + 2))),
        ..PutRecordsRequestEntry::new(data(index, size), key(index))
    };
    let mut input = PutRecordsInput::new((0..count).map(entry).collect());
    input.stream_name = Some("orders".parse().expect("a plain name"));
    let answer = PutRecordsOutput {
        failed_record_count: Some(0),
        records: (0..count)
            .map(|index| PutRecordsResultEntry {
                sequence_number: format!("4964643757710847641691687640582592942558542967627{index:07}").parse().ok(),
                shard_id: Some(ShardId::numbered(index as u32 % 4)),
                ..Default::default()
            })
            .collect(),
        encryption_type: None,
    };
    let bytes = count * size;
    let hint = input.size_hint();
    let (json, cbor) = (Codec::Json.encode(&input), Codec::Cbor.encode(&input));
    let (json_answer, cbor_answer) = (Codec::Json.encode(&answer), Codec::Cbor.encode(&answer));
    let mut room = Vec::with_capacity(json.len());
    let (mut second_room, encoded) = (Vec::new(), STANDARD.encode_to_string(data(0, size)));
    println!("\nJSON {} bytes, CBOR {} bytes, payload {bytes} bytes", json.len(), cbor.len());
    let subjects = vec![
        Subject::new("ceiling: base64 in SIMD", count, bytes, || {
            room.clear();
            input.records.iter().for_each(|entry| STANDARD.encode_append(&entry.data, &mut room));
            room.len()
        }),
        Subject::new("request to JSON", count, bytes, || Codec::Json.encode_sized(&input, hint)).under(0),
        Subject::new("request to CBOR", count, bytes, || Codec::Cbor.encode_sized(&input, hint)),
        Subject::new("ceiling: base64 back, in SIMD", count, bytes, || {
            second_room.clear();
            for _ in 0..count {
                STANDARD.decode_append(&encoded, &mut second_room).expect("valid");
            }
            second_room.len()
        }),
        Subject::new("request from JSON", count, bytes, || Codec::Json.decode_request::<PutRecordsInput>(&json))
            .under(3),
        Subject::new("request from CBOR", count, bytes, || Codec::Cbor.decode_request::<PutRecordsInput>(&cbor)),
        Subject::new("answer to JSON", count, 0, || Codec::Json.encode_sized(&answer, json_answer.len())),
        Subject::new("answer to CBOR", count, 0, || Codec::Cbor.encode_sized(&answer, cbor_answer.len())),
        Subject::new("answer from JSON", count, 0, || Codec::Json.decode_response::<PutRecordsOutput>(&json_answer)),
        Subject::new("answer from CBOR", count, 0, || Codec::Cbor.decode_response::<PutRecordsOutput>(&cbor_answer)),
    ];
    report(&format!("PutRecords, {count} x {size} B (GB/s of payload)"), "records", subjects);
}

fn get(count: usize, size: usize) {
    let record = |index: usize| Record {
        sequence_number: format!("4964643757710847641691687640582592942558542967627{index:07}")
            .parse()
            .expect("digits"),
        approximate_arrival_timestamp: Some(Timestamp::from_millis(1_700_000_000_000 + index as i64)),
        data: data(index, size).into(),
        partition_key: Some(key(index)),
        encryption_type: None,
    };
    let output = GetRecordsOutput {
        records: (0..count).map(record).collect(),
        next_shard_iterator: "AAAAAAAAAAE".repeat(20).parse().ok(),
        millis_behind_latest: Some(0),
        child_shards: None,
    };
    let bytes = count * size;
    let (json, cbor) = (Codec::Json.encode(&output), Codec::Cbor.encode(&output));
    let subjects = vec![
        Subject::new("page to JSON", count, bytes, || Codec::Json.encode_sized(&output, json.len())),
        Subject::new("page to CBOR", count, bytes, || Codec::Cbor.encode_sized(&output, cbor.len())),
        Subject::new("page from JSON", count, bytes, || Codec::Json.decode_response::<GetRecordsOutput>(&json)),
        Subject::new("page from CBOR", count, bytes, || Codec::Cbor.decode_response::<GetRecordsOutput>(&cbor)),
    ];
    report(&format!("GetRecords, {count} x {size} B (GB/s of payload)"), "records", subjects);
}
