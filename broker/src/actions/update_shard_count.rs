//! `UpdateShardCount`.

use super::Action;
use super::create_stream::keeps_shard_quota;
use crate::here::{Here, active};
use crate::stream::life::Change;
use crate::texts::limit;
use std::num::NonZeroU32;
use tailwater_wire::shapes::{UpdateShardCountInput, UpdateShardCountOutput};
use tailwater_wire::{Fault, limits};

impl Action for UpdateShardCountInput {
    fn act(self, here: &Here<'_>) -> Result<UpdateShardCountOutput, Fault> {
        let usage = here.account.usage(here.now);
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            if stream.is_on_demand() {
                return Err(named.on_demand());
            }
            active(stream, named)?;
            let (open, target) = (stream.shards.open_count(), self.target_shard_count as usize);
            let counts = format!("Current open shard count: {open} Target shard count: {target}");
            if here.keeps_quotas() && target > open * 2 {
                return Err(limit(format!(
                    "UpdateShardCount cannot scale up over double your current open shard count. {counts}"
                )));
            }
            if here.keeps_quotas() && target * 2 < open {
                return Err(limit(format!(
                    "UpdateShardCount cannot scale down below half your current open shard count. {counts}"
                )));
            }
            let most = limits::SHARDS_PER_STREAM.value as usize;
            if target > most || (open > most && target >= most) {
                return Err(limit(format!("UpdateShardCount cannot scale to {most} shards or more. {counts}")));
            }
            keeps_shard_quota(here, usage.open_shards, target.saturating_sub(open))?;
            let current = u32::try_from(open).unwrap_or(u32::MAX);
            if let Some(target) = NonZeroU32::new(self.target_shard_count).filter(|target| target.get() != current) {
                stream.facts.life.begin(Change::Scale { target }, here.due());
                stream.pass(here.now);
            }
            Ok(UpdateShardCountOutput {
                stream_name: Some(stream.arn.name().clone()),
                current_shard_count: Some(current),
                target_shard_count: Some(self.target_shard_count),
                stream_arn: Some(stream.arn.clone()),
            })
        })
    }
}
