//! `DescribeLimits`, `DescribeAccountSettings`, `UpdateAccountSettings`.

use super::Action;
use crate::account::Commitment;
use crate::here::Here;
use crate::stream::hours;
use tailwater_record::Timestamp;
use tailwater_wire::shapes::{
    DescribeAccountSettingsInput, DescribeAccountSettingsOutput, DescribeLimitsInput, DescribeLimitsOutput,
    MinimumThroughputBillingCommitmentInputStatus, MinimumThroughputBillingCommitmentOutput,
    MinimumThroughputBillingCommitmentOutputStatus as Status, UpdateAccountSettingsInput, UpdateAccountSettingsOutput,
};
use tailwater_wire::{Fault, limits};

impl Action for DescribeLimitsInput {
    fn act(self, here: &Here<'_>) -> Result<DescribeLimitsOutput, Fault> {
        let usage = here.account.usage(here.now);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(DescribeLimitsOutput {
            shard_limit: limits::SHARDS.value as u32,
            open_shard_count: count(usage.open_shards),
            on_demand_stream_count: count(usage.on_demand),
            on_demand_stream_count_limit: limits::STREAMS_ON_DEMAND.value as u32,
            channel_count: Some(0),
            channel_count_limit: Some(0),
        })
    }
}

/// A commitment holds for a day at least.
fn earliest_end(started: Timestamp) -> Timestamp {
    started.plus(hours(24))
}

fn shown(commitment: Commitment, now: Timestamp) -> MinimumThroughputBillingCommitmentOutput {
    let holds = commitment.holds(now);
    let status = match (holds, commitment.ends) {
        (true, None) => Status::Enabled,
        (true, Some(_)) => Status::EnabledUntilEarliestAllowedEnd,
        (false, _) => Status::Disabled,
    };
    MinimumThroughputBillingCommitmentOutput {
        status,
        started_at: commitment.started,
        ended_at: commitment.ends.filter(|_| !holds),
        earliest_allowed_end_at: commitment.started.filter(|_| holds).map(earliest_end),
    }
}

impl Action for DescribeAccountSettingsInput {
    fn act(self, here: &Here<'_>) -> Result<DescribeAccountSettingsOutput, Fault> {
        let commitment = shown(here.commitment(), here.now);
        Ok(DescribeAccountSettingsOutput { minimum_throughput_billing_commitment: Some(commitment) })
    }
}

impl Action for UpdateAccountSettingsInput {
    fn act(self, here: &Here<'_>) -> Result<UpdateAccountSettingsOutput, Fault> {
        let mut commitment = here.commitment();
        let holds = commitment.holds(here.now);
        match self.minimum_throughput_billing_commitment.status {
            MinimumThroughputBillingCommitmentInputStatus::Enabled if holds => commitment.ends = None,
            MinimumThroughputBillingCommitmentInputStatus::Enabled => {
                commitment = Commitment { started: Some(here.now), ends: None };
            }
            _ => {
                if let Some(started) = commitment.started.filter(|_| holds) {
                    commitment.ends = Some(earliest_end(started).max(here.now));
                }
            }
        }
        here.commit_to(commitment);
        let commitment = shown(commitment, here.now);
        Ok(UpdateAccountSettingsOutput { minimum_throughput_billing_commitment: Some(commitment) })
    }
}
