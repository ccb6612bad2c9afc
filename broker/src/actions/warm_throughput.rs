//! `UpdateStreamWarmThroughput`. A local stream is as warm as its machine; what is asked for is kept and shown.

use super::Action;
use super::create_stream::may_be_warm;
use crate::here::{Here, active};
use crate::stream::WarmThroughput;
use crate::stream::life::Change;
use tailwater_wire::Fault;
use tailwater_wire::shapes::{UpdateStreamWarmThroughputInput, UpdateStreamWarmThroughputOutput, WarmThroughputObject};

impl From<WarmThroughput> for WarmThroughputObject {
    fn from(throughput: WarmThroughput) -> Self {
        Self { target_mi_bps: Some(throughput.target), current_mi_bps: Some(throughput.current) }
    }
}

impl Action for UpdateStreamWarmThroughputInput {
    fn act(self, here: &Here<'_>) -> Result<UpdateStreamWarmThroughputOutput, Fault> {
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            active(stream, named)?;
            may_be_warm(here, stream.is_on_demand())?;
            let target = self.warm_throughput_mi_bps;
            let current = stream.facts.warm_throughput.map_or(0, |throughput| throughput.current);
            stream.facts.life.begin(Change::WarmThroughput(target), here.due());
            stream.pass(here.now);
            Ok(UpdateStreamWarmThroughputOutput {
                stream_arn: Some(stream.arn.clone()),
                stream_name: Some(stream.arn.name().clone()),
                warm_throughput: Some(WarmThroughput { target, current }.into()),
            })
        })
    }
}
