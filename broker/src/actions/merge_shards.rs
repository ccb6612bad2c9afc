//! `MergeShards`.

use super::Action;
use crate::here::{Here, active};
use crate::stream::life::Change;
use crate::stream::shard_number;
use tailwater_record::ShardId;
use tailwater_wire::Fault;
use tailwater_wire::shapes::{Empty, MergeShardsInput};

impl Action for MergeShardsInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            let number = |id: &ShardId| shard_number(id).ok_or_else(|| named.shard_not_found(id));
            let (lower, upper) = (number(&self.shard_to_merge)?, number(&self.adjacent_shard_to_merge)?);
            if stream.is_on_demand() {
                return Err(named.on_demand());
            }
            active(stream, named)?;
            stream.trim(here.now);
            for number in [lower, upper] {
                let id = ShardId::numbered(number);
                let shard = stream.shards.get(number).ok_or_else(|| named.shard_not_found(&id))?;
                if !shard.is_open() {
                    return Err(named.shard_closed(&id));
                }
            }
            if stream.shards.neighbours(lower, upper).is_none() {
                return Err(named.not_adjacent(&ShardId::numbered(lower), &ShardId::numbered(upper)));
            }
            stream.life.begin(Change::Merge { lower, upper }, here.due());
            stream.pass(here.now);
            Ok(Empty {})
        })
    }
}
