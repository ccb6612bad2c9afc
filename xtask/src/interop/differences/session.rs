//! One run of calls against both sides: says each call to both, has the answers compared, and keeps both sides alike.
//! Where only one side has changed something, the stream is deleted on both: else one difference would be told again and
//! again in what comes after it.
//! Called by `differences`.

use super::call::{Body, Call};
use super::life;
use super::memory::{Memory, Who};
use super::misdress::misdress;
use super::side::{Became, Peer, Side};
use super::spoil::{parts, spoil};
use super::tally::Tally;
use super::told::{About, Told, WRONG_KIND, members};
use super::world::World;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};
use std::error::Error;

/// Both sides, and what is known of them.
pub(super) struct Session {
    pub(super) peer: Peer,
    slow: bool,
    theirs: Side,
    ours: Side,
    pub(super) memory: Memory,
    pub(super) world: World,
}

impl Session {
    /// Starts both sides; streams change at once, or take a while.
    pub(super) fn start(peer: Peer, slow: bool) -> Result<Self, Box<dyn Error>> {
        let (ours, theirs) = (Side::ours(slow)?, Side::theirs(peer, slow)?);
        Ok(Self { peer, slow, theirs, ours, memory: Memory::default(), world: World::default() })
    }

    /// Says as many calls as asked for, as the seed has it.
    pub(super) fn run(&mut self, seed: u64, calls: usize, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
        let chance = &mut StdRng::seed_from_u64(seed);
        self.clear()?;
        tally.seeds += 1;
        for number in 0..calls {
            let (operation, mut body) = match self.peer {
                Peer::Kinesalite => life::next(&self.world, &self.memory, chance),
                Peer::KinesisMock => super::newer::next(&self.world, &self.memory, chance),
            };
            let to_be_broken = self.peer.speaks_as_the_service();
            if to_be_broken && chance.random_ratio(35, 100) {
                spoil(&mut body, chance);
            }
            let mut call = Call::new(operation, body);
            if to_be_broken && chance.random_ratio(8, 100) {
                misdress(&mut call, chance);
            }
            self.say(&call, &format!("seed {seed}, call {number}"), tally)?;
        }
        Ok(())
    }

    /// Says one call to both sides, and judges the answers.
    pub(super) fn say(&mut self, call: &Call, when: &str, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
        let theirs = self.theirs.ask(&call.fill(Who::Theirs, &self.memory));
        let ours = self.ours.ask(&call.fill(Who::Ours, &self.memory));
        self.remember(call, &theirs, &ours);
        let texts = self.peer.speaks_as_the_service();
        let (stream, memory) = (&self.stream_of(call), &self.memory);
        let told = |became: &Became, who: Who| Told::new(became, &About { who, stream, memory }, texts);
        let mut found = told(&theirs, Who::Theirs).compare(&told(&ours, Who::Ours));
        if found.iter().any(|difference| difference.place == WRONG_KIND) && self.is_ambiguous(call, when, tally)? {
            found.retain(|difference| difference.place != WRONG_KIND);
            tally.of_several_kinds += 1;
        }
        tally.judge(self.peer, call, when, &found);
        if matches!(theirs, Became::Ended) {
            self.theirs = Side::theirs(self.peer, self.slow)?;
            return self.clear();
        }
        if changes(call) {
            self.follow(call, &theirs, &ours, when, tally)?;
        }
        Ok(())
    }

    /// Whether several members are of a wrong kind: only the first is told, and which that is differs. Each is said
    /// again, alone, so that what is said of it is compared all the same.
    fn is_ambiguous(&mut self, call: &Call, when: &str, tally: &mut Tally) -> Result<bool, Box<dyn Error>> {
        // Of a deletion, a part may be a deletion.
        let Some(document) = call.document().filter(|_| call.operation != "DeleteStream") else { return Ok(false) };
        let mut wrong = 0;
        for part in parts(document).into_iter().filter(|part| part != document) {
            let alone = Call { body: Body::Document(part), ..call.clone() };
            let Became::Answered(answer) = self.ours.ask(&alone.fill(Who::Ours, &self.memory)) else { continue };
            if String::from_utf8_lossy(&answer.body).contains("SerializationException") {
                wrong += 1;
                self.say(&alone, when, tally)?;
            }
        }
        Ok(wrong > 1)
    }

    /// Deletes all streams on both sides.
    pub(super) fn clear(&mut self) -> Result<(), Box<dyn Error>> {
        for who in [Who::Theirs, Who::Ours] {
            while let [_, ..] = self.names(who).as_slice() {
                for name in self.names(who) {
                    self.ask(who, "DeleteStream", json!({ "StreamName": name, "EnforceConsumerDeletion": true }));
                }
            }
        }
        (self.memory, self.world) = (Memory::default(), World::default());
        Ok(())
    }

    fn names(&mut self, who: Who) -> Vec<String> {
        let listed = self.ask(who, "ListStreams", json!({ "Limit": 100 })).unwrap_or_default();
        let names = listed.get("StreamNames").and_then(Value::as_array).cloned().unwrap_or_default();
        names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }

    /// Asks one side, for ourselves.
    pub(super) fn ask(&mut self, who: Who, operation: &str, body: Value) -> Option<Map<String, Value>> {
        let sent = Call::new(operation, body).fill(who, &self.memory);
        let side = match who {
            Who::Theirs => &mut self.theirs,
            Who::Ours => &mut self.ours,
        };
        members(&side.ask(&sent))
    }

