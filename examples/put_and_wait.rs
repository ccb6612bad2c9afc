//! Puts orders and waits until they are stored: for whoever owes somebody an answer, as a shop that confirms an order owes
//! it to the customer. What waiting costs depends on how one waits, and that is what it prints.
//!
//! `cargo run --example put_and_wait`, or `-- my-stream` to put to a stream on AWS

mod support;

use std::time::Duration;
use support::{Fault, Place};
use tailwater::producer::{Config, Producer};
use tailwater::record::UserRecord;
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    run(std::env::args().nth(1)).await.map(|_| ())
}

/// Tells how many orders were stored, and how many read back.
pub(crate) async fn run(on_aws: Option<String>) -> Result<(u64, usize), Fault> {
    let place = Place::new(on_aws, "orders", 2).await?;
    let mut reader = place.reader().await?;
    let producer = Producer::new(place.client(), Config::default())?;
    let orders = producer.stream(place.stream());

    // Two things are waited for. `put` waits for room; when it is done, the order has its place behind those before it.
    // The receipt waits for the service: when it is done, the order is stored, or comes back with the reason.
    let receipt = orders.put(order(0)?).await?;
    let stored = receipt.await?;
    println!("stored in {}, number {}, after {} attempt(s)", stored.shard, stored.sequence, stored.attempts);

    // One after the other: each lingers alone, 50 ms by default, before it travels.
    let began = Instant::now();
    for number in 1..=10 {
        orders.put(order(number)?).await?.await?;
    }
    println!("   10 orders one after the other:  {:>7.1?}", began.elapsed());

    // At the same time, as in a service where each request waits for its own order: they travel together.
    let began = Instant::now();
    let requests = (11..=1010).map(|number| {
        let orders = orders.clone();
        async move { Ok::<_, Fault>(orders.put(order(number)?).await?.await?) }
    });
    futures_util::future::try_join_all(requests).await?;
    println!(" 1000 orders of as many requests:  {:>7.1?}", began.elapsed());

    // One who has many puts them all, then waits for all: order is kept, and nothing is waited for twice.
    let began = Instant::now();
    let many: Vec<UserRecord> = (1011..=6010).map(order).collect::<Result<_, _>>()?;
    let settled = orders.put_all(many).await?.all().await;
    println!(" 5000 orders in one go:            {:>7.1?}", began.elapsed());
    for failure in &settled.failures {
        // Not so here, but this is where one would look: the record itself comes back.
        println!("given up: {failure}; may be stored: {}", failure.may_have_happened());
    }

    let closed = producer.close(Duration::from_secs(10)).await;
    let read = reader.read(usize::try_from(closed.stored)?).await?.data.len();
    println!("{} accepted, {} stored, {} failed, {read} read back", closed.accepted, closed.stored, closed.failed);
    Ok((closed.stored, read))
}

fn order(number: u32) -> Result<UserRecord, Fault> {
    // Orders of one customer stay in order.
    let customer = format!("customer-{}", number % 100).parse()?;
    Ok(UserRecord::new(format!(r#"{{"order":{number},"item":"tea","pieces":2}}"#)).with_partition_key(customer))
}
