//! What happened so far, in numbers, and what stands now: one snapshot that can be written down.

use crate::attempts::Trouble;
use crate::health::Health;
use crate::pipeline::Pipeline;
use serde::Serialize;
use std::time::Duration;
use tailwater_record::{ShardId, StreamRef};
use tokio::time::Instant;

/// What one stream's pipeline has counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) accepted_bytes: u64,
    pub(crate) refused: u64,
    pub(crate) waits: u64,
    pub(crate) stored: u64,
    pub(crate) failed: u64,
    pub(crate) parcels: u64,
    pub(crate) sent: u64,
    pub(crate) stored_parcels: u64,
    pub(crate) stored_bytes: u64,
    pub(crate) requests: u64,
    pub(crate) answered: u64,
    pub(crate) request_time: Duration,
    pub(crate) retries: u64,
    pub(crate) throttled: u64,
    pub(crate) transient: u64,
    pub(crate) ambiguous: u64,
    pub(crate) misplaced: u64,
    pub(crate) bisected: u64,
    pub(crate) packed_anew: u64,
    pub(crate) descriptions: u64,
    pub(crate) closed_by_size: u64,
    pub(crate) closed_by_linger: u64,
    pub(crate) closed_by_flush: u64,
}

impl Counts {
    pub(crate) fn troubled(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Throttled => self.throttled += 1,
            Trouble::Transient => self.transient += 1,
            Trouble::Ambiguous => self.ambiguous += 1,
            Trouble::Misplaced => self.misplaced += 1,
            Trouble::Refused => {}
        }
    }
}

/// One stream's producer in numbers. At any moment `accepted` is `stored`, `failed` and `outstanding` together.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StreamStats {
    /// The stream.
    pub stream: String,
    /// User records that were accepted.
    pub accepted: u64,
    /// Their payloads, in bytes.
    pub accepted_bytes: u64,
    /// User records that are stored.
    pub stored: u64,
    /// User records that were given up.
    pub failed: u64,
    /// User records that are neither yet.
    pub outstanding: u64,
    /// What they take of the budget.
    pub outstanding_bytes: u64,
    /// The budget.
    pub budget: u64,
    /// How long the oldest of them has been here.
    pub oldest: Option<Duration>,
    /// User records that were refused at the door.
    pub refused: u64,
    /// Puts that had to wait for room.
    pub waits: u64,
    /// Kinesis records, each counted once.
    pub kinesis_records: u64,
    /// Kinesis records, each counted as often as it was sent.
    pub attempts: u64,
    /// Kinesis records that are stored.
    pub kinesis_records_stored: u64,
    /// Their data, in bytes.
    pub stored_bytes: u64,
    /// Requests.
    pub requests: u64,
    /// Requests that are not answered yet.
    pub requests_under_way: usize,
    /// How long an answer took, on average.
    pub request_time: Option<Duration>,
    /// Kinesis records that were closed because they were full.
    pub closed_by_size: u64,
    /// Kinesis records that were closed because they had lingered.
    pub closed_by_linger: u64,
    /// Kinesis records that were closed by a flush, or a close.
    pub closed_by_flush: u64,
    /// Kinesis records that were put again.
    pub retries: u64,
    /// Attempts that were throttled.
    pub throttled: u64,
    /// Attempts that failed without storing anything.
    pub transient: u64,
    /// Attempts of which it is not known whether they stored something.
    pub ambiguous: u64,
    /// Attempts that stored a Kinesis record where readers pass it over.
    pub misplaced: u64,
    /// Requests that were refused and tried in halves.
    pub bisected: u64,
    /// Kinesis records that were packed anew, as when their shard was split.
    pub packed_anew: u64,
    /// How often the stream was described.
    pub descriptions: u64,
    /// Whether one record per round trip and shard is all there can be: in order, without aggregation.
    pub one_record_per_round_trip: bool,
    /// What the stream is, once it is described.
    pub described: Option<Described>,
    /// How things go.
    pub health: Health,
    /// What stands for each shard.
    pub shards: Vec<ShardStats>,
}

impl StreamStats {
    pub(crate) fn of(name: &StreamRef, pipeline: &Pipeline, now: Instant, one_record_per_round_trip: bool) -> Self {
        let counts = pipeline.counts.clone();
        let shards = pipeline.lanes().map(|lane| ShardStats {
            shard: lane.shard.clone(),
            waiting: lane.waiting(),
            under_way: lane.under_way,
            bytes: lane.used,
            share: lane.pace.share(now),
            failures: lane.failures(),
            stopped: lane.stopped.as_ref().map(|cause| cause.to_string()),
        });
        Self {
            stream: name.to_string(),
            accepted: counts.accepted,
            accepted_bytes: counts.accepted_bytes,
            stored: counts.stored,
            failed: counts.failed,
            outstanding: pipeline.outstanding(),
            outstanding_bytes: pipeline.bytes_outstanding(),
            budget: pipeline.budget(),
            oldest: pipeline.oldest().map(|oldest| now.saturating_duration_since(oldest)),
            refused: counts.refused,
            waits: counts.waits,
            kinesis_records: counts.parcels,
            attempts: counts.sent,
            kinesis_records_stored: counts.stored_parcels,
            stored_bytes: counts.stored_bytes,
            requests: counts.requests,
            requests_under_way: pipeline.requests_under_way(),
            request_time: (counts.answered > 0).then(|| counts.request_time.div_f64(counts.answered as f64)),
            closed_by_size: counts.closed_by_size,
            closed_by_linger: counts.closed_by_linger,
            closed_by_flush: counts.closed_by_flush,
            retries: counts.retries,
            throttled: counts.throttled,
            transient: counts.transient,
            ambiguous: counts.ambiguous,
            misplaced: counts.misplaced,
            bisected: counts.bisected,
            packed_anew: counts.packed_anew,
            descriptions: counts.descriptions,
            one_record_per_round_trip,
            described: pipeline.described_as().map(|(mode, record_limit, spreads)| {
                let mode = mode.map(|mode| mode.as_str().to_owned());
                Described { mode, record_limit, spreads }
            }),
            health: pipeline.trend.health(now),
            shards: shards.collect(),
        }
    }
}

/// What a stream is, as its producer knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Described {
    /// `PROVISIONED` or `ON_DEMAND`; nothing where that is not told.
    pub mode: Option<String>,
    /// The largest record that it takes, with its key, in bytes.
    pub record_limit: usize,
    /// Whether it spreads records by itself, whatever their keys.
    pub spreads: bool,
}

/// What stands for one shard.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ShardStats {
    /// The shard; nothing if the service spreads the records of the whole stream.
    pub shard: Option<ShardId>,
    /// Kinesis records that wait.
    pub waiting: usize,
    /// Kinesis records under way.
    pub under_way: usize,
    /// What its user records take of the budget.
    pub bytes: u64,
    /// The share of the shard's rate that is believed to be ours.
    pub share: f64,
    /// How many attempts in a row have failed.
    pub failures: u32,
    /// Why it stands still, if it does.
    pub stopped: Option<String>,
}

/// A producer in numbers.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Every stream that was used.
    pub streams: Vec<StreamStats>,
}
