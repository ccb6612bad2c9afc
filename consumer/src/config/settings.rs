//! The defaults, and what follows from them for the parts.

use super::{Checkpointing, OnFailure, Renewing};
use crate::balance;
use crate::tenure::Pace;
use crate::unpack::OnStray;
use crate::worker::Rules;
use std::time::Duration;

/// What can be set by numbers and words.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) failover: Duration,
    pub(crate) observation: Option<Duration>,
    pub(crate) lock_lease: Duration,
    pub(crate) handoff: Duration,
    pub(crate) audit: Duration,
    pub(crate) strategy: balance::Strategy,
    pub(crate) moves_at_most: usize,
    pub(crate) hold_at_least: Duration,
    pub(crate) leases_max: Option<u32>,
    pub(crate) cleanup: bool,
    pub(crate) checkpointing: Checkpointing,
    pub(crate) checkpoint_linger: Option<Duration>,
    pub(crate) on_failure: OnFailure,
    pub(crate) first_wait: Duration,
    pub(crate) longest_wait: Duration,
    pub(crate) on_stray: OnStray,
    pub(crate) budget: u64,
    pub(crate) floor: u64,
    pub(crate) batch_bytes: usize,
    pub(crate) idle: Duration,
    pub(crate) paced: bool,
    pub(crate) fetch_stall: Duration,
    pub(crate) handler_stall: Duration,
    pub(crate) store_timeout: Option<Duration>,
    pub(crate) renewing: Renewing,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failover: Duration::from_secs(10),
            observation: None,
            lock_lease: Duration::from_secs(20),
            handoff: Duration::from_secs(30),
            audit: Duration::from_secs(120),
            strategy: balance::Strategy::default(),
            moves_at_most: 16,
            hold_at_least: Duration::from_secs(30),
            leases_max: None,
            cleanup: true,
            checkpointing: Checkpointing::AfterOk,
            checkpoint_linger: None,
            on_failure: OnFailure::Retry,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(30),
            on_stray: OnStray::default(),
            budget: 256 * 1024 * 1024,
            floor: 1024 * 1024,
            batch_bytes: 1024 * 1024,
            idle: Duration::from_secs(1),
            paced: true,
            fetch_stall: Duration::from_secs(60),
            handler_stall: Duration::from_secs(60),
            store_timeout: None,
            renewing: Renewing::OwnThread,
        }
    }
}

impl Settings {
    pub(crate) fn renewal(&self) -> Duration {
        (self.failover / 3).saturating_sub(Duration::from_millis(25))
    }

    pub(crate) fn observation(&self) -> Duration {
        self.observation.unwrap_or_else(|| self.renewal())
    }

    pub(crate) fn checkpoint_linger(&self) -> Duration {
        self.checkpoint_linger.unwrap_or_else(|| CHECKPOINT_LINGER.min(self.renewal()))
    }

    /// After how long a call to the store is taken for lost.
    pub(crate) fn store_timeout(&self) -> Duration {
        self.store_timeout.unwrap_or_else(|| self.renewal())
    }

    pub(crate) fn rules(&self) -> Rules {
        let pace = Pace { failover: self.failover, renewal: self.renewal(), linger: self.checkpoint_linger() };
        // Counts do not waver as measured loads do, so a lease may move on at once.
        let hold_at_least = match self.strategy {
            balance::Strategy::Count => Duration::ZERO,
            balance::Strategy::Throughput | balance::Strategy::Cpu => self.hold_at_least,
        };
        let balance = balance::Rules {
            strategy: self.strategy,
            moves_at_most: self.moves_at_most,
            hold_at_least,
            reclaim_within: self.failover,
            // The KCL's numbers.
            band: 0.1,
            damping: 0.6,
            throughput_max: None,
            handoff: true,
        };
        Rules {
            pace,
            observation: self.observation(),
            fast_observation: FAST_OBSERVATION.min(self.observation()),
            lock_lease: self.lock_lease,
            handoff: self.handoff,
            audit: self.audit,
            balance,
            leases_max: self.leases_max,
            cleanup: self.cleanup,
            fetch_stall: self.fetch_stall,
            handler_stall: self.handler_stall,
        }
    }
}

/// With one checkpoint a second, half the writes of the KCL; and a crash repeats little.
const CHECKPOINT_LINGER: Duration = Duration::from_secs(2);

const FAST_OBSERVATION: Duration = Duration::from_millis(200);
