//! What a Kinesis does, as steps that any client call can see: one suite for every broker, and for AWS.
//! Why one: what a broker does differently from the service shows only when both are asked the same.
//! The steps build on each other, on one stream that the first makes and the last deletes; a step whose ground is
//! missing fails and says so. Each step is bounded in time.
//! Called by `tests/aws/main.rs` (AWS) and by `cargo xtask interop brokers` (local brokers).

#[path = "suite/stream.rs"]
mod stream;
#[path = "suite/records.rs"]
mod records;
#[path = "suite/shards.rs"]
mod shards;
#[path = "suite/consumers.rs"]
mod consumers;
#[path = "suite/tags.rs"]
mod tags;
#[path = "suite/refusals.rs"]
mod refusals;

use bytes::Bytes;
use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;
use tailwater_client::{Client, Error};
use tailwater_record::{HashKey, HashRange, PartitionKey, SequenceNumber, ShardId, StreamArn, StreamName};
use tailwater_wire::FaultCode;
use tailwater_wire::shapes::{
    DescribeStreamSummaryInput, ListShardsInput, Shard, StreamDescriptionSummary, StreamStatus,
};
use tailwater_wire::time::{SystemClock, WallClock};
use tokio::time::{Instant, sleep, timeout};

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// The server says that it does not know this, or leaves out what is documented to be left out by some.
    NotOffered(String),
    Failed(String),
}

/// A step and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) step: &'static str,
    pub(crate) outcome: Outcome,
}

type Done = Result<(), Stop>;
type Step = for<'w> fn(&'w mut World) -> Pin<Box<dyn Future<Output = Done> + Send + 'w>>;

macro_rules! steps {
    ($($name:literal => $step:path;)*) => {
        const STEPS: &[(&str, Step)] = &[$(($name, |world| Box::pin($step(world)))),*];
    };
}

steps! {
    "create a stream of two shards" => stream::create;
    "wait until the stream is active" => stream::wait_until_active;
    "describe the stream with its shards" => stream::describe;
    "the shards of a new stream are of equal width" => stream::hash_ranges;
    "describe the stream in summary" => stream::describe_in_summary;
    "describe the stream by ARN" => stream::describe_by_arn;
    "list streams, one per page" => stream::list_streams;
    "list shards, one per page" => shards::list_one_per_page;
    "put one record" => records::put_one;
    "put fifty records in one call" => records::put_many;
    "read all records, in order in each shard" => records::read_all;
    "times are those of the day" => records::times;
    "an iterator at the trim horizon" => records::trim_horizon;
    "an iterator at a sequence number" => records::at_sequence_number;
    "an iterator after a sequence number" => records::after_sequence_number;
    "an iterator at the latest" => records::latest;
    "an iterator at a timestamp" => records::at_timestamp;
    "split a shard" => shards::split;
    "merge two shards" => shards::merge;
    "read closed shards to their end" => shards::read_to_the_end;
    "child shards are told at the end" => shards::children_at_the_end;
    "register a consumer" => consumers::register;
    "describe a consumer" => consumers::describe;
    "list consumers" => consumers::list;
    "deregister a consumer" => consumers::deregister;
    "tag a stream by name" => tags::by_name;
    "tag a stream by ARN" => tags::by_arn;
    "keep records longer, then less long" => stream::retention;
    "an unknown stream is refused" => refusals::unknown_stream;
    "a put to an unknown stream is refused" => refusals::put_to_unknown_stream;
    "delete the stream and wait until it is gone" => stream::delete;
}

/// Takes every step, whatever became of those before. `patience` is how long the server may take to change a stream.
pub(crate) async fn run(client: Client, patience: Duration) -> Vec<Report> {
    let mut world = World::new(client, patience);
    let mut reports = Vec::with_capacity(STEPS.len());
    for (name, step) in STEPS {
        // A step changes a stream twice at the most.
        let outcome = match timeout(patience * 3, step(&mut world)).await {
            Ok(Ok(())) => Outcome::Passed,
            Ok(Err(Stop::NotOffered(reason))) => Outcome::NotOffered(reason),
            Ok(Err(Stop::Failed(reason))) => Outcome::Failed(reason),
            Err(_) => Outcome::Failed(format!("not over after {:?}", patience * 3)),
        };
        reports.push(Report { step: name, outcome });
    }
    reports
}

