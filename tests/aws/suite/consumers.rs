//! A consumer is registered, described, listed and removed.

use super::{Done, Looks, Stop, World, demand, ground, same};
use tailwater_client::Error;
use tailwater_record::ConsumerName;
use tailwater_wire::FaultCode;
use tailwater_wire::shapes::{
    ConsumerDescription, ConsumerStatus, DeregisterStreamConsumerInput, DescribeStreamConsumerInput,
    ListStreamConsumersInput, RegisterStreamConsumerInput,
};

fn name() -> Result<ConsumerName, Stop> {
    Ok("reader".parse()?)
}

pub(super) async fn register(world: &mut World) -> Done {
    let stream_arn = ground("ARN", world.arn.clone())?;
    let input = RegisterStreamConsumerInput { stream_arn: stream_arn.clone(), consumer_name: name()?, tags: None };
    let consumer = world.client.register_stream_consumer(&input).await?.consumer;
    same("name", &consumer.consumer_name, &name()?)?;
    same("stream in the consumer's ARN", consumer.consumer_arn.stream(), &stream_arn)
}

pub(super) async fn describe(world: &mut World) -> Done {
    let looks = Looks::until(world.patience);
    loop {
        let consumer = described(world).await?;
        same("name", &consumer.consumer_name, &name()?)?;
        if consumer.consumer_status == ConsumerStatus::Active || !looks.again().await {
            return same("status", consumer.consumer_status, ConsumerStatus::Active);
        }
    }
}

async fn described(world: &World) -> Result<ConsumerDescription, Stop> {
    Ok(world.client.describe_stream_consumer(&input(world)?).await?.consumer_description)
}

fn input(world: &World) -> Result<DescribeStreamConsumerInput, Stop> {
    let stream_arn = ground("ARN", world.arn.clone())?;
    Ok(DescribeStreamConsumerInput { stream_arn: Some(stream_arn), consumer_name: Some(name()?), consumer_arn: None })
}

pub(super) async fn list(world: &mut World) -> Done {
    let mut pages = world.client.pages(ListStreamConsumersInput {
        stream_arn: ground("ARN", world.arn.clone())?,
        next_token: None,
        max_results: Some(1),
        stream_creation_timestamp: None,
    });
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await? {
        listed.extend(page.consumers.unwrap_or_default().into_iter().map(|consumer| consumer.consumer_name));
    }
    same("consumers", listed, vec![name()?])
}

/// By ARN; then waits until it is gone.
pub(super) async fn deregister(world: &mut World) -> Done {
    let consumer_arn = Some(described(world).await?.consumer_arn);
    let by_arn = DeregisterStreamConsumerInput { stream_arn: None, consumer_name: None, consumer_arn };
    world.client.deregister_stream_consumer(&by_arn).await?;
    let looks = Looks::until(world.patience);
    loop {
        match world.client.describe_stream_consumer(&input(world)?).await {
            Err(Error::Refused { fault, .. }) if fault.code == FaultCode::ResourceNotFound => return Ok(()),
            Err(error) => return Err(error.into()),
            Ok(_) => demand(looks.again().await, || format!("still there after {:?}", world.patience))?,
        }
    }
}
