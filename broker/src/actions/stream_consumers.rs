//! `RegisterStreamConsumer`, `DeregisterStreamConsumer`, `DescribeStreamConsumer`, `ListStreamConsumers`.

use super::list_shards::made_at;
use super::tags::check_added;
use super::{Action, listing};
use crate::here::{Here, serving, staying};
use crate::stream::Stream;
use crate::stream::consumers::Registered;
use crate::stream::sequence::second;
use crate::texts::{Named, argument, in_use, limit, not_found};
use tailwater_record::{AccountId, ConsumerArn, ConsumerName, StreamArn, Timestamp};
use tailwater_wire::shapes::{
    Consumer, ConsumerDescription, ConsumerStatus, DeregisterStreamConsumerInput, DescribeStreamConsumerInput,
    DescribeStreamConsumerOutput, Empty, ListStreamConsumersInput, ListStreamConsumersOutput, NextToken,
    RegisterStreamConsumerInput, RegisterStreamConsumerOutput, StreamStatus,
};
use tailwater_wire::{Fault, limits};

impl Registered {
    fn shown(&self, now: Timestamp) -> Consumer {
        Consumer {
            consumer_name: self.arn.name().clone(),
            consumer_arn: self.arn.clone(),
            consumer_status: self.status(now),
            consumer_creation_timestamp: self.created,
        }
    }
}

impl Action for RegisterStreamConsumerInput {
    fn act(self, here: &Here<'_>) -> Result<RegisterStreamConsumerOutput, Fault> {
        let tags = self.tags.unwrap_or_default();
        // Asked before the stream is held, as the account has a lock of its own.
        let committed = here.commitment().holds(here.now);
        here.with_stream(None, Some(&self.stream_arn), |stream, named| {
            if stream.status() == StreamStatus::Creating {
                return Err(named.not_active(&stream.status()));
            }
            staying(stream, named)?;
            check_added(&tags, &Default::default(), named)?;
            let name = &self.consumer_name;
            if stream.facts.consumers.get(name).is_some() {
                return Err(in_use(format!(
                    "Consumer {name} under stream {} already exists for account {}.",
                    self.stream_arn, named.account
                )));
            }
            keeps_quotas(here, stream, named, committed)?;
            // A name that is registered anew within the second must not get the ARN that it had.
            let seconds = second(here.now).max(stream.facts.consumers.last_created() + 1);
            let arn = self.stream_arn.consumer(name.clone(), seconds);
            stream.facts.consumers.register(arn, tags, here.now, here.due());
            let consumer = stream.facts.consumers.get(name).map(|consumer| consumer.shown(here.now));
            let mut consumer = consumer.ok_or_else(|| consumer_not_found(name.as_str(), named.account))?;
            // It may be active by now; but nobody expects that of the answer.
            consumer.consumer_status = ConsumerStatus::Creating;
            Ok(RegisterStreamConsumerOutput { consumer })
        })
    }
}

fn keeps_quotas(here: &Here<'_>, stream: &Stream, named: Named<'_>, committed: bool) -> Result<(), Fault> {
    if !here.keeps_quotas() {
        return Ok(());
    }
    let Named { stream: name, account } = named;
    let advantage = stream.is_on_demand() && committed;
    let most = if advantage { limits::CONSUMERS_COMMITTED } else { limits::CONSUMERS }.value;
    if stream.facts.consumers.len() as u64 >= most {
        return Err(limit(format!("Stream {name} under account {account} has reached its limit of {most} consumers.")));
    }
    let most = limits::CONSUMERS_CREATING.value;
    if stream.facts.consumers.creating(here.now) as u64 >= most {
        return Err(limit(format!(
            "Stream {name} under account {account} can have at most {most} consumers simultaneously be in CREATING state."
        )));
    }
    Ok(())
}

/// How a request names a consumer: by ARN, by stream and name, or by all three.
struct Named3<'r> {
    stream: Option<&'r StreamArn>,
    name: Option<&'r ConsumerName>,
    arn: Option<&'r ConsumerArn>,
}

