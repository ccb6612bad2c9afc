//! Readers at the tail of shards that eight writers write at once.
//! A broker that numbers a record before it stores it loses it here: the reader passes by before it shows.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tailwater::broker::{Broker, Config};
use tailwater::client::Client;
use tailwater::local;
use tailwater::record::{SequenceNumber, ShardId};
use tailwater::wire::shapes::{
    CreateStreamInput, GetRecordsInput, GetShardIteratorInput, PutRecordsInput, PutRecordsRequestEntry,
    ShardIteratorType,
};
use tokio::task::JoinSet;

const RUNS: usize = 20;
const RECORDS: usize = 30_000;
const WRITERS: usize = 8;
const SHARDS: u32 = 3;
/// Not all calls are of one size, so that writers do not fall into step.
const CALLS: [usize; 4] = [200, 1, 37, 500];

type Seen = BTreeMap<ShardId, Vec<(SequenceNumber, Bytes)>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tailing_reader_misses_nothing_that_eight_writers_put() {
    for run in 0..RUNS {
        let client = local::client(&Broker::open(Config::default()).unwrap()).unwrap().once();
        client.create_stream(&CreateStreamInput::provisioned("s".parse().unwrap(), SHARDS)).await.unwrap();
        let writing = Arc::new(AtomicUsize::new(WRITERS));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write(client.clone(), writer, Arc::clone(&writing)));
        }
        let mut readers = JoinSet::new();
        for shard in 0..SHARDS {
            readers.spawn(read(client.clone(), ShardId::numbered(shard), Arc::clone(&writing)));
        }
        let mut acknowledged = Seen::new();
        for written in writers.join_all().await {
            for (shard, number, data) in written {
                acknowledged.entry(shard).or_default().push((number, data));
            }
        }
        acknowledged.values_mut().for_each(|numbers| numbers.sort());
        let read: Seen = readers.join_all().await.into_iter().collect();
        let count: usize = acknowledged.values().map(Vec::len).sum();
        assert_eq!(count, RECORDS, "run {run}");
        for (shard, numbers) in &read {
            assert!(numbers.is_sorted_by(|one, two| one.0 < two.0), "run {run}, {shard}: out of order");
            assert!(acknowledged[shard] == *numbers, "run {run}, {shard}: not what was acknowledged");
        }
    }
}

async fn write(client: Client, writer: usize, writing: Arc<AtomicUsize>) -> Vec<(ShardId, SequenceNumber, Bytes)> {
    let mut acknowledged = Vec::new();
    let mut sizes = CALLS.into_iter().cycle().skip(writer);
    while acknowledged.len() < RECORDS / WRITERS {
        let size = sizes.next().unwrap().min(RECORDS / WRITERS - acknowledged.len());
        let entry = |place: usize| {
            let number = acknowledged.len() + place;
            PutRecordsRequestEntry::new(format!("{writer}/{number}"), format!("key {}", number % 97).parse().unwrap())
        };
        let mut input = PutRecordsInput::new((0..size).map(entry).collect());
        input.stream_name = Some("s".parse().unwrap());
        let output = client.put_records(&input).await.unwrap();
        for (entry, stored) in input.records.into_iter().zip(output.records) {
            acknowledged.push((stored.shard_id.unwrap(), stored.sequence_number.unwrap(), entry.data));
        }
    }
    writing.fetch_sub(1, Ordering::SeqCst);
    acknowledged
}

/// Reads once through, always at the tail, until all has been written and nothing more comes.
async fn read(client: Client, shard: ShardId, writing: Arc<AtomicUsize>) -> (ShardId, Vec<(SequenceNumber, Bytes)>) {
    let input = GetShardIteratorInput {
        stream_name: Some("s".parse().unwrap()),
        shard_id: shard.clone(),
        shard_iterator_type: ShardIteratorType::TrimHorizon,
        starting_sequence_number: None,
        timestamp: None,
        stream_arn: None,
        dry_run: None,
    };
    let mut iterator = client.get_shard_iterator(&input).await.unwrap().shard_iterator;
    let mut seen = Vec::new();
    loop {
        // Asked before reading: what was acknowledged by then must be in this page or an earlier one.
        let over = writing.load(Ordering::SeqCst) == 0;
        let shard_iterator = iterator.unwrap();
        let input = GetRecordsInput { shard_iterator, limit: Some(1000), stream_arn: None, dry_run: None };
        let page = client.get_records(&input).await.unwrap();
        if over && page.records.is_empty() {
            return (shard, seen);
        }
        seen.extend(page.records.into_iter().map(|record| (record.sequence_number, record.data)));
        iterator = page.next_shard_iterator;
        tokio::task::yield_now().await;
    }
}
