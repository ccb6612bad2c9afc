//! A Kinesis in this process: a million readings of ten thousand sensors are put, and read by two workers that share the
//! stream. Half-way a shard is split, and the producer is not told; then one worker is killed, and the other takes over
//! where the dead one's checkpoints stand. A ledger tells whether every reading came, and each sensor's in order; what
//! came twice must be explained.
//!
//! `cargo run --release --example quickstart`
//!
//! `-- --plant-loss` throws some away on purpose, to show that the ledger would notice.

mod support;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Fault, Place, until};
use tailwater::consumer::{Batch, Begin, Checkpoint, Config, Consumer, Event, Handler, Phase, Running, Start};
use tailwater::producer::{self, Producer, ShardRate, StreamProducer};
use tailwater::record::{PartitionKey, ShardId, UserRecord};
use tailwater::store::{MemoryStore, Progress};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

const SENSORS: usize = 10_000;
const READINGS: usize = 1_000_000;
const SHARDS: u32 = 4;
/// Of so many readings one is thrown away, if loss is planted.
const LOST_OF: usize = 5_000;
/// The worker that dies.
const KILLED: &str = "one";
/// How long a worker shows no life until others take its shards; 10 s unless told otherwise.
const FAILOVER: Duration = Duration::from_secs(3);
/// How long nothing may come before what has not come is taken for lost.
const PATIENCE: Duration = Duration::from_secs(6);

