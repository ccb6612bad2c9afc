//! `EnableEnhancedMonitoring` and `DisableEnhancedMonitoring`.

use super::Action;
use crate::here::{Here, staying};
use tailwater_record::{StreamArn, StreamName};
use tailwater_wire::Fault;
use tailwater_wire::shapes::{
    DisableEnhancedMonitoringInput, EnableEnhancedMonitoringInput, EnhancedMonitoringOutput, MetricsName,
};

/// The metrics that there are, in the order in which they are listed.
const ALL: [MetricsName; 7] = [
    MetricsName::IncomingBytes,
    MetricsName::IncomingRecords,
    MetricsName::OutgoingBytes,
    MetricsName::OutgoingRecords,
    MetricsName::WriteProvisionedThroughputExceeded,
    MetricsName::ReadProvisionedThroughputExceeded,
    MetricsName::IteratorAgeMilliseconds,
];

fn named_by(names: &[MetricsName], metric: &MetricsName) -> bool {
    names.contains(metric) || names.contains(&MetricsName::All)
}

fn change(
    here: &Here<'_>,
    name: Option<&StreamName>,
    arn: Option<&StreamArn>,
    keep: impl Fn(&MetricsName, bool) -> bool,
) -> Result<EnhancedMonitoringOutput, Fault> {
    here.with_stream(name, arn, |stream, named| {
        staying(stream, named)?;
        let before = stream.facts.metrics.clone();
        stream.facts.metrics = ALL.into_iter().filter(|metric| keep(metric, before.contains(metric))).collect();
        Ok(EnhancedMonitoringOutput {
            stream_name: Some(stream.arn.name().clone()),
            current_shard_level_metrics: Some(before),
            desired_shard_level_metrics: Some(stream.facts.metrics.clone()),
            stream_arn: Some(stream.arn.clone()),
        })
    })
}

impl Action for EnableEnhancedMonitoringInput {
    fn act(self, here: &Here<'_>) -> Result<EnhancedMonitoringOutput, Fault> {
        let names = self.shard_level_metrics;
        let keep = |metric: &MetricsName, had| had || named_by(&names, metric);
        change(here, self.stream_name.as_ref(), self.stream_arn.as_ref(), keep)
    }
}

impl Action for DisableEnhancedMonitoringInput {
    fn act(self, here: &Here<'_>) -> Result<EnhancedMonitoringOutput, Fault> {
        let names = self.shard_level_metrics;
        let keep = |metric: &MetricsName, had| had && !named_by(&names, metric);
        change(here, self.stream_name.as_ref(), self.stream_arn.as_ref(), keep)
    }
}
