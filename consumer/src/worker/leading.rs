//! What a leader does: gives leases to workers, makes rows for shards that have none, removes rows that have served.
//! Everything is planned from one observation, and written with conditions that name what was seen; a plan that came too
//! late does nothing.

use super::action::{Action, Purpose, Wanted};
use super::{SeenAll, Worker};
use crate::audit::Cover;
use crate::balance::{self, How, Reason};
use crate::clean;
use crate::discover::{self, ListedShard, Start};
use crate::event::Event;
use crate::snapshot::PlannedMove;
use std::collections::BTreeMap;
use std::time::Duration;
use tailwater_record::ShardId;
use tailwater_store::{Applied, Change, Error, Lease, LeaseKey, Moved, Origin, Seen, StreamIdentity, Wish, WorkerRow};
use tokio::time::Instant;

/// A worker that gave no sign for so long is struck off.
const STALE: Duration = Duration::from_secs(3600);

/// A row that has served stays for so long. A leader's attempt to make it that is still on its way finds it there; it
/// would be made anew, and the shard be read from its oldest record once more.
const SERVED: Duration = Duration::from_secs(60);

impl Worker {
    /// Keeps the lock.
    pub(super) fn lead(&mut self, now: Instant) {
        let random = &mut self.random;
        if let Some(swap) = self.lead.beat(now, || Self::version(random)) {
            self.actions.push_back(Action::Swap(swap));
        }
        if self.was_leader && !self.lead.is_leader(now) {
            self.was_leader = false;
            self.tell(Event::Following);
        }
    }

    /// Whether the lock was written.
    pub(crate) fn locked(&mut self, now: Instant, outcome: Result<bool, Error>) {
        if let Err(error) = &outcome {
            self.tell_failure("the lock", error);
        }
        self.lead.written(now, outcome.ok());
        if !self.was_leader && self.lead.is_leader(now) && self.ending.is_none_or(|ending| !ending.told) {
            self.was_leader = true;
            self.tell(Event::Leading);
            self.planned = false;
            self.lead_on(now);
        }
    }

    /// Tries for the lock, or plans, after everything was looked at.
    pub(super) fn lead_on(&mut self, now: Instant) {
        if self.ending.is_some_and(|ending| ending.told) {
            return;
        }
        let Some(seen) = &self.seen else { return };
        let random = &mut self.random;
        if let Some(swap) = self.lead.try_for(now, seen.lock.as_ref(), &self.watch, || Self::version(random)) {
            self.actions.push_back(Action::Swap(swap));
        }
        self.list_streams(now);
        if !self.lead.is_leader(now) || self.planned || !self.moving.is_empty() {
            return;
        }
        self.planned = true;
        self.move_leases(now);
        self.tidy(now);
        self.heed_seeks();
    }

    fn move_leases(&mut self, now: Instant) {
        let Some(seen) = &self.seen else { return };
        let plan = balance::plan(&self.view(now, seen), &self.rules.balance);
        let unplaced = plan.unplaced.len();
        if unplaced > 0 && unplaced != self.told_unplaced {
            let reason = plan.unplaced.first().map(|(_, why)| why.to_string()).unwrap_or_default();
            self.tell(Event::Unplaced { leases: unplaced, reason });
        }
        self.told_unplaced = unplaced;
        let failover = self.rules.pace.failover;
        for step in plan.moves {
            let Some(lease) = self.seen.as_ref().and_then(|seen| seen.leases.get(&step.key)) else { continue };
            let change = match (step.how, &lease.owner) {
                (How::Offer, Some(owner)) => Change::Offer { owner: owner.clone(), to: step.to.clone() },
                (How::Offer, None) | (How::Assign, _) => {
                    // Who renewed since this was read has not expired. Other reasons hold whether it renews or not.
                    let is_expired = lease.owner.is_some() && self.watch.lease_still(now, &step.key) > failover;
                    let seen = if is_expired { Seen::exactly(lease) } else { Seen::of(lease) };
                    Change::Assign { seen, to: Some(step.to.clone()) }
                }
            };
            let moved = Moved {
                key: step.key.clone(),
                from: step.from,
                to: Some(step.to),
                reason: step.reason.to_string(),
                at: self.wall,
            };
            self.moving.insert(step.key.clone(), (moved, cause(&step.reason)));
            self.actions.push_back(Action::Write { key: step.key, change, purpose: Purpose::Move });
        }
    }

