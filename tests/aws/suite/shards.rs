//! Shards are listed, split, merged, and read to their end.

use super::records::are;
use super::{Done, Stop, World, demand, ground, same};
use tailwater_record::{HashKey, HashRange, ShardId};
use tailwater_wire::shapes::{ListShardsInput, MergeShardsInput, Shard, SplitShardInput};

/// One shard split, and its halves merged.
#[derive(Clone)]
pub(super) struct Reshaped {
    parent: Shard,
    lower: Shard,
    upper: Shard,
    merged: Option<Shard>,
}

pub(super) async fn list_one_per_page(world: &mut World) -> Done {
    let mut pages = world.client.pages(ListShardsInput {
        stream_name: Some(world.stream.clone()),
        max_results: Some(1),
        ..Default::default()
    });
    let mut listed: Vec<Vec<ShardId>> = Vec::new();
    while let Some(page) = pages.next().await? {
        listed.push(page.shards.unwrap_or_default().into_iter().map(|shard| shard.shard_id).collect());
        demand(listed.len() <= 3, || format!("more pages than shards: {listed:?}"))?;
    }
    // The last page may be empty: that nothing follows is known only once it was looked for.
    listed.retain(|page| !page.is_empty());
    same("shards, one per page", listed, world.shards.iter().map(|shard| vec![shard.shard_id.clone()]).collect())
}

pub(super) async fn split(world: &mut World) -> Done {
    let parent = ground("shard", world.shards.first().cloned())?;
    let range = HashRange::try_from(&parent.hash_key_range)?;
    let middle = HashKey::new(range.start().number() + (range.end().number() - range.start().number()) / 2 + 1);
    let halves = ground("room to split", range.split(middle))?;
    let input = SplitShardInput {
        stream_name: Some(world.stream.clone()),
        shard_to_split: parent.shard_id.clone(),
        new_starting_hash_key: middle,
        stream_arn: None,
    };
    world.client.split_shard(&input).await?;
    let summary = world.active().await?;
    let listed = world.list_shards().await?;
    same("shards listed", listed.len(), 4)?;
    let closed = ground("parent in the listing", by_id(&listed, &parent.shard_id))?;
    demand(!is_open(&closed), || "the parent has no last sequence number".to_owned())?;
    let child = |expected: HashRange| {
        let children = listed.iter().filter(|shard| shard.parent_shard_id.as_ref() == Some(&parent.shard_id));
        let mut found = children.filter(|shard| HashRange::try_from(&shard.hash_key_range) == Ok(expected));
        ground("child in the listing with half of the parent's hash keys", found.next().cloned())
    };
    let (lower, upper) = (child(halves.0)?, child(halves.1)?);
    demand(is_open(&lower) && is_open(&upper), || "a child is closed".to_owned())?;
    same("adjacent parent", &lower.adjacent_parent_shard_id, &None)?;
    world.reshaped = Some(Reshaped { parent: closed, lower, upper, merged: None });
    same("open shards", summary.open_shard_count, 3)
}

pub(super) async fn merge(world: &mut World) -> Done {
    let Reshaped { parent, lower, upper, .. } = ground("split shard", world.reshaped.clone())?;
    let input = MergeShardsInput {
        stream_name: Some(world.stream.clone()),
        shard_to_merge: lower.shard_id.clone(),
        adjacent_shard_to_merge: upper.shard_id.clone(),
        stream_arn: None,
    };
    world.client.merge_shards(&input).await?;
    let summary = world.active().await?;
    let listed = world.list_shards().await?;
    same("shards listed", listed.len(), 5)?;
    for half in [&lower, &upper] {
        let closed = ground("half in the listing", by_id(&listed, &half.shard_id))?;
        demand(!is_open(&closed), || format!("{} has no last sequence number", closed.shard_id))?;
    }
    let mut found = listed.into_iter().filter(|shard| shard.parent_shard_id.as_ref() == Some(&lower.shard_id));
    let merged = ground("child of the lower half in the listing", found.next())?;
    same("adjacent parent", merged.adjacent_parent_shard_id.as_ref(), Some(&upper.shard_id))?;
    demand(merged.hash_key_range == parent.hash_key_range, || "the range is not that of both halves".to_owned())?;
    demand(is_open(&merged), || "the merged shard is closed".to_owned())?;
    if let Some(reshaped) = &mut world.reshaped {
        reshaped.merged = Some(merged);
    }
    same("open shards", summary.open_shard_count, 2)
}

pub(super) async fn read_to_the_end(world: &mut World) -> Done {
    let Reshaped { parent, lower, .. } = merged(world)?;
    for shard in [&parent, &lower] {
        let read = world.read_to_the_end(&shard.shard_id).await?;
        are(&read.records, &world.stored_in(&shard.shard_id))?;
    }
    Ok(())
}

/// Those of a split, and the one of a merge with both its parents.
pub(super) async fn children_at_the_end(world: &mut World) -> Done {
    let Reshaped { parent, lower, upper, merged } = merged(world)?;
    let merged = ground("merged shard", merged)?;
    let (one, both) = (vec![parent.shard_id.clone()], vec![lower.shard_id.clone(), upper.shard_id.clone()]);
    for (ended, children) in [(&parent, vec![(&lower, &one), (&upper, &one)]), (&lower, vec![(&merged, &both)])] {
        let told = world.read_to_the_end(&ended.shard_id).await?.children.unwrap_or_default();
        if told.is_empty() {
            return Err(Stop::NotOffered("the last page of a shard names no child shards".to_owned()));
        }
        same("children", told.len(), children.len())?;
        for (child, parents) in children {
            let told = told.iter().find(|told| told.shard_id == child.shard_id);
            let told = ground("child by its id", told)?;
            same("parents", &told.parent_shards, parents)?;
            demand(told.hash_key_range == child.hash_key_range, || format!("{}: other hash keys", child.shard_id))?;
        }
    }
    Ok(())
}

fn merged(world: &World) -> Result<Reshaped, Stop> {
    ground("merged shard", world.reshaped.clone().filter(|reshaped| reshaped.merged.is_some()))
}

fn by_id(shards: &[Shard], id: &ShardId) -> Option<Shard> {
    shards.iter().find(|shard| shard.shard_id == *id).cloned()
}

fn is_open(shard: &Shard) -> bool {
    shard.sequence_number_range.ending_sequence_number.is_none()
}
