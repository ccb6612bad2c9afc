//! Makes calls as users make them: most of them valid, all of them in form. What breaks them comes later, in `spoil`.
//! Weighted so that streams come and go, shards split and merge, and most calls put and get.
//! Pure. Called by `session`.

use super::memory::Memory;
use super::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use serde_json::{Value, json};

const STREAMS_MAX: usize = 5;
const SHARDS_MAX: usize = 60;

/// The next call: an operation and its input.
pub(super) fn next(world: &World, memory: &Memory, chance: &mut StdRng) -> (&'static str, Value) {
    if world.streams.is_empty() {
        return create(world, chance);
    }
    let stream = world.stream(chance);
    match chance.random_range(0..110) {
        0..=3 if world.streams.len() < STREAMS_MAX => create(world, chance),
        4 => ("DeleteStream", json!({ "StreamName": stream })),
        5..=9 => ("DescribeStream", json!({ "StreamName": stream })),
        10..=14 => ("DescribeStreamSummary", json!({ "StreamName": stream })),
        15..=17 => ("ListStreams", list_streams(world, chance)),
        18..=22 => ("ListShards", list_shards(world, &stream, chance)),
        23..=36 => ("PutRecord", put_record(memory, &stream, chance)),
        37..=46 => put_records(&stream, chance),
        47..=62 => ("GetShardIterator", shard_iterator(world, memory, &stream, chance)),
        63..=84 if memory.iterators() > 0 => ("GetRecords", get_records(memory, chance)),
        85..=87 if world.shards() < SHARDS_MAX => ("SplitShard", split(world, &stream, chance)),
        88..=90 => ("MergeShards", merge(world, &stream, chance)),
        91..=94 => {
            let hours = *[24, 25, 48, 100, 168, 23, 24, 48].choose(chance).unwrap_or(&24);
            let increase = chance.random_bool(0.5);
            let operation = if increase { "IncreaseStreamRetentionPeriod" } else { "DecreaseStreamRetentionPeriod" };
            (operation, json!({ "StreamName": stream, "RetentionPeriodHours": hours }))
        }
        95..=98 => ("AddTagsToStream", json!({ "StreamName": stream, "Tags": tags(chance) })),
        99..=101 => {
            let keys: Vec<String> = (0..chance.random_range(1..4)).map(|_| tag_key(chance)).collect();
            ("RemoveTagsFromStream", json!({ "StreamName": stream, "TagKeys": keys }))
        }
        102..=105 => ("ListTagsForStream", list_tags(&stream, chance)),
        _ => ("DescribeStream", json!({ "StreamName": stream, "Limit": chance.random_range(1..200) })),
    }
}

fn create(world: &World, chance: &mut StdRng) -> (&'static str, Value) {
    let count = *[1, 1, 2, 3, 3, 4, 5, 7].choose(chance).unwrap_or(&1);
    ("CreateStream", json!({ "StreamName": world.free_name(chance), "ShardCount": count }))
}

fn list_streams(world: &World, chance: &mut StdRng) -> Value {
    match chance.random_range(0..3) {
        0 => json!({}),
        1 => json!({ "Limit": chance.random_range(1..4) }),
        _ => json!({ "ExclusiveStartStreamName": world.stream(chance) }),
    }
}

fn list_shards(world: &World, stream: &str, chance: &mut StdRng) -> Value {
    match chance.random_range(0..5) {
        0 => json!({ "StreamName": stream, "ExclusiveStartShardId": world.shard(stream, chance) }),
        1 => json!({ "StreamName": stream, "MaxResults": chance.random_range(1..9) }),
        _ => json!({ "StreamName": stream }),
    }
}

fn list_tags(stream: &str, chance: &mut StdRng) -> Value {
    match chance.random_range(0..3) {
        0 => json!({ "StreamName": stream }),
        1 => json!({ "StreamName": stream, "Limit": chance.random_range(1..11) }),
        _ => json!({ "StreamName": stream, "ExclusiveStartTagKey": tag_key(chance) }),
    }
}

