//! Tags, on streams by name and on anything by ARN.

use super::{Empty, ResourceArn, calls};
use crate::shape::{
    Bounds, Checked, Constraint, Halt, Kind, Member, Place, Sink, Source, Step, keeps_length, shape, token,
};
use std::collections::BTreeMap;
use tailwater_record::{StreamArn, StreamName};

token! {
    /// The name of a tag: 1 to 128 characters.
    pub TagKey, "tag key", 1..=128
}

token! {
    /// The value of a tag: up to 256 characters.
    pub TagValue, "tag value", 0..=256
}

/// Tags by name, in the order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagMap(pub BTreeMap<TagKey, TagValue>);

impl Member for TagMap {
    const KIND: Kind = Kind::Map(TagKey::RULE, TagValue::RULE);

    fn write<S: Sink>(&self, sink: &mut S) {
        sink.map(self.0.len(), |sink| {
            for (key, value) in &self.0 {
                sink.name(key.as_str());
                sink.text(value.as_str());
            }
        });
    }

    fn read<S: Source>(source: &mut S, place: &Place<'_>, bounds: Bounds) -> Result<Option<Self>, Halt> {
        let (mut tags, mut seen, mut kept) = (BTreeMap::new(), 0, true);
        let read = source.map(|source, key| {
            let (key_place, value_place) = (place.then(Step::EntryKey(seen)), place.then(Step::Entry(seen)));
            seen += 1;
            let key = TagKey::of(source, &key_place, key);
            let value = if source.reading().is_strict() && source.null()? {
                source.reading().problem(&value_place, Constraint::Required);
                None
            } else {
                TagValue::read(source, &value_place, None)?
            };
            match (key, value) {
                (Some(key), Some(value)) => drop(tags.insert(key, value)),
                _ => kept = false,
            }
            Ok(())
        });
        read.map_err(|halt| halt.at(place, Self::KIND))?;
        let within = keeps_length(source, place, seen, bounds);
        Ok((kept && within).then_some(Self(tags)))
    }
}

shape! {
    /// A tag in a listing.
    pub struct Tag {
        /// Its name.
        "Key" key: TagKey,
        /// Its value.
        "Value" value: Option<TagValue>,
    }

    /// Adds tags to a stream, or changes their values.
    pub struct AddTagsToStreamInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// The tags.
        "Tags" tags: TagMap [1..=200],
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// Removes tags from a stream; unknown ones do not matter.
    pub struct RemoveTagsFromStreamInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// Their names.
        "TagKeys" tag_keys: Vec<TagKey> [1..=50],
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// Lists the tags of a stream, in the order of their names.
    #[derive(Default)]
    pub struct ListTagsForStreamInput {
        /// The stream, by name.
        "StreamName" stream_name: Option<StreamName>,
        /// Only names behind this one.
        "ExclusiveStartTagKey" exclusive_start_tag_key: Option<TagKey>,
        /// At most so many.
        "Limit" limit: Option<u32> [1..=50],
        /// The stream, by ARN.
        "StreamARN" stream_arn: Option<StreamArn>,
    }

    /// A page of tags.
    pub struct ListTagsForStreamOutput {
        /// The tags.
        "Tags" tags: Vec<Tag> [0..=200],
        /// Whether more follow.
        "HasMoreTags" has_more_tags: bool,
    }

    /// Adds tags to a stream or consumer, or changes their values.
    pub struct TagResourceInput {
        /// The tags.
        "Tags" tags: TagMap [1..=200],
        /// To what.
        "ResourceARN" resource_arn: ResourceArn,
    }

    /// Removes tags from a stream or consumer; unknown ones do not matter.
    pub struct UntagResourceInput {
        /// Their names.
        "TagKeys" tag_keys: Vec<TagKey> [1..=50],
        /// From what.
        "ResourceARN" resource_arn: ResourceArn,
    }

    /// Lists all tags of a stream or consumer.
    pub struct ListTagsForResourceInput {
        /// Of what.
        "ResourceARN" resource_arn: ResourceArn,
    }

    /// The tags.
    #[derive(Default)]
    pub struct ListTagsForResourceOutput {
        /// The tags.
        "Tags" tags: Option<Vec<Tag>> [0..=200],
    }
}

calls! {
    AddTagsToStreamInput = AddTagsToStream -> Empty;
    RemoveTagsFromStreamInput = RemoveTagsFromStream -> Empty;
    ListTagsForStreamInput = ListTagsForStream -> ListTagsForStreamOutput;
    TagResourceInput = TagResource -> Empty;
    UntagResourceInput = UntagResource -> Empty;
    ListTagsForResourceInput = ListTagsForResource -> ListTagsForResourceOutput;
}
