//! A worker as one pure machine: it holds leases, watches the others, and leads the group if it has the lock.
//! Fed with answers and the time, it says what is to be done next; `worker_task` does that. Everything it decides follows
//! from rows and from its own clock, never from what it hopes another worker will do.
//!
//! - `holding`: leases of mine, taken, waiting for parents, handled (`held` is what is known of each); `tasks`: what is at
//!   work for them; `letting_go`: how they end.
//! - `leading`: the lock, who gets which lease, which rows are missing, which may go.
//! - `ending`: the way out.

pub(crate) mod action;
mod held;
mod holding;
mod tasks;
mod letting_go;
mod leading;
mod ending;

use crate::audit::Audit;
use crate::balance;
use crate::event::Event;
use crate::lead::Lead;
use crate::snapshot::Phase;
use crate::tenure::Pace;
use crate::watch::Watch;
use action::{Action, Observation};
use held::{Busy, Held, Life};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tailwater_record::Timestamp;
use tailwater_store::{
    Error, GroupName, GroupRecord, Incarnation, Lease, LeaseKey, Lock, LockVersion, Moved, Origin, StreamIdentity,
    WorkerId, WorkerRow,
};
use tokio::time::Instant;

/// What a worker goes by.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) pace: Pace,
    /// How often everything is looked at when nothing is going on.
    pub(crate) observation: Duration,
    /// How often while something is.
    pub(crate) fast_observation: Duration,
    /// For how long a lock counts.
    pub(crate) lock_lease: Duration,
    /// How long a handler has to finish for a handoff.
    pub(crate) handoff: Duration,
    pub(crate) audit: Duration,
    pub(crate) balance: balance::Rules,
    pub(crate) leases_max: Option<u32>,
    pub(crate) cleanup: bool,
    /// How long a fetch may take until it is begun anew.
    pub(crate) fetch_stall: Duration,
    /// How long a handler may take until that is told.
    pub(crate) handler_stall: Duration,
}

/// A worker.
#[derive(Debug)]
pub(crate) struct Worker {
    rules: Rules,
    group: GroupName,
    me: WorkerId,
    incarnation: Incarnation,
    streams: BTreeMap<StreamIdentity, Tracked>,
    held: BTreeMap<LeaseKey, Held>,
    watch: Watch,
    lead: Lead,
    was_leader: bool,
    seen: Option<SeenAll>,
    observing: bool,
    observed_at: Instant,
    /// Look at everything then, although the usual pace would be slower.
    observe_at: Instant,
    fast_until: Option<Instant>,
    row: WorkerRow,
    beating: Option<Instant>,
    beat_at: Instant,
    /// Moves that are being written.
    moving: BTreeMap<LeaseKey, (Moved, &'static str)>,
    moved: Vec<Moved>,
    planned: bool,
    ending: Option<Ending>,
    /// Whether another start has taken this worker's place.
    superseded: bool,
    random: fastrand::Rng,
    actions: VecDeque<Action>,
    unreadable: BTreeSet<String>,
    told_unplaced: usize,
    /// What is true now, by the shell's wall clock: for the record of moves only.
    wall: Timestamp,
}

/// A stream that this worker reads.
#[derive(Debug)]
struct Tracked {
    /// Where a stream without leases is begun.
    origin: Origin,
    audit: Audit,
    audit_at: Instant,
    listing: bool,
    /// Whether this worker looks after it: lists its shards and makes their rows.
    is_mine: bool,
}

/// Everything, as it was seen last.
#[derive(Debug)]
struct SeenAll {
    leases: BTreeMap<LeaseKey, Lease>,
    workers: Vec<WorkerRow>,
    lock: Option<Lock>,
    group: GroupRecord,
}

/// The way out.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ending {
    since: Instant,
    /// Whether leases are offered to others first, and handlers finish.
    drains: bool,
    /// Whether each shard has been told.
    told: bool,
    /// Whether the worker has been struck off, and nothing is left to do.
    struck: bool,
    last_look: Look,
}

/// The last look at everything: a lease may have been given to a worker that did not know of it yet when it left.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Look {
    /// It is still to be asked for.
    Wanted,
    /// It is under way.
    Asked,
    /// What is mine is known.
    Done,
}

