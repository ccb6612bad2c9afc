//! Channels, which a local broker need not have: each call is answered by an error that says so. Queues, where the SDK
//! offers them, are to be tried likewise; this version does not.
//! Why: a program that uses them must learn it from the answer, not from a connection cut off or a fault of the server.
//! Called by `main`.

use crate::expect::{Done, expect};
use crate::world::World;
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::types::{ChannelStreamConfiguration, RecordConfiguration, RecordFormatType};
use std::fmt::Debug;

const CHANNEL: &str = "arn:aws:kinesis:us-east-1:000000000000:channel/abcdefgh";
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/plain";

pub(crate) async fn run(world: &World) -> Done {
    let client = &world.client;
    world
        .check("answered by an error: create_channel", async {
            let format = RecordConfiguration::builder().record_format_type(RecordFormatType::Json).build()?;
            let stream =
                ChannelStreamConfiguration::builder().stream_arn(STREAM).record_configuration(format).build()?;
            let create = client.create_channel().channel_name("channel").stream_configuration_list(stream);
            says_so(create.service_execution_role_arn("arn:aws:iam::000000000000:role/channel").send().await)
        })
        .await;
    world
        .check("answered by an error: describe_channel", async {
            says_so(client.describe_channel().channel_arn(CHANNEL).send().await)
        })
        .await;
    world
        .check("answered by an error: update_channel", async {
            says_so(client.update_channel().channel_arn(CHANNEL).send().await)
        })
        .await;
    world
        .check("answered by an error: delete_channel", async {
            says_so(client.delete_channel().channel_arn(CHANNEL).send().await)
        })
        .await;
    world.check("answered by an error: list_channels", async { says_so(client.list_channels().send().await) }).await;
    Ok(())
}

fn says_so<T: Debug, E: ProvideErrorMetadata + Debug>(answer: Result<T, SdkError<E, HttpResponse>>) -> Done {
    let fault = answer.err().ok_or("it was done")?;
    expect("the status", fault.raw_response().map(|response| response.status().as_u16()), Some(400))?;
    let (code, message) = (fault.code().unwrap_or_default(), fault.message().unwrap_or_default());
    let says = code.ends_with("Exception") && !message.is_empty();
    if says { Ok(()) } else { Err(format!("an error that says little: {code}: {message:?}").into()) }
}
