//! For tests of your own handlers: a stream, a store and a clock in this process, on time that stands still until everybody
//! waits. A failover of ten seconds or an hour of retries passes in a moment, and passes the same way each time.
//!
//! ```
//! use std::convert::Infallible;
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//! use tailwater::consumer::{Batch, Consumer, Handler};
//! use tailwater::testing::TestStream;
//!
//! /// What is to be tested.
//! struct Totals(Arc<Mutex<u64>>);
//!
//! impl Handler for Totals {
//!     type Error = Infallible;
//!
//!     async fn records(&mut self, batch: &Batch) -> Result<(), Infallible> {
//!         *self.0.lock().expect("nobody panics with it") += batch.len() as u64;
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread", start_paused = true)] // or `#[tokio::test(start_paused = true)]`
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let orders = TestStream::new("orders", 2).await;
//!     let total = Arc::new(Mutex::new(0));
//!     let consumer = Consumer::new(orders.client(), orders.store(), orders.config("billing", "worker-1"))?;
//!     let running = consumer.run({
//!         let total = Arc::clone(&total);
//!         move |_: &_| Totals(Arc::clone(&total))
//!     });
//!     let running = running.await?;
//!
//!     orders.put([("customer-7", "two teas"), ("customer-9", "a cup")]).await;
//!     orders.split(&orders.shards().await[0]).await;
//!     orders.put([("customer-7", "no, three")]).await;
//!     orders.until_handled("billing").await;
//!     assert_eq!(*total.lock().expect("nobody panics with it"), 3);
//!     assert!(running.drain(Duration::from_secs(30)).await.in_time);
//!     Ok(())
//! }
//! ```
//!
//! It wants tokio's feature `test-util`, and the store that it gives: a paused clock runs ahead while a thread of another
//! store's is at work. Everything here panics where it cannot go on, so that a test says what was wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;
use tailwater_broker::{self as broker, Broker};
use tailwater_client::Client;
use tailwater_consumer::{Config, Renewing, Start};
use tailwater_record::kpl::{Unpacked, unpack};
use tailwater_record::{HashKey, HashRange, ShardId, StreamName, Timestamp};
use tailwater_store::{GroupName, Lease, LeaseStore, MemoryStore, Progress};
use tailwater_wire::shapes::{
    CreateStreamInput, GetRecordsInput, GetShardIteratorInput, ListShardsInput, MergeShardsInput, PutRecordsInput,
    PutRecordsRequestEntry, Shard, ShardIteratorType, SplitShardInput,
};
use tailwater_wire::time::WallClock;
use tokio::time::{Instant, sleep};

/// A stream of a broker in this process, with a store for those who read it. See the [module](self).
pub struct TestStream {
    broker: Broker,
    client: Client,
    store: MemoryStore,
    clock: TestClock,
    name: StreamName,
}

/// Wall time that goes as tokio's clock does: stands still where that is paused. It begins on 15 June 2025.
#[derive(Clone, Debug)]
pub struct TestClock {
    began: Instant,
    /// In milliseconds.
    skew: i64,
}

const BEGINNING: i64 = 1_750_000_000_000;

/// How long a test waits, by tokio's clock.
const PATIENCE: Duration = Duration::from_secs(600);

const FROM_LOOK_TO_LOOK: Duration = Duration::from_millis(50);

const RECORDS_TOGETHER: usize = 500;
const BYTES_TOGETHER: usize = 4 * 1024 * 1024;

