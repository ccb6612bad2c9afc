//! What is measured, for Prometheus: what the pipeline counts, read when it is asked for, and a few distributions.
//! Why read when asked: the way of a record pays nothing for counters that it keeps anyway.

use crate::config::ConfigFault;
use crate::pipeline::Sent;
use crate::producer::Shared;
use crate::stats::StreamStats;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

/// The distributions of all streams.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    room: HistogramVec,
    linger: HistogramVec,
    stored: HistogramVec,
    request: HistogramVec,
    records: HistogramVec,
    bytes: HistogramVec,
    entries: HistogramVec,
    attempts: HistogramVec,
}

/// The distributions of one stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamMetrics {
    room: Histogram,
    linger: Histogram,
    stored: Histogram,
    request: Histogram,
    records: Histogram,
    bytes: Histogram,
    entries: Histogram,
    attempts: Histogram,
}

const STREAM: &str = "stream";
const SHARD: &str = "shard";

impl Metrics {
    /// Registers everything; tells why it cannot be.
    pub(crate) fn register(registry: &Registry) -> Result<Self, ConfigFault> {
        let histogram = |name: &str, help: &str, buckets: Vec<f64>| {
            let options = HistogramOpts::new(format!("tailwater_producer_{name}"), help).buckets(buckets);
            let made = HistogramVec::new(options, &[STREAM]).map_err(refused)?;
            registry.register(Box::new(made.clone())).map_err(refused)?;
            Ok(made)
        };
        let seconds = || prometheus::exponential_buckets(0.001, 2.0, 16).expect("positive and growing");
        let powers = |count| prometheus::exponential_buckets(1.0, 4.0, count).expect("positive and growing");
        Ok(Self {
            room: histogram("room_seconds", "How long puts waited for room", seconds())?,
            linger: histogram("queue_seconds", "How long the oldest record waited until it was sent first", seconds())?,
            stored: histogram("stored_seconds", "How long the oldest record waited until it was stored", seconds())?,
            request: histogram("request_seconds", "How long PutRecords took", seconds())?,
            records: histogram("aggregate_records", "User records of a Kinesis record", powers(7))?,
            bytes: histogram("aggregate_bytes", "Bytes of a Kinesis record", powers(12))?,
            entries: histogram("request_entries", "Kinesis records of a request", powers(6))?,
            attempts: histogram("attempt", "Which attempt a Kinesis record was sent for", powers(5))?,
        })
    }

    /// Takes everything off the registry; what is not there is passed over.
    pub(crate) fn unregister(&self, registry: &Registry) {
        let Self { room, linger, stored, request, records, bytes, entries, attempts } = self.clone();
        for histogram in [room, linger, stored, request, records, bytes, entries, attempts] {
            let _ = registry.unregister(Box::new(histogram));
        }
    }

    pub(crate) fn of(&self, stream: &str) -> StreamMetrics {
        StreamMetrics {
            room: self.room.with_label_values(&[stream]),
            linger: self.linger.with_label_values(&[stream]),
            stored: self.stored.with_label_values(&[stream]),
            request: self.request.with_label_values(&[stream]),
            records: self.records.with_label_values(&[stream]),
            bytes: self.bytes.with_label_values(&[stream]),
            entries: self.entries.with_label_values(&[stream]),
            attempts: self.attempts.with_label_values(&[stream]),
        }
    }
}

impl StreamMetrics {
    pub(crate) fn waited_for_room(&self, time: Duration) {
        self.room.observe(time.as_secs_f64());
    }

    pub(crate) fn sent(&self, parcels: &[Sent]) {
        self.entries.observe(parcels.len() as f64);
        for parcel in parcels {
            self.attempts.observe(parcel.attempt.into());
            if parcel.attempt == 1 {
                self.linger.observe(parcel.waited.as_secs_f64());
                self.records.observe(parcel.records as f64);
                self.bytes.observe(parcel.bytes as f64);
            }
        }
    }

    pub(crate) fn stored(&self, waited: Duration) {
        self.stored.observe(waited.as_secs_f64());
    }

    pub(crate) fn answered(&self, time: Duration) {
        self.request.observe(time.as_secs_f64());
    }
}

fn refused(error: prometheus::Error) -> ConfigFault {
    ConfigFault::Metrics { reason: error.to_string() }
}

type Counted = fn(&StreamStats) -> u64;

