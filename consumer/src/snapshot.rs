//! How a worker and its shards are at this moment, to be shown or serialised. Copied out; nothing here is live.

use crate::state::Inner;
use serde::Serialize;
use std::sync::PoisonError;
use std::time::Duration;
use tailwater_record::ShardId;
use tailwater_store::{GroupName, Incarnation, LeaseKey, Progress, StreamIdentity, WorkerId};
use tokio::time::Instant;

/// A worker at this moment.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Of which group.
    pub group: GroupName,
    /// Under which name.
    pub worker: WorkerId,
    /// For which time under this name.
    pub incarnation: Incarnation,
    /// Whether it leads the group.
    pub is_leader: bool,
    /// Bytes of records in memory.
    pub bytes_held: u64,
    /// Bytes that may be.
    pub budget: u64,
    /// The greatest lag of the shards that it handles.
    pub lag: Option<Duration>,
    /// Its shards.
    pub shards: Vec<ShardSnapshot>,
}

/// A shard at this moment.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ShardSnapshot {
    /// Of which stream.
    pub stream: StreamIdentity,
    /// Which.
    pub shard: ShardId,
    /// What becomes of it.
    pub phase: Phase,
    /// The token of the tenure.
    pub token: Option<u64>,
    /// How far it has been handled, as its handler says.
    pub handled: Option<Progress>,
    /// How far its row says so.
    pub written: Option<Progress>,
    /// How far the last page was behind the newest record.
    pub lag: Option<Duration>,
    /// User records that were handled in this tenure.
    pub records: u64,
    /// Which delivery of the same records the handler is at.
    pub attempt: u32,
    /// What failed last, if it was not followed by success.
    pub last_error: Option<String>,
}

/// A lease that would be given to another worker.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlannedMove {
    /// Which.
    pub key: LeaseKey,
    /// Who has it.
    pub from: Option<WorkerId>,
    /// Who would get it.
    pub to: WorkerId,
    /// Whether its owner would finish first.
    pub is_handed_over: bool,
    /// Why, with numbers.
    pub reason: String,
}

/// What becomes of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// Its lease is being taken.
    Taking,
    /// Shards that it came from are not handled to their end.
    AwaitingParents,
    /// Its records are handled.
    Running,
    /// It is finished for somebody else.
    Draining,
    /// It is handled no more, because its handler failed.
    Stopped,
    /// It is not handled, because an operator wishes so.
    Paused,
    /// Its lease is lost, and its handler is leaving.
    Leaving,
}

/// How things go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Health {
    /// Records are handled.
    #[default]
    Healthy,
    /// Something fails and is tried again.
    Degraded {
        /// What.
        reason: String,
    },
    /// Some shard is not handled, and will not be before somebody acts.
    Failing {
        /// Why.
        reason: String,
    },
}

/// What a shard's task knows of itself.
#[derive(Debug, Default)]
pub(crate) struct ShardView {
    pub(crate) lag: Option<Duration>,
    pub(crate) records: u64,
    pub(crate) attempt: u32,
    pub(crate) fetch_error: Option<String>,
    pub(crate) handler_error: Option<String>,
}

impl Inner {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let room = self.budget.room();
        let state = self.lock();
        let mut shards = Vec::new();
        for (key, phase) in state.worker.phases() {
            let slot = state.shards.get(key);
            let view = slot.map(|slot| slot.view.lock().unwrap_or_else(PoisonError::into_inner));
            shards.push(ShardSnapshot {
                stream: key.stream.clone(),
                shard: key.shard.clone(),
                phase,
                token: state.worker.token(key),
                handled: slot.map(|slot| slot.link.handled()),
                written: state.worker.written(key),
                lag: view.as_ref().and_then(|view| view.lag),
                records: view.as_ref().map_or(0, |view| view.records),
                attempt: view.as_ref().map_or(0, |view| view.attempt),
                last_error: view.and_then(|view| view.handler_error.clone().or_else(|| view.fetch_error.clone())),
            });
        }
        Snapshot {
            group: self.group.clone(),
            worker: self.me.clone(),
            incarnation: state.worker.incarnation(),
            is_leader: state.worker.is_leader(Instant::now()),
            bytes_held: room.held,
            budget: room.budget,
            lag: shards.iter().filter_map(|shard| shard.lag).max(),
            shards,
        }
    }

    pub(crate) fn health(&self) -> Health {
        if let Some(fault) = &self.lock().fault {
            return Health::Failing { reason: fault.to_string() };
        }
        let snapshot = self.snapshot();
        let of = |shard: &ShardSnapshot, what: &str| format!("{} of {}: {what}", shard.shard, shard.stream);
        if let Some(stopped) = snapshot.shards.iter().find(|shard| shard.phase == Phase::Stopped) {
            let reason = of(stopped, stopped.last_error.as_deref().unwrap_or("its handler failed"));
            return Health::Failing { reason };
        }
        match snapshot.shards.iter().find_map(|shard| Some(of(shard, shard.last_error.as_deref()?))) {
            Some(reason) => Health::Degraded { reason },
            None => Health::Healthy,
        }
    }
}
