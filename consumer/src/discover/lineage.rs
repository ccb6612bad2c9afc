//! A listing in order: parents before children, and as far as that leaves a choice by the numbers they began with.
//! Why not just by those numbers: a listing comes from outside. Shards may be told twice, or as their own ancestors; what
//! goes in a circle is cut where a shard names a parent that began no earlier than itself. Nothing here recurses, since a
//! line of descent may be as long as the listing.
//! Pure. Called by `discover`.

use super::ListedShard;
use std::collections::{BTreeMap, BTreeSet};
use tailwater_record::{SequenceNumber, ShardId};

/// Listed shards, parents before children.
#[derive(Debug)]
pub(super) struct Lineage<'a>(Vec<Node<'a>>);

/// A listed shard among others.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) shard: &'a ListedShard,
    /// Its parents, listed or not, except where it would be its own ancestor.
    pub(super) parents: BTreeSet<&'a ShardId>,
    /// Those of them that are listed, as places in the order.
    pub(super) listed_parents: Vec<usize>,
}

impl<'a> Lineage<'a> {
    pub(super) fn of(shards: &'a [ListedShard]) -> Self {
        Self::order(&Unplaced::new(shards))
    }

    /// All, parents before children.
    pub(super) fn nodes(&self) -> impl DoubleEndedIterator<Item = &Node<'a>> + ExactSizeIterator {
        self.0.iter()
    }

    /// The one at this place, which `nodes` or `listed_parents` has told.
    pub(super) fn node(&self, at: usize) -> &Node<'a> {
        &self.0[at]
    }

    fn order(unplaced: &Unplaced<'a>) -> Self {
        let mut waits_for = unplaced.waits_for.clone();
        let key = |id: &'a ShardId| unplaced.shards.get(id).map(|listed| (&listed.begins, id));
        let (mut ready, mut waiting) = (BTreeSet::<(&SequenceNumber, &ShardId)>::new(), BTreeSet::new());
        for (id, parents) in &waits_for {
            if parents.is_empty() { &mut ready } else { &mut waiting }.extend(key(id));
        }
        let (mut places, mut nodes) = (BTreeMap::<&ShardId, usize>::new(), Vec::new());
        // Only circles wait when nothing is ready. The first of them to begin names a parent that began no earlier.
        while let Some((_, id)) = ready.pop_first().or_else(|| waiting.pop_first()) {
            let denied = waits_for.remove(id).unwrap_or_default();
            for child in unplaced.children.get(id).into_iter().flatten() {
                let Some(parents) = waits_for.get_mut(child) else { continue };
                parents.remove(id);
                if let Some(key) = key(child).filter(|_| parents.is_empty()) {
                    waiting.remove(&key);
                    ready.insert(key);
                }
            }
            let Some(shard) = unplaced.shards.get(id).copied() else { continue };
            let parents: BTreeSet<&ShardId> = shard.parents.iter().filter(|parent| !denied.contains(parent)).collect();
            let listed_parents = parents.iter().filter_map(|parent| places.get(parent).copied()).collect();
            places.insert(id, nodes.len());
            nodes.push(Node { shard, parents, listed_parents });
        }
        Self(nodes)
    }
}

/// A listing without order; of what is told twice, the first.
struct Unplaced<'a> {
    shards: BTreeMap<&'a ShardId, &'a ListedShard>,
    /// For each shard its parents that are listed, itself among them if it says so.
    waits_for: BTreeMap<&'a ShardId, BTreeSet<&'a ShardId>>,
    children: BTreeMap<&'a ShardId, Vec<&'a ShardId>>,
}

impl<'a> Unplaced<'a> {
    fn new(listed: &'a [ListedShard]) -> Self {
        let mut shards: BTreeMap<&ShardId, &ListedShard> = BTreeMap::new();
        for one in listed {
            shards.entry(&one.shard).or_insert(one);
        }
        let mut children: BTreeMap<&ShardId, Vec<&ShardId>> = BTreeMap::new();
        let mut waits_for = BTreeMap::new();
        for (id, one) in &shards {
            let parents: BTreeSet<&ShardId> = one.parents.iter().filter(|parent| shards.contains_key(parent)).collect();
            parents.iter().for_each(|parent| children.entry(parent).or_default().push(id));
            waits_for.insert(*id, parents);
        }
        Self { shards, waits_for, children }
    }
}
