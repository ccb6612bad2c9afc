//! Splits and merges the shards of a stream, and tells which there are.
//! Called by `interop producer` and `soak`, while records are put.

use std::error::Error;
use std::time::Duration;
use tailwater_client::Client;
use tailwater_record::{HashKey, HashRange, ShardId, StreamName};
use tailwater_wire::shapes::{DescribeStreamSummaryInput, ListShardsInput, MergeShardsInput, Shard, SplitShardInput};

pub(crate) type Fault = Box<dyn Error + Send + Sync>;

const PATIENCE: Duration = Duration::from_secs(60);

/// The shards of one stream.
#[derive(Debug)]
pub(crate) struct Resharding<'s> {
    client: &'s Client,
    stream: &'s StreamName,
}

impl<'s> Resharding<'s> {
    pub(crate) fn new(client: &'s Client, stream: &'s StreamName) -> Self {
        Self { client, stream }
    }

    /// All shards, closed ones too.
    pub(crate) async fn list(&self) -> Result<Vec<Shard>, Fault> {
        let input = ListShardsInput { stream_name: Some(self.stream.clone()), ..Default::default() };
        let mut pages = self.client.pages(input);
        let mut shards = Vec::new();
        while let Some(page) = pages.next().await? {
            shards.extend(page.shards.unwrap_or_default());
        }
        Ok(shards)
    }

    /// Those that take records, by their hash keys.
    pub(crate) async fn open(&self) -> Result<Vec<(HashRange, ShardId)>, Fault> {
        let mut shards = self.list().await?;
        shards.retain(|shard| shard.sequence_number_range.ending_sequence_number.is_none());
        let mut open = Vec::with_capacity(shards.len());
        for shard in shards {
            open.push((HashRange::try_from(&shard.hash_key_range)?, shard.shard_id));
        }
        open.sort_by_key(|(range, _)| *range);
        Ok(open)
    }

    /// Cuts a shard in the middle.
    pub(crate) async fn split(&self, (range, shard_to_split): (HashRange, ShardId)) -> Result<(), Fault> {
        let (start, end) = (range.start().number(), range.end().number());
        let new_starting_hash_key = HashKey::new(start + (end - start) / 2 + 1);
        let stream_name = Some(self.stream.clone());
        let input = SplitShardInput { stream_name, shard_to_split, new_starting_hash_key, stream_arn: None };
        self.client.split_shard(&input).await?;
        Ok(())
    }

    /// Makes one of two that lie side by side.
    pub(crate) async fn merge(&self, shard: ShardId, adjacent: ShardId) -> Result<(), Fault> {
        let input = MergeShardsInput {
            stream_name: Some(self.stream.clone()),
            shard_to_merge: shard,
            adjacent_shard_to_merge: adjacent,
            stream_arn: None,
        };
        self.client.merge_shards(&input).await?;
        Ok(())
    }

    pub(crate) async fn wait_until_active(&self) -> Result<(), Fault> {
        let stream = DescribeStreamSummaryInput { stream_name: Some(self.stream.clone()), stream_arn: None };
        self.client.wait_until_active(&stream, PATIENCE).await?;
        Ok(())
    }
}
