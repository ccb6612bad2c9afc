//! A Kinesis in this process: a million readings of ten thousand sensors go in, packed as the KPL packs them; half-way a
//! shard is split; all are read back by polling, and a ledger tells whether every reading came, once and in order.
//!
//! `cargo run --release --example quickstart`
//!
//! `-- --plant-loss` throws some away on purpose, to show that the ledger would notice.

use std::collections::VecDeque;
use std::error::Error;
use std::process::ExitCode;
use tailwater::broker::{Broker, Config};
use tailwater::client::Client;
use tailwater::local;
use tailwater::record::kpl::{PackError, Packed, Packer, Unpacked, seal_all, unpack};
use tailwater::record::{HashKey, HashRange, PartitionKey, ShardId, StreamName, UserRecord, hash_keys};
use tailwater::wire::shapes::{
    CreateStreamInput, GetRecordsInput, GetShardIteratorInput, ListShardsInput, PutRecordsInput,
    PutRecordsRequestEntry, Shard, ShardIterator, ShardIteratorType, SplitShardInput,
};
use tokio::time::Instant;

type Fault = Box<dyn Error + Send + Sync>;

const SENSORS: usize = 10_000;
const READINGS: usize = 1_000_000;
const SHARDS: u32 = 4;
/// What the KPL allows an aggregate by default.
const AGGREGATE_BYTES: usize = 51_200;
/// How many aggregates travel in one call.
const TOGETHER: usize = 40;
/// Of so many aggregates one is thrown away, if loss is planted.
const LOST_OF: usize = 500;

#[tokio::main]
async fn main() -> Result<ExitCode, Fault> {
    let plant_loss = std::env::args().any(|argument| argument == "--plant-loss");
    let broker = Broker::open(Config::default())?;
    let client = local::client(&broker)?;
    let stream: StreamName = "readings".parse()?;
    client.create_stream(&CreateStreamInput::provisioned(stream.clone(), SHARDS)).await?;
    println!("a broker in this process, a stream of {SHARDS} shards, {READINGS} readings of {SENSORS} sensors");

    let began = Instant::now();
    let reader = tokio::spawn(read_all(client.clone(), stream.clone()));
    Writer::new(client, stream, plant_loss).await?.write_all().await?;
    println!("all were put after {:.2?}", began.elapsed());
    let ledger = reader.await??;
    println!(
        "all were read after {:.2?}; the broker holds {:.0} MB",
        began.elapsed(),
        broker.bytes_held() as f64 / 1e6
    );
    Ok(ledger.verdict())
}

