//! `CreateStream`.

use super::Action;
use super::tags::{check_added, unseen};
use crate::account::{Usage, locked};
use crate::here::Here;
use crate::stream::{Plan, Stream};
use crate::texts::{Named, argument, limit, validation};
use std::num::NonZeroU32;
use tailwater_wire::shapes::{CreateStreamInput, Empty, RecordDistributionStrategy, StreamMode};
use tailwater_wire::{Fault, limits};

impl Action for CreateStreamInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        let named = Named { stream: &self.stream_name, account: here.account.id };
        let mode = self.stream_mode_details.map_or(StreamMode::Provisioned, |details| details.stream_mode);
        let on_demand = mode == StreamMode::OnDemand;
        let shards = match (on_demand, self.shard_count.and_then(NonZeroU32::new)) {
            (false, Some(shards)) => shards,
            (false, None) => return Err(unseen("shardCount")),
            (true, None) => NonZeroU32::new(limits::SHARDS_ON_DEMAND.value as u32).unwrap_or(NonZeroU32::MIN),
            (true, Some(_)) => {
                return Err(validation("ShardCount must not be given for a stream in ON_DEMAND mode."));
            }
        };
        if self.record_distribution_strategy.is_some() && !on_demand {
            return Err(argument("RecordDistributionStrategy can be given only for a stream in ON_DEMAND mode."));
        }
        if self.warm_throughput_mi_bps.is_some() {
            may_be_warm(here, on_demand)?;
        }
        let tags = self.tags.unwrap_or_default();
        check_added(&tags, &Default::default(), named)?;
        let stream = here.account.add(&self.stream_name, here.now, |exists, usage| {
            if exists {
                return Err(named.exists());
            }
            keeps_quotas(here, usage, shards.get() as usize, on_demand)?;
            let plan = Plan {
                is_logged: here.is_logged(),
                arn: here.account.arn(&self.stream_name),
                serial: here.next_serial(),
                mode,
                shards,
                distribution: self.record_distribution_strategy.unwrap_or(RecordDistributionStrategy::UserPartitionKey),
                record_kib: self.max_record_size_in_ki_b.unwrap_or((limits::RECORD_BYTES_DEFAULT.value / 1024) as u32),
                warm_throughput: self.warm_throughput_mi_bps,
                tags,
            };
            let mut stream = Stream::new(plan, here.now, here.due());
            stream.pass(here.now);
            Ok(stream)
        })?;
        here.note(&here.account, &stream, &mut locked(&stream));
        Ok(Empty {})
    }
}

/// The most shards that one request makes, whatever limits are kept: a slip of the keyboard is not to take all memory.
const SHARDS_AT_ONCE: usize = 100_000;

fn keeps_quotas(here: &Here<'_>, usage: Usage, shards: usize, on_demand: bool) -> Result<(), Fault> {
    if !here.keeps_quotas() && shards <= SHARDS_AT_ONCE {
        return Ok(());
    }
    if usage.creating as u64 >= limits::STREAMS_CREATING.value {
        return Err(limit(format!(
            "Account {} can have at most {} streams simultaneously be in CREATING or DELETING state.",
            here.account.id,
            limits::STREAMS_CREATING.value
        )));
    }
    if on_demand && usage.on_demand as u64 >= limits::STREAMS_ON_DEMAND.value {
        let most = limits::STREAMS_ON_DEMAND.value;
        return Err(limit(format!("Account {} can have at most {most} on-demand streams.", here.account.id)));
    }
    keeps_shard_quota(here, usage.open_shards, shards)
}

/// Whether the account may have so many shards more.
pub(super) fn keeps_shard_quota(here: &Here<'_>, open: usize, more: usize) -> Result<(), Fault> {
    let most = limits::SHARDS.value;
    if (open + more) as u64 <= most || (!here.keeps_quotas() && more <= SHARDS_AT_ONCE) {
        return Ok(());
    }
    Err(limit(format!(
        "This request would exceed the shard limit for the account {} in {}. Current shard count for the account: {open}. \
         Limit: {most}. Number of additional shards that would have resulted from this request: {more}. Refer to the AWS \
         Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and \
         how to request higher limits.",
        here.account.id, here.account.region
    )))
}

/// Whether a stream may be made ready for a throughput.
pub(super) fn may_be_warm(here: &Here<'_>, on_demand: bool) -> Result<(), Fault> {
    if !on_demand {
        return Err(validation("WarmThroughputMiBps can be given only for a stream in ON_DEMAND mode."));
    }
    if !here.commitment().holds(here.now) {
        return Err(validation(
            "WarmThroughputMiBps can be given only in an account with a minimum throughput billing commitment.",
        ));
    }
    Ok(())
}
