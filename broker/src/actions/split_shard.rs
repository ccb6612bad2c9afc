//! `SplitShard`.

use super::Action;
use super::create_stream::keeps_shard_quota;
use crate::here::{Here, active};
use crate::stream::life::Change;
use crate::stream::shard_number;
use tailwater_record::ShardId;
use tailwater_wire::Fault;
use tailwater_wire::shapes::{Empty, SplitShardInput};

impl Action for SplitShardInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        // Counted before the stream is held: counting holds each stream in turn.
        let open = here.account.usage(here.now).open_shards;
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            let number = shard_number(&self.shard_to_split);
            let number = number.ok_or_else(|| named.shard_not_found(&self.shard_to_split))?;
            let id = ShardId::numbered(number);
            if stream.is_on_demand() {
                return Err(named.on_demand());
            }
            active(stream, named)?;
            stream.trim(here.now);
            let shard = stream.shards.get(number).ok_or_else(|| named.shard_not_found(&id))?;
            keeps_shard_quota(here, open, 1)?;
            let (key, range) = (self.new_starting_hash_key, shard.range());
            let (at, start, end) = (key.number(), range.start().number(), range.end().number());
            if at <= start.saturating_add(1) || at >= end {
                return Err(named.cannot_split_there(&id, key, range));
            }
            if !shard.is_open() {
                return Err(named.shard_closed(&id));
            }
            stream.life.begin(Change::Split { shard: number, at: key }, here.due());
            stream.pass(here.now);
            Ok(Empty {})
        })
    }
}
