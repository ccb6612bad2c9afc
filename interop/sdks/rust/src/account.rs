//! What the account promises, what it gets for it, and what it may have. Called by `main`.

use crate::expect::{Done, expect, expect_now, refused};
use crate::world::{OFTEN, World, until};
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{
    MinimumThroughputBillingCommitmentInput as Input, MinimumThroughputBillingCommitmentInputStatus as InputStatus,
    MinimumThroughputBillingCommitmentOutput as Output, MinimumThroughputBillingCommitmentOutputStatus as Status,
    StreamMode, StreamModeDetails,
};
use std::time::SystemTime;

const DAY: i64 = 86_400;

pub(crate) async fn run(world: &World) -> Done {
    commitment(world).await;
    limits(world).await;
    Ok(())
}

async fn commit(world: &World, status: InputStatus) -> Done<Output> {
    let input = Input::builder().status(status).build()?;
    let answer = world.client.update_account_settings().minimum_throughput_billing_commitment(input).send().await?;
    Ok(answer.minimum_throughput_billing_commitment.ok_or("an answer without a commitment")?)
}

async fn committed(world: &World) -> Done<Output> {
    let answer = world.client.describe_account_settings().send().await?;
    Ok(answer.minimum_throughput_billing_commitment.ok_or("an answer without a commitment")?)
}

async fn commitment(world: &World) {
    let client = &world.client;
    let warm = client.update_stream_warm_throughput().stream_name("warm").warm_throughput_mibps(100);
    let on_demand = || StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build();
    world
        .check("refused: warm throughput for an account without the commitment", async {
            client.create_stream().stream_name("warm").stream_mode_details(on_demand()?).send().await?;
            world.settled("warm").await?;
            expect("Status", committed(world).await?.status(), &Status::Disabled)?;
            let codes = "InvalidArgumentException|ValidationException|LimitExceededException";
            refused(codes, &[], warm.clone().send().await)
        })
        .await;
    world
        .check("commit the account", async {
            for commitment in [commit(world, InputStatus::Enabled).await?, committed(world).await?] {
                expect("Status", commitment.status(), &Status::Enabled)?;
                expect_now("StartedAt", commitment.started_at())?;
                let day_before = commitment.earliest_allowed_end_at().map(|end| DateTime::from_secs(end.secs() - DAY));
                expect_now("a day before it may end", day_before.as_ref())?;
            }
            Ok(())
        })
        .await;
    world
        .check("warm throughput, asked for and there", async {
            let answer = warm.clone().send().await?;
            expect("StreamName", answer.stream_name(), Some("warm"))?;
            expect("TargetMiBps", answer.warm_throughput().and_then(|it| it.target_mibps), Some(100))?;
            until("it is warm", OFTEN, async || {
                let summary = world.settled("warm").await?;
                Ok(summary.warm_throughput().is_some_and(|it| it.current_mibps == Some(100)).then_some(()))
            })
            .await?;
            let create = client.create_stream().stream_name("warm-born").stream_mode_details(on_demand()?);
            create.warm_throughput_mibps(50).send().await?;
            let summary = world.settled("warm-born").await?;
            expect("TargetMiBps", summary.warm_throughput().and_then(|it| it.target_mibps), Some(50))
        })
        .await;
    world
        .check("a commitment ends no sooner than it may", async {
            let commitment = commit(world, InputStatus::Disabled).await?;
            expect("Status", commitment.status(), &Status::EnabledUntilEarliestAllowedEnd)?;
            let end = commitment.earliest_allowed_end_at().ok_or("a commitment without an end")?;
            expect("whether it ends later", end > &DateTime::from(SystemTime::now()), true)?;
            expect("Status", commit(world, InputStatus::Enabled).await?.status(), &Status::Enabled)
        })
        .await;
}

async fn limits(world: &World) {
    world
        .check("the account's limits, and what counts against them", async {
            let answer = world.client.describe_limits().send().await?;
            let (mut provisioned, mut all, mut streams) = (0, 0, 0);
            let mut pages = world.client.list_streams().into_paginator().send();
            while let Some(page) = pages.next().await {
                for stream in page?.stream_summaries() {
                    let opened = world.settled(stream.stream_name()).await?.open_shard_count();
                    all += opened;
                    match stream.stream_mode_details().map(StreamModeDetails::stream_mode) {
                        Some(StreamMode::OnDemand) => streams += 1,
                        _ => provisioned += opened,
                    }
                }
            }
            expect("OnDemandStreamCount", answer.on_demand_stream_count(), streams)?;
            let opened = answer.open_shard_count();
            expect(&format!("whether {opened} shards are open"), (provisioned..=all).contains(&opened), true)?;
            let within = answer.shard_limit() >= opened && answer.on_demand_stream_count_limit() >= streams;
            expect("whether all is within the limits", within, true)
        })
        .await;
}
