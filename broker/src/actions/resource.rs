//! What has tags and a policy: a stream, or a consumer of one.
//! Called by `tags` and `policies`.

use super::stream_consumers::consumer_not_found;
use crate::here::Here;
use crate::texts::{Named, argument};
use tailwater_record::{ConsumerArn, StreamArn};
use tailwater_wire::Fault;
use tailwater_wire::shapes::{Policy, ResourceArn, TagMap};

/// What a resource has, whichever it is.
pub(super) struct Resource<'s> {
    pub(super) tags: &'s mut TagMap,
    pub(super) policy: &'s mut Option<Policy>,
}

/// Runs `act` on what an ARN names.
pub(super) fn with_resource<T>(
    here: &Here<'_>,
    arn: &ResourceArn,
    act: impl FnOnce(Resource<'_>, Named<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    if let Ok(arn) = arn.as_str().parse::<StreamArn>() {
        return here.with_stream(None, Some(&arn), |stream, named| {
            act(Resource { tags: &mut stream.facts.tags, policy: &mut stream.facts.policy }, named)
        });
    }
    if let Ok(arn) = arn.as_str().parse::<ConsumerArn>() {
        return here.with_stream(None, Some(arn.stream()), |stream, named| {
            let known = stream.facts.consumers.with_arn(&arn).is_some();
            let consumer = stream.facts.consumers.get_mut(arn.name()).filter(|_| known);
            let consumer = consumer.ok_or_else(|| consumer_not_found(arn.name().as_str(), named.account))?;
            act(Resource { tags: &mut consumer.tags, policy: &mut consumer.policy }, named)
        });
    }
    Err(argument(format!("{arn} names neither a stream nor a consumer of this broker.")))
}
