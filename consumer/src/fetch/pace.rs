//! When a shard may be read next.
//! Why: all who poll a shard share 5 calls and 2 MiB a second, and nobody tells who else does. A call that comes too early
//! is throttled, a round trip for nothing; and after a large page all are, until its bytes are paid for.
//!
//! A page costs so many seconds of the whole shard: a fifth, or more if it is large. Of those seconds we have a share, so
//! the next call waits for the cost divided by it.
//! - **Alone**, the share is all of them.
//! - **The first throttle after a page** is one more stranger, or several: `1/share` is the number of equals we believe to
//!   share with, and grows by a constant. Who has much loses more of it than who has little. Time gives the same to all, so
//!   shares come to be equal. Further throttles in a row tell nothing new: the shard may be blocked for seconds by one page.
//! - **Waits are spread**, or one reader whose step is that of the service's own tokens takes each as it appears: the others
//!   are throttled for ever, and it never notices.
//! - **Who reads less than its share** is cut from what it reads, but by no more than to the half: that it was slow may have
//!   other reasons, such as a handler that was busy.
//!
//! Pure. Called by `cursor`.

use std::time::Duration;
use tailwater_wire::limits::{SHARD_READ_BYTES, SHARD_READ_CALLS};
use tokio::time::Instant;

/// Seconds of the shard that a call costs at the least.
const CALL: f64 = 1.0 / SHARD_READ_CALLS.value as f64;

/// How many strangers a throttle adds to those we believe to share with, and what a second adds to the share. Both, and
/// the two below, were searched for with the simulation in `cursor::tests::share`.
const STRANGERS: f64 = 3.5;
const GROWTH: f64 = 0.02;

/// Waits are spread by so much to both sides.
const SPREAD: f64 = 0.4;

/// The longest wait after a throttle, or half of what a page of ours costs if that is more. Who waits much longer than
/// others when the shard is crowded is not there when it has room.
const LONGEST: f64 = 0.8;

/// No share falls below this.
const LEAST: f64 = 0.02;

/// Our pace on one shard.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// The share at `counted_at`, above 0 and up to 1.
    share: f64,
    counted_at: Instant,
    /// The last call, and the one before it.
    called_at: Option<Instant>,
    interval: Option<Duration>,
    /// The last page: when it came, and its bytes.
    page: Option<(Instant, u64)>,
    /// Whether the last call was throttled.
    is_throttled: bool,
    /// The next wait is longer or shorter by this factor.
    spread: f64,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            share: 1.0,
            counted_at: now,
            called_at: None,
            interval: None,
            page: None,
            is_throttled: false,
            spread: 1.0,
        }
    }

    /// The first moment at which the shard may be read again. Asked later it may be earlier, never later.
    pub(super) fn ready_at(&self, now: Instant) -> Instant {
        let share = self.share(now);
        let after = |since: Instant, seconds: f64| since + Duration::from_secs_f64(seconds);
        let factor = (self.spread / share).max(1.0);
        let call = self.called_at.map_or(now, |called| after(called, CALL * factor));
        // A page's bytes are spent when it was sent; we know no earlier than when it came. They may be owed, so that who
        // reads all of them still leaves moments in which others get in.
        let factor = if share < 1.0 { factor } else { 1.0 };
        let bytes = self.page.map_or(now, |(came, bytes)| after(came, seconds(bytes) * factor));
        call.max(bytes).max(now)
    }

    /// A call is made.
    pub(super) fn called(&mut self, now: Instant, chance: &mut fastrand::Rng) {
        self.spread = 1.0 + SPREAD * (2.0 * chance.f64() - 1.0);
        self.interval = self.called_at.map(|before| now.saturating_duration_since(before));
        self.called_at = Some(now);
    }

    /// A page came.
    pub(super) fn page(&mut self, now: Instant, bytes: u64) {
        self.page = Some((now, bytes));
        self.is_throttled = false;
    }

    /// The call was throttled: after how long it may be made again, the first time and at the most.
    pub(super) fn throttled(&mut self, now: Instant) -> (Duration, Duration) {
        let cost = self.page.map_or(CALL, |(_, bytes)| seconds(bytes).max(CALL));
        if !self.is_throttled {
            let share = self.share(now);
            let used = self.interval.map_or(share, |interval| cost / interval.as_secs_f64().max(CALL));
            let used = used.clamp(share / 2.0, share);
            self.share = (used / (1.0 + STRANGERS * used)).max(LEAST);
            self.counted_at = now;
        }
        self.is_throttled = true;
        let longest = LONGEST.max(cost / 2.0);
        (Duration::from_secs_f64((CALL / self.share(now)).min(longest)), Duration::from_secs_f64(longest))
    }

    /// The part of the shard that is believed to be ours, above 0 and up to 1.
    pub(super) fn share(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.counted_at).as_secs_f64();
        (self.share + GROWTH * since).min(1.0)
    }
}

/// In how many seconds the shard gives so many bytes.
fn seconds(bytes: u64) -> f64 {
    bytes as f64 / SHARD_READ_BYTES.value as f64
}
