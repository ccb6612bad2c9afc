//! From a listing of shards and the leases that stand: the leases that are missing.
//! Why: in the long run rows come from the last read of each parent (`child_leases`), and nobody lists. A listing is for
//! the beginning of a stream (`first_leases`) and for repair (`missing_leases`): after a crash between two rows, after a
//! parent whose end told of no children because it had aged out, after a row was deleted by hand.
//!
//! `missing_leases` follows the KCL, but for this:
//! - **Below a shard that has ended, nothing waits.** The KCL takes any leased ancestor for one that will tell of its
//!   children; one that has ended will not do so again. What is missing below it begins with its oldest record.
//! - **What stands above a leased shard is not gone back to.** Rows are taken away only when those of the children have
//!   begun, so a shard with no row, none above and some below lies before the place where reading began, or was read. The
//!   KCL reads it (again), to get at a sibling of the leased one; here the sibling itself gets the row.
//! - **A leased child of a merge does not hide a parent without a row** as long as it cannot have begun.
//!
//! What makes this sound is `clean`: no row goes while one of a parent is left. So a shard that is listed, has no row, and
//! has one above it, never had one. The rows must therefore be listed after the last cleaning was answered.
//!
//! Pure. The first two are called by the leader, `child_leases` by whoever has read a shard to its end.

mod lineage;

use crate::audit::Hole;
use lineage::{Lineage, Node};
use std::collections::{BTreeMap, BTreeSet};
use tailwater_record::{HashRange, SequenceNumber, ShardId, Timestamp};
use tailwater_store::{GroupName, Lease, LeaseKey, Origin, Progress, StreamIdentity};
use tailwater_wire::shapes::{ChildShard, Shard, ShardFilter, ShardFilterType};

/// A shard as a listing tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedShard {
    pub(crate) shard: ShardId,
    /// The shards it came from, listed or not.
    pub(crate) parents: Vec<ShardId>,
    pub(crate) range: HashRange,
    /// The number it began with.
    pub(crate) begins: SequenceNumber,
    /// Whether it takes records.
    pub(crate) is_open: bool,
}

/// Fails if the hash keys are no range.
impl TryFrom<&Shard> for ListedShard {
    type Error = tailwater_record::Error;

    fn try_from(shard: &Shard) -> Result<Self, Self::Error> {
        Ok(Self {
            shard: shard.shard_id.clone(),
            parents: shard.parent_shard_id.iter().chain(&shard.adjacent_parent_shard_id).cloned().collect(),
            range: HashRange::try_from(&shard.hash_key_range)?,
            begins: shard.sequence_number_range.starting_sequence_number.clone(),
            is_open: shard.sequence_number_range.ending_sequence_number.is_none(),
        })
    }
}

/// Where a group begins to read a stream. `LATEST` has become a moment before it comes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With the oldest record kept.
    TrimHorizon,
    /// With the first record that arrived at this moment or later.
    At(Timestamp),
}

impl Start {
    fn place(self) -> (Progress, Origin) {
        match self {
            Self::TrimHorizon => (Progress::TrimHorizon, Origin::TrimHorizon),
            Self::At(moment) => (Progress::AtTimestamp, Origin::At(moment)),
        }
    }
}

/// Which shards to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Those that were open where reading begins, for `first_leases`.
    OpenAt(Start),
    /// All, for `missing_leases`.
    All,
}

impl Listing {
    /// What to list for a stream that has leases already, or none.
    pub(crate) fn of(has_leases: bool, start: Start) -> Self {
        if has_leases { Self::All } else { Self::OpenAt(start) }
    }

    /// As `ListShards` is asked for it.
    pub(crate) fn filter(self) -> Option<ShardFilter> {
        let (filter_type, timestamp) = match self {
            Self::OpenAt(Start::TrimHorizon) => (ShardFilterType::AtTrimHorizon, None),
            Self::OpenAt(Start::At(moment)) => (ShardFilterType::AtTimestamp, Some(moment)),
            Self::All => return None,
        };
        Some(ShardFilter { filter_type, shard_id: None, timestamp })
    }
}

/// A listing of a moment that never was: the child was listed after the split or merge, the parent before. List again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("shard {child} came from {parent}, which is listed as still open")]
pub(crate) struct Inconsistent {
    pub(crate) parent: ShardId,
    pub(crate) child: ShardId,
}

/// A child that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChildFault {
    #[error("shard {child} is told as a child of {parent} and does not name it as a parent")]
    Stranger { parent: ShardId, child: ShardId },
    #[error("shard {child} is told as its own parent")]
    Itself { child: ShardId },
    #[error("shard {child} has hash keys that end before they start")]
    NoRange { child: ShardId },
}

/// The rows of a stream that has none, from the shards that were open where reading begins. Parents come before children.
pub(crate) fn first_leases(
    group: &GroupName,
    stream: &StreamIdentity,
    shards: &[ListedShard],
    start: Start,
) -> Result<Vec<Lease>, Hole> {
    match Hole::first(shards.iter().map(|listed| listed.range)) {
        Some(hole) => Err(hole),
        None => Ok(Lineage::of(shards).nodes().map(|node| row(group, stream, node, start)).collect()),
    }
}

