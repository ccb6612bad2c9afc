//! Reads a stream by polling, as a consumer does: shard by shard, and the children of a shard once it has ended, so that
//! every key comes in the order in which it was stored.
//! Aggregates are taken apart with the hash keys of the shard they lie in. One that holds anything from outside was put by
//! a producer that had missed a split; it is set aside whole, as the KCL does and producers rely on: all of it is put
//! again where it belongs.

use super::{Fault, open_shards};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;
use tailwater::client::Client;
use tailwater::record::kpl::{Unpacked, unpack};
use tailwater::record::{HashRange, ShardId, StreamName};
use tailwater::wire::shapes::{
    ChildShard, GetRecordsInput, GetRecordsOutput, GetShardIteratorInput, ShardIterator, ShardIteratorType,
};
use tokio::time::Instant;

/// Reads what is put to a stream after it was opened.
pub(crate) struct Reader {
    client: Client,
    stream: StreamName,
    turns: VecDeque<Turn>,
    pages: VecDeque<Page>,
    last_came: Instant,
    /// How many shards in a row had nothing to give.
    idle: usize,
    /// How long to wait when none has.
    pause: Duration,
    /// How long nothing may come before what has not come is taken for lost.
    patience: Duration,
}

/// A shard that is being read.
struct Turn {
    shard: ShardId,
    range: HashRange,
    iterator: ShardIterator,
}

/// What came at once.
pub(crate) struct Page {
    pub(crate) shard: ShardId,
    /// Payloads, in order.
    pub(crate) data: Vec<Bytes>,
    /// How many records were set aside.
    pub(crate) set_aside: usize,
    /// The shards that are read in place of this one from now on.
    pub(crate) children: Vec<ShardId>,
}

/// What came altogether.
#[derive(Default)]
pub(crate) struct Everything {
    /// Payloads, in order within each shard.
    pub(crate) data: Vec<Bytes>,
    pub(crate) set_aside: usize,
    /// Out of how many shards.
    pub(crate) shards: usize,
}

impl Reader {
    pub(crate) async fn open(client: Client, stream: StreamName, is_aws: bool) -> Result<Self, Fault> {
        let (pause, patience) = if is_aws { (250, 15_000) } else { (1, 2_000) };
        let mut reader = Self {
            client,
            stream,
            turns: VecDeque::new(),
            pages: VecDeque::new(),
            last_came: Instant::now(),
            idle: 0,
            pause: Duration::from_millis(pause),
            patience: Duration::from_millis(patience),
        };
        for (shard, range) in open_shards(&reader.client, &reader.stream).await? {
            reader.begin(shard.shard_id, range, ShardIteratorType::Latest).await?;
        }
        // What is latest is told by the first call, so that is made now.
        for _ in 0..reader.turns.len() {
            let page = reader.take_turn().await?;
            reader.pages.extend(page);
        }
        Ok(reader)
    }

    /// The next records of some shard; nothing when none have come for a while.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, Fault> {
        loop {
            if let Some(page) = self.pages.pop_front() {
                return Ok(Some(page));
            }
            if let Some(page) = self.take_turn().await? {
                self.last_came = Instant::now();
                return Ok(Some(page));
            }
            if self.turns.is_empty() || self.last_came.elapsed() > self.patience {
                return Ok(None);
            }
            if self.idle >= self.turns.len() {
                self.idle = 0;
                tokio::time::sleep(self.pause).await;
            }
        }
    }

    /// Reads until so many records have come, or no more do.
    pub(crate) async fn read(&mut self, records: usize) -> Result<Everything, Fault> {
        let (mut everything, mut shards) = (Everything::default(), Vec::new());
        while everything.data.len() < records {
            let Some(page) = self.next().await? else { break };
            if !shards.contains(&page.shard) && !page.data.is_empty() {
                shards.push(page.shard);
            }
            everything.data.extend(page.data);
            everything.set_aside += page.set_aside;
        }
        everything.shards = shards.len();
        Ok(everything)
    }

    /// One call for the shard whose turn it is.
    async fn take_turn(&mut self) -> Result<Option<Page>, Fault> {
        let Some(Turn { shard, range, iterator }) = self.turns.pop_front() else { return Ok(None) };
        let input = GetRecordsInput { shard_iterator: iterator, limit: None, stream_arn: None, dry_run: None };
        let GetRecordsOutput { records, next_shard_iterator, millis_behind_latest, child_shards, .. } =
            self.client.get_records(&input).await?;
        let mut page = Page { shard: shard.clone(), data: Vec::new(), set_aside: 0, children: Vec::new() };
        for record in records {
            match unpack(record.data, Some(range)) {
                Unpacked::Plain(data) => page.data.push(data),
                Unpacked::Aggregated(aggregate) if aggregate.set_aside_len() > 0 => {
                    page.set_aside += aggregate.entries().len();
                }
                Unpacked::Aggregated(aggregate) => {
                    page.data.extend(aggregate.records().map(|record| record.data_bytes()));
                }
            }
        }
        if let Some(iterator) = next_shard_iterator {
            self.turns.push_back(Turn { shard, range, iterator });
        }
        for ChildShard { shard_id, parent_shards, hash_key_range } in child_shards.unwrap_or_default() {
            // A child of two begins when both have ended.
            if !self.turns.iter().any(|turn| parent_shards.contains(&turn.shard)) {
                let range = HashRange::try_from(&hash_key_range)?;
                self.begin(shard_id.clone(), range, ShardIteratorType::TrimHorizon).await?;
                page.children.push(shard_id);
            }
        }
        let has_something = !page.data.is_empty() || page.set_aside > 0 || !page.children.is_empty();
        self.idle =
            if has_something || millis_behind_latest.is_some_and(|behind| behind > 0) { 0 } else { self.idle + 1 };
        Ok(has_something.then_some(page))
    }

    async fn begin(&mut self, shard: ShardId, range: HashRange, from: ShardIteratorType) -> Result<(), Fault> {
        let input = GetShardIteratorInput {
            stream_name: Some(self.stream.clone()),
            shard_id: shard.clone(),
            shard_iterator_type: from,
            starting_sequence_number: None,
            timestamp: None,
            stream_arn: None,
            dry_run: None,
        };
        let iterator = self.client.get_shard_iterator(&input).await?.shard_iterator.ok_or("no iterator")?;
        self.turns.push_back(Turn { shard, range, iterator });
        Ok(())
    }
}
