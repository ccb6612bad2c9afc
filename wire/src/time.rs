//! The one door by which wall time enters. Cores are given the time; what they are given comes from here, or from a test.

use std::time::{SystemTime, UNIX_EPOCH};
use tailwater_record::Timestamp;

/// A clock that tells the time of day.
pub trait WallClock: Send + Sync + std::fmt::Debug {
    /// The moment that it is now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
