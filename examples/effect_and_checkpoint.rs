//! Each payment takes effect once, however often the worker is killed: the balance and the checkpoint are written in one
//! transaction of the application's own SQLite file, so both are there or neither. For whoever changes what cannot be
//! changed twice, in a database that can hold the rows of the group as well.
//!
//! - Checkpoints are made by hand. A [`Ticket`](tailwater::consumer::Ticket) is one that somebody else writes: the
//!   transaction. When that is committed, the ticket says so, and the records do not come again.
//! - Killed before the commit, there is no effect and no checkpoint, and the records come again. Killed after it there are
//!   both, and they do not.
//! - A worker that was cut off and does not know it yet is refused its checkpoint, and so its effect: the row belongs to
//!   the next one by then.
//!
//! The worker dies twelve times here, at points drawn by lot, and each time another is started. In the end each balance
//! is what was paid.
//!
//! `cargo run --example effect_and_checkpoint`, or `-- my-stream` to put to a stream on AWS and read it

mod support;

use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Fault, Folder, Place, put_all, until};
use tailwater::consumer::{Batch, Checkpointing, Config, Consumer, Handler, Running, Start};
use tailwater::producer::{self, Producer};
use tailwater::record::UserRecord;
use tailwater::store::SqliteStore;
use tokio::sync::Notify;

const PAYMENTS: i64 = 3_000;
const DEATHS: usize = 12;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    run(std::env::args().nth(1)).await.map(|_| ())
}

#[derive(Debug)]
#[allow(dead_code, reason = "read by the test of this example")]
pub(crate) struct Outcome {
    pub(crate) paid: i64,
    /// The sum of all balances.
    pub(crate) booked: i64,
    pub(crate) payments: i64,
    /// How many payments the balances are made of.
    pub(crate) bookings: i64,
    /// How many payments were handed to a handler, some of them again.
    pub(crate) delivered: usize,
    pub(crate) deaths: usize,
}

struct Bookkeeper {
    books: Arc<Mutex<Connection>>,
    fate: Arc<Fate>,
}

impl Handler for Bookkeeper {
    type Error = Fault;

    async fn records(&mut self, batch: &Batch) -> Result<(), Fault> {
        self.fate.delivered.fetch_add(batch.len(), Relaxed);
        if self.book(batch)? == Booked::AndAlive {
            return Ok(());
        }
        // A process that was killed says nothing more, neither `Ok` nor an error.
        self.fate.death.notify_one();
        std::future::pending().await
    }
}

#[derive(PartialEq)]
enum Booked {
    AndAlive,
    AndDead,
}

impl Bookkeeper {
    /// Waits for the disk. Where that takes long, it belongs into `spawn_blocking`: a clone of a batch costs nothing.
    fn book(&self, batch: &Batch) -> Result<Booked, Fault> {
        let mut books = self.books.lock().expect("nobody panics with it");
        if self.fate.strikes("before the transaction") {
            return Ok(Booked::AndDead);
        }
        // Immediate, so that nobody else writes between what it reads and what it writes.
        let transaction = books.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for record in batch.records() {
            let Some((account, amount)) = understood(record.data()) else { continue };
            transaction.execute(PAY, (account, amount))?;
        }
        if self.fate.strikes("between effect and checkpoint") {
            return Ok(Booked::AndDead);
        }
        let ticket = batch.checkpoint().ticket(&batch.end())?;
        // The second question mark is the refusal: the shard is somebody else's. An error here or there drops the
        // transaction, and with it the effect.
        ticket.commit_in(&transaction)??;
        transaction.commit()?;
        if self.fate.strikes("after the commit") {
            return Ok(Booked::AndDead);
        }
        ticket.committed()?;
        Ok(Booked::AndAlive)
    }
}

/// An effect that would show if it came twice.
const PAY: &str = "INSERT INTO accounts (name, balance, payments) VALUES (?1, ?2, 1)
    ON CONFLICT (name) DO UPDATE SET balance = balance + excluded.balance, payments = payments + 1";

