//! A broker, a client of it, and a clock that stands still until it is moved.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tailwater::broker::{Broker, Config};
use tailwater::client::{Client, Error};
use tailwater::local;
use tailwater::record::{PartitionKey, ShardId, StreamName, Timestamp};
use tailwater::wire::shapes::{
    CreateStreamInput, GetRecordsInput, GetRecordsOutput, GetShardIteratorInput, ListShardsInput, PutRecordInput,
    PutRecordOutput, Shard, ShardIterator, ShardIteratorType,
};
use tailwater::wire::time::WallClock;
use tailwater::wire::{Fault, FaultCode};

/// A clock that a test moves.
#[derive(Clone, Debug)]
pub(crate) struct HandClock(Arc<AtomicI64>);

impl HandClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_700_000_000_000)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }
}

impl WallClock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A stream on a broker of its own.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) clock: HandClock,
    pub(crate) stream: StreamName,
}

impl World {
    /// A stream of so many shards, made at once.
    pub(crate) async fn with_shards(shards: u32) -> Self {
        Self::configured(Config::default(), CreateStreamInput::provisioned(name("s"), shards)).await
    }

    pub(crate) async fn configured(config: Config, stream: CreateStreamInput) -> Self {
        let clock = HandClock::new();
        let client = local::client(&Broker::open(config.with_clock(clock.clone())).unwrap()).unwrap().once();
        let name = stream.stream_name.clone();
        client.create_stream(&stream).await.unwrap();
        Self { client, clock, stream: name }
    }

    pub(crate) async fn put(&self, key: &str, data: impl Into<Bytes>) -> PutRecordOutput {
        self.client.put_record(&self.record(key, data)).await.unwrap()
    }

    pub(crate) fn record(&self, key: &str, data: impl Into<Bytes>) -> PutRecordInput {
        let key: PartitionKey = key.parse().unwrap();
        PutRecordInput {
            stream_name: Some(self.stream.clone()),
            partition_key: Some(key),
            ..PutRecordInput::new(data.into())
        }
    }

    pub(crate) async fn shards(&self) -> Vec<Shard> {
        let input = ListShardsInput { stream_name: Some(self.stream.clone()), ..Default::default() };
        self.client.list_shards(&input).await.unwrap().shards.unwrap()
    }

    pub(crate) fn iterator_input(&self, shard: u32, kind: ShardIteratorType) -> GetShardIteratorInput {
        GetShardIteratorInput {
            stream_name: Some(self.stream.clone()),
            shard_id: ShardId::numbered(shard),
            shard_iterator_type: kind,
            starting_sequence_number: None,
            timestamp: None,
            stream_arn: None,
            dry_run: None,
        }
    }

    pub(crate) async fn iterator(&self, shard: u32, kind: ShardIteratorType) -> ShardIterator {
        let input = self.iterator_input(shard, kind);
        self.client.get_shard_iterator(&input).await.unwrap().shard_iterator.unwrap()
    }

    pub(crate) async fn read(&self, iterator: ShardIterator) -> GetRecordsOutput {
        self.try_read(iterator).await.unwrap()
    }

    pub(crate) async fn try_read(&self, shard_iterator: ShardIterator) -> Result<GetRecordsOutput, Error> {
        let input = GetRecordsInput { shard_iterator, limit: None, stream_arn: None, dry_run: None };
        self.client.get_records(&input).await
    }

    /// What a shard holds.
    pub(crate) async fn contents(&self, shard: u32) -> Vec<Bytes> {
        let iterator = self.iterator(shard, ShardIteratorType::TrimHorizon).await;
        self.read(iterator).await.records.into_iter().map(|record| record.data).collect()
    }
}

pub(crate) fn name(text: &str) -> StreamName {
    text.parse().unwrap()
}

/// The fault that a call was refused with.
pub(crate) fn fault<T: std::fmt::Debug>(refused: Result<T, Error>) -> Fault {
    match refused {
        Err(Error::Refused { fault, .. }) => fault,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) fn code<T: std::fmt::Debug>(refused: Result<T, Error>) -> FaultCode {
    fault(refused).code
}
