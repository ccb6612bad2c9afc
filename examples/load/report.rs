//! What came of it, as text and as JSON.

use super::arguments::Arguments;
use super::driver::Seen;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt;
use std::time::Duration;
use tailwater::producer::StreamStats;

/// Everything that was measured. Latencies are of stored records.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// What was asked for.
    load: String,
    /// From the first put to the last receipt.
    pub(crate) seconds: f64,
    pub(crate) stored: u64,
    pub(crate) failed: u64,
    /// Records that should have been put by the end, and were not: the rate was not reached.
    overdue: u64,
    records_per_second: f64,
    megabytes_per_second: f64,
    pub(crate) latency: Latency,
    /// Records that consumers handled, those that came again included; nothing if there are no consumers.
    pub(crate) handled: Option<u64>,
    /// From put to handler.
    pub(crate) end_to_end: Option<Latency>,
    kinesis_records: u64,
    requests: u64,
    retries: u64,
    throttled: u64,
    waits_for_room: u64,
    cpu_seconds: f64,
    cpu_microseconds_per_record: f64,
    /// Nothing where the system does not tell.
    peak_resident_megabytes: Option<f64>,
    /// Whether CPU time and memory are also those of a broker.
    broker_in_this_process: bool,
}

/// In milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    p90: f64,
    pub(crate) p99: f64,
    p99_9: f64,
    max: f64,
}

impl Report {
    pub(crate) fn new(
        arguments: &Arguments,
        time: Duration,
        cpu: Duration,
        seen: Seen,
        handled: Option<&Histogram<u64>>,
        stats: &[StreamStats],
        broker_in_this_process: bool,
    ) -> Self {
        let stored = seen.latencies.len();
        let sum = |count: fn(&StreamStats) -> u64| stats.iter().map(count).sum();
        Self {
            load: load(arguments),
            seconds: time.as_secs_f64(),
            stored,
            failed: seen.failed,
            overdue: seen.overdue,
            records_per_second: stored as f64 / time.as_secs_f64(),
            megabytes_per_second: seen.stored_bytes as f64 / 1e6 / time.as_secs_f64(),
            latency: Latency::of(&seen.latencies),
            handled: handled.map(Histogram::len),
            end_to_end: handled.map(Latency::of),
            kinesis_records: sum(|stats| stats.kinesis_records),
            requests: sum(|stats| stats.requests),
            retries: sum(|stats| stats.retries),
            throttled: sum(|stats| stats.throttled),
            waits_for_room: sum(|stats| stats.waits),
            cpu_seconds: cpu.as_secs_f64(),
            cpu_microseconds_per_record: cpu.as_secs_f64() * 1e6 / stored.max(1) as f64,
            peak_resident_megabytes: peak_resident().map(|kib| kib as f64 * 1024.0 / 1e6),
            broker_in_this_process,
        }
    }
}

impl Latency {
    fn of(micros: &Histogram<u64>) -> Self {
        let millis = |micros: u64| micros as f64 / 1e3;
        let at = |quantile| millis(micros.value_at_quantile(quantile));
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p99_9: at(0.999), max: millis(micros.max()) }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p99_9, max } = self;
        write!(out, "p50 {p50:.1}  p90 {p90:.1}  p99 {p99:.1}  p99.9 {p99_9:.1}  max {max:.1} ms")
    }
}

fn load(arguments: &Arguments) -> String {
    let Arguments { size, keys, producers, .. } = arguments;
    let pressure = match arguments.rate {
        Some(rate) => format!("{rate} records a second"),
        None => format!("{} in flight", arguments.in_flight),
    };
    let mut load = format!("{pressure}, {} to {} bytes, keys {keys:?}, {producers} producer(s)", size.least, size.most);
    if arguments.consumers > 0 {
        load = format!("{load}, {} consumer(s)", arguments.consumers);
    }
    for (is_set, name) in [
        (arguments.unordered, "unordered"),
        (arguments.no_aggregation, "no aggregation"),
        (arguments.unlimited, "unlimited"),
        (arguments.in_process, "in process"),
    ] {
        if is_set {
            load = load + ", " + name;
        }
    }
    load
}

/// In KiB, as Linux tells it.
fn peak_resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.broker_in_this_process { ", the broker's included" } else { "" };
        let memory = self.peak_resident_megabytes.map_or_else(|| "unknown".to_owned(), |peak| format!("{peak:.0} MB"));
        writeln!(out, "load       {}", self.load)?;
        writeln!(out, "time       {:.2} s", self.seconds)?;
        writeln!(out, "records    {} stored, {} failed, {} overdue", self.stored, self.failed, self.overdue)?;
        let (records, megabytes) = (self.records_per_second, self.megabytes_per_second);
        writeln!(out, "speed      {records:.0} records/s, {megabytes:.2} MB/s")?;
        writeln!(out, "latency    {}", self.latency)?;
        if let (Some(handled), Some(end_to_end)) = (self.handled, &self.end_to_end) {
            writeln!(out, "to handler {end_to_end}, of {handled} records")?;
        }
        let Self { kinesis_records, requests, retries, throttled, waits_for_room, .. } = self;
        writeln!(out, "sent       {kinesis_records} Kinesis records in {requests} requests, {retries} again")?;
        writeln!(out, "held up    {throttled} throttled by the service, {waits_for_room} waits for room")?;
        let (cpu, each) = (self.cpu_seconds, self.cpu_microseconds_per_record);
        writeln!(out, "CPU        {cpu:.2} s, {each:.2} µs a record{of}")?;
        writeln!(out, "memory     {memory} at most{of}")
    }
}