impl TestStream {
    /// A stream of this name, with so many shards.
    ///
    /// # Panics
    /// If no stream can have this name, or so many shards.
    pub async fn new(name: &str, shards: u32) -> Self {
        let clock = TestClock::new();
        let broker = Broker::open(broker::Config::default().with_clock(clock.clone())).expect("a broker in memory");
        let client = crate::local::client(&broker).expect("a client of a broker in this process");
        let name: StreamName = named("stream", name);
        let create = CreateStreamInput::provisioned(name.clone(), shards);
        told("the stream could not be made", client.create_stream(&create).await);
        Self { broker, client, store: MemoryStore::new(), clock, name }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// The broker that has it.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// A client of its broker: for a consumer, for a producer, or for calls of the test's own.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The store of all groups that read it.
    #[must_use]
    pub fn store(&self) -> MemoryStore {
        self.store.clone()
    }

    /// The broker's clock.
    #[must_use]
    pub fn clock(&self) -> TestClock {
        self.clock.clone()
    }

    /// A worker of a group that reads the stream from its first record on: all in the test's own runtime, by its clock, with
    /// its chances drawn from a seed, and reading as fast as it is asked to. What is not set here is as for everybody.
    ///
    /// # Panics
    /// If no group or no worker can have this name.
    #[must_use]
    pub fn config(&self, group: &str, worker: &str) -> Config {
        Config::new(named("group", group))
            .with_worker(named("worker", worker))
            .with_stream(self.name.clone(), Start::TrimHorizon)
            .with_renewing(Renewing::SameRuntime)
            .with_clock(self.clock.clone())
            .with_observation(Duration::from_millis(200))
            .with_paced(false)
            .with_idle(Duration::from_millis(100))
            .with_seed(7)
    }

    /// Puts records, each with its partition key, in this order; each is a Kinesis record of its own. For aggregates there is
    /// the producer, on [`client`](Self::client).
    ///
    /// # Panics
    /// If a record cannot be put: its key is none, or it is too large.
    pub async fn put<K, D>(&self, records: impl IntoIterator<Item = (K, D)>)
    where
        K: AsRef<str>,
        D: Into<Vec<u8>>,
    {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for (key, data) in records {
            let data = data.into();
            if entries.len() == RECORDS_TOGETHER || bytes + data.len() > BYTES_TOGETHER {
                self.put_together(std::mem::take(&mut entries)).await;
                bytes = 0;
            }
            bytes += data.len();
            entries.push(PutRecordsRequestEntry::new(data, named("partition key", key.as_ref())));
        }
        self.put_together(entries).await;
    }

    async fn put_together(&self, entries: Vec<PutRecordsRequestEntry>) {
        if entries.is_empty() {
            return;
        }
        let mut input = PutRecordsInput::new(entries);
        input.stream_name = Some(self.name.clone());
        let output = told("records could not be put", self.client.put_records(&input).await);
        assert_eq!(output.failed_record_count.unwrap_or(0), 0, "a broker in memory stores all or none");
    }

    /// The shards that take records, in the order of their hash keys: neighbours here are neighbours there.
    pub async fn shards(&self) -> Vec<ShardId> {
        let mut open: Vec<_> = self.list().await.into_iter().filter(is_open).collect();
        open.sort_by_key(|shard| shard.hash_key_range.starting_hash_key.number());
        open.into_iter().map(|shard| shard.shard_id).collect()
    }

    /// Splits a shard in the middle.
    ///
    /// # Panics
    /// If it cannot be split, as when it was before.
    pub async fn split(&self, shard: &ShardId) {
        let range = self.range(shard).await;
        let (start, end) = (range.start().number(), range.end().number());
        let input = SplitShardInput {
            stream_name: Some(self.name.clone()),
            shard_to_split: shard.clone(),
            new_starting_hash_key: HashKey::new(start + (end - start) / 2 + 1),
            stream_arn: None,
        };
        told("the shard could not be split", self.client.split_shard(&input).await);
    }

    /// Merges two shards, named in either order.
    ///
    /// # Panics
    /// If they cannot be merged, as when they are no neighbours.
    pub async fn merge(&self, one: &ShardId, other: &ShardId) {
        let is_lower = self.range(one).await.start().number() < self.range(other).await.start().number();
        let (lower, upper) = if is_lower { (one, other) } else { (other, one) };
        let input = MergeShardsInput {
            stream_name: Some(self.name.clone()),
            shard_to_merge: lower.clone(),
            adjacent_shard_to_merge: upper.clone(),
            stream_arn: None,
        };
        told("the shards could not be merged", self.client.merge_shards(&input).await);
    }

    /// Waits until this group has handled everything that the stream holds now, and its checkpoints say so.
    ///
    /// A group that begins elsewhere than with the first record never has; nor has one whose handler makes its checkpoints by
    /// hand and makes none.
    ///
    /// # Panics
    /// If it has not after ten minutes of tokio's clock. The message tells which shards are behind, and who has them.
    pub async fn until_handled(&self, group: &str) {
        let group: GroupName = named("group", group);
        let shards = self.list().await;
        let mut last = BTreeMap::new();
        for shard in &shards {
            if let Some(progress) = self.last(&shard.shard_id).await {
                last.insert(&shard.shard_id, progress);
            }
        }
        let limit = Instant::now() + PATIENCE;
        loop {
            let rows = self.store.leases(&group).await.expect("a store in memory answers").leases;
            let behind = behind(&shards, &last, &rows);
            if behind.is_empty() {
                return;
            }
            let list = behind.join("\n  ");
            assert!(Instant::now() < limit, "after {PATIENCE:?} the group {group} has not handled all:\n  {list}");
            sleep(FROM_LOOK_TO_LOOK).await;
        }
    }

    /// Where a reader is who has handled all of a shard.
    async fn last(&self, shard: &ShardId) -> Option<Progress> {
        let input = GetShardIteratorInput {
            stream_name: Some(self.name.clone()),
            shard_id: shard.clone(),
            shard_iterator_type: ShardIteratorType::TrimHorizon,
            starting_sequence_number: None,
            timestamp: None,
            stream_arn: None,
            dry_run: None,
        };
        let mut iterator =
            told("the shard cannot be read", self.client.get_shard_iterator(&input).await).shard_iterator;
        let mut last = None;
        while let Some(shard_iterator) = iterator {
            let input = GetRecordsInput { shard_iterator, limit: None, stream_arn: None, dry_run: None };
            let page = told("the shard cannot be read", self.client.get_records(&input).await);
            let is_at_tip = page.records.is_empty() && page.millis_behind_latest == Some(0);
            last = page.records.into_iter().next_back().or(last);
            iterator = page.next_shard_iterator.filter(|_| !is_at_tip);
        }
        let last = last?;
        let inside = match unpack(last.data, None) {
            Unpacked::Plain(_) => 1,
            Unpacked::Aggregated(aggregate) => aggregate.entries().len(),
        };
        Some(Progress::Through { sequence: last.sequence_number, sub_sequence: inside.saturating_sub(1) as u64 })
    }

    async fn range(&self, shard: &ShardId) -> HashRange {
        let shards = self.list().await;
        let found = shards.iter().find(|listed| listed.shard_id == *shard);
        let Some(found) = found else { panic!("{} has no {shard}", self.name) };
        HashRange::try_from(&found.hash_key_range).expect("a broker's shard has hash keys")
    }

    /// All shards, closed ones too.
    async fn list(&self) -> Vec<Shard> {
        let input = ListShardsInput { stream_name: Some(self.name.clone()), ..Default::default() };
        let (mut pages, mut shards) = (self.client.pages(input), Vec::new());
        while let Some(page) = told("the shards cannot be listed", pages.next().await) {
            shards.extend(page.shards.unwrap_or_default());
        }
        shards
    }
}

/// Waits until something is so, looking every 50 ms of tokio's clock.
///
/// # Panics
/// If it is not after ten minutes of that clock.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let limit = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < limit, "after {PATIENCE:?} it is still not so: {what}");
        sleep(FROM_LOOK_TO_LOOK).await;
    }
}