impl Worker {
    pub(crate) fn new(
        now: Instant,
        group: GroupName,
        me: WorkerId,
        incarnation: Incarnation,
        rules: Rules,
        seed: u64,
    ) -> Self {
        let mut row = WorkerRow::new(me.clone(), incarnation);
        row.leases_max = rules.leases_max;
        let lead = Lead::new(me.clone(), rules.lock_lease);
        let started = Event::Started { worker: me.clone(), incarnation };
        Self {
            rules,
            group,
            me,
            incarnation,
            streams: BTreeMap::new(),
            held: BTreeMap::new(),
            watch: Watch::default(),
            lead,
            was_leader: false,
            seen: None,
            observing: false,
            observed_at: now,
            observe_at: now,
            fast_until: Some(now + FAST),
            row,
            beating: None,
            beat_at: now,
            moving: BTreeMap::new(),
            moved: Vec::new(),
            planned: false,
            ending: None,
            superseded: false,
            random: fastrand::Rng::with_seed(seed),
            actions: VecDeque::from([Action::Tell(started)]),
            unreadable: BTreeSet::new(),
            told_unplaced: 0,
            wall: Timestamp::EPOCH,
        }
    }

    /// A stream that is to be read from now on. One without leases is begun at `origin`.
    pub(crate) fn add_stream(&mut self, now: Instant, stream: StreamIdentity, origin: Origin) {
        self.row.streams.insert(stream.clone());
        let tracked = Tracked {
            origin,
            audit: Audit::default(),
            audit_at: now + self.rules.audit,
            listing: false,
            is_mine: false,
        };
        self.streams.entry(stream).or_insert(tracked);
        (self.beat_at, self.observe_at) = (now, now);
        self.hasten(now);
    }

    /// A stream that is read no more; its shards are drained and let go.
    pub(crate) fn remove_stream(&mut self, now: Instant, stream: &StreamIdentity) {
        self.row.streams.remove(stream);
        self.streams.remove(stream);
        self.beat_at = now;
        let keys: Vec<LeaseKey> = self.held.keys().filter(|key| key.stream == *stream).cloned().collect();
        for key in keys {
            self.drain(now, &key);
        }
    }

    /// A stream was deleted and made again under its name: the new one is read from its oldest record.
    pub(crate) fn made_anew(&mut self, now: Instant, stream: &StreamIdentity, anew: StreamIdentity) {
        self.tell(Event::MadeAnew { stream: stream.clone(), anew: anew.clone() });
        self.remove_stream(now, stream);
        self.add_stream(now, anew, Origin::TrimHorizon);
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, now: Instant, wall: Timestamp) {
        self.wall = wall;
        self.hold(now);
        self.end_if_due(now);
        if self.beating.is_none() && now >= self.beat_at && !self.has_left() && !self.superseded {
            self.row.beat += 1;
            self.beating = Some(now);
            self.actions.push_back(Action::Beat(self.row.clone()));
        }
        self.lead(now);
        self.list_streams(now);
        if !self.observing && now >= self.observation_due(now) && self.moving.is_empty() && !self.has_left() {
            self.observing = true;
            self.begin_last_look();
            self.actions.push_back(Action::Observe);
        }
    }

    /// When to let time pass although nothing happens.
    pub(crate) fn wake_at(&self, now: Instant) -> Option<Instant> {
        if self.has_left() {
            return None;
        }
        let held = self.held.values().filter_map(Held::wake_at).min();
        let observe = (!self.observing && self.moving.is_empty()).then(|| self.observation_due(now));
        let beat = (self.beating.is_none() && !self.superseded).then_some(self.beat_at);
        let ending = self.ending_due();
        let stalls = self.stall_due();
        let listing = self.listing_due().filter(|_| self.seen.is_some());
        [held, observe, beat, self.lead.wake_at(), ending, stalls, listing].into_iter().flatten().min()
    }

    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// When to look at everything next: at the usual pace, soon while something is going on, and at once when a lease or
    /// the lock may have expired.
    fn observation_due(&self, now: Instant) -> Instant {
        let is_fast = self.fast_until.is_some_and(|until| now < until) && self.is_busy();
        let pace = if is_fast { self.rules.fast_observation } else { self.rules.observation };
        let usual = self.observe_at.min(self.observed_at + pace);
        let expiry = if self.lead.is_leader(now) {
            self.watch.next_expiry(self.observed_at, self.rules.pace.failover)
        } else {
            let lock = self.seen.as_ref().and_then(|seen| seen.lock.as_ref());
            lock.and_then(|lock| self.watch.lock_expiry(self.observed_at, lock.lease))
        };
        // Just behind it: at the very moment it has not expired yet.
        expiry.map_or(usual, |expiry| usual.min(expiry + Duration::from_millis(1)))
    }

