//! The consumers registered on a stream.
//! As with the stream's own life, moments pass when somebody looks.
//! Pure. Called by `stream`.

use std::collections::BTreeMap;
use tailwater_record::{ConsumerArn, ConsumerName, Timestamp};
use tailwater_wire::shapes::{ConsumerStatus, Policy, TagMap};

/// A registered consumer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Registered {
    pub(crate) arn: ConsumerArn,
    pub(crate) created: Timestamp,
    pub(crate) tags: TagMap,
    pub(crate) policy: Option<Policy>,
    active_from: Timestamp,
    gone_from: Option<Timestamp>,
}

impl Registered {
    /// One as it was written down, with the moments from which it is active and gone.
    pub(crate) fn restore(
        arn: ConsumerArn,
        created: Timestamp,
        tags: TagMap,
        policy: Option<Policy>,
        (active_from, gone_from): (Timestamp, Option<Timestamp>),
    ) -> Self {
        Self { arn, created, tags, policy, active_from, gone_from }
    }

    /// The moments from which it is active and gone.
    pub(crate) fn moments(&self) -> (Timestamp, Option<Timestamp>) {
        (self.active_from, self.gone_from)
    }

    pub(crate) fn status(&self, now: Timestamp) -> ConsumerStatus {
        match self.gone_from {
            Some(_) => ConsumerStatus::Deleting,
            None if now < self.active_from => ConsumerStatus::Creating,
            None => ConsumerStatus::Active,
        }
    }
}

/// The consumers of a stream, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Consumers {
    by_name: BTreeMap<ConsumerName, Registered>,
    last_created: u64,
}

impl Consumers {
    /// Consumers as they were written down.
    pub(crate) fn restore(consumers: impl IntoIterator<Item = Registered>, last_created: u64) -> Self {
        let by_name = consumers.into_iter().map(|consumer| (consumer.arn.name().clone(), consumer)).collect();
        Self { by_name, last_created }
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, now: Timestamp) {
        self.by_name.retain(|_, consumer| consumer.gone_from.is_none_or(|gone| now < gone));
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// The second in the ARN that was given out last.
    pub(crate) fn last_created(&self) -> u64 {
        self.last_created
    }

    /// How many are being registered.
    pub(crate) fn creating(&self, now: Timestamp) -> usize {
        self.by_name.values().filter(|consumer| consumer.status(now) == ConsumerStatus::Creating).count()
    }

    pub(crate) fn get(&self, name: &ConsumerName) -> Option<&Registered> {
        self.by_name.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &ConsumerName) -> Option<&mut Registered> {
        self.by_name.get_mut(name)
    }

    /// The one with this ARN; a name registered anew has another.
    pub(crate) fn with_arn(&self, arn: &ConsumerArn) -> Option<&Registered> {
        self.get(arn.name()).filter(|consumer| consumer.arn == *arn)
    }

    /// Those behind a name, in order.
    pub(crate) fn after(&self, name: Option<&ConsumerName>) -> impl Iterator<Item = &Registered> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.by_name
            .range::<ConsumerName, _>((name.map_or(Unbounded, Excluded), Unbounded))
            .map(|(_, consumer)| consumer)
    }

    pub(crate) fn register(&mut self, arn: ConsumerArn, tags: TagMap, now: Timestamp, active_from: Timestamp) {
        let name = arn.name().clone();
        self.last_created = arn.created();
        self.by_name.insert(name, Registered { arn, created: now, tags, policy: None, active_from, gone_from: None });
    }

    pub(crate) fn deregister(&mut self, name: &ConsumerName, gone_from: Timestamp, now: Timestamp) {
        if let Some(consumer) = self.by_name.get_mut(name) {
            consumer.gone_from = Some(gone_from);
        }
        self.pass(now);
    }
}
