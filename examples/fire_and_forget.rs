//! Sends measurements without waiting for any of them: for telemetry, where a late measurement is worth nothing and the
//! one who measures must not be held up. What is given up is told to a hook, so that nothing is lost unnoticed.
//!
//! The shard is slow here on purpose, and a measurement is given up when it is half a second old: some will be.
//!
//! `cargo run --example fire_and_forget`, or `-- my-stream` to put to a stream on AWS

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use support::{Fault, Place};
use tailwater::producer::{Config, Ordering, Producer, ShardRate};
use tailwater::record::UserRecord;

const MEASUREMENTS: u64 = 2_000;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    run(std::env::args().nth(1)).await.map(|_| ())
}

/// What became of the measurements.
#[derive(Debug)]
#[allow(dead_code, reason = "read by the test of this example")]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) stored: u64,
    pub(crate) given_up: u64,
    pub(crate) read: u64,
}

pub(crate) async fn run(on_aws: Option<String>) -> Result<Outcome, Fault> {
    let place = Place::new(on_aws, "telemetry", 1).await?;
    let mut reader = place.reader().await?;

    // Called for each record that fails and of which nobody holds a receipt. It gets the record back: count it, log it,
    // write it to a file. It is called by the producer's own task, so it must be quick.
    let given_up = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&given_up);
    let config = Config::default()
        .with_failure_hook(move |failure| {
            if counted.fetch_add(1, Relaxed) == 0 {
                println!("the first that was given up, of {} bytes: {failure}", failure.record.data().len());
            }
        })
        .with_time_to_live(Duration::from_millis(500))
        // Fresh measurements need not wait behind stale ones, so no order is asked for.
        .with_ordering(Ordering::None)
        .with_aggregate_bytes(10_000)
        .with_shard_rate(ShardRate::Of { records_per_second: 100.0, bytes_per_second: 200_000.0 });
    let producer = Producer::new(place.client(), config)?;
    let telemetry = producer.stream(place.stream());

    for number in 0..MEASUREMENTS {
        // No key: a measurement may go to any shard. `send` waits for room only; `try_send` would not even do that.
        telemetry.send(UserRecord::new(format!("{number:05} {}", "measured ".repeat(20)))).await?;
    }
    println!("{MEASUREMENTS} measurements sent; {} are stored by now", telemetry.stats().stored);

    // A point where it matters after all: before a snapshot, at the end of a test. All that was sent is settled then.
    telemetry.flush().await?;
    let stored = telemetry.stats().stored;
    let closed = producer.close(Duration::from_secs(10)).await;
    assert!(closed.unknown.is_empty(), "nothing is left in doubt");
    let outcome = Outcome {
        sent: MEASUREMENTS,
        stored,
        given_up: given_up.load(Relaxed),
        read: reader.read(usize::try_from(stored)?).await?.data.len() as u64,
    };
    println!("flushed: {outcome:?}");
    Ok(outcome)
}
