//! From where reading begins, and how it goes on. Called by `main`.

use crate::expect::{Done, INVALID, UNKNOWN, WRONG, expect, refused, shard_id};
use crate::world::{PAUSE, World};
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::operation::get_shard_iterator::builders::GetShardIteratorFluentBuilder;
use aws_sdk_kinesis::primitives::{Blob, DateTime};
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

const STREAM: &str = "positions";

pub(crate) async fn run(world: &World) -> Done {
    reading(world).await;
    positions(world).await;
    refusals(world).await;
    Ok(())
}

async fn put(world: &World, stream: &str, data: &str) -> Done<String> {
    let put = world.client.put_record().stream_name(stream).data(Blob::new(data)).partition_key("k");
    Ok(put.send().await?.sequence_number)
}

fn data(answer: &GetRecordsOutput) -> Vec<String> {
    answer.records().iter().map(|record| String::from_utf8_lossy(record.data().as_ref()).into_owned()).collect()
}

async fn reading(world: &World) {
    let client = &world.client;
    let (mut iterator, mut first) = (String::new(), Vec::new());
    world
        .check("a limit, then the rest, and how far behind", async {
            world.create("reading", 1).await?;
            for number in 0..5 {
                put(world, "reading", &number.to_string()).await?;
            }
            sleep(Duration::from_millis(50)).await;
            iterator = world.iterator("reading", &shard_id(0), ShardIteratorType::TrimHorizon).await?;
            let some = client.get_records().shard_iterator(&iterator).limit(2).send().await?;
            expect("data", data(&some), ["0", "1"])?;
            let behind = some.millis_behind_latest().ok_or("an answer without MillisBehindLatest")?;
            expect("whether it is behind, of which it tells", (1..300_000).contains(&behind), true)?;
            expect("ChildShards", some.child_shards.as_ref(), None)?;
            first = some.records;
            sleep(PAUSE).await;
            let rest = client.get_records().set_shard_iterator(some.next_shard_iterator).send().await?;
            expect("data", data(&rest), ["2", "3", "4"])?;
            expect("MillisBehindLatest", rest.millis_behind_latest(), Some(0))?;
            sleep(PAUSE).await;
            let empty = client.get_records().set_shard_iterator(rest.next_shard_iterator).send().await?;
            expect("data at the tip", data(&empty), Vec::<&str>::new())?;
            expect("MillisBehindLatest", empty.millis_behind_latest(), Some(0))
        })
        .await;
    world
        .check("an iterator may be used twice, and with the ARN", async {
            sleep(2 * PAUSE).await;
            let summary = world.summary("reading").await?;
            let again = client.get_records().shard_iterator(&iterator).stream_arn(summary.stream_arn()).limit(2);
            expect("records", again.send().await?.records(), first.as_slice())
        })
        .await;
    world
        .check("refused: what is no iterator", async {
            let get = client.get_records().shard_iterator("nonsense");
            refused(WRONG, &["Invalid ShardIterator."], get.send().await)
        })
        .await;
    world
        .check("refused: a limit of 10001", async {
            let text = "Value '10001' at 'limit' failed to satisfy constraint";
            refused(INVALID, &[text], client.get_records().shard_iterator(&iterator).limit(10001).send().await)
        })
        .await;
}

/// Reads so many records as are wanted from there.
async fn from(world: &World, start: GetShardIteratorFluentBuilder, wanted: &[String]) -> Done<Vec<Record>> {
    sleep(PAUSE).await;
    let answer = start.shard_id(shard_id(0)).send().await?;
    let seen = world.read(answer.shard_iterator.ok_or("an answer without an iterator")?, wanted.len()).await?;
    let numbers: Vec<&str> = seen.iter().map(Record::sequence_number).collect();
    expect("numbers", numbers, wanted)?;
    Ok(seen)
}

