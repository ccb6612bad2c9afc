//! What a record costs from `put` to its receipt: CPU time of this process alone, against a server in another process that
//! answers at once, over HTTP on loopback. With shard prediction, order per shard, receipts and the byte budget on.
//! The ceiling does only what nobody can do without: hash the keys, frame, MD5, JSON with base64, SHA-256, send; one thread,
//! no queues, no receipts, no signature.
//! `cargo bench --bench producer`

#[path = "producer/server.rs"]
mod server;

use bytes::Bytes;
use cpu_time::ProcessTime;
use server::Server;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tailwater::client::{self, Client, StaticCredentials};
use tailwater::producer::{Config, Ordering, Producer, Receipts, ShardRate, StreamProducer};
use tailwater::record::kpl::{PackError, Packed, Packer, seal_all};
use tailwater::record::{HashKey, PartitionKey, UserRecord, hash_keys};
use tailwater::wire::Codec;
use tailwater::wire::shapes::{Call, PutRecordsInput, PutRecordsRequestEntry};
use tailwater::wire::sigv4::BodyHash;

const SHARDS: usize = 64;
const KEYS: usize = 1 << 18;
/// Records of one measurement, at 100 bytes; fewer if they are larger.
const RECORDS: usize = 2_000_000;
/// Receipts that are awaited together.
const TOGETHER: usize = 20_000;
const ROUNDS: usize = 5;
const PARCEL: usize = 256 * 1024;
const REQUEST: usize = 10 * 1024 * 1024;

fn main() {
    if server::is_asked_for() {
        return server::serve(SHARDS);
    }
    let server = Server::start();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    for size in [100, 1024] {
        let load = Load::new(size);
        let records = (RECORDS * 100 / size).max(200_000);
        println!(
            "\n{records} records of {size} bytes, distinct keys of 16 characters, {SHARDS} shards; medians of {ROUNDS}"
        );
        println!("{:<34} {:>16} {:>9} {:>11}", "", "records/CPU-s", "ns each", "of ceiling");
        let ways: [(&str, Ordering, Way); 4] = [
            ("put_all, receipts awaited", Ordering::PerShard, Way::All),
            ("put, each receipt awaited", Ordering::PerShard, Way::Each),
            ("send, nothing awaited", Ordering::PerShard, Way::Send),
            ("put_all, no order", Ordering::None, Way::All),
        ];
        let mut times = vec![Vec::new(); ways.len() + 1];
        for _ in 0..ROUNDS {
            times[0].push(ceiling(&server, &load, records));
            for (place, (_, ordering, way)) in ways.iter().enumerate() {
                times[place + 1].push(runtime.block_on(produce(&server, &load, records, *ordering, *way)));
            }
        }
        for (place, name) in ["the ceiling"].iter().chain(ways.iter().map(|(name, ..)| name)).enumerate() {
            let shares = times[0].iter().zip(&times[place]).map(|(ceiling, time)| 100.0 * ceiling / time);
            let (share, time) = (median(shares.collect()), median(times[place].clone()));
            let (rate, each) = (records as f64 / time / 1e6, time * 1e9 / records as f64);
            println!("{name:<34} {rate:>14.2} M {each:>9.0} {share:>9.0} %");
        }
    }
}

#[derive(Clone, Copy)]
enum Way {
    All,
    Each,
    Send,
}

/// What is put: keys and payloads that share their memory, so that making a record costs what it costs a caller who has
/// its bytes already.
struct Load {
    keys: Vec<PartitionKey>,
    data: Bytes,
    size: usize,
}

impl Load {
    fn new(size: usize) -> Self {
        let key = |number: usize| format!("key-{number:012}").parse().expect("a plain key");
        let data: Vec<u8> = (0..size * 2).map(|place| (place * 31 % 251) as u8).collect();
        Self { keys: (0..KEYS).map(key).collect(), data: data.into(), size }
    }

    fn record(&self, number: usize) -> UserRecord {
        let start = number % self.size;
        let data = self.data.slice(start..start + self.size);
        UserRecord::new(data).with_partition_key(self.keys[number % KEYS].clone())
    }
}

