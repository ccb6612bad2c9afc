//! Reads a stream again from a moment on, and ends when it has come to the present: to repair what a faulty release made of
//! the records of an afternoon, or to fill a new table from the last day.
//!
//! A replay is a group of its own. Groups know nothing of each other, so whoever reads the stream for a living is not
//! disturbed, except that they share what a shard gives: on AWS five reads and 2 MiB a second. It begins at the moment in
//! each shard that took records then, and goes on to the shards that came from it by splits and merges, in order.
//!
//! `cargo run --example replay_from_a_time`, or `-- my-stream` to put to a stream on AWS and read it

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Fault, Place, put_all, until};
use tailwater::consumer::{Config, Consumer, Delivered, Running, Start};
use tailwater::producer::{self, Producer};
use tailwater::record::{Timestamp, UserRecord};
use tailwater::store::{GroupName, LeaseStore, MemoryStore};
use tailwater::wire::time::{SystemClock, WallClock};
use tokio::time::sleep;

const MEASUREMENTS: u64 = 400;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    run(std::env::args().nth(1)).await.map(|_| ())
}

#[derive(Debug)]
#[allow(dead_code, reason = "read by the test of this example")]
pub(crate) struct Outcome {
    /// Measurements of before the moment that came all the same.
    pub(crate) earlier: usize,
    /// Measurements of after it that came.
    pub(crate) later: usize,
    /// How many there are to come.
    pub(crate) expected: usize,
    /// Out of how many shards.
    pub(crate) shards: usize,
}

pub(crate) async fn run(on_aws: Option<String>) -> Result<Outcome, Fault> {
    let place = Place::new(on_aws, "measurements", 2).await?;
    let producer = Producer::new(place.client(), producer::Config::default())?;
    let stream = producer.stream(place.stream());
    let put = async |from: u64| {
        let measurement = |number: u64| {
            let sensor = format!("sensor-{}", number % 50).parse()?;
            Ok::<_, Fault>(UserRecord::new(format!("measurement {number}")).with_partition_key(sensor))
        };
        put_all(&stream, (from..from + MEASUREMENTS).map(measurement).collect::<Result<_, _>>()?).await
    };
    // The service's clock and ours may differ by a little.
    let a_while = Duration::from_millis(if place.is_aws() { 2_000 } else { 50 });

    put(0).await?;
    sleep(a_while).await;
    let moment = SystemClock.now();
    sleep(a_while).await;
    put(MEASUREMENTS).await?;
    if !place.is_aws() {
        println!("{} is split", place.split_a_shard().await?);
    }
    put(2 * MEASUREMENTS).await?;

    let seen = replay(&place, moment).await?;
    let (shards, numbers): (BTreeSet<_>, BTreeSet<_>) = seen.into_iter().unzip();
    let later = numbers.range(MEASUREMENTS..).count();
    let earlier = numbers.len() - later;
    let outcome = Outcome { earlier, later, expected: 2 * MEASUREMENTS as usize, shards: shards.len() };
    println!("{outcome:?}");
    Ok(outcome)
}

/// Everything since this moment: from which shard, and which measurement.
async fn replay(place: &Place, moment: Timestamp) -> Result<Vec<(String, u64)>, Fault> {
    // A name that says what it is for, and that no other replay has: with an old one it would go on where that came to.
    let group: GroupName = format!("replay-{moment}").parse()?;
    // Should it fail, it is begun anew, so its rows need not outlive it.
    let store = MemoryStore::new();
    let config = Config::new(group.clone()).with_stream(place.stream(), Start::At(moment));
    let consumer = Consumer::new(place.client(), store.clone(), place.in_a_hurry(config))?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let running = consumer.for_each({
        let seen = Arc::clone(&seen);
        move |delivered| std::future::ready(note(&seen, &delivered))
    });
    let running = running.await?;
    until("the replay has come to the present", async || has_come_to_the_present(&running, &store, &group).await)
        .await?;
    running.drain(Duration::from_secs(30)).await;
    let seen = std::mem::take(&mut *seen.lock().expect("nobody panics with it"));
    Ok(seen)
}

fn note(seen: &Mutex<Vec<(String, u64)>>, delivered: &Delivered) -> Result<(), Fault> {
    let text = std::str::from_utf8(delivered.record.data())?;
    if let Some(number) = text.strip_prefix("measurement ") {
        let place = (delivered.shard.to_string(), number.parse()?);
        seen.lock().expect("nobody panics with it").push(place);
    }
    Ok(())
}

/// Whether every shard that has a row has been handled to its end, or was read to its newest record; and nothing that was
/// read is still to be handled.
///
/// The order matters. A child's row is there before its parent's row says that it has ended, so rows that are looked up
/// after the snapshot leave no gap; and what was in memory is looked up last.
async fn has_come_to_the_present(running: &Running, store: &MemoryStore, group: &GroupName) -> Result<bool, Fault> {
    let snapshot = running.snapshot();
    let rows = store.leases(group).await?.leases;
    let mut to_end = rows.iter().filter(|row| !row.is_ended());
    let all_read = to_end.all(|row| {
        let shard = snapshot.shards.iter().find(|shard| shard.shard == row.key.shard);
        shard.is_some_and(|shard| shard.lag == Some(Duration::ZERO))
    });
    Ok(!rows.is_empty() && all_read && running.snapshot().bytes_held == 0)
}
