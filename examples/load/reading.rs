//! Reads what is put, with workers that share the stream, and takes the time of each record from its put to its handler.
//! When it was put stands in the payload, behind a number that tells the records of this run from all others.

use super::arguments::Arguments;
use super::driver::latencies;
use super::{Fault, Place};
use bytes::Bytes;
use futures_util::future::join_all;
use hdrhistogram::Histogram;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tailwater::consumer::{Batch, Config, Consumer, Handler, Phase, Running, Start};
use tailwater::store::MemoryStore;
use tailwater::wire::shapes::DescribeStreamSummaryInput;
use tokio::time::{Instant, sleep};

/// Tells when a record of this run was put.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    run: u64,
    began: Instant,
}

/// What a stamp takes of a payload, which is at least so long.
const STAMP_BYTES: usize = 16;

impl Stamp {
    pub(crate) fn new() -> Self {
        Self { run: fastrand::u64(..), began: Instant::now() }
    }

    /// This payload, with the stamp in place of its first bytes.
    pub(crate) fn put(self, at: Instant, payload: &[u8]) -> Bytes {
        let micros = micros(at.saturating_duration_since(self.began));
        let rest = payload.get(STAMP_BYTES..).unwrap_or_default();
        [&self.run.to_be_bytes()[..], &micros.to_be_bytes(), rest].concat().into()
    }

    /// How long ago this payload was put, in microseconds; nothing if it is none of this run.
    fn age(self, payload: &[u8]) -> Option<u64> {
        let (run, rest) = payload.split_first_chunk()?;
        let (at, _) = rest.split_first_chunk()?;
        let is_ours = u64::from_be_bytes(*run) == self.run;
        is_ours.then(|| micros(self.began.elapsed()).saturating_sub(u64::from_be_bytes(*at)))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Workers that share the stream.
pub(crate) struct Readers {
    running: Vec<Running>,
    ages: Arc<Mutex<Histogram<u64>>>,
}

/// From put, or when it should have been, to handler, in microseconds.
struct Clerk {
    stamp: Stamp,
    ages: Arc<Mutex<Histogram<u64>>>,
}

impl Handler for Clerk {
    type Error = Infallible;

    async fn records(&mut self, batch: &Batch) -> Result<(), Infallible> {
        let mut ages = self.ages.lock().expect("nobody panics with it");
        for age in batch.records().filter_map(|record| self.stamp.age(record.data())) {
            ages.saturating_record(age);
        }
        Ok(())
    }
}

/// How long they may take to share the shards, and how long nothing may come at the end.
const PATIENCE: Duration = Duration::from_secs(30);

impl Readers {
    /// Starts as many as are asked for, and waits until they have shared the shards among them.
    pub(crate) async fn start(place: &Place, arguments: &Arguments, stamp: Stamp) -> Result<Self, Fault> {
        let (store, ages) = (MemoryStore::new(), Arc::new(Mutex::new(latencies())));
        let mut running = Vec::new();
        for number in 0..arguments.consumers {
            let mut config = Config::new("load".parse()?)
                .with_worker(format!("reader-{number}").parse()?)
                .with_stream(place.stream.clone(), Start::Latest)
                .with_observation(Duration::from_millis(200))
                .with_paced(!arguments.unlimited);
            if let Some(idle) = arguments.idle_ms {
                config = config.with_idle(Duration::from_millis(idle));
            }
            let consumer = Consumer::new(place.client()?, store.clone(), config)?;
            let ages = Arc::clone(&ages);
            running.push(consumer.run(move |_: &_| Clerk { stamp, ages: Arc::clone(&ages) }).await?);
        }
        let input = DescribeStreamSummaryInput { stream_name: Some(place.stream.clone()), stream_arn: None };
        let summary = place.client()?.describe_stream_summary(&input).await?.stream_description_summary;
        let shards = usize::try_from(summary.open_shard_count)?;
        let limit = Instant::now() + PATIENCE;
        loop {
            let shares: Vec<usize> = running.iter().map(share).collect();
            if shares.iter().sum::<usize>() >= shards && shares.iter().all(|share| *share >= shards / running.len()) {
                return Ok(Self { running, ages });
            }
            if Instant::now() > limit {
                return Err(format!("after {PATIENCE:?} the consumers have {shares:?} of {shards} shards").into());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until so many records have been handled, or no more come; then ends all. How long each took.
    pub(crate) async fn finish(self, stored: u64) -> Histogram<u64> {
        let handled = || self.ages.lock().expect("nobody panics with it").len();
        let (mut before, mut since) = (handled(), Instant::now());
        while before < stored && since.elapsed() < PATIENCE {
            sleep(Duration::from_millis(20)).await;
            let now = handled();
            if now > before {
                (before, since) = (now, Instant::now());
            }
        }
        join_all(self.running.into_iter().map(|running| running.drain(PATIENCE))).await;
        self.ages.lock().expect("nobody panics with it").clone()
    }
}

/// How many shards it handles at this moment.
fn share(running: &Running) -> usize {
    running.snapshot().shards.iter().filter(|shard| shard.phase == Phase::Running).count()
}
