//! The six operations on tags: of streams by name, and of streams and consumers by ARN.

use super::Action;
use super::resource::with_resource;
use crate::here::{Here, staying};
use crate::texts::{Named, TAG_CHARACTERS, argument, validation};
use std::ops::Bound::{Excluded, Unbounded};
use tailwater_wire::shapes::{
    AddTagsToStreamInput, Empty, ListTagsForResourceInput, ListTagsForResourceOutput, ListTagsForStreamInput,
    ListTagsForStreamOutput, RemoveTagsFromStreamInput, Tag, TagKey, TagMap, TagResourceInput, TagValue,
    UntagResourceInput,
};
use tailwater_wire::{Fault, limits};

/// A member that must be given here, in the words for one that must be given always.
pub(super) fn unseen(place: &str) -> Fault {
    validation(format!(
        "1 validation error detected: Value null at '{place}' failed to satisfy constraint: Member must not be null"
    ))
}

/// Whether these tags may be added to those that are there.
pub(super) fn check_added(tags: &TagMap, present: &TagMap, named: Named<'_>) -> Result<(), Fault> {
    let texts = || tags.0.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
    check_characters(texts(), "add", named)?;
    if tags.0.keys().any(|key| key.as_str().starts_with("aws:")) {
        return Err(argument("Tag keys that begin with 'aws:' are reserved."));
    }
    let new = tags.0.keys().filter(|key| !present.0.contains_key(key)).count();
    if (present.0.len() + new) as u64 > limits::TAGS.value { Err(named.too_many_tags()) } else { Ok(()) }
}

fn check_characters<'t>(
    mut texts: impl Iterator<Item = &'t str> + Clone,
    verb: &str,
    named: Named<'_>,
) -> Result<(), Fault> {
    let allowed = |character: char| character.is_alphanumeric() || " _./=+-@%:".contains(character);
    if !texts.clone().all(|text| text.chars().all(allowed)) {
        return Err(argument(TAG_CHARACTERS));
    }
    if texts.any(|text| text.contains('%')) { Err(named.tag_characters(verb)) } else { Ok(()) }
}

fn add(tags: TagMap, present: &mut TagMap, named: Named<'_>) -> Result<Empty, Fault> {
    check_added(&tags, present, named)?;
    present.0.extend(tags.0);
    Ok(Empty {})
}

fn remove(keys: &[TagKey], present: &mut TagMap, named: Named<'_>) -> Result<Empty, Fault> {
    check_characters(keys.iter().map(TagKey::as_str), "remove", named)?;
    for key in keys {
        present.0.remove(key);
    }
    Ok(Empty {})
}

fn shown((key, value): (&TagKey, &TagValue)) -> Tag {
    Tag { key: key.clone(), value: Some(value.clone()) }
}

impl Action for AddTagsToStreamInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            staying(stream, named)?;
            add(self.tags, &mut stream.facts.tags, named)
        })
    }
}

impl Action for RemoveTagsFromStreamInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            staying(stream, named)?;
            remove(&self.tag_keys, &mut stream.facts.tags, named)
        })
    }
}

impl Action for ListTagsForStreamInput {
    fn act(self, here: &Here<'_>) -> Result<ListTagsForStreamOutput, Fault> {
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, _| {
            let after = self.exclusive_start_tag_key.as_ref().map_or(Unbounded, Excluded);
            let mut rest = stream.facts.tags.0.range((after, Unbounded));
            let page = self.limit.map_or(limits::TAGS.value as usize, |limit| limit as usize);
            let tags = rest.by_ref().take(page).map(shown).collect();
            Ok(ListTagsForStreamOutput { tags, has_more_tags: rest.next().is_some() })
        })
    }
}

impl Action for TagResourceInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        with_resource(here, &self.resource_arn, |resource, named| add(self.tags, resource.tags, named))
    }
}

impl Action for UntagResourceInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        with_resource(here, &self.resource_arn, |resource, named| remove(&self.tag_keys, resource.tags, named))
    }
}

impl Action for ListTagsForResourceInput {
    fn act(self, here: &Here<'_>) -> Result<ListTagsForResourceOutput, Fault> {
        with_resource(here, &self.resource_arn, |resource, _| {
            Ok(ListTagsForResourceOutput { tags: Some(resource.tags.0.iter().map(shown).collect()) })
        })
    }
}
