//! The endpoint under trial, what came of it so far, and streams that are waited for. Made by `main`.

use crate::expect::{Done, expect};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_kinesis::config::{
    AsyncSleep, BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents, SharedAsyncSleep, Sleep,
};
use aws_sdk_kinesis::error::BoxError;
use aws_sdk_kinesis::types::{Record, Shard, ShardIteratorType, StreamDescriptionSummary, StreamStatus};
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a stream may take from one state to the next.
const PATIENCE: Duration = Duration::from_secs(30);
/// Five calls a second are what a shard allows its readers.
pub(crate) const PAUSE: Duration = Duration::from_millis(210);
/// Between two questions whether a stream is there yet.
pub(crate) const OFTEN: Duration = Duration::from_millis(100);

/// What the SDK offers, but for `SubscribeToShard`.
const OFFERED: [&str; 44] = [
    "AddTagsToStream",
    "CreateChannel",
    "CreateStream",
    "DecreaseStreamRetentionPeriod",
    "DeleteChannel",
    "DeleteResourcePolicy",
    "DeleteStream",
    "DeregisterStreamConsumer",
    "DescribeAccountSettings",
    "DescribeChannel",
    "DescribeLimits",
    "DescribeStream",
    "DescribeStreamConsumer",
    "DescribeStreamSummary",
    "DisableEnhancedMonitoring",
    "EnableEnhancedMonitoring",
    "GetRecords",
    "GetResourcePolicy",
    "GetShardIterator",
    "IncreaseStreamRetentionPeriod",
    "ListChannels",
    "ListShards",
    "ListStreamConsumers",
    "ListStreams",
    "ListTagsForResource",
    "ListTagsForStream",
    "MergeShards",
    "PutRecord",
    "PutRecords",
    "PutResourcePolicy",
    "RegisterStreamConsumer",
    "RemoveTagsFromStream",
    "SplitShard",
    "StartStreamEncryption",
    "StopStreamEncryption",
    "TagResource",
    "UntagResource",
    "UpdateAccountSettings",
    "UpdateChannel",
    "UpdateMaxRecordSize",
    "UpdateShardCount",
    "UpdateStreamMode",
    "UpdateStreamRecordDistributionStrategy",
    "UpdateStreamWarmThroughput",
];

/// What the service has besides.
const NOT_OFFERED: [&str; 12] = [
    "AcknowledgeDeadLetterQueueRecords",
    "AcknowledgeQueueRecords",
    "CreateQueue",
    "DeleteQueue",
    "DescribeQueue",
    "ListQueues",
    "ReceiveDeadLetterQueueRecords",
    "ReceiveQueueRecords",
    "RestoreDeadLetterQueueRecords",
    "UpdateDeadLetterQueueRecordsVisibility",
    "UpdateQueue",
    "UpdateQueueRecordsVisibility",
];

pub(crate) struct World {
    pub(crate) client: Client,
    /// For waiters only: between two questions it sleeps a twentieth of the ten seconds that are made for a service
    /// that takes its time.
    pub(crate) waiting: Client,
    pub(crate) short: bool,
    called: Called,
    passed: Cell<usize>,
    failed: Cell<usize>,
}

/// The names of the operations that were called.
#[derive(Clone, Debug, Default)]
struct Called(Arc<Mutex<BTreeSet<String>>>);

impl Intercept for Called {
    fn name(&self) -> &'static str {
        "Called"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let name = bag.load::<Metadata>().ok_or("a call without a name")?.name().to_owned();
        self.0.lock().map_err(|_| "a call panicked")?.insert(name);
        Ok(())
    }
}

#[derive(Debug)]
struct Hasty;

impl AsyncSleep for Hasty {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(sleep(duration / 20))
    }
}

