//! The account: its quotas, and its commitment to a throughput.

use super::calls;
use crate::shape::{shape, words};
use tailwater_record::Timestamp;

words! {
    /// What to do about the commitment.
    MinimumThroughputBillingCommitmentInputStatus {
        /// Make it.
        Enabled = "ENABLED",
        /// End it as soon as allowed.
        Disabled = "DISABLED",
    }
}

words! {
    /// Whether there is a commitment.
    MinimumThroughputBillingCommitmentOutputStatus {
        /// There is.
        Enabled = "ENABLED",
        /// There is none.
        Disabled = "DISABLED",
        /// It ends as soon as allowed.
        EnabledUntilEarliestAllowedEnd = "ENABLED_UNTIL_EARLIEST_ALLOWED_END",
    }
}

shape! {
    /// Asks for the account's quotas.
    #[derive(Default)]
    pub struct DescribeLimitsInput {}

    /// The account's quotas, and what is used of them.
    pub struct DescribeLimitsOutput {
        /// How many shards it may have.
        "ShardLimit" shard_limit: u32 [0..=1_000_000],
        /// How many shards take records.
        "OpenShardCount" open_shard_count: u32 [0..=1_000_000],
        /// How many on-demand streams there are.
        "OnDemandStreamCount" on_demand_stream_count: u32 [0..=1_000_000],
        /// How many on-demand streams it may have.
        "OnDemandStreamCountLimit" on_demand_stream_count_limit: u32 [0..=1_000_000],
        /// How many channels there are.
        "ChannelCount" channel_count: Option<u32> [0..=1_000_000],
        /// How many channels it may have.
        "ChannelCountLimit" channel_count_limit: Option<u32> [0..=1_000_000],
    }

    /// Asks for the account's settings.
    #[derive(Default)]
    pub struct DescribeAccountSettingsInput {}

    /// The account's settings.
    #[derive(Default)]
    pub struct DescribeAccountSettingsOutput {
        /// The commitment.
        "MinimumThroughputBillingCommitment"
        minimum_throughput_billing_commitment: Option<MinimumThroughputBillingCommitmentOutput>,
    }

    /// Makes or ends the commitment.
    pub struct UpdateAccountSettingsInput {
        /// The commitment.
        "MinimumThroughputBillingCommitment"
        minimum_throughput_billing_commitment: MinimumThroughputBillingCommitmentInput,
    }

    /// The account's settings, changed.
    #[derive(Default)]
    pub struct UpdateAccountSettingsOutput {
        /// The commitment.
        "MinimumThroughputBillingCommitment"
        minimum_throughput_billing_commitment: Option<MinimumThroughputBillingCommitmentOutput>,
    }

    /// What to do about the commitment.
    pub struct MinimumThroughputBillingCommitmentInput {
        /// Make or end it.
        "Status" status: MinimumThroughputBillingCommitmentInputStatus,
    }

    /// The commitment.
    pub struct MinimumThroughputBillingCommitmentOutput {
        /// Whether there is one.
        "Status" status: MinimumThroughputBillingCommitmentOutputStatus,
        /// Since when.
        "StartedAt" started_at: Option<Timestamp>,
        /// When it ended.
        "EndedAt" ended_at: Option<Timestamp>,
        /// When it may end.
        "EarliestAllowedEndAt" earliest_allowed_end_at: Option<Timestamp>,
    }
}

calls! {
    DescribeLimitsInput = DescribeLimits -> DescribeLimitsOutput;
    DescribeAccountSettingsInput = DescribeAccountSettings -> DescribeAccountSettingsOutput;
    UpdateAccountSettingsInput = UpdateAccountSettings -> UpdateAccountSettingsOutput;
}
