//! Breaks calls: a member goes, comes, or becomes something else than it should be.
//! Pure. Called by `session`, for a good part of all calls.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

/// Breaks a document in one place, sometimes in several.
pub(super) fn spoil(document: &mut Value, chance: &mut StdRng) {
    let times = *[1, 1, 1, 2, 4].choose(chance).unwrap_or(&1);
    for _ in 0..times {
        spoil_once(document, chance);
    }
}

fn spoil_once(document: &mut Value, chance: &mut StdRng) {
    let mut places = Vec::new();
    collect(document, String::new(), &mut places);
    let Some(place) = places.choose(chance) else {
        document[if chance.random_bool(0.5) { "Limit" } else { "StreamName" }] = odd(chance);
        return;
    };
    match chance.random_range(0..10) {
        0..=1 => remove(document, place),
        2 => {
            let name = *EXTRA.choose(chance).unwrap_or(&"Bogus");
            document[name] = odd(chance);
        }
        _ => {
            if let Some(value) = document.pointer_mut(place) {
                *value = odd(chance);
            }
        }
    }
}

/// Members that calls have, or that none has.
const EXTRA: &[&str] = &[
    "Bogus",
    "Limit",
    "StreamName",
    "ExclusiveStartShardId",
    "ExplicitHashKey",
    "SequenceNumberForOrdering",
    "StartingSequenceNumber",
    "Timestamp",
    "MaxResults",
    "StreamCreationTimestamp",
    "ExclusiveStartTagKey",
    "ExclusiveStartStreamName",
    "Tags",
    "TagKeys",
    "Records",
    "ShardCount",
];

fn collect(value: &Value, path: String, places: &mut Vec<String>) {
    let mut add = |name: &str, value: &Value| {
        let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
        places.push(path.clone());
        collect(value, path, places);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| add(name, member)),
        Value::Array(items) => items.iter().take(3).enumerate().for_each(|(at, item)| add(&at.to_string(), item)),
        _ => {}
    }
}

/// Documents that hold one member each, and within it one, down to a value.
pub(super) fn parts(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(members) if !members.is_empty() => members
            .iter()
            .flat_map(|(name, member)| parts(member).into_iter().map(move |part| json!({ name: part })))
            .collect(),
        Value::Array(items) if !items.is_empty() => {
            items.iter().flat_map(|item| parts(item).into_iter().map(|part| json!([part]))).collect()
        }
        _ => vec![value.clone()],
    }
}

fn remove(document: &mut Value, place: &str) {
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&name.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(items)) => {
            items.pop();
        }
        _ => {}
    }
}

/// A value that is seldom right.
fn odd(chance: &mut StdRng) -> Value {
    match chance.random_range(0..12) {
        0 => Value::Null,
        1 => chance.random_bool(0.5).into(),
        2..=4 => number(chance),
        5 => json!([]),
        6 => json!({}),
        7 => (*[json!([1]), json!(["a", "b"]), json!({ "a": 1 }), json!({ "a": "b" }), json!([["a"]]), json!([{}])]
            .choose(chance)
            .unwrap_or(&Value::Null))
        .clone(),
        _ => text(chance).into(),
    }
}

fn number(chance: &mut StdRng) -> Value {
    const WHOLE: [i64; 19] = [
        0,
        -1,
        1,
        2,
        11,
        23,
        24,
        50,
        51,
        101,
        168,
        169,
        8760,
        8761,
        10_000,
        10_001,
        100_001,
        4_000_000_000,
        100_000_000_000,
    ];
    match chance.random_range(0..6) {
        0 => (*[1.5, 0.5, -0.5, 1e30, 24.9].choose(chance).unwrap_or(&1.5)).into(),
        _ => (*WHOLE.choose(chance).unwrap_or(&0)).into(),
    }
}

fn text(chance: &mut StdRng) -> String {
    let fixed = [
        "",
        "a",
        "true",
        "False",
        "1",
        "!!!",
        "a b",
        "é",
        "=",
        "YQ=",
        "YQ==",
        "YR==",
        "YQ=a",
        "YQ==YQ==",
        "YWJj\n",
        "a.b_c-d",
        "shardId-000000000000",
        "-1",
        "00",
        "1.0",
        "LATEST",
        "latest",
        "AT_TIMESTAMP",
        "AFTER_SEQUENCE_NUMBER",
        "340282366920938463463374607431768211455",
        "340282366920938463463374607431768211456",
        "'",
        "\"",
        "AAAA",
        "A-_A",
    ];
    match chance.random_range(0..6) {
        0 => "x".repeat(*[128, 129, 256, 257, 512, 513].choose(chance).unwrap_or(&129)),
        1 => "9".repeat(*[38, 39, 40, 56, 129, 130].choose(chance).unwrap_or(&39)),
        2 => (*super::life::NUMBERS.choose(chance).unwrap_or(&"0")).to_owned(),
        _ => (*fixed.choose(chance).unwrap_or(&"")).to_owned(),
    }
}
