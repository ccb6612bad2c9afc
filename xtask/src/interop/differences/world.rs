//! What the maker of calls believes to be there: streams, their open shards, and names to choose from.
//! Pure. Kept up to date by `session`, read by `life`.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;
use std::collections::BTreeMap;

/// A stream, as the last listing of its shards shows it.
#[derive(Clone, Debug, Default)]
pub(super) struct StreamView {
    pub(super) shards: Vec<ShardView>,
}

/// A shard of it.
#[derive(Clone, Debug)]
pub(super) struct ShardView {
    pub(super) id: String,
    pub(super) is_open: bool,
    pub(super) start: u128,
    pub(super) end: u128,
}

/// All that is believed to be there.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) streams: BTreeMap<String, StreamView>,
}

const NAMES: [&str; 7] =
    ["a", "orders", "readings-2026", "Clicks_of.today", "z-15-characters", "a-name-of-some-30-characters--", "1.2.3"];

impl World {
    /// The name of a stream that is there, mostly.
    pub(super) fn stream(&self, chance: &mut StdRng) -> String {
        let names: Vec<&String> = self.streams.keys().collect();
        match names.choose(chance) {
            Some(name) if !chance.random_ratio(1, 14) => (*name).clone(),
            _ => self.free_name(chance),
        }
    }

    /// A name that is mostly free.
    pub(super) fn free_name(&self, chance: &mut StdRng) -> String {
        match chance.random_range(0..10) {
            0 => "n".repeat(128),
            1 => "nobody".to_owned(),
            _ => (*NAMES.choose(chance).unwrap_or(&"a")).to_owned(),
        }
    }

    /// The id of a shard of this stream, mostly one that is there, seldom spelt as it is listed.
    pub(super) fn shard(&self, stream: &str, chance: &mut StdRng) -> String {
        let known = self.streams.get(stream).and_then(|stream| stream.shards.choose(chance));
        match chance.random_range(0..40) {
            0 => "shardId-000000000999".to_owned(),
            1 => known.map_or_else(|| "7".to_owned(), |shard| shard.id.replace("shardId-0000000000", "x-")),
            2 => (*["shard", "shardId-2147483648", "a-b-1", "0", "shardId-000000000000-1"]
                .choose(chance)
                .unwrap_or(&"0"))
            .to_owned(),
            _ => known.map_or_else(|| "shardId-000000000000".to_owned(), |shard| shard.id.clone()),
        }
    }

    pub(super) fn shards(&self) -> usize {
        self.streams.values().map(|stream| stream.shards.len()).sum()
    }

    /// Believes a listing of shards.
    pub(super) fn believe(&mut self, stream: &str, listed: &Value) {
        let shards = listed.as_array().map(|shards| shards.iter().filter_map(view).collect());
        if let Some(known) = self.streams.get_mut(stream) {
            known.shards = shards.unwrap_or_default();
        }
    }
}

fn view(shard: &Value) -> Option<ShardView> {
    let key = |name: &str| shard["HashKeyRange"][name].as_str()?.parse().ok();
    Some(ShardView {
        id: shard["ShardId"].as_str()?.to_owned(),
        is_open: shard["SequenceNumberRange"].get("EndingSequenceNumber").is_none(),
        start: key("StartingHashKey")?,
        end: key("EndingHashKey")?,
    })
}
