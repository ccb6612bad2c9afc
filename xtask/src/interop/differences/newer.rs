//! Makes calls of the operations that kinesalite lacks: consumers, filters, tags by ARN, modes, policies, encryption.
//! They are not broken afterwards, since the words in which they are refused are not compared.
//! Pure. Called by `session`.

use super::life;
use super::memory::Memory;
use super::world::World;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

/// The next call: an operation and its input.
pub(super) fn next(world: &World, memory: &Memory, chance: &mut StdRng) -> (&'static str, Value) {
    if world.streams.is_empty() || chance.random_ratio(2, 5) {
        return life::next(world, memory, chance);
    }
    let stream = world.stream(chance);
    let arn = arn(&stream);
    let named = || if chance_of_arn(&stream) { json!({ "StreamARN": arn }) } else { json!({ "StreamName": stream }) };
    match chance.random_range(0..22) {
        0 | 1 => ("RegisterStreamConsumer", json!({ "StreamARN": arn, "ConsumerName": consumer(chance) })),
        2 => ("DeregisterStreamConsumer", json!({ "StreamARN": arn, "ConsumerName": consumer(chance) })),
        3 => ("DescribeStreamConsumer", json!({ "StreamARN": arn, "ConsumerName": consumer(chance) })),
        4 => ("ListStreamConsumers", json!({ "StreamARN": arn })),
        5..=8 => ("ListShards", filtered(world, &stream, chance)),
        9 => ("TagResource", json!({ "ResourceARN": arn, "Tags": { (key(chance)): "v" } })),
        10 => ("UntagResource", json!({ "ResourceARN": arn, "TagKeys": [key(chance)] })),
        11 => ("ListTagsForResource", json!({ "ResourceARN": arn })),
        12 => {
            let mode = if chance.random_bool(0.3) { "ON_DEMAND" } else { "PROVISIONED" };
            ("UpdateStreamMode", json!({ "StreamARN": arn, "StreamModeDetails": { "StreamMode": mode } }))
        }
        13 => ("PutResourcePolicy", json!({ "ResourceARN": arn, "Policy": "{\"Version\":\"2012-10-17\"}" })),
        14 => ("GetResourcePolicy", json!({ "ResourceARN": arn })),
        15 => ("DeleteResourcePolicy", json!({ "ResourceARN": arn })),
        16 => {
            let start = chance.random_bool(0.5);
            let operation = if start { "StartStreamEncryption" } else { "StopStreamEncryption" };
            (operation, json!({ "StreamName": stream, "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis" }))
        }
        17 => {
            let metric = *["IncomingBytes", "ALL", "OutgoingRecords"].choose(chance).unwrap_or(&"ALL");
            let enable = chance.random_bool(0.5);
            let operation = if enable { "EnableEnhancedMonitoring" } else { "DisableEnhancedMonitoring" };
            (operation, json!({ "StreamName": stream, "ShardLevelMetrics": [metric] }))
        }
        18 => {
            let target = chance.random_range(1..9);
            (
                "UpdateShardCount",
                json!({ "StreamName": stream, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING" }),
            )
        }
        19 => ("DescribeLimits", json!({})),
        20 => ("DescribeStream", named()),
        _ => ("DescribeStreamSummary", named()),
    }
}

fn chance_of_arn(stream: &str) -> bool {
    stream.len().is_multiple_of(2)
}

fn arn(stream: &str) -> String {
    format!("arn:aws:kinesis:us-east-1:000000000000:stream/{stream}")
}

fn consumer(chance: &mut StdRng) -> &'static str {
    ["one", "two", "three"].choose(chance).copied().unwrap_or("one")
}

fn key(chance: &mut StdRng) -> String {
    format!("key{}", chance.random_range(0..5))
}

fn filtered(world: &World, stream: &str, chance: &mut StdRng) -> Value {
    let kind =
        ["AT_LATEST", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AFTER_SHARD_ID", "AT_TIMESTAMP", "FROM_TIMESTAMP"];
    let kind = *kind.choose(chance).unwrap_or(&"AT_LATEST");
    let mut filter = json!({ "Type": kind });
    let complete = chance.random_ratio(9, 10);
    if kind == "AFTER_SHARD_ID" && complete {
        filter["ShardId"] = world.shard(stream, chance).into();
    }
    if kind.ends_with("_TIMESTAMP") && complete {
        filter["Timestamp"] = 1.0.into();
    }
    json!({ "StreamName": stream, "ShardFilter": filter })
}