/// The rows that are missing beside those that stand, from all shards that are kept. Parents come before children; who
/// writes them stops at the first that fails.
pub(crate) fn missing_leases(
    group: &GroupName,
    stream: &StreamIdentity,
    shards: &[ListedShard],
    leases: &[Lease],
    start: Start,
) -> Result<Vec<Lease>, Inconsistent> {
    let lineage = Lineage::of(shards);
    for node in lineage.nodes() {
        if let Some(parent) = node.listed_parents.iter().map(|at| lineage.node(*at)).find(|parent| parent.shard.is_open)
        {
            return Err(Inconsistent { parent: parent.shard.shard.clone(), child: node.shard.shard.clone() });
        }
    }
    let rows: BTreeMap<&ShardId, &Lease> = leases
        .iter()
        .filter(|lease| lease.key.group == *group && lease.key.stream == *stream)
        .map(|lease| (&lease.key.shard, lease))
        .collect();
    let wanted = wanted(&lineage, &rows, start);
    Ok(wanted.into_iter().map(|(at, start)| row(group, stream, lineage.node(at), start)).collect())
}

/// The rows of the children that the last read of a shard has told of. They begin with their oldest record, always.
///
/// The row of a merge is written only when each of its parents has one: a parent that ought to have a row and has none
/// would be taken for one that was read. `missing_leases` makes both, in order.
pub(crate) fn child_leases(parent: &Lease, children: &[ChildShard]) -> Result<Vec<Lease>, ChildFault> {
    let rows = children.iter().map(|told| {
        let (child, parent_id) = (told.shard_id.clone(), &parent.key.shard);
        if !told.parent_shards.contains(parent_id) {
            return Err(ChildFault::Stranger { parent: parent_id.clone(), child });
        }
        if told.parent_shards.contains(&child) {
            return Err(ChildFault::Itself { child });
        }
        let range =
            HashRange::try_from(&told.hash_key_range).map_err(|_| ChildFault::NoRange { child: child.clone() })?;
        Ok(Lease {
            parents: told.parent_shards.iter().cloned().collect(),
            range: Some(range),
            ..Lease::new(parent.key.sibling(child))
        })
    });
    rows.collect()
}

fn row(group: &GroupName, stream: &StreamIdentity, node: &Node<'_>, start: Start) -> Lease {
    let (progress, origin) = start.place();
    Lease {
        progress,
        origin,
        parents: node.parents.iter().map(|parent| (*parent).clone()).collect(),
        range: Some(node.shard.range),
        ..Lease::new(LeaseKey::new(group.clone(), stream.clone(), node.shard.shard.clone()))
    }
}

/// How a listed shard stands to the rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has one.
    Leased,
    /// It will be read, after a shard above it that is, or at once.
    Below,
    /// It has none, nor has any above it.
    Free,
}

/// Which shards want a row, and from where they are read.
fn wanted(lineage: &Lineage<'_>, rows: &BTreeMap<&ShardId, &Lease>, start: Start) -> BTreeMap<usize, Start> {
    let mut wanted = BTreeMap::new();
    let mut standings: Vec<Standing> = Vec::new();
    // Free shards that must be read, or else their oldest free ancestors first.
    let mut needed: Vec<usize> = Vec::new();
    for (at, node) in lineage.nodes().enumerate() {
        let (mut have_ended, mut waits, mut come, mut free) = (false, false, false, Vec::new());
        for parent in &node.parents {
            match rows.get(parent) {
                Some(row) if row.is_ended() => have_ended = true,
                Some(_) => waits = true,
                // A shard that is listed and leased no more is read no more.
                None => {}
            }
        }
        for parent in &node.listed_parents {
            match standings.get(*parent) {
                Some(Standing::Below) => come = true,
                Some(Standing::Free) => free.push(*parent),
                Some(Standing::Leased) | None => {}
            }
        }
        let is_below = have_ended || waits || come;
        standings.push(match rows.get(&node.shard.shard) {
            Some(row) => {
                // Made when one parent of a merge ended, while the other had no row: not to be read before that one.
                if is_below && !can_have_begun(row, waits) {
                    needed.extend(free);
                }
                Standing::Leased
            }
            None if is_below => {
                if !waits && !come && free.is_empty() {
                    wanted.insert(at, Start::TrimHorizon);
                }
                needed.extend(free);
                Standing::Below
            }
            None => {
                if node.shard.is_open {
                    needed.push(at);
                }
                Standing::Free
            }
        });
    }
    let leads_to_lease = above_leased(lineage, rows);
    let mut seen = BTreeSet::new();
    while let Some(at) = needed.pop() {
        if !seen.insert(at) {
            continue;
        }
        let is_unread = |up: &usize| standings.get(*up) == Some(&Standing::Free) && !leads_to_lease.contains(up);
        let mut above = lineage.node(at).listed_parents.iter().copied().filter(is_unread).peekable();
        if above.peek().is_none() {
            wanted.insert(at, start);
        }
        needed.extend(above);
    }
    wanted
}

/// The listed shards from which some leased one came, over whatever generations.
fn above_leased(lineage: &Lineage<'_>, rows: &BTreeMap<&ShardId, &Lease>) -> BTreeSet<usize> {
    let mut above = BTreeSet::new();
    for (at, node) in lineage.nodes().enumerate().rev() {
        if above.contains(&at) || rows.contains_key(&node.shard.shard) {
            above.extend(node.listed_parents.iter().copied());
        }
    }
    above
}

/// Whether somebody may have begun to read the shard, so that rows of its parents may have been taken away. `waits`: a
/// parent has a row and has not ended.
fn can_have_begun(lease: &Lease, waits: bool) -> bool {
    let was_owned = lease.counter > 0 || lease.actual_owner().is_some();
    lease.progress.has_begun() || (was_owned && !waits)
}

#[cfg(test)]
mod tests;
