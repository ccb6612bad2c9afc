//! What must go somewhere: leases that nobody has, or whose owner cannot keep them, and what operators wish.
//! First what can go to one worker only, then what few can take: who comes last finds the choice of the rest.
//! Called by `plan`, before anything is evened out.

use super::board::{Board, Load, Standing};
use super::path::{self, outlet};
use super::{Reason, Why};
use std::cmp::Reverse;
use tailwater_store::{LeaseKey, WorkerId};

type Unplaced = Vec<(LeaseKey, Why)>;
type Ungranted = Vec<(LeaseKey, WorkerId, Why)>;

/// Places all that must go somewhere; tells what finds nobody, and which wishes cannot be met.
pub(super) fn place(board: &mut Board<'_>) -> (Unplaced, Ungranted) {
    let ungranted = grant(board);
    board.fill_pools();
    let mut unplaced = Vec::new();
    let mut loose = Vec::new();
    for lease in 0..board.leases.len() {
        match board.leases[lease].standing.clone() {
            Standing::Settled | Standing::Movable => {}
            Standing::Sent(reason) => board.leases[lease].reason = Some(reason),
            Standing::Loose(reason) => loose.push((lease, reason)),
            Standing::Shunned(reason, owner) => match board.lowest(board.leases[lease].kind, Some(owner)) {
                Some(to) => board.send(lease, to, reason),
                None => unplaced.push((held_key(board, lease), Why::OnlyItsOwner)),
            },
        }
    }
    let readers = readers(board);
    // The heavy first: the light fill what they leave uneven.
    loose.sort_by_cached_key(|(lease, _)| {
        let kib = Reverse(Load(board.rise(*lease)));
        (readers[board.leases[*lease].kind], kib, *lease)
    });
    for (lease, reason) in loose {
        if let Err(why) = settle(board, lease, reason) {
            unplaced.push((held_key(board, lease), why));
        }
    }
    unplaced.sort_by(|one, other| one.0.cmp(&other.0));
    shed(board);
    (unplaced, ungranted)
}

/// Sends leases where operators want them, and keeps them there.
fn grant(board: &mut Board<'_>) -> Ungranted {
    let mut ungranted = Vec::new();
    for lease in 0..board.leases.len() {
        let held = &board.leases[lease];
        let Some(wish) = &held.view.wish else { continue };
        // A handoff under way ends first, wherever it leads.
        let is_under_way = held.view.next.is_some() && held.standing == Standing::Settled;
        let why = match board.workers.binary_search_by(|worker| worker.view.id.cmp(wish)) {
            Err(_) => Why::NotThere,
            Ok(to) if !board.reads(to, held.kind) => Why::DoesNotRead,
            Ok(to) if held.holder == Some(to) => match held.standing {
                Standing::Settled | Standing::Sent(_) => continue,
                Standing::Movable => {
                    board.leases[lease].standing = Standing::Settled;
                    continue;
                }
                Standing::Loose(_) | Standing::Shunned(..) => {
                    board.leases[lease].standing = Standing::Settled;
                    Why::OnlyItsOwner
                }
            },
            Ok(_) if is_under_way => continue,
            Ok(to) if board.has_room(to) => {
                board.leases[lease].standing = Standing::Settled;
                board.send(lease, to, Reason::Wish { to: wish.clone() });
                continue;
            }
            Ok(_) => Why::Full,
        };
        ungranted.push((held_key(board, lease), wish.clone(), why));
    }
    ungranted
}

/// Finds a worker for a lease, if need be by moving others out of its way.
fn settle(board: &mut Board<'_>, lease: usize, reason: Reason) -> Result<(), Why> {
    let kind = board.leases[lease].kind;
    // For whom it still counts is no better placed than others.
    let before = board.leases[lease].holder;
    board.lift(lease);
    let to = board.lowest(kind, None).or_else(|| make_room(board, lease));
    if let Some(to) = to {
        board.send(lease, to, reason);
        board.pool(lease);
        return Ok(());
    }
    if let Some(before) = before {
        board.give(lease, before);
    }
    Err(match readers(board)[kind] {
        _ if board.workers.is_empty() => Why::NoWorker,
        0 => Why::NoReader,
        readers => Why::AllFull { readers },
    })
}

/// Lets somebody who could take this lease pass on another; tells who it is.
fn make_room(board: &mut Board<'_>, lease: usize) -> Option<usize> {
    // A lease that is not read is worse than one that is moved, so this counts as no balancing.
    let budget = std::mem::replace(&mut board.budget, usize::MAX);
    let path = path::find(board, Err(board.leases[lease].kind), |_| true);
    let for_key = held_key(board, lease);
    let to = path.ok().and_then(|path| {
        path.walk(board, |board, giver| Reason::MakesRoom {
            owner: board.workers[giver].view.id.clone(),
            for_key: for_key.clone(),
        });
        path.hops.first().map(|hop| hop.taker)
    });
    board.budget = budget;
    to
}

/// Takes from workers what they have above their limits, as long as others have room.
fn shed(board: &mut Board<'_>) {
    for giver in 0..board.workers.len() {
        while board.workers[giver].count > board.workers[giver].limit {
            let Some((to, kind)) = outlet(board, giver) else { break };
            let worker = &board.workers[giver];
            let owner = worker.view.id.clone();
            let reason = Reason::OverLimit { owner, has: worker.count, limit: worker.limit };
            board.pass(giver, kind, to, reason);
        }
    }
}

/// How many workers could have a lease of each kind if they had room.
fn readers(board: &Board<'_>) -> Vec<usize> {
    let members = |classes: &Vec<usize>| classes.iter().map(|class| board.classes[*class].members.len()).sum();
    board.readers().iter().map(members).collect()
}

fn held_key(board: &Board<'_>, lease: usize) -> LeaseKey {
    board.leases[lease].view.key.clone()
}
