//! Shards are listed, split, merged and counted anew, and records outlive it. Called by `main`.

use crate::expect::{
    Done, EITHER, UNKNOWN, WRONG, expect, expect_digits, ids, part, range, refused, shard_id, shard_ids, tiles,
};
use crate::world::{PAUSE, World, until};
use aws_sdk_kinesis::operation::merge_shards::builders::MergeShardsFluentBuilder;
use aws_sdk_kinesis::operation::split_shard::builders::SplitShardFluentBuilder;
use aws_sdk_kinesis::operation::update_shard_count::builders::UpdateShardCountFluentBuilder;
use aws_sdk_kinesis::primitives::{Blob, DateTime};
use aws_sdk_kinesis::types::{
    ChildShard, PutRecordsRequestEntry, ScalingType, Shard, ShardFilter, ShardFilterType, ShardIteratorType,
};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

const STREAM: &str = "resharded";
/// Keys that lie evenly in the hash space.
const LANES: usize = 16;
const HALF: u128 = 1 << 127;
const QUARTER: u128 = 1 << 126;

/// What was put, or read, by partition key.
type Lanes = BTreeMap<String, Vec<String>>;

pub(crate) async fn run(world: &World) -> Done {
    pages(world).await;
    reshard(world).await;
    refusals(world).await;
    counts(world).await;
    Ok(())
}

async fn pages(world: &World) {
    let client = &world.client;
    world
        .check("page through the shards by token alone", async {
            world.create("paged", 5).await?;
            let mut answer = client.list_shards().stream_name("paged").max_results(2).send().await?;
            let mut found = vec![ids(answer.shards()).join(" ")];
            while let Some(token) = answer.next_token {
                answer = client.list_shards().next_token(token).max_results(2).send().await?;
                found.push(ids(answer.shards()).join(" "));
            }
            expect("pages", found, [0..2, 2..4, 4..5].map(|page| shard_ids(page).join(" ")))
        })
        .await;
    world
        .check("refused: a token beside the stream, neither of them, and no token at all", async {
            let first = client.list_shards().stream_name("paged").max_results(2).send().await?;
            let both = client.list_shards().stream_name("paged").set_next_token(first.next_token);
            refused(WRONG, &["NextToken and StreamName cannot be provided together."], both.send().await)?;
            let text = "Either NextToken or StreamName should be provided.";
            refused(WRONG, &[text], client.list_shards().send().await)?;
            let codes = "InvalidArgumentException|ExpiredNextTokenException";
            refused(codes, &[], client.list_shards().next_token("nonsense").send().await)
        })
        .await;
}

fn lanes() -> Lanes {
    (0..LANES).map(|lane| (format!("lane-{lane:02}"), Vec::new())).collect()
}

async fn fill(world: &World, put: &mut Lanes) -> Done {
    for _ in 0..if world.short { 5 } else { 25 } {
        let mut call = world.client.put_records().stream_name(STREAM);
        for (lane, (key, data)) in put.iter_mut().enumerate() {
            data.push(data.len().to_string());
            let entry = PutRecordsRequestEntry::builder().data(Blob::new((data.len() - 1).to_string()));
            let entry = entry.partition_key(key).explicit_hash_key(part(lane, LANES).to_string());
            call = call.records(entry.build()?);
        }
        expect("FailedRecordCount", call.send().await?.failed_record_count(), Some(0))?;
    }
    Ok(())
}

