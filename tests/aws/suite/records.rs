//! Records are put, one and many, and read from each place where reading can start.

use super::{Done, Looks, Stop, Stored, World, demand, ground, same};
use bytes::Bytes;
use tailwater_record::{HashKey, PartitionKey, SequenceNumber, ShardId, Timestamp};
use tailwater_wire::shapes::{
    ChildShard, GetRecordsInput, GetShardIteratorInput, PutRecordInput, PutRecordsInput, PutRecordsRequestEntry,
    Record, ShardIterator, ShardIteratorType,
};
use tailwater_wire::time::{SystemClock, WallClock};

const MANY: usize = 50;

pub(super) async fn put_one(world: &mut World) -> Done {
    let (key, data): (PartitionKey, _) = ("first".parse()?, Bytes::from_static(b"the first\x00\xff"));
    let input = PutRecordInput {
        stream_name: Some(world.stream.clone()),
        partition_key: Some(key.clone()),
        ..PutRecordInput::new(data.clone())
    };
    let output = world.client.put_record(&input).await?;
    same("shard", Some(&output.shard_id), world.owner(HashKey::of(&key)))?;
    world.stored.push(Stored { shard: output.shard_id, sequence: output.sequence_number, key, data });
    Ok(())
}

pub(super) async fn put_many(world: &mut World) -> Done {
    let entry = |number: usize| {
        let key: PartitionKey = format!("key-{number}-Ω").parse()?;
        Ok(PutRecordsRequestEntry::new(format!("payload {number}"), key))
    };
    let entries = (0..MANY).map(entry).collect::<Result<Vec<_>, tailwater_record::Error>>()?;
    let input = PutRecordsInput { stream_name: Some(world.stream.clone()), ..PutRecordsInput::new(entries.clone()) };
    let output = world.client.put_records(&input).await?;
    same("failed records", output.failed_record_count.unwrap_or(0), 0)?;
    same("answers", output.records.len(), MANY)?;
    for (entry, answer) in entries.into_iter().zip(output.records) {
        let key = ground("partition key", entry.partition_key)?;
        let told = || Stop::Failed(format!("{key}: no number or shard, but error {:?}", answer.error_code));
        let (sequence, shard) = answer.sequence_number.zip(answer.shard_id).ok_or_else(told)?;
        same(format!("error for {key}"), answer.error_code, None)?;
        same(format!("shard of {key}"), Some(&shard), world.owner(HashKey::of(&key)))?;
        world.stored.push(Stored { shard, sequence, key, data: entry.data });
    }
    Ok(())
}

pub(super) async fn read_all(world: &mut World) -> Done {
    ground("record", world.stored.first())?;
    for shard in &world.shards {
        let expected = world.stored_in(&shard.shard_id);
        let read = world.read_until(&shard.shard_id, Start::TrimHorizon, expected.len()).await?;
        are(&read.records, &expected)?;
        demand(!read.ended, || format!("{} has ended although it is open", shard.shard_id))?;
    }
    Ok(())
}

/// Fails unless these are the records that were stored, in this order.
pub(super) fn are(records: &[Record], expected: &[Stored]) -> Done {
    same("sequence numbers", numbers(records), expected.iter().map(|stored| &stored.sequence).collect())?;
    for (record, stored) in records.iter().zip(expected) {
        same(format!("key of {}", stored.sequence), record.partition_key.as_ref(), Some(&stored.key))?;
        demand(record.data == stored.data, || format!("{} has another payload", stored.sequence))?;
    }
    Ok(())
}

fn numbers(records: &[Record]) -> Vec<&SequenceNumber> {
    records.iter().map(|record| &record.sequence_number).collect()
}

/// When the stream was made, and when its records came: within the hour.
pub(super) async fn times(world: &mut World) -> Done {
    let now = SystemClock.now().millis();
    let close = |what: &str, time: Timestamp| {
        let away = (now - time.millis()).abs();
        demand(away < 3_600_000, || format!("{what} at {time}, {away} ms from now"))
    };
    close("the stream was made", world.active().await?.stream_creation_timestamp)?;
    let shard = ground("record", world.stored.first())?.shard.clone();
    for record in world.read_until(&shard, Start::TrimHorizon, 1).await?.records {
        close("a record came", ground("arrival time", record.approximate_arrival_timestamp)?)?;
    }
    Ok(())
}

pub(super) async fn trim_horizon(world: &mut World) -> Done {
    let (shard, stored) = busiest(world)?;
    world.starts_with(&shard, Start::TrimHorizon, &stored[0].sequence).await
}

pub(super) async fn at_sequence_number(world: &mut World) -> Done {
    let (shard, stored) = busiest(world)?;
    let second = &stored[1].sequence;
    world.starts_with(&shard, Start::At(second.clone()), second).await
}

pub(super) async fn after_sequence_number(world: &mut World) -> Done {
    let (shard, stored) = busiest(world)?;
    world.starts_with(&shard, Start::After(stored[1].sequence.clone()), &stored[2].sequence).await
}

