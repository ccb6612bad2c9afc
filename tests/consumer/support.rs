//! A broker with a stream, a store, and what handlers saw.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tailwater::broker::{self, Broker};
use tailwater::client::Client;
use tailwater::consumer::{Config, Event, Renewing, Start};
use tailwater::local;
use tailwater::record::{ShardId, StreamName, Timestamp};
use tailwater::store::MemoryStore;
use tailwater::wire::shapes::{
    CreateStreamInput, DescribeStreamSummaryInput, ListShardsInput, MergeShardsInput, PutRecordsInput,
    PutRecordsRequestEntry, SplitShardInput, StreamStatus,
};
use tailwater::wire::time::WallClock;
use tokio::time::{Instant, sleep};

/// Wall time that goes as the paused clock does.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// How much it is off.
    skew: i64,
}

impl Clock {
    /// Off by so many milliseconds.
    pub(crate) fn skewed(self, skew: i64) -> Self {
        Self { skew, ..self }
    }
}

impl WallClock for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_750_000_000_000 + self.start.elapsed().as_millis() as i64 + self.skew)
    }
}

/// A broker, a stream, a store.
pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) client: Client,
    pub(crate) store: MemoryStore,
    pub(crate) clock: Clock,
    pub(crate) stream: StreamName,
    pub(crate) seen: Seen,
}

/// What handlers and listeners saw.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Notes>>);

#[derive(Default)]
pub(crate) struct Notes {
    /// Payloads in the order of their delivery, with who had them.
    pub(crate) delivered: Vec<(String, ShardId, String)>,
    pub(crate) events: Vec<(String, Event)>,
}

impl Seen {
    pub(crate) fn deliver(&self, worker: &str, shard: &ShardId, payload: &[u8]) {
        let payload = String::from_utf8(payload.to_vec()).unwrap();
        self.0.lock().unwrap().delivered.push((worker.to_owned(), shard.clone(), payload));
    }

    pub(crate) fn tell(&self, worker: &str, event: &Event) {
        self.0.lock().unwrap().events.push((worker.to_owned(), event.clone()));
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Notes) -> T) -> T {
        look(&self.0.lock().unwrap())
    }

    pub(crate) fn distinct(&self) -> BTreeSet<String> {
        self.look(|notes| notes.delivered.iter().map(|(_, _, payload)| payload.clone()).collect())
    }

    pub(crate) fn count(&self) -> usize {
        self.look(|notes| notes.delivered.len())
    }

    /// How many shards each worker delivered from.
    pub(crate) fn shards_by_worker(&self) -> BTreeMap<String, BTreeSet<ShardId>> {
        self.look(|notes| {
            let mut by_worker: BTreeMap<String, BTreeSet<ShardId>> = BTreeMap::new();
            for (worker, shard, _) in &notes.delivered {
                by_worker.entry(worker.clone()).or_default().insert(shard.clone());
            }
            by_worker
        })
    }
}

impl World {
    pub(crate) async fn new(shards: u32) -> Self {
        let clock = Clock { start: Instant::now(), skew: 0 };
        let broker = Broker::open(broker::Config::default().with_clock(clock.clone())).unwrap();
        let client = local::client(&broker).unwrap();
        let stream: StreamName = "orders".parse().unwrap();
        client.create_stream(&CreateStreamInput::provisioned(stream.clone(), shards)).await.unwrap();
        let world = Self { broker, client, store: MemoryStore::new(), clock, stream, seen: Seen::default() };
        world.until_active().await;
        world
    }

    pub(crate) async fn until_active(&self) {
        let input = DescribeStreamSummaryInput { stream_name: Some(self.stream.clone()), stream_arn: None };
        until("the stream is active", async || {
            let summary = self.client.describe_stream_summary(&input).await.unwrap().stream_description_summary;
            summary.stream_status == StreamStatus::Active
        })
        .await;
    }

    pub(crate) fn config(&self, worker: &str) -> Config {
        let (seen, name) = (self.seen.clone(), worker.to_owned());
        Config::new("group".parse().unwrap())
            .with_worker(worker.parse().unwrap())
            .with_stream(self.stream.clone(), Start::TrimHorizon)
            .with_renewing(Renewing::SameRuntime)
            .with_clock(self.clock.clone())
            .with_listener(move |event| seen.tell(&name, event))
            .with_seed(7)
    }

    /// Puts so many records, each under a key of its own, beginning with this number.
    pub(crate) async fn put(&self, from: usize, records: usize) {
        for chunk in (from..from + records).collect::<Vec<_>>().chunks(500) {
            let entries = chunk.iter().map(|number| {
                PutRecordsRequestEntry::new(format!("{number:06}"), format!("key-{}", number % 97).parse().unwrap())
            });
            let mut input = PutRecordsInput::new(entries.collect());
            input.stream_name = Some(self.stream.clone());
            let output = self.client.put_records(&input).await.unwrap();
            assert_eq!(output.failed_record_count.unwrap_or(0), 0);
        }
    }

    /// As `put`, with payloads that are filled up to so many bytes.
    pub(crate) async fn put_padded(&self, from: usize, records: usize, bytes: usize) {
        let entries = (from..from + records).map(|number| {
            let key = format!("key-{}", number % 97).parse().unwrap();
            PutRecordsRequestEntry::new(format!("{number:06}{}", "x".repeat(bytes - 6)), key)
        });
        let mut input = PutRecordsInput::new(entries.collect());
        input.stream_name = Some(self.stream.clone());
        let output = self.client.put_records(&input).await.unwrap();
        assert_eq!(output.failed_record_count.unwrap_or(0), 0);
    }

    /// Open shards with their ranges, in order.
    pub(crate) async fn open_shards(&self) -> Vec<tailwater::wire::shapes::Shard> {
        let input = ListShardsInput { stream_name: Some(self.stream.clone()), ..Default::default() };
        let shards = self.client.list_shards(&input).await.unwrap().shards.unwrap();
        shards.into_iter().filter(|shard| shard.sequence_number_range.ending_sequence_number.is_none()).collect()
    }

    pub(crate) async fn split(&self, shard: &ShardId) {
        let shards = self.open_shards().await;
        let found = shards.iter().find(|listed| listed.shard_id == *shard).unwrap();
        let (start, end) =
            (found.hash_key_range.starting_hash_key.number(), found.hash_key_range.ending_hash_key.number());
        let input = SplitShardInput {
            stream_name: Some(self.stream.clone()),
            shard_to_split: shard.clone(),
            new_starting_hash_key: tailwater::record::HashKey::new(start + (end - start) / 2 + 1),
            stream_arn: None,
        };
        self.client.split_shard(&input).await.unwrap();
        self.until_active().await;
    }

    pub(crate) async fn merge(&self, lower: &ShardId, upper: &ShardId) {
        let input = MergeShardsInput {
            stream_name: Some(self.stream.clone()),
            shard_to_merge: lower.clone(),
            adjacent_shard_to_merge: upper.clone(),
            stream_arn: None,
        };
        self.client.merge_shards(&input).await.unwrap();
        self.until_active().await;
    }
}

/// Waits, on the paused clock, until something is so; gives up after ten minutes of that clock.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(600);
    while !is_so().await {
        assert!(Instant::now() < limit, "waited in vain until {what}");
        sleep(Duration::from_millis(50)).await;
    }
}