/// Why a step ends early.
enum Stop {
    NotOffered(String),
    Failed(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        let unknown = match &error {
            Error::Refused { fault, .. } => match &fault.code {
                FaultCode::UnknownOperation => true,
                FaultCode::Other { status, .. } => matches!(status, 404 | 501),
                _ => false,
            },
            Error::Alien { status, .. } => matches!(status, 404 | 501),
            _ => false,
        };
        if unknown { Self::NotOffered(error.to_string()) } else { Self::Failed(error.to_string()) }
    }
}

impl From<tailwater_record::Error> for Stop {
    fn from(error: tailwater_record::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Fails with the text unless it holds.
fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> Done {
    if holds { Ok(()) } else { Err(Stop::Failed(otherwise())) }
}

/// Fails unless both are the same.
fn same<T: PartialEq + std::fmt::Debug>(what: impl Display, seen: T, expected: T) -> Done {
    demand(seen == expected, || format!("{what}: expected {expected:?}, saw {seen:?}"))
}

/// Fails if an earlier step did not leave what this one stands on.
fn ground<T>(what: &str, left: Option<T>) -> Result<T, Stop> {
    left.ok_or_else(|| Stop::Failed(format!("an earlier step left no {what}")))
}

/// What the steps hand on to each other.
struct World {
    client: Client,
    stream: StreamName,
    patience: Duration,
    arn: Option<StreamArn>,
    /// As listed before any was split.
    shards: Vec<Shard>,
    stored: Vec<Stored>,
    reshaped: Option<shards::Reshaped>,
}

/// A record, and where the server says it is.
#[derive(Clone)]
struct Stored {
    shard: ShardId,
    sequence: SequenceNumber,
    key: PartitionKey,
    data: Bytes,
}

impl World {
    fn new(client: Client, patience: Duration) -> Self {
        // Nobody else's stream, and not that of an earlier run that was cut short.
        let name = format!("tailwater-{:x}-{:x}", SystemClock.now().millis(), std::process::id());
        let stream = name.parse().expect("letters, digits and hyphens make a name");
        Self { client, stream, patience, arn: None, shards: Vec::new(), stored: Vec::new(), reshaped: None }
    }

    fn summary_input(&self) -> DescribeStreamSummaryInput {
        DescribeStreamSummaryInput { stream_name: Some(self.stream.clone()), stream_arn: None }
    }

    /// The stream, once it takes changes.
    async fn active(&self) -> Result<StreamDescriptionSummary, Stop> {
        let summary = self.client.wait_until_active(&self.summary_input(), self.patience).await?;
        same("status", &summary.stream_status, &StreamStatus::Active)?;
        Ok(summary)
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, Stop> {
        let mut pages =
            self.client.pages(ListShardsInput { stream_name: Some(self.stream.clone()), ..Default::default() });
        let mut shards = Vec::new();
        while let Some(page) = pages.next().await? {
            shards.extend(page.shards.unwrap_or_default());
        }
        Ok(shards)
    }

    /// The shard that a record with this hash key belongs to, before any is split.
    fn owner(&self, key: HashKey) -> Option<&ShardId> {
        let owns = |shard: &&Shard| HashRange::try_from(&shard.hash_key_range).is_ok_and(|range| range.contains(key));
        self.shards.iter().find(owns).map(|shard| &shard.shard_id)
    }

    /// What was stored in a shard, in the order of its numbers.
    fn stored_in(&self, shard: &ShardId) -> Vec<Stored> {
        let mut stored: Vec<Stored> = self.stored.iter().filter(|stored| stored.shard == *shard).cloned().collect();
        stored.sort_by(|one, other| one.sequence.cmp(&other.sequence));
        stored
    }
}

/// Looks again and again, with pauses, until time has run out.
struct Looks {
    over: Instant,
}

impl Looks {
    /// Five looks per second are what a shard allows.
    const PAUSE: Duration = Duration::from_millis(200);

    fn until(patience: Duration) -> Self {
        Self { over: Instant::now() + patience }
    }

    /// Waits for the next look; false when there is no time for one.
    async fn again(&self) -> bool {
        sleep(Self::PAUSE).await;
        Instant::now() < self.over
    }
}
