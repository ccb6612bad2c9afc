//! When the next record of a shard may go.
//! Why: a shard takes so many records and bytes a second, and fails the record that comes too early; a failed record
//! costs a round trip and, in order, holds up all behind it. So we wait here rather than be refused there.
//!
//! Two buckets of tokens, records and bytes, are looked at together and taken together. They fill at the service's
//! rate times our `Share` of it, which `share` finds out from throttles alone, since producers do not know each other.
//! - Ours are smaller than the service's, which hold one second: what we may send in a burst leaves room there for the
//!   jitter of the network, and for the bursts of others.
//! - A record larger than a bucket goes when the bucket is full, and leaves it in debt.
//! - Who has emptied a bucket rests until it has saved up a little, then spends that in one go. The mean is the same, but
//!   a producer that takes each token as it appears would never let the service's bucket hold enough for anybody else's
//!   record: others would fail for ever, and it would never notice. While it rests, they get in.
//!
//! Pure, and bounded whatever the clock does. Called by `pipeline` for each Kinesis record, and for each answer.

mod share;
#[cfg(test)]
mod tests;

use share::Share;
use std::time::Duration;
use tokio::time::Instant;

/// What our buckets hold, and what is saved up in a rest, in seconds of our own rate.
const CAPACITY: f64 = 0.3;

/// So long after our buckets were full, the service's would be too if we were alone: what was before tells nothing.
const QUIET: f64 = 1.0;

/// Below these, a rate would make waits that mean nothing.
const LEAST: Rate = Rate { records_per_second: 0.001, bytes_per_second: 1.0 };

/// Above this, a rate is as good as infinite.
const MOST: f64 = 1e15;

/// The longest wait named at once. Who waited so long asks again.
const LONGEST_WAIT: f64 = 3600.0;

/// Waits shorter than this are rounding.
const NOTHING: f64 = 1e-9;

/// What a shard takes: data, so that a user may lift or lower it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    pub(crate) records_per_second: f64,
    pub(crate) bytes_per_second: f64,
}

impl Rate {
    /// Seconds in which the shard takes this much; the slower of the two buckets counts.
    fn seconds(self, tokens: Tokens) -> f64 {
        (tokens.records / self.records_per_second).max(tokens.bytes / self.bytes_per_second)
    }

    /// What the shard takes in so many seconds.
    fn tokens(self, seconds: f64) -> Tokens {
        Tokens { records: self.records_per_second * seconds, bytes: self.bytes_per_second * seconds }
    }

    /// Within what can be reckoned with; what is not a number becomes the least.
    fn bounded(self) -> Self {
        let within = |rate: f64, least: f64| if rate > least { rate.min(MOST) } else { least };
        Self {
            records_per_second: within(self.records_per_second, LEAST.records_per_second),
            bytes_per_second: within(self.bytes_per_second, LEAST.bytes_per_second),
        }
    }
}

/// The contents of both buckets; below zero is debt.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tokens {
    records: f64,
    bytes: f64,
}

impl Tokens {
    fn of_record(bytes: u64) -> Self {
        Self { records: 1.0, bytes: bytes as f64 }
    }

    fn pair(self, other: Self, of: impl Fn(f64, f64) -> f64) -> Self {
        Self { records: of(self.records, other.records), bytes: of(self.bytes, other.bytes) }
    }
}

/// The pace of one shard.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// `None`: the user wants no pacing.
    rate: Option<Rate>,
    share: Share,
    tokens: Tokens,
    /// When `tokens` was true.
    counted_at: Instant,
    resting: bool,
}

impl Pace {
    /// Starts with full buckets, at the service's full rate.
    pub(crate) fn new(now: Instant, rate: Option<Rate>) -> Self {
        let rate = rate.map(Rate::bounded);
        let tokens = rate.map_or(Tokens { records: 0.0, bytes: 0.0 }, |rate| capacity(rate, 1.0));
        Self { rate, share: Share::new(), tokens, counted_at: now, resting: false }
    }

