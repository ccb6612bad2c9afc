//! What a stream is: asked of the service, at the start and whenever something hints at a change.
//! An edge: two calls, nothing decided. Called by `pipeline_task`.

use crate::pipeline::Description;
use crate::route::Listed;
use std::sync::Arc;
use tailwater_client::{Client, Error};
use tailwater_record::{HashRange, StreamRef};
use tailwater_wire::limits;
use tailwater_wire::shapes::{
    DescribeStreamSummaryInput, ListShardsInput, RecordDistributionStrategy, ShardFilter, ShardFilterType,
};

/// Describes a stream and lists the shards that take records.
pub(crate) async fn describe(client: &Client, stream: &StreamRef) -> Result<Description, Arc<Error>> {
    let (stream_name, stream_arn) = names(stream);
    let input = DescribeStreamSummaryInput { stream_name, stream_arn };
    let summary = client.describe_stream_summary(&input).await?.stream_description_summary;
    let open = ShardFilter { filter_type: ShardFilterType::AtLatest, shard_id: None, timestamp: None };
    let (stream_name, stream_arn) = names(stream);
    let mut pages =
        client.pages(ListShardsInput { stream_name, stream_arn, shard_filter: Some(open), ..Default::default() });
    let mut shards = Vec::new();
    while let Some(page) = pages.next().await? {
        for shard in page.shards.unwrap_or_default() {
            let numbers = shard.sequence_number_range;
            // A server that passes the filter over lists the closed ones too. A range that is none makes the map torn.
            if let (None, Ok(range)) = (numbers.ending_sequence_number, HashRange::try_from(&shard.hash_key_range)) {
                shards.push(Listed { shard: shard.shard_id, range, begins: numbers.starting_sequence_number });
            }
        }
    }
    let record_limit = summary
        .max_record_size_in_ki_b
        .map_or(limits::RECORD_BYTES_DEFAULT.value as usize, |size| size as usize * 1024);
    let spreads = summary.record_distribution_strategy == Some(RecordDistributionStrategy::Auto);
    let mode = summary.stream_mode_details.map(|details| details.stream_mode);
    Ok(Description { record_limit, spreads, mode, shards })
}

/// How an input names the stream.
pub(crate) fn names(stream: &StreamRef) -> (Option<tailwater_record::StreamName>, Option<tailwater_record::StreamArn>) {
    match stream {
        StreamRef::Name(name) => (Some(name.clone()), None),
        StreamRef::Arn(arn) => (None, Some(arn.clone())),
    }
}
