//! Evens out what is measured, bytes or processor time, as the KCL does: who is above the average by more than a band gives
//! away a part of the excess.
//! Processor time is reckoned in KiB a second, by the averages of both, since leases are known by their bytes only: a lease
//! brings its taker what its bytes cost on average, and relieves its giver of its part in the giver's own bytes.
//!
//! It goes in no circles: only who is below the average takes, and never ends above it, unless even then the giver keeps
//! as much (three leases on one and one on each of three others: the average is one and a half). A giver that is above its
//! own target, and not above the average, gives only to who stays below both.
//! Called by `plan` when leases are placed.

use super::Reason;
use super::board::{Board, Load};

/// As a part of the average: a move that brings the two no nearer than this is not worth a handoff.
const LEAST_GAIN: f64 = 0.01;

pub(super) fn even_out(board: &mut Board<'_>) {
    let means = board.levels();
    let highest = means.iter().copied().fold(0.0, f64::max);
    let levels: Vec<Level> = (0..board.workers.len())
        .map(|at| Level { mean: means[board.workers[at].class], highest, target: board.target(at) })
        .collect();
    for giver in givers(board, &levels) {
        relieve(board, &levels, giver);
    }
}

/// How much a worker should have to do.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// As much as the others with whom it could share.
    mean: f64,
    /// The mean of whoever has the highest.
    highest: f64,
    /// At most, by its own word.
    target: f64,
}

impl Level {
    fn most(self) -> f64 {
        self.mean.min(self.target)
    }
}

/// Who should give, the one with the greatest excess first. If nobody has too much and somebody has too little: all who
/// have more than the average.
fn givers(board: &Board<'_>, levels: &[Level]) -> Vec<usize> {
    let band = board.rules.band.max(0.0);
    let load = |at: usize| board.workers[at].load;
    let is_above = |at: &usize| load(*at) > levels[*at].mean * (1.0 + band) || load(*at) > levels[*at].target;
    let is_below = |at: usize| load(at) < levels[at].most() * (1.0 - band) && board.has_room(at);
    let mut givers: Vec<usize> = (0..levels.len()).filter(is_above).collect();
    if givers.is_empty() && (0..levels.len()).any(is_below) {
        givers = (0..levels.len()).filter(|at| load(*at) > levels[*at].most()).collect();
    }
    givers.sort_by_key(|at| (Load(levels[*at].most() - load(*at)), *at));
    givers
}

/// Takes from a worker a part of its excess, or its lightest lease.
fn relieve(board: &mut Board<'_>, levels: &[Level], giver: usize) {
    let worker = &mut board.workers[giver];
    // Nothing has been given to it in this plan's balancing that could go on, so its leases are looked at once.
    let mut leases: Vec<usize> = std::mem::take(&mut worker.pools).into_values().flatten().collect();
    let excess = worker.kib * (worker.load - levels[giver].most()) / worker.load * board.rules.damping.clamp(0.0, 1.0);
    leases.sort_by_key(|at| (!board.is_free(*at), std::cmp::Reverse(Load(board.leases[*at].kib)), *at));
    let mut given = 0.0;
    for lease in &leases {
        let kib = board.leases[*lease].kib;
        if given + kib < excess && give(board, levels, giver, *lease) {
            given += kib;
        }
    }
    if given == 0.0 {
        leases.sort_by_key(|at| (Load(board.leases[*at].kib), *at));
        leases.into_iter().any(|lease| give(board, levels, giver, lease));
    }
}

/// Gives a lease to who has least to do, if that makes things more even; tells whether it did.
fn give(board: &mut Board<'_>, levels: &[Level], giver: usize, lease: usize) -> bool {
    if board.budget == 0 && !board.is_free(lease) {
        return false;
    }
    let Some(to) = taker(board, levels, giver, lease) else { return false };
    let even = board.figure(giver, levels[giver].most());
    let reason = Reason::Uneven { from: board.burden(giver), to: board.burden(to), even };
    board.send(lease, to, reason);
    true
}

/// The least loaded worker to whom this lease may go.
fn taker(board: &Board<'_>, levels: &[Level], giver: usize, lease: usize) -> Option<usize> {
    let rise = board.rise(lease);
    let has = board.workers[giver].load;
    let keeps = has - board.relief(giver, lease);
    let is_over_target = has > levels[giver].target;
    for (load, to) in board.open(board.leases[lease].kind) {
        let (level, gets) = (levels[to], load.0 + rise);
        let is_gain = is_over_target || has - gets >= levels[giver].mean * LEAST_GAIN;
        let is_even = gets <= keeps && !is_over_target;
        // Who comes later has more: if this is too much for any of them, there is no need to ask them all.
        if !is_gain || (gets > level.highest && !is_even) {
            return None;
        }
        let is_fair = load.0 < level.mean && (gets <= level.mean || is_even);
        // Who reads other streams, or has another target, may yet take what this one does not.
        if is_fair && gets <= level.target && to != giver {
            return Some(to);
        }
    }
    None
}
