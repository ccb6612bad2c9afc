//! A moment as Kinesis knows it: whole milliseconds since 1970. A value only; nothing here reads a clock.

use std::fmt;
use std::time::Duration;

/// Milliseconds since the start of 1970, UTC.
///
/// ```
/// use std::time::Duration;
/// use tailwater_record::Timestamp;
///
/// let arrival = Timestamp::from_millis(1_441_215_410_867);
/// assert_eq!(arrival.to_string(), "1441215410.867");
/// assert_eq!(arrival.since(Timestamp::from_millis(1_441_215_410_000)), Duration::from_millis(867));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Self = Self(0);

    /// The moment `millis` milliseconds after the start of 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the start of 1970.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(if millis > 0 { millis.unsigned_abs() } else { 0 })
    }

    /// The moment `later` after this one, at most the last one that can be told.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(later.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The moment `earlier` before this one, at least the first one that can be told.
    #[must_use]
    pub fn minus(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(earlier.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Epoch seconds with the milliseconds behind the point, as the service prints them in JSON.
impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let (seconds, millis) = (magnitude / 1000, magnitude % 1000);
        let sign = if self.0 < 0 { "-" } else { "" };
        match millis {
            0 => write!(out, "{sign}{seconds}"),
            _ if millis % 100 == 0 => write!(out, "{sign}{seconds}.{}", millis / 100),
            _ if millis % 10 == 0 => write!(out, "{sign}{seconds}.{:02}", millis / 10),
            _ => write!(out, "{sign}{seconds}.{millis:03}"),
        }
    }
}