/// What only grows.
const COUNTERS: &[(&str, &str, Counted)] = &[
    ("accepted_total", "User records accepted", |stats| stats.accepted),
    ("accepted_bytes_total", "Bytes of their payloads", |stats| stats.accepted_bytes),
    ("stored_total", "User records stored", |stats| stats.stored),
    ("failed_total", "User records given up", |stats| stats.failed),
    ("refused_total", "User records refused at the door", |stats| stats.refused),
    ("waits_total", "Puts that waited for room", |stats| stats.waits),
    ("kinesis_records_total", "Kinesis records, once each", |stats| stats.kinesis_records),
    ("attempts_total", "Kinesis records, as often as they were sent", |stats| stats.attempts),
    ("stored_bytes_total", "Bytes of Kinesis records stored", |stats| stats.stored_bytes),
    ("requests_total", "Requests", |stats| stats.requests),
    ("retries_total", "Kinesis records put again", |stats| stats.retries),
    ("closed_by_size_total", "Kinesis records closed because they were full", |stats| stats.closed_by_size),
    ("closed_by_linger_total", "Kinesis records closed because they had lingered", |stats| stats.closed_by_linger),
    ("closed_by_flush_total", "Kinesis records closed by a flush", |stats| stats.closed_by_flush),
    ("throttled_total", "Attempts that were throttled", |stats| stats.throttled),
    ("transient_total", "Attempts that failed and stored nothing", |stats| stats.transient),
    ("ambiguous_total", "Attempts that failed and may have stored something", |stats| stats.ambiguous),
    ("misplaced_total", "Attempts that were stored where readers pass them over", |stats| stats.misplaced),
    ("bisected_total", "Requests refused whole and tried in halves", |stats| stats.bisected),
    ("packed_anew_total", "Kinesis records packed anew", |stats| stats.packed_anew),
    ("descriptions_total", "Times the stream was described", |stats| stats.descriptions),
];

/// What rises and sinks.
const GAUGES: &[(&str, &str, Counted)] = &[
    ("outstanding_records", "User records that are not settled", |stats| stats.outstanding),
    ("outstanding_bytes", "What they take of the budget", |stats| stats.outstanding_bytes),
    ("requests_under_way", "Requests that are not answered", |stats| stats.requests_under_way as u64),
    ("oldest_milliseconds", "Age of the oldest unsettled record", |stats| {
        stats.oldest.map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
    }),
    ("unhealthy", "0 healthy, 1 throttled, 2 degraded, 3 failing", |stats| stats.health.rank()),
];

/// Reads what all streams of a producer count.
pub(crate) struct Reader {
    producer: Weak<Shared>,
    /// One reading at a time: counters are brought up to date by what they lack.
    reading: Mutex<()>,
    counters: Vec<(IntCounterVec, Counted)>,
    gauges: Vec<(IntGaugeVec, Counted)>,
    /// By shard, if that is wanted.
    shards: Option<(GaugeVec, IntGaugeVec)>,
}

impl Reader {
    pub(crate) fn new(producer: Weak<Shared>, shards: bool) -> Result<Self, ConfigFault> {
        let named = |name: &str, help: &str| Opts::new(format!("tailwater_producer_{name}"), help);
        let counter = |(name, help, counted): &(&str, &str, Counted)| {
            Ok((IntCounterVec::new(named(name, help), &[STREAM]).map_err(refused)?, *counted))
        };
        let gauge = |(name, help, counted): &(&str, &str, Counted)| {
            Ok((IntGaugeVec::new(named(name, help), &[STREAM]).map_err(refused)?, *counted))
        };
        let of_shards = || {
            let share = named("shard_share", "The share of the shard's rate that is believed to be ours");
            let waiting = named("shard_waiting", "Kinesis records that wait for the shard");
            let share = GaugeVec::new(share, &[STREAM, SHARD]).map_err(refused)?;
            Ok((share, IntGaugeVec::new(waiting, &[STREAM, SHARD]).map_err(refused)?))
        };
        Ok(Self {
            producer,
            reading: Mutex::new(()),
            counters: COUNTERS.iter().map(counter).collect::<Result<_, _>>()?,
            gauges: GAUGES.iter().map(gauge).collect::<Result<_, _>>()?,
            shards: if shards { Some(of_shards()?) } else { None },
        })
    }
}

impl Collector for Reader {
    fn desc(&self) -> Vec<&Desc> {
        let counters = self.counters.iter().flat_map(|(counter, _)| counter.desc());
        let gauges = self.gauges.iter().flat_map(|(gauge, _)| gauge.desc());
        let shards = self.shards.iter().flat_map(|(share, waiting)| share.desc().into_iter().chain(waiting.desc()));
        counters.chain(gauges).chain(shards).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = self.producer.upgrade().map(|producer| producer.stats().streams).unwrap_or_default();
        if let Some((share, waiting)) = &self.shards {
            // Shards come and go.
            share.reset();
            waiting.reset();
        }
        for stats in &streams {
            for (counter, counted) in &self.counters {
                let counter = counter.with_label_values(&[&stats.stream]);
                counter.inc_by(counted(stats).saturating_sub(counter.get()));
            }
            for (gauge, counted) in &self.gauges {
                let value = i64::try_from(counted(stats)).unwrap_or(i64::MAX);
                gauge.with_label_values(&[&stats.stream]).set(value);
            }
            let Some((share, waiting)) = &self.shards else { continue };
            for shard in &stats.shards {
                let name = shard.shard.as_ref().map_or_else(String::new, ToString::to_string);
                share.with_label_values(&[&stats.stream, &name]).set(shard.share);
                waiting.with_label_values(&[&stats.stream, &name]).set(shard.waiting as i64);
            }
        }
        let counters = self.counters.iter().flat_map(|(counter, _)| counter.collect());
        let gauges = self.gauges.iter().flat_map(|(gauge, _)| gauge.collect());
        let shards =
            self.shards.iter().flat_map(|(share, waiting)| share.collect().into_iter().chain(waiting.collect()));
        counters.chain(gauges).chain(shards).collect()
    }
}
