//! Records are put and read: where they land, what comes back, and how large they may be. Called by `main`.

use crate::expect::{Done, EITHER, INVALID, UNKNOWN, WRONG, expect, expect_now, part, refused, shard_id};
use crate::world::{OFTEN, World, until};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry, Record, ShardIteratorType};
use md5::{Digest, Md5};
use std::collections::BTreeSet;

const MIB: usize = 1024 * 1024;
const MANY: usize = 500;
/// 2^128, which is one too many.
const HASH_KEYS: &str = "340282366920938463463374607431768211456";

pub(crate) async fn run(world: &World) -> Done {
    let arn = world.create("records", 3).await?;
    where_they_land(world, &arn).await;
    refusals(world).await;
    many(world).await;
    dry_runs(world).await;
    large(world).await;
    Ok(())
}

async fn where_they_land(world: &World, arn: &str) {
    let client = &world.client;
    world
        .check("a partition key decides the shard", async {
            for (key, number) in [("a", 0), ("b", 1), ("e", 2), ("f", 1)] {
                let put = client.put_record().stream_name("records").data(Blob::new(key)).partition_key(key);
                let answer = put.send().await?;
                expect(&format!("the shard of {key}"), answer.shard_id(), shard_id(number))?;
                expect("EncryptionType", answer.encryption_type(), None)?;
            }
            Ok(())
        })
        .await;
    world
        .check("an explicit hash key decides the shard, at both ends of each", async {
            for shard in world.shards("records").await? {
                let range = shard.hash_key_range().ok_or("a shard without a range")?;
                for end in [range.starting_hash_key(), range.ending_hash_key()] {
                    let put = client.put_record().stream_name("records").data(Blob::new("")).partition_key("k");
                    let answer = put.explicit_hash_key(end).send().await?;
                    expect(&format!("the shard of {end}"), answer.shard_id(), shard.shard_id())?;
                }
            }
            Ok(())
        })
        .await;
    world
        .check("a record by ARN, and numbers that grow", async {
            let put = client.put_record().stream_arn(arn).data(Blob::new("1")).partition_key("a");
            let first = put.clone().send().await?;
            let second =
                put.stream_name("records").sequence_number_for_ordering(first.sequence_number()).send().await?;
            // Both have as many digits.
            expect("digits", second.sequence_number().len(), first.sequence_number().len())?;
            expect("whether the numbers grow", second.sequence_number() > first.sequence_number(), true)
        })
        .await;
}

fn entry(data: impl Into<Vec<u8>>, key: &str) -> Done<PutRecordsRequestEntry> {
    Ok(PutRecordsRequestEntry::builder().data(Blob::new(data)).partition_key(key).build()?)
}

async fn refusals(world: &World) {
    let client = &world.client;
    world
        .check("refused: a hash key beyond the last", async {
            let text = format!(
                "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. \
             Specified value was {HASH_KEYS}"
            );
            let put = client.put_record().stream_name("records").data(Blob::new("x")).partition_key("k");
            refused(WRONG, &[&text], put.explicit_hash_key(HASH_KEYS).send().await)?;
            let bad = PutRecordsRequestEntry::builder().data(Blob::new("x")).partition_key("k");
            let bad = bad.explicit_hash_key(HASH_KEYS).build()?;
            let put = client.put_records().stream_name("records").records(entry("x", "k")?).records(bad);
            refused(WRONG, &["Invalid ExplicitHashKey."], put.send().await)
        })
        .await;
    world
        .check("refused: a partition key that is too long, or missing", async {
            let key = "k".repeat(257);
            let text =
                format!("Value '{key}' at 'partitionKey' failed to satisfy constraint: Member must have length less");
            let put = client.put_record().stream_name("records").data(Blob::new("x"));
            refused(INVALID, &[&text], put.clone().partition_key(key).send().await)?;
            refused(EITHER, &[], put.send().await)
        })
        .await;
    world
        .check("refused: a stream that does not exist", async {
            let texts = ["Stream missing under account "];
            let put = client.put_record().stream_name("missing").data(Blob::new("x")).partition_key("k");
            refused(UNKNOWN, &texts, put.send().await)?;
            let put = client.put_records().stream_name("missing").records(entry("x", "k")?);
            refused(UNKNOWN, &texts, put.send().await)
        })
        .await;
}

fn shard_of(key: &str, shards: usize) -> Done<String> {
    let hash = u128::from_be_bytes(Md5::digest(key).as_slice().try_into()?);
    let number = (0..shards).rev().find(|number| hash >= part(*number, shards)).unwrap_or_default();
    Ok(shard_id(number))
}

