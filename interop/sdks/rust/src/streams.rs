//! Streams come, are described and listed, and go. Called by `main`.

use crate::expect::{
    BUSY, Done, EITHER, INVALID, UNKNOWN, expect, expect_digits, expect_now, ids, range, refused, shard_id, shard_ids,
    tiles,
};
use crate::world::{OFTEN, World, until};
use aws_sdk_kinesis::client::Waiters;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{EncryptionType, StreamDescription, StreamMode, StreamModeDetails, StreamStatus};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(60);
const THREE: [(u128, u128); 3] = [
    (0, 113427455640312821154458202477256070484),
    (113427455640312821154458202477256070485, 226854911280625642308916404954512140969),
    (226854911280625642308916404954512140970, 340282366920938463463374607431768211455),
];

pub(crate) async fn run(world: &World) -> Done {
    let client = &world.client;
    let name = "create a provisioned stream with tags, and wait until it exists";
    world
        .check(name, async {
            client
                .create_stream()
                .stream_name("plain")
                .shard_count(3)
                .tags("team", "tail")
                .tags("empty", "")
                .send()
                .await?;
            world.waiting.wait_until_stream_exists().stream_name("plain").wait(WAIT).await?;
            Ok(())
        })
        .await;
    world
        .check("the tags of its creation", async {
            let answer = client.list_tags_for_stream().stream_name("plain").send().await?;
            let tags: Vec<_> = answer.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
            expect("tags", tags, [("empty", Some("")), ("team", Some("tail"))])?;
            expect("HasMoreTags", answer.has_more_tags(), false)
        })
        .await;
    world
        .check("describe a stream", async {
            described(client.describe_stream().stream_name("plain").send().await?.stream_description())
        })
        .await;
    world
        .check("describe a stream by ARN", async {
            let summary = world.summary("plain").await?;
            described(client.describe_stream().stream_arn(summary.stream_arn()).send().await?.stream_description())
        })
        .await;
    world
        .check("summarise a stream", async {
            let summary = world.summary("plain").await?;
            expect("StreamName", summary.stream_name(), "plain")?;
            expect("StreamStatus", summary.stream_status(), &StreamStatus::Active)?;
            expect("RetentionPeriodHours", summary.retention_period_hours(), 24)?;
            expect("OpenShardCount", summary.open_shard_count(), 3)?;
            expect("ConsumerCount", summary.consumer_count(), Some(0))?;
            expect("MaxRecordSizeInKiB", summary.max_record_size_in_kib(), Some(1024))?;
            expect("StreamId", summary.stream_id(), None)?;
            expect("mode", mode(summary.stream_mode_details()), Some(StreamMode::Provisioned))?;
            expect_now("StreamCreationTimestamp", Some(summary.stream_creation_timestamp()))
        })
        .await;
    world
        .check("create an on-demand stream", async {
            let on_demand = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build()?;
            client.create_stream().stream_name("on-demand").stream_mode_details(on_demand).send().await?;
            world.waiting.wait_until_stream_exists().stream_name("on-demand").wait(WAIT).await?;
            let summary = world.summary("on-demand").await?;
            expect("mode", mode(summary.stream_mode_details()), Some(StreamMode::OnDemand))?;
            expect("OpenShardCount", summary.open_shard_count(), 4)
        })
        .await;
    refusals(world).await;
    pages(world).await;
    removal(world).await;
    Ok(())
}

fn mode(details: Option<&StreamModeDetails>) -> Option<StreamMode> {
    details.map(|details| details.stream_mode().clone())
}

