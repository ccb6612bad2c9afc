//! `SplitShard`.

use super::Action;
use super::create_stream::keeps_shard_quota;
use crate::here::{Here, active};
use crate::stream::life::Change;
use crate::stream::shard_number;
use tailwater_record::{HashKey, ShardId, StreamArn, StreamName};
use tailwater_wire::Fault;
use tailwater_wire::shape::Value;
use tailwater_wire::shapes::{Empty, SplitShardInput};

impl Action for SplitShardInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        let key = self.new_starting_hash_key;
        split(here, self.stream_name.as_ref(), self.stream_arn.as_ref(), &self.shard_to_split, Ok(key))
    }

    /// A hash key beyond the space is not inside the shard either, and that is what the service says of it.
    fn refused(document: &Value, here: &Here<'_>) -> Option<Fault> {
        let text = |name: &str| document.member(name).and_then(Value::text);
        let (name, arn) = (text("StreamName").map(str::parse), text("StreamARN").map(str::parse));
        let (name, arn) = (name.transpose().ok()?, arn.transpose().ok()?);
        let shard = text("ShardToSplit")?.parse().ok()?;
        let key = text("NewStartingHashKey").filter(|key| key.parse::<HashKey>().is_err())?;
        split(here, name.as_ref(), arn.as_ref(), &shard, Err(key)).err()
    }
}

/// Splits at a hash key, or refuses at what is none.
fn split(
    here: &Here<'_>,
    name: Option<&StreamName>,
    arn: Option<&StreamArn>,
    shard: &ShardId,
    key: Result<HashKey, &str>,
) -> Result<Empty, Fault> {
    let named = here.named(name, arn)?;
    let number = shard_number(shard).ok_or_else(|| named.shard_not_found(shard))?;
    // Counted before the stream is held: counting holds each stream in turn.
    let open = here.account.usage(here.now).open_shards;
    here.with_stream(name, arn, |stream, named| {
        let id = ShardId::numbered(number);
        if stream.is_on_demand() {
            return Err(named.on_demand());
        }
        active(stream, named)?;
        stream.trim(here.now);
        let shard = stream.shards.get(number).ok_or_else(|| named.shard_not_found(&id))?;
        keeps_shard_quota(here, open, 1)?;
        let range = shard.range();
        let (start, end) = (range.start().number(), range.end().number());
        let inside = |key: &HashKey| key.number() > start.saturating_add(1) && key.number() < end;
        let at = match key {
            Ok(key) if inside(&key) => key,
            Ok(key) => return Err(named.cannot_split_there(&id, &key.to_string(), range)),
            Err(text) => return Err(named.cannot_split_there(&id, text, range)),
        };
        if !shard.is_open() {
            return Err(named.shard_closed(&id));
        }
        stream.facts.life.begin(Change::Split { shard: number, at }, here.due());
        stream.pass(here.now);
        Ok(Empty {})
    })
}