    /// What a leader would move now, by what this worker saw last, and why.
    pub(crate) fn plan(&self, now: Instant) -> Vec<PlannedMove> {
        let Some(seen) = &self.seen else { return Vec::new() };
        let plan = balance::plan(&self.view(now, seen), &self.rules.balance);
        let planned = plan.moves.into_iter().map(|step| PlannedMove {
            key: step.key,
            from: step.from,
            to: step.to,
            is_handed_over: step.how == How::Offer,
            reason: step.reason.to_string(),
        });
        planned.collect()
    }

    /// What the planner is to know.
    fn view(&self, now: Instant, seen: &SeenAll) -> balance::View {
        let failover = self.rules.pace.failover;
        let wish = |key: &LeaseKey| {
            seen.group.wishes.iter().rev().find_map(|wish| match wish {
                Wish::Move { key: moved, to } if moved == key => Some(to.clone()),
                Wish::Move { .. } | Wish::Pause { .. } | Wish::Seek { .. } => None,
            })
        };
        let leases = seen.leases.values().map(|lease| {
            let held_for = self.watch.held_for(now, &lease.key);
            balance::LeaseView {
                key: lease.key.clone(),
                owner: lease.actual_owner().cloned(),
                next: lease.handoff_from.as_ref().and(lease.owner.clone()),
                expired_for: (lease.owner.as_ref())
                    .and_then(|_| self.watch.lease_still(now, &lease.key).checked_sub(failover))
                    .filter(|over| !over.is_zero()),
                is_ended: lease.is_ended(),
                is_handoff_overdue: lease.handoff_from.is_some() && held_for > self.rules.handoff + failover,
                throughput: lease.throughput,
                held_for,
                wish: wish(&lease.key),
            }
        });
        let workers = seen.workers.iter().map(|row| {
            // Of myself I know more than a row does.
            let row = if row.worker == self.me { &self.row } else { row };
            balance::WorkerView {
                id: row.worker.clone(),
                is_live: row.worker == self.me || self.is_live(now, row) || row.is_leaving,
                is_leaving: row.is_leaving,
                cpu: row.cpu,
                leases_max: row.leases_max,
                streams: row.streams.clone(),
            }
        });
        balance::View { leases: leases.collect(), workers: workers.collect() }
    }

    /// What came of a move.
    pub(super) fn moved(&mut self, now: Instant, key: &LeaseKey, outcome: Result<Applied, Error>) {
        let moved = self.moving.remove(key);
        match outcome {
            Ok(Applied::Done(row)) => {
                if let (Some(seen), Some((moved, cause))) = (&mut self.seen, moved) {
                    seen.leases.insert(key.clone(), row);
                    if let Some(to) = moved.to.clone() {
                        let (key, from, reason) = (key.clone(), moved.from.clone(), moved.reason.clone());
                        self.actions.push_back(Action::Tell(Event::Moved { key, from, to, cause, reason }));
                    }
                    self.moved.push(moved);
                }
                self.hasten(now);
            }
            Ok(Applied::Refused(_)) => self.observe_at = now,
            Err(error) => {
                self.observe_at = now;
                self.tell_failure("a move", &error);
            }
        }
        if self.moving.is_empty() {
            let moved = std::mem::take(&mut self.moved);
            if !moved.is_empty() {
                self.actions.push_back(Action::Remember(moved));
            }
            self.look_over(now);
        }
    }

