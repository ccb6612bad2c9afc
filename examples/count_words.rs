//! Counts the words of each minute, across a crash: for whoever sums up over time and must neither forget what was summed
//! nor sum it twice. What is summed so far, the *state*, is written in the same step as the checkpoint, so the two always
//! agree: whoever has the shard next, this worker after a restart or another, gets both and goes on in the midst of a
//! minute.
//!
//! What is told to others is not in that step, so it comes again after a crash. That does no harm if a name makes the
//! second telling replace the first: here that of the shard and the minute.
//!
//! The rows of the group are kept in a SQLite file, which outlives the process. Half-way the worker is killed, and started
//! again under its name, which gets it its shards back at once.
//!
//! `cargo run --example count_words`, or `-- my-stream` to put to a stream on AWS and read it

mod support;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Fault, Folder, Place, put_all, until};
use tailwater::consumer::{Batch, Begin, Checkpointing, Config, Consumer, Handler, Running, Start};
use tailwater::producer::{self, Producer};
use tailwater::record::{ShardId, UserRecord};
use tailwater::store::SqliteStore;

const LINES: u64 = 3_000;
/// Lines that are said to be of one minute.
const LINES_OF_A_MINUTE: u64 = 200;
const WORDS: [&str; 7] = ["tide", "weir", "eddy", "ford", "reach", "brook", "mill"];

#[tokio::main]
async fn main() -> Result<(), Fault> {
    run(std::env::args().nth(1)).await.map(|_| ())
}

#[derive(Debug)]
#[allow(dead_code, reason = "read by the test of this example")]
pub(crate) struct Outcome {
    pub(crate) put: Words,
    pub(crate) counted: Words,
    pub(crate) minutes: usize,
    /// Shards that were taken up again in the midst of a minute.
    pub(crate) taken_up: usize,
}

/// How often each word came.
type Words = BTreeMap<String, u64>;

/// The words of a minute. This is the state beside the checkpoint.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Window {
    minute: u64,
    words: Words,
}

struct WordCounter {
    shard: ShardId,
    window: Window,
    board: Arc<Board>,
}

impl Handler for WordCounter {
    type Error = Fault;

    async fn start(&mut self, shard: &Begin) -> Result<(), Fault> {
        if let Some(state) = &shard.state {
            self.window = serde_json::from_slice(state)?;
            self.board.taken_up(&self.shard, &self.window);
        }
        Ok(())
    }

    async fn records(&mut self, batch: &Batch) -> Result<(), Fault> {
        // In a copy: if anything fails here, the same records come again, to a window that does not know them yet.
        let mut window = self.window.clone();
        for record in batch.records() {
            let Some((minute, line)) = understood(record.data()) else { continue };
            if minute > window.minute {
                self.board.show(&self.shard, std::mem::replace(&mut window, Window { minute, ..Window::default() }));
            }
            for word in line.split(' ') {
                *window.words.entry(word.to_owned()).or_default() += 1;
            }
        }
        // Before the checkpoint: told twice is no harm, and never told would be one.
        self.board.show(&self.shard, window.clone());
        batch.checkpoint().commit_with(&batch.end(), serde_json::to_vec(&window)?).await?;
        self.window = window;
        Ok(())
    }
}

pub(crate) async fn run(on_aws: Option<String>) -> Result<Outcome, Fault> {
    let place = Place::new(on_aws, "lines", 2).await?;
    let folder = Folder::new()?;
    let leases = folder.file("leases.db");
    let board = Arc::new(Board::default());

    let running = start(&place, &leases, &board).await?;
    let producer = Producer::new(place.client(), producer::Config::default())?;
    let lines = producer.stream(place.stream());
    let mut put = Words::new();
    let mut records = Vec::new();
    for number in 0..LINES {
        let line = line(number);
        for word in line.split(' ') {
            *put.entry(word.to_owned()).or_default() += 1;
        }
        let record = UserRecord::new(format!("{} {line}", number / LINES_OF_A_MINUTE));
        records.push(record.with_partition_key(format!("book-{}", number % 5).parse()?));
    }
    let rest = records.split_off(records.len() / 2);
    put_all(&lines, records).await?;
    until("some lines are counted", async || Ok(board.counted() > put.values().sum::<u64>() / 4)).await?;
    // As a crash: nothing is finished, nobody is told.
    drop(running);
    println!("killed with {} words counted", board.counted());

    let running = start(&place, &leases, &board).await?;
    put_all(&lines, rest).await?;
    until("every word is counted", async || Ok(board.words() == put)).await?;
    running.drain(Duration::from_secs(30)).await;

    let outcome = Outcome { put, counted: board.words(), minutes: board.minutes(), taken_up: board.times_taken_up() };
    println!("in {} minutes: {:?}", outcome.minutes, outcome.counted);
    Ok(outcome)
}

async fn start(place: &Place, leases: &Path, board: &Arc<Board>) -> Result<Running, Fault> {
    let config = Config::new("count-words".parse()?)
        .with_worker("counter-1".parse()?)
        .with_stream(place.stream(), Start::Latest)
        // Each checkpoint has its state, so none is made but by the handler.
        .with_checkpointing(Checkpointing::Manual)
        // Small, so that there is a checkpoint now and then although there is little to read.
        .with_batch_bytes(4_000);
    let consumer = Consumer::new(place.client(), SqliteStore::open(leases)?, place.in_a_hurry(config))?;
    let board = Arc::clone(board);
    let make = move |shard: &Begin| WordCounter {
        shard: shard.shard.clone(),
        window: Window::default(),
        board: Arc::clone(&board),
    };
    Ok(consumer.run(make).await?)
}

fn line(number: u64) -> String {
    let word = |place: u64| WORDS[(number * 31 + place * place) as usize % WORDS.len()];
    format!("{} {} {}", word(1), word(2), word(number % 5))
}

fn understood(data: &[u8]) -> Option<(u64, &str)> {
    let (minute, line) = std::str::from_utf8(data).ok()?.split_once(' ')?;
    Some((minute.parse().ok()?, line))
}

/// What the world sees: the words of each shard and minute, the last telling of each.
#[derive(Default)]
struct Board(Mutex<Shown>);

#[derive(Default)]
struct Shown {
    windows: BTreeMap<(ShardId, u64), Words>,
    taken_up: usize,
}

impl Board {
    fn show(&self, shard: &ShardId, window: Window) {
        self.0.lock().expect("nobody panics with it").windows.insert((shard.clone(), window.minute), window.words);
    }

    fn taken_up(&self, shard: &ShardId, window: &Window) {
        println!("{shard} goes on in minute {} with {} words", window.minute, window.words.values().sum::<u64>());
        self.0.lock().expect("nobody panics with it").taken_up += 1;
    }

    fn words(&self) -> Words {
        let mut words = Words::new();
        for (word, times) in self.0.lock().expect("nobody panics with it").windows.values().flatten() {
            *words.entry(word.clone()).or_default() += times;
        }
        words
    }

    fn counted(&self) -> u64 {
        self.words().values().sum()
    }

    fn minutes(&self) -> usize {
        let shown = self.0.lock().expect("nobody panics with it");
        shown.windows.keys().map(|(_, minute)| minute).collect::<std::collections::BTreeSet<_>>().len()
    }

    fn times_taken_up(&self) -> usize {
        self.0.lock().expect("nobody panics with it").taken_up
    }
}