/// Two shards; the first is split, its upper child is merged with the second.
async fn reshard(world: &World) {
    let client = &world.client;
    let (mut put, mut between) = (lanes(), DateTime::from_secs(0));
    world
        .check("split a shard", async {
            world.create(STREAM, 2).await?;
            fill(world, &mut put).await?;
            // Times of shards may be whole seconds, so the seconds must differ.
            sleep(Duration::from_millis(1100)).await;
            between = DateTime::from(SystemTime::now());
            sleep(Duration::from_millis(1100)).await;
            split(world, 0, QUARTER).send().await?;
            expect("open shards", world.settled(STREAM).await?.open_shard_count(), 3)?;
            let shards = world.shards(STREAM).await?;
            expect("shards", ids(&shards), shard_ids(0..4))?;
            let parent = shard_id(0);
            let parents: Vec<_> = shards.iter().map(Shard::parent_shard_id).collect();
            expect("parents", parents, [None, None, Some(parent.as_str()), Some(parent.as_str())])?;
            expect("range", range(&shards[2])?, (0, QUARTER - 1))?;
            expect("range", range(&shards[3])?, (QUARTER, HALF - 1))?;
            let numbers = shards[0].sequence_number_range().ok_or("a shard without numbers")?;
            expect_digits("the parent's end", numbers.ending_sequence_number().unwrap_or_default(), "", 56)?;
            tiles(&shards[1..])?;
            fill(world, &mut put).await
        })
        .await;
    world
        .check("merge two shards", async {
            merge(world, 3, 1).send().await?;
            expect("open shards", world.settled(STREAM).await?.open_shard_count(), 2)?;
            let shards = world.shards(STREAM).await?;
            let child = shards.get(4).ok_or("there is no child")?;
            expect("the child", child.shard_id(), shard_id(4))?;
            expect("its parent", child.parent_shard_id(), Some(shard_id(3).as_str()))?;
            expect("its other parent", child.adjacent_parent_shard_id(), Some(shard_id(1).as_str()))?;
            expect("range", range(child)?, (QUARTER, u128::MAX))?;
            fill(world, &mut put).await
        })
        .await;
    world
        .check("read each shard to its end, and the child shards it names", async {
            let mut seen = lanes();
            let ended = lineage(world, &mut seen).await?;
            expect("records", &seen, &put)?;
            let children =
                |parent| ended.get(&shard_id(parent)).map(|named| named.iter().map(ChildShard::shard_id).collect());
            expect("ended", ended.keys().collect::<Vec<_>>(), shard_ids([0, 1, 3]).iter().collect::<Vec<_>>())?;
            expect("children", children(0).unwrap_or(vec![]), shard_ids([2, 3]))?;
            expect("children", children(1).unwrap_or(vec![]), shard_ids([4]))?;
            expect("children", children(3).unwrap_or(vec![]), shard_ids([4]))?;
            for child in &ended[&shard_id(0)] {
                expect("parents", child.parent_shards(), shard_ids([0]))?;
            }
            let mut parents = ended[&shard_id(1)][0].parent_shards().to_vec();
            parents.sort_unstable();
            expect("parents", parents, shard_ids([1, 3]))?;
            let wanted = ended[&shard_id(3)][0].hash_key_range().ok_or("a child without a range")?;
            expect("range", wanted.starting_hash_key(), QUARTER.to_string())
        })
        .await;
    world
        .check("LATEST on a closed shard leads to its children", async {
            sleep(PAUSE).await;
            let iterator = world.iterator(STREAM, &shard_id(0), ShardIteratorType::Latest).await?;
            let answer = client.get_records().shard_iterator(iterator).send().await?;
            expect("records", answer.records().len(), 0)?;
            expect("NextShardIterator", answer.next_shard_iterator(), None)?;
            let children: Vec<_> = answer.child_shards().iter().map(ChildShard::shard_id).collect();
            expect("children", children, shard_ids([2, 3]))
        })
        .await;
    sleep(Duration::from_millis(2100)).await;
    filters(world, between).await;
}

/// Reads shard after shard, parents first; the child shards that each ended shard named.
async fn lineage(world: &World, seen: &mut Lanes) -> Done<BTreeMap<String, Vec<ChildShard>>> {
    let mut ended = BTreeMap::new();
    for shard in world.shards(STREAM).await? {
        let closed = shard.sequence_number_range().is_some_and(|it| it.ending_sequence_number().is_some());
        let mut next = Some(world.iterator(STREAM, shard.shard_id(), ShardIteratorType::TrimHorizon).await?);
        until(&format!("{} is read", shard.shard_id()), PAUSE, async || {
            let answer = world.client.get_records().set_shard_iterator(next.take()).send().await?;
            for record in answer.records() {
                let lane = record.partition_key().and_then(|key| seen.get_mut(key)).ok_or("a record of nobody")?;
                lane.push(String::from_utf8_lossy(record.data().as_ref()).into_owned());
            }
            next = answer.next_shard_iterator;
            if next.is_none() {
                ended.insert(shard.shard_id().to_owned(), answer.child_shards.unwrap_or_default());
                return Ok(Some(()));
            }
            expect("ChildShards before the end", answer.child_shards, None)?;
            Ok((!closed && answer.millis_behind_latest == Some(0)).then_some(()))
        })
        .await?;
    }
    Ok(ended)
}

async fn filters(world: &World, between: DateTime) {
    use ShardFilterType::{AfterShardId, AtLatest, AtTimestamp, AtTrimHorizon, FromTimestamp, FromTrimHorizon};
    let (everything, opened, initial) = ([0, 1, 2, 3, 4].as_slice(), [2, 4].as_slice(), [0, 1].as_slice());
    let now = DateTime::from(SystemTime::now() - Duration::from_millis(100));
    let before = DateTime::from_secs(now.secs() - 3_600);
    let third = Some(shard_id(2));
    for (kind, when, wanted, after, time) in [
        (AtLatest, "", opened, None, None),
        (AtTrimHorizon, "", initial, None, None),
        (FromTrimHorizon, "", everything, None, None),
        (AfterShardId, "", &[3, 4], third, None),
        (AtTimestamp, ", between", initial, None, Some(between)),
        (AtTimestamp, ", before", initial, None, Some(before)),
        (AtTimestamp, ", now", opened, None, Some(now)),
        (FromTimestamp, ", between", everything, None, Some(between)),
        (FromTimestamp, ", before", everything, None, Some(before)),
        (FromTimestamp, ", now", opened, None, Some(now)),
    ] {
        world
            .check(&format!("list shards {kind}{when}"), async {
                let filter = ShardFilter::builder().r#type(kind).set_shard_id(after).set_timestamp(time).build()?;
                let answer = world.client.list_shards().stream_name(STREAM).shard_filter(filter).send().await?;
                expect("shards", ids(answer.shards()), shard_ids(wanted.iter().copied()))
            })
            .await;
    }
    world
        .check("list shards after a shard", async {
            let asked = world.client.list_shards().stream_name(STREAM).exclusive_start_shard_id(shard_id(1));
            expect("shards", ids(asked.send().await?.shards()), shard_ids(2..5))
        })
        .await;
    world
        .check("refused: filters that lack what they need", async {
            for kind in [AfterShardId, AtTimestamp, FromTimestamp] {
                let filter = ShardFilter::builder().r#type(kind).build()?;
                let asked = world.client.list_shards().stream_name(STREAM).shard_filter(filter);
                refused(EITHER, &[], asked.send().await)?;
            }
            Ok(())
        })
        .await;
}

