//! Where a worker's leases could go: straight to another, or by a chain in which each passes on something else.
//! Why chains: when workers read different streams, who has most may share nothing with who has least, and a lease that
//! nobody has may fit only where there is no room.
//! Called by `place` and `count`.

use super::Reason;
use super::board::{Board, Load};
use std::collections::{BTreeSet, VecDeque};

/// Leases handed from one to the next, so that the first giver has one less and the last taker one more.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) hops: Vec<Hop>,
    /// How many leases it moves that would otherwise stay.
    pub(super) cost: usize,
}

/// A lease of a stream of this kind goes from the one to the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop {
    /// Nobody, for a lease that nobody has.
    pub(super) giver: Option<usize>,
    pub(super) kind: usize,
    pub(super) taker: usize,
}

/// How a lease of a kind could be had.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// From whom; from nobody, if that is where the path starts.
    giver: Option<usize>,
    /// By a lease of which kind he is given one for it, unless the path starts with him.
    by: Option<usize>,
}

/// The least loaded worker to which this one could give something, and of which kind.
pub(super) fn outlet(board: &Board<'_>, giver: usize) -> Option<(usize, usize)> {
    let ways = board.workers[giver].pools.keys().filter_map(|kind| {
        board.readiest(giver, *kind)?;
        let to = board.lowest(*kind, Some(giver))?;
        Some((Load(board.workers[to].load), to, *kind))
    });
    ways.min().map(|(_, to, kind)| (to, kind))
}

/// The shortest path from a worker, or from a lease of this kind that nobody has, to somebody who may take one more.
/// If there is none: the workers it could have led through.
pub(super) fn find(
    board: &Board<'_>,
    start: Result<usize, usize>,
    accepts: impl Fn(f64) -> bool,
) -> Result<Path, BTreeSet<usize>> {
    let mut ways: Vec<Option<Way>> = vec![None; board.readers().len()];
    let mut passed = vec![false; board.classes.len()];
    let mut through = BTreeSet::new();
    let mut queue = VecDeque::new();
    let offer = |giver: usize, by: Option<usize>, ways: &mut Vec<Option<Way>>, queue: &mut VecDeque<usize>| {
        for kind in board.workers[giver].pools.keys() {
            if ways[*kind].is_none() && board.readiest(giver, *kind).is_some() {
                ways[*kind] = Some(Way { giver: Some(giver), by });
                queue.push_back(*kind);
            }
        }
    };
    match start {
        Ok(giver) => offer(giver, None, &mut ways, &mut queue),
        Err(kind) => {
            ways[kind] = Some(Way { giver: None, by: None });
            queue.push_back(kind);
        }
    }
    while let Some(kind) = queue.pop_front() {
        if let Some(to) = board.lowest(kind, None).filter(|to| accepts(board.workers[*to].load)) {
            return Ok(trace(board, &ways, kind, to));
        }
        for class in &board.readers()[kind] {
            if !std::mem::replace(&mut passed[*class], true) {
                for member in board.classes[*class].members.iter().filter(|member| board.may_pass_on(**member)) {
                    through.insert(*member);
                    offer(*member, Some(kind), &mut ways, &mut queue);
                }
            }
        }
    }
    Err(through)
}

fn trace(board: &Board<'_>, ways: &[Option<Way>], kind: usize, to: usize) -> Path {
    let mut path = Path { hops: Vec::new(), cost: 0 };
    let (mut kind, mut taker) = (kind, to);
    while let Some(Way { giver, by }) = ways[kind] {
        path.hops.push(Hop { giver, kind, taker });
        if let Some(giver) = giver {
            let lease = board.readiest(giver, kind);
            path.cost += usize::from(lease.is_some_and(|lease| !board.is_free(lease)));
            taker = giver;
        }
        let Some(by) = by else { break };
        kind = by;
    }
    path.hops.reverse();
    path
}

impl Path {
    /// Makes the moves, from the last to the first, so that room is made before it is taken.
    pub(super) fn walk(&self, board: &mut Board<'_>, reason: impl Fn(&Board<'_>, usize) -> Reason) {
        for hop in self.hops.iter().rev() {
            let Some(giver) = hop.giver else { continue };
            let why = reason(board, giver);
            board.pass(giver, hop.kind, hop.taker, why);
        }
    }
}
