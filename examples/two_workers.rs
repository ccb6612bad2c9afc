//! Two workers share a stream, and one takes over what the other leaves: for every service that runs more than once, or is
//! replaced while it runs. Each shard has one worker at a time. Who has what stands in rows of a store that both see; a
//! worker that is called leader gives shards to whoever has too few.
//!
//! A shard moves when its owner has finished what it is at and written its checkpoint, and its next owner begins there.
//! So as long as workers leave in order, with `drain`, every record is handled once. A worker that crashes is missed
//! after the failover time, 10 s by default, or 20 s if it was the leader; and what it had handled since its last checkpoint
//! comes again: see `quickstart`.
//!
//! Both run in this process and share a store in memory. Processes of one machine share a `SqliteStore`.
//!
//! `cargo run --example two_workers`, or `-- my-stream` to put to a stream on AWS and read it

mod support;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Fault, Place, put_all, until};
use tailwater::consumer::{Batch, Config, Consumer, Handler, Phase, Running, Start};
use tailwater::producer::{self, Producer, StreamProducer};
use tailwater::record::{ShardId, UserRecord};
use tailwater::store::MemoryStore;

const ORDERS: usize = 300;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    run(std::env::args().nth(1)).await.map(|_| ())
}

#[derive(Debug)]
#[allow(dead_code, reason = "read by the test of this example")]
pub(crate) struct Outcome {
    /// How many shards each worker had, at each step.
    pub(crate) shares: Vec<(usize, usize)>,
    pub(crate) put: usize,
    /// How many orders each worker handled, at each step.
    pub(crate) handled: Vec<(usize, usize)>,
}

/// What a handler handles is told here.
type Book = Arc<Mutex<(usize, usize)>>;

struct Worker {
    is_first: bool,
    book: Book,
}

impl Handler for Worker {
    type Error = Infallible;

    async fn records(&mut self, batch: &Batch) -> Result<(), Infallible> {
        let mut book = self.book.lock().expect("nobody panics with it");
        if self.is_first {
            book.0 += batch.len()
        } else {
            book.1 += batch.len()
        }
        Ok(())
    }
}

pub(crate) async fn run(on_aws: Option<String>) -> Result<Outcome, Fault> {
    let place = Place::new(on_aws, "orders", 4).await?;
    let shards = place.shards().await?;
    let store = MemoryStore::new();
    let book = Book::default();
    let producer = Producer::new(place.client(), producer::Config::default())?;
    let orders = producer.stream(place.stream());
    let mut outcome = Outcome { shares: Vec::new(), put: 0, handled: Vec::new() };

    let one = start(&place, &store, "one", &book).await?;
    until("the first worker has all shards", async || Ok(runs(&one).len() == shards)).await?;
    println!("one has {}", list(&runs(&one)));
    outcome.shares.push((shards, 0));
    put(&orders, &book, &mut outcome).await?;

    // Each worker of a group needs a name of its own, and the same streams; otherwise they know nothing of each other.
    let two = start(&place, &store, "two", &book).await?;
    until("the second worker has its half", async || {
        Ok(runs(&two).len() == shards / 2 && runs(&one).len() == shards - shards / 2)
    })
    .await?;
    println!("two has come: one has {}, two has {}", list(&runs(&one)), list(&runs(&two)));
    outcome.shares.push((runs(&one).len(), runs(&two).len()));
    put(&orders, &book, &mut outcome).await?;

    // Handlers finish, checkpoints are written, shards let go. A service does this when it is told to end.
    let ended = one.drain(Duration::from_secs(30)).await;
    assert!(ended.in_time, "handlers that end soon are waited for");
    until("the second worker has all shards", async || Ok(runs(&two).len() == shards)).await?;
    println!("one has left: two has {}", list(&runs(&two)));
    outcome.shares.push((0, shards));
    put(&orders, &book, &mut outcome).await?;

    two.drain(Duration::from_secs(30)).await;
    println!("{outcome:?}");
    Ok(outcome)
}

async fn start(place: &Place, store: &MemoryStore, name: &str, book: &Book) -> Result<Running, Fault> {
    let config = Config::new("billing".parse()?).with_worker(name.parse()?).with_stream(place.stream(), Start::Latest);
    let consumer = Consumer::new(place.client(), store.clone(), place.in_a_hurry(config))?;
    let (is_first, book) = (name == "one", Arc::clone(book));
    Ok(consumer.run(move |_: &_| Worker { is_first, book: Arc::clone(&book) }).await?)
}

/// The shards whose records this worker handles at this moment.
fn runs(worker: &Running) -> Vec<ShardId> {
    let shards = worker.snapshot().shards.into_iter();
    shards.filter(|shard| shard.phase == Phase::Running).map(|shard| shard.shard).collect()
}

fn list(shards: &[ShardId]) -> String {
    shards.iter().map(ShardId::to_string).collect::<Vec<_>>().join(", ")
}

/// Puts orders, and waits until they are handled.
async fn put(orders: &StreamProducer, book: &Book, outcome: &mut Outcome) -> Result<(), Fault> {
    let handled = || *book.lock().expect("nobody panics with it");
    let before = handled();
    let order = |number: usize| {
        let customer = format!("customer-{}", number % 50).parse()?;
        Ok::<_, Fault>(UserRecord::new(format!("order {number}")).with_partition_key(customer))
    };
    put_all(orders, (outcome.put..outcome.put + ORDERS).map(order).collect::<Result<_, _>>()?).await?;
    outcome.put += ORDERS;
    until("all orders are handled", async || Ok(handled().0 + handled().1 >= outcome.put)).await?;
    let after = handled();
    println!("  of {ORDERS} orders one handled {}, two {}", after.0 - before.0, after.1 - before.1);
    outcome.handled.push((after.0 - before.0, after.1 - before.1));
    Ok(())
}