fn described(stream: Option<&StreamDescription>) -> Done {
    let stream = stream.ok_or("an answer without a description")?;
    let (beginning, account) =
        stream.stream_arn().split_at(stream.stream_arn().len() - "000000000000:stream/plain".len());
    expect("StreamARN's beginning", beginning, "arn:aws:kinesis:us-east-1:")?;
    expect_digits("StreamARN's account", account.trim_end_matches(":stream/plain"), "", 12)?;
    expect("StreamName", stream.stream_name(), "plain")?;
    expect("StreamStatus", stream.stream_status(), &StreamStatus::Active)?;
    expect("RetentionPeriodHours", stream.retention_period_hours(), 24)?;
    expect("HasMoreShards", stream.has_more_shards(), false)?;
    expect("mode", mode(stream.stream_mode_details()), Some(StreamMode::Provisioned))?;
    expect("EncryptionType", stream.encryption_type().unwrap_or(&EncryptionType::None), &EncryptionType::None)?;
    let metrics: Vec<_> = stream.enhanced_monitoring().iter().map(|it| it.shard_level_metrics().len()).collect();
    expect("EnhancedMonitoring", metrics, [0])?;
    expect_now("StreamCreationTimestamp", Some(stream.stream_creation_timestamp()))?;
    expect("shards", ids(stream.shards()), shard_ids(0..3))?;
    for (shard, wanted) in stream.shards().iter().zip(THREE) {
        expect("range", range(shard)?, wanted)?;
        expect("ParentShardId", shard.parent_shard_id(), None)?;
        expect("AdjacentParentShardId", shard.adjacent_parent_shard_id(), None)?;
        let numbers = shard.sequence_number_range().ok_or("a shard without numbers")?;
        expect_digits("its first number", numbers.starting_sequence_number(), "", 56)?;
        expect("its last number", numbers.ending_sequence_number(), None)?;
    }
    Ok(())
}

async fn refusals(world: &World) {
    let client = &world.client;
    world
        .check("refused: a stream that exists", async {
            let texts = ["Stream plain under account ", " already exists."];
            refused(BUSY, &texts, client.create_stream().stream_name("plain").shard_count(1).send().await)
        })
        .await;
    world
        .check("refused: a stream that does not exist", async {
            let texts = ["Stream missing under account ", " not found."];
            refused(UNKNOWN, &texts, client.describe_stream().stream_name("missing").send().await)?;
            refused(UNKNOWN, &texts, client.describe_stream_summary().stream_name("missing").send().await)?;
            refused(UNKNOWN, &texts, client.list_shards().stream_name("missing").send().await)?;
            refused(UNKNOWN, &texts, client.delete_stream().stream_name("missing").send().await)
        })
        .await;
    world
        .check("refused: the SDK's own variant", async {
            let fault = client.describe_stream().stream_name("missing").send().await.err().ok_or("it was done")?;
            let known = fault.as_service_error().is_some_and(|fault| fault.is_resource_not_found_exception());
            expect("whether it is ResourceNotFoundException", known, true)
        })
        .await;
    world
        .check("refused: provisioned without a shard count, on-demand with one", async {
            refused(EITHER, &[], client.create_stream().stream_name("none").send().await)?;
            let on_demand = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build()?;
            let both = client.create_stream().stream_name("none").shard_count(2).stream_mode_details(on_demand);
            refused(EITHER, &[], both.send().await)
        })
        .await;
    world.check("refused: a name of wrong letters", async {
        let text =
            "Value 'wrong name' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression";
        refused(INVALID, &[text], client.create_stream().stream_name("wrong name").shard_count(1).send().await)
    }).await;
    world
        .check("refused: a name too long, and a limit too high, in one message", async {
            let asked = client.describe_stream().stream_name("x".repeat(129)).limit(10001);
            refused(INVALID, &["2 validation errors detected"], asked.send().await)
        })
        .await;
    world
        .check("refused: neither name nor ARN", async {
            refused(EITHER, &[], client.describe_stream_summary().send().await)?;
            refused(EITHER, &[], client.put_record().data(Blob::new("x")).partition_key("k").send().await)
        })
        .await;
}

