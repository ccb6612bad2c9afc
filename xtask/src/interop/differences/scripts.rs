//! What chance would seldom find: sizes at their limits, more streams than a page lists, operations that kinesalite
//! lacks, and what a stream in CREATING, UPDATING and DELETING takes.
//! Called by `differences`, once per run.

use super::call::{Body, Call};
use super::memory::Who;
use super::session::Session;
use super::tally::Tally;
use serde_json::{Value, json};
use std::error::Error;
use tailwater_wire::Operation;
use tokio::time::{Duration, Instant};

/// Base64 of so many bytes, rounded down to whole groups.
fn data(bytes: usize) -> String {
    "AAAA".repeat(bytes / 3) + ["", "AA==", "AAA="][bytes % 3]
}

impl Session {
    fn script(&mut self, calls: Vec<(&str, Value)>, when: &str, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
        calls.into_iter().try_for_each(|(operation, body)| self.say(&Call::new(operation, body), when, tally))
    }

    /// Sizes, counts, pages.
    pub(super) fn at_limits(&mut self, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
        let when = "at limits";
        self.clear()?;
        let put = |bytes: usize, key: &str| {
            ("PutRecord", json!({ "StreamName": "s00", "Data": data(bytes), "PartitionKey": key }))
        };
        let puts = |count: usize, bytes: usize| {
            let records = vec![json!({ "Data": data(bytes), "PartitionKey": "k" }); count];
            ("PutRecords", json!({ "StreamName": "s00", "Records": records }))
        };
        let tags = |from: usize, to: usize| {
            let tags: Value =
                (from..to).map(|tag| (format!("t{tag:02}"), json!("v"))).collect::<serde_json::Map<_, _>>().into();
            ("AddTagsToStream", json!({ "StreamName": "s00", "Tags": tags }))
        };
        self.script(
            (0..12).map(|at| ("CreateStream", json!({ "StreamName": format!("s{at:02}"), "ShardCount": 1 }))).collect(),
            when,
            tally,
        )?;
        self.script(vec![("ListStreams", json!({})), ("ListStreams", json!({ "Limit": 100 }))], when, tally)?;
        self.script((0..5).map(|ten| tags(ten * 10, ten * 10 + 10)).collect(), when, tally)?;
        self.script(
            vec![tags(50, 51), tags(40, 51), tags(49, 50), ("ListTagsForStream", json!({ "StreamName": "s00" }))],
            when,
            tally,
        )?;
        for (bytes, key) in [(1_048_576 - 1, "k"), (1_048_576, "k"), (1_048_577, "k"), (0, "k"), (1_048_576 - 255, "é")]
        {
            self.script(
                vec![("CreateStream", json!({ "StreamName": "s00", "ShardCount": 1 })), put(bytes, key)],
                when,
                tally,
            )?;
        }
        self.script(vec![puts(500, 9), puts(501, 9), puts(4, 1_048_570), puts(6, 1_000_000)], when, tally)?;
        for (shards, stream) in [(20_001, "t0"), (100_001, "t1"), (0, "t2")] {
            self.script(vec![("CreateStream", json!({ "StreamName": stream, "ShardCount": shards }))], when, tally)?;
        }
        for operation in ["SplitShard", "MergeShards"] {
            let asked = json!({
                "StreamName": "nobody", "ShardToSplit": "shard", "NewStartingHashKey": "9",
                "ShardToMerge": "shard", "AdjacentShardToMerge": "shardId-000000000001",
            });
            self.script(vec![(operation, asked)], when, tally)?;
        }
        let start = json!({
            "StreamName": "s00", "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1e30,
        });
        let created = json!({ "StreamName": "s00", "StreamCreationTimestamp": 9 });
        let new = json!({ "StreamName": "s00", "ShardCount": 1 });
        self.script(vec![("CreateStream", new), ("GetShardIterator", start), ("ListShards", created)], when, tally)?;
        for id in ["x-00", "a"] {
            let behind = json!({ "StreamName": "s00", "ExclusiveStartShardId": id });
            self.script(vec![("ListShards", behind)], when, tally)?;
        }
        for tags in [json!(-1), json!({}), json!({ "a,b": "c" })] {
            let tagged = json!({ "StreamName": "tagged", "ShardCount": 1, "Tags": tags });
            self.script(vec![("CreateStream", tagged)], when, tally)?;
        }
        for bytes in [7 * 1024 * 1024 + 1, 16 * 1024 * 1024 + 1] {
            let mut call = Call::new("ListStreams", Value::Null);
            call.body = Body::Bytes([b"{".as_slice(), &vec![b' '; bytes - 2], b"}"].concat());
            self.say(&call, when, tally)?;
        }
        Ok(())
    }