impl Named3<'_> {
    /// Runs `act` on the stream and the consumer.
    fn with<T>(
        &self,
        here: &Here<'_>,
        act: impl FnOnce(&mut Stream, Registered, Named<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (stream, name) = match (self.arn, self.stream, self.name) {
            (Some(arn), stream, name) => {
                let consistent =
                    stream.is_none_or(|stream| stream == arn.stream()) && name.is_none_or(|name| name == arn.name());
                if !consistent {
                    return Err(argument("ConsumerARN, StreamARN and ConsumerName do not name the same consumer."));
                }
                (arn.stream(), arn.name())
            }
            (None, Some(stream), Some(name)) => (stream, name),
            _ => return Err(argument("Either ConsumerARN or StreamARN and ConsumerName should be provided.")),
        };
        here.with_stream(None, Some(stream), |stream, named| {
            let found = match self.arn {
                Some(arn) => stream.facts.consumers.with_arn(arn),
                None => stream.facts.consumers.get(name),
            };
            let found = found.cloned().ok_or_else(|| consumer_not_found(name.as_str(), named.account))?;
            act(stream, found, named)
        })
    }
}

/// A consumer that is not there.
pub(super) fn consumer_not_found(name: &str, account: AccountId) -> Fault {
    not_found(format!("Consumer {name}, account {account} not found."))
}

impl Action for DeregisterStreamConsumerInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        let Self { stream_arn, consumer_name, consumer_arn } = &self;
        let named = Named3 { stream: stream_arn.as_ref(), name: consumer_name.as_ref(), arn: consumer_arn.as_ref() };
        named.with(here, |stream, consumer, _| {
            if consumer.status(here.now) != ConsumerStatus::Deleting {
                stream.facts.consumers.deregister(consumer.arn.name(), here.due(), here.now);
            }
            Ok(Empty {})
        })
    }
}

impl Action for DescribeStreamConsumerInput {
    fn act(self, here: &Here<'_>) -> Result<DescribeStreamConsumerOutput, Fault> {
        let Self { stream_arn, consumer_name, consumer_arn } = &self;
        let named = Named3 { stream: stream_arn.as_ref(), name: consumer_name.as_ref(), arn: consumer_arn.as_ref() };
        named.with(here, |stream, consumer, _| {
            let shown = consumer.shown(here.now);
            let consumer_description = ConsumerDescription {
                consumer_name: shown.consumer_name,
                consumer_arn: shown.consumer_arn,
                consumer_status: shown.consumer_status,
                consumer_creation_timestamp: shown.consumer_creation_timestamp,
                stream_arn: stream.arn.clone(),
            };
            Ok(DescribeStreamConsumerOutput { consumer_description })
        })
    }
}

impl Action for ListStreamConsumersInput {
    fn act(self, here: &Here<'_>) -> Result<ListStreamConsumersOutput, Fault> {
        let page = u64::from(self.max_results.unwrap_or(u32::MAX)).min(limits::LISTING_PAGE.value) as usize;
        let place = self.next_token.as_ref().map(|token| Place::open(here, token)).transpose()?;
        here.with_stream(None, Some(&self.stream_arn), |stream, named| {
            let other = place.as_ref().is_some_and(|place| place.serial != stream.serial);
            if other || self.stream_creation_timestamp.is_some_and(|created| !made_at(stream, created)) {
                return Err(named.not_found());
            }
            if stream.status() != StreamStatus::Creating {
                serving(stream, named)?;
            }
            let after = place.as_ref().map(|place| &place.after);
            let mut rest = stream.facts.consumers.after(after);
            let consumers: Vec<Consumer> = rest.by_ref().take(page).map(|consumer| consumer.shown(here.now)).collect();
            let last = consumers.last().filter(|_| rest.next().is_some());
            let next_token = last.and_then(|last| Place::seal(here, stream.serial, &last.consumer_name));
            Ok(ListStreamConsumersOutput { consumers: Some(consumers), next_token })
        })
    }
}

/// Where a listing goes on.
struct Place {
    serial: u64,
    after: ConsumerName,
}

impl Place {
    fn seal(here: &Here<'_>, serial: u64, after: &ConsumerName) -> Option<NextToken> {
        here.next_token(listing::CONSUMERS, [&serial.to_be_bytes(), after.as_str().as_bytes()].concat())
    }

    fn open(here: &Here<'_>, token: &NextToken) -> Result<Self, Fault> {
        let content = here.read_token(listing::CONSUMERS, token)?;
        let read = || {
            let (serial, after) = content.split_first_chunk()?;
            Some(Self { serial: u64::from_be_bytes(*serial), after: std::str::from_utf8(after).ok()?.parse().ok()? })
        };
        read().ok_or_else(|| argument("Invalid NextToken."))
    }
}
