//! `DeleteStream`.

use super::Action;
use crate::here::{Here, staying};
use crate::stream::life::Change;
use crate::texts::in_use;
use tailwater_wire::Fault;
use tailwater_wire::shapes::{DeleteStreamInput, Empty};

impl Action for DeleteStreamInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            staying(stream, named)?;
            let consumers = stream.facts.consumers.len();
            if consumers > 0 && self.enforce_consumer_deletion != Some(true) {
                return Err(in_use(format!(
                    "Stream {} under account {} has {consumers} registered consumers. Deregister them first, or set \
                     EnforceConsumerDeletion.",
                    named.stream, named.account
                )));
            }
            stream.facts.life.begin(Change::Delete, here.due());
            Ok(Empty {})
        })
    }
}
