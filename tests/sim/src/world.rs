//! The one world that all workers of a history share: a clock, a broker with a stream, rows, and what is known of it all.

use crate::invariants::Invariants;
use crate::journal::Journal;
use crate::plan::Plan;
use crate::store::at_once;
use crate::vacancies::Vacancies;
use crate::weather::Weather;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tailwater::broker::{self, Broker};
use tailwater::client::{self, Client, StaticCredentials};
use tailwater::consumer::Checkpoint;
use tailwater::local::LocalTransport;
use tailwater::record::kpl::Packer;
use tailwater::record::{HashKey, HashRange, PartitionKey, ShardId, StreamName, Timestamp, UserRecord};
use tailwater::store::{Applied, Change, Lease, LeaseKey, LeaseStore, MemoryStore, Progress};
use tailwater::wire::shapes::{
    CreateStreamInput, ListShardsInput, MergeShardsInput, PutRecordsInput, PutRecordsRequestEntry, SplitShardInput,
};
use tailwater::wire::time::WallClock;
use tokio::time::Instant;

/// Wall time that goes as the paused clock does, and may be off.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    start: Instant,
    off_by: i64,
    /// When it was asked last, and how often at that moment: a worker asks whenever it wakes.
    asked: Arc<(AtomicU64, AtomicU32)>,
}

/// Nobody wakes so often without any time passing, unless he does it for ever.
const SPIN: u32 = 50_000;

impl Clock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), off_by: 0, asked: Arc::default() }
    }

    pub(crate) fn off_by(&self, seconds: i64) -> Self {
        Self { start: self.start, off_by: seconds * 1000, asked: Arc::default() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

impl WallClock for Clock {
    fn now(&self) -> Timestamp {
        let (last, times) = &*self.asked;
        let now = self.start.elapsed().as_millis() as u64;
        if last.swap(now, Ordering::Relaxed) != now {
            times.store(0, Ordering::Relaxed);
        }
        if times.fetch_add(1, Ordering::Relaxed) > SPIN {
            // Ends the worker, which nobody may do to itself.
            std::panic::resume_unwind(Box::new("it wakes again and again, and no time passes"));
        }
        Timestamp::from_millis(1_750_000_000_000 + self.start.elapsed().as_millis() as i64 + self.off_by)
    }
}

/// A world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) clock: Clock,
    pub(crate) broker: Broker,
    /// A client that nothing ever happens to.
    client: Client,
    pub(crate) stream: StreamName,
    pub(crate) rows: MemoryStore,
    keys: Vec<(PartitionKey, HashKey)>,
    state: Mutex<State>,
    /// Checkpoints that handlers keep, to be used at any time.
    kept: Mutex<Vec<(Checkpoint, Progress)>>,
}

/// What changes.
#[derive(Debug)]
pub(crate) struct State {
    clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) weather: Weather,
    pub(crate) watch: Invariants,
    pub(crate) vacancies: Vacancies,
}

const KEYS: usize = 24;

/// A user record that is set aside where it is stored, and put again elsewhere.
const STRAY: &str = "stray";

/// The settings of a client in this world.
pub(crate) fn settings(clock: Clock, seed: u64) -> client::Config {
    client::Config::new("us-east-1".parse().expect("the name of a region"))
        .with_credentials(StaticCredentials::new("local", "local", None))
        .with_clock(clock)
        .with_seed(seed)
}

impl World {
    pub(crate) async fn new(plan: Plan, seed: u64, is_traced: bool) -> Result<Self, String> {
        let clock = Clock::new();
        let config = broker::Config::default().with_clock(clock.clone());
        let broker = Broker::open(config).map_err(|fault| fault.to_string())?;
        let client = Client::with_transport(settings(clock.clone(), seed), LocalTransport::new(broker.clone()));
        let client = client.map_err(|fault| fault.to_string())?;
        let stream: StreamName = "orders".parse().expect("letters");
        let created = client.create_stream(&CreateStreamInput::provisioned(stream.clone(), plan.shards)).await;
        created.map_err(|fault| fault.to_string())?;
        let keys = (0..KEYS).map(|number| {
            let key: PartitionKey = format!("key-{number}").parse().expect("letters and digits");
            let hash = HashKey::of(&key);
            (key, hash)
        });
        let state = State {
            clock: clock.clone(),
            journal: Journal::new(is_traced),
            weather: Weather::new(&plan, seed),
            watch: Invariants::new(&plan),
            vacancies: Vacancies::new(&plan),
        };
        let (keys, rows, state) = (keys.collect(), MemoryStore::new(), Mutex::new(state));
        let world = Self { plan, clock, broker, client, stream, rows, keys, state, kept: Mutex::default() };
        world.look_at_shards().await?;
        Ok(world)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A checkpoint that may be used later, instead of those before it or after them.
    pub(crate) fn keep(&self, chance: &mut fastrand::Rng, checkpoint: Checkpoint, to: Progress) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = if chance.u32(..4) == 0 { chance.usize(..=kept.len()) } else { kept.len() };
        kept.insert(at, (checkpoint, to));
    }