impl World {
    pub(crate) fn new(endpoint: &str, short: bool) -> Self {
        let called = Called::default();
        let config = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "interop"))
            .http_client(Builder::new().build_http())
            .interceptor(called.clone());
        let waiting = config.clone().sleep_impl(SharedAsyncSleep::new(Hasty)).build();
        Self {
            client: Client::from_conf(config.build()),
            waiting: Client::from_conf(waiting),
            short,
            called,
            passed: Cell::new(0),
            failed: Cell::new(0),
        }
    }

    /// Runs it; how it failed is told, and the next check follows.
    pub(crate) async fn check(&self, name: &str, run: impl Future<Output = Done>) {
        match run.await {
            Ok(()) => {
                self.passed.set(self.passed.get() + 1);
                println!("ok {name}");
            }
            Err(fault) => {
                self.failed.set(self.failed.get() + 1);
                // What went wrong stands in the causes.
                let mut told = fault.to_string();
                let mut cause = fault.source();
                while let Some(deeper) = cause {
                    told = format!("{told}: {deeper}");
                    cause = deeper.source();
                }
                let told: String = told.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(500).collect();
                println!("FAILED {name}: {told}");
            }
        }
    }

    /// A new provisioned stream, active; its ARN.
    pub(crate) async fn create(&self, name: &str, shards: i32) -> Done<String> {
        self.client.create_stream().stream_name(name).shard_count(shards).send().await?;
        Ok(self.settled(name).await?.stream_arn().to_owned())
    }

    pub(crate) async fn summary(&self, name: &str) -> Done<StreamDescriptionSummary> {
        let answer = self.client.describe_stream_summary().stream_name(name).send().await?;
        Ok(answer.stream_description_summary.ok_or("an answer without a summary")?)
    }

    /// Waits until the stream is active; its summary.
    pub(crate) async fn settled(&self, name: &str) -> Done<StreamDescriptionSummary> {
        until(&format!("{name} is ACTIVE"), OFTEN, async || {
            let summary = self.summary(name).await?;
            Ok((*summary.stream_status() == StreamStatus::Active).then_some(summary))
        })
        .await
    }

    /// All shards of a stream, open and closed.
    pub(crate) async fn shards(&self, name: &str) -> Done<Vec<Shard>> {
        Ok(self.client.list_shards().stream_name(name).send().await?.shards.unwrap_or_default())
    }

    pub(crate) async fn iterator(&self, stream: &str, shard: &str, kind: ShardIteratorType) -> Done<String> {
        let asked = self.client.get_shard_iterator().stream_name(stream).shard_id(shard).shard_iterator_type(kind);
        Ok(asked.send().await?.shard_iterator.ok_or("an answer without an iterator")?)
    }

    /// Reads on until so many records were seen, or the shard's end.
    pub(crate) async fn read(&self, iterator: String, count: usize) -> Done<Vec<Record>> {
        let mut seen = Vec::new();
        let mut next = Some(iterator);
        until(&format!("{count} records are read"), PAUSE, async || {
            let answer = self.client.get_records().set_shard_iterator(next.take()).send().await?;
            seen.extend(answer.records);
            next = answer.next_shard_iterator;
            Ok((seen.len() >= count || next.is_none()).then_some(()))
        })
        .await?;
        Ok(seen)
    }

    pub(crate) fn all_operations_were_called(&self) -> Done {
        for name in NOT_OFFERED {
            println!("not offered: {name}");
        }
        let called = self.called.0.lock().map_err(|_| "a call panicked")?;
        let never: Vec<&str> = OFFERED.into_iter().filter(|name| !called.contains(*name)).collect();
        expect("operations never called", never, Vec::<&str>::new())
    }

    pub(crate) fn sum_up(&self) -> ExitCode {
        println!("{} passed, {} failed", self.passed.get(), self.failed.get());
        if self.failed.get() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Asks until there is an answer; fails when patience is out.
pub(crate) async fn until<T>(what: &str, pause: Duration, mut asked: impl AsyncFnMut() -> Done<Option<T>>) -> Done<T> {
    let over = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = asked().await? {
            return Ok(answer);
        }
        if Instant::now() > over {
            return Err(format!("waited {PATIENCE:?} in vain until {what}").into());
        }
        sleep(pause).await;
    }
}
