//! What part of a shard is ours, when nobody tells who else writes to it.
//! Why: a shard's throttles are the only word producers have of each other, and they are dear: a shard that takes sixteen
//! large records a second may throttle one in three seconds if 2 % is to be the limit. Each must be made the most of.
//!
//! - **Alone.** No throttle is remembered: the whole shard is ours, at once and for as long as nobody objects.
//! - **The first throttle** says how many we are. The service's bucket holds one second, so what it gave in the time `t`
//!   since we began is `1 + t` seconds' worth, of which we know our part. If all began together, this is each one's fair
//!   share at once. Who joins late finds the bucket emptier and guesses too low, hence a least guess.
//! - **Each later throttle** is one more stranger: `1/share` is the number of equals we believe to share with, and grows
//!   by a constant. So who has much loses more of it than who has little: cutting all by the same part would keep
//!   unequal shares unequal for longer than a handful of throttles can mend.
//!   In the end part of the loss comes back, since most throttles then are the price of looking, not a stranger.
//! - **Growth** is the same for all in a share per second, not in proportion, for the same reason. Soon after the first
//!   throttle it is quicker, and the losses are larger, to find the level; both die away, since at the level every step
//!   is a throttle that could have been spared. Then next to nothing grows until no throttle came for the better part of
//!   a minute: others must have left, and growth runs away until we are alone again.
//!
//! Roads not taken: multiplying by 0.7 and adding steadily throttles 3 to 9 % of large records; starting low and growing
//! wastes the shard of a lone producer, which is nearly every producer.
//!
//! Pure. Times are in seconds, and so are amounts: the seconds in which the service's bucket refills by them.
//! Called by `Pace` only. The constants were searched for with the simulation in `tests`, over its first 60 seeds:
//! others do a little worse.

use tokio::time::Instant;

/// The first guess is held back by this, so that the service's bucket, now empty, can fill a little.
const MODESTY: f64 = 0.85;

/// The least first guess: see "joins late".
const LEAST_GUESS: f64 = 0.16;

/// No share falls below this, whatever happens: 50 equals on a shard would each have more.
const LEAST: f64 = 0.01;

/// How many strangers a throttle adds to those believed: at first, and in the end.
const STRANGERS_FIRST: f64 = 1.7;
const STRANGERS_LAST: f64 = 0.75;

/// The time in which the excitement of the beginning dies away to a third.
const CALMING: f64 = 6.0;

/// The growth at the beginning, per second.
const QUICK_GROWTH: f64 = 0.008;

/// In the end, this part of a loss comes back, in about this time.
const COMES_BACK: f64 = 0.6;
const COMING_BACK: f64 = 20.0;

/// So long after a throttle, growth has run away: it has given the whole shard.
const RUNAWAY: f64 = 65.0;
const RUNAWAY_POWER: i32 = 10;

/// Throttles in so short a time are one: records that met the same empty bucket.
const SAME: f64 = 1.0;

#[derive(Clone, Debug)]
pub(super) enum Share {
    /// Nobody else is known of. `taken` is what went since `since`, `last` the part of it that went last.
    Alone { since: Option<Instant>, taken: f64, last: f64 },
    /// Others were met at `met`, and last at `throttled_at`, when the share fell to `base`.
    Sharing { met: Instant, throttled_at: Instant, base: f64, lost: f64 },
}

impl Share {
    pub(super) fn new() -> Self {
        Self::Alone { since: None, taken: 0.0, last: 0.0 }
    }

    /// Our share, above 0 and up to 1.
    pub(super) fn at(&self, now: Instant) -> f64 {
        match *self {
            Self::Alone { .. } => 1.0,
            Self::Sharing { met, throttled_at, base, lost } => (base + growth(met, throttled_at, now, lost)).min(1.0),
        }
    }

    /// A record goes that takes so much of the shard. `was_quiet`: before it, nothing had gone for a while.
    pub(super) fn going(&mut self, now: Instant, amount: f64, was_quiet: bool) {
        if self.at(now) >= 1.0 && matches!(self, Self::Sharing { .. }) {
            *self = Self::new();
        }
        if let Self::Alone { since, taken, last } = self {
            if was_quiet || since.is_none() {
                (*since, *taken) = (Some(now), 0.0);
            }
            *taken += amount;
            *last = amount;
        }
    }

    /// The service refused a record. Tells whether that was news.
    pub(super) fn throttled(&mut self, now: Instant) -> bool {
        let before = self.at(now);
        let (met, base) = match *self {
            Self::Alone { since, taken, last } => {
                // The last to go is likely the one refused, or at least still on its way.
                let all = 1.0 + since.map_or(0.0, |since| seconds(since, now));
                let guess = MODESTY * (taken - last) / all;
                (now, guess.clamp(LEAST_GUESS, 1.0 / (1.0 + STRANGERS_FIRST)))
            }
            Self::Sharing { throttled_at, .. } if seconds(throttled_at, now) <= SAME => return false,
            Self::Sharing { met, .. } => {
                let strangers = STRANGERS_LAST + (STRANGERS_FIRST - STRANGERS_LAST) * excitement(met, now);
                (met, (before / (1.0 + strangers * before)).max(LEAST))
            }
        };
        *self = Self::Sharing { met, throttled_at: now, base, lost: before - base };
        true
    }
}

/// What was added to `base` since the last throttle.
fn growth(met: Instant, throttled_at: Instant, now: Instant, lost: f64) -> f64 {
    let (then, since) = (excitement(met, throttled_at), seconds(throttled_at, now));
    let quick = QUICK_GROWTH * CALMING * (then - excitement(met, now)).max(0.0);
    let back = lost * COMES_BACK * (1.0 - then) * (1.0 - (-since / COMING_BACK).exp());
    quick + back + (since / RUNAWAY).powi(RUNAWAY_POWER)
}

/// 1 when strangers are met, then falling to 0.
fn excitement(met: Instant, now: Instant) -> f64 {
    (-seconds(met, now) / CALMING).exp()
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}
