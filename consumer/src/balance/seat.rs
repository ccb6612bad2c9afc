//! From what the leader sees to a board: who may be given something, what may be done with each lease, and what
//! everybody has to do before anything is moved.
//! Called by `plan`, first.

use super::board::{Board, Class, Held, Holder, Standing};
use super::{LeaseView, Reason, Rules, Strategy, View, WorkerView};
use std::collections::{BTreeMap, BTreeSet};
use tailwater_store::{StreamIdentity, WorkerId};

/// A lease that measures nothing still costs this part of the average: else all silent ones would gather on one worker.
const LEAST_WEIGHT: f64 = 0.01;

impl<'a> Board<'a> {
    pub(super) fn new(view: &'a View, rules: &'a Rules) -> Self {
        let mut leases: Vec<&LeaseView> = view.leases.iter().filter(|lease| !lease.is_ended).collect();
        leases.sort_by(|one, other| one.key.cmp(&other.key));
        leases.dedup_by(|one, other| one.key == other.key);
        let everybody: BTreeMap<&WorkerId, &WorkerView> = view.workers.iter().map(|each| (&each.id, each)).collect();
        let usable: Vec<&WorkerView> = everybody.values().copied().filter(|worker| worker.is_usable()).collect();
        let numbers: BTreeMap<&WorkerId, usize> = usable.iter().enumerate().map(|(at, each)| (&each.id, at)).collect();

        let streams: BTreeSet<&StreamIdentity> = leases.iter().map(|lease| &lease.key.stream).collect();
        let streams: BTreeMap<&StreamIdentity, usize> = streams.into_iter().zip(0..).collect();
        let mut board = Self {
            rules,
            leases: Vec::with_capacity(leases.len()),
            workers: Vec::with_capacity(usable.len()),
            classes: Vec::new(),
            readers: Vec::new(),
            open: Vec::new(),
            by_count: true,
            kib_per_percent: 0.0,
            budget: rules.moves_at_most,
        };
        let kinds = board.seat_workers(&usable, &streams);
        let kibs = kibs(&leases);
        for (lease, kib) in leases.into_iter().zip(kibs) {
            let kind = kinds[streams[&lease.key.stream]];
            let number = |id: &Option<WorkerId>| id.as_ref().and_then(|id| numbers.get(id).copied());
            let (owner, next) = (number(&lease.owner), number(&lease.next));
            let view = lease.owner.as_ref().and_then(|id| everybody.get(id).copied());
            let standing = board.standing(lease, kind, view, owner, next);
            board.leases.push(Held { view: lease, kind, kib, standing, origin: owner, holder: None, reason: None });
        }
        board.weigh(&numbers);
        board.open = vec![BTreeSet::new(); board.readers.len()];
        for at in 0..board.workers.len() {
            board.list(at);
        }
        board
    }

