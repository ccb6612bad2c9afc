//! Who has which lease while a plan is made: the view with its names made numbers, and what was moved so far.
//! Why workers are kept in classes: those who read the same streams are alike as receivers, so that the least loaded
//! reader of a stream is found among a few classes rather than a thousand workers.
//! Made by `plan`, moved on by `place`, `count` and `load`, read out at the end.

use super::{Burden, Figure, How, LeaseView, Move, Reason, Rules, Strategy, View, WorkerView};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use tailwater_store::{StreamIdentity, WorkerId};

/// A lease that measures nothing still costs this part of the average: else all silent ones would gather on one worker.
const LEAST_WEIGHT: f64 = 0.01;

#[derive(Debug)]
pub(super) struct Board<'a> {
    pub(super) rules: &'a Rules,
    /// By key.
    pub(super) leases: Vec<Held<'a>>,
    /// Those that may be given something, by id.
    pub(super) workers: Vec<Holder<'a>>,
    pub(super) classes: Vec<Class>,
    /// For each stream: the classes that read it.
    readers: Vec<Vec<usize>>,
    /// Loads are numbers of leases.
    pub(super) by_count: bool,
    /// What a percent of processor time comes to in KiB a second.
    kib_per_percent: f64,
    /// So many more leases may be moved for balance.
    pub(super) budget: usize,
}

/// A lease.
#[derive(Debug)]
pub(super) struct Held<'a> {
    pub(super) view: &'a LeaseView,
    pub(super) stream: usize,
    pub(super) kib: f64,
    pub(super) standing: Standing,
    /// Who had it when planning began.
    origin: Option<usize>,
    /// For whom it counts now.
    pub(super) holder: Option<usize>,
    /// Why it is moved, if it is.
    pub(super) reason: Option<Reason>,
}

/// What may be done with a lease.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Standing {
    /// It stays.
    Settled,
    /// Balancing may take it.
    Movable,
    /// It must go somewhere, and to move it on within the plan costs nothing.
    Loose(Reason),
    /// It must go to this worker, which it counts for already.
    Sent(Reason),
    /// It must go to anybody but this worker.
    Shunned(Reason, usize),
}

/// A worker.
#[derive(Debug)]
pub(super) struct Holder<'a> {
    pub(super) view: &'a WorkerView,
    pub(super) class: usize,
    pub(super) count: usize,
    pub(super) limit: usize,
    pub(super) kib: f64,
    /// In what the strategy counts: leases, or KiB a second.
    pub(super) load: f64,
    /// Balancing may take these from it, by stream. The last one goes first: those that move anyway, then those held longest.
    pub(super) pools: BTreeMap<usize, Vec<usize>>,
}

/// Workers that read the same of the streams that there are.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) streams: Vec<usize>,
    pub(super) members: Vec<usize>,
    /// Members that may be given more, the least loaded first.
    open: BTreeSet<(Load, usize)>,
}

