//! `UpdateMaxRecordSize`.

use super::Action;
use crate::here::{Here, active};
use crate::stream::life::Change;
use tailwater_wire::Fault;
use tailwater_wire::shapes::{Empty, UpdateMaxRecordSizeInput};

impl Action for UpdateMaxRecordSizeInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        here.with_stream(None, self.stream_arn.as_ref(), |stream, named| {
            active(stream, named)?;
            stream.facts.life.begin(Change::RecordSize(self.max_record_size_in_ki_b), here.due());
            stream.pass(here.now);
            Ok(Empty {})
        })
    }
}