#[tokio::main]
async fn main() -> Result<ExitCode, Fault> {
    let plant_loss = std::env::args().any(|argument| argument == "--plant-loss");
    let ledger = run(READINGS, plant_loss).await?;
    Ok(if ledger.is_faultless() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) async fn run(readings: usize, plant_loss: bool) -> Result<Ledger, Fault> {
    let place = Place::new(None, "readings", SHARDS).await?;
    println!("a broker in this process, a stream of {SHARDS} shards, {readings} readings of {SENSORS} sensors");
    let began = Instant::now();
    let ledger = Arc::new(Mutex::new(Ledger::new(readings)));
    let store = MemoryStore::new();
    let one = start(&place, &store, KILLED, &ledger).await?;
    let two = start(&place, &store, "two", &ledger).await?;
    let half = SHARDS as usize / 2;
    until("each worker has half of the shards", async || Ok(runs(&one).len() == half && runs(&two).len() == half))
        .await?;
    tell(began, 0, readings, &[&one, &two]);

    // As fast as it goes: this broker takes any rate. On AWS a shard takes 1 MiB a second, so four of them would need
    // half a minute for this; then the default is right.
    // The small budget keeps the producer close to what is stored, so that the split comes in the midst of it.
    let config = producer::Config::default().with_shard_rate(ShardRate::Unlimited).with_budget(4 * 1024 * 1024);
    let producer = Producer::new(place.client(), config)?;
    let (half_way, is_half_way) = oneshot::channel();
    let split = async {
        is_half_way.await?;
        let shard = place.split_a_shard().await?;
        println!("{:>6.2} s  half are put: {shard} is split, and nobody is told", began.elapsed().as_secs_f64());
        place.children(&shard).await
    };
    let put = async {
        put_all(producer.stream(place.stream()), readings, plant_loss, half_way).await?;
        println!("{:>6.2} s  all are put", began.elapsed().as_secs_f64());
        Ok::<_, Fault>(())
    };
    let read = watch(began, &ledger, readings, one, two);
    let ((), children, two) = tokio::try_join!(put, split, read)?;

    let stats = producer.stream(place.stream()).stats();
    let closed = producer.close(Duration::from_secs(10)).await;
    // In order: what is handled is written, and leases are let go.
    let ended = two.drain(Duration::from_secs(10)).await;
    println!("{:>6.2} s  two has ended, in order: {}", began.elapsed().as_secs_f64(), ended.in_time);
    println!("the producer says: {} accepted, {} stored, {} failed", closed.accepted, closed.stored, closed.failed);
    let mut ledger = std::mem::take(&mut *ledger.lock().expect("nobody panics with it"));
    ledger.settle(&children, stats.misplaced);
    println!("{ledger}");
    Ok(ledger)
}

/// Enters what comes into the ledger.
struct Clerk {
    worker: &'static str,
    shard: ShardId,
    /// The checkpoint that it began behind.
    from: Progress,
    ledger: Arc<Mutex<Ledger>>,
}

impl Handler for Clerk {
    type Error = Infallible;

    async fn records(&mut self, batch: &Batch) -> Result<(), Infallible> {
        let mut ledger = self.ledger.lock().expect("nobody panics with it");
        for record in batch.records() {
            let entry = Entry { worker: self.worker, shard: &self.shard, at: record.progress() };
            ledger.enter(record.data(), entry, &self.from);
        }
        Ok(())
    }

    async fn ended(&mut self, _: &Checkpoint) -> Result<(), Infallible> {
        println!("          {} has read {} to its end", self.worker, self.shard);
        Ok(())
    }
}

async fn start(
    place: &Place,
    store: &MemoryStore,
    worker: &'static str,
    ledger: &Arc<Mutex<Ledger>>,
) -> Result<Running, Fault> {
    let config = Config::new("quickstart".parse()?)
        .with_worker(worker.parse()?)
        .with_stream(place.stream(), Start::TrimHorizon)
        .with_failover(FAILOVER)
        // It may be the leader who dies, and without one nobody is given what it had.
        .with_lock_lease(FAILOVER)
        .with_checkpoint_linger(Duration::from_millis(500))
        .with_batch_bytes(128 * 1024)
        .with_listener({
            let ledger = Arc::clone(ledger);
            move |event| ledger.lock().expect("nobody panics with it").note(event)
        });
    let ledger = Arc::clone(ledger);
    let make = move |shard: &Begin| {
        let (shard, from) = (shard.shard.clone(), shard.from.clone());
        Clerk { worker, shard, from, ledger: Arc::clone(&ledger) }
    };
    Ok(Consumer::new(place.client(), store.clone(), place.in_a_hurry(config))?.run(make).await?)
}

/// Looks on until every reading has come, or nothing does any more. Half-way the first worker is killed.
async fn watch(
    began: Instant,
    ledger: &Mutex<Ledger>,
    readings: usize,
    one: Running,
    two: Running,
) -> Result<Running, Fault> {
    let mut one = Some(one);
    let mut told = (0, runs(&two));
    let mut last_came = (0, Instant::now());
    loop {
        let seen = ledger.lock().expect("nobody panics with it").seen;
        if seen > last_came.0 {
            last_came = (seen, Instant::now());
        }
        let now = (seen * 10 / readings, runs(&two));
        if now != told {
            told = now;
            let workers: Vec<&Running> = one.iter().chain([&two]).collect();
            tell(began, seen, readings, &workers);
        }
        if seen >= readings / 2
            && let Some(one) = one.take()
        {
            println!("{:>6.2} s  half are read: one is killed, with {}", began.elapsed().as_secs_f64(), list(&one));
            // No handler is asked to finish, no checkpoint is written, no lease let go.
            drop(one);
        }
        if seen == readings || last_came.1.elapsed() > PATIENCE {
            return Ok(two);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn tell(began: Instant, seen: usize, readings: usize, workers: &[&Running]) {
    let each: Vec<String> = workers.iter().map(|worker| format!("{} has {}", worker.worker(), list(worker))).collect();
    let (seconds, percent) = (began.elapsed().as_secs_f64(), seen * 100 / readings);
    println!("{seconds:>6.2} s  {percent:>3} % read; {}", each.join("; "));
}

/// The shards whose records this worker handles at this moment.
fn runs(worker: &Running) -> Vec<ShardId> {
    let shards = worker.snapshot().shards.into_iter();
    shards.filter(|shard| shard.phase == Phase::Running).map(|shard| shard.shard).collect()
}

/// The same, by number.
fn list(worker: &Running) -> String {
    let number = |shard: &ShardId| shard.number().map_or_else(|| shard.to_string(), |number| number.to_string());
    let numbers: Vec<String> = runs(worker).iter().map(number).collect();
    if numbers.is_empty() { "no shard".to_owned() } else { format!("shards {}", numbers.join(" ")) }
}

/// Puts every reading, and waits until all are stored.
async fn put_all(
    stream: StreamProducer,
    readings: usize,
    lose: bool,
    half_way: oneshot::Sender<()>,
) -> Result<(), Fault> {
    let sensors: Vec<PartitionKey> =
        (0..SENSORS).map(|sensor| format!("sensor-{sensor:04}").parse()).collect::<Result<_, _>>()?;
    let mut half_way = Some(half_way);
    let records = (0..readings).filter_map(|reading| {
        if reading == readings / 2 {
            half_way.take().map(|half_way| half_way.send(()));
        }
        let is_lost = lose && reading % LOST_OF == LOST_OF / 2;
        (!is_lost).then(|| UserRecord::new(payload(reading)).with_partition_key(sensors[reading % SENSORS].clone()))
    });
    let settled = stream.put_all(records).await?.all().await;
    match settled.failures.into_iter().next() {
        None => Ok(()),
        Some(failure) => Err(failure.into()),
    }
}

/// What a sensor says. Which reading it is stands at a fixed place, where the ledger finds it.
fn payload(reading: usize) -> String {
    format!(r#"{{"reading":{reading:07},"celsius":21.5,"humidity":0.43,"battery":0.97,"ok":true}}"#)
}

fn reading_in(payload: &[u8]) -> Option<usize> {
    std::str::from_utf8(payload.get(11..18)?).ok()?.parse().ok()
}

/// To whom a reading came, and from where.
struct Entry<'a> {
    worker: &'static str,
    shard: &'a ShardId,
    at: Progress,
}

/// A reading's first coming.
#[derive(Clone)]
struct First {
    worker: &'static str,
    /// A place in the ledger's list of shards.
    shard: usize,
    at: Progress,
}

/// Which readings came, how often, and in which order.
#[derive(Default)]
pub(crate) struct Ledger {
    first: Vec<Option<First>>,
    /// The latest reading of each sensor that came for the first time.
    latest: Vec<Option<usize>>,
    shards: Vec<ShardId>,
    out_of_order: usize,
    /// Readings that came at least once.
    pub(crate) seen: usize,
    /// Came again to the second worker, from behind the checkpoint of the one that was killed.
    pub(crate) after_checkpoint: usize,
    /// Came again because they stand in the stream twice, in these shards.
    stored_twice: usize,
    twice_in: BTreeSet<usize>,
    /// Came again, and nobody knows why.
    pub(crate) unexplained: usize,
    /// How many records were set aside, because they stood in a shard that they do not belong to.
    set_aside: usize,
    /// Shards that the split made, and from which something came.
    pub(crate) children: usize,
}

impl Ledger {
    fn new(readings: usize) -> Self {
        Self { first: vec![None; readings], latest: vec![None; SENSORS], ..Self::default() }
    }

    fn enter(&mut self, payload: &[u8], entry: Entry<'_>, from: &Progress) {
        let Some(reading) = reading_in(payload).filter(|reading| *reading < self.first.len()) else {
            println!("a payload that nobody put");
            self.unexplained += 1;
            return;
        };
        let shard = self.place_of(entry.shard);
        let Some(first) = &self.first[reading] else {
            self.first[reading] = Some(First { worker: entry.worker, shard, at: entry.at });
            self.seen += 1;
            let before = self.latest[reading % SENSORS].replace(reading);
            self.out_of_order += usize::from(before.is_some_and(|before| before > reading));
            return;
        };
        let is_same = first.shard == shard && first.at == entry.at;
        if is_same && first.worker == KILLED && entry.worker != KILLED && entry.at > *from {
            self.after_checkpoint += 1;
        } else if is_same {
            self.unexplained += 1;
        } else {
            self.stored_twice += 1;
            self.twice_in.extend([first.shard, shard]);
        }
    }

    fn place_of(&mut self, shard: &ShardId) -> usize {
        self.shards.iter().position(|known| known == shard).unwrap_or_else(|| {
            self.shards.push(shard.clone());
            self.shards.len() - 1
        })
    }

    fn note(&mut self, event: &Event) {
        if let Event::SetAside { records, .. } = event {
            self.set_aside += records;
        }
    }

    /// What is stored twice is explained if the producer missed the split, and so filled a child with what does not belong
    /// there: it put all of it again, and what did belong there stands twice.
    fn settle(&mut self, children: &[ShardId], misplaced: u64) {
        self.children = children.iter().filter(|child| self.shards.contains(child)).count();
        let in_children = self.twice_in.iter().all(|shard| children.contains(&self.shards[*shard]));
        if !in_children || misplaced == 0 {
            self.unexplained += std::mem::take(&mut self.stored_twice);
        }
    }

    pub(crate) fn lost(&self) -> usize {
        self.first.len() - self.seen
    }

    /// A run without a split and a death would not have tried what is hard.
    pub(crate) fn is_faultless(&self) -> bool {
        self.children == 2 && self.lost() == 0 && self.unexplained == 0 && self.out_of_order == 0
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colour = if self.is_faultless() { "\x1b[32m" } else { "\x1b[31m" };
        let Self { seen, out_of_order, after_checkpoint, stored_twice, set_aside, unexplained, .. } = self;
        writeln!(out, "came twice {}:", after_checkpoint + stored_twice + unexplained)?;
        writeln!(out, "  {after_checkpoint:>7} were handled after the last checkpoint of the worker that was killed")?;
        writeln!(
            out,
            "  {stored_twice:>7} were put again when the shard was split, as were {set_aside} that were set aside"
        )?;
        writeln!(out, "  {unexplained:>7} are unexplained")?;
        let (put, lost) = (self.first.len(), self.lost());
        write!(
            out,
            "{colour}in {put}, out {seen}, lost {lost}, out of order {out_of_order}, twice without a reason {unexplained}\x1b[0m"
        )
    }
}
