//! What can be wrong with a configuration: all of it is told at once, before anything starts.

use super::{Checkpointing, Config};
use std::time::Duration;

impl Config {
    /// All that is wrong.
    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let settings = &self.settings;
        let mut faults = Vec::new();
        let mut check = |is_right: bool, setting: &'static str, must: &'static str| {
            if !is_right {
                faults.push(ConfigFault::Range { setting, must });
            }
        };
        let second = Duration::from_secs(1);
        let failover = settings.failover;
        check((second..=second * 600).contains(&failover), "failover", "be from 1 s to 10 min");
        let observation = settings.observation();
        let fastest = Duration::from_millis(20);
        check((fastest..=failover).contains(&observation), "observation", "be from 20 ms to the failover time");
        check(settings.lock_lease >= second, "lock_lease", "be 1 s or more");
        check(!settings.handoff.is_zero(), "handoff", "be more than nothing");
        check(settings.audit >= second, "audit", "be 1 s or more");
        check(settings.moves_at_most > 0, "moves_at_most", "be 1 or more");
        check(settings.checkpoint_linger() < failover, "checkpoint_linger", "be less than the failover time");
        let grows = !settings.first_wait.is_zero() && settings.first_wait <= settings.longest_wait;
        check(grows, "waits", "be more than nothing, the first not longer than the longest");
        check(settings.budget >= 12 * 1024 * 1024, "budget", "be 12 MiB or more, so that one full answer fits");
        check((1..=settings.budget).contains(&settings.floor), "floor", "be from 1 byte to the budget");
        check(settings.batch_bytes > 0, "batch_bytes", "be 1 or more");
        check(settings.idle <= second * 60, "idle", "be 1 min or less");
        check(settings.fetch_stall >= second && settings.handler_stall >= second, "stall", "be 1 s or more");
        check(settings.leases_max != Some(0), "leases_max", "be 1 or more");
        let timeout = settings.store_timeout();
        check(!timeout.is_zero() && timeout < failover, "store_timeout", "be less than the failover time");
        if let Checkpointing::Every(period) = settings.checkpointing {
            check(!period.is_zero(), "checkpointing", "be by a period of more than nothing");
        }
        if let Checkpointing::EveryRecords(records) = settings.checkpointing {
            check(records > 0, "checkpointing", "be by 1 record or more");
        }
        for (at, (stream, _)) in self.streams.iter().enumerate() {
            if self.streams[..at].iter().any(|(other, _)| other == stream) {
                faults.push(ConfigFault::Twice { stream: stream.to_string() });
            }
        }
        faults
    }
}

/// Something that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// A setting is out of its range.
    #[error("{setting} must {must}")]
    Range {
        /// Which.
        setting: &'static str,
        /// What it must.
        must: &'static str,
    },
    /// A stream is there twice.
    #[error("stream {stream} is there twice")]
    Twice {
        /// Which.
        stream: String,
    },
    /// The metrics cannot be registered.
    #[error("metrics: {reason}")]
    Metrics {
        /// Why not.
        reason: String,
    },
}