/// A load with an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load(pub(super) f64);

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
            readers: vec![Vec::new(); streams.len()],
            by_count: true,
            kib_per_percent: 0.0,
            budget: rules.moves_at_most,
        };
        board.seat_workers(&usable, &streams);
        let kibs = kibs(&leases);
        for (lease, kib) in leases.into_iter().zip(kibs) {
            let stream = streams[&lease.key.stream];
            let number = |id: &Option<WorkerId>| id.as_ref().and_then(|id| numbers.get(id).copied());
            let (owner, next) = (number(&lease.owner), number(&lease.next));
            let view = lease.owner.as_ref().and_then(|id| everybody.get(id).copied());
            let standing = board.standing(lease, stream, view, owner, next);
            board.leases.push(Held { view: lease, stream, kib, standing, origin: owner, holder: None, reason: None });
        }
        for at in 0..board.workers.len() {
            board.list(at);
        }
        board.weigh(&numbers);
        board
    }

    fn seat_workers(&mut self, usable: &[&'a WorkerView], streams: &BTreeMap<&StreamIdentity, usize>) {
        let mut classes: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (at, worker) in usable.iter().enumerate() {
            let reads = if streams.len() < worker.streams.len() {
                streams.iter().filter(|(stream, _)| worker.streams.contains(**stream)).map(|(_, at)| *at).collect()
            } else {
                worker.streams.iter().filter_map(|stream| streams.get(stream).copied()).collect()
            };
            classes.entry(reads).or_default().push(at);
        }
        let mut class_of = vec![0; usable.len()];
        for (class, (streams, members)) in classes.into_iter().enumerate() {
            streams.iter().for_each(|stream| self.readers[*stream].push(class));
            members.iter().for_each(|member| class_of[*member] = class);
            self.classes.push(Class { streams, members, open: BTreeSet::new() });
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
    }

    /// What may be done with a lease, by its owner's row and its own.
    fn standing(
        &self,
        lease: &LeaseView,
        stream: usize,
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
            let is_for_next = next.is_some_and(|next| self.reads(next, stream));
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
        if !self.reads(owner, stream) {
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
            for (at, percent) in cpus.into_iter().enumerate() {
                self.unlist(at);
                let measured = percent.map(|percent| percent * self.kib_per_percent);
                self.workers[at].load = measured.unwrap_or(self.workers[at].kib);
                self.list(at);
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

    /// Sorts each worker's leases by how readily they go.
    pub(super) fn fill_pools(&mut self) {
        let mut movable: Vec<usize> =
            (0..self.leases.len()).filter(|at| self.leases[*at].standing == Standing::Movable).collect();
        movable.sort_by_key(|at| (self.leases[*at].view.held_for, std::cmp::Reverse(*at)));
        for at in movable {
            self.pool(at);
        }
    }

    pub(super) fn reads(&self, worker: usize, stream: usize) -> bool {
        self.classes[self.workers[worker].class].streams.binary_search(&stream).is_ok()
    }

    /// How many streams there are.
    pub(super) fn streams(&self) -> usize {
        self.readers.len()
    }

    /// Members of a class that may be given more, the least loaded first.
    pub(super) fn open(&self, class: usize) -> impl Iterator<Item = (Load, usize)> + '_ {
        self.classes[class].open.iter().copied()
    }

    /// The classes that read a stream.
    pub(super) fn readers(&self, stream: usize) -> &[usize] {
        &self.readers[stream]
    }

    pub(super) fn has_room(&self, worker: usize) -> bool {
        let worker = &self.workers[worker];
        worker.count < worker.limit && self.rules.throughput_max.is_none_or(|most| worker.kib <= most)
    }

    /// Whether it may be given something for something else.
    pub(super) fn may_pass_on(&self, worker: usize) -> bool {
        let worker = &self.workers[worker];
        worker.count <= worker.limit && self.rules.throughput_max.is_none_or(|most| worker.kib <= most)
    }

    /// The least loaded worker that reads this stream and may be given more.
    pub(super) fn lowest(&self, stream: usize, except: Option<usize>) -> Option<usize> {
        let firsts = self.readers[stream]
            .iter()
            .filter_map(|class| self.classes[*class].open.iter().find(|(_, worker)| Some(*worker) != except));
        firsts.min().map(|(_, worker)| *worker)
    }

    /// The load that would be even for each class: the mean over all who could share with it.
    pub(super) fn levels(&self) -> Vec<f64> {
        let sums: Vec<f64> =
            self.classes.iter().map(|class| class.members.iter().map(|at| self.workers[*at].load).sum()).collect();
        let level = |class: &Class| {
            let peers: BTreeSet<usize> =
                class.streams.iter().flat_map(|stream| &self.readers[*stream]).copied().collect();
            let members: usize = peers.iter().map(|peer| self.classes[*peer].members.len()).sum();
            peers.iter().map(|peer| sums[*peer]).sum::<f64>() / members.max(1) as f64
        };
        self.classes.iter().map(level).collect()
    }

    /// What a worker's load may be at most by its own word.
    pub(super) fn target(&self, worker: usize) -> f64 {
        let view = self.workers[worker].view;
        let target = view.cpu.map_or(f64::NAN, |cpu| cpu.target) * self.kib_per_percent;
        if cpu(view).is_some() && target > 0.0 { target } else { f64::INFINITY }
    }

    /// How much a worker's load falls when it gives this lease away.
    pub(super) fn relief(&self, worker: usize, lease: usize) -> f64 {
        let (worker, kib) = (&self.workers[worker], self.leases[lease].kib);
        if self.by_count {
            1.0
        } else if worker.kib > kib {
            worker.load * kib / worker.kib
        } else {
            worker.load
        }
    }

    /// How much a worker's load rises when it gets this lease.
    pub(super) fn rise(&self, lease: usize) -> f64 {
        if self.by_count { 1.0 } else { self.leases[lease].kib }
    }

    /// Moves a lease, and remembers why: the first reason, if it was moved before.
    pub(super) fn send(&mut self, lease: usize, to: usize, reason: Reason) {
        if !self.is_free(lease) {
            self.budget = self.budget.saturating_sub(1);
        }
        self.lift(lease);
        self.give(lease, to);
        match (&mut self.leases[lease].reason, reason) {
            (Some(Reason::Uneven { to, .. }), Reason::Uneven { to: last, .. }) => *to = last,
            (Some(_), _) => {}
            (none, reason) => *none = Some(reason),
        }
    }

    /// Moves the readiest lease of a stream, and lets it be moved on.
    pub(super) fn pass(&mut self, giver: usize, stream: usize, to: usize, reason: Reason) {
        let drawn = self.workers[giver].pools.get_mut(&stream).and_then(Vec::pop);
        if let Some(lease) = drawn {
            self.send(lease, to, reason);
            self.pool(lease);
        }
    }

    /// Takes a lease from whom it counts for.
    pub(super) fn lift(&mut self, lease: usize) {
        let Some(from) = self.leases[lease].holder.take() else { return };
        self.unlist(from);
        let relief = self.relief(from, lease);
        let (kib, worker) = (self.leases[lease].kib, &mut self.workers[from]);
        worker.count -= 1;
        worker.kib = if worker.count == 0 { 0.0 } else { (worker.kib - kib).max(0.0) };
        worker.load = (worker.load - relief).max(0.0);
        self.list(from);
    }

    /// Counts a lease for a worker.
    pub(super) fn give(&mut self, lease: usize, to: usize) {
        self.unlist(to);
        let rise = self.rise(lease);
        let worker = &mut self.workers[to];
        worker.count += 1;
        worker.kib += self.leases[lease].kib;
        worker.load += rise;
        self.leases[lease].holder = Some(to);
        self.list(to);
    }

    /// Lets balancing take a lease from whom it counts for.
    pub(super) fn pool(&mut self, lease: usize) {
        let held = &self.leases[lease];
        if let Some(holder) = held.holder {
            self.workers[holder].pools.entry(held.stream).or_default().push(lease);
        }
    }

    /// The lease of this stream that a worker would rather give away than any other; none if no more may be moved.
    pub(super) fn readiest(&self, worker: usize, stream: usize) -> Option<usize> {
        let lease = *self.workers[worker].pools.get(&stream)?.last()?;
        (self.budget > 0 || self.is_free(lease)).then_some(lease)
    }

    /// Whether a lease may move, or move on, without counting as another move.
    pub(super) fn is_free(&self, lease: usize) -> bool {
        let held = &self.leases[lease];
        held.standing != Standing::Movable || held.reason.is_some()
    }

    /// What a worker has to do, as its operator would say it.
    pub(super) fn burden(&self, at: usize) -> Burden {
        let worker = &self.workers[at];
        let load = if self.by_count { worker.count as f64 } else { worker.load };
        Burden { worker: worker.view.id.clone(), figure: self.figure(at, load) }
    }

    /// A load of this worker's, as its operator would say it.
    pub(super) fn figure(&self, worker: usize, load: f64) -> Figure {
        if self.by_count {
            Figure::Leases(load)
        } else if self.kib_per_percent > 0.0 && cpu(self.workers[worker].view).is_some() {
            Figure::CpuPercent(load / self.kib_per_percent)
        } else {
            Figure::KibPerSecond(load)
        }
    }

    /// What has become of it all.
    pub(super) fn into_moves(self) -> Vec<Move> {
        let Self { leases, workers, rules, .. } = self;
        let moves = leases.into_iter().filter_map(|held| {
            let (reason, holder) = (held.reason?, held.holder?);
            // Moved on and back again within the plan.
            if held.standing == Standing::Movable && held.origin == Some(holder) {
                return None;
            }
            let (view, to) = (held.view, workers[holder].view.id.clone());
            let is_live = view.owner.is_some() && view.expired_for.is_none() && view.next.is_none();
            let how = if is_live && rules.handoff { How::Offer } else { How::Assign };
            Some(Move { key: view.key.clone(), from: view.owner.clone(), to, how, reason })
        });
        moves.collect()
    }

    fn list(&mut self, at: usize) {
        if self.has_room(at) {
            let worker = &self.workers[at];
            self.classes[worker.class].open.insert((Load(worker.load), at));
        }
    }

    fn unlist(&mut self, at: usize) {
        let worker = &self.workers[at];
        self.classes[worker.class].open.remove(&(Load(worker.load), at));
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
fn cpu(worker: &WorkerView) -> Option<f64> {
    worker.cpu.map(|cpu| cpu.percent).filter(|percent| percent.is_finite() && *percent >= 0.0)
}

impl Ord for Load {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Load {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Load {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Load {}
