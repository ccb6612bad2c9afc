//! Tags are added, listed and removed, by the stream's name and by its ARN.

use super::{Done, Stop, World, ground, same};
use tailwater_wire::shapes::{
    AddTagsToStreamInput, ListTagsForResourceInput, ListTagsForStreamInput, RemoveTagsFromStreamInput, ResourceArn,
    Tag, TagKey, TagMap, TagResourceInput, TagValue, UntagResourceInput,
};

fn tags(pairs: &[(&str, &str)]) -> Result<TagMap, Stop> {
    let tag = |(key, value): &(&str, &str)| Ok::<(TagKey, TagValue), Stop>((key.parse()?, value.parse()?));
    Ok(TagMap(pairs.iter().map(tag).collect::<Result<_, _>>()?))
}

fn pairs(tags: &[Tag]) -> Vec<(&str, &str)> {
    let mut pairs: Vec<_> =
        tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_ref().map_or("", TagValue::as_str))).collect();
    pairs.sort_unstable();
    pairs
}

pub(super) async fn by_name(world: &mut World) -> Done {
    let stream_name = Some(world.stream.clone());
    let three = tags(&[("area", "north"), ("empty", ""), ("team", "water works")])?;
    let add = AddTagsToStreamInput { stream_name: stream_name.clone(), tags: three, stream_arn: None };
    world.client.add_tags_to_stream(&add).await?;
    let list = ListTagsForStreamInput { stream_name: stream_name.clone(), ..Default::default() };
    let listed = world.client.list_tags_for_stream(&list).await?;
    same("tags", pairs(&listed.tags), vec![("area", "north"), ("empty", ""), ("team", "water works")])?;
    let page = world.client.list_tags_for_stream(&ListTagsForStreamInput { limit: Some(1), ..list.clone() }).await?;
    same("tags on a page of one", (pairs(&page.tags), page.has_more_tags), (vec![("area", "north")], true))?;
    let tag_keys = vec!["area".parse()?, "empty".parse()?];
    let remove = RemoveTagsFromStreamInput { stream_name, tag_keys, stream_arn: None };
    world.client.remove_tags_from_stream(&remove).await?;
    let left = world.client.list_tags_for_stream(&list).await?;
    same("tags left", pairs(&left.tags), vec![("team", "water works")])?;
    let remove = RemoveTagsFromStreamInput { tag_keys: vec!["team".parse()?], ..remove };
    world.client.remove_tags_from_stream(&remove).await?;
    Ok(())
}

pub(super) async fn by_arn(world: &mut World) -> Done {
    let resource_arn = ResourceArn::from(&ground("ARN", world.arn.clone())?);
    let add = TagResourceInput { tags: tags(&[("one", "1"), ("two", "2")])?, resource_arn: resource_arn.clone() };
    world.client.tag_resource(&add).await?;
    let list = ListTagsForResourceInput { resource_arn: resource_arn.clone() };
    let listed = world.client.list_tags_for_resource(&list).await?.tags.unwrap_or_default();
    same("tags", pairs(&listed), vec![("one", "1"), ("two", "2")])?;
    let remove = UntagResourceInput { tag_keys: vec!["one".parse()?], resource_arn };
    world.client.untag_resource(&remove).await?;
    let left = world.client.list_tags_for_resource(&list).await?.tags.unwrap_or_default();
    same("tags left", pairs(&left), vec![("two", "2")])
}
