//! Who has which lease while a plan is made: the view with its names made numbers, and what was moved so far.
//! Why workers are kept in classes, and streams in kinds: workers who read the same streams are alike, and so are streams
//! that have the same readers. Most groups have one class and one kind, however many streams they read, and what would
//! have to be known of each stream is known once.
//! Set up by `seat`, moved on by `place`, `count` and `load`, read out at the end.

use super::seat::cpu;
use super::{Burden, Figure, How, LeaseView, Move, Reason, Rules, WorkerView};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(super) struct Board<'a> {
    pub(super) rules: &'a Rules,
    /// By key.
    pub(super) leases: Vec<Held<'a>>,
    /// Those that may be given something, by id.
    pub(super) workers: Vec<Holder<'a>>,
    pub(super) classes: Vec<Class>,
    /// For each kind: the classes that read it.
    pub(super) readers: Vec<Vec<usize>>,
    /// For each kind: its readers that may be given more, the least loaded first. Empty until all is weighed.
    pub(super) open: Vec<BTreeSet<(Load, usize)>>,
    /// Loads are numbers of leases.
    pub(super) by_count: bool,
    /// What a percent of processor time comes to in KiB a second.
    pub(super) kib_per_percent: f64,
    /// So many more leases may be moved for balance.
    pub(super) budget: usize,
}

/// A lease.
#[derive(Debug)]
pub(super) struct Held<'a> {
    pub(super) view: &'a LeaseView,
    /// The kind of its stream.
    pub(super) kind: usize,
    pub(super) kib: f64,
    pub(super) standing: Standing,
    /// Who had it when planning began.
    pub(super) origin: Option<usize>,
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
    /// Balancing may take these from it, by kind. The last one goes first: those that move anyway, then those held longest.
    pub(super) pools: BTreeMap<usize, Vec<usize>>,
}

/// Workers that read the same of the streams that there are.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) kinds: Vec<usize>,
    pub(super) members: Vec<usize>,
}

/// A load with an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load(pub(super) f64);

impl<'a> Board<'a> {
    /// Sorts each worker's leases by how readily they go.
    pub(super) fn fill_pools(&mut self) {
        let mut movable: Vec<usize> =
            (0..self.leases.len()).filter(|at| self.leases[*at].standing == Standing::Movable).collect();
        movable.sort_by_key(|at| (self.leases[*at].view.held_for, std::cmp::Reverse(*at)));
        for at in movable {
            self.pool(at);
        }
    }

    pub(super) fn reads(&self, worker: usize, kind: usize) -> bool {
        self.classes[self.workers[worker].class].kinds.binary_search(&kind).is_ok()
    }

    /// For each kind of streams: the classes that read it.
    pub(super) fn readers(&self) -> &[Vec<usize>] {
        &self.readers
    }

    /// Readers of this kind that may be given more, the least loaded first.
    pub(super) fn open(&self, kind: usize) -> impl Iterator<Item = (Load, usize)> + '_ {
        self.open[kind].iter().copied()
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

    /// The least loaded reader of this kind that may be given more.
    pub(super) fn lowest(&self, kind: usize, except: Option<usize>) -> Option<usize> {
        self.open(kind).map(|(_, worker)| worker).find(|worker| Some(*worker) != except)
    }

    /// The load that would be even for each class: the mean over all who could share with it.
    pub(super) fn levels(&self) -> Vec<f64> {
        let sum = |class: &Class| class.members.iter().map(|at| self.workers[*at].load).sum::<f64>();
        let sums: Vec<f64> = self.classes.iter().map(sum).collect();
        let mut is_peer_of = vec![usize::MAX; sums.len()];
        let mut levels = Vec::with_capacity(sums.len());
        for (at, class) in self.classes.iter().enumerate() {
            let (mut peers, mut members, mut load) = (0, 0, 0.0);
            for peer in class.kinds.iter().flat_map(|kind| &self.readers[*kind]) {
                if std::mem::replace(&mut is_peer_of[*peer], at) != at {
                    (peers, members) = (peers + 1, members + self.classes[*peer].members.len());
                    load += sums[*peer];
                    if peers == sums.len() {
                        break;
                    }
                }
            }
            levels.push(load / members.max(1) as f64);
        }
        levels
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

    /// Moves the readiest lease of a kind, and lets it be moved on.
    pub(super) fn pass(&mut self, giver: usize, kind: usize, to: usize, reason: Reason) {
        let drawn = self.workers[giver].pools.get_mut(&kind).and_then(Vec::pop);
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
            self.workers[holder].pools.entry(held.kind).or_default().push(lease);
        }
    }

    /// The lease of this kind that a worker would rather give away than any other; none if no more may be moved.
    pub(super) fn readiest(&self, worker: usize, kind: usize) -> Option<usize> {
        let lease = *self.workers[worker].pools.get(&kind)?.last()?;
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

    pub(super) fn list(&mut self, at: usize) {
        if self.has_room(at) {
            let worker = &self.workers[at];
            for kind in &self.classes[worker.class].kinds {
                self.open.get_mut(*kind).map(|open| open.insert((Load(worker.load), at)));
            }
        }
    }

    fn unlist(&mut self, at: usize) {
        let worker = &self.workers[at];
        for kind in &self.classes[worker.class].kinds {
            self.open.get_mut(*kind).map(|open| open.remove(&(Load(worker.load), at)));
        }
    }
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
