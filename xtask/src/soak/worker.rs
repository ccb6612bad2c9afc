//! The program that is killed: a worker of both groups in a process of its own, until its standard input is closed.
//! Why the input: it is closed too when whoever started this process is gone, so none is ever left over.
//! Started by `processes` as `xtask soak-worker`. `sink` writes what the second group does.

use super::notes::{Group, Note, Notebook, Tenure};
use super::plan::Plant;
use super::sink::Sink;
use crate::shell::Outcome;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tailwater_client::{Client, Config as ClientConfig, StaticCredentials};
use tailwater_consumer::{Batch, Begin, Checkpoint, Checkpointing, Config, Consumer, Error, Handler, Running, Start};
use tailwater_record::StreamName;
use tailwater_store::{Progress, SqliteStore};
use tokio::sync::oneshot;
use tokio::time::sleep;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What a worker is told, word by word.
pub(super) const WORDS: usize = 7;

pub(super) const FAILOVER: Duration = Duration::from_secs(3);
/// Under half a renewal period.
pub(super) const BUSY: Duration = Duration::from_millis(450);
const LINGER: Duration = Duration::from_millis(700);
const DRAIN: Duration = Duration::from_secs(30);
/// Whether and how often it is tried to start when the file is busy.
const TRIES: usize = 20;

/// Runs a worker until it is told to end.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let [name, url, stream, file, notes, seed, plant]: [&str; WORDS] =
        words.try_into().map_err(|_| format!("a worker of the soak takes {WORDS} words"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let client = ClientConfig::new("us-east-1".parse()?)
        .with_endpoint_url(url.parse()?)
        .with_credentials(StaticCredentials::new("AKIDEXAMPLE", "secret", None));
    let work = Work {
        name: name.to_owned(),
        stream: stream.parse()?,
        client: Client::new(client)?,
        store: SqliteStore::open_with_busy_timeout(file, BUSY)?,
        sink: Arc::new(Sink::open(file.as_ref())?),
        notebook: Notebook::open(notes.as_ref())?,
        seed: seed.parse()?,
        plant: plant.parse()?,
    };
    runtime.block_on(work.run()).map_err(|fault| fault.to_string().into())
}

struct Work {
    name: String,
    stream: StreamName,
    client: Client,
    store: SqliteStore,
    sink: Arc<Sink>,
    notebook: Notebook,
    seed: u64,
    plant: Plant,
}

impl Work {
    async fn run(self) -> Result<(), Fault> {
        let (noting, booking) = (self.start(Group::Noting).await?, self.start(Group::Booking).await?);
        tokio::select! {
            biased;
            _ = told_to_end() => {}
            ended = noting.ended() => return Err(format!("noting ended by itself: {ended:?}").into()),
            ended = booking.ended() => return Err(format!("booking ended by itself: {ended:?}").into()),
        }
        let (noting, booking) = tokio::join!(noting.drain(DRAIN), booking.drain(DRAIN));
        for ended in [noting, booking] {
            if !ended.in_time || ended.fault.is_some() {
                return Err(format!("not ended in order: {ended:?}").into());
            }
        }
        Ok(())
    }

    /// Others may be writing to the file at this moment, and for longer than a call waits.
    async fn start(&self, group: Group) -> Result<Running, Fault> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_start(group).await {
                Err(fault) if tries < TRIES && fault.is_retryable() => {
                    self.notebook.tell(group, &format!("not started: {fault}"))?;
                    sleep(Duration::from_millis(100)).await;
                }
                started => return Ok(started?),
            }
        }
    }

    async fn try_start(&self, group: Group) -> Result<Running, Error> {
        let notebook = self.notebook.clone();
        let nonsense = |_| Error::Nonsense { reason: "a name is none" };
        let config = Config::new(group.name().parse().map_err(nonsense)?)
            .with_worker(self.name.parse().map_err(nonsense)?)
            .with_stream(self.stream.clone(), Start::TrimHorizon)
            .with_failover(FAILOVER)
            .with_observation(Duration::from_millis(500))
            .with_lock_lease(FAILOVER)
            .with_handoff(Duration::from_secs(15))
            .with_audit(Duration::from_secs(5))
            .with_checkpointing(match group {
                Group::Noting => Checkpointing::AfterOk,
                Group::Booking => Checkpointing::Manual,
            })
            .with_checkpoint_linger(LINGER)
            .with_batch_bytes(8 * 1024)
            .with_idle(Duration::from_millis(100))
            .with_paced(false)
            .with_listener(move |event| {
                // A disk that is full shows in what the handlers note.
                let _ = notebook.tell(group, &event.to_string());
            })
            .with_seed(self.seed);
        let consumer = Consumer::new(self.client.clone(), self.store.clone(), config)?;
        let chance = Arc::new(Mutex::new(StdRng::seed_from_u64(self.seed)));
        let (notebook, plant) = (self.notebook.clone(), self.plant);
        match group {
            Group::Noting => {
                let make = move |begin: &Begin| Noting { hand: Hand::new(group, begin, &notebook, &chance), plant };
                consumer.run(make).await
            }
            Group::Booking => {
                let sink = Arc::clone(&self.sink);
                let make = move |begin: &Begin| Booking {
                    hand: Hand::new(group, begin, &notebook, &chance),
                    sink: Arc::clone(&sink),
                    plant,
                };
                consumer.run(make).await
            }
        }
    }
}

