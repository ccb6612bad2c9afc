//! Packing and unpacking aggregates, beside the ceiling that their MD5 and one copy of their bytes set.
//! `cargo bench --bench aggregate`

mod support;

use bytes::Bytes;
use support::{Subject, report};
use tailwater::record::kpl::{Packer, Unpacked, Unsealed, seal_all_in, unpack_all_in};
use tailwater::record::md5_lanes::Lanes;
use tailwater::record::{HashKey, HashRange, PartitionKey, UserRecord};

/// How many aggregates are made at once: a busy producer has as many lanes open.
const AGGREGATES: usize = 16;

fn main() {
    println!("lanes on this CPU: {:?}", Lanes::available());
    for (size, per_aggregate) in [(100, 388), (1024, 40)] {
        aggregates(size, per_aggregate);
    }
    keys();
}

fn records(size: usize, count: usize) -> Vec<UserRecord> {
    let key = |index: usize| -> PartitionKey { format!("key-{index:012}").parse().expect("a plain key") };
    let data = |index: usize| (0..size).map(|place| (place * 31 + index * 17) as u8).collect::<Vec<u8>>();
    (0..count).map(|index| UserRecord::new(data(index)).with_partition_key(key(index))).collect()
}

fn pack(packer: &mut Packer, records: &[UserRecord], per_aggregate: usize) -> Vec<Unsealed> {
    let fill = |records: &[UserRecord]| {
        for record in records {
            packer.push(record).expect("there is no limit");
        }
        packer.take().expect("not empty")
    };
    records.chunks(per_aggregate).map(fill).collect()
}

fn aggregates(size: usize, per_aggregate: usize) {
    let count = per_aggregate * AGGREGATES;
    let records = records(size, count);
    let mut packer = Packer::new();
    let packed: Vec<Bytes> = seal_all_in(Lanes::best(), pack(&mut packer, &records, per_aggregate))
        .into_iter()
        .map(|packed| packed.into_data())
        .collect();
    let messages: Vec<&[u8]> = packed.iter().map(|data| &data[4..data.len() - 16]).collect();
    let keys: Vec<&[u8]> =
        records.iter().filter_map(|record| record.partition_key()).map(|key| key.as_str().as_bytes()).collect();
    let mut room = vec![0; packed.iter().map(Bytes::len).max().unwrap_or_default()];
    // All but the last hash key, so that every record is inside and every key must be hashed to know it.
    let (shard, _) = HashRange::FULL.split(HashKey::MAX).expect("inside the range");

    let bytes = count * size;
    for lanes in [Lanes::Scalar, Lanes::best()] {
        let digests = |messages: &[&[u8]]| {
            let mut sum = 0_u8;
            lanes.md5_each(messages, |_, digest| sum ^= digest[0]);
            sum
        };
        let mut second_room = room.clone();
        let copy =
            |room: &mut Vec<u8>| messages.iter().for_each(|message| room[..message.len()].copy_from_slice(message));
        let mut packer = Packer::new();
        let open = |unpacked: Vec<Unpacked>| -> usize {
            let each = |unpacked: &Unpacked| match unpacked {
                Unpacked::Aggregated(aggregate) => aggregate.records().map(|record| record.data().len()).sum(),
                Unpacked::Plain(data) => data.len(),
            };
            unpacked.iter().map(each).sum()
        };
        let subjects = vec![
            Subject::new("ceiling: MD5 + copy", count, bytes, || {
                copy(&mut room);
                digests(&messages)
            }),
            Subject::new("pack", count, bytes, || seal_all_in(lanes, pack(&mut packer, &records, per_aggregate)))
                .under(0),
            Subject::new("unpack", count, bytes, || open(unpack_all_in(lanes, packed.iter().cloned(), None))).under(0),
            Subject::new("ceiling: MD5 + copy + MD5 of every key", count, bytes, || {
                copy(&mut second_room);
                (digests(&messages), digests(&keys))
            }),
            Subject::new("unpack for a shard", count, bytes, || {
                open(unpack_all_in(lanes, packed.iter().cloned(), Some(shard)))
            })
            .under(3),
        ];
        report(&format!("{size} B, {per_aggregate} records an aggregate, {lanes:?}"), "records", subjects);
    }
}

fn keys() {
    let keys: Vec<PartitionKey> =
        (0..1000).map(|index| format!("key-{index:012}").parse().expect("a plain key")).collect();
    let texts: Vec<&[u8]> = keys.iter().map(|key| key.as_str().as_bytes()).collect();
    let sum = |lanes: Lanes| {
        let mut sum = 0_u8;
        lanes.md5_each(&texts, |_, digest| sum ^= digest[0]);
        sum
    };
    let bytes = texts.iter().map(|text| text.len()).sum();
    let subjects = Lanes::available()
        .into_iter()
        .map(|lanes| Subject::new(format!("{lanes:?}"), keys.len(), bytes, move || sum(lanes)))
        .collect();
    report("hash keys of 16-character partition keys", "keys", subjects);
}
