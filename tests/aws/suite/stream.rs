//! A stream is made, described, listed, kept longer and less long, and deleted.

use super::{Done, Looks, Stop, World, demand, ground, same};
use std::num::NonZeroU32;
use tailwater_record::{HashRange, StreamName};
use tailwater_wire::shapes::{
    CreateStreamInput, DecreaseStreamRetentionPeriodInput, DeleteStreamInput, DescribeStreamInput,
    DescribeStreamSummaryInput, IncreaseStreamRetentionPeriodInput, ListStreamsInput, Shard, StreamStatus,
};

const SHARDS: NonZeroU32 = NonZeroU32::new(2).expect("two is not zero");

pub(super) async fn create(world: &mut World) -> Done {
    let input = CreateStreamInput::provisioned(world.stream.clone(), SHARDS.get());
    world.client.create_stream(&input).await?;
    Ok(())
}

pub(super) async fn wait_until_active(world: &mut World) -> Done {
    world.active().await?;
    Ok(())
}

pub(super) async fn describe(world: &mut World) -> Done {
    let input = DescribeStreamInput { stream_name: Some(world.stream.clone()), ..Default::default() };
    let stream = world.client.describe_stream(&input).await?.stream_description;
    (world.arn, world.shards) = (Some(stream.stream_arn.clone()), stream.shards.clone());
    same("name", &stream.stream_name, &world.stream)?;
    same("name in the ARN", stream.stream_arn.name(), &world.stream)?;
    same("status", &stream.stream_status, &StreamStatus::Active)?;
    same("retention", stream.retention_period_hours, 24)?;
    same("more shards", stream.has_more_shards, false)?;
    same("shards", stream.shards.len(), SHARDS.get() as usize)?;
    let whole = ranges(world)?.into_iter().reduce(|low, high| low.merge(high).unwrap_or(low));
    same("hash keys of all shards together", whole, Some(HashRange::FULL))?;
    let open = |shard: &Shard| shard.sequence_number_range.ending_sequence_number.is_none();
    demand(stream.shards.iter().all(open), || "a new shard is closed".to_owned())
}

/// As the service cuts them, which other tools compute beforehand.
pub(super) async fn hash_ranges(world: &mut World) -> Done {
    same("hash ranges", ranges(world)?, HashRange::uniform(SHARDS).collect())
}

fn ranges(world: &World) -> Result<Vec<HashRange>, Stop> {
    Ok(world.shards.iter().map(|shard| HashRange::try_from(&shard.hash_key_range)).collect::<Result<_, _>>()?)
}

pub(super) async fn describe_in_summary(world: &mut World) -> Done {
    let summary = world.client.describe_stream_summary(&world.summary_input()).await?.stream_description_summary;
    same("name", &summary.stream_name, &world.stream)?;
    same("ARN", Some(&summary.stream_arn), world.arn.as_ref())?;
    same("open shards", summary.open_shard_count, SHARDS.get())?;
    same("consumers", summary.consumer_count.unwrap_or(0), 0)
}

pub(super) async fn describe_by_arn(world: &mut World) -> Done {
    let arn = ground("ARN", world.arn.clone())?;
    let input = DescribeStreamSummaryInput { stream_name: None, stream_arn: Some(arn) };
    let summary = world.client.describe_stream_summary(&input).await?.stream_description_summary;
    same("name", &summary.stream_name, &world.stream)
}

/// The two streams that follow ours by name: the account may hold others, which the listing passes over.
pub(super) async fn list_streams(world: &mut World) -> Done {
    let others: [StreamName; 2] = [format!("{}-b", world.stream).parse()?, format!("{}-c", world.stream).parse()?];
    let summary = |name: &StreamName| DescribeStreamSummaryInput { stream_name: Some(name.clone()), stream_arn: None };
    for name in &others {
        world.client.create_stream(&CreateStreamInput::provisioned(name.clone(), 1)).await?;
        world.client.wait_until_active(&summary(name), world.patience).await?;
    }
    let listed = two_pages_of_streams(world).await;
    for name in &others {
        let input = DeleteStreamInput { stream_name: Some(name.clone()), ..Default::default() };
        world.client.delete_stream(&input).await?;
        let gone = world.client.wait_until_gone(&summary(name), world.patience).await?;
        demand(gone, || format!("{name} is still there after {:?}", world.patience))?;
    }
    same("names, one per page", listed?, others.map(|name| vec![name]).to_vec())
}

async fn two_pages_of_streams(world: &World) -> Result<Vec<Vec<StreamName>>, Stop> {
    let start = Some(world.stream.clone());
    let input = ListStreamsInput { limit: Some(1), exclusive_start_stream_name: start, next_token: None };
    let mut pages = world.client.pages(input);
    let mut listed = Vec::new();
    while listed.len() < 2 {
        let Some(page) = pages.next().await? else { break };
        listed.push(page.stream_names);
    }
    Ok(listed)
}

pub(super) async fn retention(world: &mut World) -> Done {
    let stream_name = Some(world.stream.clone());
    let longer = IncreaseStreamRetentionPeriodInput {
        stream_name: stream_name.clone(),
        retention_period_hours: 48,
        stream_arn: None,
    };
    world.client.increase_stream_retention_period(&longer).await?;
    keeps(world, 48).await?;
    let shorter = DecreaseStreamRetentionPeriodInput { stream_name, retention_period_hours: 24, stream_arn: None };
    world.client.decrease_stream_retention_period(&shorter).await?;
    keeps(world, 24).await
}

/// Waits until the stream tells this retention, and takes changes again.
async fn keeps(world: &World, hours: i32) -> Done {
    let looks = Looks::until(world.patience);
    loop {
        let told = world.active().await?.retention_period_hours;
        if told == hours || !looks.again().await {
            return same("retention", told, hours);
        }
    }
}

pub(super) async fn delete(world: &mut World) -> Done {
    let input = DeleteStreamInput {
        stream_name: Some(world.stream.clone()),
        enforce_consumer_deletion: Some(true),
        stream_arn: None,
    };
    world.client.delete_stream(&input).await?;
    let gone = world.client.wait_until_gone(&world.summary_input(), world.patience).await?;
    demand(gone, || format!("still there after {:?}", world.patience))
}
