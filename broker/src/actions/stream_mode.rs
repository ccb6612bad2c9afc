//! `UpdateStreamMode`.

use super::Action;
use super::create_stream::may_be_warm;
use crate::here::{Here, active};
use crate::stream::life::Change;
use tailwater_wire::Fault;
use tailwater_wire::shapes::{Empty, StreamMode, UpdateStreamModeInput};

impl Action for UpdateStreamModeInput {
    fn act(self, here: &Here<'_>) -> Result<Empty, Fault> {
        let mode = self.stream_mode_details.stream_mode;
        if self.warm_throughput_mi_bps.is_some() {
            may_be_warm(here, mode == StreamMode::OnDemand)?;
        }
        here.with_stream(None, Some(&self.stream_arn), |stream, named| {
            active(stream, named)?;
            let change = Change::Mode { mode, warm_throughput: self.warm_throughput_mi_bps };
            stream.facts.life.begin(change, here.due());
            stream.pass(here.now);
            Ok(Empty {})
        })
    }
}
