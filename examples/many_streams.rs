//! Puts to several streams with one producer: for a service that writes orders here and clicks there. Each stream has its
//! own budget, order and pace, so trouble with one does not hold up the others; a stream that does not exist is among
//! them to show it.
//!
//! `cargo run --example many_streams`, or `-- one-stream another-stream` to put to streams on AWS

mod support;

use std::time::Duration;
use support::{Fault, Place};
use tailwater::producer::{Config, Producer, StreamStats};
use tailwater::record::{StreamName, UserRecord};

const RECORDS: usize = 1_000;
const MISSING: &str = "there-is-no-such-stream";

#[tokio::main]
async fn main() -> Result<(), Fault> {
    run(std::env::args().skip(1).collect()).await.map(|_| ())
}

/// What was counted for each stream.
pub(crate) async fn run(on_aws: Vec<String>) -> Result<Vec<StreamStats>, Fault> {
    let place = Place::with_streams(on_aws, &["orders", "clicks", "audit"], 2).await?;
    // How long records wait for a stream that cannot be described before they come back.
    let config = Config::default().with_patience(Duration::from_secs(1));
    let producer = Producer::new(place.client(), config)?;

    let mut streams: Vec<StreamName> = place.streams().to_vec();
    streams.push(MISSING.parse()?);
    let puts = streams.iter().map(|name| {
        // A handle costs nothing and needs no care: asked for twice, it is the same stream.
        let stream = producer.stream(name.clone());
        async move {
            let records = (0..RECORDS).map(|number| UserRecord::new(format!("{number} for {}", stream.name())));
            let settled = stream.put_all(records.collect::<Vec<_>>()).await?.all().await;
            let first = settled.failures.first().map_or_else(String::new, |failure| format!("; {failure}"));
            println!(
                "{:<24} {:>5} stored, {:>5} failed{first}",
                stream.name().to_string(),
                settled.stored,
                settled.failures.len()
            );
            Ok::<_, Fault>(())
        }
    });
    futures_util::future::try_join_all(puts).await?;

    let stats = producer.stats().streams;
    for stream in &stats {
        println!("{:<24} {} Kinesis records, {:?}", stream.stream, stream.kinesis_records, stream.health);
    }
    let closed = producer.close(Duration::from_secs(10)).await;
    println!("all together: {} accepted, {} stored, {} failed", closed.accepted, closed.stored, closed.failed);
    Ok(stats)
}
