//! What a group as a whole knows: what its operators wish, and which leases were moved last, and why.
//! One record, changed by naming the version that was read. In the KCL's layout a table of its own, because the KCL knows
//! nothing of it.

use crate::key::LeaseKey;
use crate::name::WorkerId;
use crate::progress::Progress;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tailwater_record::Timestamp;

/// What a group as a whole knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Grows by one with every change.
    pub version: u64,
    /// What operators wish, in the order in which they said so. Who has fulfilled one takes it out.
    pub wishes: Vec<Wish>,
    /// The last moves, the latest last.
    pub moves: VecDeque<Moved>,
}

/// What an operator wishes of one lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// Nothing is delivered until the wish is withdrawn.
    Pause {
        /// Of which shard.
        key: LeaseKey,
    },
    /// This worker gets it.
    Move {
        /// Which.
        key: LeaseKey,
        /// Who.
        to: WorkerId,
    },
    /// It is handled anew from here, or what lies before is not.
    Seek {
        /// Which.
        key: LeaseKey,
        /// What counts as handled.
        to: Progress,
        /// With `AtTimestamp`: from when on.
        at: Option<Timestamp>,
    },
}

/// A lease that was moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Which.
    pub key: LeaseKey,
    /// From whom.
    pub from: Option<WorkerId>,
    /// To whom.
    pub to: Option<WorkerId>,
    /// Why, in words.
    pub reason: String,
    /// When, by the leader's clock: for people, nothing is decided by it.
    pub at: Timestamp,
}

impl GroupRecord {
    /// How many moves are kept.
    pub const MOVES: usize = 100;

    /// Adds moves, and forgets the oldest beyond the last hundred.
    pub fn remember(&mut self, moves: impl IntoIterator<Item = Moved>) {
        self.moves.extend(moves);
        let surplus = self.moves.len().saturating_sub(Self::MOVES);
        self.moves.drain(..surplus);
    }
}
