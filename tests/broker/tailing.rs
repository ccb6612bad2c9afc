//! Readers at the tail of shards that eight writers write at once.
//! A broker that numbers a record before it stores it loses it here: the reader passes by before it shows.

use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tailwater::broker::{Broker, Config};
use tailwater::client::Client;
use tailwater::local;
use tailwater::record::{SequenceNumber, ShardId};
use tailwater::wire::shapes::{
    CreateStreamInput, GetRecordsInput, GetShardIteratorInput, PutRecordInput, PutRecordsInput, PutRecordsRequestEntry,
    ShardIteratorType,
};
use tokio::task::JoinSet;

const RUNS: usize = 20;
const WRITERS: usize = 8;
const SHARDS: u32 = 3;
/// How many records each call puts. Not all calls are of one size, so that writers do not fall into step.
type Calls = [usize; 4];

type Seen = BTreeMap<ShardId, Vec<(SequenceNumber, Bytes)>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tailing_reader_misses_nothing_that_eight_writers_put() {
    for run in 0..RUNS {
        misses_nothing(run, [200, 1, 37, 500], 30_000).await;
    }
}

/// Every writer and every reader has a thread of its own, and calls are so short that others often come between two steps
/// of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 11)]
async fn a_tailing_reader_misses_nothing_between_short_calls() {
    for run in 0..RUNS / 2 {
        misses_nothing(run, [1, 2, 3, 1], 4_000).await;
    }
}

async fn misses_nothing(run: usize, calls: Calls, records: usize) {
    let client = local::client(&Broker::open(Config::default()).unwrap()).unwrap().once();
    client.create_stream(&CreateStreamInput::provisioned("s".parse().unwrap(), SHARDS)).await.unwrap();
    let writing = Arc::new(AtomicUsize::new(WRITERS));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(client.clone(), writer, calls, records / WRITERS, Arc::clone(&writing)));
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
    assert_eq!(count, records, "run {run}");
    for (shard, numbers) in &read {
        assert!(numbers.is_sorted_by(|one, two| one.0 < two.0), "run {run}, {shard}: out of order");
        assert!(acknowledged[shard] == *numbers, "run {run}, {shard}: not what was acknowledged");
        let of_calls: Vec<&[u8]> =
            numbers.chunk_by(|one, two| call(&one.1) == call(&two.1)).map(|records| call(&records[0].1)).collect();
        let calls: BTreeSet<&[u8]> = of_calls.iter().copied().collect();
        assert_eq!(of_calls.len(), calls.len(), "run {run}, {shard}: the records of a call lie apart");
    }
}

/// The call that put a record, by the record's data.
fn call(data: &Bytes) -> &[u8] {
    let end = data.iter().rposition(|byte| *byte == b'/').unwrap();
    &data[..end]
}

async fn write(
    client: Client,
    writer: usize,
    calls: Calls,
    records: usize,
    writing: Arc<AtomicUsize>,
) -> Vec<(ShardId, SequenceNumber, Bytes)> {
    let mut acknowledged = Vec::new();
    let mut sizes = calls.into_iter().cycle().skip(writer);
    while acknowledged.len() < records {
        let before = acknowledged.len();
        let size = sizes.next().unwrap().min(records - before);
        let entry = |place: usize| {
            let number = before + place;
            PutRecordsRequestEntry::new(
                format!("{writer}/{before}/{number}"),
                format!("key {}", number % 97).parse().unwrap(),
            )
        };
        let entries: Vec<PutRecordsRequestEntry> = (0..size).map(entry).collect();
        if let [alone] = &*entries {
            let mut input = PutRecordInput::new(alone.data.clone());
            (input.stream_name, input.partition_key) = (Some("s".parse().unwrap()), alone.partition_key.clone());
            let stored = client.put_record(&input).await.unwrap();
            acknowledged.push((stored.shard_id, stored.sequence_number, alone.data.clone()));
            continue;
        }
        let mut input = PutRecordsInput::new(entries);
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
