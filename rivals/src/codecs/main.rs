//! Measures packing and unpacking of KPL aggregates: ours one by one, ours many at once, and a naive one with prost.
//! Why: "fast" means something only beside what one would use instead, in one run, on one machine.
//!
//! Counted is the CPU time of this thread, so other work on the machine disturbs little; codecs take turns within each
//! repetition, so a slow moment hits all of them; the median of the repetitions is shown. What a codec is given is
//! made before the clock starts. What it gives is dropped while the clock runs: nobody keeps it for ever.
//!
//! "unpack" reads key and data of every record. Ours lends them out of the aggregate; `owned` makes of each a record
//! that stands on its own, which is all that the naive one can do.
//! Run by `cargo xtask rivals codecs`, which reads the table and adds Python and Node to it.

mod naive;

use bytes::Bytes;
use cpu_time::ThreadTime;
use std::error::Error;
use std::hint::black_box;
use std::time::Duration;
use tailwater_record::UserRecord;
use tailwater_record::kpl::{Packed, Packer, Unpacked, Unsealed, seal_all, unpack, unpack_all};

const REPETITIONS: usize = 7;
/// As many are sealed or unpacked at once.
const AGGREGATES: usize = 16;
/// Measured in each repetition: long enough that the clock's own cost does not show.
const SPENT_MIN: Duration = Duration::from_millis(100);

/// Records that fill one aggregate.
#[derive(Clone, Copy)]
struct Workload {
    records: usize,
    bytes: usize,
}

const WORKLOADS: [Workload; 2] = [Workload { records: 388, bytes: 100 }, Workload { records: 40, bytes: 1024 }];

/// What is measured: one round over all aggregates, which gives the CPU time that it took.
struct Codec<'a> {
    name: &'static str,
    round: Box<dyn FnMut() -> Duration + 'a>,
}

impl<'a> Codec<'a> {
    fn new(name: &'static str, round: impl FnMut() -> Duration + 'a) -> Self {
        Self { name, round: Box::new(round) }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // Lets the allocator keep what is freed, as in a process that has run for a while; page faults would hide the rest.
    drop(std::hint::black_box(vec![1_u8; 31 << 20]));
    println!("| workload | direction | codec | records per CPU second | GB/s of payload | ratio to naive |");
    println!("|---|---|---|--:|--:|--:|");
    for workload in WORKLOADS {
        let ours = workload.records()?;
        let naive: Vec<Vec<naive::UserRecord>> =
            ours.iter().map(|records| records.iter().map(plain).collect()).collect();
        let packed: Vec<Bytes> = pack_each(&ours)?.into_iter().map(Packed::into_data).collect();
        agree(&ours, &naive, &packed)?;
        workload.show("pack", packing(&ours, &naive));
        workload.show("unpack", unpacking(&packed));
    }
    Ok(())
}

fn packing<'a>(ours: &'a [Vec<UserRecord>], naive: &'a [Vec<naive::UserRecord>]) -> Vec<Codec<'a>> {
    // Packers are kept from one aggregate to the next, as the producer keeps them.
    let (mut one, mut many) = (Packer::new(), Packer::new());
    vec![
        Codec::new("prost, naive", move || {
            let input = naive.to_vec();
            timed(|| input.into_iter().map(naive::pack).collect::<Vec<_>>())
        }),
        Codec::new("tailwater, one by one", move || {
            timed(|| ours.iter().map(|records| fill(&mut one, records).map(Unsealed::seal)).collect::<Vec<_>>())
        }),
        Codec::new("tailwater, 16 at once", move || {
            timed(|| seal_all(ours.iter().filter_map(|records| fill(&mut many, records)).collect()))
        }),
    ]
}

fn unpacking(packed: &[Bytes]) -> Vec<Codec<'_>> {
    let each = || packed.iter().cloned();
    vec![
        Codec::new("prost, naive", move || timed(|| packed.iter().for_each(|data| read_naive(data)))),
        Codec::new("tailwater, one by one", move || timed(|| each().for_each(|data| read(&unpack(data, None))))),
        Codec::new("tailwater, 16 at once", move || timed(|| unpack_all(each(), None).iter().for_each(read))),
        Codec::new("tailwater, one by one, owned", move || timed(|| each().for_each(|data| own(&unpack(data, None))))),
        Codec::new("tailwater, 16 at once, owned", move || timed(|| unpack_all(each(), None).iter().for_each(own))),
    ]
}

