//! From the bytes of an answer to a handler: decoded, unpacked, every record looked at; beside the ceiling that decoding
//! the body, the MD5 of the aggregates and that of every key set.
//! `cargo bench --bench consumer`

mod support;

use bytes::Bytes;
use std::hint::black_box;
use support::{Subject, report};
use tailwater::consumer::{OnStray, Record, batches};
use tailwater::record::kpl::{Packer, Unpacked, seal_all, unpack_all};
use tailwater::record::md5_lanes::Lanes;
use tailwater::record::{HashKey, HashRange, PartitionKey, Timestamp, UserRecord};
use tailwater::wire::Codec;
use tailwater::wire::shapes::{self, GetRecordsOutput};

/// So many aggregates of about 50 KiB make a page of about 5 MiB.
const AGGREGATES: usize = 104;

fn main() {
    println!("lanes on this CPU: {:?}", Lanes::best());
    for (size, per_aggregate) in [(100, 388), (1024, 48)] {
        for codec in [Codec::Json, Codec::Cbor] {
            page(size, per_aggregate, codec);
        }
    }
}

fn key(index: usize) -> PartitionKey {
    format!("key-{index:012}").parse().expect("a plain key")
}

fn aggregates(size: usize, per_aggregate: usize) -> Vec<Bytes> {
    let mut packer = Packer::new();
    let mut pack = |aggregate: usize| {
        for place in 0..per_aggregate {
            let index = aggregate * per_aggregate + place;
            let data: Vec<u8> = (0..size).map(|place| (place * 31 + index * 17) as u8).collect();
            packer.push(&UserRecord::new(data).with_partition_key(key(index))).expect("there is no limit");
        }
        packer.take().expect("not empty")
    };
    let unsealed = (0..AGGREGATES).map(&mut pack).collect();
    seal_all(unsealed).into_iter().map(|packed| packed.into_data()).collect()
}

fn body(aggregates: Vec<Bytes>, codec: Codec) -> Bytes {
    let record = |(index, data)| shapes::Record {
        sequence_number: format!("4964643757710847641691687640582592942558542967627{index:07}")
            .parse()
            .expect("digits"),
        approximate_arrival_timestamp: Some(Timestamp::from_millis(1_700_000_000_000 + index as i64)),
        data,
        partition_key: Some(key(index)),
        encryption_type: None,
    };
    codec.encode(&GetRecordsOutput {
        records: aggregates.into_iter().enumerate().map(record).collect(),
        next_shard_iterator: "AAAAAAAAAAE".repeat(20).parse().ok(),
        millis_behind_latest: Some(0),
        child_shards: None,
    })
}

fn decode(codec: Codec, body: &Bytes) -> Vec<shapes::Record> {
    codec.decode_response::<GetRecordsOutput>(body).expect("just encoded").records
}

/// What a handler does that does nothing else.
fn touch(sum: usize, record: Record<'_>) -> usize {
    let key = record.partition_key().map_or(0, str::len);
    black_box(record.sequence());
    let data = record.data();
    sum.wrapping_add(key + data.len() + data.last().map_or(0, |last| usize::from(*last)))
}

fn page(size: usize, per_aggregate: usize, codec: Codec) {
    let count = per_aggregate * AGGREGATES;
    let aggregates = aggregates(size, per_aggregate);
    let body = body(aggregates.clone(), codec);
    let keys: Vec<PartitionKey> = (0..count).map(key).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_str().as_bytes()).collect();
    // All but the last hash key, so that every record is inside and every key must be hashed to know it.
    let (shard, _) = HashRange::FULL.split(HashKey::MAX).expect("inside the range");
    let digests = |messages: &[&[u8]]| {
        let mut sum = 0_u8;
        Lanes::best().md5_each(messages, |_, digest| sum ^= digest[0]);
        sum
    };
    let checked = |records: &[shapes::Record]| {
        let messages: Vec<&[u8]> = records.iter().map(|record| &record.data[4..record.data.len() - 16]).collect();
        digests(&messages)
    };
    let handle = |records: Vec<shapes::Record>, on_stray| -> usize {
        let each = |batch: tailwater::consumer::Batch| batch.records().fold(0, touch);
        batches(records, on_stray, Some(shard)).map(each).fold(0, usize::wrapping_add)
    };
    let in_a_loop = |records: Vec<shapes::Record>| -> usize {
        let mut sum = 0;
        for batch in batches(records, OnStray::SetAside, Some(shard)) {
            for record in batch.records() {
                sum = touch(sum, record);
            }
        }
        sum
    };
    let bytes = count * size;
    let open = |unpacked: Vec<Unpacked>| unpacked.len();
    let subjects = vec![
        Subject::new("ceiling: decode + MD5 + MD5 of every key", count, bytes, || {
            (checked(&decode(codec, &body)), digests(&keys))
        }),
        Subject::new("body to handler", count, bytes, || handle(decode(codec, &body), OnStray::SetAside)).under(0),
        Subject::new("body to handler, in a for loop", count, bytes, || in_a_loop(decode(codec, &body))).under(0),
        Subject::new("ceiling: decode + MD5", count, bytes, || checked(&decode(codec, &body))),
        Subject::new("body to handler, strays delivered", count, bytes, || {
            handle(decode(codec, &body), OnStray::Deliver)
        })
        .under(3),
        Subject::new("decode alone", count, bytes, || decode(codec, &body).len()),
        Subject::new("unpack_all of the page at once, for a shard", count, bytes, || {
            open(unpack_all(aggregates.iter().cloned(), Some(shard)))
        }),
    ];
    report(
        &format!("{size} B, {per_aggregate} records an aggregate, {codec:?}, {} bytes", body.len()),
        "records",
        subjects,
    );
}
