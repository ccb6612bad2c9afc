//! `UpdateStreamRecordDistributionStrategy`.

use super::Action;
use crate::here::{Here, active};
use tailwater_wire::Fault;
use tailwater_wire::shapes::{Empty, RecordDistributionStrategy, UpdateStreamRecordDistributionStrategyInput};

impl Action for UpdateStreamRecordDistributionStrategyInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        here.with_stream(None, Some(&self.stream_arn), |stream, named| {
            active(stream, named)?;
            if self.record_distribution_strategy == RecordDistributionStrategy::Auto && !stream.is_on_demand() {
                return Err(named.not_on_demand());
            }
            stream.facts.distribution = self.record_distribution_strategy;
            Ok(Empty {})
        })
    }
}