async fn produce(server: &Server, load: &Load, records: usize, ordering: Ordering, way: Way) -> f64 {
    let config = client::Config::new("us-east-1".parse().expect("a region"))
        .with_endpoint_url(server.url().parse().expect("an address"))
        .with_credentials(StaticCredentials::new("AKIDEXAMPLE", "secret", None));
    let client = Client::new(config).expect("a good configuration");
    let config = Config::default().with_shard_rate(ShardRate::Unlimited).with_ordering(ordering);
    let producer = Producer::new(client, config).expect("a good configuration");
    let stream = producer.stream("readings".parse::<tailwater::record::StreamName>().expect("a plain name"));
    // Connected, and the shards known.
    stream.put(load.record(0)).await.expect("room").await.expect("stored");
    let start = ProcessTime::now();
    put(&stream, load, records, way).await;
    let took = start.elapsed().as_secs_f64();
    let closed = producer.close(Duration::from_secs(10)).await;
    assert_eq!(closed.stored, records as u64 + 1, "all are stored");
    took
}

async fn put(stream: &StreamProducer, load: &Load, records: usize, way: Way) {
    match way {
        Way::All => {
            let mut before = Receipts::default();
            for first in (0..records).step_by(TOGETHER) {
                let part = (first..records.min(first + TOGETHER)).map(|number| load.record(number));
                let receipts = stream.put_all(part).await.expect("room");
                // The part before, while this one is on its way.
                assert!(std::mem::replace(&mut before, receipts).all().await.failures.is_empty());
            }
            assert!(before.all().await.failures.is_empty());
        }
        Way::Each => {
            let mut before = Vec::new();
            for first in (0..records).step_by(TOGETHER) {
                let mut receipts = Vec::with_capacity(TOGETHER);
                for number in first..records.min(first + TOGETHER) {
                    receipts.push(stream.put(load.record(number)).await.expect("room"));
                }
                for receipt in std::mem::replace(&mut before, receipts) {
                    receipt.await.expect("stored");
                }
            }
            for receipt in before {
                receipt.await.expect("stored");
            }
        }
        Way::Send => {
            for number in 0..records {
                stream.send(load.record(number)).await.expect("room");
            }
            stream.flush().await.expect("stored");
        }
    }
}

/// One loop that does the same bytes' work.
fn ceiling(server: &Server, load: &Load, records: usize) -> f64 {
    let mut socket = TcpStream::connect(server.address()).expect("it listens");
    socket.set_nodelay(true).expect("a socket");
    let mut packers: Vec<Packer> = (0..SHARDS).map(|_| Packer::with_limit(PARCEL)).collect();
    let (mut unsealed, mut bytes) = (Vec::new(), 0);
    let width = u128::MAX / SHARDS as u128 + 1;
    let start = ProcessTime::now();
    for first in (0..records).step_by(64) {
        let part: Vec<UserRecord> = (first..records.min(first + 64)).map(|number| load.record(number)).collect();
        let keys: Vec<&PartitionKey> = part.iter().filter_map(UserRecord::partition_key).collect();
        for (record, hash) in part.iter().zip(hash_keys(&keys)) {
            let packer = &mut packers[(hash.number() / width) as usize];
            if let Err(PackError::Full { .. }) = packer.push(record) {
                bytes += packer.size();
                unsealed.extend(packer.take());
                packer.push(record).expect("it is empty");
                if bytes + PARCEL > REQUEST {
                    send(&mut socket, seal_all(std::mem::take(&mut unsealed)));
                    bytes = 0;
                }
            }
        }
    }
    for packer in &mut packers {
        unsealed.extend(packer.take());
    }
    send(&mut socket, seal_all(unsealed));
    start.elapsed().as_secs_f64()
}

fn send(socket: &mut TcpStream, packed: Vec<Packed>) {
    let key: PartitionKey = "a".parse().expect("a plain key");
    let entry = |packed: Packed| {
        let hash_key: HashKey = packed.hash_key();
        let mut entry = PutRecordsRequestEntry::new(packed.into_data(), key.clone());
        entry.explicit_hash_key = Some(hash_key);
        entry
    };
    let input = PutRecordsInput::new(packed.into_iter().map(entry).collect());
    let body = Codec::Json.encode_sized(&input, input.size_hint());
    std::hint::black_box(BodyHash::of(&body));
    let head = format!(
        "POST / HTTP/1.1\r\nX-Amz-Target: Kinesis_20131202.PutRecords\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).expect("it reads");
    socket.write_all(&body).expect("it reads");
    server::read_answer(socket, |socket, room| socket.read(room));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
