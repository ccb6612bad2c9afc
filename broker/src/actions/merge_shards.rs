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
        let named = here.named(self.stream_name.as_ref(), self.stream_arn.as_ref())?;
        let number = |id: &ShardId| shard_number(id).ok_or_else(|| named.shard_not_found(id));
        let (lower, upper) = (number(&self.shard_to_merge)?, number(&self.adjacent_shard_to_merge)?);
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            if stream.is_on_demand() {
                return Err(named.on_demand());
            }
            active(stream, named)?;
            stream.trim(here.now);
            let (one, other) = (ShardId::numbered(lower), ShardId::numbered(upper));
            let mut closed = None;
            for (number, id) in [(lower, &one), (upper, &other)] {
                let shard = stream.shards.get(number).ok_or_else(|| named.shard_not_found(id))?;
                closed = closed.or((!shard.is_open()).then_some(id));
            }
            if stream.shards.neighbours(lower, upper).is_none() {
                return Err(named.not_adjacent(&one, &other));
            }
            if let Some(id) = closed {
                return Err(named.shard_closed(id));
            }
            stream.facts.life.begin(Change::Merge { lower, upper }, here.due());
            stream.pass(here.now);
            Ok(Empty {})
        })
    }
}