fn put_record(memory: &Memory, stream: &str, chance: &mut StdRng) -> Value {
    let mut record = record(chance);
    record["StreamName"] = stream.into();
    let known: Vec<usize> = (0..memory.numbers.len()).filter(|at| memory.numbers[*at].stream == stream).collect();
    if chance.random_ratio(1, 6)
        && let Some(place) = known.choose(chance)
    {
        record["SequenceNumberForOrdering"] = format!("<number {place}>").into();
    }
    record
}

fn put_records(stream: &str, chance: &mut StdRng) -> (&'static str, Value) {
    let records: Vec<Value> = (0..chance.random_range(1..12)).map(|_| record(chance)).collect();
    ("PutRecords", json!({ "StreamName": stream, "Records": records }))
}

fn record(chance: &mut StdRng) -> Value {
    let mut data = vec![0; chance.random_range(0..60)];
    chance.fill_bytes(&mut data);
    let key = match chance.random_range(0..12) {
        0 => "ключ".to_owned(),
        1 => "k".repeat(256),
        2 => "🦀 a/b=c".to_owned(),
        _ => chance.random_range(0..1000).to_string(),
    };
    let mut record = json!({ "Data": STANDARD.encode(&data), "PartitionKey": key });
    if chance.random_ratio(1, 5) {
        record["ExplicitHashKey"] = hash_key(chance).into();
    }
    record
}

fn hash_key(chance: &mut StdRng) -> String {
    match chance.random_range(0..14) {
        0 => "0".to_owned(),
        1 => u128::MAX.to_string(),
        2 => "340282366920938463463374607431768211456".to_owned(),
        3 => "9".repeat(39),
        4 => (u128::MAX / 3).to_string(),
        _ => chance.random::<u128>().to_string(),
    }
}

fn shard_iterator(world: &World, memory: &Memory, stream: &str, chance: &mut StdRng) -> Value {
    let mut input = json!({ "StreamName": stream, "ShardId": world.shard(stream, chance) });
    let mut kind = match chance.random_range(0..16) {
        // Seldom: kinesalite does not answer if there is no such record, and that takes its time.
        0 => "AT_TIMESTAMP",
        1..=4 => "AT_SEQUENCE_NUMBER",
        5..=9 => "LATEST",
        _ => "TRIM_HORIZON",
    };
    let known: Vec<usize> = (0..memory.numbers.len()).filter(|at| memory.numbers[*at].stream == stream).collect();
    if (kind == "AT_SEQUENCE_NUMBER" || chance.random_ratio(1, 3)) && !known.is_empty() {
        let place = known.choose(chance).copied().unwrap_or_default();
        // Behind the number with which a shard began, kinesalite passes over its first record for a second.
        if chance.random_bool(0.5) && memory.numbers[place].is_of_record {
            kind = "AFTER_SEQUENCE_NUMBER";
        }
        if chance.random_ratio(9, 10) {
            input["ShardId"] = memory.numbers[place].shard.clone().into();
        }
        let how = if chance.random_ratio(1, 10) { " next" } else { "" };
        input["StartingSequenceNumber"] = format!("<number {place}{how}>").into();
    } else if chance.random_ratio(1, 12) {
        input["StartingSequenceNumber"] = (*NUMBERS.choose(chance).unwrap_or(&"0")).into();
    }
    if kind == "AT_TIMESTAMP" && chance.random_ratio(9, 10) {
        input["Timestamp"] = (*[0.0, 1.0, 1.441_215_410_867e9, 4_102_444_800.0].choose(chance).unwrap_or(&0.0)).into();
    }
    input["ShardIteratorType"] = kind.into();
    input
}