    /// Puts workers in classes; tells the kind of each stream.
    fn seat_workers(&mut self, usable: &[&'a WorkerView], streams: &BTreeMap<&StreamIdentity, usize>) -> Vec<usize> {
        let mut classes: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (at, worker) in usable.iter().enumerate() {
            let reads = if streams.len() < worker.streams.len() {
                streams.iter().filter(|(stream, _)| worker.streams.contains(**stream)).map(|(_, at)| *at).collect()
            } else {
                worker.streams.iter().filter_map(|stream| streams.get(stream).copied()).collect()
            };
            classes.entry(reads).or_default().push(at);
        }
        let mut readers = vec![Vec::new(); streams.len()];
        for (class, reads) in classes.keys().enumerate() {
            reads.iter().for_each(|stream: &usize| readers[*stream].push(class));
        }
        let kinds: BTreeSet<&Vec<usize>> = readers.iter().collect();
        let kinds: BTreeMap<&Vec<usize>, usize> = kinds.into_iter().zip(0..).collect();
        let kind_of: Vec<usize> = readers.iter().map(|classes| kinds[classes]).collect();
        self.readers = kinds.into_keys().cloned().collect();

        let mut class_of = vec![0; usable.len()];
        for (class, (reads, members)) in classes.into_iter().enumerate() {
            members.iter().for_each(|member| class_of[*member] = class);
            let kinds: BTreeSet<usize> = reads.into_iter().map(|stream| kind_of[stream]).collect();
            self.classes.push(Class { kinds: kinds.into_iter().collect(), members });
        }
        self.workers.extend(usable.iter().zip(class_of).map(|(view, class)| Holder {
            view,
            class,
            count: 0,
            limit: view.leases_max.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX)),
            kib: 0.0,
            load: 0.0,
            pools: BTreeMap::new(),
        }));
        kind_of
    }

    /// What may be done with a lease, by its owner's row and its own.
    fn standing(
        &self,
        lease: &LeaseView,
        kind: usize,
        view: Option<&WorkerView>,
        owner: Option<usize>,
        next: Option<usize>,
    ) -> Standing {
        let Some(id) = lease.owner.clone() else { return Standing::Loose(Reason::Unowned) };
        if let Some(next_id) = lease.next.clone() {
            let reason = match lease.expired_for {
                Some(_) => Reason::HandoffCut { owner: id, next: next_id },
                None if lease.is_handoff_overdue => Reason::HandoffOverdue { owner: id, next: next_id },
                None => return Standing::Settled,
            };
            let is_for_next = next.is_some_and(|next| self.reads(next, kind));
            return if is_for_next { Standing::Sent(reason) } else { Standing::Loose(reason) };
        }
        let Some(owner) = owner else {
            let is_leaving = view.is_some_and(|view| view.is_leaving);
            return match lease.expired_for {
                _ if is_leaving => Standing::Loose(Reason::Leaving { owner: id }),
                Some(_) => Standing::Loose(Reason::Gone { owner: id }),
                None => Standing::Settled,
            };
        };
        if !self.reads(owner, kind) {
            return Standing::Loose(Reason::NotRead { owner: id, stream: lease.key.stream.clone() });
        }
        match lease.expired_for {
            Some(expired_for) if expired_for > self.rules.reclaim_within => {
                Standing::Shunned(Reason::Neglected { owner: id, expired_for }, owner)
            }
            Some(_) => Standing::Settled,
            None if lease.held_for < self.rules.hold_at_least => Standing::Settled,
            None => Standing::Movable,
        }
    }

    /// Finds out what everybody has to do now: first as it was measured, then with the handoffs under way as if done.
    fn weigh(&mut self, numbers: &BTreeMap<&WorkerId, usize>) {
        let is_uniform = self.leases.windows(2).all(|pair| pair[0].kib == pair[1].kib);
        let cpus: Vec<Option<f64>> = self.workers.iter().map(|worker| cpu(worker.view)).collect();
        let known: f64 = cpus.iter().flatten().sum();
        let cpu_average = known / cpus.iter().flatten().count().max(1) as f64;
        let by_cpu = self.rules.strategy == Strategy::Cpu && cpu_average > 0.0;
        self.by_count = match self.rules.strategy {
            Strategy::Count => true,
            Strategy::Throughput | Strategy::Cpu => is_uniform && !by_cpu,
        };
        for lease in 0..self.leases.len() {
            if let Some(owner) = self.leases[lease].origin {
                self.give(lease, owner);
            }
        }
        if by_cpu {
            let kib: f64 = self.leases.iter().map(|lease| lease.kib).sum();
            self.kib_per_percent = kib / self.workers.len().max(1) as f64 / cpu_average;
            for (worker, percent) in self.workers.iter_mut().zip(cpus) {
                worker.load = percent.map_or(worker.kib, |percent| percent * self.kib_per_percent);
            }
        }
        for lease in 0..self.leases.len() {
            let held = &self.leases[lease];
            if let (Some(_), Some(next)) = (&held.view.owner, &held.view.next) {
                self.lift(lease);
                if let Some(next) = numbers.get(next) {
                    self.give(lease, *next);
                }
            }
        }
    }
}

/// What passes through each lease. Of which nothing is known counts as the average; where nothing at all is known, or
/// nothing passes, all are alike.
fn kibs(leases: &[&LeaseView]) -> Vec<f64> {
    let known = |lease: &LeaseView| lease.throughput.filter(|kib| kib.is_finite() && *kib >= 0.0);
    let (sum, count) =
        leases.iter().filter_map(|lease| known(lease)).fold((0.0, 0_usize), |(sum, count), kib| (sum + kib, count + 1));
    let average = if count == 0 { 0.0 } else { sum / count as f64 };
    if average > 0.0 {
        leases.iter().map(|lease| known(lease).unwrap_or(average).max(average * LEAST_WEIGHT)).collect()
    } else {
        vec![1.0; leases.len()]
    }
}

/// How busy a worker is, in percent, if it tells and that makes sense.
pub(super) fn cpu(worker: &WorkerView) -> Option<f64> {
    worker.cpu.map(|cpu| cpu.percent).filter(|percent| percent.is_finite() && *percent >= 0.0)
}