    /// Every operation, also those that a peer lacks, and that we lack, with nothing in it.
    pub(super) fn all_operations(&mut self, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
        let calls = Operation::ALL.iter().map(|operation| (operation.name(), json!({}))).collect();
        self.script(calls, "all operations", tally)
    }

    /// What a stream takes that is on its way. Both sides were started to take their time.
    pub(super) fn in_all_states(&mut self, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
        let stream = "slow";
        self.script(vec![("CreateStream", json!({ "StreamName": stream, "ShardCount": 2 }))], "begins", tally)?;
        self.burst(stream, "while CREATING", tally)?;
        self.wait(stream)?;
        let split = json!({ "StreamName": stream, "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "99" });
        let merge = json!({
            "StreamName": stream, "ShardToMerge": "shardId-000000000002", "AdjacentShardToMerge": "shardId-000000000003",
        });
        for (operation, body) in [("SplitShard", split), ("MergeShards", merge)] {
            self.burst(stream, "while ACTIVE", tally)?;
            self.wait(stream)?;
            self.script(vec![(operation, body)], "begins", tally)?;
            self.burst(stream, "while UPDATING", tally)?;
            self.wait(stream)?;
        }
        self.script(vec![("DeleteStream", json!({ "StreamName": stream }))], "begins", tally)?;
        self.burst(stream, "while DELETING", tally)?;
        self.wait(stream)?;
        self.burst(stream, "when it is gone", tally)
    }

    fn burst(&mut self, stream: &str, when: &str, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
        let named = || json!({ "StreamName": stream });
        let with = |members: Value| {
            let mut body = named();
            for (name, member) in members.as_object().into_iter().flatten() {
                body[name] = member.clone();
            }
            body
        };
        let iterator = |shard: &str| with(json!({ "ShardId": shard, "ShardIteratorType": "LATEST" }));
        // What would begin another change is asked of shards that are not there.
        let calls = vec![
            ("DescribeStream", named()),
            ("DescribeStreamSummary", named()),
            ("ListStreams", json!({})),
            ("ListShards", named()),
            ("PutRecord", with(json!({ "Data": "AAAA", "PartitionKey": "a" }))),
            ("PutRecord", with(json!({ "Data": "AAAA", "PartitionKey": "a", "ExplicitHashKey": "9".repeat(39) }))),
            ("PutRecords", with(json!({ "Records": [{ "Data": "AAAA", "PartitionKey": "b" }] }))),
            ("GetShardIterator", iterator("shardId-000000000000")),
            ("GetShardIterator", iterator("shardId-000000000009")),
            ("GetShardIterator", iterator("shard")),
            ("GetRecords", json!({ "ShardIterator": "<iterator 0>" })),
            ("SplitShard", with(json!({ "ShardToSplit": "shardId-000000000009", "NewStartingHashKey": "99" }))),
            ("SplitShard", with(json!({ "ShardToSplit": "shard", "NewStartingHashKey": "99" }))),
            ("MergeShards", with(json!({ "ShardToMerge": "shardId-000000000008", "AdjacentShardToMerge": "9" }))),
            ("CreateStream", with(json!({ "ShardCount": 1 }))),
            ("ListTagsForStream", named()),
            ("AddTagsToStream", with(json!({ "Tags": { "a": "b" } }))),
            ("RemoveTagsFromStream", with(json!({ "TagKeys": ["a"] }))),
            ("IncreaseStreamRetentionPeriod", with(json!({ "RetentionPeriodHours": 25 }))),
            ("IncreaseStreamRetentionPeriod", with(json!({ "RetentionPeriodHours": 5 }))),
            ("DecreaseStreamRetentionPeriod", with(json!({ "RetentionPeriodHours": 24 }))),
        ];
        let skipped = if when == "when it is gone" { "CreateStream" } else { "" };
        self.script(calls.into_iter().filter(|(operation, _)| *operation != skipped).collect(), when, tally)
    }

    /// Until the stream is ACTIVE, or gone, on both sides.
    fn wait(&mut self, stream: &str) -> Result<(), Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let over = Instant::now() + Duration::from_secs(20);
        for who in [Who::Theirs, Who::Ours] {
            loop {
                let described = self.ask(who, "DescribeStreamSummary", json!({ "StreamName": stream }));
                let status = described.map(|summary| summary["StreamDescriptionSummary"]["StreamStatus"].clone());
                if status.is_none_or(|status| status == "ACTIVE") {
                    break;
                }
                if Instant::now() > over {
                    return Err("a stream does not come to rest".into());
                }
                runtime.block_on(async { tokio::time::sleep(Duration::from_millis(20)).await });
            }
        }
        Ok(())
    }
}