/// What a sensor says. Which reading it is stands at a fixed place, where the ledger finds it.
fn payload(reading: usize) -> String {
    format!(r#"{{"reading":{reading:07},"celsius":21.5,"humidity":0.43,"battery":0.97,"ok":true}}"#)
}

fn reading_in(payload: &[u8]) -> Option<usize> {
    std::str::from_utf8(payload.get(11..18)?).ok()?.parse().ok().filter(|reading| *reading < READINGS)
}

/// Puts readings: a packer per shard, forty aggregates per call.
struct Writer {
    client: Client,
    stream: StreamName,
    sensors: Vec<(PartitionKey, HashKey)>,
    shards: Vec<(HashRange, Packer)>,
    full: Vec<Packed>,
    lose: bool,
    sealed: usize,
}

impl Writer {
    async fn new(client: Client, stream: StreamName, lose: bool) -> Result<Self, Fault> {
        let keys: Vec<PartitionKey> =
            (0..SENSORS).map(|sensor| format!("sensor-{sensor:04}").parse()).collect::<Result<_, _>>()?;
        let hashes = hash_keys(&keys);
        let sensors = keys.into_iter().zip(hashes).collect();
        let mut writer = Self { client, stream, sensors, shards: Vec::new(), full: Vec::new(), lose, sealed: 0 };
        writer.learn_shards().await?;
        Ok(writer)
    }

    async fn write_all(mut self) -> Result<(), Fault> {
        for reading in 0..READINGS {
            if reading == READINGS / 2 {
                self.split_first_shard().await?;
            }
            let (key, hash) = self.sensors[reading % SENSORS].clone();
            let record = UserRecord::new(payload(reading)).with_partition_key(key);
            let shard =
                self.shards.iter().position(|(range, _)| range.contains(hash)).ok_or("a hole between shards")?;
            if let Err(PackError::Full { .. }) = self.shards[shard].1.push(&record) {
                self.seal(shard).await?;
                self.shards[shard].1.push(&record)?;
            }
        }
        self.flush().await
    }

    /// Nothing is left in the packers when the shards change, so every key stays in order across the split.
    async fn split_first_shard(&mut self) -> Result<(), Fault> {
        self.flush().await?;
        let shards = open_shards(&self.client, &self.stream).await?;
        let (first, range) = shards.first().ok_or("a stream without shards")?;
        let middle = HashKey::new(range.start().number() + (range.end().number() - range.start().number()) / 2);
        let split = SplitShardInput {
            stream_name: Some(self.stream.clone()),
            shard_to_split: first.shard_id.clone(),
            new_starting_hash_key: middle,
            stream_arn: None,
        };
        self.client.split_shard(&split).await?;
        println!("half-way: {} was split", first.shard_id);
        self.learn_shards().await
    }

    async fn learn_shards(&mut self) -> Result<(), Fault> {
        let open = open_shards(&self.client, &self.stream).await?;
        self.shards = open.into_iter().map(|(_, range)| (range, Packer::with_limit(AGGREGATE_BYTES))).collect();
        Ok(())
    }

    async fn seal(&mut self, shard: usize) -> Result<(), Fault> {
        let Some(unsealed) = self.shards[shard].1.take() else { return Ok(()) };
        self.sealed += 1;
        if !(self.lose && self.sealed.is_multiple_of(LOST_OF)) {
            self.full.extend(seal_all(vec![unsealed]));
        }
        if self.full.len() >= TOGETHER { self.send().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        for shard in 0..self.shards.len() {
            self.seal(shard).await?;
        }
        if self.full.is_empty() { Ok(()) } else { self.send().await }
    }

    async fn send(&mut self) -> Result<(), Fault> {
        let entry = |packed: Packed| PutRecordsRequestEntry {
            explicit_hash_key: Some(packed.hash_key()),
            partition_key: Some(packed.partition_key().clone()),
            data: packed.into_data(),
        };
        let mut input = PutRecordsInput::new(self.full.drain(..).map(entry).collect());
        input.stream_name = Some(self.stream.clone());
        let output = self.client.put_records(&input).await?;
        match output.failed_record_count {
            None | Some(0) => Ok(()),
            Some(failed) => Err(format!("{failed} records were not stored").into()),
        }
    }
}

/// The shards that take records, with their hash keys.
async fn open_shards(client: &Client, stream: &StreamName) -> Result<Vec<(Shard, HashRange)>, Fault> {
    let mut open = Vec::new();
    let mut pages = client.pages(ListShardsInput { stream_name: Some(stream.clone()), ..Default::default() });
    while let Some(page) = pages.next().await? {
        for shard in page.shards.unwrap_or_default() {
            if shard.sequence_number_range.ending_sequence_number.is_none() {
                let range = HashRange::try_from(&shard.hash_key_range)?;
                open.push((shard, range));
            }
        }
    }
    Ok(open)
}

/// Reads every shard, and the children of those that end, until nothing has come for a while after the last reading.
async fn read_all(client: Client, stream: StreamName) -> Result<Ledger, Fault> {
    let mut ledger = Ledger { times: vec![0; READINGS], latest: vec![None; SENSORS], out_of_order: 0, seen: 0 };
    let mut turns = VecDeque::new();
    for (shard, _) in open_shards(&client, &stream).await? {
        turns.push_back(iterator(&client, &stream, &shard.shard_id).await?);
    }
    let mut last_came = Instant::now();
    while let Some(shard_iterator) = turns.pop_front() {
        let input = GetRecordsInput { shard_iterator, limit: None, stream_arn: None, dry_run: None };
        let page = client.get_records(&input).await?;
        for record in page.records {
            last_came = Instant::now();
            match unpack(record.data, None) {
                Unpacked::Plain(data) => ledger.enter(&data),
                Unpacked::Aggregated(aggregate) => aggregate.records().for_each(|entry| ledger.enter(entry.data())),
            }
        }
        turns.extend(page.next_shard_iterator);
        for child in page.child_shards.unwrap_or_default() {
            println!("{} follows on {}", child.shard_id, child.parent_shards[0]);
            turns.push_back(iterator(&client, &stream, &child.shard_id).await?);
        }
        if ledger.is_full() || last_came.elapsed() > PATIENCE {
            break;
        }
        if page.millis_behind_latest == Some(0) {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(ledger)
}

/// How long a reader that has read everything there is waits before it looks again.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(1);
/// How long nothing may come before what has not come is taken for lost.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

async fn iterator(client: &Client, stream: &StreamName, shard: &ShardId) -> Result<ShardIterator, Fault> {
    let input = GetShardIteratorInput {
        stream_name: Some(stream.clone()),
        shard_id: shard.clone(),
        shard_iterator_type: ShardIteratorType::TrimHorizon,
        starting_sequence_number: None,
        timestamp: None,
        stream_arn: None,
        dry_run: None,
    };
    client.get_shard_iterator(&input).await?.shard_iterator.ok_or_else(|| "no iterator".into())
}

/// Which readings came, how often, and in which order.
struct Ledger {
    times: Vec<u8>,
    /// The latest reading of each sensor.
    latest: Vec<Option<usize>>,
    out_of_order: usize,
    seen: usize,
}

impl Ledger {
    fn enter(&mut self, payload: &[u8]) {
        let Some(reading) = reading_in(payload) else {
            println!("a payload that nobody put");
            self.out_of_order += 1;
            return;
        };
        self.seen += usize::from(self.times[reading] == 0);
        self.times[reading] = self.times[reading].saturating_add(1);
        let latest = &mut self.latest[reading % SENSORS];
        if latest.is_some_and(|latest| latest >= reading) {
            self.out_of_order += 1;
        }
        *latest = Some(reading);
        if self.seen.is_multiple_of(READINGS / 10) {
            println!("{:>3} % read", self.seen * 100 / READINGS);
        }
    }

    fn is_full(&self) -> bool {
        self.seen == READINGS
    }

    fn verdict(&self) -> ExitCode {
        let out: usize = self.times.iter().map(|times| usize::from(*times)).sum();
        let lost = READINGS - self.seen;
        let faultless = out == READINGS && lost == 0 && self.out_of_order == 0;
        let colour = if faultless { "\x1b[32m" } else { "\x1b[31m" };
        println!("{colour}in {READINGS}, out {out}, lost {lost}, out of order {}\x1b[0m", self.out_of_order);
        if faultless { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