async fn positions(world: &World) {
    let (mut order, mut moment) = (Vec::new(), DateTime::from_secs(0));
    let (mut latest, mut arn) = (String::new(), String::new());
    world
        .check("put before and after a moment", async {
            arn = world.create(STREAM, 1).await?;
            for _ in 0..3 {
                order.push(put(world, STREAM, "early").await?);
            }
            sleep(Duration::from_millis(20)).await;
            // The service knows no more than milliseconds.
            moment = DateTime::from_millis(DateTime::from(SystemTime::now()).to_millis()?);
            sleep(Duration::from_millis(20)).await;
            latest = world.iterator(STREAM, &shard_id(0), ShardIteratorType::Latest).await?;
            for _ in 0..3 {
                order.push(put(world, STREAM, "late").await?);
            }
            Ok(())
        })
        .await;
    if order.len() < 6 {
        return;
    }
    let by = |kind| world.client.get_shard_iterator().stream_name(STREAM).shard_iterator_type(kind);
    world
        .check("read from TRIM_HORIZON", async {
            from(world, by(ShardIteratorType::TrimHorizon), &order).await.map(drop)
        })
        .await;
    world
        .check("read from AT_SEQUENCE_NUMBER", async {
            let at = by(ShardIteratorType::AtSequenceNumber).starting_sequence_number(&order[1]);
            from(world, at, &order[1..]).await.map(drop)
        })
        .await;
    world
        .check("read from AFTER_SEQUENCE_NUMBER", async {
            let after = by(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(&order[1]);
            from(world, after, &order[2..]).await.map(drop)
        })
        .await;
    world
        .check("read from AT_TIMESTAMP", async {
            let seen = from(world, by(ShardIteratorType::AtTimestamp).timestamp(moment), &order[3..]).await?;
            // To the millisecond: a record is found by its own time.
            let own = *seen[0].approximate_arrival_timestamp().ok_or("a record without a time")?;
            from(world, by(ShardIteratorType::AtTimestamp).timestamp(own), &order[3..]).await.map(drop)
        })
        .await;
    world
        .check("read from LATEST", async {
            let seen = world.read(latest, 3).await?;
            expect("numbers", seen.iter().map(Record::sequence_number).collect::<Vec<_>>(), &order[3..])
        })
        .await;
    world
        .check("read from a time before the stream, by ARN", async {
            let before = DateTime::from_secs(moment.secs() - 2 * 86_400);
            let at = world.client.get_shard_iterator().stream_arn(&arn).timestamp(before);
            from(world, at.shard_iterator_type(ShardIteratorType::AtTimestamp), &order).await.map(drop)
        })
        .await;
}

async fn refusals(world: &World) {
    let at = world.client.get_shard_iterator().stream_name(STREAM).shard_id(shard_id(0));
    let by = |kind| at.clone().shard_iterator_type(kind);
    world.check("refused: an iterator with no number, or with one too many", async {
        let text = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or \
                    (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified ";
        let none = [text, "specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber."];
        refused(WRONG, &none, by(ShardIteratorType::AtSequenceNumber).send().await)?;
        let also = [text, "specified LATEST and also a StartingSequenceNumber."];
        refused(WRONG, &also, by(ShardIteratorType::Latest).starting_sequence_number("5").send().await)
    }).await;
    world
        .check("refused: an iterator at no time, or in the future", async {
            let none = "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP.";
            refused(WRONG, &[none], by(ShardIteratorType::AtTimestamp).send().await)?;
            let future = "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.";
            let tomorrow = DateTime::from(SystemTime::now() + Duration::from_secs(86_400));
            refused(WRONG, &[future], by(ShardIteratorType::AtTimestamp).timestamp(tomorrow).send().await)
        })
        .await;
    world
        .check("refused: an iterator of no such kind, shard or stream", async {
            let kind =
                "Value 'SOMEWHERE' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value";
            refused(INVALID, &[kind], by(ShardIteratorType::from("SOMEWHERE")).send().await)?;
            let shard = format!("Shard {} in stream positions under account ", shard_id(7));
            refused(UNKNOWN, &[&shard], by(ShardIteratorType::Latest).shard_id(shard_id(7)).send().await)?;
            refused(UNKNOWN, &[], by(ShardIteratorType::Latest).stream_name("missing").send().await)
        })
        .await;
}
