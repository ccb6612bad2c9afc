//! Writes random records to our broker with our producer, and has three readers of other people's read them back: every
//! record must be where its receipt says, and whatever else is there must be explained.
//! Why: a receipt names shard, sequence and sub-sequence number; whether a function or the KCL finds the record just there,
//! and nothing twice although shards are split and merged meanwhile, only they can say.
//! `parts` are the settings under trial, `records` what is written, `write` writes it, `readers` are the programs in
//! `interop/producer`, `found` is what they say, and `judge` compares. Called by `main`.

mod parts;
mod records;
mod write;
mod readers;
mod found;
mod judge;

use self::judge::Truth;
use self::parts::Part;
use self::readers::Reader;
use super::aggregates;
use super::ours::OurBroker;
use crate::shell::Outcome;
use std::thread;
use std::time::Duration;
use tailwater_client::{Client, Config, StaticCredentials};
use tokio::time::{Instant, timeout};

/// How many records are written in all.
pub(crate) const RECORDS: usize = 100_000;
/// As many as a change should wait for.
pub(crate) const RECORDS_SHORT: usize = 10_000;

/// How long one part may take to be written.
const PATIENCE: Duration = Duration::from_secs(300);
/// As many faults of one check as are told in full.
const FAULTS_TOLD: usize = 5;

/// Writes so many records, part by part, and has all of them read by each reader.
pub(crate) fn run(records: usize) -> Outcome {
    let seed = aggregates::seed()?;
    println!("seed {seed}; {} sets another", aggregates::SEED_VARIABLE);
    for reader in Reader::ALL {
        reader.install()?;
    }
    // A split takes its time on the service; here, too, but not so much.
    let broker = OurBroker::start(&["--transition", "100"])?;
    let mut sum = Sum::default();
    let truths = write_all(&broker, seed, records, &mut sum)?;
    let began = Instant::now();
    let streams: Vec<&str> = truths.iter().map(|(part, _)| part.name).collect();
    let read = thread::scope(|scope| {
        let start = |reader: Reader| {
            scope.spawn({
                let (broker, streams) = (&broker, &streams);
                move || reader.read(broker.url(), streams)
            })
        };
        let threads = Reader::ALL.map(|reader| (reader, start(reader)));
        threads.map(|(reader, thread)| (reader, thread.join()))
    });
    println!("read in {:.1?}", began.elapsed());
    for (reader, read) in read {
        match read.map_err(|_| "its thread panicked".to_owned()).and_then(|read| read) {
            Ok(found) => {
                for (part, truth) in &truths {
                    let found = found.get(part.name).map_or(&[][..], Vec::as_slice);
                    sum.count(part.name, truth.judge(reader, found));
                }
            }
            Err(fault) => sum.count(&reader.to_string(), Err(vec![fault])),
        }
    }
    println!("{} passed, {} failed", sum.passed, sum.failed);
    if sum.failed == 0 { Ok(()) } else { Err(format!("interop producer: {} failed", sum.failed).into()) }
}

/// What the receipts said, of each part that was written.
fn write_all(
    broker: &OurBroker,
    seed: u64,
    records: usize,
    sum: &mut Sum,
) -> Result<Vec<(&'static Part, Truth)>, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let config = Config::new("us-east-1".parse()?)
        .with_endpoint_url(broker.url().parse()?)
        .with_credentials(StaticCredentials::new("AKIDEXAMPLE", "secret", None));
    let client = Client::new(config)?;
    let mut truths = Vec::new();
    for (part, seed) in Part::ALL.iter().zip(seed..) {
        let count = records * part.percent / 100;
        let began = Instant::now();
        let records = records::records(seed, count)?;
        let written = runtime.block_on(async { timeout(PATIENCE, write::write(&client, part, seed, records)).await });
        let written = written.map_err(|_| format!("not all is settled after {PATIENCE:?}"));
        let written = written.and_then(|written| written.map_err(|fault| fault.to_string()));
        match written.map_err(|fault| vec![fault]).and_then(|written| Truth::new(part, written)) {
            Ok(truth) => {
                sum.count(part.name, Ok(format!("{truth}, in {:.1?}", began.elapsed())));
                truths.push((part, truth));
            }
            Err(faults) => sum.count(part.name, Err(faults)),
        }
    }
    Ok(truths)
}

#[derive(Default)]
struct Sum {
    passed: usize,
    failed: usize,
}

impl Sum {
    fn count(&mut self, name: &str, outcome: Result<String, Vec<String>>) {
        match outcome {
            Ok(told) => {
                self.passed += 1;
                println!("ok {name}: {told}");
            }
            Err(faults) => {
                self.failed += 1;
                for fault in faults.iter().take(FAULTS_TOLD) {
                    println!("FAILED {name}: {fault}");
                }
                if faults.len() > FAULTS_TOLD {
                    println!("FAILED {name}: and {} faults more", faults.len() - FAULTS_TOLD);
                }
            }
        }
    }
}