/// Numbers that no shard here has given: of all layouts, of times to come, of shards that cannot be.
pub(super) const NUMBERS: &[&str] = &[
    "0",
    "1",
    "21269",
    "21267647932558653966460912964485513216",
    "340282366920938463463374607431768211456",
    "680564733841876926926749214863536422911",
    "680564733841876926926749214863536422912",
    "49039857307708443467467104868809893875799651909875269632",
    "49039857307708443467467104868809893875799651909875269633",
    "49646437577108476416916876405825929425585429676275269634",
    "49646437577108476416916876405825929425585429676275269633",
    "49646437577108476416916876405825929425585429676275269632",
    "73559785961562665201200657303214840813699477864812904449",
    "99999999999999999999999999999999999999999999999999999999999",
];

fn get_records(memory: &Memory, chance: &mut StdRng) -> Value {
    // Mostly the newest, so that what was asked for is also read.
    let newest = memory.iterators() - 1;
    let back = if chance.random_ratio(3, 4) { chance.random_range(0..4) } else { chance.random_range(0..=newest) };
    let how = match chance.random_range(0..50) {
        0 => " cut",
        1 => " twisted",
        _ => "",
    };
    let mut input = json!({ "ShardIterator": format!("<iterator {}{how}>", newest.saturating_sub(back)) });
    if chance.random_ratio(1, 3) {
        input["Limit"] = chance.random_range(1..8).into();
    }
    input
}

fn split(world: &World, stream: &str, chance: &mut StdRng) -> Value {
    let shards = world.streams.get(stream).map(|stream| stream.shards.as_slice()).unwrap_or_default();
    let open: Vec<_> = shards.iter().filter(|shard| shard.is_open || chance.random_ratio(1, 10)).collect();
    let Some(shard) = open.choose(chance) else {
        return json!({ "StreamName": stream, "ShardToSplit": world.shard(stream, chance), "NewStartingHashKey": "9" });
    };
    let key = match chance.random_range(0..8) {
        0 => shard.start.to_string(),
        1 => shard.end.to_string(),
        2 => (shard.start + 1).to_string(),
        3 => (shard.start + 2).to_string(),
        4 => hash_key(chance),
        _ => (shard.start + (shard.end - shard.start) / 2).to_string(),
    };
    let id = if chance.random_ratio(1, 8) { world.shard(stream, chance) } else { shard.id.clone() };
    json!({ "StreamName": stream, "ShardToSplit": id, "NewStartingHashKey": key })
}

fn merge(world: &World, stream: &str, chance: &mut StdRng) -> Value {
    let shards = world.streams.get(stream).map(|stream| stream.shards.as_slice()).unwrap_or_default();
    let mut open: Vec<_> = shards.iter().filter(|shard| shard.is_open).collect();
    open.sort_by_key(|shard| shard.start);
    let pairs: Vec<_> = open.windows(2).collect();
    match pairs.choose(chance) {
        Some([one, other]) if chance.random_ratio(2, 3) => {
            json!({ "StreamName": stream, "ShardToMerge": one.id, "AdjacentShardToMerge": other.id })
        }
        _ => {
            let (one, other) = (world.shard(stream, chance), world.shard(stream, chance));
            json!({ "StreamName": stream, "ShardToMerge": one, "AdjacentShardToMerge": other })
        }
    }
}

fn tag_key(chance: &mut StdRng) -> String {
    let odd = ["é=1", "a b", "x%", "a,b", "t\tb", "k", "a:b", "aws:x", "日本", "_./=+-@"];
    match chance.random_range(0..16) {
        place @ 0..=9 => odd[place].to_owned(),
        _ => format!("key{}", chance.random_range(0..60)),
    }
}

fn tags(chance: &mut StdRng) -> Value {
    let mut tags = serde_json::Map::new();
    let many = if chance.random_ratio(1, 4) { 10 } else { 3 };
    for _ in 0..chance.random_range(1..=many) {
        let plain = chance.random_ratio(4, 5);
        let key = if plain { format!("key{}", chance.random_range(0..60)) } else { tag_key(chance) };
        let value =
            if plain { "v".to_owned() } else { ["", "ü", "a;b", "50%", "x:y"][chance.random_range(0..5)].to_owned() };
        tags.insert(key, value.into());
    }
    tags.into()
}