/// The CPU time of the work, and of dropping what it gives.
fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = ThreadTime::now();
    drop(black_box(work()));
    start.elapsed()
}

fn fill(packer: &mut Packer, records: &[UserRecord]) -> Option<Unsealed> {
    for record in records {
        packer.push(record).expect("without a limit, whatever has a key fits");
    }
    packer.take()
}

fn read_naive(data: &[u8]) {
    for record in naive::unpack(data).into_iter().flatten() {
        black_box((record.partition_key.as_str(), record.data.as_slice()));
    }
}

fn read(unpacked: &Unpacked) {
    if let Unpacked::Aggregated(aggregate) = unpacked {
        for entry in aggregate.records() {
            black_box((entry.partition_key(), entry.data()));
        }
    }
}

fn own(unpacked: &Unpacked) {
    if let Unpacked::Aggregated(aggregate) = unpacked {
        for entry in aggregate.records() {
            drop(black_box(entry.to_record()));
        }
    }
}

/// Fails unless all codecs give the same: what is wrong is not worth measuring.
fn agree(ours: &[Vec<UserRecord>], naive: &[Vec<naive::UserRecord>], packed: &[Bytes]) -> Result<(), Box<dyn Error>> {
    let mut packer = Packer::new();
    let together = seal_all(ours.iter().filter_map(|records| fill(&mut packer, records)).collect());
    for (place, data) in packed.iter().enumerate() {
        let unpacked = match unpack(data.clone(), None) {
            Unpacked::Aggregated(aggregate) => aggregate.records().map(|entry| entry.to_record()).collect(),
            Unpacked::Plain(_) => Ok(Vec::new()),
        };
        let same = naive::pack(naive[place].clone()) == *data
            && naive::unpack(data).as_ref() == Some(&naive[place])
            && together[place].data() == data
            && unpacked? == ours[place];
        if !same {
            return Err(format!("the codecs disagree on aggregate {place}").into());
        }
    }
    Ok(())
}

fn pack_each(ours: &[Vec<UserRecord>]) -> Result<Vec<Packed>, Box<dyn Error>> {
    let mut packer = Packer::new();
    ours.iter().map(|records| Ok(fill(&mut packer, records).ok_or("a workload has records")?.seal())).collect()
}

fn plain(record: &UserRecord) -> naive::UserRecord {
    naive::UserRecord {
        partition_key: record.partition_key().map(ToString::to_string).unwrap_or_default(),
        explicit_hash_key: None,
        data: record.data().to_vec(),
    }
}

impl Workload {
    /// What fills the aggregates: keys of 16 characters, all distinct. `measure.py` and `measure.mjs` do the same.
    fn records(self) -> Result<Vec<Vec<UserRecord>>, Box<dyn Error>> {
        let record = |number: usize| {
            let data: Vec<u8> = (0..self.bytes).map(|place| (number * 31 + place) as u8).collect();
            Ok(UserRecord::new(data).with_partition_key(format!("device-{number:09}").parse()?))
        };
        let aggregate = |first: usize| (first..first + self.records).map(record).collect();
        (0..AGGREGATES).map(|aggregate_number| aggregate(aggregate_number * self.records)).collect()
    }

    /// Measures the codecs in turn and prints a line for each; the first is what the others are compared with.
    fn show(self, direction: &str, mut codecs: Vec<Codec<'_>>) {
        let mut rates = vec![Vec::new(); codecs.len()];
        // One repetition more than is counted, so that caches, branches and buffers are warm.
        for repetition in 0..=REPETITIONS {
            for (codec, rates) in codecs.iter_mut().zip(&mut rates) {
                let (mut spent, mut rounds) = (Duration::ZERO, 0);
                while spent < SPENT_MIN {
                    spent += (codec.round)();
                    rounds += 1;
                }
                if repetition > 0 {
                    rates.push((rounds * AGGREGATES * self.records) as f64 / spent.as_secs_f64());
                }
            }
        }
        let medians: Vec<f64> = rates.into_iter().map(median).collect();
        for (codec, rate) in codecs.iter().zip(&medians) {
            let (Self { records, bytes }, name) = (self, codec.name);
            let (payload, ratio) = (rate * bytes as f64 / 1e9, rate / medians[0]);
            println!("| {records} x {bytes} B | {direction} | {name} | {rate:.0} | {payload:.3} | {ratio:.2} |");
        }
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
