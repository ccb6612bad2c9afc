//! Consumers of a stream come, are described and listed, and go. Called by `main`.

use crate::expect::{BUSY, Done, UNKNOWN, expect, expect_digits, expect_now, refused};
use crate::settings::pairs;
use crate::world::{OFTEN, World, until};
use aws_sdk_kinesis::client::Waiters;
use aws_sdk_kinesis::types::ConsumerStatus;
use std::collections::BTreeMap;
use std::time::Duration;

const STREAM: &str = "consumed";

pub(crate) async fn run(world: &World) -> Done {
    let client = &world.client;
    let arn = world.create(STREAM, 1).await?;
    let nothing = arn.replace("stream/consumed", "stream/missing");
    let mut arns = BTreeMap::new();
    let named = |name: &str| client.describe_stream_consumer().stream_arn(&arn).consumer_name(name);
    world
        .check("register consumers, one with tags", async {
            for name in ["one", "two", "three"] {
                let mut register = client.register_stream_consumer().stream_arn(&arn).consumer_name(name);
                if name == "one" {
                    register = register.tags("team", "tail");
                }
                let consumer = register.send().await?.consumer.ok_or("an answer without a consumer")?;
                expect("name", consumer.consumer_name(), name)?;
                expect("state", consumer.consumer_status(), &ConsumerStatus::Creating)?;
                expect_digits("ConsumerARN", consumer.consumer_arn(), &format!("{arn}/consumer/{name}:"), 10)?;
                expect_now("ConsumerCreationTimestamp", Some(consumer.consumer_creation_timestamp()))?;
                arns.insert(name.to_owned(), consumer.consumer_arn);
            }
            for name in arns.keys() {
                until(&format!("{name} is ACTIVE"), OFTEN, async || {
                    let answer = named(name).send().await?;
                    let status = answer.consumer_description().map(|consumer| consumer.consumer_status());
                    Ok((status == Some(&ConsumerStatus::Active)).then_some(()))
                })
                .await?;
            }
            Ok(())
        })
        .await;
    let one = arns.get("one").ok_or("no consumer was registered")?;
    world
        .check("describe a consumer, by its ARN and by its name", async {
            for asked in [client.describe_stream_consumer().consumer_arn(one), named("one")] {
                let consumer = asked.send().await?.consumer_description.ok_or("an answer without a description")?;
                expect("ConsumerName", consumer.consumer_name(), "one")?;
                expect("ConsumerARN", consumer.consumer_arn(), one)?;
                expect("ConsumerStatus", consumer.consumer_status(), &ConsumerStatus::Active)?;
                expect("StreamARN", consumer.stream_arn(), &arn)?;
                expect_now("ConsumerCreationTimestamp", Some(consumer.consumer_creation_timestamp()))?;
            }
            Ok(())
        })
        .await;
    world
        .check("page through the consumers", async {
            let mut pages = client.list_stream_consumers().stream_arn(&arn).max_results(2).into_paginator().send();
            let (mut sizes, mut found) = (Vec::new(), BTreeMap::new());
            while let Some(page) = pages.next().await {
                let page = page?;
                sizes.push(page.consumers().len());
                found.extend(
                    page.consumers.unwrap_or_default().into_iter().map(|it| (it.consumer_name, it.consumer_arn)),
                );
            }
            expect("pages", sizes, [2, 1])?;
            expect("consumers", &found, &arns)
        })
        .await;
    world
        .check("the summary counts them", async {
            expect("ConsumerCount", world.settled(STREAM).await?.consumer_count(), Some(3))
        })
        .await;
    world
        .check("tags and a policy of a consumer", async {
            let tags = async |arn: &str| {
                let answer = client.list_tags_for_resource().resource_arn(arn).send().await?;
                Ok::<_, Box<dyn std::error::Error>>(pairs(answer.tags()))
            };
            expect("tags", tags(one).await?, ["team=tail"])?;
            client.tag_resource().resource_arn(one).tags("more", "1").send().await?;
            client.untag_resource().resource_arn(one).tag_keys("team").send().await?;
            expect("tags", tags(one).await?, ["more=1"])?;
            expect("tags of the stream", tags(&arn).await?.len(), 0)?;
            let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
            client.put_resource_policy().resource_arn(one).policy(policy).send().await?;
            expect("policy", client.get_resource_policy().resource_arn(one).send().await?.policy(), policy)?;
            refused(UNKNOWN, &[], client.get_resource_policy().resource_arn(&arn).send().await)?;
            client.delete_resource_policy().resource_arn(one).send().await?;
            Ok(())
        })
        .await;
    world
        .check("refused: a consumer twice, one that is not there, one of no stream", async {
            let register = client.register_stream_consumer().consumer_name("one");
            refused(BUSY, &[], register.clone().stream_arn(&arn).send().await)?;
            refused(UNKNOWN, &[], named("four").send().await)?;
            let deregister = client.deregister_stream_consumer().stream_arn(&arn).consumer_name("four");
            refused(UNKNOWN, &[], deregister.send().await)?;
            refused(UNKNOWN, &[], register.stream_arn(&nothing).send().await)?;
            refused(UNKNOWN, &[], client.list_stream_consumers().stream_arn(&nothing).send().await)
        })
        .await;
    world
        .check("deregister consumers, by ARN and by name", async {
            client.deregister_stream_consumer().consumer_arn(one).send().await?;
            client.deregister_stream_consumer().stream_arn(&arn).consumer_name("two").send().await?;
            until("one is left", OFTEN, async || {
                let left = client.list_stream_consumers().stream_arn(&arn).send().await?;
                Ok(left.consumers().iter().map(|it| it.consumer_name()).eq(["three"]).then_some(()))
            })
            .await?;
            refused(UNKNOWN, &[], client.describe_stream_consumer().consumer_arn(one).send().await)?;
            expect("ConsumerCount", world.settled(STREAM).await?.consumer_count(), Some(1))
        })
        .await;
    world
        .check("a stream with consumers is deleted only by force", async {
            let delete = client.delete_stream().stream_name(STREAM);
            refused(BUSY, &[], delete.clone().send().await)?;
            refused(BUSY, &[], delete.clone().enforce_consumer_deletion(false).send().await)?;
            delete.enforce_consumer_deletion(true).send().await?;
            world.waiting.wait_until_stream_not_exists().stream_name(STREAM).wait(Duration::from_secs(60)).await?;
            refused(UNKNOWN, &[], named("three").send().await)
        })
        .await;
    Ok(())
}