async fn pages(world: &World) {
    let client = &world.client;
    let wide: usize = if world.short { 101 } else { 250 };
    world
        .check(&format!("page through the {wide} shards of a stream"), async {
            world.create("wide", i32::try_from(wide)?).await?;
            let mut shards = Vec::new();
            let mut pages = 0;
            loop {
                let last = shards.last().map(|shard: &aws_sdk_kinesis::types::Shard| shard.shard_id().to_owned());
                let asked = client.describe_stream().stream_name("wide").set_exclusive_start_shard_id(last);
                let page = asked.send().await?.stream_description.ok_or("an answer without a description")?;
                shards.extend(page.shards);
                pages += 1;
                if !page.has_more_shards {
                    break;
                }
            }
            expect("pages", pages, wide.div_ceil(100))?;
            expect("shards", ids(&shards), shard_ids(0..wide))?;
            tiles(&shards)
        })
        .await;
    world
        .check("a page of shards, and the one after", async {
            let first = client.describe_stream().stream_name("wide").limit(7).send().await?;
            let first = first.stream_description.ok_or("an answer without a description")?;
            expect("shards", ids(first.shards()), shard_ids(0..7))?;
            expect("HasMoreShards", first.has_more_shards(), true)?;
            let asked =
                client.describe_stream().stream_name("wide").limit(7).exclusive_start_shard_id(shard_id(wide - 3));
            let after = asked.send().await?.stream_description.ok_or("an answer without a description")?;
            expect("shards", ids(after.shards()), shard_ids(wide - 2..wide))?;
            expect("HasMoreShards", after.has_more_shards(), false)
        })
        .await;
    let everything = ["list-0", "list-1", "list-2", "list-3", "list-4", "on-demand", "plain", "wide"];
    world
        .check("page through the streams", async {
            for name in &everything[..5] {
                world.create(name, 1).await?;
            }
            let mut pages = client.list_streams().limit(2).into_paginator().send();
            let (mut sizes, mut names, mut summaries) = (Vec::new(), Vec::new(), Vec::new());
            // No more than there can be: an answer with more to come and no token would go on for ever.
            while let (Some(page), true) = (pages.next().await, sizes.len() < 8) {
                let page = page?;
                sizes.push(page.stream_names().len());
                summaries.extend(page.stream_summaries().to_vec());
                names.extend(page.stream_names);
            }
            expect("pages", sizes, [2, 2, 2, 2])?;
            expect("names", &names, &everything)?;
            for (summary, name) in summaries.iter().zip(everything) {
                expect("a summary's name", summary.stream_name(), name)?;
                let wanted = if name == "on-demand" { StreamMode::OnDemand } else { StreamMode::Provisioned };
                expect("mode", mode(summary.stream_mode_details()), Some(wanted))?;
                expect("status", summary.stream_status(), &StreamStatus::Active)?;
                expect("whether the ARN is its own", summary.stream_arn().ends_with(&format!(":stream/{name}")), true)?;
                expect_now("StreamCreationTimestamp", summary.stream_creation_timestamp())?;
            }
            expect("summaries", summaries.len(), names.len())
        })
        .await;
    world
        .check("streams after a name", async {
            let some = client.list_streams().exclusive_start_stream_name("list-2").limit(2).send().await?;
            expect("names", some.stream_names(), ["list-3", "list-4"])?;
            expect("HasMoreStreams", some.has_more_streams(), true)?;
            let rest = client.list_streams().exclusive_start_stream_name("on-demand").send().await?;
            expect("names", rest.stream_names(), ["plain", "wide"])?;
            expect("HasMoreStreams", rest.has_more_streams(), false)
        })
        .await;
}

async fn removal(world: &World) {
    let client = &world.client;
    world
        .check("delete a stream, and wait until it is gone", async {
            client.delete_stream().stream_name("wide").send().await?;
            world.waiting.wait_until_stream_not_exists().stream_name("wide").wait(WAIT).await?;
            refused(UNKNOWN, &["Stream wide under"], client.describe_stream().stream_name("wide").send().await)
        })
        .await;
    world
        .check("delete a stream by ARN, and its name is free again", async {
            let arn = world.summary("list-0").await?.stream_arn().to_owned();
            client.delete_stream().stream_arn(&arn).send().await?;
            until("list-0 is gone", OFTEN, async || {
                let streams = client.list_streams().send().await?;
                Ok((!streams.stream_names().iter().any(|name| name == "list-0")).then_some(()))
            })
            .await?;
            expect("ARN", world.create("list-0", 2).await?, arn)?;
            expect("shards", ids(&world.shards("list-0").await?), shard_ids(0..2))
        })
        .await;
    world
        .check("delete many streams", async {
            for number in 0..5 {
                client.delete_stream().stream_name(format!("list-{number}")).send().await?;
            }
            for number in 0..5 {
                let gone = world.waiting.wait_until_stream_not_exists().stream_name(format!("list-{number}"));
                gone.wait(WAIT).await?;
            }
            expect("streams", client.list_streams().send().await?.stream_names(), ["on-demand", "plain"])
        })
        .await;
}