    /// Something is going on: look more often for a while.
    fn hasten(&mut self, now: Instant) {
        self.fast_until = Some(now + FAST);
    }

    /// Whether something is going on that another look may move forward.
    fn is_busy(&self) -> bool {
        let Some(seen) = &self.seen else { return true };
        self.ending.is_some()
            || self.held.values().any(|held| held.life != Life::Running && !held.is_at_rest())
            || seen.leases.values().any(|lease| {
                !lease.is_ended()
                    && self.row.streams.contains(&lease.key.stream)
                    && (lease.handoff_from.is_some() || lease.owner.is_none())
            })
    }

    /// What was read of everything.
    pub(crate) fn observed(&mut self, now: Instant, outcome: Result<Observation, Error>) {
        self.observing = false;
        (self.observed_at, self.observe_at) = (now, now + self.rules.observation);
        let observation = match outcome {
            Ok(observation) => observation,
            Err(error) => {
                // A store that is away is asked again sooner than one that answers.
                self.observe_at = now + self.rules.pace.renewal / 4;
                self.end_last_look(now, false);
                return self.tell_failure("everything", &error);
            }
        };
        let Observation { listing, workers, lock, group } = observation;
        for row in &listing.unreadable {
            if self.unreadable.insert(row.row.clone()) {
                let (row, cause) = (row.row.clone(), row.cause.to_string());
                self.tell(Event::UnreadableRow { row, cause });
            }
        }
        self.watch.observe(now, &listing.leases, &workers, lock.as_ref());
        let changed = self.seen.as_ref().is_none_or(|seen| {
            seen.workers.len() != workers.len()
                || seen.leases.len() != listing.leases.len()
                || listing.leases.iter().any(|lease| {
                    seen.leases
                        .get(&lease.key)
                        .is_none_or(|was| (&was.owner, &was.handoff_from) != (&lease.owner, &lease.handoff_from))
                })
        });
        if changed {
            self.hasten(now);
        }
        let leases = listing.leases.into_iter().map(|lease| (lease.key.clone(), lease)).collect();
        self.seen = Some(SeenAll { leases, workers, lock, group });
        self.planned = false;
        self.end_last_look(now, true);
        self.look_over(now);
        self.lead_on(now);
    }

    /// Whether the worker's row was written.
    pub(crate) fn beaten(&mut self, now: Instant, outcome: Result<bool, Error>) {
        let asked = self.beating.take().unwrap_or(now);
        match outcome {
            Ok(true) => self.beat_at = asked + self.rules.pace.renewal,
            Ok(false) => self.superseded(now),
            Err(error) => {
                self.beat_at = now + self.rules.pace.renewal / 4;
                self.tell_failure("a sign of life", &error);
            }
        }
    }

    fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Tell(event));
    }

    fn tell_failure(&mut self, asked: &'static str, error: &Error) {
        self.tell(Event::StoreFailed { asked, error: error.to_string() });
    }

    fn version(random: &mut fastrand::Rng) -> LockVersion {
        LockVersion::new(random.u128(..))
    }

    /// How busy the processors are, for the leader to know.
    pub(crate) fn set_cpu(&mut self, cpu: Option<tailwater_store::CpuUse>) {
        self.row.cpu = cpu;
    }

    pub(crate) fn is_leader(&self, now: Instant) -> bool {
        self.lead.is_leader(now)
    }

    /// Where a stream without leases is begun.
    pub(crate) fn origin(&self, stream: &StreamIdentity) -> Option<Origin> {
        self.streams.get(stream).map(|tracked| tracked.origin)
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The shards that are held, and what becomes of them.
    pub(crate) fn phases(&self) -> impl Iterator<Item = (&LeaseKey, Phase)> {
        self.held.iter().map(|(key, held)| {
            let phase = match held.life {
                Life::Adopting => Phase::Taking,
                Life::AwaitingParents { .. } => Phase::AwaitingParents,
                Life::Running => Phase::Running,
                Life::Draining { .. } | Life::Releasing => Phase::Draining,
                Life::Stopped(_) => Phase::Stopped,
                Life::Paused => Phase::Paused,
                Life::Leaving => Phase::Leaving,
            };
            (key, phase)
        })
    }
}

/// For how long it is looked more often after something has changed.
const FAST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
