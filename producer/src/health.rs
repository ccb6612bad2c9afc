//! How a stream's producer is, in one word and a reason.
//! Pure: the word follows from what happened last. Published by `pipeline_task` when it changes.

use crate::attempts::Trouble;
use crate::error::Error;
use serde::Serialize;
use std::time::Duration;
use tailwater_wire::FaultCode;
use tokio::time::Instant;

/// How things go. Later ones are worse.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Health {
    /// Records are stored.
    #[default]
    Healthy,
    /// Shards take less than is put; records are stored, later.
    Throttled,
    /// Some attempts fail and are repeated.
    Degraded {
        /// What happened last.
        reason: String,
    },
    /// Records are given up, or wait for somebody to act.
    Failing {
        /// Why.
        reason: String,
    },
}

impl Health {
    /// How bad it is, from 0.
    pub(crate) fn rank(&self) -> u64 {
        match self {
            Self::Healthy => 0,
            Self::Throttled => 1,
            Self::Degraded { .. } => 2,
            Self::Failing { .. } => 3,
        }
    }
}

/// What happened last.
#[derive(Debug, Default)]
pub(crate) struct Trend {
    throttled: Option<Instant>,
    trouble: Option<(Instant, String)>,
    /// Why records are given up, until one is stored.
    failing: Option<String>,
    /// Why a lane stands still, until it is resumed.
    stopped: Option<String>,
}

/// For how long what happened counts.
const RECENT: Duration = Duration::from_secs(10);

impl Trend {
    pub(crate) fn stored(&mut self) {
        self.failing = None;
    }

    pub(crate) fn described(&mut self) {
        self.failing = None;
    }

    pub(crate) fn trouble(&mut self, now: Instant, trouble: Trouble, code: Option<&FaultCode>) {
        match trouble {
            Trouble::Throttled => self.throttled = Some(now),
            // A reshard is no trouble of anybody's.
            Trouble::Misplaced => {}
            Trouble::Transient | Trouble::Ambiguous | Trouble::Refused => {
                let reason = code.map_or_else(|| format!("{trouble:?}"), |code| code.to_string());
                self.trouble = Some((now, reason));
            }
        }
    }

    pub(crate) fn failed(&mut self, error: &Error) {
        self.failing = Some(error.to_string());
    }

    pub(crate) fn stopped(&mut self, error: &Error) {
        self.stopped = Some(error.to_string());
    }

    pub(crate) fn resumed(&mut self) {
        (self.stopped, self.failing) = (None, None);
    }

    /// When that may be otherwise although nothing happens.
    pub(crate) fn changes_at(&self, now: Instant) -> Option<Instant> {
        let ends = [self.throttled, self.trouble.as_ref().map(|(at, _)| *at)].into_iter().flatten();
        ends.map(|at| at + RECENT).filter(|end| *end > now).min()
    }

    /// How things are now.
    pub(crate) fn health(&self, now: Instant) -> Health {
        let recent = |at: Instant| now.saturating_duration_since(at) < RECENT;
        if let Some(reason) = self.stopped.as_ref().or(self.failing.as_ref()) {
            return Health::Failing { reason: reason.clone() };
        }
        match &self.trouble {
            Some((at, reason)) if recent(*at) => Health::Degraded { reason: reason.clone() },
            _ if self.throttled.is_some_and(recent) => Health::Throttled,
            _ => Health::Healthy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_passes_and_a_stopped_lane_does_not() {
        let (mut trend, now) = (Trend::default(), Instant::now());
        let later = now + RECENT;
        assert_eq!(trend.health(now), Health::Healthy);
        trend.trouble(now, Trouble::Throttled, None);
        assert_eq!(trend.health(now), Health::Throttled);
        trend.trouble(now, Trouble::Ambiguous, Some(&FaultCode::InternalFailure));
        assert_eq!(trend.health(now), Health::Degraded { reason: "InternalFailure".to_owned() });
        assert_eq!(trend.health(later), Health::Healthy);
        trend.stopped(&Error::Closed);
        trend.stored();
        assert!(matches!(trend.health(later), Health::Failing { .. }));
        trend.resumed();
        assert_eq!(trend.health(later), Health::Healthy);
    }
}
