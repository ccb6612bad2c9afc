//! What holds at every step: held against each write of a row, each delivery and each effect.
//!
//! - A tenure belongs to one start of one worker, and tenures of a shard only grow.
//! - How far a row is never goes back, and never passes a record that nobody has handled.
//! - A shard's records are delivered in order and without gaps, a child's only when all of its parents' are handled and
//!   their rows say so, each key's first in the order in which they were put.
//! - A shard is never handled by two workers at a time, nor by two handlers in one.
//! - Where nothing goes wrong, nothing comes twice; what takes effect with its checkpoint, never does.

use crate::plan::{Class, Mode, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use tailwater::record::{HashRange, ShardId};
use tailwater::store::{Change, Commit, Lease, Progress, Renewal, Written};

/// A record that was put, and belongs to the shard where it is stored.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) shard: ShardId,
    pub(crate) at: Progress,
    key: usize,
    /// Its place among those of its key.
    ordinal: usize,
    is_delivered: bool,
    pub(crate) effects: u32,
}

/// A shard as the broker tells of it, and what is stored in it.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) parents: BTreeSet<ShardId>,
    pub(crate) range: HashRange,
    pub(crate) is_open: bool,
    items: BTreeMap<Progress, usize>,
    /// Up to here everything is known to be handled.
    checked: Progress,
}

/// A call of a handler that is going on.
#[derive(Debug)]
struct Seat {
    process: usize,
    worker: String,
}

/// Who holds it, and how.
#[derive(Debug)]
pub(crate) struct Invariants {
    class: Class,
    mode: Mode,
    pub(crate) shards: BTreeMap<ShardId, Shard>,
    pub(crate) items: Vec<Item>,
    /// By key: how many were put, how many were delivered.
    keys: BTreeMap<usize, (usize, usize)>,
    /// Rows as they stand.
    pub(crate) rows: BTreeMap<ShardId, Lease>,
    /// Shards that have had a row.
    had_row: BTreeSet<ShardId>,
    tenures: BTreeMap<ShardId, (u64, usize)>,
    seats: BTreeMap<ShardId, Vec<Seat>>,
    /// Under which name each was started.
    names: BTreeMap<usize, String>,
    /// The last start under each name.
    starts: BTreeMap<String, usize>,
    /// Handlers that live, by worker and shard.
    handlers: BTreeSet<(usize, ShardId)>,
    pub(crate) delivered: u64,
    pub(crate) again: u64,
    pub(crate) writes: u64,
    violation: Option<String>,
}

/// What a handler instance was handed so far.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    /// Where the batch before ended.
    ended: Progress,
}

impl Thread {
    pub(crate) fn new(from: Progress) -> Self {
        Self { ended: from }
    }
}