/// When the standard input is closed.
async fn told_to_end() {
    let (tell, told) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        drop(tell);
    });
    let _ = told.await;
}

/// What both handlers have.
struct Hand {
    tenure: Tenure,
    notebook: Notebook,
    chance: Arc<Mutex<StdRng>>,
}

impl Hand {
    fn new(group: Group, begin: &Begin, notebook: &Notebook, chance: &Arc<Mutex<StdRng>>) -> Self {
        let token = begin.checkpoint.token().number();
        let tenure = Tenure { group, shard: begin.shard.clone(), token };
        Self { tenure, notebook: notebook.clone(), chance: Arc::clone(chance) }
    }

    fn note(&self, note: Note) -> Result<(), Fault> {
        Ok(self.notebook.write(&self.tenure, note)?)
    }

    fn below(&self, end: u64) -> u64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..end)
    }

    async fn dawdle(&self, longest: u64) {
        sleep(Duration::from_millis(self.below(longest + 1))).await;
    }
}

/// The number that a payload begins with, and its place.
fn numbered(batch: &Batch) -> Result<Vec<(usize, Progress)>, Fault> {
    let number = |data: &[u8]| std::str::from_utf8(data).ok()?.split(' ').next()?.parse().ok();
    let each = |record: tailwater_consumer::Record<'_>| {
        number(record.data()).map(|number| (number, record.progress())).ok_or_else(|| "a payload without number".into())
    };
    batch.records().map(each).collect()
}

struct Noting {
    hand: Hand,
    plant: Plant,
}

impl Handler for Noting {
    type Error = Fault;

    async fn start(&mut self, shard: &Begin) -> Result<(), Fault> {
        self.hand.note(Note::Begun(shard.from.clone()))
    }

    async fn records(&mut self, batch: &Batch) -> Result<(), Fault> {
        let records = numbered(batch)?;
        if self.plant == Plant::Early {
            batch.checkpoint().commit(&batch.end()).await?;
            self.hand.dawdle(100).await;
        }
        self.hand.note(Note::Handled(records))?;
        // Sometimes it is killed here.
        self.hand.dawdle(10).await;
        Ok(())
    }

    async fn ended(&mut self, _: &Checkpoint) -> Result<(), Fault> {
        self.hand.note(Note::Ended)
    }

    async fn stopping(&mut self, _: &Checkpoint) -> Result<(), Fault> {
        self.hand.note(Note::Stopping)
    }

    async fn lost(&mut self) {
        let _ = self.hand.note(Note::Lost);
    }
}

struct Booking {
    hand: Hand,
    sink: Arc<Sink>,
    plant: Plant,
}

impl Handler for Booking {
    type Error = Fault;

    async fn start(&mut self, shard: &Begin) -> Result<(), Fault> {
        self.hand.note(Note::Begun(shard.from.clone()))
    }

    /// Piece by piece, so that checkpoints lie inside of batches and of aggregates too.
    async fn records(&mut self, batch: &Batch) -> Result<(), Fault> {
        let records = numbered(batch)?;
        let mut rest = &records[..];
        while !rest.is_empty() {
            let size = 1 + self.hand.below(rest.len() as u64 + 10) as usize;
            let (piece, behind) = rest.split_at(size.min(rest.len()));
            rest = behind;
            let to = match (piece, behind) {
                ([.., (_, last)], [_, ..]) => last.clone(),
                (_, _) => batch.end(),
            };
            let ticket = batch.checkpoint().ticket(&to)?;
            if self.plant == Plant::Apart {
                self.sink.book_records(&ticket, piece)?;
                self.hand.dawdle(60).await;
                self.sink.book_checkpoint(&ticket)?;
            } else {
                self.sink.book(&ticket, piece)?;
            }
            self.hand.note(Note::Handled(piece.to_vec()))?;
            if self.hand.below(50) == 0 {
                return Err("the transaction is there, and nobody is told".into());
            }
            ticket.committed()?;
            self.hand.dawdle(5).await;
        }
        Ok(())
    }

    async fn ended(&mut self, _: &Checkpoint) -> Result<(), Fault> {
        self.hand.note(Note::Ended)
    }

    async fn stopping(&mut self, _: &Checkpoint) -> Result<(), Fault> {
        self.hand.note(Note::Stopping)
    }

    async fn lost(&mut self) {
        let _ = self.hand.note(Note::Lost);
    }
}