/// What of the stream is not handled, in a line for each shard.
fn behind(shards: &[Shard], last: &BTreeMap<&ShardId, Progress>, rows: &[Lease]) -> Vec<String> {
    let by_shard: BTreeMap<&ShardId, &Lease> = rows.iter().map(|row| (&row.key.shard, row)).collect();
    let mut behind = Vec::new();
    for (shard, last) in last {
        let told = match by_shard.get(*shard) {
            Some(row) if row.progress >= *last => continue,
            Some(row) => {
                let owner = row.actual_owner().map_or("nobody", |owner| owner.as_str());
                format!("{shard}, which {owner} has, is at {:?}", row.progress)
            }
            // A row that has served is removed, and only when those of its children stand there.
            None if has_descendant(shards, shard, &by_shard) => continue,
            None => format!("{shard} has no row"),
        };
        behind.push(format!("{told}; its last record is {last:?}"));
    }
    behind
}

fn has_descendant(shards: &[Shard], of: &ShardId, rows: &BTreeMap<&ShardId, &Lease>) -> bool {
    let mut line = BTreeSet::from([of]);
    // A child is listed behind its parents.
    for shard in shards {
        let parents = [&shard.parent_shard_id, &shard.adjacent_parent_shard_id];
        if parents.into_iter().flatten().any(|parent| line.contains(parent)) {
            line.insert(&shard.shard_id);
        }
    }
    line.into_iter().any(|shard| rows.contains_key(shard))
}

fn is_open(shard: &Shard) -> bool {
    shard.sequence_number_range.ending_sequence_number.is_none()
}

fn named<T>(noun: &str, text: &str) -> T
where
    T: std::str::FromStr,
    T::Err: fmt::Display,
{
    text.parse().unwrap_or_else(|fault| panic!("{text:?} is no {noun}: {fault}"))
}

fn told<T>(what: &str, answer: Result<T, tailwater_client::Error>) -> T {
    answer.unwrap_or_else(|error| panic!("{what}: {error}"))
}

impl TestClock {
    /// A clock that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self { began: Instant::now(), skew: 0 }
    }

    /// The same clock, ahead by so much: for a worker whose machine is.
    #[must_use]
    pub fn ahead(self, by: Duration) -> Self {
        Self { skew: self.skew.saturating_add(millis(by)), ..self }
    }

    /// The same clock, late by so much.
    #[must_use]
    pub fn behind(self, by: Duration) -> Self {
        Self { skew: self.skew.saturating_sub(millis(by)), ..self }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl WallClock for TestClock {
    fn now(&self) -> Timestamp {
        let passed = millis(self.began.elapsed());
        Timestamp::from_millis(BEGINNING.saturating_add(passed).saturating_add(self.skew))
    }
}

impl fmt::Debug for TestStream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TestStream({})", self.name)
    }
}