    /// Removes what has served, and has repaired what is missing.
    fn tidy(&mut self, now: Instant) {
        let Some(seen) = &self.seen else { return };
        // A child that its parent tells of and that has no row: whoever should have made it could not.
        for lease in seen.leases.values().filter(|lease| lease.is_ended()) {
            let is_missing = |child: &ShardId| !seen.leases.contains_key(&lease.key.sibling(child.clone()));
            if lease.children.iter().any(is_missing)
                && let Some(tracked) = self.streams.get_mut(&lease.key.stream)
            {
                tracked.audit_at = tracked.audit_at.min(now + RELIST);
            }
        }
        let stale = |row: &&WorkerRow| {
            row.worker != self.me && self.watch.worker_still(now, &row.worker).is_some_and(|still| still > STALE)
        };
        let stale: Vec<WorkerRow> = seen.workers.iter().filter(stale).cloned().collect();
        let leases: Vec<Lease> = seen.leases.values().cloned().collect();
        let is_old = |lease: &&Lease| self.watch.lease_still(now, &lease.key) >= SERVED;
        let finished: Vec<Lease> = if self.rules.cleanup {
            clean::finished(&leases).into_iter().filter(is_old).cloned().collect()
        } else {
            Vec::new()
        };
        self.actions.extend(stale.into_iter().map(Action::Strike));
        for lease in finished {
            self.tell(Event::Cleaned { key: lease.key.clone() });
            if let Some(seen) = &mut self.seen {
                seen.leases.remove(&lease.key);
            }
            self.actions.push_back(Action::Remove(lease));
        }
    }

    /// Begins leases anew where an operator wishes it; who has one learns it by a renewal that fails.
    fn heed_seeks(&mut self) {
        let Some(seen) = &self.seen else { return };
        let mut seeks = Vec::new();
        for wish in &seen.group.wishes {
            let Wish::Seek { key, to, at } = wish else { continue };
            let Some(lease) = seen.leases.get(key) else { continue };
            let origin = at.map_or(lease.origin, Origin::At);
            let change = Change::Seek { counter: lease.counter, progress: to.clone(), origin };
            seeks.push((key.clone(), change, wish.clone()));
        }
        for (key, change, wish) in seeks {
            self.actions.push_back(Action::Seek { key, change, wish });
        }
    }

    /// Has the shards of streams listed that this worker looks after; of the others, whether they are still the same.
    pub(super) fn list_streams(&mut self, now: Instant) {
        let Some(seen) = &self.seen else { return };
        let is_leader = self.lead.is_leader(now);
        let mine: BTreeMap<StreamIdentity, (bool, bool)> = (self.streams.keys())
            .map(|stream| {
                let is_mine = is_leader || self.looks_after(now, stream);
                (stream.clone(), (is_mine, seen.leases.keys().any(|key| key.stream == *stream)))
            })
            .collect();
        let mut wanted = Vec::new();
        for (stream, (is_mine, has_leases)) in mine {
            let Some(tracked) = self.streams.get_mut(&stream) else { continue };
            if is_mine && !tracked.is_mine {
                tracked.audit_at = now;
            }
            tracked.is_mine = is_mine;
            if tracked.listing || tracked.audit_at > now {
                continue;
            }
            tracked.listing = true;
            wanted.push(match (is_mine, has_leases) {
                (false, _) => (stream, Wanted::Nothing),
                (true, true) => (stream, Wanted::All),
                (true, false) => (stream, Wanted::First),
            });
        }
        for (stream, how) in wanted {
            self.actions.push_back(Action::Discover(stream, how));
        }
    }

    /// Whether a stream that the leader does not read is this worker's to look after: the first of those who do.
    fn looks_after(&self, now: Instant, stream: &StreamIdentity) -> bool {
        let Some(seen) = &self.seen else { return false };
        let Some(lock) = &seen.lock else { return false };
        let leader_reads = seen.workers.iter().any(|row| row.worker == lock.holder && row.streams.contains(stream));
        let mut readers = seen.workers.iter().filter(|row| row.streams.contains(stream) && self.is_live(now, row));
        !leader_reads && readers.next().is_some_and(|row| row.worker == self.me)
    }

    /// When a stream is to be listed next.
    pub(super) fn listing_due(&self) -> Option<Instant> {
        self.streams.values().filter(|tracked| !tracked.listing).map(|tracked| tracked.audit_at).min()
    }

