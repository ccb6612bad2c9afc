//! What is refused is refused for what it is: nothing happened, and saying it again is no use.

use super::{Done, World, demand, same};
use std::fmt::Debug;
use tailwater_client::Error;
use tailwater_record::StreamName;
use tailwater_wire::FaultCode;
use tailwater_wire::shapes::{DescribeStreamSummaryInput, PutRecordInput};

fn unknown(world: &World) -> Result<StreamName, tailwater_record::Error> {
    format!("{}-unknown", world.stream).parse()
}

pub(super) async fn unknown_stream(world: &mut World) -> Done {
    let input = DescribeStreamSummaryInput { stream_name: Some(unknown(world)?), stream_arn: None };
    is_refused(world.client.describe_stream_summary(&input).await)
}

pub(super) async fn put_to_unknown_stream(world: &mut World) -> Done {
    let input = PutRecordInput {
        stream_name: Some(unknown(world)?),
        partition_key: Some("key".parse()?),
        ..PutRecordInput::new("lost")
    };
    is_refused(world.client.put_record(&input).await)
}

fn is_refused<T: Debug>(answer: Result<T, Error>) -> Done {
    let error = match answer {
        Err(error @ Error::Refused { .. }) => error,
        Err(error) => return Err(error.into()),
        Ok(_) => return demand(false, || "not refused".to_owned()),
    };
    same("fault", error.code(), Some(&FaultCode::ResourceNotFound))?;
    same("retryable", error.is_retryable(), false)?;
    same("may have happened", error.may_have_happened(), false)
}
