//! A Kinesis in this process: a million readings of ten thousand sensors are put; half-way a shard is split, and the
//! producer is not told; all are read back by polling, and a ledger tells whether every reading came, once and in order.
//!
//! `cargo run --release --example quickstart`
//!
//! `-- --plant-loss` throws some away on purpose, to show that the ledger would notice.

mod support;

use std::process::ExitCode;
use std::time::Duration;
use support::{Fault, Place, Reader};
use tailwater::producer::{Config, Producer, ShardRate, StreamProducer};
use tailwater::record::{PartitionKey, UserRecord};
use tokio::sync::oneshot;
use tokio::time::Instant;

const SENSORS: usize = 10_000;
const READINGS: usize = 1_000_000;
const SHARDS: u32 = 4;
/// Of so many readings one is thrown away, if loss is planted.
const LOST_OF: usize = 5_000;

#[tokio::main]
async fn main() -> Result<ExitCode, Fault> {
    let plant_loss = std::env::args().any(|argument| argument == "--plant-loss");
    let ledger = run(READINGS, plant_loss).await?;
    Ok(if ledger.is_faultless() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) async fn run(readings: usize, plant_loss: bool) -> Result<Ledger, Fault> {
    let place = Place::new(None, "readings", SHARDS).await?;
    println!("a broker in this process, a stream of {SHARDS} shards, {readings} readings of {SENSORS} sensors");
    // As fast as it goes: this broker takes any rate. On AWS a shard takes 1 MiB a second, so four of them would need
    // half a minute for this; then the default is right.
    // The small budget keeps the producer close to what is stored, so that the split comes in the midst of it.
    let config = Config::default().with_shard_rate(ShardRate::Unlimited).with_budget(4 * 1024 * 1024);
    let producer = Producer::new(place.client(), config)?;

    let began = Instant::now();
    let reading = tokio::spawn(read_all(place.reader().await?, readings));
    let (half_way, is_half_way) = oneshot::channel();
    let split = async {
        is_half_way.await?;
        println!("half-way: {} is split, and the producer goes on", place.split_a_shard().await?);
        Ok::<_, Fault>(())
    };
    let put = put_all(producer.stream(place.stream()), readings, plant_loss, half_way);
    tokio::try_join!(put, split)?;
    println!("all are stored after {:.2?}", began.elapsed());
    let closed = producer.close(Duration::from_secs(10)).await;
    let ledger = reading.await??;
    let held = place.broker().map_or(0, |broker| broker.bytes_held());
    println!("all are read after {:.2?}; the broker holds {:.0} MB", began.elapsed(), held as f64 / 1e6);
    println!("the producer says: {} accepted, {} stored, {} failed", closed.accepted, closed.stored, closed.failed);
    ledger.tell();
    Ok(ledger)
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

/// Reads until every reading has come, or nothing does any more.
async fn read_all(mut reader: Reader, readings: usize) -> Result<Ledger, Fault> {
    let mut ledger = Ledger { times: vec![0; readings], latest: vec![None; SENSORS], ..Ledger::default() };
    while ledger.seen < readings {
        let Some(page) = reader.next().await? else { break };
        page.data.iter().for_each(|data| ledger.enter(data));
        ledger.set_aside += page.set_aside;
        for child in page.children {
            println!("{child} follows on {}", page.shard);
            ledger.children += 1;
        }
    }
    Ok(ledger)
}

/// Which readings came, how often, and in which order.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    times: Vec<u8>,
    /// The latest reading of each sensor.
    latest: Vec<Option<usize>>,
    out_of_order: usize,
    /// Readings that came at least once.
    pub(crate) seen: usize,
    /// How many came again. A producer that has missed a split stores records in a shard that they do not belong to, and
    /// again where they do; a reader that sets the former aside sees none of them twice.
    twice: usize,
    /// How many were set aside so.
    set_aside: usize,
    /// Shards that the split made.
    pub(crate) children: usize,
}

impl Ledger {
    fn enter(&mut self, payload: &[u8]) {
        let Some(reading) = reading_in(payload).filter(|reading| *reading < self.times.len()) else {
            println!("a payload that nobody put");
            self.out_of_order += 1;
            return;
        };
        match self.times[reading] {
            0 => self.seen += 1,
            _ => self.twice += 1,
        }
        self.times[reading] = self.times[reading].saturating_add(1);
        let latest = &mut self.latest[reading % SENSORS];
        if latest.is_some_and(|latest| latest >= reading) {
            self.out_of_order += 1;
        }
        *latest = Some(reading);
        if self.seen.is_multiple_of(self.times.len() / 10) {
            println!("{:>3} % read", self.seen * 100 / self.times.len());
        }
    }

    pub(crate) fn lost(&self) -> usize {
        self.times.len() - self.seen
    }

    /// A run without a split would not have tried what is hard.
    pub(crate) fn is_faultless(&self) -> bool {
        self.children == 2 && self.lost() == 0 && self.twice == 0 && self.out_of_order == 0
    }

    fn tell(&self) {
        let colour = if self.is_faultless() { "\x1b[32m" } else { "\x1b[31m" };
        let (put, seen, twice, out_of_order) = (self.times.len(), self.seen, self.twice, self.out_of_order);
        println!("set aside {}, which were put again where they belong", self.set_aside);
        println!(
            "{colour}in {put}, out {seen}, lost {}, out twice {twice}, out of order {out_of_order}\x1b[0m",
            self.lost()
        );
    }
}
