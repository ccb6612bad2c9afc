//! Handles each record with a closure, the least that one can write: for whoever does one thing for each record and keeps
//! nothing between them. Here each order is confirmed by mail.
//!
//! What the closure answers decides: `Ok`, and the record is handled; an error, and the same record comes again after a
//! wait that grows, for ever. The records behind it in its shard wait meanwhile, so order is kept and nothing is skipped;
//! other shards go on. So an error is for what may go well next time. What never will, a record that makes no sense,
//! say, must be put aside by the closure itself, which then says `Ok`.
//!
//! After a crash the last few records come again. Mails have numbers here, so that a second one would be recognised.
//!
//! `cargo run --example for_each_record`, or `-- my-stream` to put to a stream on AWS and read it

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Fault, Place, put_all, until};
use tailwater::consumer::{Config, Consumer, Start};
use tailwater::producer::{self, Producer};
use tailwater::record::UserRecord;
use tailwater::store::MemoryStore;

const ORDERS: u32 = 500;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    run(std::env::args().nth(1)).await.map(|_| ())
}

#[derive(Debug)]
#[allow(dead_code, reason = "read by the test of this example")]
pub(crate) struct Outcome {
    /// Mails that were sent, and how many different ones.
    pub(crate) sent: usize,
    pub(crate) distinct: usize,
    /// Mails that the server did not take at first.
    pub(crate) refused: usize,
    /// Records that were put aside.
    pub(crate) nonsense: usize,
    pub(crate) is_in_order: bool,
}

pub(crate) async fn run(on_aws: Option<String>) -> Result<Outcome, Fault> {
    let place = Place::new(on_aws, "orders", 2).await?;
    let config = Config::new("confirmations".parse()?)
        .with_stream(place.stream(), Start::Latest)
        .with_waits(Duration::from_millis(10), Duration::from_secs(5));
    // Where the rows of the group are kept. In memory they go with the process, and the next one begins anew.
    let consumer = Consumer::new(place.client(), MemoryStore::new(), place.in_a_hurry(config))?;

    let mails = Arc::new(MailServer::default());
    let running = consumer.for_each({
        let mails = Arc::clone(&mails);
        move |delivered| {
            let mails = Arc::clone(&mails);
            async move {
                let Some((order, customer)) = understood(delivered.record.data()) else {
                    mails.put_aside();
                    return Ok(());
                };
                mails.send(order, customer)
            }
        }
    });
    let running = running.await?;

    let producer = Producer::new(place.client(), producer::Config::default())?;
    let orders = (0..ORDERS).map(order).collect::<Result<Vec<_>, _>>()?;
    put_all(&producer.stream(place.stream()), orders).await?;

    let all = ORDERS as usize;
    until("every order is confirmed or put aside", async || Ok(mails.handled() >= all)).await?;
    // Who leaves in order writes its checkpoints, and nothing comes again.
    let ended = running.drain(Duration::from_secs(30)).await;
    assert!(ended.in_time, "closures that end soon are waited for");
    let outcome = mails.outcome();
    println!("{ORDERS} orders: {outcome:?}");
    Ok(outcome)
}

/// Now and then something comes that is no order.
fn order(number: u32) -> Result<UserRecord, Fault> {
    let text = if number % 100 == 99 { "???".to_owned() } else { format!("order {number} of customer-{}", number % 7) };
    Ok(UserRecord::new(text).with_partition_key(format!("customer-{}", number % 7).parse()?))
}

fn understood(data: &[u8]) -> Option<(u32, usize)> {
    let text = std::str::from_utf8(data).ok()?;
    let (number, customer) = text.strip_prefix("order ")?.split_once(" of customer-")?;
    Some((number.parse().ok()?, customer.parse().ok()?))
}

/// A server that is busy when it is asked for the first mail of a row of fifty.
#[derive(Default)]
struct MailServer(Mutex<Mails>);

#[derive(Default)]
struct Mails {
    /// Numbers of orders with their customers.
    sent: Vec<(u32, usize)>,
    refused: BTreeSet<u32>,
    nonsense: usize,
}

#[derive(Debug)]
struct Busy;

impl std::fmt::Display for Busy {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("the mail server is busy")
    }
}

impl std::error::Error for Busy {}

impl MailServer {
    fn send(&self, order: u32, customer: usize) -> Result<(), Busy> {
        let mut mails = self.0.lock().expect("nobody panics with it");
        if order.is_multiple_of(50) && mails.refused.insert(order) {
            return Err(Busy);
        }
        mails.sent.push((order, customer));
        Ok(())
    }

    fn put_aside(&self) {
        self.0.lock().expect("nobody panics with it").nonsense += 1;
    }

    fn handled(&self) -> usize {
        let mails = self.0.lock().expect("nobody panics with it");
        mails.sent.len() + mails.nonsense
    }

    fn outcome(&self) -> Outcome {
        let mails = self.0.lock().expect("nobody panics with it");
        let mut latest = [None; 7];
        let is_next = |(order, customer): &(u32, usize)| latest[*customer].replace(*order) < Some(*order);
        Outcome {
            sent: mails.sent.len(),
            distinct: mails.sent.iter().collect::<BTreeSet<_>>().len(),
            refused: mails.refused.len(),
            nonsense: mails.nonsense,
            is_in_order: mails.sent.iter().all(is_next),
        }
    }
}