    /// The first of those that are kept.
    pub(crate) fn take_kept(&self) -> Option<(Checkpoint, Progress)> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() { None } else { Some(kept.remove(0)) }
    }

    /// Changes a row.
    pub(crate) fn apply(&self, process: usize, key: &LeaseKey, change: &Change) -> Applied {
        let before = at_once(self.rows.lease(key));
        let applied = at_once(self.rows.apply(key, change));
        let mut state = self.lock();
        match (&before, &applied) {
            (Some(before), Applied::Done(after)) => state.wrote(process, before, change, after),
            _ => state.note(format_args!("p{process} is refused {change:?} of {}", key.shard)),
        }
        applied
    }

    async fn look_at_shards(&self) -> Result<(), String> {
        let input = ListShardsInput { stream_name: Some(self.stream.clone()), ..Default::default() };
        let listed = self.client.list_shards(&input).await.map_err(|fault| fault.to_string())?;
        let mut state = self.lock();
        for shard in listed.shards.unwrap_or_default() {
            let range = HashRange::try_from(&shard.hash_key_range).map_err(|fault| fault.to_string())?;
            let is_open = shard.sequence_number_range.ending_sequence_number.is_none();
            let parents: BTreeSet<ShardId> =
                shard.parent_shard_id.into_iter().chain(shard.adjacent_parent_shard_id).collect();
            state.watch.know(shard.shard_id, parents, range, is_open);
        }
        Ok(())
    }

    /// Open shards and their ranges.
    pub(crate) fn open_shards(&self) -> Vec<(ShardId, HashRange)> {
        let state = self.lock();
        let open = state.watch.shards.iter().filter(|(_, shard)| shard.is_open);
        open.map(|(id, shard)| (id.clone(), shard.range)).collect()
    }

    /// Splits an open shard, or merges two.
    pub(crate) async fn reshard(&self, chance: &mut fastrand::Rng) -> Result<(), String> {
        let mut open = self.open_shards();
        open.sort_by_key(|(_, range)| range.start());
        let is_merge = open.len() > 1 && (open.len() >= 6 || chance.bool());
        let at = chance.usize(..if is_merge { open.len() - 1 } else { open.len() });
        let done = match (open.get(at), open.get(at + 1)) {
            (Some((lower, _)), Some((upper, _))) if is_merge => {
                self.lock().note(format_args!("{lower} and {upper} are merged"));
                let input = MergeShardsInput {
                    stream_name: Some(self.stream.clone()),
                    shard_to_merge: lower.clone(),
                    adjacent_shard_to_merge: upper.clone(),
                    stream_arn: None,
                };
                self.client.merge_shards(&input).await.map(drop)
            }
            (Some((shard, range)), _) => {
                self.lock().note(format_args!("{shard} is split"));
                let (start, end) = (range.start().number(), range.end().number());
                let input = SplitShardInput {
                    stream_name: Some(self.stream.clone()),
                    shard_to_split: shard.clone(),
                    new_starting_hash_key: HashKey::new(start + (end - start) / 2 + 1),
                    stream_arn: None,
                };
                self.client.split_shard(&input).await.map(drop)
            }
            (None, _) => Ok(()),
        };
        done.map_err(|fault| fault.to_string())?;
        self.look_at_shards().await
    }

    /// Puts some records: raw, or as an aggregate, with strays if a shard was split under it.
    pub(crate) async fn put(&self, chance: &mut fastrand::Rng) -> Result<(), String> {
        if chance.u32(..100) >= self.plan.aggregated {
            for _ in 0..chance.usize(1..8) {
                self.put_raw(chance.usize(..self.keys.len())).await?;
            }
            return Ok(());
        }
        let first = chance.usize(..self.keys.len());
        let holds = |shards: &[(ShardId, HashRange)]| {
            shards.iter().find(|(_, range)| range.contains(self.keys[first].1)).map(|(id, range)| (id.clone(), *range))
        };
        let (shard, range) = holds(&self.open_shards()).ok_or("no shard for a key")?;
        // What a producer believes who has not heard of the last split.
        let believed = if chance.u32(..4) == 0 { self.before(&shard).unwrap_or(range) } else { range };
        let fits: Vec<usize> = (0..self.keys.len()).filter(|key| believed.contains(self.keys[*key].1)).collect();
        let mut keys = vec![first];
        keys.extend((0..chance.usize(1..8)).map(|_| fits[chance.usize(..fits.len())]));
        let mut packer = Packer::new();
        let mut next = self.lock().watch.next_item();
        for key in &keys {
            let is_inside = range.contains(self.keys[*key].1);
            let payload = if is_inside { format!("{next:06}") } else { STRAY.to_owned() };
            next += usize::from(is_inside);
            let record = UserRecord::new(payload).with_partition_key(self.keys[*key].0.clone());
            packer.push(&record).map_err(|fault| fault.to_string())?;
        }
        let packed = packer.take().ok_or("nothing was packed")?.seal();
        let key = packed.partition_key().clone();
        let (stored, at) = self.put_bytes(packed.into_data(), key).await?;
        if stored != shard {
            return Err(format!("what was put for {shard} is stored in {stored}"));
        }
        let mut strays = Vec::new();
        {
            let mut state = self.lock();
            for (sub_sequence, key) in (0..).zip(&keys) {
                if range.contains(self.keys[*key].1) {
                    let at = Progress::Through { sequence: at.clone(), sub_sequence };
                    state.watch.put(&shard, at, *key);
                } else {
                    strays.push(*key);
                }
            }
            let items = keys.len() - strays.len();
            state.note(format_args!("{items} records and {} strays are put to {shard}", strays.len()));
        }
        for key in strays {
            self.put_raw(key).await?;
        }
        Ok(())
    }

    /// The range that somebody believes in who knows only the shard's parent.
    fn before(&self, shard: &ShardId) -> Option<HashRange> {
        let state = self.lock();
        let parent = state.watch.shards.get(shard)?.parents.first()?;
        state.watch.shards.get(parent).map(|parent| parent.range)
    }

    async fn put_raw(&self, key: usize) -> Result<(), String> {
        let payload = format!("{:06}", self.lock().watch.next_item());
        let (shard, sequence) = self.put_bytes(payload.into(), self.keys[key].0.clone()).await?;
        let mut state = self.lock();
        state.note(format_args!("a record is put to {shard}"));
        state.watch.put(&shard, Progress::Through { sequence, sub_sequence: 0 }, key);
        Ok(())
    }

    async fn put_bytes(
        &self,
        data: Bytes,
        key: PartitionKey,
    ) -> Result<(ShardId, tailwater::record::SequenceNumber), String> {
        let mut input = PutRecordsInput::new(vec![PutRecordsRequestEntry::new(data, key)]);
        input.stream_name = Some(self.stream.clone());
        let output = self.client.put_records(&input).await.map_err(|fault| fault.to_string())?;
        let stored = output.records.into_iter().next().and_then(|entry| entry.shard_id.zip(entry.sequence_number));
        stored.ok_or_else(|| "a record was not stored".to_owned())
    }
}