impl Invariants {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            class: plan.class,
            mode: plan.mode,
            shards: BTreeMap::new(),
            items: Vec::new(),
            keys: BTreeMap::new(),
            rows: BTreeMap::new(),
            had_row: BTreeSet::new(),
            tenures: BTreeMap::new(),
            seats: BTreeMap::new(),
            names: BTreeMap::new(),
            starts: BTreeMap::new(),
            handlers: BTreeSet::new(),
            delivered: 0,
            again: 0,
            writes: 0,
            violation: None,
        }
    }

    /// The first violation is the one that counts.
    pub(crate) fn violate(&mut self, what: fmt::Arguments<'_>) {
        if self.violation.is_none() {
            self.violation = Some(what.to_string());
        }
    }

    pub(crate) fn violation(&self) -> Option<&String> {
        self.violation.as_ref()
    }

    /// The shard is there, so far as the broker tells.
    pub(crate) fn know(&mut self, shard: ShardId, parents: BTreeSet<ShardId>, range: HashRange, is_open: bool) {
        let known = self.shards.entry(shard).or_insert_with(|| Shard {
            parents,
            range,
            is_open,
            items: BTreeMap::new(),
            checked: Progress::AtTimestamp,
        });
        known.is_open = is_open;
    }

    /// The number of the record that is put next.
    pub(crate) fn next_item(&self) -> usize {
        self.items.len()
    }

    /// A record is stored where it belongs.
    pub(crate) fn put(&mut self, shard: &ShardId, at: Progress, key: usize) {
        let ordinal = self.keys.entry(key).or_default();
        let item =
            Item { shard: shard.clone(), at: at.clone(), key, ordinal: ordinal.0, is_delivered: false, effects: 0 };
        ordinal.0 += 1;
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.items.insert(at, self.items.len());
        }
        self.items.push(item);
    }

    pub(crate) fn created(&mut self, process: usize, row: &Lease) {
        let shard = &row.key.shard;
        if !self.had_row.insert(shard.clone()) {
            self.violate(format_args!("p{process} makes a row of {shard} anew"));
        }
        self.rows.insert(shard.clone(), row.clone());
        self.writes += 1;
    }

    pub(crate) fn removed(&mut self, process: usize, row: &Lease) {
        if !row.is_ended() {
            self.violate(format_args!("p{process} removes the row of {}, which has not ended", row.key.shard));
        }
        self.rows.remove(&row.key.shard);
        self.writes += 1;
    }

    /// A row was written.
    pub(crate) fn wrote(&mut self, process: usize, before: &Lease, change: &Change, after: &Lease) {
        let shard = after.key.shard.clone();
        self.writes += 1;
        if after.progress < before.progress && !matches!(change, Change::Seek { .. }) {
            self.violate(format_args!(
                "p{process} takes the row of {shard} back from {:?} to {:?}",
                before.progress, after.progress
            ));
        }
        match change {
            Change::Renew(Renewal { written, .. }) => {
                self.hold(process, &shard, after.tenure);
                if let Some(Written::Checkpoint(_)) = written {
                    self.reach(process, &shard, &after.progress);
                }
            }
            Change::Commit(Commit { .. }) => {
                self.hold(process, &shard, after.tenure);
                self.reach(process, &shard, &after.progress);
            }
            Change::Assign { .. }
            | Change::Offer { .. }
            | Change::Seek { .. }
            | Change::Children(_)
            | Change::Range(_) => {}
        }
        self.rows.insert(shard, after.clone());
    }

    /// One tenure, one start of one worker.
    fn hold(&mut self, process: usize, shard: &ShardId, tenure: u64) {
        match self.tenures.insert(shard.clone(), (tenure, process)) {
            Some((before, holder)) if before > tenure || (before == tenure && holder != process) => {
                self.violate(format_args!(
                    "p{process} writes to {shard} in tenure {tenure}, after p{holder} in tenure {before}"
                ));
            }
            _ => {}
        }
    }

    /// A row says that everything up to there is handled.
    fn reach(&mut self, process: usize, shard: &ShardId, to: &Progress) {
        let Some(known) = self.shards.get_mut(shard) else {
            return self.violate(format_args!("p{process} writes how far {shard} is, which nobody knows"));
        };
        if *to <= known.checked {
            return;
        }
        let unhandled = (known.items.range(known.checked.clone()..=to.clone()))
            .find(|(_, item)| self.items.get(**item).is_some_and(|item| item.effects == 0));
        let unhandled = unhandled.map(|(at, item)| (at.clone(), *item));
        known.checked = to.clone();
        let is_early = *to == Progress::ShardEnd && known.is_open;
        if let Some((at, item)) = unhandled {
            self.violate(format_args!(
                "p{process} writes that {shard} is handled up to {to:?}, and record {item} at {at:?} is not"
            ));
        }
        if is_early {
            self.violate(format_args!("p{process} ends {shard}, which is open"));
        }
        // Whoever ends the last of its parents has seen a row for each: a child may wait for a row until then.
        let has_ended = |parent: &ShardId| self.shards.get(parent).is_some_and(|it| it.checked == Progress::ShardEnd);
        let is_due = |child: &Shard| child.parents.contains(shard) && child.parents.iter().all(has_ended);
        let childless = self.shards.iter().find(|(id, child)| is_due(child) && !self.had_row.contains(*id));
        if let Some(child) = childless.map(|(id, _)| id.clone()).filter(|_| *to == Progress::ShardEnd) {
            self.violate(format_args!("p{process} ends {shard}, and its child {child} has no row"));
        }
    }

    /// A worker starts under this name.
    pub(crate) fn started(&mut self, process: usize, worker: &str) {
        self.names.insert(process, worker.to_owned());
        self.starts.insert(worker.to_owned(), process);
    }

    pub(crate) fn is_start_of(&self, process: usize, worker: &str) -> bool {
        self.names.get(&process).is_some_and(|name| name == worker)
    }

    /// A handler was made.
    pub(crate) fn made(&mut self, process: usize, worker: &str, shard: &ShardId, from: &Progress) {
        if !self.handlers.insert((process, shard.clone())) {
            self.violate(format_args!("p{process} has two handlers of {shard}"));
        }
        // Who was started again elsewhere may not have heard of it.
        let is_last = self.starts.get(worker) == Some(&process);
        let written = self.rows.get(shard).map(|row| &row.progress).filter(|_| is_last);
        // A transaction that lands late may be farther than what was read.
        if let Some(written) = written.filter(|written| *written > from && self.mode != Mode::Transact) {
            let written = written.clone();
            self.violate(format_args!("p{process} begins {shard} behind {from:?}, and its row is at {written:?}"));
        }
    }

    pub(crate) fn unmade(&mut self, process: usize, shard: &ShardId) {
        self.handlers.remove(&(process, shard.clone()));
    }

    /// A call of a handler begins.
    pub(crate) fn sit(&mut self, process: usize, worker: &str, shard: &ShardId) {
        let seats = self.seats.entry(shard.clone()).or_default();
        // Who starts under another's name makes that one stop, and gives its leases away before it has.
        let is_last = |process, worker: &str| self.starts.get(worker).is_none_or(|last| *last == process);
        let other = seats.iter().find(|seat| is_last(seat.process, &seat.worker) && is_last(process, worker));
        let other = other.map(|seat| seat.process);
        seats.push(Seat { process, worker: worker.to_owned() });
        if let Some(other) = other {
            self.violate(format_args!("p{process} handles {shard}, and p{other} still does"));
        }
    }

    pub(crate) fn rise(&mut self, process: usize, shard: &ShardId) {
        let seats = self.seats.entry(shard.clone()).or_default();
        if let Some(at) = seats.iter().position(|seat| seat.process == process) {
            seats.remove(at);
        }
    }

    /// Records are handed to a handler.
    pub(crate) fn deliver(
        &mut self,
        process: usize,
        shard: &ShardId,
        thread: &mut Thread,
        attempt: u32,
        records: &[(usize, Progress)],
        end: &Progress,
    ) {
        let Some(known) = self.shards.get(shard) else {
            return self.violate(format_args!("p{process} is handed records of {shard}, which nobody knows"));
        };
        let parents = known.parents.clone();
        let (first, last) = match (records.first(), records.last()) {
            (Some((_, first)), Some((_, last))) => (first.clone(), last.clone()),
            _ => return self.violate(format_args!("p{process} is handed an empty batch of {shard}")),
        };
        // Without gaps: what stands in the shard from the first to the last, and nothing else.
        let expected: Vec<usize> = known.items.range(first.clone()..=last.clone()).map(|(_, item)| *item).collect();
        let given: Vec<usize> = records.iter().map(|(item, _)| *item).collect();
        let missed = (known.items.range(..first.clone()).next_back())
            .filter(|(before, _)| **before > thread.ended)
            .map(|(_, item)| *item);
        if expected != given {
            self.violate(format_args!("p{process} is handed {given:?} of {shard}, and there stand {expected:?}"));
        }
        if last > *end {
            self.violate(format_args!("p{process} is handed a batch of {shard} that ends before its last record"));
        }
        if let Some(missed) = missed {
            self.violate(format_args!("p{process} is handed {given:?} of {shard} without {missed} before"));
        }
        if first <= thread.ended && attempt == 1 {
            self.violate(format_args!("p{process} is handed {given:?} of {shard} again, in a first delivery"));
        }
        if attempt == 1 {
            thread.ended = end.clone();
        }
        for parent in parents {
            let row = self.rows.get(&parent);
            if row.is_some_and(|row| !row.is_ended()) {
                self.violate(format_args!("p{process} is handed {given:?} of {shard} before {parent} has ended"));
            }
            let unhandled = self.shards.get(&parent).and_then(|parent| {
                parent.items.values().copied().find(|item| self.items.get(*item).is_some_and(|item| item.effects == 0))
            });
            if let Some(unhandled) = unhandled {
                self.violate(format_args!(
                    "p{process} is handed {given:?} of {shard} before {unhandled} of {parent} is handled"
                ));
            }
        }
        for item in given {
            self.hand(process, shard, item);
        }
    }

    fn hand(&mut self, process: usize, shard: &ShardId, number: usize) {
        self.delivered += 1;
        let Some(item) = self.items.get_mut(number) else { return };
        if item.is_delivered {
            self.again += 1;
            if self.class == Class::Calm {
                self.violate(format_args!("p{process} is handed {number} of {shard} again, and nothing has happened"));
            }
            return;
        }
        item.is_delivered = true;
        let (key, ordinal) = (item.key, item.ordinal);
        let next = self.keys.entry(key).or_default();
        let due = next.1;
        next.1 += 1;
        if ordinal != due {
            self.violate(format_args!(
                "p{process} is handed {number} of {shard}, the {ordinal}. of key {key}, before the {due}."
            ));
        }
    }

    /// Records are handled, whatever may still be written of that.
    pub(crate) fn take_effect(&mut self, process: usize, shard: &ShardId, items: &[usize]) {
        for number in items {
            let Some(item) = self.items.get_mut(*number) else { continue };
            item.effects += 1;
            if item.effects > 1 && self.mode == Mode::Transact {
                self.violate(format_args!("p{process} makes {number} of {shard} take effect again"));
            }
        }
    }

    pub(crate) fn handled_by(&self, process: usize) -> Vec<ShardId> {
        self.handlers.iter().filter(|(handler, _)| *handler == process).map(|(_, shard)| shard.clone()).collect()
    }

    pub(crate) fn is_handled_by(&self, process: usize, shard: &ShardId) -> bool {
        self.handlers.contains(&(process, shard.clone()))
    }

    /// Handlers that live and should not.
    pub(crate) fn left_over(&self) -> Option<String> {
        let handler = self.handlers.first().map(|(process, shard)| format!("p{process} still handles {shard}"));
        handler.or_else(|| {
            let seat = self.seats.iter().find_map(|(shard, seats)| Some((shard, seats.first()?)));
            seat.map(|(shard, seat)| format!("p{} still has a call for {shard}", seat.process))
        })
    }
}
