//! `DescribeStream` and `DescribeStreamSummary`.

use super::Action;
use crate::here::Here;
use crate::stream::shard_number;
use tailwater_wire::shapes::{
    DescribeStreamInput, DescribeStreamOutput, DescribeStreamSummaryInput, DescribeStreamSummaryOutput, Shard,
    StreamDescription, StreamDescriptionSummary, StreamModeDetails, StreamStatus, WarmThroughputObject,
};
use tailwater_wire::{Fault, limits};

impl Action for DescribeStreamInput {
    fn act(self, here: &Here<'_>) -> Result<DescribeStreamOutput, Fault> {
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            let after = match &self.exclusive_start_shard_id {
                Some(id) => Some(shard_number(id).ok_or_else(|| named.shard_not_found(id))?),
                None => None,
            };
            stream.trim(here.now);
            let page = u64::from(self.limit.unwrap_or(u32::MAX)).min(limits::LISTING_PAGE.value) as usize;
            // There is nothing to list of a stream that is still to come.
            let listed = stream.status() != StreamStatus::Creating;
            let mut rest = stream.shards.after(after).filter(|_| listed);
            let shards: Vec<Shard> = rest.by_ref().take(page).map(Shard::from).collect();
            let has_more_shards = rest.next().is_some();
            drop(rest);
            let stream_description = StreamDescription {
                stream_name: stream.arn.name().clone(),
                stream_arn: stream.arn.clone(),
                stream_status: stream.status(),
                stream_mode_details: Some(StreamModeDetails { stream_mode: stream.facts.mode.clone() }),
                shards,
                has_more_shards,
                retention_period_hours: stream.shown_retention(),
                stream_creation_timestamp: stream.created,
                enhanced_monitoring: stream.shown_metrics(),
                encryption_type: stream.shown_encryption(),
                key_id: stream.facts.key.clone(),
            };
            Ok(DescribeStreamOutput { stream_description })
        })
    }

    fn answer_size(output: &DescribeStreamOutput) -> usize {
        512 + output.stream_description.shards.len() * 400
    }
}

impl Action for DescribeStreamSummaryInput {
    fn act(self, here: &Here<'_>) -> Result<DescribeStreamSummaryOutput, Fault> {
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, _| {
            let on_demand = stream.is_on_demand();
            let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let creating = stream.status() == StreamStatus::Creating;
            let stream_description_summary = StreamDescriptionSummary {
                stream_name: stream.arn.name().clone(),
                stream_arn: stream.arn.clone(),
                stream_status: stream.status(),
                stream_mode_details: Some(StreamModeDetails { stream_mode: stream.facts.mode.clone() }),
                retention_period_hours: stream.shown_retention(),
                stream_creation_timestamp: stream.created,
                enhanced_monitoring: stream.shown_metrics(),
                encryption_type: stream.shown_encryption(),
                key_id: stream.facts.key.clone(),
                open_shard_count: if creating { 0 } else { count(stream.shards.open_count()) },
                consumer_count: Some(count(stream.facts.consumers.len())),
                warm_throughput: stream.facts.warm_throughput.map(WarmThroughputObject::from),
                max_record_size_in_ki_b: Some(count(stream.facts.record_bytes / 1024)),
                channel_count: Some(0),
                record_distribution_strategy: on_demand.then(|| stream.facts.distribution.clone()),
                queue_count: Some(0),
            };
            Ok(DescribeStreamSummaryOutput { stream_description_summary })
        })
    }
}
