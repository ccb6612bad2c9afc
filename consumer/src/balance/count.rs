//! Evens out the number of leases: whoever has most gives to whoever has least, until two more is nowhere.
//! Why that is the least number of moves: who has more than the greater share must give the rest away, who has less than
//! the smaller must get some, and no move is made but from the one to the other. Each move makes the sum of squares
//! smaller, so plans that follow each other come to an end and do not go in circles.
//! Called by `plan` when leases are placed.

use super::Reason;
use super::board::{Board, Load};
use super::path::{self, outlet};
use std::collections::BTreeSet;

pub(super) fn even_out(board: &mut Board<'_>) {
    let levels = board.levels();
    while give_directly(board, &levels) || give_by_way(board) {}
}

/// Moves from one to another; tells whether it moved any.
fn give_directly(board: &mut Board<'_>, levels: &[f64]) -> bool {
    let mut has_moved = false;
    let mut givers: BTreeSet<(Load, usize)> = by_load(board).collect();
    while let Some((_, giver)) = givers.pop_last() {
        let Some((to, kind)) = outlet(board, giver) else { continue };
        let (has, takes) = (board.workers[giver].load, board.workers[to].load);
        if takes + 1.0 >= has {
            continue;
        }
        let even = board.figure(giver, levels[board.workers[giver].class]);
        let reason = Reason::Uneven { from: board.burden(giver), to: board.burden(to), even };
        board.pass(giver, kind, to, reason);
        if givers.remove(&(Load(takes), to)) {
            givers.insert((Load(board.workers[to].load), to));
        }
        givers.insert((Load(board.workers[giver].load), giver));
        has_moved = true;
    }
    has_moved
}

/// Moves along chains, where workers read different streams; tells whether it moved any.
fn give_by_way(board: &mut Board<'_>) -> bool {
    if board.classes.len() < 2 {
        return false;
    }
    let mut has_moved = false;
    // From whom nothing goes on, nothing goes on either from those that he could pass something to: they have no more.
    let mut hopeless = BTreeSet::new();
    let mut givers: Vec<(Load, usize)> = by_load(board).collect();
    givers.sort();
    while let Some((_, giver)) = givers.pop() {
        while !hopeless.contains(&giver) {
            let has = board.workers[giver].load;
            match path::find(board, Ok(giver), |load| load + 1.0 < has) {
                Ok(path) if path.cost <= board.budget => {
                    let Some(last) = path.hops.last().map(|hop| hop.taker) else { break };
                    let (from, to) = (board.burden(giver), board.burden(last));
                    path.walk(board, |_, _| Reason::UnevenByWay { from: from.clone(), to: to.clone() });
                    has_moved = true;
                }
                Ok(_) => break,
                Err(through) => {
                    hopeless.insert(giver);
                    hopeless.extend(through);
                }
            }
        }
    }
    has_moved
}

fn by_load(board: &Board<'_>) -> impl Iterator<Item = (Load, usize)> {
    board.workers.iter().enumerate().map(|(at, worker)| (Load(worker.load), at))
}
