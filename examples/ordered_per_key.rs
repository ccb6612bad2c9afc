//! Keeps the order of each key while a shard is split: for account movements, state changes, anything where the second
//! must not overtake the first. Thirty-two tasks count, each under a key of its own; half-way a shard is split, and the
//! producer finds out by itself. Then all is read back, and every count must come without a gap, a jump or a repetition.
//!
//! Order is kept among records that one task puts, or that tasks put in an agreed order: `put` accepts them one by one.
//!
//! `cargo run --example ordered_per_key`, or `-- my-stream` to put to a stream on AWS; no shard of yours is split, but you
//! may do that yourself meanwhile

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use support::{Fault, Place};
use tailwater::producer::{Config, Producer, Receipts, StreamProducer};
use tailwater::record::{PartitionKey, UserRecord};
use tokio::sync::Notify;
use tokio::task::JoinSet;

const KEYS: usize = 32;
const COUNT: usize = 375;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let outcome = run(std::env::args().nth(1)).await?;
    if outcome.in_order == KEYS * COUNT { Ok(()) } else { Err("the order was not kept".into()) }
}

#[derive(Debug)]
#[allow(dead_code, reason = "read by the test of this example")]
pub(crate) struct Outcome {
    pub(crate) put: usize,
    /// How many were read back, each as the very next of its key.
    pub(crate) in_order: usize,
    pub(crate) read: usize,
    /// Shards that had records to read.
    pub(crate) shards: usize,
}

pub(crate) async fn run(on_aws: Option<String>) -> Result<Outcome, Fault> {
    let place = Place::new(on_aws, "movements", 2).await?;
    let mut reader = place.reader().await?;
    // A small budget keeps little under way, so that half is stored, not just accepted, when the shard is split.
    let producer = Producer::new(place.client(), Config::default().with_budget(128 * 1024))?;
    let movements = producer.stream(place.stream());

    let progress = Arc::new(Progress::default());
    let mut tasks = JoinSet::new();
    for key in 0..KEYS {
        tasks.spawn(count(movements.clone(), format!("account-{key}").parse()?, Arc::clone(&progress)));
    }
    progress.half_way.notified().await;
    if !place.is_aws() {
        // Nobody tells the producer. It notices by where the service says that records are stored.
        println!("half-way: {} is split", place.split_a_shard().await?);
    }
    while let Some(receipts) = tasks.join_next().await {
        let settled = receipts??.all().await;
        if let Some(failure) = settled.failures.into_iter().next() {
            return Err(failure.into());
        }
    }
    let stats = movements.stats();
    println!(
        "{} records in {} Kinesis records, of which {} were stored where readers set them aside and {} were packed anew",
        stats.stored, stats.kinesis_records, stats.misplaced, stats.packed_anew
    );
    let closed = producer.close(Duration::from_secs(10)).await;
    assert!(closed.unknown.is_empty(), "nothing is left in doubt");

    let everything = reader.read(KEYS * COUNT).await?;
    let mut next = [0; KEYS];
    let mut in_order = 0;
    for data in &everything.data {
        let Some((key, number)) = key_and_number(data) else { continue };
        in_order += usize::from(next[key] == number);
        next[key] = number + 1;
    }
    let outcome = Outcome { put: KEYS * COUNT, in_order, read: everything.data.len(), shards: everything.shards };
    println!("{outcome:?}, set aside {}", everything.set_aside);
    Ok(outcome)
}

/// How far all tasks are together.
#[derive(Default)]
struct Progress {
    put: AtomicUsize,
    half_way: Notify,
}

/// Puts numbers under one key.
async fn count(movements: StreamProducer, key: PartitionKey, progress: Arc<Progress>) -> Result<Receipts, Fault> {
    let mut receipts = Receipts::default();
    for number in 0..COUNT {
        let movement = format!("{key} {number} {}", "-".repeat(150));
        let record = UserRecord::new(movement).with_partition_key(key.clone());
        receipts.append(movements.put_all([record]).await?);
        if progress.put.fetch_add(1, Relaxed) == KEYS * COUNT / 2 {
            progress.half_way.notify_one();
        }
    }
    Ok(receipts)
}

fn key_and_number(data: &[u8]) -> Option<(usize, usize)> {
    let mut words = std::str::from_utf8(data).ok()?.split(' ');
    let key = words.next()?.strip_prefix("account-")?.parse().ok().filter(|key| *key < KEYS)?;
    Some((key, words.next()?.parse().ok()?))
}
