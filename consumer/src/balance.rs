//! Who should have which lease: leases, workers, loads and rules in, moves out, each with its reason.
//! Why a whole plan rather than one lease at a time: only who sees all of a group can leave most of it alone.
//!
//! What holds whatever the strategy:
//! - **A lease moves for a reason.** It has no owner, or its owner is gone or leaving, or no longer reads the stream, or an
//!   operator wants it, or the move makes the group more even. What is even stays: a plan for it is empty.
//! - **Expiry alone tells who has a lease.** A worker whose row is stale but which renews keeps what it has, and is given
//!   nothing. A worker whose row is fresh but which let a lease expire is first given `reclaim_within` to take it up again,
//!   without a write: it was restarted under its name, or its store was slow, and to hand everything round after each
//!   outage costs more than to wait. After that the lease goes to anybody else, so that none hangs on its owner for ever.
//! - **A lease in a handoff counts for who gets it**, and is let alone until the handoff is overdue.
//! - **Only balancing is bounded** by `moves_at_most` and by `hold_at_least`; nobody's leases, and those of workers that
//!   leave, are all placed at once.
//! - **Equal views give equal plans**, in whatever order leases and workers are listed.
//!
//! A plan is made in steps, on a `Board`: `seat` sets it up, `place` puts what must go somewhere, then `count` or `load`
//! evens out.
//!
//! Pure. Called by the group's leader at each observation, and by whoever wants to know what it would do.

mod board;
mod seat;
mod place;
mod path;
mod count;
mod load;
mod reason;
#[cfg(test)]
mod tests;

pub(crate) use reason::{Burden, Figure, Reason, Why};

use board::Board;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;
use tailwater_store::{CpuUse, LeaseKey, StreamIdentity, WorkerId};

/// What the leader sees of its group.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) leases: Vec<LeaseView>,
    pub(crate) workers: Vec<WorkerView>,
}

/// What the leader sees of a lease.
#[derive(Clone, Debug)]
pub(crate) struct LeaseView {
    pub(crate) key: LeaseKey,
    /// Who handles it.
    pub(crate) owner: Option<WorkerId>,
    /// While a handoff is on: who gets it.
    pub(crate) next: Option<WorkerId>,
    /// How long ago, by the observer's clock, it should have been renewed at the latest; `None` if it was.
    pub(crate) expired_for: Option<Duration>,
    /// At the shard's end: nobody needs it, and it is nobody's load.
    pub(crate) is_ended: bool,
    /// A handoff is on, and should have been over by now.
    pub(crate) is_handoff_overdue: bool,
    /// KiB a second, if measured.
    pub(crate) throughput: Option<f64>,
    /// Since the observer saw its owner change.
    pub(crate) held_for: Duration,
    /// Who is to have it, if an operator has said so.
    pub(crate) wish: Option<WorkerId>,
}

/// What the leader sees of a worker.
#[derive(Clone, Debug)]
pub(crate) struct WorkerView {
    pub(crate) id: WorkerId,
    /// Its row has changed lately.
    pub(crate) is_live: bool,
    pub(crate) is_leaving: bool,
    /// As it should be judged: smoothed, if need be.
    pub(crate) cpu: Option<CpuUse>,
    pub(crate) leases_max: Option<u32>,
    /// What it reads; a lease of another stream is not for it.
    pub(crate) streams: BTreeSet<StreamIdentity>,
}

impl WorkerView {
    /// Whether it may be given anything.
    fn is_usable(&self) -> bool {
        self.is_live && !self.is_leaving
    }
}

/// What is to be even.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The number of leases.
    #[default]
    Count,
    /// The bytes that pass. While nothing is measured, or all leases are alike, the number of leases.
    Throughput,
    /// How busy processors are; for workers that do not tell, the bytes that pass.
    Cpu,
}

/// How a group is balanced.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) strategy: Strategy,
    /// So many leases are moved in one plan only to make the group more even.
    pub(crate) moves_at_most: usize,
    /// So long a worker keeps a lease before balancing takes it.
    pub(crate) hold_at_least: Duration,
    /// So long a live worker may take up again what it let expire.
    pub(crate) reclaim_within: Duration,
    /// As a part of the average: loads so near to it are even. Lease counts are not measured, so they need no such band.
    pub(crate) band: f64,
    /// The part of a worker's excess load that one plan takes, since loads follow a move only slowly.
    pub(crate) damping: f64,
    /// Above so many KiB a second a worker is given nothing more.
    pub(crate) throughput_max: Option<f64>,
    /// Whether a live lease is handed over gently.
    pub(crate) handoff: bool,
}

/// What should become of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// By key, at most one for each.
    pub(crate) moves: Vec<Move>,
    /// Leases that need a worker and find none, by key. One whose worker leaves stays there until it is gone.
    pub(crate) unplaced: Vec<(LeaseKey, Why)>,
    /// Operators' wishes that cannot be met for now: which lease, who should have it, and why not.
    pub(crate) ungranted: Vec<(LeaseKey, WorkerId, Why)>,
}

/// A lease gets another owner.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Move {
    pub(crate) key: LeaseKey,
    /// Who handles it until then. The same as `to` where a handoff that leads nowhere is called off.
    pub(crate) from: Option<WorkerId>,
    pub(crate) to: WorkerId,
    pub(crate) how: How,
    pub(crate) reason: Reason,
}

/// How a lease is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// At once, whatever its owner does.
    Assign,
    /// Its owner finishes first.
    Offer,
}

/// What should become of this group by these rules.
pub(crate) fn plan(view: &View, rules: &Rules) -> Plan {
    let mut board = Board::new(view, rules);
    let (unplaced, ungranted) = place::place(&mut board);
    if board.by_count {
        count::even_out(&mut board);
    } else {
        load::even_out(&mut board);
    }
    Plan { moves: board.into_moves(), unplaced, ungranted }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { moves, unplaced, ungranted } = self;
        if moves.is_empty() && unplaced.is_empty() && ungranted.is_empty() {
            return writeln!(out, "nothing to do");
        }
        for step in moves {
            writeln!(out, "{step}")?;
        }
        for (key, why) in unplaced {
            writeln!(out, "{key}: finds no worker: {why}")?;
        }
        for (key, to, why) in ungranted {
            writeln!(out, "{key}: cannot go to {to} as wished: {why}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Move {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, from, to, how, reason } = self;
        let how = match how {
            How::Assign => "assign",
            How::Offer => "offer",
        };
        match from {
            Some(from) => write!(out, "{key}: {how} from {from} to {to}: {reason}"),
            None => write!(out, "{key}: {how} to {to}: {reason}"),
        }
    }
}