pub(crate) async fn run(on_aws: Option<String>) -> Result<Outcome, Fault> {
    let place = Place::new(on_aws, "payments", 2).await?;
    let folder = Folder::new()?;
    // The application's own file. The store adds its tables, whose names begin with `tailwater_`.
    let file = folder.file("books.db");
    let books = Mutex::new(opened(&file)?);
    let table = "CREATE TABLE accounts (name TEXT PRIMARY KEY, balance INTEGER, payments INTEGER)";
    books.lock().expect("nobody panics with it").execute_batch(table)?;

    let fate = Arc::new(Fate::new());
    let mut running = start(&place, &file, &fate).await?;
    let producer = Producer::new(place.client(), producer::Config::default().with_aggregate_bytes(500))?;
    let payments = (0..PAYMENTS).map(payment).collect::<Result<Vec<_>, _>>()?;
    put_all(&producer.stream(place.stream()), payments).await?;

    loop {
        tokio::select! {
            biased;
            () = fate.death.notified() => {
                // As if the process were gone: nothing is finished, nobody is told.
                drop(running);
                running = start(&place, &file, &fate).await?;
            }
            all = until("every payment is booked", async || Ok(totals(&books)?.1 >= PAYMENTS)) => break all?,
        }
    }
    running.drain(Duration::from_secs(30)).await;
    let (booked, bookings) = totals(&books)?;
    let outcome = Outcome {
        paid: (0..PAYMENTS).map(amount).sum(),
        booked,
        payments: PAYMENTS,
        bookings,
        delivered: fate.delivered.load(Relaxed),
        deaths: fate.deaths(),
    };
    println!("{outcome:?}");
    Ok(outcome)
}

async fn start(place: &Place, file: &Path, fate: &Arc<Fate>) -> Result<Running, Fault> {
    let config = Config::new("books".parse()?)
        // The same name each time, so that it has its shards again at once.
        .with_worker("bookkeeper".parse()?)
        .with_stream(place.stream(), Start::Latest)
        .with_checkpointing(Checkpointing::Manual)
        // Small batches, so that there is much to be killed in.
        .with_batch_bytes(2_000);
    let consumer = Consumer::new(place.client(), SqliteStore::open(file)?, place.in_a_hurry(config))?;
    let (books, fate) = (Arc::new(Mutex::new(opened(file)?)), Arc::clone(fate));
    Ok(consumer.run(move |_: &_| Bookkeeper { books: Arc::clone(&books), fate: Arc::clone(&fate) }).await?)
}

fn opened(file: &Path) -> Result<Connection, Fault> {
    let connection = Connection::open(file)?;
    // Others write to the file as well; they are waited for.
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

/// What all accounts have, and out of how many payments.
fn totals(books: &Mutex<Connection>) -> Result<(i64, i64), Fault> {
    let sums = "SELECT coalesce(sum(balance), 0), coalesce(sum(payments), 0) FROM accounts";
    let books = books.lock().expect("nobody panics with it");
    Ok(books.query_row(sums, (), |row| Ok((row.get(0)?, row.get(1)?)))?)
}

fn amount(payment: i64) -> i64 {
    payment % 90 + 10
}

fn payment(number: i64) -> Result<UserRecord, Fault> {
    let account = format!("account-{}", number % 20);
    Ok(UserRecord::new(format!("{account} {}", amount(number))).with_partition_key(account.parse()?))
}

fn understood(data: &[u8]) -> Option<(&str, i64)> {
    let (account, amount) = std::str::from_utf8(data).ok()?.split_once(' ')?;
    Some((account, amount.parse().ok()?))
}

/// When the worker dies.
struct Fate {
    lot: Mutex<(fastrand::Rng, usize)>,
    death: Notify,
    delivered: AtomicUsize,
}

impl Fate {
    fn new() -> Self {
        let lot = Mutex::new((fastrand::Rng::with_seed(7), 0));
        Self { lot, death: Notify::new(), delivered: AtomicUsize::new(0) }
    }

    /// Whether the worker dies at this point; one time of nine, until it has died often enough.
    fn strikes(&self, point: &str) -> bool {
        let mut lot = self.lot.lock().expect("nobody panics with it");
        let strikes = lot.1 < DEATHS && lot.0.u8(..9) == 0;
        if strikes {
            lot.1 += 1;
            println!("death {:>2}: {point}", lot.1);
        }
        strikes
    }

    fn deaths(&self) -> usize {
        self.lot.lock().expect("nobody panics with it").1
    }
}