/// What is put after the iterator was given comes, and nothing that was put before.
pub(super) async fn latest(world: &mut World) -> Done {
    let (shard, stored) = busiest(world)?;
    let iterator = world.iterator(&shard, Start::Latest).await?;
    let (key, data) = (stored[0].key.clone(), Bytes::from_static(b"the latest"));
    let input = PutRecordInput {
        stream_name: Some(world.stream.clone()),
        partition_key: Some(key.clone()),
        ..PutRecordInput::new(data.clone())
    };
    let output = world.client.put_record(&input).await?;
    let last = Stored { shard: shard.clone(), sequence: output.sequence_number, key, data };
    world.stored.push(last.clone());
    are(&world.read_on(iterator, 1).await?.records, &[last])
}

/// From the moment at which the last record came, which was put a while after the others.
pub(super) async fn at_timestamp(world: &mut World) -> Done {
    let (shard, stored) = busiest(world)?;
    let read = world.read_until(&shard, Start::TrimHorizon, stored.len()).await?;
    let last = ground("record", read.records.last())?;
    let moment = ground("arrival time", last.approximate_arrival_timestamp)?;
    let late = |record: &&Record| record.approximate_arrival_timestamp.is_some_and(|time| time >= moment);
    let first = ground("record", read.records.iter().find(late))?;
    world.starts_with(&shard, Start::Moment(moment), &first.sequence_number).await
}

/// The shard that holds most, and what it holds, three records at the least.
fn busiest(world: &World) -> Result<(ShardId, Vec<Stored>), Stop> {
    let held = world.shards.iter().map(|shard| (shard.shard_id.clone(), world.stored_in(&shard.shard_id)));
    let busiest = held.max_by_key(|(_, stored)| stored.len()).filter(|(_, stored)| stored.len() > 2);
    ground("shard with three records", busiest)
}

/// Where reading starts.
#[derive(Debug)]
enum Start {
    TrimHorizon,
    Latest,
    At(SequenceNumber),
    After(SequenceNumber),
    Moment(Timestamp),
}

/// What was read.
pub(super) struct Read {
    pub(super) records: Vec<Record>,
    /// Whether no iterator followed.
    pub(super) ended: bool,
    /// The shards that the last page names.
    pub(super) children: Option<Vec<ChildShard>>,
}

impl World {
    async fn iterator(&self, shard: &ShardId, start: Start) -> Result<ShardIterator, Stop> {
        let (kind, number, timestamp) = match start {
            Start::TrimHorizon => (ShardIteratorType::TrimHorizon, None, None),
            Start::Latest => (ShardIteratorType::Latest, None, None),
            Start::At(number) => (ShardIteratorType::AtSequenceNumber, Some(number), None),
            Start::After(number) => (ShardIteratorType::AfterSequenceNumber, Some(number), None),
            Start::Moment(moment) => (ShardIteratorType::AtTimestamp, None, Some(moment)),
        };
        let input = GetShardIteratorInput {
            stream_name: Some(self.stream.clone()),
            shard_id: shard.clone(),
            shard_iterator_type: kind,
            starting_sequence_number: number,
            timestamp,
            stream_arn: None,
            dry_run: None,
        };
        ground("iterator", self.client.get_shard_iterator(&input).await?.shard_iterator)
    }

    /// Reads until so many records have come, or the shard has ended. Fails if time has run out.
    async fn read_until(&self, shard: &ShardId, start: Start, count: usize) -> Result<Read, Stop> {
        let iterator = self.iterator(shard, start).await?;
        self.read_on(iterator, count).await
    }

    /// Reads a shard from its beginning until it has ended. Fails if time has run out.
    pub(super) async fn read_to_the_end(&self, shard: &ShardId) -> Result<Read, Stop> {
        self.read_until(shard, Start::TrimHorizon, usize::MAX).await
    }

    async fn read_on(&self, mut iterator: ShardIterator, count: usize) -> Result<Read, Stop> {
        let looks = Looks::until(self.patience);
        let mut records = Vec::new();
        loop {
            let input = GetRecordsInput { shard_iterator: iterator, limit: Some(10), stream_arn: None, dry_run: None };
            let page = self.client.get_records(&input).await?;
            let came = !page.records.is_empty();
            records.extend(page.records);
            match page.next_shard_iterator {
                None => return Ok(Read { records, ended: true, children: page.child_shards }),
                Some(_) if records.len() >= count => {
                    return Ok(Read { records, ended: false, children: page.child_shards });
                }
                Some(next) => iterator = next,
            }
            if !came && !looks.again().await {
                let short = format!("{} records, and no end, after {:?}", records.len(), self.patience);
                return Err(Stop::Failed(short));
            }
        }
    }

    async fn starts_with(&self, shard: &ShardId, start: Start, expected: &SequenceNumber) -> Done {
        let place = format!("first record at {start:?}");
        let read = self.read_until(shard, start, 1).await?;
        same(place, read.records.first().map(|record| &record.sequence_number), Some(expected))
    }
}
