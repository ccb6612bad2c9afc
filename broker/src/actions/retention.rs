//! `IncreaseStreamRetentionPeriod` and `DecreaseStreamRetentionPeriod`.

use super::Action;
use crate::here::{Here, active};
use crate::stream::{Stream, hours};
use crate::texts::{Named, retention_too_long, retention_too_short};
use tailwater_record::{StreamArn, StreamName};
use tailwater_wire::shapes::{DecreaseStreamRetentionPeriodInput, Empty, IncreaseStreamRetentionPeriodInput};
use tailwater_wire::{Fault, limits};

impl Action for IncreaseStreamRetentionPeriodInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        let hours = self.retention_period_hours;
        change(here, self.stream_name.as_ref(), self.stream_arn.as_ref(), hours, |stream, named, asked| {
            let present = stream.retention_hours();
            if asked < present { Err(named.retention_shorter(hours, present)) } else { Ok(()) }
        })
    }
}

impl Action for DecreaseStreamRetentionPeriodInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        let hours = self.retention_period_hours;
        change(here, self.stream_name.as_ref(), self.stream_arn.as_ref(), hours, |stream, named, asked| {
            let present = stream.retention_hours();
            if asked > present { Err(named.retention_longer(hours, present)) } else { Ok(()) }
        })
    }
}

fn change(
    here: &Here<'_>,
    name: Option<&StreamName>,
    arn: Option<&StreamArn>,
    asked: i32,
    allowed: impl FnOnce(&Stream, Named<'_>, u64) -> Result<(), Fault>,
) -> Result<Empty, Fault> {
    here.with_stream(name, arn, |stream, named| {
        let period = u64::try_from(asked).unwrap_or(0);
        if period < limits::RETENTION_MIN.value {
            return Err(retention_too_short(asked));
        }
        if period > limits::RETENTION_MAX.value {
            return Err(retention_too_long(asked));
        }
        active(stream, named)?;
        allowed(stream, named, period)?;
        // What is too old by now stays forgotten, also if the stream keeps more from now on.
        stream.trim(here.now);
        stream.facts.retention = hours(period);
        stream.trim(here.now);
        Ok(Empty {})
    })
}