    /// Which stream a call is about, if it says so.
    fn stream_of(&self, call: &Call) -> String {
        let Some(asked) = call.document() else { return String::new() };
        let arn = || asked["StreamARN"].as_str().or_else(|| asked["ResourceARN"].as_str());
        let by_arn = || arn()?.rsplit_once('/').map(|(_, name)| name);
        let by_iterator = || self.memory.stream_of(asked["ShardIterator"].as_str()?);
        asked["StreamName"].as_str().or_else(by_arn).or_else(by_iterator).unwrap_or_default().to_owned()
    }

    /// Remembers what both have handed out.
    fn remember(&mut self, call: &Call, theirs: &Became, ours: &Became) {
        let (Some(theirs), Some(ours)) = (members(theirs), members(ours)) else { return };
        let stream = &self.stream_of(call);
        if call.operation == "CreateStream" {
            self.memory.forget(stream);
        }
        for name in ["ShardIterator", "NextShardIterator"] {
            if let (Some(theirs), Some(ours)) = (text(&theirs, name), text(&ours, name)) {
                self.memory.add_iterator(theirs, ours, stream);
            }
        }
        let mut add = |theirs: &Value, ours: &Value, member: &str, shard: &Value| {
            if let (Some(theirs), Some(ours), Some(shard)) =
                (theirs[member].as_str(), ours[member].as_str(), shard.as_str())
            {
                self.memory.add_number(theirs, ours, stream, shard, member == "SequenceNumber");
            }
        };
        let (one, other) = (Value::Object(theirs), Value::Object(ours));
        add(&one, &other, "SequenceNumber", &other["ShardId"]);
        let none = Vec::new();
        let list = |answer: &Value| answer["Records"].as_array().filter(|_| call.operation == "PutRecords").cloned();
        for (one, other) in list(&one).unwrap_or_default().iter().zip(&list(&other).unwrap_or_default()) {
            add(one, other, "SequenceNumber", &other["ShardId"]);
        }
        let shards = |answer: &Value| answer["Shards"].as_array().unwrap_or(&none).clone();
        for (one, other) in shards(&one).iter().zip(&shards(&other)) {
            for member in ["StartingSequenceNumber", "EndingSequenceNumber"] {
                add(&one["SequenceNumberRange"], &other["SequenceNumberRange"], member, &other["ShardId"]);
            }
        }
    }

    /// Brings both sides, and what is believed of them, to the same state after a change.
    fn follow(
        &mut self,
        call: &Call,
        theirs: &Became,
        ours: &Became,
        when: &str,
        tally: &mut Tally,
    ) -> Result<(), Box<dyn Error>> {
        let (theirs, ours) = (members(theirs), members(ours));
        let stream = self.stream_of(call);
        if theirs.is_none() && ours.is_none() {
            if self.peer == Peer::KinesisMock && call.operation == "DeleteStream" {
                // It says no, and does it all the same.
                self.say(&Call::new("DescribeStreamSummary", json!({ "StreamName": stream })), "no deletion", tally)?;
                return self.clear();
            }
            return Ok(());
        }
        if self.slow {
            return Ok(());
        }
        if theirs.is_some() != ours.is_some() {
            return self.clear();
        }
        if matches!(call.operation.as_str(), "PutRecord" | "PutRecords") {
            return Ok(());
        }
        if stream.is_empty() {
            return self.clear();
        }
        let is_there = loop {
            let there = self.names(Who::Theirs).contains(&stream);
            let described = self.ask(Who::Theirs, "DescribeStreamSummary", json!({ "StreamName": stream }));
            let status = described
                .and_then(|summary| summary["StreamDescriptionSummary"]["StreamStatus"].as_str().map(str::to_owned));
            match status.as_deref() {
                Some("ACTIVE") => break true,
                None if !there => break false,
                _ => {}
            }
        };
        if !is_there {
            self.world.streams.remove(&stream);
            return Ok(());
        }
        if self.peer == Peer::KinesisMock {
            self.settle_consumers(&stream);
        }
        if call.operation == "UpdateShardCount" {
            // They take other steps to the same end, and differ in all that comes after.
            self.say(&Call::new("DescribeStreamSummary", json!({ "StreamName": stream })), when, tally)?;
            return self.clear();
        }
        self.world.streams.entry(stream.clone()).or_default();
        if matches!(call.operation.as_str(), "CreateStream" | "SplitShard" | "MergeShards") {
            let listed = self.ask(Who::Ours, "ListShards", json!({ "StreamName": stream })).unwrap_or_default();
            self.world.believe(&stream, listed.get("Shards").unwrap_or(&Value::Null));
            self.say(&Call::new("ListShards", json!({ "StreamName": stream })), when, tally)?;
        }
        Ok(())
    }
}

impl Session {
    /// Waits until no consumer of theirs comes or goes: they do that a while after they have said so, or, when changes
    /// overtake one another, never.
    fn settle_consumers(&mut self, stream: &str) {
        let arn = format!("arn:aws:kinesis:us-east-1:000000000000:stream/{stream}");
        let settled = |consumer: &Value| consumer["ConsumerStatus"] == "ACTIVE";
        for _ in 0..100 {
            let listed = self.ask(Who::Theirs, "ListStreamConsumers", json!({ "StreamARN": arn })).unwrap_or_default();
            if listed.get("Consumers").and_then(Value::as_array).is_none_or(|consumers| consumers.iter().all(settled)) {
                return;
            }
        }
    }
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    members.get(name).and_then(Value::as_str)
}

/// Whether a call, or what its header makes of it, changes something.
fn changes(call: &Call) -> bool {
    let target = call.headers.iter().find(|(name, _)| *name == "x-amz-target").map_or("", |(_, target)| target);
    let operation = target.split('.').nth(1).unwrap_or_default();
    !["Describe", "List", "Get"].iter().any(|verb| operation.starts_with(verb))
}