fn split(world: &World, number: usize, hash_key: u128) -> SplitShardFluentBuilder {
    let split = world.client.split_shard().stream_name(STREAM).shard_to_split(shard_id(number));
    split.new_starting_hash_key(hash_key.to_string())
}

fn merge(world: &World, one: usize, other: usize) -> MergeShardsFluentBuilder {
    let merge = world.client.merge_shards().stream_name(STREAM).shard_to_merge(shard_id(one));
    merge.adjacent_shard_to_merge(shard_id(other))
}

async fn refusals(world: &World) {
    let stream = format!(" in stream {STREAM} under account ");
    world
        .check("refused: to split a closed shard", async {
            let text = " has already been merged or split, and thus is not eligible for merging or splitting.";
            refused(WRONG, &[&format!("Shard {}{stream}", shard_id(0)), text], split(world, 0, QUARTER).send().await)
        })
        .await;
    world.check("refused: to split at an end", async {
        let split = split(world, 2, 1).send().await;
        let text = format!("NewStartingHashKey 1 used in SplitShard() on shard {}{stream}", shard_id(2));
        let why = format!(
            " is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey \
             {}.",
            QUARTER - 1
        );
        refused(WRONG, &[&text, &why], split)
    }).await;
    world
        .check("refused: to split or merge a shard that is not there", async {
            let text = format!("Could not find shard {}{stream}", shard_id(9));
            refused(UNKNOWN, &[&text], split(world, 9, 9).send().await)?;
            refused(UNKNOWN, &[&text], merge(world, 9, 2).send().await)
        })
        .await;
    world
        .check("refused: to merge from the wrong side", async {
            let text = format!("Shards {} and {}{stream}", shard_id(4), shard_id(2));
            let why = " are not an adjacent pair of shards eligible for merging";
            refused(WRONG, &[&text, why], merge(world, 4, 2).send().await)
        })
        .await;
}

fn count(world: &World, target: i32) -> UpdateShardCountFluentBuilder {
    world.client.update_shard_count().target_shard_count(target).scaling_type(ScalingType::UniformScaling)
}

async fn counts(world: &World) {
    let mut arn = String::new();
    world
        .check("double the shards", async {
            arn = world.create("counted", 2).await?;
            let answer = count(world, 4).stream_name("counted").send().await?;
            expect("counts", (answer.current_shard_count(), answer.target_shard_count()), (Some(2), Some(4)))?;
            expect("StreamName", answer.stream_name(), Some("counted"))?;
            even(world, 4).await
        })
        .await;
    world
        .check("halve the shards, by ARN", async {
            let answer = count(world, 2).stream_arn(&arn).send().await?;
            expect("counts", (answer.current_shard_count(), answer.target_shard_count()), (Some(4), Some(2)))?;
            expect("StreamARN", answer.stream_arn(), Some(arn.as_str()))?;
            even(world, 2).await
        })
        .await;
    world
        .check("two shards become three", async {
            count(world, 3).stream_name("counted").send().await?;
            even(world, 3).await
        })
        .await;
    world
        .check("refused: more than double, less than half", async {
            let codes = "InvalidArgumentException|LimitExceededException";
            let more = "UpdateShardCount cannot scale up over double your current open shard count.";
            refused(codes, &[more], count(world, 7).stream_name("counted").send().await)?;
            let less = "UpdateShardCount cannot scale down below half your current open shard count.";
            refused(codes, &[less], count(world, 1).stream_name("counted").send().await)
        })
        .await;
}

async fn even(world: &World, count: usize) -> Done {
    expect("open shards", usize::try_from(world.settled("counted").await?.open_shard_count())?, count)?;
    let open = ShardFilter::builder().r#type(ShardFilterType::AtLatest).build()?;
    let answer = world.client.list_shards().stream_name("counted").shard_filter(open).send().await?;
    let mut starts = answer.shards().iter().map(|shard| Ok(range(shard)?.0)).collect::<Done<Vec<_>>>()?;
    starts.sort_unstable();
    expect("starts", starts, (0..count).map(|number| part(number, count)).collect::<Vec<_>>())?;
    tiles(answer.shards())
}