impl State {
    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        self.journal.note(self.clock.elapsed(), what);
    }

    pub(crate) fn created(&mut self, process: usize, row: &Lease) {
        self.note(format_args!("p{process} makes {row:?}"));
        self.watch.created(process, row);
    }

    pub(crate) fn removed(&mut self, process: usize, row: &Lease) {
        self.note(format_args!("p{process} removes the row of {}", row.key.shard));
        self.watch.removed(process, row);
    }

    pub(crate) fn wrote(&mut self, process: usize, before: &Lease, change: &Change, after: &Lease) {
        self.note(format_args!("p{process} changes {} by {change:?} to {}", after.key.shard, after.counter));
        self.watch.wrote(process, before, change, after);
        self.vacancies.wrote(Instant::now(), change, after);
    }

    /// A worker dies, or is cut off until then.
    pub(crate) fn disturbed(&mut self, process: usize, heals: Option<Instant>) {
        let handled = self.watch.handled_by(process);
        self.vacancies.disturbed(Instant::now(), process, handled, heals);
    }

    /// A worker asks for a move, as only the leader may.
    pub(crate) fn plans(&mut self, process: usize) {
        let leader = self.vacancies.leader().map(str::to_owned);
        if let Some(leader) = leader.filter(|leader| !self.watch.is_start_of(process, leader)) {
            self.watch.violate(format_args!("p{process} moves a lease, and {leader} leads"));
        }
    }

    /// A worker goes in order, or as good as that.
    pub(crate) fn leaves(&mut self, process: usize) {
        self.vacancies.disturbed(Instant::now(), process, Vec::new(), None);
    }

    pub(crate) fn take_effect(&mut self, process: usize, shard: &ShardId, items: &[usize]) {
        self.note(format_args!("p{process} has handled {items:?} of {shard}"));
        self.watch.take_effect(process, shard, items);
    }
}