    /// The first moment at which a Kinesis record of `bytes` may go. Ask again when it has come: a throttle moves it.
    pub(crate) fn ready_at(&self, now: Instant, bytes: u64) -> Instant {
        let Some(rate) = self.rate else { return now };
        let share = self.share.at(now);
        let full = capacity(rate, share);
        let record = Tokens::of_record(bytes).pair(full, f64::min);
        let wanted = if self.resting { full } else { record };
        let missing = wanted.pair(self.tokens_at(now, rate), |wanted, there| wanted - there);
        // The share may grow meanwhile, which can only bring the moment forward.
        let wait = rate.seconds(missing) / share;
        if wait <= NOTHING {
            return now;
        }
        let wait = Duration::from_secs_f64(wait.min(LONGEST_WAIT)) + Duration::from_nanos(1);
        now.checked_add(wait).unwrap_or(now)
    }

    /// It goes: its tokens are taken, whether or not they are there.
    pub(crate) fn take(&mut self, now: Instant, bytes: u64) {
        let Some(rate) = self.rate else { return };
        let record = Tokens::of_record(bytes);
        self.share.going(now, rate.seconds(record), self.was_quiet(now, rate));
        self.count(now, rate);
        self.tokens = self.tokens.pair(record, |there, taken| there - taken);
        // The next one will be much like this one.
        self.resting = self.tokens.records < record.records || self.tokens.bytes < record.bytes;
    }

    /// A record was throttled. Its tokens are spent: it pays again when it goes again, which is after `Backoff`.
    pub(crate) fn throttled(&mut self, now: Instant) {
        let Some(rate) = self.rate else { return };
        self.count(now, rate);
        if self.share.throttled(now) {
            // The service's bucket is empty, so what we saved is not there to be spent.
            self.tokens = self.tokens.pair(rate.tokens(0.0), f64::min);
        }
    }

    /// The part of the service's rate that is now believed to be ours, above 0 and up to 1.
    pub(crate) fn share(&self, now: Instant) -> f64 {
        self.share.at(now)
    }

    /// Our part of the service's bytes; `None` without pacing.
    pub(crate) fn bytes_per_second(&self, now: Instant) -> Option<f64> {
        self.rate.map(|rate| rate.bytes_per_second * self.share.at(now))
    }

    /// The service's own rate changed. Our share of it is kept, and so are tokens and debt, as far as they fit.
    pub(crate) fn set_rate(&mut self, now: Instant, rate: Option<Rate>) {
        match (self.rate, rate.map(Rate::bounded)) {
            (Some(before), Some(rate)) => {
                self.count(now, before);
                self.rate = Some(rate);
                self.tokens = self.tokens.pair(capacity(rate, self.share.at(now)), f64::min);
            }
            // Nothing was counted, or will be.
            (None, _) | (_, None) => *self = Self::new(now, rate),
        }
    }

    fn count(&mut self, now: Instant, rate: Rate) {
        self.tokens = self.tokens_at(now, rate);
        // A clock that went back does not pay twice.
        self.counted_at = self.counted_at.max(now);
    }

    fn tokens_at(&self, now: Instant, rate: Rate) -> Tokens {
        let share = self.share.at(now);
        self.unbounded_at(now, rate).pair(capacity(rate, share), f64::min)
    }

    fn unbounded_at(&self, now: Instant, rate: Rate) -> Tokens {
        let since = now.saturating_duration_since(self.counted_at).as_secs_f64();
        self.tokens.pair(rate.tokens(since * self.share.at(now)), |there, come| there + come)
    }

    fn was_quiet(&self, now: Instant, rate: Rate) -> bool {
        let share = self.share.at(now);
        let over = self.unbounded_at(now, rate).pair(capacity(rate, share), |there, full| there - full);
        let quiet = rate.tokens(QUIET * share);
        over.records >= quiet.records && over.bytes >= quiet.bytes
    }
}

/// What our buckets hold. Never less than a record, or small rates would never find theirs full enough.
fn capacity(rate: Rate, share: f64) -> Tokens {
    let tokens = rate.tokens(CAPACITY * share);
    Tokens { records: tokens.records.max(1.0), ..tokens }
}
