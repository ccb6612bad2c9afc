//! Proves that `aws-kinesis-agg`, in Python and in Node, reads what `Packer` writes, and `unpack` what they write.
//! Why: readers and writers of the format stand in functions and consumers all over; the format has no version field,
//! so agreeing with them to the byte is what being compatible means.
//! Each program is asked from a thread of its own, over the same batches. Every other group of batches goes through
//! `seal_all` and `unpack_all`, the rest through `seal` and `unpack`, so that both ways of ours are read and do read.
//! Called by `main`.

use super::batches::batch;
use super::compare::{Agreed, they_read, we_read};
use super::exchange::Exchange;
use super::programs::Language;
use super::vectors;
use crate::shell::Outcome;
use bytes::Bytes;
use std::thread;
use tailwater_record::UserRecord;
use tailwater_record::kpl::{Packed, Packer, Unpacked, Unsealed, seal_all, unpack, unpack_all};

/// How many batches go each way.
pub(crate) const BATCHES: usize = 10_000;
/// As many as a change should wait for.
pub(crate) const BATCHES_SHORT: usize = 300;

const SEED: u64 = 1;
pub(crate) const SEED_VARIABLE: &str = "TAILWATER_SEED";
/// As many as are sealed or unpacked together: more than there are lanes, so that lanes are given new messages.
const GROUP: usize = 40;
/// As many faults of one direction as are told in full.
const FAULTS_TOLD: usize = 5;

/// Exchanges this many batches with each program in each direction.
pub(crate) fn run(batches: usize) -> Outcome {
    let seed = seed()?;
    println!("seed {seed}; {SEED_VARIABLE} sets another");
    let mut others = Vec::new();
    for language in Language::ALL {
        language.install()?;
        others.push((language, Exchange::start(language)?));
    }
    let talked = thread::scope(|scope| {
        let start = |(language, other)| scope.spawn(move || talk(language, other, seed, batches));
        let threads: Vec<_> = others.into_iter().map(start).collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });

    let (mut passed, mut failed, mut contradictions) = (0, 0, 0);
    for talked in talked {
        let talked = talked.map_err(|_| "a thread of the exchange panicked")??;
        for direction in &talked.directions {
            direction.tell();
            passed += direction.passed;
            failed += direction.failed;
        }
        contradictions += talked.contradictions.len();
        for contradiction in talked.contradictions {
            eprintln!("{contradiction}");
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && contradictions == 0 {
        Ok(())
    } else {
        Err(format!("interop aggregates: {failed} batches failed, {contradictions} vectors contradict the table")
            .into())
    }
}

/// What all random records are made from.
pub(crate) fn seed() -> Result<u64, String> {
    match std::env::var(SEED_VARIABLE) {
        Ok(text) => text.parse().map_err(|fault| format!("{SEED_VARIABLE} is {text:?}: {fault}")),
        Err(std::env::VarError::NotPresent) => Ok(SEED),
        Err(fault) => Err(format!("{SEED_VARIABLE}: {fault}")),
    }
}

/// What one program was found to do.
struct Talked {
    directions: [Direction; 2],
    contradictions: Vec<String>,
}

/// What came of the batches that went one way.
struct Direction {
    name: String,
    seed: u64,
    passed: usize,
    failed: usize,
    agreed: Agreed,
    /// Aggregates that are byte for byte what the other end writes, of those without headers.
    identical: Option<(usize, usize)>,
}

fn talk(language: Language, mut other: Exchange, seed: u64, batches: usize) -> Result<Talked, String> {
    let mut theirs = Direction::new(format!("{language} reads ours"), seed);
    let mut ours = Direction::new(format!("we read {language}'s"), seed);
    let (mut identical, mut comparable) = (0, 0);
    let contradictions = vectors::contradictions(language, &mut other)?;
    let mut packer = Packer::new();
    for (group, start) in (0..batches).step_by(GROUP).enumerate() {
        let together = group % 2 == 1;
        let numbers = start..batches.min(start + GROUP);
        let group = numbers.map(|number| Ok((number, batch(seed, number)?))).collect::<Result<Vec<_>, _>>();
        let group = group.map_err(|fault: tailwater_record::Error| format!("batches from {start}: {fault}"))?;
        let packed = pack(&mut packer, &group, together)?;
        let mut written = Vec::new();
        for ((number, records), packed) in group.iter().zip(&packed) {
            let reading = other.unpack(packed.data())?;
            theirs.note(*number, they_read(records, packed, &reading));
            match other.pack(records)? {
                Ok(data) => {
                    if packed.is_aggregated() && records.iter().all(|record| record.headers().is_empty()) {
                        comparable += 1;
                        identical += usize::from(data == *packed.data());
                    }
                    written.push((*number, records, Bytes::from(data)));
                }
                Err(complaint) => ours.note(*number, Err(format!("not packed: {complaint}"))),
            }
        }
        let data = written.iter().map(|(_, _, data)| data.clone());
        let unpacked: Vec<Unpacked> =
            if together { unpack_all(data, None) } else { data.map(|data| unpack(data, None)).collect() };
        for ((number, records, _), unpacked) in written.iter().zip(&unpacked) {
            ours.note(*number, we_read(records, language, unpacked));
        }
    }
    other.finish()?;
    ours.identical = Some((identical, comparable));
    Ok(Talked { directions: [theirs, ours], contradictions })
}

fn pack(packer: &mut Packer, group: &[(usize, Vec<UserRecord>)], together: bool) -> Result<Vec<Packed>, String> {
    let mut unsealed = Vec::new();
    for (number, records) in group {
        for record in records {
            packer.push(record).map_err(|fault| format!("batch {number} cannot be packed: {fault}"))?;
        }
        unsealed.extend(packer.take());
    }
    Ok(if together { seal_all(unsealed) } else { unsealed.into_iter().map(Unsealed::seal).collect() })
}

impl Direction {
    fn new(name: String, seed: u64) -> Self {
        Self { name, seed, passed: 0, failed: 0, agreed: Agreed::default(), identical: None }
    }

    fn note(&mut self, number: usize, outcome: Result<Agreed, String>) {
        match outcome {
            Ok(agreed) => {
                self.passed += 1;
                self.agreed.records += agreed.records;
                self.agreed.keys_left_out += agreed.keys_left_out;
                self.agreed.hash_keys_left_out += agreed.hash_keys_left_out;
            }
            Err(fault) => {
                self.failed += 1;
                if self.failed <= FAULTS_TOLD {
                    eprintln!("{}: seed {}, batch {number}: {fault}", self.name, self.seed);
                }
            }
        }
    }

    fn tell(&self) {
        let Agreed { records, keys_left_out, hash_keys_left_out } = self.agreed;
        print!("{}: {} batches agreed, {} failed; {records} records agreed", self.name, self.passed, self.failed);
        if keys_left_out + hash_keys_left_out > 0 {
            print!(" (their known faults: {keys_left_out} keys and {hash_keys_left_out} hash keys not compared)");
        }
        if let Some((identical, comparable)) = self.identical {
            print!("; {identical} of {comparable} aggregates without headers are ours to the byte");
        }
        println!();
    }
}