    /// A stream's shards were listed.
    pub(crate) fn discovered(
        &mut self,
        now: Instant,
        stream: &StreamIdentity,
        wanted: Wanted,
        outcome: Result<Vec<ListedShard>, String>,
    ) {
        let Some(tracked) = self.streams.get_mut(stream) else { return };
        tracked.listing = false;
        let Some(seen) = &self.seen else { return };
        let leases: Vec<Lease> = seen.leases.values().filter(|lease| lease.key.stream == *stream).cloned().collect();
        // Where the group began, and not where this worker would: what it has not begun with must not be skipped.
        let began = leases.iter().filter_map(|lease| match lease.origin {
            Origin::At(moment) => Some(moment),
            Origin::TrimHorizon | Origin::Latest => None,
        });
        let start = match tracked.origin {
            Origin::TrimHorizon | Origin::Latest => Start::TrimHorizon,
            Origin::At(moment) => Start::At(began.min().unwrap_or(moment)),
        };
        let missing = outcome.and_then(|shards| match wanted {
            Wanted::First if leases.is_empty() => {
                discover::first_leases(&self.group, stream, &shards, start).map_err(|hole| hole.to_string())
            }
            // Somebody was faster: what stands there counts.
            Wanted::First | Wanted::Nothing => Ok(Vec::new()),
            Wanted::All => {
                for gone in clean::garbage(&leases, &shards) {
                    self.actions.push_back(Action::Tell(Event::Cleaned { key: gone.key.clone() }));
                    self.actions.push_back(Action::Remove(gone.clone()));
                }
                discover::missing_leases(&self.group, stream, &shards, &leases, start)
                    .map_err(|inconsistent| inconsistent.to_string())
            }
        });
        match missing {
            Ok(missing) => {
                // Who has come to look after it meanwhile has yet to list it.
                let is_left = wanted == Wanted::Nothing && tracked.is_mine;
                tracked.audit_at = if is_left { now } else { now + self.rules.audit };
                if let Cover::Act(holes) = tracked.audit.look(&leases).cover {
                    for hole in holes {
                        let event = Event::Hole { stream: stream.clone(), hole: hole.to_string() };
                        self.actions.push_back(Action::Tell(event));
                    }
                }
                if missing.is_empty() {
                    self.observe_at = if wanted == Wanted::First { now } else { self.observe_at };
                } else {
                    self.actions.push_back(Action::Create(stream.clone(), missing));
                }
            }
            Err(error) => {
                tracked.audit_at = now + RELIST;
                self.actions.push_back(Action::Tell(Event::Undiscovered { stream: stream.to_string(), error }));
            }
        }
    }

    /// Rows were made, so many of them new.
    pub(crate) fn created(&mut self, now: Instant, stream: &StreamIdentity, outcome: Result<usize, Error>) {
        self.observe_at = now;
        self.hasten(now);
        match outcome {
            Ok(leases) => self.tell(Event::Discovered { stream: stream.clone(), leases }),
            Err(error) => {
                if let Some(tracked) = self.streams.get_mut(stream) {
                    tracked.audit_at = now + RELIST;
                }
                self.tell_failure("new rows", &error);
            }
        }
    }
}

/// How long to wait until a stream is listed again that could not be.
const RELIST: Duration = Duration::from_millis(1500);

/// The reason in one word, to count by.
fn cause(reason: &Reason) -> &'static str {
    match reason {
        Reason::Unowned => "unowned",
        Reason::Gone { .. } => "gone",
        Reason::Neglected { .. } => "neglected",
        Reason::HandoffOverdue { .. } | Reason::HandoffCut { .. } => "handoff_overdue",
        Reason::Leaving { .. } => "leaving",
        Reason::NotRead { .. } => "not_read",
        Reason::Wish { .. } => "wish",
        Reason::OverLimit { .. } | Reason::MakesRoom { .. } => "limit",
        Reason::Uneven { .. } | Reason::UnevenByWay { .. } => "balance",
    }
}