async fn many(world: &World) {
    let client = &world.client;
    let key = |number: usize| format!("schlüssel-{number}");
    let mut put: Vec<PutRecordsResultEntry> = Vec::new();
    world
        .check(&format!("{MANY} records in one call, each where its key says"), async {
            world.create("many", 3).await?;
            let entries = (0..MANY).map(|number| entry(number.to_string(), &key(number))).collect::<Done<Vec<_>>>()?;
            let answer = client.put_records().stream_name("many").set_records(Some(entries)).send().await?;
            expect("FailedRecordCount", answer.failed_record_count(), Some(0))?;
            expect("EncryptionType", answer.encryption_type(), None)?;
            put = answer.records;
            for (number, result) in put.iter().enumerate() {
                expect("ErrorCode", result.error_code(), None)?;
                expect(&key(number), result.shard_id(), Some(shard_of(&key(number), 3)?.as_str()))?;
            }
            let numbers: BTreeSet<_> = put.iter().filter_map(PutRecordsResultEntry::sequence_number).collect();
            expect("different numbers", numbers.len(), MANY)
        })
        .await;
    world
        .check("they are read as they were put", async {
            for shard in (0..3).map(shard_id) {
                let mut wanted = Vec::new();
                for (number, result) in put.iter().enumerate() {
                    if result.shard_id() == Some(&shard) {
                        wanted.push((key(number), number.to_string(), result.sequence_number().unwrap_or_default()));
                    }
                }
                let iterator = world.iterator("many", &shard, ShardIteratorType::TrimHorizon).await?;
                let seen = world.read(iterator, wanted.len()).await?;
                expect("how many", seen.len(), wanted.len())?;
                for (record, (key, data, number)) in seen.iter().zip(wanted) {
                    expect("key", record.partition_key(), Some(key.as_str()))?;
                    expect("data", record.data().as_ref(), data.as_bytes())?;
                    expect("number", record.sequence_number(), number)?;
                    expect("EncryptionType", record.encryption_type(), None)?;
                    expect_now("ApproximateArrivalTimestamp", record.approximate_arrival_timestamp())?;
                }
            }
            Ok(())
        })
        .await;
    world
        .check("refused: more than 500 records in one call", async {
            let put = client.put_records().stream_name("many").set_records(Some(vec![entry("x", "k")?; 501]));
            refused(INVALID, &["Member must have length less than or equal to 500"], put.send().await)
        })
        .await;
    world
        .check("refused: more than 10 MiB in one call", async {
            let entries = vec![entry(vec![0; MIB - 1], "k")?; 11];
            refused(EITHER, &[], client.put_records().stream_name("many").set_records(Some(entries)).send().await)
        })
        .await;
}

async fn dry_runs(world: &World) {
    let client = &world.client;
    let dry = "DryRunOperationException";
    world
        .check("dry runs are told so, and do nothing", async {
            world.create("dry", 1).await?;
            let iterator = world.iterator("dry", &shard_id(0), ShardIteratorType::TrimHorizon).await?;
            let put = client.put_record().stream_name("dry").data(Blob::new("dry")).partition_key("k");
            refused(dry, &[], put.dry_run(true).send().await)?;
            let put = client.put_records().stream_name("dry").records(entry("dry", "k")?);
            refused(dry, &[], put.dry_run(true).send().await)?;
            let at = client.get_shard_iterator().stream_name("dry").shard_id(shard_id(0));
            refused(dry, &[], at.shard_iterator_type(ShardIteratorType::Latest).dry_run(true).send().await)?;
            refused(dry, &[], client.get_records().shard_iterator(&iterator).dry_run(true).send().await)?;
            tokio::time::sleep(crate::world::PAUSE).await;
            expect("records", client.get_records().shard_iterator(iterator).send().await?.records().len(), 0)
        })
        .await;
    world
        .check("a dry run fails as the true run would", async {
            let put = client.put_record().stream_name("missing").data(Blob::new("dry")).partition_key("k");
            refused(UNKNOWN, &[], put.dry_run(true).send().await)?;
            let get = client.get_records().shard_iterator("nonsense").dry_run(true);
            refused(WRONG, &["Invalid ShardIterator."], get.send().await)
        })
        .await;
}

async fn large(world: &World) {
    let client = &world.client;
    let mut arn = String::new();
    world
        .check("a record of 1 MiB", async {
            arn = world.create("large", 3).await?;
            alone(world, 0, 0, MIB).await
        })
        .await;
    world
        .check("refused: one byte more", async {
            let put = client.put_record().stream_name("large").data(Blob::new(vec![0; MIB])).partition_key("k");
            refused(EITHER, &[], put.explicit_hash_key(part(1, 3).to_string()).send().await)
        })
        .await;
    world
        .check("refused: a record size of 11 MiB", async {
            let text = "Value '11264' at 'maxRecordSizeInKiB' failed to satisfy constraint";
            refused(
                INVALID,
                &[text],
                client.update_max_record_size().stream_arn(&arn).max_record_size_in_kib(11264).send().await,
            )
        })
        .await;
    world
        .check("a record of 10 MiB, once they may be so large", async {
            client.update_max_record_size().stream_arn(&arn).max_record_size_in_kib(10240).send().await?;
            until("the size is changed", OFTEN, async || {
                Ok((world.settled("large").await?.max_record_size_in_kib() == Some(10240)).then_some(()))
            })
            .await?;
            alone(world, 2, u128::MAX, 10 * MIB).await
        })
        .await;
    world
        .check("create a stream for large records", async {
            let create = client.create_stream().stream_name("large-born").shard_count(1).max_record_size_in_kib(2048);
            create.send().await?;
            expect("MaxRecordSizeInKiB", world.settled("large-born").await?.max_record_size_in_kib(), Some(2048))
        })
        .await;
}

/// Puts a record of this size, key included, and reads it back.
async fn alone(world: &World, shard: usize, hash_key: u128, size: usize) -> Done {
    // No two neighbouring pages are the same.
    let data: Vec<u8> = (0..size - 1).map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let put = world.client.put_record().stream_name("large").data(Blob::new(data.clone())).partition_key("k");
    let answer = put.explicit_hash_key(hash_key.to_string()).send().await?;
    expect("shard", answer.shard_id(), shard_id(shard))?;
    let at = world.client.get_shard_iterator().stream_name("large").shard_id(shard_id(shard));
    let at = at.shard_iterator_type(ShardIteratorType::AtSequenceNumber);
    let at = at.starting_sequence_number(answer.sequence_number()).send().await?;
    let seen: Vec<Record> = world.read(at.shard_iterator.ok_or("an answer without an iterator")?, 1).await?;
    expect("records", seen.len(), 1)?;
    expect("whether the data is what was put", seen[0].data().as_ref() == data, true)?;
    expect("partition key", seen[0].partition_key(), Some("k"))
}
