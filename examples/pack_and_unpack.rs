//! Packs a million readings of a thousand sensors as the KPL does, one aggregate per shard at a time, takes them apart
//! again, and tells whether all came back in order, and how fast.
//!
//! `cargo run --release --example pack_and_unpack`

use bytes::Bytes;
use cpu_time::ThreadTime;
use std::error::Error;
use std::num::NonZeroU32;
use std::time::Duration;
use tailwater::record::kpl::{PackError, Packer, Unpacked, Unsealed, seal_all, unpack_all};
use tailwater::record::{HashRange, PartitionKey, UserRecord, hash_keys};

const SENSORS: usize = 1000;
const READINGS: usize = 1_000_000;
const SHARDS: NonZeroU32 = NonZeroU32::new(4).expect("not zero");
/// What the KPL allows an aggregate by default.
const AGGREGATE_BYTES: usize = 51_200;
/// How many aggregates are sealed together.
const TOGETHER: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let sensors: Vec<PartitionKey> =
        (0..SENSORS).map(|sensor| format!("sensor-{sensor:04}").parse()).collect::<Result<_, _>>()?;
    let readings: Vec<UserRecord> = (0..READINGS)
        .map(|reading| {
            let data =
                format!("{{\"reading\":{reading:09},\"celsius\":21.5,\"humidity\":0.43,\"battery\":0.97,\"ok\":true}}");
            UserRecord::new(data).with_partition_key(sensors[reading % SENSORS].clone())
        })
        .collect();
    let payload: usize = readings.iter().map(|reading| reading.data().len()).sum();
    println!("{READINGS} readings of {SENSORS} sensors, {:.1} MB, for {SHARDS} shards", payload as f64 / 1e6);

    // Which shard a record falls in depends on its key alone: a shard holds a range of the keys' MD5s.
    let shards: Vec<HashRange> = HashRange::uniform(SHARDS).collect();
    let shard_of: Vec<usize> = hash_keys(&sensors)
        .into_iter()
        .map(|hash| shards.iter().position(|shard| shard.contains(hash)).expect("the shards hold every key"))
        .collect();

    let start = ThreadTime::now();
    let packed = pack(&readings, &shard_of)?;
    speed("packed", start.elapsed(), payload);
    let records: usize = packed.iter().map(Vec::len).sum();
    let bytes: usize = packed.iter().flatten().map(Bytes::len).sum();
    println!("  {records} Kinesis records of {} bytes on average", bytes / records);

    let start = ThreadTime::now();
    let unpacked: Vec<Vec<Unpacked>> =
        packed.into_iter().zip(&shards).map(|(data, shard)| unpack_all(data, Some(*shard))).collect();
    speed("unpacked", start.elapsed(), payload);

    verdict(&readings, &unpacked)
}

/// One packer per shard; full aggregates are sealed in groups, because their checksums are then computed side by side.
fn pack(readings: &[UserRecord], shard_of: &[usize]) -> Result<Vec<Vec<Bytes>>, PackError> {
    let mut packers: Vec<Packer> = (0..SHARDS.get()).map(|_| Packer::with_limit(AGGREGATE_BYTES)).collect();
    let mut open: Vec<Vec<Unsealed>> = packers.iter().map(|_| Vec::new()).collect();
    let mut packed: Vec<Vec<Bytes>> = packers.iter().map(|_| Vec::new()).collect();
    for (place, reading) in readings.iter().enumerate() {
        let shard = shard_of[place % SENSORS];
        match packers[shard].push(reading) {
            Ok(()) => {}
            Err(PackError::Full { .. }) => {
                open[shard].extend(packers[shard].take());
                packers[shard].push(reading)?;
                if open[shard].len() == TOGETHER {
                    let sealed = seal_all(std::mem::take(&mut open[shard]));
                    packed[shard].extend(sealed.into_iter().map(|record| record.into_data()));
                }
            }
            Err(refused) => return Err(refused),
        }
    }
    for (shard, packer) in packers.iter_mut().enumerate() {
        open[shard].extend(packer.take());
        let sealed = seal_all(std::mem::take(&mut open[shard]));
        packed[shard].extend(sealed.into_iter().map(|record| record.into_data()));
    }
    Ok(packed)
}

fn speed(done: &str, time: Duration, payload: usize) {
    let seconds = time.as_secs_f64();
    println!(
        "{done} in {seconds:.3} s of CPU time: {:.1} million records a second, {:.2} GB/s",
        READINGS as f64 / seconds / 1e6,
        payload as f64 / seconds / 1e9,
    );
}

/// Every reading once, in order per sensor, in the shard where it belongs.
fn verdict(readings: &[UserRecord], unpacked: &[Vec<Unpacked>]) -> Result<(), Box<dyn Error>> {
    let mut expected: Vec<_> = (0..SENSORS).map(|sensor| readings.iter().skip(sensor).step_by(SENSORS)).collect();
    let (mut found, mut out_of_order, mut set_aside) = (0, 0, 0);
    for unpacked in unpacked.iter().flatten() {
        let Unpacked::Aggregated(aggregate) = unpacked else { return Err("not an aggregate".into()) };
        set_aside += aggregate.set_aside_len();
        for record in aggregate.records() {
            let sensor: usize = record.partition_key().trim_start_matches("sensor-").parse()?;
            let in_order = expected[sensor].next().is_some_and(|reading| reading.data() == record.data());
            out_of_order += usize::from(!in_order);
            found += 1;
        }
    }
    println!("in {READINGS}, out {found}, out of order {out_of_order}, in the wrong shard {set_aside}");
    if found == READINGS && out_of_order == 0 && set_aside == 0 { Ok(()) } else { Err("not all came back".into()) }
}
